// A descriptor as Web streams.
import { describe } from "../core/_arguments.ts";
import type { Fd } from "./fd.ts";

const chunk_bytes = 64 * 1024;

/** The bytes of a descriptor. Nothing is read before somebody asks. */
export function readableOf(fd: Fd, end: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(chunk_bytes);
  const cancelled = new AbortController();
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      let count: number;
      try {
        count = await fd.read(buffer, { signal: cancelled.signal });
      } catch (error) {
        if (cancelled.signal.aborted) return;
        end();
        throw error;
      }
      if (count > 0) return controller.enqueue(buffer.slice(0, count));
      end();
      controller.close();
    },
    cancel(reason) {
      cancelled.abort(reason);
      end();
    },
  }, { highWaterMark: 0 });
}

/** Writes each chunk whole before the next. */
export function writableOf(fd: Fd, end: () => void): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    async write(chunk, controller) {
      try {
        if (!(chunk instanceof Uint8Array)) throw new TypeError(`chunk must be a Uint8Array: got ${describe(chunk)}`);
        await fd.writeAll(chunk, { signal: controller.signal });
      } catch (error) {
        end();
        throw error;
      }
    },
    close: end,
    abort: end,
  });
}
