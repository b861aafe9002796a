// One mutex as this thread knows it: where it lies, whether a guard of it is out, and who waits for it here.
//
// However often a mutex is opened at one place of a mapping, its Lock is the same, so that all tasks of this thread stand
// in one queue. Only the first of them waits with the other threads and processes (zig/src/mutex.zig).

import { load } from "../../ffi/load.ts";
import { type Core, layouts, mutex_align, mutex_bytes } from "../../ffi/symbols.ts";
import { wait } from "../core/_waiting.ts";
import { type Attempt, check, errnoOf, failure } from "../core/_results.ts";
import { SystemError } from "../core/errors.ts";
import { futexSource } from "../memory/_futex.ts";
import type { Mapping } from "../memory/_mapping.ts";
import { forget, watchForDrop } from "./_dropped.ts";

/** What the library answers for a lock that was taken, and whose last owner died with it. */
export const abandoned = 1;
const come_again = 2;

/** A task of this thread that waits for the lock. */
interface Turn {
  /** Makes it look again whether its turn has come. */
  wake(): void;
}

/** A lock at a place. */
export class Lock {
  readonly mapping: Mapping;
  readonly offset: number;
  /** What messages call it. */
  readonly label: string;
  /** The guard that is out in this thread, for a second; then it is watched by other means. */
  out: { guard: object | null } = { guard: null };
  readonly #core: Core;
  #held = false;
  /** How many guards `out` is still good for. */
  #out_left = 0;
  readonly #queue: Turn[] = [];

  constructor(mapping: Mapping, offset: number, label: string) {
    this.mapping = mapping;
    this.offset = offset;
    this.label = label;
    this.#core = load().core;
  }

  /** The lock at `offset`, which is made one where there are only zeroes. */
  static at(mapping: Mapping, offset: number, label = `the mutex at offset ${offset}`): Lock {
    let known = locks.get(mapping);
    if (known === undefined) locks.set(mapping, known = new Map());
    let lock = known.get(offset);
    if (lock !== undefined && !mapping.closed) return lock;
    if (offset % mutex_align !== 0) {
      throw new RangeError(`Cannot use ${label}: a mutex lies at a multiple of ${mutex_align}`);
    }
    if (offset + mutex_bytes > mapping.size) {
      throw new RangeError(`Cannot use ${label}: ${mutex_bytes} bytes there are not within ${mapping.size}`);
    }
    const info = new Uint8Array(layouts.objectInfo.size);
    const result = load().core.hawser_mutex_attach(mapping.handle("use"), offset, info, info.length);
    check(result, () => ({
      what: `use ${label}`,
      operation: "mutex_attach",
      states: {
        EBADMSG: "it is neither zeroes nor a robust process-shared mutex",
        EACCES: "the memory is read-only",
        EXDEV: foreignNamespace(info),
      },
    }));
    known.set(offset, lock = new Lock(mapping, offset, label));
    return lock;
  }

  /** Takes it if nobody has it: 0 or 1, or -1 where somebody does. */
  try(): number {
    const result = this.#try();
    if (result >= 0) return result;
    const errno = errnoOf(result);
    if (errno === -EBUSY || errno === -EDEADLK) return -1;
    this.mapping.handle("lock a mutex in");
    throw failure(result, this.#attempt("take", "mutex_try"));
  }

  /** Takes it, blocking the thread for at most `timeout_ms`; negative for ever. */
  take(timeout_ms: number, interruptible: boolean): number {
    // Most are free, and to try costs less: Node takes 5 ns for an argument.
    const result = this.#try();
    return result >= 0 ? result : this.#block(timeout_ms, interruptible);
  }

  #try(): number {
    const result = this.#core.hawser_mutex_try(this.mapping.handleOrClosed, this.offset);
    if (result >= 0) this.#held = true;
    return result;
  }

  #block(timeout_ms: number, interruptible: boolean): number {
    const handle = this.mapping.handle("lock a mutex in");
    const result = this.#core.hawser_mutex_take(handle, this.offset, timeout_ms, Number(interruptible));
    if (result < 0) throw failure(result, this.#attempt("take", "mutex_take"));
    this.#held = true;
    return result;
  }

  /** Takes it when it can, after those who wait in this thread already. */
  async acquire(signal: AbortSignal | undefined, timeout: number): Promise<number> {
    if (this.#queue.length === 0) {
      const taken = this.try();
      if (taken >= 0) return taken;
    }
    const start = performance.now();
    const left = () => timeout - (performance.now() - start);
    const turn: Turn = { wake() {} };
    this.#queue.push(turn);
    try {
      for (let waited = 0, late = false;; waited = Math.ceil(performance.now() - start) || 1) {
        await this.#turn(turn, signal, left);
        if (signal?.aborted) this.#passOn();
        signal?.throwIfAborted();
        const step = this.#step(waited, late);
        if (typeof step === "number") return step;
        if (step === null) continue;
        const limit = left();
        if (limit <= 0) throw this.#late();
        late = await this.#sleep(step, Math.min(step.limit, limit), signal);
      }
    } finally {
      this.#queue.splice(this.#queue.indexOf(turn), 1);
      this.#next();
    }
  }

