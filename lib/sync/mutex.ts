import { atExit } from "../../ffi/exit.ts";
import { load } from "../../ffi/load.ts";
import {
  layouts,
  mutex_align,
  mutex_bytes,
  object_existing,
  object_header_bytes,
  object_mutex,
  user_any,
} from "../../ffi/symbols.ts";
import { describe, fileMode, flag, integer, objectName, optionsObject, userId } from "../core/_arguments.ts";
import { inspectAs } from "../core/_inspect.ts";
import { check, errnoOf } from "../core/_results.ts";
import {
  type BlockOptions,
  checkBlock,
  checkWait,
  limitMs,
  waitOptionNames,
  type WaitOptions,
} from "../core/_waiting.ts";
import { readStat } from "../fd/_stat.ts";
import { embedded } from "../layout/embedded.ts";
import type { Part } from "../layout/field.ts";
import { Mapping, mappings, mappingsByBuffer } from "../memory/_mapping.ts";
import type { MappedFile } from "../memory/mapped_file.ts";
import { SharedMemory, type SharedMemoryToken, shareMapping } from "../memory/shared_memory.ts";
import { abandoned, foreignNamespace, Lock } from "./_lock.ts";

/**
 * Options of {@linkcode Mutex.open}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Mutex, type MutexOptions } from "hawser/sync";
 *
 * const forTheGroup: MutexOptions = { mode: 0o660, temporary: true };
 * using mutex = Mutex.open(`group-${process.pid}`, forTheGroup);
 * assert(mutex.created);
 * ```
 */
export interface MutexOptions {
  /** The permission bits of a new one, exactly: the umask does not narrow them. 0o600 by default. */
  readonly mode?: number;
  /** Open only one that exists. False by default. */
  readonly existing?: boolean;
  /** The user that must own it. The effective user of this process by default. */
  readonly owner?: number;
  /** Remove the name when this object is closed, and at normal exit. False by default. */
  readonly temporary?: boolean;
}

/**
 * Who holds a mutex: a thread.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Mutex, type MutexOwner } from "hawser/sync";
 *
 * const isOurs = (owner: MutexOwner | null): boolean => owner?.pid === process.pid;
 * using mutex = Mutex.open(`ours-${process.pid}`, { temporary: true });
 * using guard = mutex.acquireSync();
 * assert(isOurs(mutex.owner));
 * ```
 */
export interface MutexOwner {
  /** The thread: gettid(2). */
  readonly tid: number;
  /** The process it belongs to, 0 where /proc does not tell. */
  readonly pid: number;
}

/**
 * What {@linkcode Mutex.share} gives: plain data, for postMessage() to a Worker of the same process.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Mutex, type MutexToken } from "hawser/sync";
 *
 * using mutex = Mutex.open(`token-${process.pid}`, { temporary: true });
 * const token: MutexToken = mutex.share();
 * assert.deepEqual(structuredClone(token), token);
 * ```
 */
export interface MutexToken {
  /** Tells what the token is for. */
  readonly type: "hawser.mutex";
  /** The memory it lies in. */
  readonly memory: SharedMemoryToken;
  /** Where it lies there, in bytes. */
  readonly offset: number;
}

/** The makers of guards and of mutexes in records, which no program calls. */
let guardOf: (lock: Lock, taken: number) => MutexGuard;
let inRecord: (buffer: ArrayBufferLike, byteOffset: number) => Mutex;

/**
 * A mutex that is held. Disposing it gives the mutex back.
 *
 * It belongs to the JS thread that took it. One that is dropped without release keeps the mutex held until that thread
 * ends; the process warns of it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Mutex, type MutexGuard } from "hawser/sync";
 *
 * const repairIfNeeded = (guard: MutexGuard): string => guard.abandoned ? "check the data" : "go on";
 *
 * using mutex = Mutex.open(`guarded-${process.pid}`, { temporary: true });
 * const guard = mutex.acquireSync();
 * assert.equal(repairIfNeeded(guard), "go on");
 * guard.release();
 * guard.release(); // Does nothing.
 * assert.equal(mutex.owner, null);
 * ```
 */
export class MutexGuard implements Disposable {
  /**
   * Whether the last owner died with the mutex: what it protects is as the dead left it, perhaps half-changed. Check or
   * repair it; the next owner is not told again.
   */
  readonly abandoned: boolean;
  #lock: Lock | null;

