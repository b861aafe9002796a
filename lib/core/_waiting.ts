// Asynchronous waiting: how a promise is kept for something that happens on a native thread.
//
// Each JS thread has one Loop, made at its first wait. Native threads put { token, result } into its queue and ring its
// doorbell (zig/src/bell.zig); the runtime calls drain(), which settles the promises. The doorbell keeps the program
// running exactly while a promise is open.

import { load } from "../../ffi/load.ts";
import type { Door } from "../../ffi/door.ts";
import { calls_max, type Core, layouts } from "../../ffi/symbols.ts";
import { describe, flag, optionsObject } from "./_arguments.ts";
import { type Attempt, check, failure } from "./_results.ts";

/**
 * How long an asynchronous call may take, and who may call it off.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { rmSync } from "node:fs";
 * import { MappedFile, type WaitOptions } from "hawser/memory";
 *
 * const patience: WaitOptions = { timeout: 5_000, signal: new AbortController().signal };
 * const path = `/tmp/patience-${process.pid}`;
 * using file = MappedFile.open(path, { create: true, size: 10 });
 * await file.flush(patience);
 * rmSync(path);
 * ```
 */
export interface WaitOptions {
  /** Calls the wait off: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The longest wait in milliseconds: then the promise rejects with ETIMEDOUT. For ever where there is none. */
  readonly timeout?: number | undefined;
}

/** The members of {@link WaitOptions}, for the check of an options object. */
export const waitOptionNames: readonly (keyof WaitOptions)[] = ["signal", "timeout"];

/**
 * How long a synchronous call may block the thread, and whether a signal ends it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SharedMemory } from "hawser/memory";
 * import { type BlockOptions, Futex } from "hawser/sync";
 *
 * const briefly: BlockOptions = { timeout: 1, interruptible: true };
 * using memory = SharedMemory.anonymous(4);
 * assert.throws(() => Futex.at(memory, 0).waitSync(0, briefly), { code: "ETIMEDOUT" });
 * ```
 */
export interface BlockOptions {
  /** The longest wait in milliseconds: then ETIMEDOUT is thrown. For ever where there is none. */
  readonly timeout?: number | undefined;
  /**
   * Throw EINTR when a signal is handled meanwhile, so that its handler gets to run. False by default: the wait goes on
   * with the time that is left, and handlers run when it is over.
   */
  readonly interruptible?: boolean | undefined;
}

/** Checks how a synchronous call waits: the limit in milliseconds, Infinity where there is none. */
export function checkBlock(options: BlockOptions | undefined): { limit: number; interruptible: boolean } {
  const { timeout, interruptible } = optionsObject(options, ["timeout", "interruptible"]);
  return { limit: checkTimeout(timeout), interruptible: flag(interruptible, "interruptible") };
}

/** A limit as the library takes it: negative where there is none. */
export function limitMs(limit: number): number {
  return limit === Infinity ? -1 : limit;
}

/** Something that reports to a doorbell, once. */
export interface Source {
  /**
   * Starts it under a token: a negative result means that nothing was started.
   *
   * @param timeout_ms The limit in milliseconds, -1 where there is none; for what is `timed`.
   */
  start(core: Core, bell: number, token: number, timeout_ms: number): number;
  /** Whether it reports ETIMEDOUT itself; else a timer of this thread calls it off. */
  readonly timed?: boolean;
  /** Calls off what `start` answered with `id`: its result is dropped. */
  cancel?(core: Core, bell: number, token: number, id: number): void;
  /**
   * Interrupts a call that `start` answered with `id`: 1 where that was possible. Its result decides whether it was called
   * off, or done already: then nobody would undo it, and the wait resolves.
   */
  interrupt?(core: Core, bell: number, token: number, id: number): number;
  /** Ends what comes where the wait was given up meanwhile. */
  late?(core: Core, result: number): void;
}

/**
 * Starts something that reports to this thread's doorbell, and waits for its result.
 *
 * What can't be called off goes on where the wait was: its result is dropped.
 *
 * @param source What to start, and how to call it off.
 * @param attempt What was tried, for the message of an error.
 * @returns The result, not negative.
 */
export async function wait(source: Source, attempt: () => Attempt, options: WaitOptions = {}): Promise<number> {
  const limit = checkWait(options);
  return await (loop ??= new Loop()).wait(source, attempt, options.signal, limit);
}

/**
 * Checks how long to wait, for what tries before it waits.
 *
 * @returns The limit in milliseconds, Infinity where there is none.
 * @throws The reason of a signal that is aborted already.
 */
export function checkWait({ signal, timeout }: WaitOptions): number {
  checkSignal(signal);
  const limit = checkTimeout(timeout);
  signal?.throwIfAborted();
  return limit;
}

/** How much of a limit is left, in milliseconds: never less than zero. */
export function countdown(limit: number): () => number {
  if (limit === Infinity) return () => Infinity;
  const start = performance.now();
  return () => Math.max(0, limit - (performance.now() - start));
}

/** Ends this thread's doorbell if nothing is waited for: for tests that count descriptors. The next wait makes another. */
export function closeWaiting(): void {
  if (loop?.close()) loop = undefined;
}

let loop: Loop | undefined;

/** Settles a promise by the result of what was started; called once. */
type Settle = (result: number) => void;

const ETIMEDOUT = -110;
const EAGAIN = -11;
const ECANCELED = -125;
const record = layouts.done;
const records_max = 64;

