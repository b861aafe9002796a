// The mutex beside C's: pthread's robust, process-shared one, the same kernel mechanism without a runtime around it.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { load } from "../ffi/load.ts";
import { SharedMemory } from "../lib/memory/mod.ts";
import { Mutex } from "../lib/sync/mod.ts";
import type { Row, RowOptions } from "./row.ts";

export const group = "lock";

const median = (figures: number[]) => figures.sort((a, b) => a - b)[figures.length >> 1]!;

export async function rows({ quick, runtime }: RowOptions): Promise<Row[]> {
  const folder = mkdtempSync("/tmp/hawser-bench-");
  try {
    const c = `${folder}/lock`;
    const gcc = spawnSync("gcc", ["-O2", "-pthread", "-o", c, "bench/programs/lock.c"], { encoding: "utf8" });
    if (gcc.status !== 0) throw new Error(`gcc: ${gcc.error ?? gcc.stderr}`);
    return [...await alone(c, quick, runtime), await contended(c, folder, quick, runtime)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function alone(c: string, quick: boolean, runtime: string): Promise<Row[]> {
  using memory = SharedMemory.anonymous(4096);
  const mutex = Mutex.at(memory, 64);
  const { core } = load();
  const count = quick ? 20_000 : 200_000;
  const time = (body: () => void) => {
    const start = performance.now();
    body();
    return (performance.now() - start) * 1e6 / count;
  };
  const contestants: Record<string, () => number | Promise<number>> = {
    sync: () =>
      time(() => {
        for (let i = 0; i < count; i++) mutex.acquireSync().release();
      }),
    try: () =>
      time(() => {
        for (let i = 0; i < count; i++) mutex.tryAcquire()!.release();
      }),
    async: async () => {
      const start = performance.now();
      for (let i = 0; i < count / 10; i++) (await mutex.acquire()).release();
      return (performance.now() - start) * 1e7 / count;
    },
    // The same kinds of argument, on a handle that is none: the way in and out.
    calls: () =>
      time(() => {
        for (let i = 0; i < count; i++) {
          core.hawser_mutex_take(0, 64, -1, 0);
          core.hawser_mutex_release(0, 64);
        }
      }),
    c: () => Number(spawnSync(c, ["alone", String(count * 10)], { encoding: "utf8" }).stdout),
  };
  const figures: Record<string, number[]> = {};
  for (let round = 0; round < 6; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const figure = await run();
      if (round > 0) (figures[name] ??= []).push(figure); // The first is for the compilers.
    }
  }
  const [sync, trying, async_, calls, robust] = ["sync", "try", "async", "calls", "c"].map((n) => median(figures[n]!));
  const bar = 2 * robust! + calls!;
  const row = (what: string, hawser: number, must: string | null): Row => ({
    group,
    case: what,
    runtime,
    mode: "median of 5 rounds",
    unit: "ns",
    hawser,
    peers: { "C robust": robust!, "two calls": calls!, "2 x C robust + two calls": bar },
    must,
    note: "nobody else wants it; the guard is part of it",
  });
  return [
    row("acquireSync() and release()", sync!, "<= 1 x 2 x C robust + two calls"),
    row("tryAcquire() and release()", trying!, null),
    row("await acquire() and release()", async_!, null),
  ];
}

async function contended(c: string, folder: string, quick: boolean, runtime: string): Promise<Row> {
  const ms = quick ? 100 : 500;
  const flags = runtime === "deno" ? ["run", "-A", "--no-check", "--quiet"] : [];
  const commands = { hawser: [process.execPath, ...flags, "bench/programs/lock_turns.mjs"], c: [c, "turns"] };
  const figures: Record<string, number[]> = { hawser: [], c: [] };
  for (let round = 0; round < 5; round++) {
    for (const [name, [program, ...args]] of Object.entries(commands)) {
      const file = `${folder}/words`;
      writeFileSync(file, new Uint8Array(4096));
      const run = () =>
        new Promise<void>((done, fail) => {
          const child = spawn(program!, [...args, String(ms), file], { stdio: ["ignore", "ignore", "inherit"] });
          child.on("exit", (status) => status === 0 ? done() : fail(new Error(`${name}: exit ${status}`)));
        });
      await Promise.all([run(), run()]);
      figures[name]!.push(readFileSync(file).readUInt32LE(68) * 1000 / ms);
    }
  }
  return {
    group,
    case: "owner changes between two processes, acquireSync()",
    runtime,
    mode: "median of 5 rounds",
    unit: "changes a second, more is better",
    hawser: median(figures.hawser!),
    peers: { "C robust": median(figures.c!) },
    must: ">= 0.25 x C robust",
    note: "both want it all the time",
  };
}
