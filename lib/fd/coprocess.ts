import { optionsObject } from "../core/_arguments.ts";
import { checkWait, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { LineReader } from "./_lines.ts";
import { step } from "./_ready.ts";
import { type Running, spawnOptionNames, start } from "./_start.ts";
import { Child, inside, type SpawnOptions } from "./spawn.ts";

/**
 * Options of {@linkcode coprocess}: those of {@linkcode spawn}, without the two streams that are pipes in any case.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { coprocess, type CoprocessOptions } from "hawser/fd";
 *
 * const options: CoprocessOptions = { stderr: "null", env: { LC_ALL: "C" } };
 * await using cat = await coprocess("/bin/cat", [], options);
 * await cat.writeLine("x");
 * assert.equal(await cat.readLine(), "x");
 * ```
 */
export type CoprocessOptions = Omit<SpawnOptions, "stdin" | "stdout" | "detached">;

/**
 * A program to talk with: what is written to it is its standard input, and its standard output can be read, by lines or as
 * streams: `stdin.writable` and `stdout.readable`. {@linkcode coprocess} makes it.
 *
 * Its input ends when {@linkcode Coprocess.end} says so, when it is disposed of, and when this program ends, however it
 * does.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Coprocess, coprocess } from "hawser/fd";
 *
 * async function ask(calculator: Coprocess, question: string): Promise<string | null> {
 *   await calculator.writeLine(question);
 *   return await calculator.readLine({ timeout: 20_000 });
 * }
 *
 * const program = "import sys\nfor line in sys.stdin: print(eval(line), flush=True)";
 * await using python = await coprocess("python3", ["-c", program]);
 * assert.equal(await ask(python, "6 * 7"), "42");
 * assert.equal(await ask(python, "2 ** 100"), "1267650600228229401496703205376");
 * ```
 */
export class Coprocess extends Child {
  readonly #lines: LineReader;
  /** Ends when all that was to be written before is. */
  #written: Promise<unknown> = Promise.resolve();

  /**
   * Made by {@linkcode coprocess}.
   *
   * @param running What was started.
   * @param key Nobody else has it.
   */
  constructor(running: Running, key: typeof inside) {
    super(running, key);
    this.#lines = new LineReader(this.stdout);
  }

  /**
   * Its lines, without their newlines, until its output ends. Leaving the loop early leaves the rest for the next loop.
   *
   * Programs often keep what they write until there is more of it, since it goes into a pipe: see their flags, or stdbuf(1).
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { coprocess } from "hawser/fd";
   *
   * await using sort = await coprocess("sort");
   * for (const word of ["pear", "apple"]) await sort.writeLine(word);
   * await sort.end();
   * const sorted: string[] = [];
   * for await (const line of sort.lines) sorted.push(line);
   * assert.deepEqual(sorted, ["apple", "pear"]);
   * ```
   */
  get lines(): AsyncIterable<string> {
    const next = async (): Promise<IteratorResult<string>> => {
      const line = await this.readLine();
      return line === null ? { done: true, value: undefined } : { done: false, value: line };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  /**
   * Reads its next line.
   *
   * @param options How long to wait, and who may call it off: then nothing is lost, and the next read begins where this did.
   * @returns The line without its newline; null when its output has ended.
   * @throws {TypeError} If another read waits for a line, or the Coprocess was disposed of.
   * @throws {SystemError} ETIMEDOUT if the time is up, ECANCELED if it was disposed of meanwhile.
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { coprocess } from "hawser/fd";
   *
   * await using child = await coprocess("printf", ["one\\ntwo"]);
   * assert.deepEqual([await child.readLine(), await child.readLine(), await child.readLine()], ["one", "two", null]);
   * ```
   */
  async readLine(options?: WaitOptions): Promise<string | null> {
    return await this.#lines.next(optionsObject(options, waitOptionNames));
  }

  /**
   * Writes a line to it, whole and after those that wait to be written.
   *
   * @param line The line without a newline, which is put after it.
   * @param options How long to wait for room, and who may call it off: then a part of it may have been written.
   * @throws {TypeError} If the line is no text, or the input was ended.
   * @throws {RangeError} If it holds a newline.
   * @throws {SystemError} EPIPE if it does not read any more, ETIMEDOUT if the time is up, ECANCELED if it was disposed of
   *   meanwhile.
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { coprocess } from "hawser/fd";
   *
   * await using upper = await coprocess("sh", ["-c", 'while read line; do echo "[$line]"; done']);
   * await upper.writeLine("hello");
   * assert.equal(await upper.readLine(), "[hello]");
   * ```
   */
  async writeLine(line: string, options?: WaitOptions): Promise<void> {
    if (typeof line !== "string") throw new TypeError(`line must be a string: got ${typeof line}`);
    if (line.includes("\n")) throw new RangeError("line must not hold a newline: write each line by itself");
    await this.#write(new TextEncoder().encode(`${line}\n`), optionsObject(options, waitOptionNames));
  }

  /** Ends its input when all that was to be written before is. */
  async end(): Promise<void> {
    await this.#written;
    this.stdin.close();
  }

  /** One after the other, also where the pipe takes a part only. */
  async #write(bytes: Uint8Array, options: WaitOptions): Promise<void> {
    checkWait(options);
    const { stdin } = this;
    const { number } = stdin; // Throws where it was ended.
    const what = () => ({ what: `write to descriptor ${number}`, operation: "fd_write" });
    const before = this.#written;
    const written = (async () => {
      await before;
      await step(what, () => stdin.writeAll(bytes, options));
    })();
    this.#written = written.catch(() => {});
    await written;
  }
}

/**
 * Starts a program to talk with.
 *
 * @param command The program, looked for in PATH unless it has a slash.
 * @param args Its arguments, without the name.
 * @param options Its other descriptors, environment and working directory.
 * @returns The program, running.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If a number is out of range, a word unknown, or a text holds a NUL character.
 * @throws {SystemError} ENOENT and so on, as {@linkcode spawn}.
 * @throws The signal's reason, if it was aborted before: nothing was started.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { coprocess } from "hawser/fd";
 *
 * await using cat = await coprocess("cat");
 * await cat.writeLine("as it was");
 * assert.equal(await cat.readLine({ timeout: 10_000 }), "as it was");
 * ```
 */
export async function coprocess(
  command: string,
  args: readonly string[] = [],
  options?: CoprocessOptions,
): Promise<Coprocess> {
  const known = spawnOptionNames.filter((name) => name !== "stdin" && name !== "stdout" && name !== "detached");
  const checked = optionsObject<SpawnOptions>(options, known);
  return new Coprocess(await start(command, args, { ...checked, stdin: "pipe", stdout: "pipe" }), inside);
}
