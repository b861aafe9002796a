// Memory, records, descriptors and netlink for a long time on each runtime in turn, which share the time: nothing may
// grow. See tests/scenarios/soak_memory.ts for what is repeated.
//
//   --seconds N --seed S
//   --lane NAME              one runtime only
//   --keep mapping|descriptor|heap   for tools/sabotage/soak.mjs: leaks on purpose
import { randomInt } from "node:crypto";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Lane, lanes, spawnLane } from "../support/lanes.ts";
import { kernelObjects } from "../support/snapshot.ts";

interface Told {
  rounds: number;
  workers: number;
  /** In KiB, over time. */
  rss: number[];
  first: Record<string, number>;
  last: Record<string, number>;
  left: string[];
}

const string = { type: "string" } as const;
const { values } = parseArgs({ options: { seconds: string, seed: string, lane: string, keep: string } });
const chosen = values.lane === undefined ? lanes : [values.lane as Lane];
const seconds = Number(values.seconds ?? 60) / chosen.length;
const seed = values.seed ?? String(randomInt(2 ** 31));
const growth_max = 0.05;
console.log(`seed ${seed}, ${seconds} s for each of ${chosen.join(", ")}`);

// V8 lets its young generation grow to tens of MiB, in steps that look like a leak: it stays small here.
const v8 = ["--expose-gc", "--min-semi-space-size=1", "--max-semi-space-size=1"];
const flags: Record<Lane, string[]> = {
  deno: ["-A", `--v8-flags=${v8.join(",")}`],
  bun: [],
  node26: v8,
  node20: v8,
};

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}

/** What is wrong with a lane's run, one line each. */
async function soak(lane: Lane): Promise<string[]> {
  const token = `soak-${process.pid}-${lane}`;
  const args = ["--seconds", String(seconds), "--seed", seed, ...(values.keep ? ["--keep", values.keep] : [])];
  const { stdout, stderr, status, signal } = await spawnLane(lane, "soak_memory", args, {
    flags: flags[lane],
    env: { HAWSER_RUN: token },
    timeout: seconds * 1000 + 25_000,
  });
  if (status !== 0) return [`it ended with ${signal ?? status}: ${stderr.trim()}`];
  const { rounds, workers, rss, first, last, left } = JSON.parse(stdout) as Told;
  const third = Math.floor(rss.length / 3);
  const early = median(rss.slice(0, third));
  const late = median(rss.slice(-third));
  const grown = late / early - 1;
  const mib = (kib: number) => `${(kib / 1024).toFixed(1)} MiB`;
  const both = Object.keys(first).map((what) => `${what} ${first[what]} -> ${last[what]}`);
  const percent = `${grown < 0 ? "" : "+"}${(grown * 100).toFixed(1)} %`;
  console.log(
    `${lane.padEnd(7)} ${rounds} rounds, ${workers} Workers; RSS ${mib(early)} -> ${mib(late)} (${percent}); ${
      both.join(", ")
    }`,
  );

  const wrong = left.slice(0, 10).map((what) => `left behind: ${what}`);
  if (left.length > wrong.length) wrong.push(`left behind: ${left.length - wrong.length} more`);
  if (!(grown <= growth_max)) wrong.push(`RSS grew by ${percent}, more than ${growth_max * 100} %: ${rss.join(" ")}`);
  if (last.mappings !== first.mappings) wrong.push(`mappings: ${first.mappings} before, ${last.mappings} now`);
  wrong.push(...kernelObjects((name) => name.includes(token)).map((name) => `left behind: ${name}`));
  return wrong;
}

for (const lane of chosen) {
  for (const line of await soak(lane)) {
    console.log(`FAILED ${lane}: ${line}`);
    process.exitCode = 1;
  }
}
