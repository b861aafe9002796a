import { load } from "../../ffi/load.ts";
import { options as bits } from "../../ffi/symbols.ts";
import { describe, flag, optionsObject } from "../core/_arguments.ts";
import { inspectAs } from "../core/_inspect.ts";
import { check, failure } from "../core/_results.ts";
import type { BlockOptions, WaitOptions } from "../core/_waiting.ts";
import { Fd } from "./fd.ts";

/**
 * Options of {@linkcode EventFd.create}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EventFd, type EventFdOptions } from "hawser/fd";
 *
 * const threeTickets: EventFdOptions = { value: 3, semaphore: true };
 * using tickets = EventFd.create(threeTickets);
 * assert.equal(tickets.tryRead(), 1n);
 * ```
 */
export interface EventFdOptions {
  /** What the counter begins with. 0 by default. */
  readonly value?: number | bigint | undefined;
  /** Whether each read takes 1 from the counter and not all of it, EFD_SEMAPHORE. False by default. */
  readonly semaphore?: boolean | undefined;
}

/**
 * A counter in the kernel that wakes whoever waits for it, eventfd(2): threads, and processes that were given its
 * descriptor.
 *
 * Any part of the program, and any other process, adds to it; a read takes what there is, or waits until there is
 * something. Its values are 64 bits wide, so reads answer bigints.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EventFd, spawn } from "hawser/fd";
 *
 * using done = EventFd.create();
 * const add = "import os, struct; os.write(3, struct.pack('Q', 2))";
 * await using child = await spawn("python3", ["-c", add], { fds: { 3: done.fd } });
 * assert.equal(await done.read({ timeout: 20_000 }), 2n);
 * ```
 */
export class EventFd implements Disposable {
  /** The descriptor: to wait for it with others, or to give it to another process. It stays the EventFd's to close. */
  readonly fd: Fd;

  private constructor(fd: Fd, key: symbol) {
    if (key !== inside) throw new TypeError("Cannot make an EventFd by new: use EventFd.create() or EventFd.from()");
    this.fd = fd;
  }

  /**
   * Makes one, eventfd(2), close-on-exec and O_NONBLOCK.
   *
   * @param options What the counter begins with, and how it is read.
   * @returns The counter.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If the value is below 0 or more than 2^64 - 2.
   * @throws {SystemError} EMFILE if there are too many descriptors.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { EventFd } from "hawser/fd";
   *
   * using event = EventFd.create({ value: 5 });
   * assert.equal(event.readSync(), 5n);
   * ```
   */
  static create(options?: EventFdOptions): EventFd {
    const { value, semaphore } = optionsObject(options, ["value", "semaphore"]);
    const first = counterBytes(value ?? 0);
    const word = flag(semaphore, "semaphore") ? bits.eventOptions.semaphore : 0;
    const number = check(
      load().core.hawser_eventfd_open(word),
      () => ({ what: "make an eventfd", operation: "eventfd_open" }),
    );
    const fd = Fd.from(number);
    fd.tryWrite(first); // The counter is at zero: everything fits.
    return new EventFd(fd, inside);
  }

  /**
   * Takes over the descriptor of an eventfd, from a parent process for instance.
   *
   * Where it is not O_NONBLOCK, adding what would overflow the counter blocks the thread instead of being refused.
   *
   * @param fd The descriptor, which is the EventFd's from now on.
   * @returns The counter.
   * @throws {TypeError} If it is no Fd, or closed.
   * @throws {SystemError} EINVAL if it stands for a file, a pipe, a socket or the like. Another kind of anonymous
   *   descriptor is not told from an eventfd.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { EventFd } from "hawser/fd";
   *
   * using event = EventFd.create();
   * using same = EventFd.from(event.fd.dup());
   * same.add(7);
   * assert.equal(event.tryRead(), 7n);
   * ```
   */
  static from(fd: Fd): EventFd {
    if (!(fd instanceof Fd)) throw new TypeError(`fd must be an Fd: got ${describe(fd)}`);
    const { kind } = fd.stat();
    if (kind === "anonymous") return new EventFd(fd, inside);
    const what = `take descriptor ${fd.number} as an eventfd`;
    throw failure(-EINVAL, { what, operation: "eventfd_from", states: { EINVAL: `it is a ${kind}` } });
  }

