// Turns: what must not overlap is done in the order in which it was asked for.

import type { Attempt } from "../core/_results.ts";
import { failure } from "../core/_results.ts";

const ETIMEDOUT = 110;

/** One at a time, first come, first served. */
export class Turns {
  #busy = false;
  readonly #line = new Set<() => void>();

  /** Whether it is somebody's turn. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Takes the turn, which {@link give} ends, if nobody has it. */
  tryTake(): boolean {
    return !this.#busy && (this.#busy = true);
  }

  /** Waits for the turn. */
  async take(limit: number, signal: AbortSignal | undefined, what: () => Attempt): Promise<void> {
    const { promise, resolve, reject } = resolvers();
    this.#line.add(resolve);
    const leave = (error: unknown) => {
      // Who was called already has the turn, and gives it when its wait ends.
      if (this.#line.delete(resolve)) reject(error);
    };
    const abort = () => leave(signal!.reason);
    signal?.addEventListener("abort", abort);
    const timer = limit > timer_max ? undefined : setTimeout(() => leave(failure(-ETIMEDOUT, what())), limit);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends the turn: it is the next one's. */
  give(): void {
    const [next] = this.#line;
    if (next === undefined) {
      this.#busy = false;
    } else {
      this.#line.delete(next);
      next();
    }
  }
}

/** Longer times would overflow the runtimes' timers; nobody is that late in a line. */
const timer_max = 2 ** 31 - 1;

function resolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
