// What a benchmark reports: hawser's figure beside its alternatives, from one run.

/** One line of a benchmark. */
export interface Row {
  /** The module it comes from, such as `layout`. */
  readonly group: string;
  /** What was measured. */
  readonly case: string;
  /** The runtime it was measured in. */
  readonly runtime: string;
  /** How it was measured, such as `median of 5 rounds`. */
  readonly mode: string;
  /** The unit of all figures; less is better. */
  readonly unit: string;
  readonly hawser: number;
  /** The alternatives by name. */
  readonly peers: Readonly<Record<string, number>>;
  /** What was promised, or null. */
  readonly must: string | null;
  readonly note: string;
}

/** How a group is run. */
export interface RowOptions {
  /** A tenth of the work, to see that it runs. */
  readonly quick: boolean;
  /** The runtime's name, for the rows. */
  readonly runtime: string;
}

/**
 * Times contestants in turns, so that whatever slows the machine down for a while hits all of them alike.
 *
 * @param contestants By name, each a function that does the work `count` times.
 * @param count How often, for a round of about 20 ms.
 * @returns Nanoseconds for one time, the median of 5 rounds, by name.
 */
export function interleave(
  contestants: Readonly<Record<string, (count: number) => void>>,
  count: number,
): Record<string, number> {
  const names = Object.keys(contestants);
  const rounds: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) for (let i = 0; i < 5; i++) contestants[name]!(Math.ceil(count / 2)); // For the compilers.
  for (let round = 0; round < 5; round++) {
    for (const name of names) {
      const start = performance.now();
      contestants[name]!(count);
      rounds[name]!.push((performance.now() - start) * 1e6 / count);
    }
  }
  return Object.fromEntries(names.map((name) => [name, rounds[name]!.sort((a, b) => a - b)[2]!]));
}

/**
 * Times a body that takes about a millisecond when it runs `count` times, in 25 slices: the median of them leaves out
 * those in which other programs had the CPU.
 *
 * @returns Nanoseconds for one time.
 */
export function steady(body: (count: number) => void, count: number): number {
  const slices = Array.from({ length: 25 }, () => {
    const start = performance.now();
    body(count);
    return (performance.now() - start) * 1e6 / count;
  });
  return median(slices);
}

/** The median of figures, the greater one of two. */
export function median(figures: number[]): number {
  return figures.sort((a, b) => a - b)[figures.length >> 1]!;
}

/** Runs contestants in turns: the median of 5 rounds of each, after one that is for the compilers. */
export async function rounds(
  contestants: Readonly<Record<string, () => number | Promise<number>>>,
): Promise<Record<string, number>> {
  const figures: Record<string, number[]> = {};
  for (let round = 0; round < 6; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const figure = await run();
      if (round > 0) (figures[name] ??= []).push(figure);
    }
  }
  return Object.fromEntries(Object.entries(figures).map(([name, all]) => [name, median(all)]));
}

/** Fails where a benchmark did not do what it says. */
export function sure(what: string, holds: boolean): void {
  if (!holds) throw new Error(`Cannot measure: not so: ${what}`);
}
