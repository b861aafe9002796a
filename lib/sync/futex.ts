import { describe, integer, optionsObject } from "../core/_arguments.ts";
import { failure } from "../core/_results.ts";
import { type BlockOptions, checkBlock, checkWait, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { futexWait, futexWaitAsync, futexWake, mappingOf, wordOffset } from "../memory/_futex.ts";
import type { MappedFile, SharedMemory } from "../memory/mod.ts";

/**
 * A 32-bit word in shared memory that threads and processes wait for, futex(2): the smallest thing to build on, and the
 * same that C programs and `Atomics.wait()` know.
 *
 * Who waits names the value he saw, and sleeps only while the word holds it. Who changes the word wakes the others
 * afterwards. That order is all there is to it: a wake without a change may be missed, and a wait may end although the
 * word holds the old value again, so read it again and decide.
 *
 * A futex is a place and holds nothing: there may be many for one word, and none has to be closed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SharedMemory } from "hawser/memory";
 * import { Futex } from "hawser/sync";
 *
 * using memory = SharedMemory.create(`futex-${process.pid}`, { size: 4, temporary: true });
 * const words = new Int32Array(memory.buffer);
 * const futex = Futex.at(memory, 0);
 *
 * // One process waits while the word is 0.
 * const changed = (async () => {
 *   while (Atomics.load(words, 0) === 0) await futex.wait(0);
 *   return Atomics.load(words, 0);
 * })();
 *
 * // Another one changes it, and wakes who waits.
 * Atomics.store(words, 0, 7);
 * futex.wake();
 * assert.equal(await changed, 7);
 * ```
 */
export class Futex {
  readonly #memory: SharedMemory | MappedFile;
  /** Where the word is in the memory, in bytes. */
  readonly offset: number;

  private constructor(memory: SharedMemory | MappedFile, offset: number) {
    this.#memory = memory;
    this.offset = offset;
  }

  /**
   * The word at a place in memory.
   *
   * @param memory The memory, which stays the caller's to close: waits in it end with ECANCELED then.
   * @param offset Where the word is, in bytes; a multiple of four.
   * @returns The futex.
   * @throws {TypeError} If an argument has the wrong type, or the memory is closed.
   * @throws {RangeError} If there is no word at that offset.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   * import { Futex } from "hawser/sync";
   *
   * using memory = SharedMemory.anonymous(64);
   * assert.equal(Futex.at(memory, 60).offset, 60);
   * assert.throws(() => Futex.at(memory, 64), RangeError);
   * ```
   */
  static at(memory: SharedMemory | MappedFile, offset: number): Futex {
    const { size } = mappingOf(memory);
    wordOffset(offset);
    if (offset > size - 4) throw new RangeError(`offset must be in the ${size} bytes of the memory: got ${offset}`);
    return new Futex(memory, offset);
  }

  /**
   * Waits until the word no longer holds `expected`, while other code of this thread runs.
   *
   * @param expected The value to wait on, signed or unsigned.
   * @param options A signal that calls the wait off, and its longest time.
   * @returns As `Atomics.wait()` says it: `"not-equal"` if the word held another value already, `"ok"` if there was a
   *   wait, and it is worth reading the word again.
   * @throws {TypeError} If an argument has the wrong type, or the memory is closed.
   * @throws {RangeError} If a number is out of range.
   * @throws {SystemError} ETIMEDOUT after `timeout`; ECANCELED if the memory is closed or resized meanwhile; EACCES if it
   *   is read-only.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   * import { Futex } from "hawser/sync";
   *
   * using memory = SharedMemory.anonymous(4);
   * const futex = Futex.at(memory, 0);
   * assert.equal(await futex.wait(1), "not-equal");
   * await assert.rejects(futex.wait(0, { timeout: 1 }), { code: "ETIMEDOUT" });
   * await assert.rejects(futex.wait(0, { signal: AbortSignal.abort(new Error("never mind")) }), /never mind/);
   * ```
   */
  async wait(expected: number, options?: WaitOptions): Promise<"ok" | "not-equal"> {
    const value = word(expected);
    checkWait(optionsObject(options, waitOptionNames));
    if (this.#differs(value)) return "not-equal";
    await futexWaitAsync(this.#memory, this.offset, value, options);
    return "ok";
  }

  /**
   * Blocks the thread until the word no longer holds `expected`. Timers, signal handlers, AbortSignals and everything else
   * of this thread wait as well.
   *
   * @param expected The value to wait on, signed or unsigned.
   * @param options The longest time, and whether signals end the wait.
   * @returns As {@linkcode Futex.wait} does.
   * @throws {TypeError} If an argument has the wrong type, or the memory is closed.
   * @throws {RangeError} If a number is out of range.
   * @throws {SystemError} ETIMEDOUT after `timeout`; EINTR if the wait is `interruptible` and a signal came to this
   *   thread, which the process has a handler for; EACCES if the memory is read-only.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   * import { Futex } from "hawser/sync";
   *
   * using memory = SharedMemory.anonymous(4);
   * const futex = Futex.at(memory, 0);
   * assert.equal(futex.waitSync(5), "not-equal");
   * assert.throws(() => futex.waitSync(0, { timeout: 1 }), { code: "ETIMEDOUT", syscall: "futex_wait" });
   * ```
   */
  waitSync(expected: number, options?: BlockOptions): "ok" | "not-equal" {
    const value = word(expected);
    const { limit, interruptible } = checkBlock(options);
    if (this.#differs(value)) return "not-equal";
    if (futexWait(this.#memory, this.offset, value, limit, interruptible)) return "ok";
    throw failure(timedOut, { what: "wait for a change in memory", operation: "futex_wait" });
  }

  /**
   * Wakes those who wait for the word. Change it first.
   *
   * @param count How many at most; all by default.
   * @returns How many were woken, in all processes.
   * @throws {TypeError} If the count is no number, or the memory is closed.
   * @throws {RangeError} If the count is out of range.
   * @throws {SystemError} EACCES if the memory is read-only.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   * import { Futex } from "hawser/sync";
   *
   * using memory = SharedMemory.anonymous(4);
   * assert.equal(Futex.at(memory, 0).wake(), 0); // Nobody waits.
   * ```
   */
  wake(count: number = Infinity): number {
    return futexWake(this.#memory, this.offset, count === Infinity ? all : count);
  }

  #differs(value: number): boolean {
    // A new view each time: the buffer is another one when the memory was resized.
    const view = new Int32Array(mappingOf(this.#memory).buffer, this.offset, 1);
    return Atomics.load(view, 0) !== (value | 0);
  }
}

/** A value of a word, which Int32Array and Uint32Array tell in two ways. */
function word(expected: unknown): number {
  if (typeof expected !== "number") throw new TypeError(`expected must be a number: got ${describe(expected)}`);
  return integer(expected, "expected", -0x8000_0000, 0xffff_ffff) >>> 0;
}

const all = 0x7fff_ffff;
const timedOut = -110;
