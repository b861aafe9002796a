import { atExit } from "../../ffi/exit.ts";
import { load } from "../../ffi/load.ts";
import { layouts, options as bits, user_any } from "../../ffi/symbols.ts";
import {
  byteSize,
  describe,
  fileMode,
  flag,
  integer,
  objectName,
  optionsObject,
  requiredOptions,
  userId,
} from "../core/_arguments.ts";
import { type Attempt, check, errnoOf, failure } from "../core/_results.ts";
import { inspectAs } from "../core/_inspect.ts";
import { SystemError } from "../core/errors.ts";
import { readStat } from "../fd/_stat.ts";
import { Fd } from "../fd/fd.ts";
import { Mapping, mappings } from "./_mapping.ts";

/**
 * Options of {@linkcode SharedMemory.create}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type CreateOptions, SharedMemory } from "hawser/memory";
 *
 * const forTheGroup: CreateOptions = { size: 4096, mode: 0o660, temporary: true };
 * using memory = SharedMemory.create(`group-${process.pid}`, forTheGroup);
 * const entry = SharedMemory.list().find(({ name }) => name === memory.name);
 * assert.equal(entry?.mode, 0o660);
 * ```
 */
export interface CreateOptions {
  /** The size in bytes, at least 1. */
  readonly size: number;
  /** The permission bits, exactly: the umask does not narrow them. 0o600 by default. */
  readonly mode?: number;
  /**
   * Leave the pages to be allocated when they are first touched. Creating a large object is quick then, and touching
   * it when the file system is full kills the process (SIGBUS). False by default.
   */
  readonly sparse?: boolean;
  /** Remove the name when this object is closed, and at normal exit. False by default. */
  readonly temporary?: boolean;
}

/**
 * Options of {@linkcode SharedMemory.open}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type OpenOptions, SharedMemory } from "hawser/memory";
 *
 * const glance: OpenOptions = { readonly: true, size: 16 };
 * using made = SharedMemory.create(`glance-${process.pid}`, { size: 4096, temporary: true });
 * using seen = SharedMemory.open(`glance-${process.pid}`, glance);
 * assert.deepEqual([seen.size, seen.readonly], [16, true]);
 * ```
 */
export interface OpenOptions {
  /** How many bytes to map, at most what there is. The whole object by default. */
  readonly size?: number;
  /** Map it so that nothing written through this mapping reaches others. False by default. */
  readonly readonly?: boolean;
  /** The user that must own the object. The effective user of this process by default. */
  readonly owner?: number;
  /** Remove the name when this object is closed, and at normal exit. False by default. */
  readonly temporary?: boolean;
}

/**
 * Options of {@linkcode SharedMemory.openOrCreate}: those of both, `size` being the size to create it with.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type OpenOrCreateOptions, SharedMemory } from "hawser/memory";
 *
 * const scratch: OpenOrCreateOptions = { size: 64, temporary: true };
 * using memory = SharedMemory.openOrCreate(`scratch-${process.pid}`, scratch);
 * assert(memory.created);
 * ```
 */
export interface OpenOrCreateOptions extends CreateOptions {
  /** The user that must own the object if it exists. The effective user of this process by default. */
  readonly owner?: number;
}

/**
 * Options of {@linkcode SharedMemory.anonymous}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type AnonymousOptions, SharedMemory } from "hawser/memory";
 *
 * const large: AnonymousOptions = { sparse: true };
 * using memory = SharedMemory.anonymous(2 ** 30, large);
 * assert.equal(memory.size, 2 ** 30);
 * ```
 */
export interface AnonymousOptions {
  /** Seal the size against shrinking (F_SEAL_SHRINK), so that no peer can make this process fault. True by default. */
  readonly seal?: boolean;
  /** As for {@linkcode SharedMemory.create}. */
  readonly sparse?: boolean;
}

