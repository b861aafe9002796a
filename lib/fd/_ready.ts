// Waiting for a descriptor by its number: what ready(), poll() and every call that would block stand on.
import { load } from "../../ffi/load.ts";
import { calls, layouts, POLLNVAL } from "../../ffi/symbols.ts";
import type { SystemError } from "../core/errors.ts";
import { type Attempt, check, errnoOf, failure } from "../core/_results.ts";
import {
  type BlockOptions,
  checkBlock,
  checkWait,
  countdown,
  limitMs,
  type Source,
  wait,
  type WaitOptions,
} from "../core/_waiting.ts";

/** A descriptor, and poll(2)'s bits for what is wanted of it. */
export interface Wanted {
  readonly number: number;
  readonly bits: number;
}

/**
 * Asks the kernel, poll(2), and blocks the thread until one is ready or the limit is over.
 *
 * @returns For each the bits it was found with.
 */
export function lookAt(list: readonly Wanted[], limit: number, interruptible: boolean): number[] {
  const { fd, events, revents, size } = layouts.pollFd;
  const records = new Uint8Array(list.length * size);
  const view = new DataView(records.buffer);
  list.forEach(({ number, bits }, i) => {
    view.setInt32(i * size + fd, number, true);
    view.setInt16(i * size + events, bits, true);
  });
  const result = load().core.hawser_poll_fds(records, records.length, limitMs(limit), Number(interruptible));
  check(result, () => ({ what: "wait for descriptors", operation: "poll_fds" }));
  return list.map(({ number }, i) => {
    const bits = view.getInt16(i * size + revents, true);
    if (bits & POLLNVAL) throw failure(-EBADF, attempt(number));
    return bits;
  });
}

/** Waits until a descriptor may be ready: the bits it was found with. */
export async function untilReady({ number, bits }: Wanted, options: WaitOptions): Promise<number> {
  return await wait(source(number, bits), () => attempt(number), options);
}

function source(number: number, bits: number): Source {
  return {
    start: (core, bell, token) => core.hawser_poll_start(bell, token, number, bits),
    cancel: (core, bell, token, id) => core.hawser_poll_cancel(bell, token, id),
  };
}

function attempt(number: number): Attempt {
  return { what: `wait for descriptor ${number}`, operation: "poll", states: { ECANCELED: "it was closed" } };
}

/**
 * Does what may have to wait, as soon as it need not.
 *
 * @param wanted What to wait for after EAGAIN.
 * @param step Tries once: a result of the library.
 * @param what What was tried, for messages.
 * @param fetched Waits for a disk, where `step` may answer {@link fromDisk}.
 */
export async function whenReady(
  wanted: Wanted,
  step: () => number,
  what: () => Attempt,
  options: WaitOptions,
  fetched?: (options: WaitOptions) => Promise<void>,
): Promise<number> {
  const left = countdown(checkWait(options));
  let result = step();
  while (errnoOf(result) === -EAGAIN) {
    const rest = { signal: options.signal, timeout: left() };
    try {
      await (result === fromDisk ? fetched!(rest) : untilReady(wanted, rest));
      result = step();
    } catch (error) {
      throw named(error, what);
    }
  }
  return check(result, what);
}

/**
 * The same, and blocks the thread.
 *
 * @param step Tries; it may wait itself as long as it is told, in one call of the library.
 */
export function blockUntilReady(
  wanted: Wanted,
  step: (timeout_ms: number, interruptible: number) => number,
  what: () => Attempt,
  options: BlockOptions,
): number {
  const { limit, interruptible } = checkBlock(options);
  const left = countdown(limit);
  for (;;) {
    const rest = left();
    // Zero would only try once, and say EAGAIN.
    const result = step(rest === 0 ? Number.MIN_VALUE : limitMs(rest), Number(interruptible));
    if (errnoOf(result) !== -EAGAIN) return check(result, what);
    if (rest === 0) throw failure(-ETIMEDOUT, what());
    lookAt([wanted], left(), interruptible);
  }
}

/** What a read answers whose bytes are on a disk: EAGAIN of readahead(2). */
export const fromDisk: number = -(11 | calls.indexOf("readahead") << 12);

/** The error of a wait, in the words of what waited: also of a try after it, where the Fd was closed by then. */
export function named(error: unknown, what: () => Attempt): unknown {
  if (closedErrors.has(error as object)) return ended(-ECANCELED, what);
  // A signal's reason may be anything.
  const { code, errno } = (error ?? {}) as { code?: string; errno?: number };
  return code === "ETIMEDOUT" || code === "ECANCELED" ? ended(errno!, what) : error;
}

function ended(errno: number, what: () => Attempt): SystemError {
  const told = what();
  return failure(errno, { ...told, states: { ...told.states, ECANCELED: "it was closed" } });
}

/** Does one of several steps on an Fd that was open. That it was closed between two of them is ECANCELED, as within one. */
export async function step<T>(what: () => Attempt, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw closedErrors.has(error as object) ? ended(-ECANCELED, what) : error;
  }
}

/** What was thrown where an Fd is closed. */
const closedErrors = new WeakSet<object>();

/** The error of using an Fd that is closed: a fault of the program's, unless something waited for it meanwhile. */
export function closedError(verb: string): TypeError {
  const error = new TypeError(`Cannot ${verb} the descriptor: it is closed`);
  closedErrors.add(error);
  return error;
}

const EAGAIN = 11;
const EBADF = 9;
const ECANCELED = 125;
const ETIMEDOUT = 110;
