import { optionsObject } from "../core/_arguments.ts";
import { checkWait, countdown, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import type { SystemError } from "../core/errors.ts";
import { checkEnds } from "./_check.ts";
import { copySome } from "./_copy.ts";
import { checkCount, chunk_max, moveWhenReady, moving } from "./_move.ts";
import { step } from "./_ready.ts";
import type { Fd } from "./fd.ts";
import { pipe } from "./pipe.ts";

/**
 * Options of {@linkcode pump}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, pipe, pump, type PumpOptions } from "hawser/fd";
 *
 * const little: PumpOptions = { count: 100, timeout: 1000 };
 * using zeroes = Fd.open("/dev/zero");
 * using ends = pipe();
 * assert.equal(await pump(zeroes, ends.writer, little), 100);
 * ```
 */
export interface PumpOptions extends WaitOptions {
  /** The most bytes; to the end of `from` by default. */
  readonly count?: number | undefined;
}

/**
 * Moves all bytes from one descriptor to another, whatever the two are, until the first one's end: inside the kernel where it
 * can, by splice(2), copy_file_range(2) or sendfile(2), else by reading and writing. It reads no faster than `to` takes it,
 * and closes neither.
 *
 * @param from Where they come from.
 * @param to Where they go.
 * @param options How many at most, how long it may take in all, and who may call it off.
 * @returns How many were moved.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {RangeError} If `count` is negative or not whole.
 * @throws {SystemError} EPIPE if nobody reads `to`; ENOSPC; ETIMEDOUT if the time is up; ECANCELED if one was closed
 *   meanwhile; as read(2) and write(2) refuse. What was moved until then stays moved. Up to 64 KiB that were read already
 *   are lost, except where one of the two is a pipe and the other a pipe or a file.
 * @throws The signal's reason, if it was aborted before the end.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, pipe, pump } from "hawser/fd";
 *
 * using input = Fd.open("/etc/passwd");
 * using output = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
 * using ends = pipe();
 * const filled = pump(input, ends.writer).then(() => ends.writer.close());
 * const count = await pump(ends.reader, output);
 * assert.equal(count, input.stat().size);
 * await filled;
 * ```
 */
export async function pump(from: Fd, to: Fd, options?: PumpOptions): Promise<number> {
  const { count, signal, timeout } = optionsObject(options, ["count", ...waitOptionNames]);
  const [source, sink] = checkEnds(from, to);
  const what = () => ({ what: `pump descriptor ${source} to ${sink}`, operation: "pump" });
  const most = checkCount(count) ?? Infinity;
  const left = countdown(checkWait({ signal, timeout }));
  const ways = waysFor(from, to);
  let moved = 0;
  while (moved < most) {
    let some: number;
    let took = false;
    try {
      some = await step(what, () => ways[0]!(most - moved, { signal, timeout: left() }, () => (took = true)));
    } catch (error) {
      if (took || ways.length === 1 || !refusals.has((error as SystemError | null)?.code)) throw error;
      ways.shift();
      continue;
    }
    if (some === 0) {
      // Files of /proc have no size, and end at once for those who go by that.
      if (moved > 0 || ways.length === 1) break;
      ways.splice(0, ways.length - 1);
    }
    moved += some;
  }
  return moved;
}

/**
 * Moves some bytes, at most `count`, and all that it took of them: how many, zero at the end. Calls `took` when it took some
 * that `to` does not have yet.
 */
type Way = (count: number, options: WaitOptions, took: () => void) => Promise<number>;

/** How a way says that it is not for these two. */
const refusals: ReadonlySet<string | undefined> = new Set([
  "EAGAIN",
  "EBADF",
  "EINVAL",
  "ENOSYS",
  "EOPNOTSUPP",
  "EPERM",
  "ESPIPE",
  "ETXTBSY",
  "EXDEV",
]);

/** What to try for the two, the last of which always works. */
function waysFor(from: Fd, to: Fd): Way[] {
  const kinds = [from.stat().kind, to.stat().kind];
  const last = byReading(from, to);
  if (kinds[0] === "file") {
    const copy = (range: boolean): Way => (count, options) =>
      copySome({ from, fromAt: undefined, to, toAt: undefined, range }, count, options);
    if (kinds[1] === "file") return [copy(true), copy(false), last];
    return to.flags.nonblock ? [copy(false), last] : [last];
  }
  if (kinds.includes("fifo")) return [bySplice(from, to), last];
  const sockets = kinds.every((kind) => kind === "socket") && from.flags.nonblock && to.flags.nonblock;
  return sockets ? [throughPipe(from, to), last] : [last];
}

function bySplice(from: Fd, to: Fd): Way {
  return (count, options) => moveWhenReady(moving("splice", from, to, Math.min(count, chunk_max)), options);
}

function throughPipe(from: Fd, to: Fd): Way {
  return async (count, { signal, timeout }, took) => {
    const left = countdown(timeout ?? Infinity);
    const middle = pipe();
    try {
      const move = moving("splice", from, middle.writer, Math.min(count, chunk_max));
      const some = await moveWhenReady(move, { signal, timeout: left() });
      took();
      return await pump(middle.reader, to, { signal, timeout: left(), count: some });
    } finally {
      middle[Symbol.dispose]();
    }
  };
}

function byReading(from: Fd, to: Fd): Way {
  const buffer = new Uint8Array(64 * 1024);
  return async (count, { signal, timeout }) => {
    const left = countdown(timeout ?? Infinity);
    const some = await from.read(buffer.subarray(0, Math.min(count, buffer.length)), { signal, timeout: left() });
    if (some > 0) await to.writeAll(buffer.subarray(0, some), { signal, timeout: left() });
    return some;
  };
}
