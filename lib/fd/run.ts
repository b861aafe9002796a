import { describe, flag, optionsObject } from "../core/_arguments.ts";
import { failure } from "../core/_results.ts";
import { checkWait, startTimer } from "../core/_waiting.ts";
import type { SystemError } from "../core/errors.ts";
import { checkCommand } from "./_start.ts";
import { Fd } from "./fd.ts";
import { pipe } from "./pipe.ts";
import type { ExitStatus } from "./signals.ts";
import { type Child, spawn, type SpawnOptions } from "./spawn.ts";

/**
 * A program and its arguments.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Command, pipeline } from "hawser/fd";
 *
 * const count: Command = ["wc", "-l"];
 * assert.equal(Number((await pipeline([["printf", "a\\nb\\n"], count])).stdout), 2);
 * ```
 */
export type Command = readonly [command: string, ...args: string[]];

/**
 * Options of {@linkcode run} and {@linkcode pipeline}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { run, type RunOptions } from "hawser/fd";
 *
 * const options: RunOptions = { input: "b\na\n", timeout: 10_000 };
 * assert.equal((await run("sort", [], options)).stdout, "a\nb\n");
 * ```
 */
export interface RunOptions extends Pick<SpawnOptions, "fds" | "env" | "cwd" | "signal" | "killSignal"> {
  /** The standard input of the first program: a text, bytes, or a descriptor to read from. None by default. */
  readonly input?: string | Uint8Array | Fd | undefined;
  /** Where the standard error of all programs goes; `"pipe"`, the default, is the result's `stderr`. */
  readonly stderr?: SpawnOptions["stderr"];
  /** Whether the result holds bytes instead of texts. False by default. */
  readonly bytes?: boolean | undefined;
  /** The longest it may take in milliseconds: then what runs is ended, and ETIMEDOUT is thrown. */
  readonly timeout?: number | undefined;
}

/**
 * What programs wrote, and how they ended.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { run, type RunResult } from "hawser/fd";
 *
 * const says = ({ code, stderr }: RunResult) => code === 0 ? "fine" : stderr;
 * assert.match(says(await run("ls", ["/nowhere"])), /nowhere/);
 * ```
 */
export interface RunResult<Output extends string | Uint8Array = string> extends ExitStatus {
  /** What the last program wrote to its standard output. */
  readonly stdout: Output;
  /** What all programs wrote to their standard error, if that was `"pipe"`. */
  readonly stderr: Output;
  /** How each program ended, in their order; `code` and `signal` are those of the last. */
  readonly statuses: readonly ExitStatus[];
}

/**
 * Runs a program to its end, and tells what it wrote.
 *
 * @param command The program, looked for in PATH unless it has a slash.
 * @param args Its arguments, without the name.
 * @param options Its input, environment and so on, and how long it may take.
 * @returns What it wrote, and how it ended: a code that is not 0 is no error here. All of it is kept in memory.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If a text holds a NUL character.
 * @throws {SystemError} ENOENT and so on, as {@linkcode spawn}; ETIMEDOUT if the time is up.
 * @throws The signal's reason, if it was aborted. The program has ended then, too.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { run } from "hawser/fd";
 *
 * const { stdout, code } = await run("echo", ["hello"]);
 * assert.deepEqual({ stdout, code }, { stdout: "hello\n", code: 0 });
 * ```
 */
export function run(
  command: string,
  args: readonly string[] | undefined,
  options: RunOptions & { readonly bytes: true },
): Promise<RunResult<Uint8Array>>;
/** As above, with texts. */
export function run(command: string, args?: readonly string[], options?: RunOptions): Promise<RunResult>;
export async function run(
  command: string,
  args: readonly string[] = [],
  options?: RunOptions,
): Promise<RunResult<string | Uint8Array>> {
  if (!Array.isArray(args)) throw new TypeError(`args must be an array: got ${describe(args)}`);
  return await pipeline([[command, ...args as readonly string[]]], options);
}

/**
 * Runs several programs at once, each of which reads what the one before it writes, and tells what the last wrote.
 *
 * @param commands The programs with their arguments.
 * @param options Their input, environment and so on, and how long they may take.
 * @returns What they wrote, and how each ended. All of it is kept in memory.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If there is no command, or a text holds a NUL character.
 * @throws {SystemError} ENOENT and so on, as {@linkcode spawn}; ETIMEDOUT if the time is up.
 * @throws The signal's reason, if it was aborted. In either case all programs have ended.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipeline } from "hawser/fd";
 *
 * const { stdout } = await pipeline([["ls", "/"], ["grep", "^tmp$"]]);
 * assert.equal(stdout, "tmp\n");
 * ```
 */
