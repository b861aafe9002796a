import process from "node:process";
import { defineConfig } from "vitest/config";
import { LaneReporter } from "./tests/support/reporter.ts";

// tools/sabotage/driver.mjs plants tests that must fail in a folder of its own.
const tests = process.env.HAWSER_PLANTED ?? "tests";
const oncePerRun = ["interop", "crash", "packaging"].map((folder) => `${tests}/${folder}/**/*.test.ts`);
const lane = process.env.HAWSER_LANE;
const report = process.env.HAWSER_REPORT;

// Vitest's default reporter groups failures with it, and Node 20 lacks it.
type GroupBy = (items: Iterable<unknown>, keyOf: (item: unknown) => unknown) => Map<unknown, unknown[]>;
const map = Map as typeof Map & { groupBy?: GroupBy };
map.groupBy ??= (items, keyOf) => {
  const groups = new Map<unknown, unknown[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
};

// One suite for every runtime. Bun's child_process lacks channel.unref, which the pool `forks` calls; Deno's
// worker_threads lack parentPort.removeAllListeners, which `threads` calls.
export default defineConfig({
  test: {
    include: lane === "once" ? oncePerRun : [`${tests}/*.test.ts`, ...(lane ? [] : oncePerRun)],
    setupFiles: ["tests/support/leaks.ts", "tests/support/progress.ts"],
    pool: "Bun" in globalThis ? "threads" : "forks",
    // Bun's workers share one process, and with it the descriptors that the leak listing counts.
    maxWorkers: "Bun" in globalThis ? 1 : 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: [...(report ? [new LaneReporter(report)] : []), "default"],
  },
});