/**
 * Options of {@linkcode SharedMemory.from}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type FromOptions, SharedMemory } from "hawser/memory";
 *
 * const fromStrangers: FromOptions = { sealed: true };
 * using memory = SharedMemory.anonymous(16, { seal: false });
 * using fd = memory.fd();
 * assert.throws(() => SharedMemory.from(fd, fromStrangers), { code: "EPERM" });
 * ```
 */
export interface FromOptions {
  /** How many bytes to map, at most what there is. All by default. */
  readonly size?: number;
  /** Map it so that nothing written through this mapping reaches others. What the descriptor allows by default. */
  readonly readonly?: boolean;
  /** Refuse memory that is not sealed against shrinking: whoever sent it could make this process fault. */
  readonly sealed?: boolean;
}

/**
 * What {@linkcode SharedMemory.share} gives: plain data, for postMessage() to a Worker of the same process.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SharedMemory, type SharedMemoryToken } from "hawser/memory";
 *
 * using memory = SharedMemory.anonymous(16);
 * const token: SharedMemoryToken = memory.share();
 * assert.deepEqual(structuredClone(token), token);
 * ```
 */
export interface SharedMemoryToken {
  /** Tells what the token is for. */
  readonly type: "hawser.memory";
  /** The descriptor of the memory in this process. */
  readonly fd: number;
  /** The device and inode behind it, so that another file under the same number is not taken for it. */
  readonly file: string;
  /** The size in bytes. */
  readonly size: number;
  /** Whether it was opened read-only. */
  readonly readonly: boolean;
  /** The name of the object, if it has one. */
  readonly name: string | null;
}

/**
 * One named object, as {@linkcode SharedMemory.list} tells of it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SharedMemory, type SharedMemoryInfo } from "hawser/memory";
 *
 * const bytesOf = (entries: SharedMemoryInfo[]) => entries.reduce((sum, { size }) => sum + size, 0);
 * using memory = SharedMemory.create(`sized-${process.pid}`, { size: 100, temporary: true });
 * assert(bytesOf(SharedMemory.list()) >= 100);
 * ```
 */
export interface SharedMemoryInfo {
  /** The name. */
  readonly name: string;
  /** The size in bytes. */
  readonly size: number;
  /** The permission bits. */
  readonly mode: number;
  /** The user that owns it. */
  readonly uid: number;
  /** The group that owns it. */
  readonly gid: number;
}

const { memoryOptions } = bits;

/**
 * Memory that other processes see too, shm_overview(7): the same pages, as bytes.
 *
 * The name NAME is what shm_open(3) calls `/NAME`, so C programs and Python's `multiprocessing.shared_memory` meet it
 * under that name. `Atomics` on views of {@linkcode SharedMemory.buffer} are atomic between processes.
 *
 * Closing takes the pages away from the buffer first: a view that was kept is empty, or throws, and never faults.
 * Nothing is closed by garbage collection, and closing removes no name unless `temporary` says so. Belongs to the JS
 * thread that opened it; see {@linkcode SharedMemory.share} for Workers.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SharedMemory } from "hawser/memory";
 *
 * using mine = SharedMemory.create(`example-${process.pid}`, { size: 4096, temporary: true });
 * mine.bytes.set([1, 2, 3]);
 *
 * // Any other process:
 * using theirs = SharedMemory.open(`example-${process.pid}`);
 * assert.deepEqual([...theirs.bytes.subarray(0, 3)], [1, 2, 3]);
 * Atomics.add(new Int32Array(theirs.buffer), 1, 5);
 * assert.equal(new Int32Array(mine.buffer)[1], 5);
 * ```
 */
export class SharedMemory implements Disposable {
  readonly #mapping: Mapping;
  readonly #name: string | null;
  #cleanup: Disposable | undefined;
  readonly #created: boolean;

  private constructor(mapping: Mapping, name: string | null, created: boolean, temporary = false) {
    if (!(mapping instanceof Mapping)) {
      throw new TypeError(
        "Cannot make a SharedMemory by new: use create(), open(), openOrCreate(), anonymous() or from()",
      );
    }
    this.#mapping = mapping;
    mappings.set(this, mapping);
    this.#name = name;
    this.#created = created;
    if (temporary) this.#cleanup = atExit(() => this.#unlinkOwn());
  }

