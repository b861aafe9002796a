// futex(2) on a word of a mapping: what every lock and channel waits with. Internal: it knows nothing of what the word
// means, and says nothing about who changed it.
import { load } from "../../ffi/load.ts";
import { integer } from "../core/_arguments.ts";
import { check, errnoOf, failure } from "../core/_results.ts";
import { mappings } from "./_mapping.ts";

/**
 * Blocks the thread while the word at `offset` holds `expected`.
 *
 * Interruptions by signals are waited through; their handlers run afterwards, as do timers and everything else.
 *
 * @param memory Shared memory, open in this thread.
 * @param offset Where the word is, in bytes; a multiple of four.
 * @param expected The value to sleep on, unsigned.
 * @param timeout The limit in milliseconds; for ever without.
 * @returns False when the limit passed. True says nothing about the word: read it again.
 */
export function futexWait(memory: object, offset: number, expected: number, timeout: number = Infinity): boolean {
  const handle = handleOf(memory, "wait in");
  wordOffset(offset);
  integer(expected, "expected", 0, 0xffff_ffff);
  if (typeof timeout !== "number") throw new TypeError("timeout must be a number");
  if (!(timeout >= 0)) throw new RangeError(`timeout must not be negative: got ${timeout}`);
  const { core } = load();
  const end = performance.now() + timeout;
  for (;;) {
    const left = timeout === Infinity ? -1 : Math.max(0, end - performance.now());
    const result = core.hawser_futex_wait(handle, offset, expected, left);
    if (result >= 0) return true;
    const errno = errnoOf(result);
    if (errno === -EINTR) continue;
    if (errno === -ETIMEDOUT) return false;
    throw failure(result, { what: "wait for a change in memory", operation: "futex_wait" });
  }
}

/**
 * Wakes those who wait for the word at `offset`.
 *
 * @param memory Shared memory, open in this thread.
 * @param offset Where the word is, in bytes; a multiple of four.
 * @param count How many at most; all without.
 * @returns How many were woken.
 */
export function futexWake(memory: object, offset: number, count = 0x7fff_ffff): number {
  const handle = handleOf(memory, "wake others in");
  wordOffset(offset);
  integer(count, "count", 0, 0x7fff_ffff);
  const result = load().core.hawser_futex_wake(handle, offset, count);
  return check(result, () => ({ what: "wake who waits for a change in memory", operation: "futex_wake" }));
}

function handleOf(memory: object, verb: string): number {
  const mapping = mappings.get(memory);
  if (mapping === undefined) throw new TypeError("memory must be SharedMemory");
  return mapping.handle(verb);
}

function wordOffset(offset: unknown): void {
  if (integer(offset, "offset", 0, Number.MAX_SAFE_INTEGER) % 4 !== 0) {
    throw new RangeError(`offset must be a multiple of 4: got ${offset}`);
  }
}

const EINTR = 4;
const ETIMEDOUT = 110;
