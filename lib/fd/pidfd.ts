import { load } from "../../ffi/load.ts";
import { layouts, POLLIN } from "../../ffi/symbols.ts";
import { describe, integer, optionsObject } from "../core/_arguments.ts";
import { inspectAs } from "../core/_inspect.ts";
import { type Attempt, check, errnoOf } from "../core/_results.ts";
import { type BlockOptions, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { blockUntilReady, whenReady } from "./_ready.ts";
import { Fd } from "./fd.ts";
import { type ExitStatus, type SignalName, signalNumber, signalOf } from "./signals.ts";

/**
 * A process, by a descriptor that stands for it and for no other, pidfd_open(2): also after it has ended and its number
 * was given to a new one.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { PidFd, spawn } from "hawser/fd";
 *
 * await using child = await spawn("sleep", ["60"]);
 * using process = PidFd.open(child.pid);
 * assert(process.alive);
 * process.kill("SIGTERM");
 * await process.exited({ timeout: 10_000 });
 * assert(!process.alive);
 * ```
 */
export class PidFd implements Disposable {
  /** The descriptor, readable from the end of the process on. It stays the PidFd's to close. */
  readonly fd: Fd;
  /** The number that the process had when the PidFd was made. */
  readonly pid: number;

  private constructor(fd: Fd, pid: number, key: symbol) {
    if (key !== inside) throw new TypeError("Cannot make a PidFd by new: use PidFd.open() or PidFd.from()");
    this.fd = fd;
    this.pid = pid;
  }

  /**
   * Opens the process that has a number now. It need not be a child.
   *
   * @param pid The number.
   * @returns The process.
   * @throws {TypeError} If the number is not a number.
   * @throws {RangeError} If it is not whole, or below 1.
   * @throws {SystemError} ESRCH if there is no such process; EMFILE if there are too many descriptors.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import process from "node:process";
   * import { PidFd } from "hawser/fd";
   *
   * using self = PidFd.open(process.pid);
   * assert(self.alive);
   * ```
   */
  static open(pid: number): PidFd {
    integer(pid, "pid", 1, 0x7fff_ffff);
    const number = check(
      load().core.hawser_pidfd_open(pid),
      () => ({ what: `open process ${pid}`, operation: "pidfd_open", states: absent }),
    );
    return new PidFd(Fd.from(number), pid, inside);
  }

  /**
   * Takes over a pidfd that another process sent or left open.
   *
   * @param fd The descriptor, which is the PidFd's from now on.
   * @returns The process.
   * @throws {TypeError} If it is no Fd, or closed.
   * @throws {SystemError} EBADF if it is no pidfd, ESRCH if the process has ended and was waited for.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import process from "node:process";
   * import { PidFd } from "hawser/fd";
   *
   * using self = PidFd.open(process.pid);
   * using same = PidFd.from(self.fd.dup());
   * assert.equal(same.pid, process.pid);
   * ```
   */
  static from(fd: Fd): PidFd {
    if (!(fd instanceof Fd)) throw new TypeError(`fd must be an Fd: got ${describe(fd)}`);
    const { number } = fd;
    const pid = check(load().core.hawser_pidfd_pid(number), () => ({
      what: `take descriptor ${number} as a pidfd`,
      operation: "pidfd_from",
      states: { ...absent, EBADF: "it is none" },
    }));
    return new PidFd(fd, pid, inside);
  }

  /**
   * Waits until the process has ended, without blocking the thread.
   *
   * Nobody else's wait is disturbed: a child stays its parent's to wait for.
   *
   * @param options How long to wait, and who may call it off.
   * @returns How it ended. Both members are null where that can't be known: before Linux 6.15 for all but children that
   *   nobody has waited for yet, and this runtime waits for those it started.
   * @throws {TypeError} If an option has the wrong type, or the PidFd is closed.
   * @throws {SystemError} ETIMEDOUT if the time is up, ECANCELED if it was closed meanwhile.
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import { PidFd, spawn } from "hawser/fd";
   *
   * await using child = await spawn("true");
   * using process = PidFd.open(child.pid);
   * await process.exited({ timeout: 10_000 });
   * ```
   */
  async exited(options?: WaitOptions): Promise<ExitStatus> {
    const checked = optionsObject(options, waitOptionNames);
    const record = new Uint8Array(layouts.pidStatus.size);
    const told = await whenReady(this.#wanted(), this.#step(record), this.#what, checked);
    return readStatus(told, record);
  }

  /**
   * The same, and blocks the thread. A child of this program is waited for by the runtime only when the thread is free.
   *
   * @param options How long to wait, and whether signals end it.
   * @returns How it ended, as {@linkcode PidFd.exited}.
   * @throws {TypeError} If an option has the wrong type, or the PidFd is closed.
   * @throws {SystemError} ETIMEDOUT if the time is up; EINTR if a signal arrived and `interruptible` says so.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import process from "node:process";
   * import { PidFd } from "hawser/fd";
   *
   * using self = PidFd.open(process.pid);
   * assert.throws(() => self.exitedSync({ timeout: 1 }), { code: "ETIMEDOUT" });
   * ```
   */
  exitedSync(options?: BlockOptions): ExitStatus {
    const record = new Uint8Array(layouts.pidStatus.size);
    const told = blockUntilReady(this.#wanted(), this.#step(record), this.#what, options ?? {});
    return readStatus(told, record);
  }

  /**
   * Asks how the process ended.
   *
   * @returns How it ended, as {@linkcode PidFd.exited}; null while it runs.
   * @throws {TypeError} If the PidFd is closed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import process from "node:process";
   * import { PidFd } from "hawser/fd";
   *
   * using self = PidFd.open(process.pid);
   * assert.equal(self.tryExited(), null);
   * ```
   */
  tryExited(): ExitStatus | null {
    const record = new Uint8Array(layouts.pidStatus.size);
    const told = this.#step(record)();
    return errnoOf(told) === -EAGAIN ? null : readStatus(check(told, this.#what), record);
  }

  /**
   * Whether the process has not ended.
   *
   * @throws {TypeError} If the PidFd is closed.
   */
  get alive(): boolean {
    return this.tryExited() === null;
  }

  /**
   * Sends a signal to this process and never to another, pidfd_send_signal(2).
   *
   * @param signal The name or the number. `"SIGTERM"` by default.
   * @returns Whether it was sent; false where the process has ended and was waited for.
   * @throws {TypeError} If the signal is neither name nor number, or the PidFd is closed.
   * @throws {RangeError} If there is no such signal.
   * @throws {SystemError} EPERM if this user may not.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { PidFd, spawn } from "hawser/fd";
   *
   * await using child = await spawn("sleep", ["60"]);
   * using process = PidFd.open(child.pid);
   * assert(process.kill("SIGKILL"));
   * assert.equal((await child.status).signal, "SIGKILL");
   * assert.equal(process.kill(), false);
   * ```
   */
  kill(signal: SignalName | number = "SIGTERM"): boolean {
    const { number } = this.fd;
    const result = load().core.hawser_pidfd_kill(number, signalNumber(signal));
    if (errnoOf(result) === -ESRCH) return false;
    check(result, () => ({ what: `send ${signal} to process ${this.pid}`, operation: "pidfd_kill" }));
    return true;
  }

  /** Closes the descriptor; the process goes on. Closing twice is fine. Waits for its end reject with ECANCELED. */
  close(): void {
    this.fd.close();
  }

  /** The same as {@linkcode PidFd.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #wanted() {
    return { number: this.fd.number, bits: POLLIN };
  }

  #step(record: Uint8Array): () => number {
    return () => load().core.hawser_pidfd_status(this.fd.number, record, record.length);
  }

  readonly #what = (): Attempt => ({ what: `wait for process ${this.pid}`, operation: "pidfd_status" });
}

/** What the constructor is called with from here, and from nowhere else. */
const inside = Symbol("PidFd");

function readStatus(told: number, record: Uint8Array): ExitStatus {
  if (told === 0) return { code: null, signal: null };
  const view = new DataView(record.buffer);
  const code = view.getInt32(layouts.pidStatus.code, true);
  const signal = view.getInt32(layouts.pidStatus.signal, true);
  return { code: code < 0 ? null : code, signal: signal < 0 ? null : signalOf(signal) };
}

const absent = { ESRCH: "there is no such process" };
const EAGAIN = 11;
const ESRCH = 3;

inspectAs(PidFd, ({ fd, pid }) => `PidFd of ${pid}${fd.closed ? " (closed)" : ""}`);