  static {
    guardOf = (lock, taken) => new MutexGuard(lock, taken);
  }

  private constructor(lock: Lock, taken: number) {
    this.#lock = lock;
    this.abandoned = taken === abandoned;
    lock.watch(this);
  }

  /** Whether it was released. */
  get released(): boolean {
    return this.#lock === null;
  }

  /**
   * Gives the mutex back. Releasing twice does nothing.
   *
   * @throws {SystemError} EBADMSG if somebody wrote over the mutex meanwhile: it is no longer held, and may have been taken
   *   by another all the while.
   */
  release(): void {
    const lock = this.#lock;
    if (lock === null) return;
    this.#lock = null;
    lock.release(this);
  }

  /** The same as {@linkcode MutexGuard.release}. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * A lock that one thread holds at a time, of all processes that open it: by name, or at a place in shared memory.
 *
 * Its owner is a JS thread, the main one or a Worker. When that dies, killed or terminated, the kernel marks the mutex, and
 * the next owner gets a guard whose `abandoned` is true. Nothing is lost and nobody waits for the dead.
 *
 * C programs with glibc take part: the first bytes are a robust, process-shared `pthread_mutex_t`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Mutex } from "hawser/sync";
 *
 * using mutex = Mutex.open(`example-${process.pid}`, { temporary: true });
 * {
 *   using guard = await mutex.acquire({ timeout: 5_000 });
 *   if (guard.abandoned) console.warn("the last owner died: checking what it left");
 *   assert.equal(mutex.tryAcquire(), null); // Nobody else has it now.
 * }
 * const answer = await mutex.withLock(() => 42);
 * assert.equal(answer, 42);
 * ```
 */
export class Mutex implements Disposable {
  /** How many bytes a mutex takes in memory. */
  static readonly bytes: number = mutex_bytes;
  /** The boundary it must lie on. */
  static readonly align: number = mutex_align;

  static {
    inRecord = (buffer, byteOffset) => {
      const mapping = mappingsByBuffer.get(buffer);
      if (mapping === undefined) throw new TypeError("Cannot use a mutex: its record does not lie in shared memory");
      return new Mutex(Lock.at(mapping, byteOffset), null);
    };
  }

  readonly #lock: Lock;
  /** What is closed with it: its own memory. */
  readonly #own: Disposable | null;
  #cleanup: Disposable | undefined;
  #closed = false;
  /** The name, or null where it has none. */
  readonly name: string | null;
  /** Whether this call made the mutex, or found it. */
  readonly created: boolean;

  private constructor(lock: Lock, own: Disposable | null, name: string | null = null, created = false) {
    this.#lock = lock;
    this.#own = own;
    this.name = name;
    this.created = created;
  }

  /**
   * Opens a named mutex, or makes it where there is none: of several processes that do so at once one makes it.
   *
   * @param name The name: 1 to 80 letters, digits, `_`, `.` and `-`, beginning with a letter, a digit or `_`.
   * @param options What differs from the defaults.
   * @returns The mutex, which nobody need hold.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If an argument is out of range.
   * @throws {SystemError} ENOENT if there is none and `existing` asks for one; EPERM if it belongs to another user than
   *   `owner`; EACCES if its mode forbids it; EXDEV if it was made in another pid namespace, where the ids of threads are
   *   others; EBADMSG if the file is no mutex; EPROTO if another version of hawser made it that lays it out differently.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Mutex } from "hawser/sync";
   *
   * using mine = Mutex.open(`opened-${process.pid}`, { temporary: true });
   * using theirs = Mutex.open(`opened-${process.pid}`); // In any other process.
   * using guard = mine.acquireSync();
   * assert.equal(theirs.tryAcquire(), null);
   * ```
   */
  static open(name: string, options?: MutexOptions): Mutex {
    const nameText = objectName(name);
    const { mode, existing, owner, temporary } = optionsObject(options, ["mode", "existing", "owner", "temporary"]);
    const bits = fileMode(mode ?? 0o600);
    const user = owner === undefined ? user_any : userId(owner, "owner");
    const cleaning = flag(temporary, "temporary");
    const { core } = load();
    const info = new Uint8Array(layouts.objectInfo.size);
    const view = new DataView(info.buffer);
    const result = core.hawser_object_open(
      object_mutex,
      nameText,
      nameText.length,
      mutex_bytes,
      flag(existing, "existing") ? object_existing : bits,
      user,
      info,
      info.length,
    );
    const label = `the mutex ${describe(name)}`;
    const memory = Mapping.of(result, () => {
      const found = readStat(info);
      const version = (at: number) => view.getUint32(at, true);
      const { version: theirs, version_own } = layouts.objectInfo;
      return {
        what: `open ${label}`,
        operation: "object_open",
        path: `hawser.mutex.${name}`,
        states: {
          EPERM: `it belongs to user ${found.uid}, not to ${owner === undefined ? "this process's" : `user ${owner}`}`,
          EBADMSG: "the file of that name is no mutex of hawser's",
          EPROTO: `its layout has version ${version(theirs)}, and this hawser knows version ${version(version_own)}`,
          EXDEV: foreignNamespace(info),
          ENODEV: `it is a ${found.kind}`,
        },
      };
    });
    try {
      const lock = Lock.at(memory, object_header_bytes, label);
      const created = view.getUint32(layouts.objectInfo.created, true) === 1;
      const mutex = new Mutex(lock, { [Symbol.dispose]: () => memory.close() }, name, created);
      if (cleaning) mutex.#cleanup = atExit(() => mutex.#unlinkOwn());
      return mutex;
    } catch (error) {
      memory.close();
      throw error;
    }
  }