  /** Gives it back for its guard; the next task of this thread is free to try. */
  release(guard: object): void {
    this.#held = false;
    if (this.out.guard === null) forget(guard);
    this.out.guard = null;
    const result = this.#core.hawser_mutex_release(this.mapping.handleOrClosed, this.offset);
    if (this.#queue.length > 0) this.#next();
    if (result < 0) this.#refuseRelease(result);
  }

  #refuseRelease(result: number): never {
    this.mapping.handle("unlock a mutex in");
    throw failure(result, this.#attempt("release", "mutex_release"));
  }

  owner(): { tid: number; pid: number } | null {
    const record = new Uint8Array(layouts.mutexOwner.size);
    const handle = this.mapping.handle("look into");
    const found = this.#core.hawser_mutex_owner(handle, this.offset, record, record.length);
    if (check(found, () => this.#attempt("see who holds", "mutex_owner")) === 0) return null;
    const view = new DataView(record.buffer);
    const { tid, pid } = layouts.mutexOwner;
    return { tid: view.getUint32(tid, true), pid: view.getUint32(pid, true) };
  }

  /** Remembers the guard that is out, to tell if it is dropped. */
  watch(guard: object): void {
    if (--this.#out_left >= 0) this.out.guard = guard;
    else this.#watchAnew(guard);
  }

  /** Nobody looks any more: the next guard is to be told of. */
  unwatched(): void {
    this.#out_left = 0;
  }

  #watchAnew(guard: object): void {
    // What points to it is young as well: V8 takes 10 ns to note that an old object points to a young one.
    this.out = { guard };
    this.#out_left = 1000;
    watchForDrop(this);
  }

  /** Waits until no task of this thread is before this one, and none has the lock. */
  async #turn(turn: Turn, signal: AbortSignal | undefined, left: () => number): Promise<void> {
    while (this.#queue[0] !== turn || this.#held) {
      const limit = left();
      if (limit <= 0) throw this.#late();
      await new Promise<void>((resolve, reject) => {
        const end = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
        };
        const abort = () => (end(), reject(signal!.reason));
        turn.wake = () => (end(), resolve());
        const timer = limit === Infinity ? undefined : setTimeout(turn.wake, Math.min(limit, timer_max));
        if (signal?.aborted) abort();
        else signal?.addEventListener("abort", abort);
      });
    }
    if (this.mapping.closed) throw failure(-ECANCELED, this.#attempt("take", "mutex_step"));
  }

  /** Wakes another in place of who was woken and does not want the lock any more. */
  #passOn(): void {
    this.#core.hawser_futex_wake(this.mapping.handle("wake others in"), this.offset, 1);
  }

  /** Takes it (0 or 1), or says what to sleep on, or null where a task of this thread has just taken it. */
  #step(waited: number, late: boolean): number | { offset: number; expected: number; limit: number } | null {
    const record = new Uint8Array(layouts.mutexSleep.size);
    const handle = this.mapping.handle("lock a mutex in");
    const result = this.#core.hawser_mutex_step(
      handle,
      this.offset,
      Math.min(waited, 0xffff_ffff),
      Number(late),
      record,
      record.length,
    );
    if (result === come_again) {
      const view = new DataView(record.buffer);
      const { word_offset, expected, limit_ms } = layouts.mutexSleep;
      return {
        offset: this.offset + view.getUint32(word_offset, true),
        expected: view.getUint32(expected, true),
        limit: view.getUint32(limit_ms, true),
      };
    }
    if (errnoOf(result) === -EDEADLK && this.#held) return null;
    if (result < 0) throw failure(result, this.#attempt("take", "mutex_step"));
    this.#held = true;
    return result;
  }

  /** Sleeps on a word of the lock: whether for as long as asked. */
  async #sleep(
    { offset, expected }: { offset: number; expected: number },
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const handle = this.mapping.handle("wait in");
    try {
      const attempt = () => this.#attempt("take", "wait_futex");
      await wait(futexSource(handle, offset, expected), attempt, { signal, timeout });
      return false;
    } catch (error) {
      if (error instanceof SystemError && error.code === "ETIMEDOUT") return true;
      throw error;
    }
  }

  #next(): void {
    this.#queue[0]?.wake();
  }

  #late(): SystemError {
    return failure(-ETIMEDOUT, this.#attempt("take", "mutex_step"));
  }

  #attempt(verb: string, operation: string): Attempt {
    return { what: `${verb} ${this.label}`, operation, states };
  }
}

/** The text for an object of another pid namespace: in there, other threads have the ids of ours. */
export function foreignNamespace(info: Uint8Array): string {
  const view = new DataView(info.buffer, info.byteOffset);
  const { pid_namespace, pid_namespace_own } = layouts.objectInfo;
  const [theirs, own] = [pid_namespace, pid_namespace_own].map((at) => view.getUint32(at, true));
  return `it belongs to pid namespace ${theirs}, and this process is in ${own}; use a file lock between them`;
}

const locks = new WeakMap<Mapping, Map<number, Lock>>();

const states = {
  EBADMSG: "its memory was overwritten while it was held",
  ECANCELED: "its memory was closed or resized",
  EDEADLK: "this thread holds it already",
  ENOLCK: "this thread holds 2048 locks already, which is the most there can be",
  ENOTRECOVERABLE: "a C program gave it up for good",
};

/** Longer times would overflow the runtimes' timers. */
const timer_max = 2 ** 31 - 1;

const EBUSY = 16;
const EDEADLK = 35;
const ETIMEDOUT = 110;
const ECANCELED = 125;
