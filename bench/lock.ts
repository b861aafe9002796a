// The mutex beside C's (pthread's robust, process-shared one: the same kernel mechanism without a runtime around it), and
// beside the file locks that programs in JavaScript have.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { load } from "../ffi/load.ts";
import { SharedMemory } from "../lib/memory/mod.ts";
import { Mutex } from "../lib/sync/mod.ts";
import { flock, properLockfile } from "./_peers.ts";
import { median, rounds, type Row, type RowOptions, steady, sure } from "./row.ts";

export const group = "lock";

const mode = "median of 5 interleaved rounds";

export async function rows({ quick, runtime }: RowOptions): Promise<Row[]> {
  const folder = mkdtempSync("/tmp/hawser-bench-");
  const memoryFolder = mkdtempSync("/dev/shm/hawser-bench-");
  try {
    const c = `${folder}/lock`;
    const gcc = spawnSync("gcc", ["-O2", "-pthread", "-o", c, "bench/programs/lock.c"], { encoding: "utf8" });
    if (gcc.status !== 0) throw new Error(`gcc: ${gcc.error ?? gcc.stderr}`);
    return [...await alone(c, folder, memoryFolder, quick, runtime), await contended(c, memoryFolder, quick, runtime)];
  } finally {
    for (const made of [folder, memoryFolder]) rmSync(made, { recursive: true });
  }
}

async function alone(c: string, folder: string, memoryFolder: string, quick: boolean, runtime: string): Promise<Row[]> {
  using memory = SharedMemory.anonymous(4096);
  const mutex = Mutex.at(memory, 64);
  const { core } = load();
  const count = quick ? 2_000 : 10_000;
  // Where files cost least.
  const file = `${memoryFolder}/file`;
  writeFileSync(file, "");
  const byFlock = flock(runtime, file, folder);
  const byFile = properLockfile();
  await checkLocks(mutex, file);
  sure(`${byFlock.name} excludes`, byFlock.excludes());

  const ns = await rounds({
    // Each has a loop of its own: one that all share would be compiled for none of them.
    sync: () =>
      steady((n) => {
        for (let i = 0; i < n; i++) mutex.acquireSync().release();
      }, count),
    try: () =>
      steady((n) => {
        for (let i = 0; i < n; i++) mutex.tryAcquire()!.release();
      }, count),
    // The same two on a handle that is none: the way in and out.
    calls: () =>
      steady((n) => {
        for (let i = 0; i < n; i++) {
          core.hawser_mutex_try(0, 64);
          core.hawser_mutex_release(0, 64);
        }
      }, count),
    c: () => Number(spawnSync(c, ["alone", "10000"], { encoding: "utf8" }).stdout),
    async: () =>
      perTime(count, async (n) => {
        for (let i = 0; i < n; i++) (await mutex.acquire()).release();
      }),
    flock: () =>
      steady((n) => {
        for (let i = 0; i < n; i++) byFlock.turn();
      }, count / 10),
    fileSync: () =>
      steady((n) => {
        for (let i = 0; i < n; i++) byFile.lockSync(file)();
      }, quick ? 2 : 20),
    fileAsync: () =>
      perTime(quick ? 50 : 500, async (n) => {
        for (let i = 0; i < n; i++) await (await byFile.lock(file))();
      }),
  });
  sure("the mutex is free again", mutex.owner === null);

  const robust = { "C robust": ns.c!, "two calls": ns.calls!, "2 x C robust + two calls": 2 * ns.c! + ns.calls! };
  const row = (what: string, hawser: number, peers: Record<string, number>, must: string | null): Row => ({
    group,
    case: what,
    runtime,
    mode,
    unit: "ns",
    hawser,
    peers,
    must,
    note: "nobody else wants it; the guard is part of it",
  });
  const pair = "acquireSync() and release()";
  return [
    row(pair, ns.sync!, robust, "<= 1 x 2 x C robust + two calls"),
    row("tryAcquire() and release()", ns.try!, robust, null),
    row("await acquire() and release()", ns.async!, robust, null),
    row(`${pair}, beside flock(2)`, ns.sync!, { [byFlock.name]: ns.flock! }, `<= 0.25 x ${byFlock.name}`),
    row(`${pair}, beside a lock file`, ns.sync!, { lockSync: ns.fileSync! }, "<= 0.01 x lockSync"),
    row(`${pair}, beside an awaited lock file`, ns.sync!, { lock: ns.fileAsync! }, "<= 0.00333 x lock"),
    row("await acquire() and release(), beside an awaited lock file", ns.async!, { lock: ns.fileAsync! }, null),
  ];
}

async function perTime(count: number, body: (count: number) => Promise<void>): Promise<number> {
  const start = performance.now();
  await body(count);
  return (performance.now() - start) * 1e6 / count;
}

/** What is timed are locks: who has one keeps others out. */
async function checkLocks(mutex: Mutex, file: string): Promise<void> {
  const guard = mutex.acquireSync();
  sure("the mutex is ours, and nobody else's", mutex.owner!.pid === process.pid && mutex.tryAcquire() === null);
  guard.release();
  const { lock, lockSync } = properLockfile();
  const unlock = lockSync(file);
  sure("proper-lockfile makes its file", existsSync(`${file}.lock`));
  unlock();
  const unlockAsync = await lock(file);
  sure("proper-lockfile makes its file", existsSync(`${file}.lock`));
  await unlockAsync();
}

async function contended(c: string, folder: string, quick: boolean, runtime: string): Promise<Row> {
  const ms = quick ? 100 : 500;
  const flags = runtime === "deno" ? ["run", "-A", "--no-check", "--quiet"] : [];
  const commands = { hawser: [process.execPath, ...flags, "bench/programs/lock_turns.mjs"], c: [c, "turns"] };
  const split = availableParallelism() > 1;
  const figures: Record<string, number[]> = { hawser: [], c: [] };
  for (let round = 0; round < 5; round++) {
    for (const [name, command] of Object.entries(commands)) {
      const file = `${folder}/words`;
      writeFileSync(file, new Uint8Array(4096));
      const run = (cpu: number) =>
        new Promise<void>((done, fail) => {
          const [program, ...args] = [...(split ? ["taskset", "-c", `${cpu}`] : []), ...command, `${ms}`, file];
          const child = spawn(program!, args, { stdio: ["ignore", "ignore", "inherit"] });
          child.on("error", fail);
          child.on("exit", (status) => status === 0 ? done() : fail(new Error(`${name}: exit ${status}`)));
        });
      await Promise.all([run(0), run(1)]);
      const words = readFileSync(file);
      const [changes, counted, taken] = [68, 80, 84].map((at) => words.readUInt32LE(at));
      sure(`${name}: both had it, and every turn was counted`, changes! > 0 && counted === taken);
      figures[name]!.push(changes! * 1000 / ms);
    }
  }
  return {
    group,
    case: "owner changes between two processes, acquireSync()",
    runtime,
    mode: `${mode}, ${split ? "each on a CPU of its own" : "on one CPU"}`,
    unit: "changes a second, more is better",
    hawser: median(figures.hawser!),
    peers: { "C robust": median(figures.c!) },
    must: ">= 0.25 x C robust",
    note: "both want it all the time",
  };
}
