import { integer, optionsObject } from "../core/_arguments.ts";
import { failure } from "../core/_results.ts";
import { checkWait, countdown, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { checkEnds } from "./_check.ts";
import { type Copy, copySome } from "./_copy.ts";
import { checkCount } from "./_move.ts";
import { step } from "./_ready.ts";
import type { Fd } from "./fd.ts";

/**
 * Options of {@linkcode sendfile}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, pipe, sendfile, type SendfileOptions } from "hawser/fd";
 *
 * const head: SendfileOptions = { position: 0, count: 4 };
 * using file = Fd.open("/etc/passwd");
 * using ends = pipe();
 * assert.equal(await sendfile(file, ends.writer, head), 4);
 * ```
 */
export interface SendfileOptions extends WaitOptions {
  /** The most bytes; to the end of the file by default. */
  readonly count?: number | undefined;
  /** Where in the file to begin; its own place stays. Its own place by default, which moves on. */
  readonly position?: number | undefined;
}

/**
 * Options of {@linkcode copyFileRange}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { copyFileRange, type CopyFileRangeOptions, Fd } from "hawser/fd";
 *
 * using file = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
 * file.writeSync(new TextEncoder().encode("abc"));
 * const twice: CopyFileRangeOptions = { fromPosition: 0, toPosition: 3, count: 3 };
 * assert.equal(await copyFileRange(file, file, twice), 3);
 * ```
 */
export interface CopyFileRangeOptions extends WaitOptions {
  /** The most bytes; to the end of the file by default. */
  readonly count?: number | undefined;
  /** Where in `from` to begin; its own place stays. Its own place by default, which moves on. */
  readonly fromPosition?: number | undefined;
  /** Where in `to` to begin; its own place stays. Its own place by default, which moves on. */
  readonly toPosition?: number | undefined;
}

/**
 * Sends a file to a pipe, socket or file without copying it to this program, sendfile(2), in as many calls as that takes.
 * Neither disks nor who reads slowly block the thread. {@linkcode pump} takes what sendfile(2) refuses, too.
 *
 * @param from A file.
 * @param to Where it goes: a file, or what is O_NONBLOCK.
 * @param options Where to begin, how much, how long to wait, and who may call it off: between two calls, of 4 MiB at most.
 * @returns How many bytes were sent.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If `count` or `position` is negative or not whole.
 * @throws {SystemError} EINVAL if one can't do it; EPIPE if nobody reads `to`; ENOSPC; ETIMEDOUT if the time is up; EAGAIN if
 *   64 blocking calls of this process are waited for already. What was sent until then stays sent.
 * @throws The signal's reason, if it was aborted before the end.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, pipe, sendfile } from "hawser/fd";
 *
 * using file = Fd.open("/etc/passwd");
 * using ends = pipe();
 * const sent = sendfile(file, ends.writer).then((count) => (ends.writer.close(), count));
 * assert.equal((await ends.reader.readAll()).length, await sent);
 * ```
 */
export async function sendfile(from: Fd, to: Fd, options?: SendfileOptions): Promise<number> {
  const { count, position, ...waiting } = optionsObject(options, ["count", "position", ...waitOptionNames]);
  checkEnds(from, to);
  const at = checkPosition(position, "position");
  if (to.stat().kind !== "file" && !to.flags.nonblock) {
    throw failure(-EINVAL, {
      what: `send descriptor ${from.number} to ${to.number}`,
      operation: "sendfile",
      states: { EINVAL: "it is neither a file nor O_NONBLOCK" },
    });
  }
  return await copyAll({ from, fromAt: at, to, toAt: undefined, range: false }, count, waiting);
}

/**
 * Copies from file to file inside the kernel, copy_file_range(2), in as many calls as that takes; file systems that can share
 * the blocks instead. Disks do not block the thread.
 *
 * @param from The file to copy from.
 * @param to The file to copy to.
 * @param options Where to begin, how much, how long to wait, and who may call it off: between two calls, of 4 MiB at most.
 * @returns How many bytes were copied.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If `count` or a position is negative or not whole.
 * @throws {SystemError} EINVAL if one is no file or the ranges overlap; EXDEV or EOPNOTSUPP if the file systems can't do it
 *   together; EBADF if `to` is O_APPEND; ENOSPC; ETIMEDOUT; EAGAIN if 64 blocking calls of this process are waited for
 *   already. What was copied until then stays copied.
 * @throws The signal's reason, if it was aborted before the end.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { copyFileRange, Fd } from "hawser/fd";
 *
 * using a = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
 * using b = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
 * a.writeSync(new TextEncoder().encode("hello"));
 * assert.equal(await copyFileRange(a, b, { fromPosition: 1 }), 4);
 * ```
 */
export async function copyFileRange(from: Fd, to: Fd, options?: CopyFileRangeOptions): Promise<number> {
  const { count, fromPosition, toPosition, ...waiting } = optionsObject(options, [
    "count",
    "fromPosition",
    "toPosition",
    ...waitOptionNames,
  ]);
  checkEnds(from, to);
  const fromAt = checkPosition(fromPosition, "fromPosition");
  const toAt = checkPosition(toPosition, "toPosition");
  return await copyAll({ from, fromAt, to, toAt, range: true }, count, waiting);
}

async function copyAll(copy: Copy, count: number | undefined, { signal, timeout }: WaitOptions): Promise<number> {
  const most = checkCount(count) ?? Infinity;
  const left = countdown(checkWait({ signal, timeout }));
  const further = (at: number | undefined, by: number) => at === undefined ? undefined : at + by;
  const [source, sink] = checkEnds(copy.from, copy.to);
  const what = () => ({ what: `copy descriptor ${source} to ${sink}`, operation: "call_copy" });
  let copied = 0;
  while (copied < most) {
    const next = { ...copy, fromAt: further(copy.fromAt, copied), toAt: further(copy.toAt, copied) };
    const some = await step(what, () => copySome(next, most - copied, { signal, timeout: left() }));
    if (some === 0) break;
    copied += some;
  }
  return copied;
}

function checkPosition(position: number | undefined, what: string): number | undefined {
  return position === undefined ? undefined : integer(position, what, 0, Number.MAX_SAFE_INTEGER);
}

const EINVAL = 22;