  /**
   * Uses the mutex at a place in shared memory. Zeroes there become one; a C program's robust, process-shared
   * `pthread_mutex_t` is one already.
   *
   * @param memory The memory, which must stay open while the mutex is used.
   * @param offset Where it lies, in bytes: {@linkcode Mutex.bytes} of them, at a multiple of {@linkcode Mutex.align}.
   * @returns The mutex. Closing it does not close the memory.
   * @throws {TypeError} If an argument has the wrong type, or the memory is closed.
   * @throws {RangeError} If the offset is out of range.
   * @throws {SystemError} EBADMSG if something else is there, EXDEV if it was made in another pid namespace, EACCES if the
   *   memory is read-only.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   * import { Mutex } from "hawser/sync";
   *
   * using memory = SharedMemory.anonymous(4096);
   * const mutex = Mutex.at(memory, 64);
   * using guard = mutex.acquireSync();
   * memory.bytes[0] = 1;
   * assert.throws(() => memory.close(), { code: "EBUSY" });
   * ```
   */
  static at(memory: SharedMemory | MappedFile, offset: number): Mutex {
    const mapping = mappings.get(memory);
    if (mapping === undefined) {
      throw new TypeError(`memory must be SharedMemory or a MappedFile: got ${describe(memory)}`);
    }
    integer(offset, "offset", 0, Number.MAX_SAFE_INTEGER);
    return new Mutex(Lock.at(mapping, offset), null);
  }

  /**
   * Uses a mutex of another thread of this process.
   *
   * @param token What {@linkcode Mutex.share} gave there, where its memory must still be open.
   * @returns The mutex, with memory of its own.
   * @throws {TypeError} If it is no token.
   * @throws {SystemError} ESTALE if the memory is no longer open in the thread that shared it.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Mutex } from "hawser/sync";
   *
   * using mutex = Mutex.open(`shared-${process.pid}`, { temporary: true });
   * using same = Mutex.from(mutex.share()); // In a Worker that got the token by postMessage().
   * using guard = mutex.acquireSync();
   * assert.equal(same.tryAcquire(), null);
   * ```
   */
  static from(token: MutexToken): Mutex {
    if (typeof token !== "object" || token?.type !== "hawser.mutex") {
      throw new TypeError(`token must be what share() gave: got ${describe(token)}`);
    }
    integer(token.offset, "token.offset", 0, Number.MAX_SAFE_INTEGER);
    const memory = SharedMemory.from(token.memory);
    try {
      return new Mutex(Lock.at(mappings.get(memory)!, token.offset), memory);
    } catch (error) {
      memory.close();
      throw error;
    }
  }

