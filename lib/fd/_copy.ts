// One call of sendfile(2) or copy_file_range(2), on a thread of the library's: both wait for disks.
import { options as bits, POLLOUT } from "../../ffi/symbols.ts";
import type { Attempt } from "../core/_results.ts";
import { checkWait, countdown, wait, type WaitOptions } from "../core/_waiting.ts";
import type { SystemError } from "../core/errors.ts";
import { failure } from "../core/_results.ts";
import { checkEnds } from "./_check.ts";
import { untilReady } from "./_ready.ts";
import type { Fd } from "./fd.ts";

/** From where to where, and how. */
export interface Copy {
  readonly from: Fd;
  readonly fromAt: number | undefined;
  readonly to: Fd;
  readonly toAt: number | undefined;
  /** copy_file_range(2), else sendfile(2). */
  readonly range: boolean;
}

/** What one call copies at most: a signal is heard between them, since a call that runs can't be undone. */
const chunk_max = 4 << 20;

/**
 * Copies some bytes, at most `count`: how many, zero at the end.
 *
 * @throws {TypeError} If one of the two was closed before or between two of its calls: {@link step} makes ECANCELED of that.
 */
export async function copySome(
  { from, fromAt, to, toAt, range }: Copy,
  count: number,
  options: WaitOptions,
): Promise<number> {
  const left = countdown(checkWait(options));
  const [source, sink] = checkEnds(from, to);
  const { from_position, to_position, range: ranged } = bits.copyOptions;
  const word = (fromAt === undefined ? 0 : from_position) | (toAt === undefined ? 0 : to_position) |
    (range ? ranged : 0);
  const what = (): Attempt => ({
    what: `copy descriptor ${source} to ${sink}`,
    operation: "call_copy",
    states: { EINVAL: "one of them can't do it", EXDEV: "they are on different file systems" },
  });
  for (;;) {
    const numbers = checkEnds(from, to);
    try {
      return await wait({
        start: (core, bell, token) =>
          core.hawser_call_copy(
            bell,
            token,
            numbers[0],
            fromAt ?? 0,
            numbers[1],
            toAt ?? 0,
            Math.min(count, chunk_max),
            word,
          ),
      }, what);
    } catch (error) {
      const { code, syscall } = (error ?? {}) as Partial<SystemError>;
      if (code !== "EAGAIN" || syscall !== "sendfile") throw error;
    }
    options.signal?.throwIfAborted();
    if (left() === 0) throw failure(-ETIMEDOUT, what());
    await untilReady({ number: numbers[1], bits: POLLOUT }, { signal: options.signal, timeout: left() });
  }
}

const ETIMEDOUT = 110;
