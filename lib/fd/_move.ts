// Moving bytes between two descriptors inside the kernel: tried without waiting, and waited for at whichever side it is
// that has nothing, or no room.
import { load } from "../../ffi/load.ts";
import { POLLIN, POLLOUT } from "../../ffi/symbols.ts";
import { integer } from "../core/_arguments.ts";
import { type Attempt, check, errnoOf, failure } from "../core/_results.ts";
import { type BlockOptions, checkBlock, checkWait, countdown, type WaitOptions } from "../core/_waiting.ts";
import { checkEnds } from "./_check.ts";
import { lookAt, named, untilReady, type Wanted } from "./_ready.ts";
import type { Fd } from "./fd.ts";

/** What one call moves at most: so that a signal is heard now and then. */
export const chunk_max: number = 1 << 20;

/** A call of splice(2) or tee(2), ready to be tried. */
export interface Move {
  readonly from: Wanted;
  readonly to: Wanted;
  readonly step: () => number;
  readonly what: () => Attempt;
}

/** Such a call. */
export function moving(operation: "splice" | "tee", from: Fd, to: Fd, count: number | undefined): Move {
  const [source, sink] = checkEnds(from, to);
  const most = checkCount(count) ?? chunk_max;
  const { core } = load();
  const call = operation === "splice" ? core.hawser_fd_splice : core.hawser_fd_tee;
  return {
    from: { number: source, bits: POLLIN },
    to: { number: sink, bits: POLLOUT },
    // Either may have been closed while this waited.
    step: () => call(...checkEnds(from, to), Math.min(most, call_max)),
    what: () => ({
      what: `${operation} descriptor ${source} to ${sink}`,
      operation: `fd_${operation}`,
      states: {
        EINVAL: operation === "tee"
          ? "both must be pipes, and not the same"
          : "one must be a pipe, and what else is written to a file or O_NONBLOCK",
      },
    }),
  };
}

/** Tries it: null where it would have to wait. */
export function tryMove({ step, what }: Move): number | null {
  const result = step();
  return errnoOf(result) === -EAGAIN ? null : check(result, what);
}

/** Does it as soon as both sides are ready. */
export async function moveWhenReady(move: Move, options: WaitOptions): Promise<number> {
  const left = countdown(checkWait(options));
  let result = move.step();
  for (let looked = 0; errnoOf(result) === -EAGAIN;) {
    const wanted = notReady(move);
    // Ready by poll(2) and not by the call, again and again: it would never end.
    if (wanted === undefined && ++looked > 3) break;
    try {
      await untilReady(wanted ?? move.to, { signal: options.signal, timeout: left() });
      result = move.step();
    } catch (error) {
      throw named(error, move.what);
    }
  }
  return check(result, move.what);
}

/** The same, and blocks the thread. */
export function moveBlocking(move: Move, options: BlockOptions): number {
  const { limit, interruptible } = checkBlock(options);
  const left = countdown(limit);
  for (let looked = 0;;) {
    const result = move.step();
    if (errnoOf(result) !== -EAGAIN) return check(result, move.what);
    const wanted = notReady(move);
    if (wanted === undefined && ++looked > 3) throw failure(result, move.what());
    const rest = left();
    if (rest === 0) throw failure(-ETIMEDOUT, move.what());
    lookAt([wanted ?? move.to], rest, interruptible);
  }
}

/** How many bytes, or undefined for as many as there are. */
export function checkCount(count: number | undefined): number | undefined {
  return count === undefined ? undefined : integer(count, "count", 0, Number.MAX_SAFE_INTEGER);
}

function notReady({ from, to }: Move): Wanted | undefined {
  return [from, to].find((side) => lookAt([side], 0, false)[0] === 0);
}

/** What the kernel takes at once. */
const call_max = 0x7fff_f000;
const EAGAIN = 11;
const ETIMEDOUT = 110;