  /**
   * Removes a name. Whoever has the mutex open keeps it, and a new one may be made under the name at once.
   *
   * @param name The name.
   * @throws {TypeError} If it is not a string.
   * @throws {RangeError} If it is no name.
   * @throws {SystemError} ENOENT if there is none, EACCES or EPERM if it is another user's.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Mutex } from "hawser/sync";
   *
   * const name = `gone-${process.pid}`;
   * using mutex = Mutex.open(name);
   * Mutex.unlink(name);
   * assert.throws(() => Mutex.open(name, { existing: true }), { code: "ENOENT" });
   * ```
   */
  static unlink(name: string): void {
    const nameText = objectName(name);
    check(load().core.hawser_object_unlink(object_mutex, nameText, nameText.length), () => ({
      what: `unlink the mutex ${describe(name)}`,
      operation: "object_unlink",
      path: `hawser.mutex.${name}`,
    }));
  }

  /**
   * Takes the mutex, and waits for it where another has it. Tasks of one thread that ask the same Mutex, or one at the
   * same place of the same memory, get it in the order in which they asked: so a mutex also orders the tasks of a program.
   *
   * @param options How long to wait, and who may call it off.
   * @returns The guard.
   * @throws {TypeError} If an option has the wrong type, or the mutex is closed.
   * @throws {RangeError} If the timeout is negative.
   * @throws {SystemError} ETIMEDOUT if the time is up; ECANCELED if its memory was closed or resized meanwhile;
   *   ENOTRECOVERABLE if a C program gave it up.
   * @throws The signal's reason, if it was aborted before the mutex was taken.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Mutex } from "hawser/sync";
   *
   * using mutex = Mutex.open(`async-${process.pid}`, { temporary: true });
   * const order: number[] = [];
   * const task = async (n: number): Promise<void> => {
   *   using _guard = await mutex.acquire();
   *   await Promise.resolve();
   *   order.push(n);
   * };
   * await Promise.all([task(1), task(2), task(3)]);
   * assert.deepEqual(order, [1, 2, 3]);
   * ```
   */
  async acquire(options?: WaitOptions): Promise<MutexGuard> {
    const checked = optionsObject(options, waitOptionNames);
    const lock = this.#open();
    const limit = checkWait(checked);
    return guardOf(lock, await lock.acquire(checked.signal, limit));
  }

  /**
   * Takes the mutex, and blocks the thread while another has it: no timer, no AbortSignal and no signal handler of this
   * program runs meanwhile.
   *
   * @param options How long to wait, and whether signals end it.
   * @returns The guard.
   * @throws {TypeError} If an option has the wrong type, or the mutex is closed.
   * @throws {RangeError} If the timeout is negative.
   * @throws {SystemError} EDEADLK if this thread holds it already; ETIMEDOUT if the time is up; EINTR if a signal arrived
   *   and `interruptible` says so; ENOTRECOVERABLE if a C program gave it up.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Mutex } from "hawser/sync";
   *
   * using mutex = Mutex.open(`sync-${process.pid}`, { temporary: true });
   * using guard = mutex.acquireSync();
   * assert.throws(() => mutex.acquireSync(), { code: "EDEADLK" });
   * ```
   */
  acquireSync(options?: BlockOptions): MutexGuard {
    const lock = this.#open();
    if (options === undefined) return guardOf(lock, lock.take(-1, false));
    const { limit, interruptible } = checkBlock(options);
    return guardOf(lock, lock.take(limitMs(limit), interruptible));
  }

  /**
   * Takes the mutex if nobody has it.
   *
   * @returns The guard, or null where another has it, or this thread itself.
   * @throws {TypeError} If the mutex is closed.
   * @throws {SystemError} ENOTRECOVERABLE if a C program gave it up.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Mutex } from "hawser/sync";
   *
   * using mutex = Mutex.open(`try-${process.pid}`, { temporary: true });
   * using first = mutex.tryAcquire();
   * assert(first !== null);
   * assert.equal(mutex.tryAcquire(), null);
   * ```
   */
  tryAcquire(): MutexGuard | null {
    const lock = this.#open();
    const taken = lock.try();
    return taken < 0 ? null : guardOf(lock, taken);
  }

  /**
   * Runs `body` while this thread holds the mutex, and gives it back however that ends.
   *
   * @param body What to do; it is handed the guard, to see whether it is `abandoned`.
   * @param options As for {@linkcode Mutex.acquire}.
   * @returns What `body` returned.
   * @throws What {@linkcode Mutex.acquire} or `body` throws.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Mutex } from "hawser/sync";
   *
   * using mutex = Mutex.open(`with-${process.pid}`, { temporary: true });
   * const sum = await mutex.withLock(async () => await Promise.resolve(1) + 1, { timeout: 1000 });
   * assert.equal(sum, 2);
   * assert.equal(mutex.owner, null);
   * ```
   */
  async withLock<T>(body: (guard: MutexGuard) => T | Promise<T>, options?: WaitOptions): Promise<T> {
    if (typeof body !== "function") throw new TypeError(`body must be a function: got ${describe(body)}`);
    const guard = await this.acquire(options);
    try {
      return await body(guard);
    } finally {
      guard.release();
    }
  }

