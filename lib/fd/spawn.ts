import { optionsObject } from "../core/_arguments.ts";
import { inspectAs } from "../core/_inspect.ts";
import { type Running, spawnOptionNames, start } from "./_start.ts";
import type { Fd } from "./fd.ts";
import { type ExitStatus, signalByName, type SignalName } from "./signals.ts";

/**
 * What a child gets as a standard stream: a copy of a descriptor, this program's own, /dev/null, or one end of a new pipe
 * whose other end is this program's.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { spawn, type Stdio } from "hawser/fd";
 *
 * const quiet: Stdio = "null";
 * await using child = await spawn("ls", ["/"], { stdout: quiet });
 * assert.equal((await child.status).code, 0);
 * ```
 */
export type Stdio = Fd | "inherit" | "null" | "pipe";

/**
 * Options of {@linkcode spawn}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, spawn, type SpawnOptions } from "hawser/fd";
 *
 * using file = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
 * const options: SpawnOptions = { fds: { 3: file }, env: { WHO: "child" }, cwd: "/" };
 * await using child = await spawn("/bin/sh", ["-c", 'printf "%s in %s" $WHO $PWD >&3'], options);
 * await child.status;
 * const text = new Uint8Array(20);
 * assert.equal(new TextDecoder().decode(text.subarray(0, file.readSync(text, { position: 0 }))), "child in /");
 * ```
 */
export interface SpawnOptions {
  /** The standard input. `"inherit"` by default, for a detached child `"null"`. */
  readonly stdin?: Stdio | undefined;
  /** The standard output. `"inherit"` by default, for a detached child `"null"`. */
  readonly stdout?: Stdio | undefined;
  /** The standard error; `"stdout"` is the same as the standard output. `"inherit"` by default, or `"null"`. */
  readonly stderr?: Stdio | "stdout" | undefined;
  /** Further descriptors by the number that each shall have in the child, 3 to 255. They stay open here. */
  readonly fds?: Readonly<Record<number, Fd>> | ReadonlyMap<number, Fd> | undefined;
  /** The whole environment. This program's own by default. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The working directory. This program's own by default. */
  readonly cwd?: string | URL | undefined;
  /**
   * Whether the child leads a session of its own, setsid(2): no terminal's signals reach it, it does not keep this program
   * running, and disposing of the Child leaves it alone. False by default.
   */
  readonly detached?: boolean | undefined;
  /** Sends the child `killSignal` when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** How an abort and disposal end the child. `"SIGTERM"` by default. */
  readonly killSignal?: SignalName | undefined;
}

/** What the constructor is called with by spawn() and coprocess(), and by nobody else. */
export const inside: unique symbol = Symbol("Child");

/**
 * A program that was started. {@linkcode spawn} makes it.
 *
 * Disposing of it (`await using`) closes this program's ends of its pipes, sends it `killSignal` and waits for its end;
 * after two seconds it sends SIGKILL.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Child, spawn } from "hawser/fd";
 *
 * const codeOf = async (child: Child) => (await child.status).code;
 * await using child = await spawn("sh", ["-c", "exit 3"]);
 * assert.equal(await codeOf(child), 3);
 * ```
 */
export class Child implements AsyncDisposable {
  /** Its number. Another process may get it when the child has ended. */
  readonly pid: number;
  /** How it ended. Never rejects. */
  readonly status: Promise<ExitStatus>;
  readonly #running: Running;
  #ended = false;

  /**
   * Made by {@linkcode spawn}.
   *
   * @param running What was started.
   * @param key Nobody else has it.
   */
  constructor(running: Running, key: typeof inside) {
    if (key !== inside) throw new TypeError("Cannot make a Child by new: use spawn()");
    this.#running = running;
    const { started, options: { signal, killSignal } } = running;
    this.pid = started.pid;
    const abort = () => void this.kill(killSignal);
    this.status = started.ended.then((status) => {
      this.#ended = true;
      signal?.removeEventListener("abort", abort);
      return status as ExitStatus;
    });
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort(); // While it was started.
  }

