import { load } from "../../ffi/load.ts";
import { layouts, options as bits, POLLIN, POLLOUT } from "../../ffi/symbols.ts";
import { cString, describe, fileMode, filePath, integer, optionsObject } from "../core/_arguments.ts";
import { type Attempt, check, errnoOf } from "../core/_results.ts";
import { type BlockOptions, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { inspectAs } from "../core/_inspect.ts";
import { blockUntilReady, type Wanted, whenReady } from "./_ready.ts";
import { readStat } from "./_stat.ts";

/**
 * The flags of open(2) that {@linkcode Fd.open} takes. `O_CLOEXEC` and `O_NOCTTY` are always set.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type OpenFlag } from "hawser/fd";
 *
 * const unnamed: OpenFlag[] = ["O_RDWR", "O_TMPFILE"];
 * using fd = Fd.open("/tmp", unnamed);
 * assert.equal(fd.stat().links, 0);
 * ```
 */
export type OpenFlag =
  | "O_RDONLY"
  | "O_WRONLY"
  | "O_RDWR"
  | "O_APPEND"
  | "O_CREAT"
  | "O_DIRECTORY"
  | "O_EXCL"
  | "O_NOFOLLOW"
  | "O_NONBLOCK"
  | "O_PATH"
  | "O_SYNC"
  | "O_TMPFILE"
  | "O_TRUNC";

/**
 * What a descriptor stands for. `"anonymous"` is what has no inode type: an eventfd, a pidfd, an epoll instance.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type FdKind } from "hawser/fd";
 *
 * using fd = Fd.open("/dev/null");
 * const kind: FdKind = fd.stat().kind;
 * assert.equal(kind, "character device");
 * ```
 */
export type FdKind =
  | "file"
  | "directory"
  | "symbolic link"
  | "fifo"
  | "socket"
  | "character device"
  | "block device"
  | "anonymous";

/**
 * What fstat(2) says of a descriptor.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type FdStat } from "hawser/fd";
 *
 * const sameFile = (a: FdStat, b: FdStat) => a.device === b.device && a.inode === b.inode;
 * using fd = Fd.open("/etc/passwd");
 * using copy = fd.dup();
 * assert(sameFile(fd.stat(), copy.stat()));
 * ```
 */
export interface FdStat {
  /** What it stands for. */
  readonly kind: FdKind;
  /** The size in bytes, of a file. */
  readonly size: number;
  /** The permission bits. */
  readonly mode: number;
  /** The user that owns it. */
  readonly uid: number;
  /** The group that owns it. */
  readonly gid: number;
  /** How many names it has; zero for what was unlinked or never had one. */
  readonly links: number;
  /** The number of the inode. */
  readonly inode: bigint;
  /** The device the inode is on. */
  readonly device: bigint;
}

/**
 * Options of {@linkcode Fd.read} and {@linkcode Fd.write}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type TransferOptions } from "hawser/fd";
 *
 * const start: TransferOptions = { position: 0, timeout: 1000 };
 * using fd = Fd.open("/etc/passwd");
 * assert.equal(await fd.read(new Uint8Array(5), start), 5);
 * ```
 */
export interface TransferOptions extends WaitOptions {
  /** Where in the file, in bytes; its own place stays. Not for pipes and sockets (ESPIPE). Its own place by default. */
  readonly position?: number | undefined;
}

/**
 * Options of {@linkcode Fd.readSync} and {@linkcode Fd.writeSync}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type TransferSyncOptions } from "hawser/fd";
 *
 * const end: TransferSyncOptions = { position: 1 << 30 };
 * using fd = Fd.open("/etc/passwd");
 * assert.equal(fd.readSync(new Uint8Array(5), end), 0);
 * ```
 */
export interface TransferSyncOptions extends BlockOptions {
  /** Where in the file, in bytes; its own place stays. Not for pipes and sockets (ESPIPE). Its own place by default. */
  readonly position?: number | undefined;
}

/** A read or a write, ready to be tried. */
interface Transfer {
  readonly wanted: Wanted;
  readonly step: () => number;
  readonly what: () => Attempt;
}

/** Checks what to transfer: the position, -1 where there is none. */
function checkTransfer(bytes: unknown, name: string, position: number | undefined): number {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array: got ${describe(bytes)}`);
  return position === undefined ? -1 : integer(position, "position", 0, Number.MAX_SAFE_INTEGER);
}

function unlessBlocked(result: number, what: () => Attempt): number | null {
  return errnoOf(result) === -EAGAIN ? null : check(result, what);
}

const EAGAIN = 11;

const { openOptions } = bits;

const flagBits: Readonly<Record<OpenFlag, number>> = {
  O_RDONLY: openOptions.read,
  O_WRONLY: openOptions.write,
  O_RDWR: openOptions.read | openOptions.write,
  O_APPEND: openOptions.append,
  O_CREAT: openOptions.create,
  O_DIRECTORY: openOptions.directory,
  O_EXCL: openOptions.exclusive,
  O_NOFOLLOW: openOptions.nofollow,
  O_NONBLOCK: openOptions.nonblock,
  O_PATH: openOptions.path,
  O_SYNC: openOptions.sync,
  O_TMPFILE: openOptions.tmpfile,
  O_TRUNC: openOptions.truncate,
};

/** An Fd of a new descriptor, close-on-exec already: for what opens one. Not exported from the package. */
export let owned: (number: number) => Fd;

/** What the constructor is called with from here, and from nowhere else. */
const inside = Symbol("Fd");

/**
 * One open descriptor, and the right to close it.
 *
 * Close-on-exec from birth: a child process gets only what it is given. Belongs to the JS thread that made it; using it
 * after it was closed or released throws a TypeError before any call. Follows open(2), fcntl(2), fstat(2).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd } from "hawser/fd";
 *
 * using fd = Fd.open("/dev/null", "O_RDWR");
 * assert.equal(fd.stat().kind, "character device");
 *
 * using copy = fd.dup();
 * assert.notEqual(copy.number, fd.number);
 * ```
 */
export class Fd implements Disposable {
  static {
    owned = (number) => new Fd(number, inside);
  }

  #number: number;

  private constructor(number: number, key: symbol) {
    if (key !== inside) throw new TypeError("Cannot make an Fd by new: use Fd.open() or Fd.from()");
    this.#number = number;
  }

  /**
   * Opens a file, open(2).
   *
   * @param file The path, or a file: URL.
   * @param flags One flag or several; `"O_RDONLY"` unless one of `O_WRONLY`, `O_RDWR` is among them.
   * @param mode The permission bits of a file that is created, before the umask. 0o600 by default.
   * @returns The descriptor.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If a flag is unknown, two flags contradict each other, the mode is out of range, or the path is
   *   empty or holds a NUL character.
   * @throws {SystemError} As open(2) refuses: ENOENT, EACCES, EEXIST, EISDIR, ELOOP, EMFILE ...
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * assert.deepEqual([fd.stat().kind, fd.stat().links], ["file", 0]);
   * ```
   */
  static open(file: string | URL, flags: OpenFlag | readonly OpenFlag[] = "O_RDONLY", mode = 0o600): Fd {
    const path = filePath(file);
    const pathText = cString(path, "path");
    let word = 0;
    let access = 0;
    for (const flag of typeof flags === "string" ? [flags] : flags) {
      const bit = Object.hasOwn(flagBits, flag) ? flagBits[flag] : undefined;
      if (bit === undefined) throw new RangeError(`flags holds an unknown flag: ${describe(flag)}`);
      // Both would be O_RDWR by our bits and an error by the kernel's: nobody means that.
      if ((bit & flagBits.O_RDWR) !== 0) {
        if (access !== 0 && access !== bit) throw new RangeError("flags holds two of O_RDONLY, O_WRONLY and O_RDWR");
        access = bit;
      }
      word |= bit;
    }
    if (access === 0) word |= flagBits.O_RDONLY;
    fileMode(mode);
    const result = load().core.hawser_fd_open(pathText, pathText.length, word, mode);
    return new Fd(check(result, () => ({ what: `open ${describe(path)}`, operation: "fd_open", path })), inside);
  }

  /**
   * Takes over a descriptor that is open already, from a parent process for instance, and sets close-on-exec on it.
   *
   * From now on the Fd closes it: nothing else may.
   *
   * @param number The descriptor's number.
   * @returns The descriptor.
   * @throws {TypeError} If the number is not a number.
   * @throws {RangeError} If it is negative or not whole.
   * @throws {SystemError} EBADF if no such descriptor is open.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using opened = Fd.open("/dev/null");
   * using fd = Fd.from(opened.release());
   * assert.equal(fd.stat().kind, "character device");
   * ```
   */
  static from(number: number): Fd {
    integer(number, "number", 0, 0x7fff_ffff);
    check(
      load().core.hawser_fd_adopt(number),
      () => ({ what: `take over descriptor ${number}`, operation: "fd_adopt" }),
    );
    return new Fd(number, inside);
  }

  /**
   * The descriptor's number, for APIs that take one. It stays the Fd's to close.
   *
   * @throws {TypeError} If it is closed or released.
   */
  get number(): number {
    return this.#open("use");
  }

  /** Whether it was closed or released. */
  get closed(): boolean {
    return this.#number < 0;
  }

  /**
   * Makes a second descriptor of the same open file, fcntl(2) F_DUPFD_CLOEXEC: position and status flags are shared.
   *
   * @param least The lowest number it may get. 3 by default, above the standard streams.
   * @returns The new descriptor.
   * @throws {TypeError} If this one is closed or released.
   * @throws {SystemError} EMFILE if there are too many, EINVAL if `least` is beyond the limit.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/dev/null");
   * using copy = fd.dup(100);
   * assert(copy.number >= 100);
   * ```
   */
  dup(least = 3): Fd {
    const number = this.#open("copy");
    integer(least, "least", 0, 0x7fff_ffff);
    const result = load().core.hawser_fd_dup(number, least);
    return new Fd(check(result, () => ({ what: `copy descriptor ${number}`, operation: "fd_dup" })), inside);
  }

  /**
   * Gives the descriptor up without closing it. Who waits for it here ({@linkcode ready}) rejects with ECANCELED.
   *
   * @returns Its number, which is the caller's to close.
   * @throws {TypeError} If it is closed or released already.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * const fd = Fd.open("/dev/null");
   * const number = fd.release();
   * assert(fd.closed);
   * Fd.from(number).close();
   * ```
   */
  release(): number {
    const number = this.#open("release");
    this.#number = -1;
    load().core.hawser_poll_withdraw(number);
    return number;
  }

  /**
   * Asks what the descriptor stands for, fstat(2).
   *
   * @returns Its kind, size, owner, permissions and inode.
   * @throws {TypeError} If it is closed or released.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/");
   * assert.equal(fd.stat().kind, "directory");
   * ```
   */
  stat(): FdStat {
    const number = this.#open("stat");
    const record = new Uint8Array(layouts.stat.size);
    check(load().core.hawser_fd_stat(number, record, record.length), () => ({
      what: `stat descriptor ${number}`,
      operation: "fd_stat",
    }));
    return readStat(record);
  }

  /**
   * Reads some bytes, read(2) or pread(2), and waits for them without blocking the thread.
   *
   * A pipe, socket, terminal or eventfd is waited for by the kernel's poll; a file on a disk is read at once.
   *
   * @param buffer Where they go: at most its length.
   * @param options Where in the file to read (`position`, which leaves the descriptor's own place as it is), how long to
   *   wait, and who may call it off.
   * @returns How many were read; zero at the end of the file, and where the other end is closed.
   * @throws {TypeError} If an argument has the wrong type, or the descriptor is closed.
   * @throws {SystemError} ETIMEDOUT if the time is up, ECANCELED if the descriptor was closed meanwhile; as read(2) refuses:
   *   EBADF, EISDIR, ECONNRESET, EIO ...
   * @throws The signal's reason, if it was aborted before there was anything.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/etc/hostname");
   * const buffer = new Uint8Array(4);
   * assert.equal(await fd.read(buffer), 4);
   * assert.equal(fd.readSync(buffer, { position: 0 }), 4);
   * ```
   */
  async read(buffer: Uint8Array, options?: TransferOptions): Promise<number> {
    const { position, ...waiting } = optionsObject(options, ["position", ...waitOptionNames]);
    const transfer = this.#read(buffer, position);
    return await whenReady(transfer.wanted, transfer.step, transfer.what, waiting);
  }

  /**
   * Reads some bytes, and blocks the thread until there are any.
   *
   * @param buffer Where they go: at most its length.
   * @param options Where in the file to read, how long to wait, and whether signals end it.
   * @returns How many were read; zero at the end of the file, and where the other end is closed.
   * @throws {TypeError} If an argument has the wrong type, or the descriptor is closed.
   * @throws {SystemError} ETIMEDOUT if the time is up; EINTR if a signal arrived and `interruptible` says so; as read(2)
   *   refuses.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/dev/zero");
   * assert.equal(fd.readSync(new Uint8Array(16), { timeout: 1000 }), 16);
   * ```
   */
  readSync(buffer: Uint8Array, options?: TransferSyncOptions): number {
    const { position, ...waiting } = optionsObject(options, ["position", "timeout", "interruptible"]);
    const transfer = this.#read(buffer, position);
    return blockUntilReady(transfer.wanted, transfer.step, transfer.what, waiting);
  }

  /**
   * Reads some bytes if there are any.
   *
   * @param buffer Where they go: at most its length.
   * @returns How many were read, zero at the end of the file; null where it would have to wait.
   * @throws {TypeError} If the buffer is none, or the descriptor is closed.
   * @throws {SystemError} As read(2) refuses.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/dev/null");
   * assert.equal(fd.tryRead(new Uint8Array(1)), 0);
   * ```
   */
  tryRead(buffer: Uint8Array): number | null {
    const { step, what } = this.#read(buffer, undefined);
    return unlessBlocked(step(), what);
  }

  /**
   * Writes bytes, write(2) or pwrite(2), and waits for room without blocking the thread.
   *
   * @param bytes What to write. A full pipe or socket may take a part of it only; up to PIPE_BUF (4096) bytes go into a pipe
   *   whole.
   * @param options Where in the file to write (`position`), how long to wait, and who may call it off.
   * @returns How many bytes were written.
   * @throws {TypeError} If an argument has the wrong type, or the descriptor is closed.
   * @throws {SystemError} EPIPE if nobody can read it any more (never a fatal SIGPIPE), ETIMEDOUT if the time is up,
   *   ECANCELED if the descriptor was closed meanwhile; as write(2) refuses: ENOSPC, EBADF, EFBIG ...
   * @throws The signal's reason, if it was aborted before anything was written.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * assert.equal(await fd.write(new TextEncoder().encode("hello")), 5);
   * assert.equal(fd.stat().size, 5);
   * ```
   */
  async write(bytes: Uint8Array, options?: TransferOptions): Promise<number> {
    const { position, ...waiting } = optionsObject(options, ["position", ...waitOptionNames]);
    const transfer = this.#write(bytes, position);
    return await whenReady(transfer.wanted, transfer.step, transfer.what, waiting);
  }

  /**
   * Writes bytes, and blocks the thread until there is room.
   *
   * @param bytes What to write.
   * @param options Where in the file to write, how long to wait, and whether signals end it.
   * @returns How many bytes were written.
   * @throws {TypeError} If an argument has the wrong type, or the descriptor is closed.
   * @throws {SystemError} EPIPE if nobody can read it any more, ETIMEDOUT if the time is up, EINTR if a signal arrived and
   *   `interruptible` says so; as write(2) refuses.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/dev/full", "O_WRONLY");
   * assert.throws(() => fd.writeSync(new Uint8Array(1)), { code: "ENOSPC", syscall: "write" });
   * ```
   */
  writeSync(bytes: Uint8Array, options?: TransferSyncOptions): number {
    const { position, ...waiting } = optionsObject(options, ["position", "timeout", "interruptible"]);
    const transfer = this.#write(bytes, position);
    return blockUntilReady(transfer.wanted, transfer.step, transfer.what, waiting);
  }

  /**
   * Writes bytes if there is room.
   *
   * @param bytes What to write.
   * @returns How many bytes were written; null where it would have to wait.
   * @throws {TypeError} If the bytes are none, or the descriptor is closed.
   * @throws {SystemError} As write(2) refuses.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/dev/null", "O_WRONLY");
   * assert.equal(fd.tryWrite(new Uint8Array(100)), 100);
   * ```
   */
  tryWrite(bytes: Uint8Array): number | null {
    const { step, what } = this.#write(bytes, undefined);
    return unlessBlocked(step(), what);
  }

  #read(buffer: Uint8Array, position: number | undefined): Transfer {
    const number = this.#open("read");
    const at = checkTransfer(buffer, "buffer", position);
    const { core } = load();
    return {
      wanted: { number, bits: POLLIN },
      // The Fd may have been closed while this waited, and the number be another's.
      step: at < 0
        ? () => core.hawser_fd_read(this.#open("read"), buffer, buffer.length)
        : () => core.hawser_fd_pread(this.#open("read"), buffer, buffer.length, at),
      what: () => ({ what: `read descriptor ${number}`, operation: "fd_read" }),
    };
  }

  #write(bytes: Uint8Array, position: number | undefined): Transfer {
    const number = this.#open("write");
    const at = checkTransfer(bytes, "bytes", position);
    const { core } = load();
    return {
      wanted: { number, bits: POLLOUT },
      step: at < 0
        ? () => core.hawser_fd_write(this.#open("write"), bytes, bytes.length)
        : () => core.hawser_fd_pwrite(this.#open("write"), bytes, bytes.length, at),
      what: () => ({ what: `write descriptor ${number}`, operation: "fd_write" }),
    };
  }

  /**
   * Closes the descriptor. Closing twice is fine. Who waits for it here ({@linkcode ready}) rejects with ECANCELED.
   *
   * @throws {SystemError} EIO, ENOSPC, EDQUOT if data written earlier could not be stored; it is closed all the same.
   */
  close(): void {
    if (this.#number < 0) return;
    const number = this.#number;
    this.#number = -1;
    check(load().core.hawser_fd_close(number), () => ({ what: `close descriptor ${number}`, operation: "fd_close" }));
  }

  /** The same as {@linkcode Fd.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(verb: string): number {
    if (this.#number < 0) throw new TypeError(`Cannot ${verb} the descriptor: it is closed`);
    return this.#number;
  }
}

inspectAs(Fd, (fd) => fd.closed ? "Fd (closed)" : `Fd ${fd.number}`);
