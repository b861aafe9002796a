// Whether Atomics on shared memory are atomic between processes of every two runtimes: a million cells for each pair.
import { readFileSync } from "node:fs";
import process from "node:process";
import { expect, test } from "vitest";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { cells, size } from "../scenarios/litmus.ts";
import { laneCommand, pairs, start } from "../support/lanes.ts";
import { which } from "../support/needs.ts";
import { unique } from "../support/watchdog.ts";

// tools/sabotage/litmus.mjs sets it to "plain".
const how = process.env.HAWSER_LITMUS ?? "atomics";
const batches = 1000;

/** The first two CPUs that this process may run on. */
function cpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  }).slice(0, 2);
}

for (const [a, b] of pairs) {
  test(`Atomics hold between ${a} and ${b}, and plain stores do not`, { timeout: 90_000 }, async (context) => {
    const [first, second] = cpus();
    if (second === undefined) context.skip("needs two CPUs: on one nothing is ever reordered");
    const pin = (cpu: number) => which("taskset") === null ? [] : ["taskset", "-c", String(cpu)];
    using memory = SharedMemory.create(unique("litmus"), { size, temporary: true });
    const side = (lane: typeof a, me: number, cpu: number) =>
      start([
        ...pin(cpu),
        ...laneCommand(lane, "tests/scenarios/litmus.ts", [memory.name!, String(me), how, String(batches)]),
      ], {
        timeout: 80_000,
      });
    await using one = side(a, 0, first!);
    await using two = side(b, 1, second!);
    const [told, silent] = await Promise.all([one.ended(), two.ended()]);
    expect(silent).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(told).toMatchObject({ status: 0, stderr: "" });
    const counts = JSON.parse(told.stdout);
    console.log(`litmus ${a} ${b} ${told.stdout.trim()}`);

    expect(counts["store buffering"]).toMatchObject({ cells: 500 * cells, forbidden: 0 });
    expect(counts["message passing"]).toMatchObject({ cells: 250 * cells, forbidden: 0 });
    expect(counts.counters).toEqual({ cells: 500 * cells, forbidden: 0 });
    expect(counts.control.forbidden, "cells reordered with plain stores").toBeGreaterThan(0);
  });
}
