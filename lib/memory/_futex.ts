// futex(2) on a word of a mapping: what every lock and channel waits with. Internal: it knows nothing of what the word
// means, and says nothing about who changed it.
import { load } from "../../ffi/load.ts";
import { describe, integer } from "../core/_arguments.ts";
import { type Attempt, check, errnoOf, failure } from "../core/_results.ts";
import { checkTimeout, limitMs, type Source, wait, type WaitOptions } from "../core/_waiting.ts";
import { type Mapping, mappings } from "./_mapping.ts";

/**
 * Blocks the thread while the word at `offset` holds `expected`.
 *
 * Interruptions by signals are waited through, unless `interruptible`; their handlers run afterwards, as do timers and
 * everything else.
 *
 * @param memory Shared memory, open in this thread.
 * @param offset Where the word is, in bytes; a multiple of four.
 * @param expected The value to sleep on, unsigned.
 * @param timeout The limit in milliseconds; for ever without.
 * @param interruptible Whether a signal ends the wait with EINTR.
 * @returns False when the limit passed. True says nothing about the word: read it again.
 */
export function futexWait(
  memory: object,
  offset: number,
  expected: number,
  timeout?: number,
  interruptible = false,
): boolean {
  const handle = handleOf(memory, "wait in");
  wordOffset(offset);
  integer(expected, "expected", 0, 0xffff_ffff);
  const limit = checkTimeout(timeout);
  const result = load().core.hawser_futex_wait(handle, offset, expected, limitMs(limit), Number(interruptible));
  if (result >= 0) return true;
  if (errnoOf(result) === -ETIMEDOUT) return false;
  throw failure(result, waiting("futex_wait"));
}

/**
 * Waits, without blocking the thread, until the word at `offset` no longer holds `expected`. Who changes it wakes the
 * waiters afterwards; a wake without a change may be missed.
 *
 * @param memory Shared memory, open in this thread.
 * @param offset Where the word is, in bytes; a multiple of four.
 * @param expected The value to sleep on, unsigned.
 * @param options Limit and signal.
 * @returns A promise that says nothing about the word: read it again.
 */
export async function futexWaitAsync(
  memory: object,
  offset: number,
  expected: number,
  options?: WaitOptions,
): Promise<void> {
  const handle = handleOf(memory, "wait in");
  wordOffset(offset);
  integer(expected, "expected", 0, 0xffff_ffff);
  await wait(futexSource(handle, offset, expected), () => waiting("wait_futex"), options);
}

/** The wait for a word of a mapping, until it no longer holds `expected`. */
export function futexSource(handle: number, offset: number, expected: number): Source {
  return {
    timed: true,
    start: (core, bell, token, limit) => core.hawser_wait_futex(bell, token, handle, offset, expected, limit),
    cancel: (core, bell, token, id) => core.hawser_wait_cancel(bell, token, id),
  };
}

function waiting(operation: string): Attempt {
  return { what: "wait for a change in memory", operation, states };
}

const states = {
  EACCES: "the memory is read-only",
  ECANCELED: "the memory was closed or resized",
};

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
  return check(result, () => ({ what: "wake who waits for a change in memory", operation: "futex_wake", states }));
}

function handleOf(memory: object, verb: string): number {
  return mappingOf(memory).handle(verb);
}

/** What stands behind SharedMemory, or a MappedFile. */
export function mappingOf(memory: unknown): Mapping {
  const mapping = mappings.get(memory as object);
  if (mapping === undefined) {
    throw new TypeError(`memory must be SharedMemory or a MappedFile: got ${describe(memory)}`);
  }
  return mapping;
}

/** Checks where a word is said to be. */
export function wordOffset(offset: unknown): void {
  if (integer(offset, "offset", 0, Number.MAX_SAFE_INTEGER) % 4 !== 0) {
    throw new RangeError(`offset must be a multiple of 4: got ${offset}`);
  }
}

const ETIMEDOUT = 110;
