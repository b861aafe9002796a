// What the crash harnesses share: what they are asked for, kill points in turn, how fast the others went on, the verdict.
import process from "node:process";
import { parseArgs } from "node:util";
import { Random } from "../../random_layouts.ts";

/** What a harness is asked for. */
export interface Asked {
  readonly rounds: number;
  readonly seed: number;
  readonly random: Random;
  /** The only kill points to go through, where it is to be only some. */
  readonly points: readonly string[] | undefined;
}

/** Reads the arguments, and says the seed that replays the harness's choices. */
export function asked(usual: number): Asked {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: String(usual) },
      seed: { type: "string", default: String(Date.now() >>> 0) },
      points: { type: "string" },
    },
  });
  const seed = Number(values.seed);
  console.log(`seed ${seed}`);
  return { rounds: Number(values.rounds), seed, random: new Random(seed), points: values.points?.split(",") };
}

/** Kill points, each in its turn in every second round; in the others the kill comes at random. */
export class Points {
  readonly #hits: Map<string, number>;
  readonly #names: readonly string[];

  constructor({ points }: Asked, known: readonly string[]) {
    const unknown = points?.filter((name) => !known.includes(name)) ?? [];
    if (unknown.length > 0) throw new Error(`No kill point is called ${unknown}; there are ${known}`);
    this.#names = points ?? known;
    this.#hits = new Map(this.#names.map((name) => [name, 0]));
  }

  /** The point of a round; none where the kill is to come at random. */
  of(round: number): string | undefined {
    return round % 2 === 0 ? this.#names[(round / 2) % this.#names.length] : undefined;
  }

  hit(name: string): void {
    this.#hits.set(name, this.#hits.get(name)! + 1);
  }

  /** How often a process was killed at each. */
  get hits(): Record<string, number> {
    return Object.fromEntries(this.#hits);
  }

  /** What is wrong with that after so many rounds. */
  faults(rounds: number): string[] {
    const least = Math.min(20, Math.floor(rounds / 2 / this.#names.length));
    const few = [...this.#hits].filter(([, times]) => times < least);
    return few.map(([name, times]) => `${name} was hit ${times} times, fewer than ${least}`);
  }
}

/** How long the others took to go on after each kill. */
export class Recoveries {
  readonly #all: { ms: number; after: string }[] = [];

  add(ms: number, after: string): void {
    this.#all.push({ ms, after });
  }

  /** In milliseconds, with what came before the slowest. */
  get summary(): { median: number; p99: number; slowest: number; slowest_after: string[] } {
    const sorted = this.#all.toSorted((a, b) => a.ms - b.ms);
    const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)]?.ms ?? 0) * 10) / 10;
    const last = sorted.slice(-3).reverse().map(({ ms, after }) => `${Math.round(ms)} ms after ${after}`);
    return { median: at(0.5), p99: at(0.99), slowest: Math.round(sorted.at(-1)?.ms ?? 0), slowest_after: last };
  }
}

/** Runs a round, and says with its error what replays it. */
export async function told<T>({ seed }: Asked, round: number, what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const message = `round ${round}, ${what}: ${(error as Error).message} (replay: --seed ${seed})`;
    throw new Error(message, { cause: error });
  }
}

/** Prints what was counted, and ends with status 1 where something is wrong with it. */
export function finish(counts: object, faults: readonly string[]): void {
  console.log(JSON.stringify(counts));
  for (const fault of faults) console.error(`wrong: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