  /**
   * The writing end of the pipe to its standard input, if that is `"pipe"`. Closing it is the end of its input.
   *
   * @throws {TypeError} If it is no pipe.
   */
  get stdin(): Fd {
    return this.#end(0, "stdin");
  }

  /**
   * The reading end of the pipe from its standard output, if that is `"pipe"`.
   *
   * @throws {TypeError} If it is no pipe.
   */
  get stdout(): Fd {
    return this.#end(1, "stdout");
  }

  /**
   * The reading end of the pipe from its standard error, if that is `"pipe"`.
   *
   * @throws {TypeError} If it is no pipe.
   */
  get stderr(): Fd {
    return this.#end(2, "stderr");
  }

  /**
   * Sends it a signal unless it has ended.
   *
   * @param signal The signal's name. `"SIGTERM"` by default.
   * @returns Whether it was sent: not to what has ended, nor to a program that runs as another user.
   * @throws {TypeError} If it is no text.
   * @throws {RangeError} If there is no such signal.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { spawn } from "hawser/fd";
   *
   * await using child = await spawn("sleep", ["60"]);
   * assert(child.kill("SIGKILL"));
   * assert.deepEqual(await child.status, { code: null, signal: "SIGKILL" });
   * assert.equal(child.kill(), false);
   * ```
   */
  kill(signal: SignalName = "SIGTERM"): boolean {
    signalByName(signal);
    return this.#running.started.kill(signal);
  }

  /** Closes the pipes, ends the child unless it is detached, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { ends, options } = this.#running;
    for (const fd of ends.values()) fd.close();
    if (options.detached || this.#ended) return;
    this.kill(options.killSignal);
    const late = setTimeout(() => this.kill("SIGKILL"), patience_ms);
    await this.status;
    clearTimeout(late);
  }

  #end(number: number, name: string): Fd {
    const fd = this.#running.ends.get(number);
    if (fd === undefined) throw new TypeError(`Cannot use the child's ${name}: it was not started with "pipe" for it`);
    return fd;
  }
}

/** How long a child that is disposed of may take to end by itself. */
const patience_ms = 2000;

/**
 * Starts a program with chosen descriptors at chosen numbers.
 *
 * The child gets what is named here and nothing else of hawser's: all of it is close-on-exec. Each descriptor is copied
 * during the call, so it may be closed as soon as spawn() has returned its promise. Standard streams and pipes lose
 * O_NONBLOCK, as programs expect; other descriptors stay as they are.
 *
 * @param command The program, looked for in PATH unless it has a slash.
 * @param args Its arguments, without the name.
 * @param options Its descriptors, environment, and working directory.
 * @returns The child, running.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If a number is out of range, a word unknown, or a text holds a NUL character.
 * @throws {SystemError} ENOENT if there is no such program or directory, EACCES if it may not be executed, E2BIG, EMFILE,
 *   EAGAIN and what else execve(2) and fork(2) refuse; ENOTDIR if `cwd` is no directory.
 * @throws The signal's reason, if it was aborted before: nothing was started.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, spawn } from "hawser/fd";
 *
 * using ends = pipe();
 * await using child = await spawn("sh", ["-c", "echo to you >&7"], { fds: { 7: ends.writer } });
 * ends.writer.close(); // So that the child's is the last.
 * const text = new Uint8Array(100);
 * assert.equal(new TextDecoder().decode(text.subarray(0, await ends.reader.read(text))), "to you\n");
 * assert.deepEqual(await child.status, { code: 0, signal: null });
 * ```
 */
export async function spawn(command: string, args: readonly string[] = [], options?: SpawnOptions): Promise<Child> {
  return new Child(await start(command, args, optionsObject(options, spawnOptionNames)), inside);
}

inspectAs(Child, ({ pid }) => `Child ${pid}`);
