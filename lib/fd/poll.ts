import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI } from "../../ffi/symbols.ts";
import { describe, optionsObject } from "../core/_arguments.ts";
import type { SystemError } from "../core/errors.ts";
import { type BlockOptions, checkBlock, checkWait, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { lookAt, step, untilReady, type Wanted } from "./_ready.ts";
import { Fd } from "./fd.ts";

/**
 * What to wait for. `"readable"`: a read or an accept would not block, at the end of the data neither. `"writable"`: a
 * write of some bytes would not. `"priority"`: what poll(2) calls POLLPRI, such as out-of-band data.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type Readiness, ready } from "hawser/fd";
 *
 * const both: Readiness[] = ["readable", "writable"];
 * using fd = Fd.open("/dev/null", "O_RDWR");
 * assert((await ready(fd, both)).writable);
 * ```
 */
export type Readiness = "readable" | "writable" | "priority";

/**
 * How a descriptor was found. A hint: another reader may be faster.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type Ready, ready } from "hawser/fd";
 *
 * using fd = Fd.open("/dev/null", "O_RDWR");
 * const found: Ready = await ready(fd, "readable");
 * assert.deepEqual(found, { readable: true, writable: false, priority: false, hangup: false, error: false });
 * ```
 */
export interface Ready {
  /** It can be read, if that was asked for. */
  readonly readable: boolean;
  /** It can be written, if that was asked for. */
  readonly writable: boolean;
  /** There is priority data, if that was asked for. */
  readonly priority: boolean;
  /** The other end is closed (POLLHUP); told without being asked for. There may still be data to read. */
  readonly hangup: boolean;
  /** There is an error (POLLERR), as for the writing end of a pipe that nobody reads; told without being asked for. */
  readonly error: boolean;
}

/**
 * A descriptor, and what is wanted of it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type PollRequest, pollSync } from "hawser/fd";
 *
 * using fd = Fd.open("/dev/null", "O_RDWR");
 * const request: PollRequest = { fd, events: "writable" };
 * assert.equal(pollSync([request]).length, 1);
 * ```
 */
export interface PollRequest {
  /** The descriptor, open. */
  readonly fd: Fd;
  /** What to wait for; the end of the other side and errors are told in any case. */
  readonly events: Readiness | readonly Readiness[];
}

/**
 * A descriptor that has something to tell.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, poll, type PollResult } from "hawser/fd";
 *
 * using fd = Fd.open("/dev/null", "O_RDWR");
 * const [first]: PollResult[] = await poll([{ fd, events: "writable" }]);
 * assert.equal(first?.fd, fd);
 * ```
 */
export interface PollResult extends Ready {
  /** The one of the request. */
  readonly fd: Fd;
}

/**
 * Waits until a descriptor is ready, poll(2), without blocking the thread. What the kernel can't poll, such as a file, is
 * always ready.
 *
 * @param fd The descriptor.
 * @param what What to wait for; the end of the other side and errors end the wait, too.
 * @param options How long to wait, and who may call it off.
 * @returns How it was found.
 * @throws {TypeError} If an argument has the wrong type, or the descriptor is closed.
 * @throws {RangeError} If `what` is none of the words.
 * @throws {SystemError} ETIMEDOUT if the time is up, ECANCELED if the descriptor was closed meanwhile.
 * @throws The signal's reason, if it was aborted before.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, ready } from "hawser/fd";
 *
 * using fd = Fd.open("/dev/null", "O_RDWR");
 * assert((await ready(fd, "writable", { timeout: 1000 })).writable);
 * ```
 */
export async function ready(fd: Fd, what: Readiness | readonly Readiness[], options?: WaitOptions): Promise<Ready> {
  const request = checkRequest({ fd, events: what });
  const checked = optionsObject(options, waitOptionNames);
  checkWait(checked);
  return readyOf(lookAt([request], 0, false)[0] || await untilReady(request, checked));
}

/**
 * Waits until one of several descriptors is ready, poll(2), without blocking the thread.
 *
 * @param requests The descriptors, and what is wanted of each.
 * @param options How long to wait, and who may call it off. `timeout: 0` only looks.
 * @returns Those that have something to tell, in the order of `requests`; none when the time is up.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If what is wanted is none of the words.
 * @throws {SystemError} ECANCELED if one of the descriptors was closed meanwhile.
 * @throws The signal's reason, if it was aborted before.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, poll } from "hawser/fd";
 *
 * using input = Fd.open("/dev/null");
 * using output = Fd.open("/dev/null", "O_WRONLY");
 * const found = await poll([{ fd: input, events: "readable" }, { fd: output, events: "writable" }]);
 * assert.deepEqual(found.map(({ fd }) => fd), [input, output]);
 * ```
 */
export async function poll(requests: readonly PollRequest[], options?: WaitOptions): Promise<PollResult[]> {
  const list = checkRequests(requests);
  const checked = optionsObject(options, waitOptionNames);
  const limit = checkWait(checked);
  const start = performance.now();
  let found = look(list, 0, false);
  for (let left = limit; found.length === 0 && left > 0; left = limit - (performance.now() - start)) {
    found = await step(() => ({ what: "wait for descriptors", operation: "poll" }), async () => {
      await untilOne(list, checked.signal, left);
      return look(list, 0, false);
    });
  }
  return found;
}

/**
 * Waits until one of several descriptors is ready, poll(2), and blocks the thread meanwhile: no timer, no AbortSignal and
 * no signal handler of this program runs.
 *
 * @param requests The descriptors, and what is wanted of each.
 * @param options How long to wait, and whether signals end it. `timeout: 0` only looks.
 * @returns Those that have something to tell, in the order of `requests`; none when the time is up.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If what is wanted is none of the words, or the timeout is negative.
 * @throws {SystemError} EINTR if a signal arrived and `interruptible` says so.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, pollSync } from "hawser/fd";
 *
 * using fd = Fd.open("/dev/null");
 * const [found] = pollSync([{ fd, events: "readable" }], { timeout: 0 });
 * assert(found!.readable);
 * ```
 */
export function pollSync(requests: readonly PollRequest[], options?: BlockOptions): PollResult[] {
  const list = checkRequests(requests);
  const { limit, interruptible } = checkBlock(options);
  return look(list, limit, interruptible);
}

/** A request, checked: poll(2)'s bits and what they are for. Its number throws where it was closed meanwhile. */
interface Checked extends Wanted {
  readonly fd: Fd;
}

const readiness: Readonly<Record<Readiness, number>> = { readable: POLLIN, writable: POLLOUT, priority: POLLPRI };

function checkRequests(requests: readonly PollRequest[]): Checked[] {
  if (!Array.isArray(requests)) throw new TypeError(`requests must be an array: got ${describe(requests)}`);
  if (requests.length === 0) throw new RangeError("requests must not be empty: nothing would ever be ready");
  return requests.map(checkRequest);
}

function checkRequest(request: PollRequest): Checked {
  if (typeof request !== "object" || request === null) {
    throw new TypeError(`a request must be an object, such as { fd, events: "readable" }: got ${describe(request)}`);
  }
  const { fd, events } = request;
  if (!(fd instanceof Fd)) throw new TypeError(`fd must be an Fd: got ${describe(fd)}`);
  let bits = 0;
  for (const event of Array.isArray(events) ? events as readonly unknown[] : [events]) {
    if (typeof event !== "string") throw new TypeError(`what to wait for must be a string: got ${describe(event)}`);
    if (!Object.hasOwn(readiness, event)) {
      throw new RangeError(`what to wait for must be "readable", "writable" or "priority": got ${describe(event)}`);
    }
    bits |= readiness[event as Readiness];
  }
  void fd.number; // Throws where it is closed.
  return {
    fd,
    bits,
    get number() {
      return fd.number;
    },
  };
}

/** What of the list is ready by now, or within the limit. */
function look(list: readonly Checked[], limit: number, interruptible: boolean): PollResult[] {
  const found = lookAt(list, limit, interruptible);
  return list.flatMap(({ fd }, i) => found[i] === 0 ? [] : [{ fd, ...readyOf(found[i]!) }]);
}

/** Waits until one of the list may be ready, or the time is up. */
async function untilOne(list: readonly Checked[], signal: AbortSignal | undefined, limit: number): Promise<void> {
  const rest = new AbortController();
  const abort = () => rest.abort(signal!.reason);
  signal?.addEventListener("abort", abort);
  const waits = list.map((request, i) =>
    untilReady(request, { signal: rest.signal, ...(i === 0 && limit !== Infinity && { timeout: limit }) })
  );
  try {
    await Promise.race(waits);
  } catch (error) {
    if ((error as SystemError | null)?.code !== "ETIMEDOUT") throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
    rest.abort();
    await Promise.allSettled(waits);
  }
}

function readyOf(bits: number): Ready {
  return {
    readable: (bits & POLLIN) !== 0,
    writable: (bits & POLLOUT) !== 0,
    priority: (bits & POLLPRI) !== 0,
    hangup: (bits & POLLHUP) !== 0,
    error: (bits & POLLERR) !== 0,
  };
}
