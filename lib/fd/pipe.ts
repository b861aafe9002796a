import { load } from "../../ffi/load.ts";
import { layouts, options as bits } from "../../ffi/symbols.ts";
import { flag, integer, optionsObject } from "../core/_arguments.ts";
import { check } from "../core/_results.ts";
import { checkFd } from "./_check.ts";
import { type Fd, owned } from "./fd.ts";

/**
 * Options of {@linkcode pipe}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, type PipeOptions } from "hawser/fd";
 *
 * const large: PipeOptions = { capacity: 1 << 20 };
 * using ends = pipe(large);
 * assert.equal(ends.capacity, 1 << 20);
 * ```
 */
export interface PipeOptions {
  /** The least bytes it holds, F_SETPIPE_SZ; the kernel rounds up. 64 KiB by default. */
  readonly capacity?: number | undefined;
  /**
   * Whether each write is read by itself, O_DIRECT: a read answers one packet, and what of it does not fit into the buffer
   * is dropped. A write of more than PIPE_BUF (4096) bytes becomes several packets. False by default.
   */
  readonly packet?: boolean | undefined;
}

/**
 * Both ends of a pipe. Disposing of it closes both.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Pipe, pipe } from "hawser/fd";
 *
 * const closeWriter = (ends: Pipe) => ends.writer.close();
 * using ends = pipe();
 * closeWriter(ends);
 * assert.equal(await ends.reader.read(new Uint8Array(1)), 0);
 * ```
 */
export interface Pipe extends Disposable {
  /** What was written comes out here; then zero bytes, when no writer is left. */
  readonly reader: Fd;
  /** What is written here can be read at the other end; EPIPE when no reader is left. */
  readonly writer: Fd;
  /** How many bytes it held when it was made. */
  readonly capacity: number;
}

/**
 * Makes a pipe, pipe2(2). Both ends are close-on-exec and O_NONBLOCK.
 *
 * Writes of up to PIPE_BUF (4096) bytes are never mixed with other writers' bytes. A write that nobody can read is the error
 * EPIPE and never the signal SIGPIPE.
 *
 * @param options How much it holds, and whether it carries packets.
 * @returns Its ends.
 * @throws {TypeError} If an option has the wrong type.
 * @throws {RangeError} If the capacity is not positive.
 * @throws {SystemError} EMFILE if there are too many descriptors; EPERM if the capacity is more than
 *   /proc/sys/fs/pipe-max-size and this user is not privileged, or this user's pipes hold too much already.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe } from "hawser/fd";
 *
 * using ends = pipe();
 * await ends.writer.write(new TextEncoder().encode("hello"));
 * const buffer = new Uint8Array(16);
 * const count = await ends.reader.read(buffer);
 * assert.equal(new TextDecoder().decode(buffer.subarray(0, count)), "hello");
 * ```
 */
export function pipe(options?: PipeOptions): Pipe {
  const { capacity, packet } = optionsObject(options, ["capacity", "packet"]);
  const bytes = capacity === undefined ? 0 : checkCapacity(capacity);
  const word = flag(packet, "packet") ? bits.pipeOptions.packet : 0;
  const layout = layouts.pipeEnds;
  const record = new Uint8Array(layout.size);
  check(
    load().core.hawser_fd_pipe(bytes, word, record, record.length),
    () => ({ what: "make a pipe", operation: "fd_pipe", states: capacityStates }),
  );
  const view = new DataView(record.buffer);
  const reader = owned(view.getInt32(layout.reader, true));
  const writer = owned(view.getInt32(layout.writer, true));
  return {
    reader,
    writer,
    capacity: view.getUint32(layout.capacity, true),
    [Symbol.dispose]() {
      reader.close();
      writer.close();
    },
  };
}

/**
 * Says how many bytes a pipe or FIFO holds, fcntl(2) F_GETPIPE_SZ, after it was told how many to hold, F_SETPIPE_SZ.
 *
 * @param fd One of its ends.
 * @param capacity The least bytes it shall hold from now on; the kernel rounds up.
 * @returns How many it holds.
 * @throws {TypeError} If an argument has the wrong type, or the descriptor is closed.
 * @throws {RangeError} If the capacity is not positive.
 * @throws {SystemError} EBADF if it is no pipe; EBUSY if there is more in it than it shall hold; EPERM as {@linkcode pipe}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, pipeCapacity } from "hawser/fd";
 *
 * using ends = pipe();
 * assert.equal(pipeCapacity(ends.reader), ends.capacity);
 * assert.equal(pipeCapacity(ends.writer, 256 * 1024), 256 * 1024);
 * ```
 */
export function pipeCapacity(fd: Fd, capacity?: number): number {
  const number = checkFd(fd, "fd");
  const bytes = capacity === undefined ? 0 : checkCapacity(capacity);
  return check(load().core.hawser_fd_pipe_capacity(number, bytes), () => ({
    what: `${bytes === 0 ? "ask" : "set"} what descriptor ${number} holds`,
    operation: "fd_pipe_capacity",
    states: { ...capacityStates, EBADF: "it is no pipe" },
  }));
}

const capacityStates = {
  EPERM: "this user's pipes may not hold so much, /proc/sys/fs/pipe-max-size",
  EBUSY: "there is more in it",
};

function checkCapacity(capacity: number): number {
  return integer(capacity, "capacity", 1, 2 ** 31);
}