  /**
   * Takes what the counter holds, or 1 of it in semaphore mode, and waits until it holds something without blocking the
   * thread.
   *
   * @param options How long to wait, and who may call it off.
   * @returns What was taken.
   * @throws {TypeError} If an option has the wrong type, or the EventFd is closed.
   * @throws {SystemError} ETIMEDOUT if the time is up, ECANCELED if it was closed meanwhile.
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { EventFd } from "hawser/fd";
   *
   * using event = EventFd.create();
   * const taken = event.read();
   * event.add(2);
   * assert.equal(await taken, 2n);
   * ```
   */
  async read(options?: WaitOptions): Promise<bigint> {
    const bytes = new Uint8Array(8);
    const checked = optionsObject(options, ["signal", "timeout"]);
    await this.fd.read(bytes, checked);
    return counterOf(bytes);
  }

  /**
   * The same, and blocks the thread.
   *
   * @param options How long to wait, and whether signals end it.
   * @returns What was taken.
   * @throws {TypeError} If an option has the wrong type, or the EventFd is closed.
   * @throws {SystemError} ETIMEDOUT if the time is up; EINTR if a signal arrived and `interruptible` says so.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { EventFd } from "hawser/fd";
   *
   * using event = EventFd.create();
   * assert.throws(() => event.readSync({ timeout: 1 }), { code: "ETIMEDOUT" });
   * ```
   */
  readSync(options?: BlockOptions): bigint {
    const bytes = new Uint8Array(8);
    this.fd.readSync(bytes, optionsObject(options, ["timeout", "interruptible"]));
    return counterOf(bytes);
  }

  /**
   * Takes what the counter holds, or 1 of it in semaphore mode, if it holds anything.
   *
   * @returns What was taken; null where the counter is at zero.
   * @throws {TypeError} If the EventFd is closed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { EventFd } from "hawser/fd";
   *
   * using event = EventFd.create();
   * assert.equal(event.tryRead(), null);
   * ```
   */
  tryRead(): bigint | null {
    const bytes = new Uint8Array(8);
    return this.fd.tryRead(bytes) === null ? null : counterOf(bytes);
  }

  /**
   * Adds to the counter, which wakes who waits for it.
   *
   * @param value How much. 1 by default; 0 wakes nobody.
   * @throws {TypeError} If the value is no number or bigint, or the EventFd is closed.
   * @throws {RangeError} If it is not whole, below 0, or more than 2^64 - 2.
   * @throws {SystemError} EAGAIN if the counter would become more than 2^64 - 2: nothing was added.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { EventFd } from "hawser/fd";
   *
   * using event = EventFd.create();
   * event.add();
   * event.add(2n ** 40n);
   * assert.equal(event.tryRead(), 2n ** 40n + 1n);
   * ```
   */
  add(value: number | bigint = 1): void {
    if (this.tryAdd(value)) return;
    throw failure(-EAGAIN, {
      what: `add ${value} to the eventfd`,
      operation: "write",
      states: { EAGAIN: "the counter would overflow" },
    });
  }

  /**
   * Adds to the counter if it does not overflow.
   *
   * @param value How much. 1 by default; 0 wakes nobody.
   * @returns Whether it was added.
   * @throws {TypeError} If the value is no number or bigint, or the EventFd is closed.
   * @throws {RangeError} If it is not whole, below 0, or more than 2^64 - 2.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { EventFd } from "hawser/fd";
   *
   * using event = EventFd.create({ value: 2n ** 64n - 2n });
   * assert.equal(event.tryAdd(), false);
   * ```
   */
  tryAdd(value: number | bigint = 1): boolean {
    return this.fd.tryWrite(counterBytes(value)) !== null;
  }

  /** Closes the descriptor. Closing twice is fine. Reads that wait reject with ECANCELED. */
  close(): void {
    this.fd.close();
  }

  /** The same as {@linkcode EventFd.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** What the constructor is called with from here, and from nowhere else. */
const inside = Symbol("EventFd");

/** A value as the kernel takes it: 64 bits in the order of the CPU, which is little-endian on both. */
function counterBytes(value: unknown): Uint8Array {
  if (typeof value !== "number" && typeof value !== "bigint") {
    throw new TypeError(`value must be a number or a bigint: got ${describe(value)}`);
  }
  const whole = typeof value === "bigint" || Number.isSafeInteger(value) ? BigInt(value) : -1n;
  if (whole < 0n || whole > counter_max) {
    throw new RangeError(`value must be a whole number from 0 to 2^64 - 2, a bigint above 2^53: got ${value}`);
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, whole, true);
  return bytes;
}

function counterOf(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

const counter_max = 2n ** 64n - 2n;
const EAGAIN = 11;
const EINVAL = 22;

inspectAs(EventFd, ({ fd }) => fd.closed ? "EventFd (closed)" : `EventFd ${fd.number}`);
