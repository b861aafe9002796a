// Reading and writing, ready to be tried again and again.
//
// One buffer crosses the boundary for each call. Several go through a scratch of their size, so that they are one system
// call all the same: a packet is read whole, and written whole.
import { load } from "../../ffi/load.ts";
import { POLLIN, POLLOUT } from "../../ffi/symbols.ts";
import { describe, integer } from "../core/_arguments.ts";
import { type Attempt, check, errnoOf } from "../core/_results.ts";
import { wait, type WaitOptions } from "../core/_waiting.ts";
import type { SystemError } from "../core/errors.ts";
import type { Wanted } from "./_ready.ts";
import type { Buffers } from "./types.ts";

/** A read or a write. */
export interface Transfer {
  readonly wanted: Wanted;
  /** Tries. A blocking read waits as long as it is told. */
  readonly step: (timeout_ms?: number, interruptible?: number) => number;
  readonly what: () => Attempt;
  /** Brings what is to be read into the page cache, without blocking this thread; once. */
  readonly fetched?: (options: WaitOptions) => Promise<void>;
}

/**
 * A read.
 *
 * @param open The descriptor's number; throws where it is closed by now, and the number may be another's.
 * @param waitForDisk Whether `step` itself waits for disks.
 */
export function reading(
  open: () => number,
  buffers: unknown,
  position: number | undefined,
  waitForDisk: boolean,
): Transfer {
  const number = open();
  const list = checkBuffers(buffers, "buffer");
  const at = checkPosition(position);
  const { core } = load();
  const into = list.length === 1 ? list[0]! : new Uint8Array(totalOf(list));
  const { length } = into;
  let blocks = waitForDisk;
  const read = (timeout_ms: number, interruptible: number) => {
    const fd = open();
    if (at < 0) {
      return blocks
        ? core.hawser_fd_read(fd, into, into.length, timeout_ms, interruptible)
        : core.hawser_fd_read_cached(fd, into, into.length);
    }
    return blocks
      ? core.hawser_fd_pread(fd, into, into.length, at)
      : core.hawser_fd_pread_cached(fd, into, into.length, at);
  };
  return {
    wanted: { number, bits: POLLIN },
    step: (timeout_ms = 0, interruptible = 0) => {
      checkLength(into, length);
      const result = read(timeout_ms, interruptible);
      if (list.length !== 1 && result > 0) scatter(into.subarray(0, result), list);
      return result;
    },
    what: () => ({ what: `read descriptor ${number}`, operation: "fd_read" }),
    async fetched(options) {
      // What is not in the cache after that, for whatever reason, is read as always.
      blocks = true;
      const count = Math.min(into.length, fetch_max);
      const start = Math.max(at, 0);
      const source = {
        start: (_core: typeof core, bell: number, token: number) =>
          core.hawser_call_prefetch(bell, token, open(), start, Number(at < 0), count),
      };
      try {
        await wait(source, () => ({ what: "read ahead", operation: "call_prefetch" }), options);
      } catch (error) {
        // The read itself tells what is wrong with the disk.
        const { code } = error as SystemError;
        if (code !== "EIO" && code !== "EAGAIN") throw error;
      }
    },
  };
}

/** A write. */
export function writing(open: () => number, buffers: unknown, position: number | undefined): Transfer {
  const number = open();
  const list = checkBuffers(buffers, "bytes");
  const at = checkPosition(position);
  const { core } = load();
  const bytes = joined(list);
  const { length } = bytes;
  const write = at < 0
    ? () => core.hawser_fd_write(open(), bytes, length)
    : () => core.hawser_fd_pwrite(open(), bytes, length, at);
  return {
    wanted: { number, bits: POLLOUT },
    step: () => {
      checkLength(bytes, length);
      return write();
    },
    what: () => ({ what: `write descriptor ${number}`, operation: "fd_write" }),
  };
}

/** A transfer tried once: null where it would have to wait. */
export function tried({ step, what }: Transfer): number | null {
  const result = step();
  return errnoOf(result) === -EAGAIN ? null : check(result, what);
}

/**
 * Refuses an array that has become shorter while something waited. One whose memory was transferred has no length at all:
 * what was read would look like the end, and what was not written like all of it.
 */
export function checkLength(bytes: Uint8Array, length: number): void {
  if (bytes.length < length) {
    throw new TypeError("Cannot use the bytes: their buffer was transferred or resized meanwhile");
  }
}

/** The bytes of several arrays, without a copy where it is one. */
export function joined(list: readonly Uint8Array[]): Uint8Array {
  return list.length === 1 ? list[0]! : gather(list);
}

/** The bytes of several arrays, one behind the other. */
export function gather(list: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(totalOf(list));
  let at = 0;
  for (const part of list) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Checks what to read into or to write: a list. */
export function checkBuffers(buffers: unknown, name: string): readonly Uint8Array[] {
  if (buffers instanceof Uint8Array) return [buffers];
  if (!Array.isArray(buffers)) {
    throw new TypeError(`${name} must be a Uint8Array or several: got ${describe(buffers)}`);
  }
  for (const part of buffers as readonly unknown[]) {
    if (!(part instanceof Uint8Array)) throw new TypeError(`${name} must hold Uint8Arrays: got ${describe(part)}`);
  }
  return buffers as Buffers & readonly Uint8Array[];
}

function scatter(bytes: Uint8Array, list: readonly Uint8Array[]): void {
  let at = 0;
  for (const part of list) {
    part.set(bytes.subarray(at, at + part.length));
    at += part.length;
    if (at >= bytes.length) return;
  }
}

function totalOf(list: readonly Uint8Array[]): number {
  return list.reduce((total, part) => total + part.length, 0);
}

/** A position, -1 where there is none. */
function checkPosition(position: number | undefined): number {
  return position === undefined ? -1 : integer(position, "position", 0, Number.MAX_SAFE_INTEGER);
}

/** More than that at once is read from the disk as it comes. */
const fetch_max = 8 * 1024 * 1024;
const EAGAIN = 11;