class Loop {
  readonly #core: Core;
  readonly #bell: number;
  readonly #door: Door;
  #ended = false;
  readonly #end = (): void => {
    this.#ended = true;
    this.#core.hawser_bell_close(this.#bell);
    this.#door.close();
  };
  /** By token: who waits, or null where the wait was called off and the result is still to come. */
  readonly #waiters = new Map<number, Settle | null>();
  readonly #records = new Uint8Array(records_max * record.size);
  readonly #view = new DataView(this.#records.buffer);
  #token = 0;
  /** How many promises are open. */
  #open = 0;

  constructor() {
    const { core, adopt } = load();
    const attempt = () => ({ what: "wait", operation: "bell_open" });
    this.#core = core;
    this.#bell = check(core.hawser_bell_open(), attempt);
    let fd = -1;
    try {
      fd = check(core.hawser_bell_fd(this.#bell), attempt);
      this.#door = adopt(fd, () => this.#drain());
    } catch (error) {
      core.hawser_bell_close(this.#bell);
      if (fd >= 0) core.hawser_fd_close(fd);
      throw error;
    }
    // A Worker's end is not the process's, and would leave descriptors behind. Deno's "unload", which costs less where
    // "process" was not loaded before, does not tell of it.
    process.on("exit", this.#end);
  }

  wait(
    source: Source,
    attempt: () => Attempt,
    signal: AbortSignal | undefined,
    timeout: number,
  ): Promise<number> {
    const token = this.#freeToken();
    const started = source.start(this.#core, this.#bell, token, limitMs(timeout));
    if (started < 0) return Promise.reject(refusal(started, attempt()));
    return new Promise((resolve, reject) => {
      // A signal of somebody's own making may throw, so it comes before all that must not stay half-done, and after it.
      const abort = () => giveUp(signal!.reason);
      signal?.addEventListener("abort", abort);
      const end = (settle: () => void) => {
        timer.stop();
        if (--this.#open === 0) this.#door.unref();
        settle();
        signal?.removeEventListener("abort", abort);
      };
      let interrupted: { reason: unknown } | undefined;
      const giveUp = (reason: unknown) => {
        if (interrupted !== undefined) return;
        if (source.interrupt?.(this.#core, this.#bell, token, started) === 1) {
          interrupted = { reason };
          return;
        }
        this.#waiters.set(token, source.late ? (result) => source.late!(this.#core, result) : null);
        source.cancel?.(this.#core, this.#bell, token, started);
        end(() => reject(reason));
      };
      const timer = startTimer(source.timed ? Infinity : timeout, () => giveUp(failure(ETIMEDOUT, attempt())));
      this.#waiters.set(token, (result) => {
        end(() => {
          if (interrupted !== undefined && result === ECANCELED) reject(interrupted.reason);
          else if (result < 0) reject(failure(result, attempt()));
          else resolve(result);
        });
      });
      if (++this.#open === 1) this.#door.ref();
    });
  }

  /** Whether the bell was idle, and is closed now. */
  close(): boolean {
    if (this.#open > 0) return false;
    process.off("exit", this.#end);
    this.#end();
    return true;
  }

  #drain(): void {
    if (this.#ended) return; // The byte was on its way.
    let filled: number;
    do {
      filled = check(
        this.#core.hawser_bell_drain(this.#bell, this.#records, this.#records.length),
        () => ({ what: "see what was waited for", operation: "bell_drain" }),
      );
      for (let i = 0; i < filled; i++) {
        const token = this.#view.getUint32(i * record.size + record.token, true);
        const settle = this.#waiters.get(token);
        this.#waiters.delete(token);
        settle?.(this.#view.getInt32(i * record.size + record.result, true));
      }
    } while (filled === records_max);
  }

  /** Tokens count round; those of waits that were called off are in use until their results came. */
  #freeToken(): number {
    do this.#token = (this.#token + 1) >>> 0; while (this.#waiters.has(this.#token));
    return this.#token;
  }
}

/** The error of a start that was refused; the limit of calls is hawser's own and not the kernel's. */
function refusal(result: number, attempt: Attempt): Error {
  if (result !== EAGAIN) return failure(result, attempt);
  return failure(result, {
    ...attempt,
    states: { EAGAIN: `${calls_max} blocking calls are running, which is the most there can be` },
  });
}

/** Longer times would overflow the runtimes' timers, which then fire at once. */
const timer_max = 2 ** 31 - 1;

/** Calls `expire` after a time of any length; never where that is Infinity. */
export function startTimer(ms: number, expire: () => void): { stop(): void } {
  if (ms === Infinity) return { stop() {} };
  let rest = ms;
  let timer: ReturnType<typeof setTimeout>;
  const step = () => {
    const now = Math.min(rest, timer_max);
    rest -= now;
    timer = setTimeout(rest > 0 ? step : expire, now);
  };
  step();
  return { stop: () => clearTimeout(timer) };
}

/** A timeout in milliseconds; Infinity where there is none. */
export function checkTimeout(value: unknown): number {
  if (value === undefined) return Infinity;
  if (typeof value !== "number") throw new TypeError(`timeout must be a number: got ${describe(value)}`);
  if (!(value >= 0)) throw new RangeError(`timeout must be a number of milliseconds, 0 or more: got ${value}`);
  return value;
}

/** Refuses what is no AbortSignal. */
function checkSignal(value: unknown): void {
  if (value === undefined) return;
  const { aborted, throwIfAborted, addEventListener, removeEventListener } = (value ?? {}) as Partial<AbortSignal>;
  const functions = [throwIfAborted, addEventListener, removeEventListener];
  if (typeof aborted !== "boolean" || functions.some((member) => typeof member !== "function")) {
    throw new TypeError(`signal must be an AbortSignal: got ${describe(value)}`);
  }
}