  /**
   * Makes a named object of zero bytes. It appears whole: whoever opens it finds its size and pages.
   *
   * @param name The name: 1 to 80 letters, digits, `_`, `.` and `-`, beginning with a letter, a digit or `_`, and not with `sem.`
   * @param options Its size, and what else differs from the defaults.
   * @returns The memory.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the name, size or mode is out of range.
   * @throws {SystemError} EEXIST if the name is taken, ENOSPC if the file system has no room for it, ENOMEM if the machine has not
   *   so much memory, EACCES.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using memory = SharedMemory.create(`made-${process.pid}`, { size: 100, temporary: true });
   * assert.equal(memory.size, 100);
   * assert.throws(() => SharedMemory.create(`made-${process.pid}`, { size: 100 }), { code: "EEXIST" });
   * ```
   */
  static create(name: string, options: CreateOptions): SharedMemory {
    const nameText = memoryName(name);
    const known = ["size", "mode", "sparse", "temporary"] as const;
    const { size, mode, sparse, temporary } = requiredOptions(options, known, "{ size: 4096 }");
    return SharedMemory.#create(name, nameText, {
      size: byteSize(size, "size"),
      mode: fileMode(mode ?? 0o600),
      options: flag(sparse, "sparse") ? memoryOptions.sparse : 0,
      temporary: flag(temporary, "temporary"),
    });
  }

  static #create(
    name: string,
    nameText: Uint8Array,
    { size, mode, options, temporary }: { size: number; mode: number; options: number; temporary: boolean },
  ): SharedMemory {
    const { core } = load();
    const result = core.hawser_memory_create(nameText, nameText.length, size, mode, options);
    const attempt = () => ({
      ...about("create", name),
      operation: "memory_create",
      states: { ENOENT: "there is no /dev/shm, or no /proc", ENOSPC: `there is no room for ${size} bytes` },
    });
    const undo = (handle: number) => core.hawser_memory_unlink_own(handle, nameText, nameText.length);
    const mapping = Mapping.of(result, attempt, undo);
    return new SharedMemory(mapping, name, true, temporary);
  }

  /**
   * Opens a named object that another process, or this one, has made.
   *
   * @param name The name.
   * @param options What differs from the defaults.
   * @returns The memory.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If an argument is out of range.
   * @throws {SystemError} ENOENT if there is none; EPERM if it belongs to another user than `owner`; EACCES if its mode
   *   forbids it; ENODATA if it is empty, since its maker has not given it a size yet; EOVERFLOW if it is smaller than
   *   `size`; ENODEV or ELOOP if the name stands for no regular file.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using made = SharedMemory.create(`opened-${process.pid}`, { size: 8, temporary: true });
   * using reader = SharedMemory.open(`opened-${process.pid}`, { readonly: true });
   * made.bytes[0] = 7;
   * assert.equal(reader.bytes[0], 7);
   * ```
   */
  static open(name: string, options?: OpenOptions): SharedMemory {
    const nameText = memoryName(name);
    const { size, readonly, owner, temporary } = optionsObject(options, ["size", "readonly", "owner", "temporary"]);
    const result = SharedMemory.#open(name, nameText, {
      size: size === undefined ? 0 : byteSize(size, "size"),
      owner: owner === undefined ? user_any : userId(owner, "owner"),
      options: flag(readonly, "readonly") ? memoryOptions.readonly : 0,
      temporary: flag(temporary, "temporary"),
    });
    if (result instanceof SystemError) throw result;
    return result;
  }

  static #open(
    name: string,
    nameText: Uint8Array,
    { size, owner, options, temporary }: { size: number; owner: number; options: number; temporary: boolean },
  ): SharedMemory | SystemError {
    const record = new Uint8Array(layouts.stat.size);
    const result = load().core.hawser_memory_open(
      nameText,
      nameText.length,
      owner,
      size,
      options,
      record,
      record.length,
    );
    if (result >= 0) return new SharedMemory(new Mapping(result), name, false, temporary);
    const found = readStat(record);
    return failure(result, {
      ...about("open", name),
      operation: "memory_open",
      states: {
        EPERM: `it belongs to user ${found.uid}, not to ${owner === user_any ? "this process's" : `user ${owner}`}`,
        ENODATA: "it is empty: its maker has not given it a size yet",
        EOVERFLOW: `it has ${found.size} bytes, fewer than the ${size} asked for; if an older program left it, ` +
          `SharedMemory.unlink(${describe(name)}) removes it`,
        ENODEV: `it is a ${found.kind}`,
      },
    });
  }

  /**
   * Opens a named object, or makes it where there is none: of several processes that do so at once one makes it, and
   * all get the same.
   *
   * @param name The name.
   * @param options The size and the rest for making it. One that exists must have at least that size.
   * @returns The memory; {@linkcode SharedMemory.created} tells which of the two it was.
   * @throws {TypeError | RangeError | SystemError} As create() and open() do, except EEXIST and ENOENT.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using first = SharedMemory.openOrCreate(`either-${process.pid}`, { size: 64, temporary: true });
   * using second = SharedMemory.openOrCreate(`either-${process.pid}`, { size: 64 });
   * assert.deepEqual([first.created, second.created], [true, false]);
   * ```
   */
  static openOrCreate(name: string, options: OpenOrCreateOptions): SharedMemory {
    const nameText = memoryName(name);
    const known = ["size", "mode", "sparse", "owner", "temporary"] as const;
    const { size, mode, sparse, owner, temporary } = requiredOptions(options, known, "{ size: 4096 }");
    const both = { size: byteSize(size, "size"), temporary: flag(temporary, "temporary") };
    const making = {
      ...both,
      mode: fileMode(mode ?? 0o600),
      options: flag(sparse, "sparse") ? memoryOptions.sparse : 0,
    };
    const opening = { ...both, owner: owner === undefined ? user_any : userId(owner, "owner"), options: 0 };
    // Somebody may make it after we looked, or remove it after we failed to make it; not for ever.
    for (let attempt = 0;; attempt++) {
      const opened = SharedMemory.#open(name, nameText, opening);
      if (opened instanceof SharedMemory) return opened;
      if (opened.code !== "ENOENT" || attempt === 100) throw opened;
      try {
        return SharedMemory.#create(name, nameText, making);
      } catch (error) {
        if (!(error instanceof SystemError) || error.code !== "EEXIST") throw error;
      }
    }
  }

  /**
   * Makes memory without a name, memfd_create(2): for Workers, and for processes that are handed its descriptor.
   *
   * @param size The size in bytes, at least 1.
   * @param options What differs from the defaults.
   * @returns The memory.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the size is out of range.
   * @throws {SystemError} ENOMEM or ENOSPC if there is not enough memory, EMFILE if there are too many descriptors.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using memory = SharedMemory.anonymous(1024);
   * assert.equal(memory.name, null);
   * ```
   */
  static anonymous(size: number, options?: AnonymousOptions): SharedMemory {
    byteSize(size, "size");
    const { seal, sparse } = optionsObject(options, ["seal", "sparse"]);
    const word = (flag(seal ?? true, "seal") ? memoryOptions.seal : 0) |
      (flag(sparse, "sparse") ? memoryOptions.sparse : 0);
    const mapping = Mapping.of(load().core.hawser_memory_anonymous(size, word), () => ({
      what: `make ${size} bytes of memory`,
      operation: "memory_anonymous",
    }));
    return new SharedMemory(mapping, null, true);
  }

  /**
   * Maps memory that came as a descriptor, or as a token of another thread of this process.
   *
   * @param source A descriptor, which stays the caller's, or what {@linkcode SharedMemory.share} gave. The memory must
   *   still be open in the thread that shared it.
   * @param options What differs from the defaults.
   * @returns The memory.
   * @throws {TypeError} If an argument has the wrong type, or the descriptor is closed.
   * @throws {RangeError} If the size is out of range.
   * @throws {SystemError} ENODEV if it is no regular file, ENODATA if it is empty, EOVERFLOW if it is smaller than
   *   `size`, EPERM if it must be sealed and is not, ESTALE if the memory of a token is no longer open.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using memory = SharedMemory.anonymous(16);
   * using same = SharedMemory.from(memory.share()); // In a Worker that got the token by postMessage().
   * same.bytes[0] = 1;
   * assert.equal(memory.bytes[0], 1);
   * ```
   */
  static from(source: Fd | SharedMemoryToken, options?: FromOptions): SharedMemory {
    const { size, readonly, sealed } = optionsObject(options, ["size", "readonly", "sealed"]);
    const token = source instanceof Fd ? undefined : checkToken(source);
    const fd = token === undefined ? (source as Fd).number : token.fd;
    const bytes = size === undefined ? token?.size ?? 0 : byteSize(size, "size");
    const word = (flag(readonly, "readonly") || token?.readonly === true ? memoryOptions.readonly : 0) |
      (flag(sealed, "sealed") ? memoryOptions.seal : 0);

    const record = new Uint8Array(layouts.stat.size);
    const result = load().core.hawser_memory_from_fd(fd, bytes, word, record, record.length);
    const found = readStat(record);
    const attempt: Attempt = {
      what: token === undefined ? `map descriptor ${fd}` : "map shared memory of another thread",
      operation: "memory_from_fd",
      states: {
        EPERM: "it is not sealed against shrinking",
        EINVAL: "it can't be sealed",
        ENODATA: "it is empty",
        EOVERFLOW: `it has ${found.size} bytes, fewer than the ${bytes} asked for`,
        ENODEV: `it is a ${found.kind}`,
        ESTALE: "it is no longer open in the thread that shared it",
      },
    };
    // The number may be free, or stand for anything by now.
    if (token !== undefined && fileOf(record) !== token.file) {
      if (result >= 0) load().core.hawser_memory_close(result, 0);
      throw failure(-ESTALE, attempt);
    }
    return new SharedMemory(Mapping.of(result, () => attempt), token?.name ?? null, false);
  }

  /**
   * Removes a name. Whoever has the memory open keeps it, and a new object may be made under the name at once.
   *
   * @param name The name.
   * @throws {TypeError} If it is not a string.
   * @throws {RangeError} If it is no name.
   * @throws {SystemError} ENOENT if there is none, EACCES or EPERM if it is another user's.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * const name = `gone-${process.pid}`;
   * using memory = SharedMemory.create(name, { size: 1 });
   * SharedMemory.unlink(name);
   * assert.throws(() => SharedMemory.open(name), { code: "ENOENT" });
   * ```
   */
  static unlink(name: string): void {
    const nameText = memoryName(name);
    check(load().core.hawser_memory_unlink(nameText, nameText.length), () => ({
      ...about("unlink", name),
      operation: "memory_unlink",
    }));
  }

  /**
   * Lists the named objects, also those that other programs made with shm_open(3).
   *
   * @returns One entry each, in no order; objects whose names hawser would refuse are left out.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using memory = SharedMemory.create(`listed-${process.pid}`, { size: 10, temporary: true });
   * const found = SharedMemory.list().find(({ name }) => name === `listed-${process.pid}`);
   * assert.equal(found?.size, 10);
   * ```
   */
  static list(): SharedMemoryInfo[] {
    const { size, name_bytes, name } = layouts.memoryEntry;
    for (let room = 64;; room *= 2) {
      const records = new Uint8Array(room * size);
      const count = check(load().core.hawser_memory_list(records, records.length), () => ({
        what: "list shared memory",
        states: { ENOENT: "there is no /dev/shm" },
        operation: "memory_list",
      }));
      if (count > room) continue;
      return Array.from({ length: count }, (_, i) => {
        const record = records.subarray(i * size, (i + 1) * size);
        const length = new DataView(record.buffer, record.byteOffset).getUint32(name_bytes, true);
        const { size: bytes, mode, uid, gid } = readStat(record);
        return { name: new TextDecoder().decode(record.subarray(name, name + length)), size: bytes, mode, uid, gid };
      }).filter((entry) => !entry.name.startsWith("sem."));
    }
  }

  /** Whether this call made the object, or found it. */
  get created(): boolean {
    return this.#created;
  }

  /** The name, or null where it has none. */
  get name(): string | null {
    return this.#name;
  }

  /**
   * The pages themselves. Resizing replaces it.
   *
   * @throws {TypeError} If the memory is closed.
   */
  get buffer(): ArrayBuffer {
    return this.#mapping.buffer;
  }

  /**
   * All of {@linkcode SharedMemory.buffer} as bytes.
   *
   * @throws {TypeError} If the memory is closed.
   */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#mapping.bytes;
  }

  /**
   * How many bytes are mapped.
   *
   * @throws {TypeError} If the memory is closed.
   */
  get size(): number {
    return this.#mapping.size;
  }

  /**
   * Whether what is written here stays here: in this process's own copy of the page, which from then on no longer
   * shows what others write to it.
   *
   * @throws {TypeError} If the memory is closed.
   */
  get readonly(): boolean {
    return this.#mapping.readonly;
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#mapping.closed;
  }

  /**
   * Grows the memory, for everybody who opens it from now on; who has it open keeps the size he mapped. The buffer is
   * replaced: views of the old one are empty, or throw.
   *
   * @param size The new size in bytes, at least the present one.
   * @throws {TypeError} If the memory is closed or the size is no number.
   * @throws {RangeError} If the size is out of range, or less than the present one.
   * @throws {SystemError} ENOSPC or ENOMEM if there is no room, EACCES if it is read-only, EBUSY if its buffer was
   *   transferred, or Bun works on it on another thread. The memory stays as it was; in Bun its buffer is replaced all
   *   the same.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using memory = SharedMemory.anonymous(10);
   * memory.bytes[9] = 1;
   * memory.resize(10_000);
   * assert.deepEqual([memory.size, memory.bytes[9]], [10_000, 1]);
   * ```
   */
  resize(size: number): void {
    this.#mapping.resize(size);
  }

  /**
   * Keeps the pages in memory, mlock(2). Read-only memory is locked page by page as it is touched.
   *
   * @throws {TypeError} If the memory is closed.
   * @throws {SystemError} ENOMEM if RLIMIT_MEMLOCK forbids so much, EPERM if it forbids any.
   *
   * @example
   * ```ts
   * import { SharedMemory } from "hawser/memory";
   *
   * using memory = SharedMemory.anonymous(4096);
   * memory.lock();
   * memory.unlock();
   * ```
   */
  lock(): void {
    const result = load().core.hawser_memory_lock(this.#mapping.handle("lock"));
    check(result, () => ({ what: "lock memory", operation: "memory_lock" }));
  }

  /**
   * Lets the pages be swapped out again, munlock(2).
   *
   * @throws {TypeError} If the memory is closed.
   */
  unlock(): void {
    const result = load().core.hawser_memory_unlock(this.#mapping.handle("unlock"));
    check(result, () => ({ what: "unlock memory", operation: "memory_unlock" }));
  }

  /**
   * Gives a token for another thread of this process, which turns it back with {@linkcode SharedMemory.from}. Keep the
   * memory open until it has done so.
   *
   * @returns Plain data.
   * @throws {TypeError} If the memory is closed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using memory = SharedMemory.anonymous(16);
   * const token = structuredClone(memory.share()); // What postMessage() does.
   * using there = SharedMemory.from(token);
   * assert.equal(there.size, 16);
   * ```
   */
  share(): SharedMemoryToken {
    return shareMapping(this.#mapping, this.#name);
  }

  /**
   * Gives a descriptor of the memory, to hand to another process.
   *
   * @returns A new descriptor, the caller's to close.
   * @throws {TypeError} If the memory is closed.
   * @throws {SystemError} EMFILE if there are too many.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { SharedMemory } from "hawser/memory";
   *
   * using memory = SharedMemory.anonymous(16);
   * using fd = memory.fd();
   * using same = SharedMemory.from(fd, { sealed: true });
   * assert.equal(same.size, 16);
   * ```
   */
  fd(): Fd {
    const { core } = load();
    const number = core.hawser_fd_dup(core.hawser_memory_fd(this.#mapping.handle("use")), 3);
    return Fd.from(check(number, () => ({ what: "copy the memory's descriptor", operation: "fd_dup" })));
  }

  /**
   * Unmaps the memory. Other processes keep theirs, and the name stays unless it is `temporary`. Closing twice is fine.
   *
   * If the buffer was transferred, its new owner keeps a buffer that holds zeros and is shared with nobody.
   *
   * Wait first for what the runtime does with the bytes on other threads, such as compressing them: Node and Deno do not
   * tell of it, and their threads would find the pages gone. (In Bun they find zeros.)
   *
   * @throws {SystemError} EBUSY if this thread holds a lock in it. The memory stays open.
   */
  close(): void {
    if (this.closed) return;
    this.#mapping.refuseLocked(); // Before the name is gone.
    if (this.#cleanup !== undefined) this.#unlinkOwn();
    this.#mapping.close();
  }

  /** The same as {@linkcode SharedMemory.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Removes the name, if it is still this memory's: somebody may have removed it and made another. */
  #unlinkOwn(): void {
    this.#cleanup?.[Symbol.dispose]();
    this.#cleanup = undefined;
    const nameText = memoryName(this.#name);
    const result = load().core.hawser_memory_unlink_own(this.#mapping.handle("unlink"), nameText, nameText.length);
    if (errnoOf(result) !== -ENOENT) {
      check(result, () => ({ ...about("unlink", this.#name), operation: "memory_unlink_own" }));
    }
  }
}

inspectAs(SharedMemory, (memory) => {
  const name = memory.name === null ? "" : ` ${JSON.stringify(memory.name)}`;
  return `SharedMemory${name} ${memory.closed ? "(closed)" : `(${memory.size} bytes)`}`;
});

const ENOENT = 2;
const ESTALE = 116;

function memoryName(name: unknown): Uint8Array {
  const text = objectName(name);
  // sem_open(3) keeps the semaphore /x in the file sem.x of the same directory.
  if ((name as string).startsWith("sem.")) {
    throw new RangeError(`name must not begin with "sem.": got ${describe(name)}`);
  }
  return text;
}

function about(verb: string, name: string | null): Pick<Attempt, "what" | "path"> {
  return { what: `${verb} shared memory ${describe(name)}`, path: `/${name}` };
}

/** The token of a mapping, whatever it belongs to. */
export function shareMapping(mapping: Mapping, name: string | null): SharedMemoryToken {
  const { core } = load();
  const fd = core.hawser_memory_fd(mapping.handle("share"));
  const record = new Uint8Array(layouts.stat.size);
  check(core.hawser_fd_stat(fd, record, record.length), () => ({ what: "share memory", operation: "fd_stat" }));
  const { size, readonly } = mapping;
  return { type: "hawser.memory", fd, file: fileOf(record), size, readonly, name };
}

function fileOf(record: Uint8Array): string {
  const { device, inode } = readStat(record);
  return `${device}:${inode}`;
}

/** A token as it was when it was looked at, member by member. */
function checkToken(value: unknown): SharedMemoryToken {
  const { type, fd, file, size, readonly, name } = (value ?? {}) as Partial<SharedMemoryToken>;
  if (type !== "hawser.memory" || typeof file !== "string" || (name !== null && typeof name !== "string")) {
    throw new TypeError(`source must be an Fd or what share() gave: got ${describe(value)}`);
  }
  return {
    type,
    fd: integer(fd, "source.fd", 0, 0x7fff_ffff),
    file,
    size: byteSize(size, "source.size"),
    readonly: flag(readonly, "source.readonly"),
    name,
  };
}