  /**
   * Who holds the mutex at the moment; null where nobody does, or a thread that is no more.
   *
   * @throws {TypeError} If the mutex is closed.
   */
  get owner(): MutexOwner | null {
    return this.#open().owner();
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#closed || this.#lock.mapping.closed;
  }

  /**
   * Gives a token for another thread of this process, which turns it back with {@linkcode Mutex.from}. Keep the mutex
   * open until it has done so.
   *
   * @returns Plain data.
   * @throws {TypeError} If the mutex is closed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Mutex } from "hawser/sync";
   *
   * using mutex = Mutex.open(`token-${process.pid}`, { temporary: true });
   * using same = Mutex.from(structuredClone(mutex.share())); // What postMessage() does.
   * assert.equal(same.name, null);
   * ```
   */
  share(): MutexToken {
    const { mapping, offset } = this.#open();
    return { type: "hawser.mutex", memory: shareMapping(mapping, null), offset };
  }

  /**
   * Closes the mutex here; it stays for others, and a named one for ever unless it is `temporary`. Closing twice is fine.
   * Tasks that wait for it reject with ECANCELED, where its memory is its own.
   *
   * @throws {SystemError} EBUSY if this thread holds it, where its memory is its own. It stays open.
   */
  close(): void {
    if (this.#closed) return;
    if (this.#own !== null) this.#lock.mapping.refuseLocked();
    if (this.#cleanup !== undefined) this.#unlinkOwn();
    this.#closed = true;
    this.#own?.[Symbol.dispose]();
  }

  /** The same as {@linkcode Mutex.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Lock {
    if (this.#closed) throw new TypeError(`Cannot use ${this.#lock.label}: it is closed`);
    return this.#lock;
  }

  /** Removes the name, if it is still this mutex's. */
  #unlinkOwn(): void {
    this.#cleanup?.[Symbol.dispose]();
    this.#cleanup = undefined;
    const nameText = objectName(this.name);
    const handle = this.#lock.mapping.handle("unlink");
    const result = load().core.hawser_object_unlink_own(handle, object_mutex, nameText, nameText.length);
    if (errnoOf(result) === -ENOENT) return;
    check(result, () => ({ what: `unlink ${this.#lock.label}`, operation: "object_unlink_own" }));
  }
}

/**
 * The layout of a mutex in a record: `struct({ lock: mutex, ... })`. The record must lie in shared memory.
 *
 * Its view is a {@linkcode Mutex}; `read` and `write` step over it. In C it is a union whose member `mutex` is a
 * `pthread_mutex_t`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { struct, u32 } from "hawser/layout";
 * import { SharedMemory } from "hawser/memory";
 * import { mutex } from "hawser/sync";
 *
 * const Account = struct({ lock: mutex, balance: u32 });
 * using memory = SharedMemory.anonymous(Account.size);
 * const account = Account.view(memory.buffer);
 * {
 *   using guard = account.lock.acquireSync();
 *   account.balance += 10;
 * }
 * assert.deepEqual(Account.read(memory.buffer), { balance: 10 });
 * ```
 */
export const mutex: Part<never, Mutex> = embedded({
  name: "mutex",
  size: mutex_bytes,
  align: mutex_align,
  open: inRecord,
  c: { type: `union { pthread_mutex_t mutex; unsigned char bytes[${mutex_bytes}]; }`, header: "pthread.h" },
});

inspectAs(Mutex, (mutex) => {
  const name = mutex.name === null ? "" : ` ${describe(mutex.name)}`;
  if (mutex.closed) return `Mutex${name} (closed)`;
  const { owner } = mutex;
  return `Mutex${name} (${owner === null ? "free" : `held by thread ${owner.tid} of process ${owner.pid}`})`;
});
inspectAs(
  MutexGuard,
  ({ released, abandoned }) => `MutexGuard (${released ? "released" : abandoned ? "held, abandoned" : "held"})`,
);

const ENOENT = 2;
