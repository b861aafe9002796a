import { load } from "../../ffi/load.ts";
import { layouts, options as bits } from "../../ffi/symbols.ts";
import { cString, describe, fileMode, filePath, flag, integer, optionsObject } from "../core/_arguments.ts";
import { type Attempt, check } from "../core/_results.ts";
import {
  type BlockOptions,
  checkBlock,
  checkWait,
  countdown,
  wait,
  waitOptionNames,
  type WaitOptions,
} from "../core/_waiting.ts";
import { inspectAs } from "../core/_inspect.ts";
import { blockUntilReady, closedError, step, whenReady } from "./_ready.ts";
import { readStat } from "./_stat.ts";
import { readableOf, writableOf } from "./_streams.ts";
import { gone, list, made, originOf, trace } from "./_trace.ts";
import { checkBuffers, checkLength, gather, joined, reading, tried, writing } from "./_transfer.ts";
import type {
  Buffers,
  FdFlagChanges,
  FdFlags,
  FdStat,
  OpenFd,
  OpenFlag,
  TransferOptions,
  TransferSyncOptions,
  Whence,
} from "./types.ts";

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

const { fdFlags } = bits;
const whences: readonly Whence[] = ["start", "current", "end", "data", "hole"];

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
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;
  /** How many streams of it have not ended. */
  #streams = 0;

  private constructor(number: number, key: symbol) {
    if (key !== inside) throw new TypeError("Cannot make an Fd by new: use Fd.open() or Fd.from()");
    this.#number = number;
    made(this, number);
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
   * Remembers where each Fd is made from now on, or forgets it all: for {@linkcode Fd.list}, for console.log, and for a
   * warning (HAWSER_FD_DROPPED) when one is dropped without close(). Of this JS thread. Off by default, and then free.
   *
   * @param on Whether to remember.
   * @throws {TypeError} If it is no boolean.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * Fd.trace(true);
   * using fd = Fd.open("/dev/null");
   * assert.deepEqual(Fd.list().map(({ number }) => number), [fd.number]);
   * Fd.trace(false);
   * ```
   */
  static trace(on: boolean): void {
    trace(flag(on, "on"));
  }

  /**
   * Lists the Fds that were made since {@linkcode Fd.trace} was switched on, and are open.
   *
   * @returns Each with where it was made, oldest first; none while it is off.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * Fd.trace(true);
   * Fd.open("/dev/null").close();
   * assert.deepEqual(Fd.list(), []);
   * Fd.trace(false);
   * ```
   */
  static list(): OpenFd[] {
    return list();
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
    gone(this, number);
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
   * A pipe, socket, terminal or eventfd is waited for by the kernel's poll. What has to come from a disk is first brought
   * into the page cache on a thread of the library's.
   *
   * Several buffers are filled by one system call, as by readv(2): a packet is read whole.
   *
   * @param buffer Where they go: at most its length. Or several.
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
   * using fd = Fd.open("/etc/passwd");
   * const buffer = new Uint8Array(4);
   * assert.equal(await fd.read(buffer), 4);
   * assert.equal(fd.readSync(buffer, { position: 0 }), 4);
   * ```
   */
  async read(buffer: Buffers, options?: TransferOptions): Promise<number> {
    const { position, ...waiting } = optionsObject(options, ["position", ...waitOptionNames]);
    const { wanted, step, what, fetched } = reading(() => this.#open("read"), buffer, position, false);
    return await whenReady(wanted, step, what, waiting, fetched);
  }

  /**
   * Reads some bytes, and blocks the thread until there are any.
   *
   * @param buffer Where they go: at most its length. Or several, which one system call fills.
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
  readSync(buffer: Buffers, options?: TransferSyncOptions): number {
    const { position, ...waiting } = optionsObject(options, ["position", "timeout", "interruptible"]);
    const transfer = reading(() => this.#open("read"), buffer, position, true);
    return blockUntilReady(transfer.wanted, transfer.step, transfer.what, waiting);
  }

  /**
   * Reads some bytes if there are any.
   *
   * @param buffer Where they go: at most its length. Or several, which one system call fills.
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
  tryRead(buffer: Buffers): number | null {
    return tried(reading(() => this.#open("read"), buffer, undefined, true));
  }

  /**
   * Reads all there is until the end: of a file from where it stands, of a pipe until no writer is left.
   *
   * @param options How long to wait, and who may call it off. What was read until then is lost.
   * @returns The bytes.
   * @throws {TypeError | RangeError | SystemError} As {@linkcode Fd.read} does.
   * @throws The signal's reason, if it was aborted before the end.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { pipe } from "hawser/fd";
   *
   * using ends = pipe();
   * ends.writer.writeSync(new TextEncoder().encode("all of it"));
   * ends.writer.close();
   * assert.equal(new TextDecoder().decode(await ends.reader.readAll()), "all of it");
   * ```
   */
  async readAll(options?: WaitOptions): Promise<Uint8Array> {
    const { signal, timeout } = optionsObject(options, waitOptionNames);
    const number = this.#open("read");
    const left = countdown(checkWait({ signal, timeout }));
    const what = () => ({ what: `read descriptor ${number}`, operation: "fd_read" });
    const parts: Uint8Array[] = [];
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = await step(what, () => this.read(buffer, { signal, timeout: left() }));
      if (count === 0) return gather(parts);
      parts.push(buffer.slice(0, count));
    }
  }

  /**
   * Reads all there is until the end, and blocks the thread.
   *
   * @param options How long to wait, and whether signals end it. What was read until then is lost.
   * @returns The bytes.
   * @throws {TypeError | RangeError | SystemError} As {@linkcode Fd.readSync} does.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/etc/passwd");
   * assert.match(new TextDecoder().decode(fd.readAllSync()), /^root:/m);
   * ```
   */
  readAllSync(options?: BlockOptions): Uint8Array {
    const { limit, interruptible } = checkBlock(options);
    const left = countdown(limit);
    const parts: Uint8Array[] = [];
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = this.readSync(buffer, { timeout: left(), interruptible });
      if (count === 0) return gather(parts);
      parts.push(buffer.slice(0, count));
    }
  }

  /**
   * Writes bytes, write(2) or pwrite(2), and waits for room without blocking the thread.
   *
   * @param bytes What to write. A full pipe or socket may take a part of it only; up to PIPE_BUF (4096) bytes go into a pipe
   *   whole. Or several arrays, which one system call writes in their order, as writev(2): up to PIPE_BUF bytes together go
   *   into a pipe whole, and they are one packet.
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
  async write(bytes: Buffers, options?: TransferOptions): Promise<number> {
    const { position, ...waiting } = optionsObject(options, ["position", ...waitOptionNames]);
    const { wanted, step, what } = writing(() => this.#open("write"), bytes, position);
    return await whenReady(wanted, step, what, waiting);
  }

  /**
   * Writes bytes, and blocks the thread until there is room.
   *
   * @param bytes What to write. Or several arrays, which one system call writes.
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
  writeSync(bytes: Buffers, options?: TransferSyncOptions): number {
    const { position, ...waiting } = optionsObject(options, ["position", "timeout", "interruptible"]);
    const transfer = writing(() => this.#open("write"), bytes, position);
    return blockUntilReady(transfer.wanted, transfer.step, transfer.what, waiting);
  }

  /**
   * Writes bytes if there is room.
   *
   * @param bytes What to write. Or several arrays, which one system call writes.
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
  tryWrite(bytes: Buffers): number | null {
    return tried(writing(() => this.#open("write"), bytes, undefined));
  }

  /**
   * Writes bytes to the last one, in as many system calls as that takes.
   *
   * @param bytes What to write. Or several arrays, written in their order.
   * @param options Where in the file to begin (`position`), how long to wait, and who may call it off. What was written
   *   until then stays written.
   * @throws {TypeError | RangeError | SystemError} As {@linkcode Fd.write} does.
   * @throws The signal's reason, if it was aborted before the last byte was written.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { pipe } from "hawser/fd";
   *
   * using ends = pipe();
   * const million = new Uint8Array(1_000_000); // More than the pipe holds.
   * const written = ends.writer.writeAll(million).then(() => ends.writer.close());
   * assert.equal((await ends.reader.readAll()).length, 1_000_000);
   * await written;
   * ```
   */
  async writeAll(bytes: Buffers, options?: TransferOptions): Promise<void> {
    const { position, signal, timeout } = optionsObject(options, ["position", ...waitOptionNames]);
    const number = this.#open("write");
    const left = countdown(checkWait({ signal, timeout }));
    const what = () => ({ what: `write descriptor ${number}`, operation: "fd_write" });
    const all = joined(checkBuffers(bytes, "bytes"));
    const { length } = all;
    let done = 0;
    do {
      const at = position === undefined ? undefined : position + done;
      checkLength(all, length);
      const rest = all.subarray(done);
      done += await step(what, () => this.write(rest, { position: at, signal, timeout: left() }));
    } while (done < length);
  }

  /**
   * Writes bytes to the last one, and blocks the thread.
   *
   * @param bytes What to write. Or several arrays, written in their order.
   * @param options Where in the file to begin, how long to wait, and whether signals end it. What was written until then
   *   stays written.
   * @throws {TypeError | RangeError | SystemError} As {@linkcode Fd.writeSync} does.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * fd.writeAllSync([new Uint8Array(10), new Uint8Array(20)]);
   * assert.equal(fd.stat().size, 30);
   * ```
   */
  writeAllSync(bytes: Buffers, options?: TransferSyncOptions): void {
    const { position, timeout, interruptible } = optionsObject(options, ["position", "timeout", "interruptible"]);
    const left = countdown(checkBlock({ timeout, interruptible }).limit);
    const all = joined(checkBuffers(bytes, "bytes"));
    let done = 0;
    do {
      const at = position === undefined ? undefined : position + done;
      done += this.writeSync(all.subarray(done), { position: at, timeout: left(), interruptible });
    } while (done < all.length);
  }

  /**
   * The descriptor's bytes as a stream, the same one each time. Nothing is read before somebody asks for it, so that what
   * nobody asked for is still there for others.
   *
   * The Fd is closed when all of its streams that were taken have ended: this one with the end of the file, an error, or
   * cancel(), which also ends a read that waits.
   *
   * @throws {TypeError} If it is closed or released.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { pipe } from "hawser/fd";
   *
   * using ends = pipe();
   * ends.writer.writeSync(new TextEncoder().encode("grüße"));
   * ends.writer.close();
   * let text = "";
   * const decoder: ReadableWritablePair<string, BufferSource> = new TextDecoderStream();
   * for await (const part of ends.reader.readable.pipeThrough(decoder)) text += part;
   * assert.equal(text, "grüße");
   * ```
   */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#readable === undefined) {
      this.#open("read");
      this.#readable = readableOf(this, this.#streamEnd());
    }
    return this.#readable;
  }

  /**
   * The descriptor as a stream to write to, the same one each time. A write is done when all of its bytes are; a full pipe
   * holds the stream up.
   *
   * The Fd is closed when all of its streams that were taken have ended: this one with close(), an error, or abort(), which
   * also ends a write that waits.
   *
   * @throws {TypeError} If it is closed or released.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd, pipe } from "hawser/fd";
   *
   * using ends = pipe();
   * using file = Fd.open("/etc/passwd");
   * const { size } = file.stat();
   * const copied = file.readable.pipeTo(ends.writer.writable);
   * assert.equal((await ends.reader.readAll()).length, size);
   * await copied;
   * assert(ends.writer.closed && file.closed);
   * ```
   */
  get writable(): WritableStream<Uint8Array> {
    if (this.#writable === undefined) {
      this.#open("write");
      this.#writable = writableOf(this, this.#streamEnd());
    }
    return this.#writable;
  }

  /** Counts a stream, and what it calls when it has ended. */
  #streamEnd(): () => void {
    this.#streams++;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      if (--this.#streams === 0) this.close();
    };
  }

  /**
   * What it was opened for and how it behaves, fcntl(2).
   *
   * @throws {TypeError} If it is closed or released.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { pipe } from "hawser/fd";
   *
   * using ends = pipe();
   * assert.equal(ends.reader.flags.access, "O_RDONLY");
   * assert(ends.writer.flags.nonblock && ends.writer.flags.closeOnExec);
   * ```
   */
  get flags(): FdFlags {
    const number = this.#open("ask");
    const word = check(load().core.hawser_fd_flags(number), () => ({
      what: `ask for the flags of descriptor ${number}`,
      operation: "fd_flags",
    }));
    const { read, write, path, append, nonblock, packet, close_on_exec } = fdFlags;
    const has = (bit: number) => (word & bit) !== 0;
    return {
      access: has(path) ? "O_PATH" : !has(write) ? "O_RDONLY" : has(read) ? "O_RDWR" : "O_WRONLY",
      append: has(append),
      nonblock: has(nonblock),
      packet: has(packet),
      closeOnExec: has(close_on_exec),
    };
  }

  /**
   * Changes flags, fcntl(2); the others stay. All but `closeOnExec` belong to the open file, and change for every copy of the
   * descriptor in every process.
   *
   * Give a pipe's end `nonblock: false` before another program gets it: most expect that.
   *
   * @param flags What is to change.
   * @throws {TypeError} If a flag is unknown or no boolean, or the descriptor is closed.
   * @throws {SystemError} EPERM if O_APPEND can't be taken off this file, EINVAL if it can't do O_DIRECT.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { pipe } from "hawser/fd";
   *
   * using ends = pipe();
   * ends.writer.setFlags({ nonblock: false });
   * assert.equal(ends.writer.flags.nonblock, false);
   * ```
   */
  setFlags(flags: FdFlagChanges): void {
    const number = this.#open("change");
    let which = 0;
    let wanted = 0;
    const given = optionsObject(flags, ["append", "nonblock", "packet", "closeOnExec"]);
    for (const [name, value] of Object.entries(given)) {
      if (value === undefined) continue;
      const bit = fdFlags[name === "closeOnExec" ? "close_on_exec" : name as "append" | "nonblock" | "packet"];
      which |= bit;
      if (flag(value, name)) wanted |= bit;
    }
    check(load().core.hawser_fd_set_flags(number, which, wanted), () => ({
      what: `change the flags of descriptor ${number}`,
      operation: "fd_set_flags",
    }));
  }

  /**
   * Moves where the descriptor reads and writes next, lseek(2). Copies of it move, too.
   *
   * @param offset How far, in bytes.
   * @param whence From where: the `"start"`, by default, the `"current"` place or the `"end"`; or to the next `"data"` or
   *   `"hole"` from there on.
   * @returns Where it stands, from the start.
   * @throws {TypeError} If an argument has the wrong type, or the descriptor is closed.
   * @throws {RangeError} If the offset is not whole, or `whence` is none of the words.
   * @throws {SystemError} ESPIPE for pipes and sockets, EINVAL before the start, ENXIO if no data comes any more.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * fd.writeSync(new Uint8Array(10));
   * assert.equal(fd.seek(-4, "current"), 6);
   * assert.equal(fd.readSync(new Uint8Array(10)), 4);
   * ```
   */
  seek(offset: number, whence: Whence = "start"): number {
    const number = this.#open("seek in");
    integer(offset, "offset", -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const word = whences.indexOf(whence);
    if (word < 0) throw new RangeError(`whence must be one of ${whences.join(", ")}: got ${describe(whence)}`);
    return check(load().core.hawser_fd_seek(number, offset, word), () => ({
      what: `seek in descriptor ${number}`,
      operation: "fd_seek",
      states: { ESPIPE: "it has no places", ENXIO: "there is no more data" },
    }));
  }

  /**
   * Cuts or extends a file, ftruncate(2). What is new reads as zeroes.
   *
   * @param size How many bytes it has afterwards.
   * @throws {TypeError} If the size is no number, or the descriptor is closed.
   * @throws {RangeError} If the size is negative or not whole.
   * @throws {SystemError} EINVAL if it is no file or not open for writing, EFBIG if that is too large.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * fd.truncate(100);
   * assert.equal(fd.stat().size, 100);
   * ```
   */
  truncate(size: number): void {
    const number = this.#open("truncate");
    integer(size, "size", 0, Number.MAX_SAFE_INTEGER);
    check(load().core.hawser_fd_truncate(number, size), () => ({
      what: `truncate descriptor ${number}`,
      operation: "fd_truncate",
    }));
  }

  /**
   * Waits, without blocking the thread, until all that was written is on the disk, fsync(2). The Fd may be closed meanwhile.
   *
   * @param options A signal that calls the wait off, and its longest time; the writing itself goes on.
   * @throws {TypeError} If an option has the wrong type, or the descriptor is closed.
   * @throws {SystemError} EIO, ENOSPC if it could not be written; EINVAL for a pipe or socket; ETIMEDOUT after `timeout`;
   *   EAGAIN if 64 blocking calls of this process are waited for already.
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * fd.writeSync(new Uint8Array(10));
   * await fd.sync({ timeout: 60_000 });
   * ```
   */
  async sync(options?: WaitOptions): Promise<void> {
    await this.#sync(0, options);
  }

  /**
   * The same as {@linkcode Fd.sync} for the data alone, without times and owners, fdatasync(2).
   *
   * @param options A signal that calls the wait off, and its longest time; the writing itself goes on.
   * @throws {TypeError | SystemError} As {@linkcode Fd.sync} does.
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * fd.writeSync(new Uint8Array(10));
   * await fd.datasync();
   * ```
   */
  async datasync(options?: WaitOptions): Promise<void> {
    await this.#sync(1, options);
  }

  /**
   * Blocks the thread until all that was written is on the disk, fsync(2).
   *
   * @throws {TypeError} If the descriptor is closed.
   * @throws {SystemError} EIO, ENOSPC if it could not be written; EINVAL for a pipe or socket.
   *
   * @example
   * ```ts
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * fd.writeSync(new Uint8Array(10));
   * fd.syncSync();
   * ```
   */
  syncSync(): void {
    const number = this.#open("sync");
    check(load().core.hawser_fd_sync(number, 0), () => syncing(number));
  }

  /**
   * The same as {@linkcode Fd.syncSync} for the data alone, fdatasync(2).
   *
   * @throws {TypeError | SystemError} As {@linkcode Fd.syncSync} does.
   *
   * @example
   * ```ts
   * import { Fd } from "hawser/fd";
   *
   * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
   * fd.writeSync(new Uint8Array(10));
   * fd.datasyncSync();
   * ```
   */
  datasyncSync(): void {
    const number = this.#open("sync");
    check(load().core.hawser_fd_sync(number, 1), () => syncing(number));
  }

  async #sync(dataOnly: number, options: WaitOptions | undefined): Promise<void> {
    const number = this.#open("sync");
    await wait(
      { start: (core, bell, token) => core.hawser_call_sync(bell, token, number, dataOnly) },
      () => syncing(number),
      optionsObject(options, waitOptionNames),
    );
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
    gone(this, number);
    check(load().core.hawser_fd_close(number), () => ({ what: `close descriptor ${number}`, operation: "fd_close" }));
  }

  /** The same as {@linkcode Fd.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(verb: string): number {
    if (this.#number < 0) throw closedError(verb);
    return this.#number;
  }
}

function syncing(number: number): Attempt {
  return { what: `sync descriptor ${number}`, operation: "fd_sync", states: { EINVAL: "it is no file" } };
}

inspectAs(Fd, (fd) => {
  if (fd.closed) return "Fd (closed)";
  const origin = originOf(fd.number);
  return `Fd ${fd.number}${origin === undefined ? "" : ` (made ${origin})`}`;
});
