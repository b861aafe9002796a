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