export function pipeline(
  commands: readonly Command[],
  options: RunOptions & { readonly bytes: true },
): Promise<RunResult<Uint8Array>>;
/** As above, with texts. */
export function pipeline(commands: readonly Command[], options?: RunOptions): Promise<RunResult>;
export async function pipeline(
  commands: readonly Command[],
  options?: RunOptions,
): Promise<RunResult<string | Uint8Array>> {
  if (!Array.isArray(commands)) throw new TypeError(`commands must be an array: got ${describe(commands)}`);
  if (commands.length === 0) throw new RangeError("commands must not be empty");
  for (const command of commands) {
    if (!Array.isArray(command)) throw new TypeError(`a command must be an array: got ${describe(command)}`);
    checkCommand(command[0], command.slice(1)); // Before the first is started.
  }
  const checked = optionsObject(options, optionNames);
  const { input, bytes, signal, timeout, stderr = "pipe", ...shared } = checked;
  const whole = flag(bytes, "bytes");
  const source = checkInput(input);
  const limit = checkWait({ signal, timeout });

  // One signal for all that can end it early.
  const off = new AbortController();
  const abort = () => off.abort(signal!.reason);
  signal?.addEventListener("abort", abort);
  const what = `run ${commands.map(([command]) => describe(command)).join(" | ")}`;
  const timer = startTimer(limit, () => off.abort(failure(-ETIMEDOUT, { what, operation: "pipeline" })));
  const calledOff = new Promise<never>((_, reject) => {
    off.signal.addEventListener("abort", () => reject(off.signal.reason));
  });
  calledOff.catch(() => {});

  const children: Child[] = [];
  const ends: Fd[] = [];
  const newPipe = () => {
    const made = pipe();
    ends.push(made.reader, made.writer);
    return made;
  };
  try {
    const errors = stderr === "pipe" ? newPipe() : undefined;
    const feed = source instanceof Uint8Array ? newPipe() : undefined;
    let stdin: Fd | "null" = feed?.reader ?? (source instanceof Fd ? source : "null");
    for (const [command, ...args] of commands) {
      const { reader, writer } = newPipe();
      children.push(await spawn(command, args, { ...shared, stdin, stdout: writer, stderr: errors?.writer ?? stderr }));
      // This program's copies would keep the next one from seeing the end.
      writer.close();
      if (stdin !== "null" && stdin !== source) stdin.close();
      stdin = reader;
    }
    errors?.writer.close();
    const told = Promise.all([
      (stdin as Fd).readAll({ signal: off.signal }),
      errors === undefined ? new Uint8Array() : errors.reader.readAll({ signal: off.signal }),
      Promise.all(children.map(({ status }) => status)),
      feed === undefined ? undefined : feedAll(feed.writer, source as Uint8Array, off.signal),
    ]);
    const [output, complaints, statuses] = await Promise.race([told, calledOff]);
    const shown = whole ? (all: Uint8Array) => all : (all: Uint8Array) => decoder.decode(all);
    return { stdout: shown(output), stderr: shown(complaints), statuses, ...statuses.at(-1)! };
  } finally {
    timer.stop();
    signal?.removeEventListener("abort", abort);
    off.abort();
    for (const end of ends) end.close();
    await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
  }
}

const optionNames: readonly (keyof RunOptions)[] = [
  "fds",
  "env",
  "cwd",
  "signal",
  "killSignal",
  "input",
  "stderr",
  "bytes",
  "timeout",
];

/** A byte order mark is a part of what a program wrote. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function checkInput(input: unknown): Uint8Array | Fd | undefined {
  if (input === undefined || input instanceof Uint8Array || input instanceof Fd) return input;
  if (typeof input === "string") return new TextEncoder().encode(input);
  throw new TypeError(`input must be a string, a Uint8Array or an Fd: got ${describe(input)}`);
}

/** Writes all of it and ends the input. That nobody wants to read the rest is no error. */
async function feedAll(writer: Fd, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  try {
    await writer.writeAll(bytes, { signal });
  } catch (error) {
    if ((error as SystemError | null)?.code !== "EPIPE") throw error;
  }
  writer.close();
}

const ETIMEDOUT = 110;
