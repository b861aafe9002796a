// What Fd's methods take and answer.
import type { BlockOptions, WaitOptions } from "../core/_waiting.ts";

/**
 * The flags of open(2) that `Fd.open()` takes. `O_CLOEXEC` and `O_NOCTTY` are always set.
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
 * Options of `Fd.read()` and `Fd.write()`.
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
 * Options of `Fd.readSync()` and `Fd.writeSync()`.
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

/**
 * What to read into, or to write: one array of bytes or several, which one call fills or writes in their order.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Buffers, Fd } from "hawser/fd";
 *
 * const parts: Buffers = [new Uint8Array(2), new Uint8Array(3)];
 * using fd = Fd.open("/dev/zero");
 * assert.equal(fd.readSync(parts), 5);
 * ```
 */
export type Buffers = Uint8Array | readonly Uint8Array[];

/**
 * The flags of a descriptor, fcntl(2).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type FdFlags } from "hawser/fd";
 *
 * using fd = Fd.open("/dev/null", ["O_WRONLY", "O_APPEND"]);
 * const flags: FdFlags = fd.flags;
 * assert.deepEqual(flags, { access: "O_WRONLY", append: true, nonblock: false, packet: false, closeOnExec: true });
 * ```
 */
export interface FdFlags {
  /** What it was opened for. */
  readonly access: "O_RDONLY" | "O_WRONLY" | "O_RDWR" | "O_PATH";
  /** O_APPEND: each write goes to the end of the file. Shared by all copies of the descriptor. */
  readonly append: boolean;
  /** O_NONBLOCK: calls of others do not wait, either; hawser's never do in the call itself. Shared by all copies. */
  readonly nonblock: boolean;
  /** O_DIRECT: each write into a pipe is a packet; a file's bytes bypass the page cache. Shared by all copies. */
  readonly packet: boolean;
  /** FD_CLOEXEC: programs this one starts do not get it. */
  readonly closeOnExec: boolean;
}

/**
 * What `Fd.setFlags()` is to change; what is not named stays.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type FdFlagChanges } from "hawser/fd";
 *
 * const inherited: FdFlagChanges = { closeOnExec: false };
 * using fd = Fd.open("/dev/null");
 * fd.setFlags(inherited);
 * assert.equal(fd.flags.closeOnExec, false);
 * ```
 */
export type FdFlagChanges = { readonly [Name in Exclude<keyof FdFlags, "access">]?: FdFlags[Name] | undefined };

/**
 * From where `Fd.seek()` counts: SEEK_SET, SEEK_CUR, SEEK_END; to the next data or hole, SEEK_DATA, SEEK_HOLE.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type Whence } from "hawser/fd";
 *
 * const whence: Whence = "end";
 * using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
 * fd.truncate(100);
 * assert.equal(fd.seek(-1, whence), 99);
 * ```
 */
export type Whence = "start" | "current" | "end" | "data" | "hole";

/**
 * An open Fd, as `Fd.list()` tells it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, type OpenFd } from "hawser/fd";
 *
 * Fd.trace(true);
 * using fd = Fd.open("/dev/null");
 * const [first]: OpenFd[] = Fd.list();
 * assert.equal(first?.number, fd.number);
 * Fd.trace(false);
 * ```
 */
export interface OpenFd {
  /** The descriptor's number. */
  readonly number: number;
  /** Where it was made: a stack, its innermost place first. */
  readonly stack: string;
  /** Whether its Fd was garbage, and nobody can close it any more. */
  readonly dropped: boolean;
}
