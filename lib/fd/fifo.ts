import { load } from "../../ffi/load.ts";
import { options as bits } from "../../ffi/symbols.ts";
import { cString, describe, fileMode, filePath, optionsObject } from "../core/_arguments.ts";
import { inspectAs } from "../core/_inspect.ts";
import { type Attempt, check, errnoOf, failure } from "../core/_results.ts";
import { type BlockOptions, checkBlock, limitMs, wait, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { checkFd } from "./_check.ts";
import { type Fd, owned } from "./fd.ts";

/**
 * What a FIFO is opened for. `"both"` never waits for another end, and never meets the end of the data, since this program
 * is a writer itself.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fifo, type FifoAccess } from "hawser/fd";
 *
 * const access: FifoAccess = "both";
 * using fifo = Fifo.make(`/tmp/both-${process.pid}`);
 * using fd = await Fifo.open(fifo.path, access);
 * assert.equal(fd.flags.access, "O_RDWR");
 * ```
 */
export type FifoAccess = "read" | "write" | "both";

/**
 * Where a FIFO's path begins.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, Fifo, type FifoPlace } from "hawser/fd";
 *
 * using folder = Fd.open("/tmp", "O_DIRECTORY");
 * const place: FifoPlace = { directory: folder };
 * using fifo = Fifo.make(`placed-${process.pid}`, place);
 * assert.equal(Fifo.tryOpen(fifo.path, "write", place), null);
 * ```
 */
export interface FifoPlace {
  /** The folder that a relative path begins in, as mkfifoat(3) takes it. The working directory by default. */
  readonly directory?: Fd | undefined;
}

/**
 * Options of {@linkcode Fifo.make}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fifo, type FifoOptions } from "hawser/fd";
 *
 * const ours: FifoOptions = { mode: 0o600 };
 * using fifo = Fifo.make(`/tmp/ours-${process.pid}`, ours);
 * assert.equal(fifo.closed, false);
 * ```
 */
export interface FifoOptions extends FifoPlace {
  /** The permission bits, before the umask. 0o600 by default. */
  readonly mode?: number | undefined;
}

/**
 * Options of {@linkcode Fifo.open}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fifo, type FifoOpenOptions } from "hawser/fd";
 *
 * const briefly: FifoOpenOptions = { timeout: 5 };
 * using fifo = Fifo.make(`/tmp/briefly-${process.pid}`);
 * await assert.rejects(Fifo.open(fifo.path, "read", briefly), { code: "ETIMEDOUT" });
 * ```
 */
export interface FifoOpenOptions extends FifoPlace, WaitOptions {}

/**
 * Options of {@linkcode Fifo.openSync}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fifo, type FifoOpenSyncOptions } from "hawser/fd";
 *
 * const briefly: FifoOpenSyncOptions = { timeout: 5 };
 * using fifo = Fifo.make(`/tmp/briefly-sync-${process.pid}`);
 * assert.throws(() => Fifo.openSync(fifo.path, "write", briefly), { code: "ETIMEDOUT" });
 * ```
 */
export interface FifoOpenSyncOptions extends FifoPlace, BlockOptions {}

const { openOptions } = bits;

const accessBits: Readonly<Record<FifoAccess, number>> = {
  read: openOptions.read,
  write: openOptions.write,
  both: openOptions.read | openOptions.write,
};

/** What the constructor is called with from here, and from nowhere else. */
const inside = Symbol("Fifo");

/**
 * A FIFO: a pipe with a name, so that any program that can open a file can be at its other end. See fifo(7).
 *
 * An object of this class stands for the name that {@linkcode Fifo.make} made; disposing of it removes the name. Whoever has
 * the FIFO open keeps it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fifo } from "hawser/fd";
 *
 * using fifo = Fifo.make(`/tmp/log-${process.pid}`);
 * const reading = Fifo.open(fifo.path, "read"); // Waits for a writer; any other program may be that.
 * using writer = await Fifo.open(fifo.path, "write");
 * using reader = await reading;
 * await writer.write(new TextEncoder().encode("hello"));
 * assert.equal(await reader.read(new Uint8Array(16)), 5);
 * ```
 */
export class Fifo implements Disposable {
  /** The path it was made at. */
  readonly path: string;
  readonly #directory: Fd | undefined;
  #gone = false;

  private constructor(path: string, directory: Fd | undefined, key: symbol) {
    if (key !== inside) throw new TypeError("Cannot make a Fifo by new: use Fifo.make()");
    this.path = path;
    this.#directory = directory;
  }

  /**
   * Makes a FIFO, mkfifo(3).
   *
   * @param file The path, or a file: URL.
   * @param options The permission bits, and where the path begins.
   * @returns Its name, to be removed by dispose.
   * @throws {TypeError} If an argument has the wrong type, or the folder is closed.
   * @throws {RangeError} If the mode is out of range, or the path is empty or holds a NUL character.
   * @throws {SystemError} As mkfifo(3) refuses: EEXIST, EACCES, ENOENT, ENOTDIR, EROFS ...
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd, Fifo } from "hawser/fd";
   *
   * using fifo = Fifo.make(`/tmp/made-${process.pid}`, { mode: 0o600 });
   * using fd = Fd.open(fifo.path, "O_PATH");
   * assert.deepEqual([fd.stat().kind, fd.stat().mode], ["fifo", 0o600]);
   * ```
   */
  static make(file: string | URL, options?: FifoOptions): Fifo {
    const { mode = 0o600, directory } = optionsObject(options, ["mode", "directory"]);
    const { path, text, dir } = checkPlace(file, directory);
    const result = load().core.hawser_fifo_make(dir, text, text.length, fileMode(mode));
    check(result, () => ({ what: `make the FIFO ${describe(path)}`, operation: "fifo_make", path }));
    return new Fifo(path, directory, inside);
  }

  /**
   * Opens a FIFO, open(2), and waits for its other end without blocking the thread: a reader for a writer, a writer for a
   * reader.
   *
   * The wait is a system call on a thread of the library's, of which a process can have 64. Nothing is left open where it is
   * called off.
   *
   * @param file The path, or a file: URL.
   * @param access What for.
   * @param options Where the path begins, how long to wait, and who may call it off.
   * @returns The descriptor, O_NONBLOCK.
   * @throws {TypeError} If an argument has the wrong type, or the folder is closed.
   * @throws {RangeError} If `access` is none of the words.
   * @throws {SystemError} ETIMEDOUT if the time is up; EINVAL if it is no FIFO; EAGAIN if 64 blocking calls of this process
   *   are waited for already; as open(2) refuses: ENOENT, EACCES, ENOTDIR ...
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fifo } from "hawser/fd";
   *
   * using fifo = Fifo.make(`/tmp/opened-${process.pid}`);
   * const waiting = Fifo.open(fifo.path, "write", { timeout: 10_000 });
   * using reader = await Fifo.open(fifo.path, "read");
   * using writer = await waiting;
   * assert.equal(writer.flags.access, "O_WRONLY");
   * ```
   */
  static async open(file: string | URL, access: FifoAccess, options?: FifoOpenOptions): Promise<Fd> {
    const { directory, ...waiting } = optionsObject(options, ["directory", ...waitOptionNames]);
    const { path, text, dir } = checkPlace(file, directory);
    const word = checkAccess(access);
    const number = await wait(
      {
        start: (core, bell, token) => core.hawser_call_open(bell, token, dir, text, text.length, word),
        interrupt: (core, bell, token, id) => core.hawser_call_cancel(bell, token, id),
        late: (core, result) => {
          if (result >= 0) core.hawser_fd_close(result);
        },
      },
      () => opening(path),
      waiting,
    );
    return checkKind(number, path);
  }

  /**
   * Opens a FIFO, and blocks the thread until its other end is opened.
   *
   * @param file The path, or a file: URL.
   * @param access What for.
   * @param options Where the path begins, how long to wait, and whether signals end it.
   * @returns The descriptor, O_NONBLOCK.
   * @throws {TypeError | RangeError | SystemError} As {@linkcode Fifo.open} does; EINTR if a signal arrived and
   *   `interruptible` says so.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fifo } from "hawser/fd";
   *
   * using fifo = Fifo.make(`/tmp/opened-sync-${process.pid}`);
   * const waiting = Fifo.open(fifo.path, "read");
   * using writer = Fifo.openSync(fifo.path, "write", { timeout: 10_000 });
   * using reader = await waiting;
   * ```
   */
  static openSync(file: string | URL, access: FifoAccess, options?: FifoOpenSyncOptions): Fd {
    const { directory, ...blocking } = optionsObject(options, ["directory", "timeout", "interruptible"]);
    const { limit, interruptible } = checkBlock(blocking);
    const { path, text, dir } = checkPlace(file, directory);
    const word = checkAccess(access);
    const { core } = load();
    const result = core.hawser_fifo_open(dir, text, text.length, word, limitMs(limit), Number(interruptible));
    return checkKind(check(result, () => opening(path)), path);
  }

  /**
   * Opens a FIFO without waiting for anybody, O_NONBLOCK. A reader is opened in any case: what it reads waits for the first
   * writer then.
   *
   * @param file The path, or a file: URL.
   * @param access What for.
   * @param options Where the path begins.
   * @returns The descriptor, O_NONBLOCK; null where a writer would have to wait for a reader (ENXIO).
   * @throws {TypeError | RangeError} As {@linkcode Fifo.open} does.
   * @throws {SystemError} EINVAL if it is no FIFO; as open(2) refuses.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fifo } from "hawser/fd";
   *
   * using fifo = Fifo.make(`/tmp/tried-${process.pid}`);
   * assert.equal(Fifo.tryOpen(fifo.path, "write"), null);
   * using reader = Fifo.tryOpen(fifo.path, "read")!;
   * using writer = Fifo.tryOpen(fifo.path, "write")!;
   * assert.equal(writer.tryWrite(new Uint8Array(3)), 3);
   * ```
   */
  static tryOpen(file: string | URL, access: FifoAccess, options?: FifoPlace): Fd | null {
    const { directory } = optionsObject(options, ["directory"]);
    const { path, text, dir } = checkPlace(file, directory);
    const word = checkAccess(access) | openOptions.nonblock;
    const result = load().core.hawser_fifo_open(dir, text, text.length, word, 0, 0);
    if (errnoOf(result) === -ENXIO) return null;
    return checkKind(check(result, () => opening(path)), path);
  }

  /** Whether its name was removed by {@linkcode Fifo.unlink}. */
  get closed(): boolean {
    return this.#gone;
  }

  /**
   * Removes the name, unlink(2). Who has the FIFO open keeps it. Doing so twice is fine, and so is a name that somebody else
   * removed.
   *
   * @throws {TypeError} If the folder it was made in is closed.
   * @throws {SystemError} EACCES, EPERM, EROFS if that is not allowed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fifo } from "hawser/fd";
   *
   * const fifo = Fifo.make(`/tmp/unlinked-${process.pid}`);
   * fifo.unlink();
   * assert.throws(() => Fifo.tryOpen(fifo.path, "read"), { code: "ENOENT" });
   * ```
   */
  unlink(): void {
    if (this.#gone) return;
    const { path, text, dir } = checkPlace(this.path, this.#directory);
    const result = load().core.hawser_fifo_unlink(dir, text, text.length);
    if (errnoOf(result) !== -ENOENT) {
      check(result, () => ({ what: `remove the FIFO ${describe(path)}`, operation: "fifo_unlink", path }));
    }
    this.#gone = true;
  }

  /** The same as {@linkcode Fifo.unlink}. */
  [Symbol.dispose](): void {
    this.unlink();
  }
}

inspectAs(Fifo, (fifo) => `Fifo ${JSON.stringify(fifo.path)}${fifo.closed ? " (removed)" : ""}`);

function checkPlace(file: unknown, directory: Fd | undefined): { path: string; text: Uint8Array; dir: number } {
  const path = filePath(file);
  const text = cString(path, "path");
  return { path, text, dir: directory === undefined ? -1 : checkFd(directory, "directory") };
}

function checkAccess(access: unknown): number {
  if (typeof access !== "string") throw new TypeError(`access must be a string: got ${describe(access)}`);
  if (!Object.hasOwn(accessBits, access)) {
    throw new RangeError(`access must be "read", "write" or "both": got ${describe(access)}`);
  }
  return accessBits[access as FifoAccess];
}

/** What was opened may be anything. */
function checkKind(number: number, path: string): Fd {
  const fd = owned(number);
  if (fd.stat().kind === "fifo") return fd;
  fd.close();
  throw failure(-EINVAL, { ...opening(path), states: { EINVAL: "it is no FIFO" } });
}

function opening(path: string): Attempt {
  return {
    what: `open the FIFO ${describe(path)}`,
    operation: "fifo_open",
    path,
    states: { ENXIO: "nobody reads it" },
  };
}

const ENOENT = 2;
const ENXIO = 6;
const EINVAL = 22;
