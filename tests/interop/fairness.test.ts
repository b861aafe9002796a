// Who gets the mutex how often, when all want it all the time.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { expect, test } from "vitest";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Mutex } from "../../lib/sync/mod.ts";
import { type Lane, lanes, type Running, startLane } from "../support/lanes.ts";
import { unique, until } from "../support/watchdog.ts";

function peer(lane: Lane, ...args: string[]): Running {
  return startLane(lane, "mutex_peer", { args, timeout: 120_000 });
}

// The gate of a waiter that starves is closed for less long than the second of them holds it.
test.each(lanes.flatMap((lane) => [[lane, 3], [lane, 100]] as const))(
  "who takes it again at once keeps nobody from it: %s, holding it for %i ms",
  async (lane, ms) => {
    const name = unique("hog");
    using mutex = Mutex.open(name, { temporary: true });
    await using hog = peer(lane, "hog", name, String(ms));
    await hog.line("hogging");
    // Each of these comes too late, again and again, if the other does not hold back.
    for (let i = 0; i < (ms < 10 ? 10 : 2); i++) {
      (await mutex.acquire({ timeout: 2000 })).release();
      mutex.acquireSync({ timeout: 2000 }).release();
    }
  },
);

/** 8 processes that want it for some seconds: how often each had it. */
async function turns(seconds: number, pin?: (pid: number) => void): Promise<number[]> {
  using memory = SharedMemory.create(unique("fair"), { size: 4096, temporary: true });
  const mutex = Mutex.at(memory, 0);
  const words = new Int32Array(memory.buffer, 64);
  const place = `${memory.name}@0`;
  const guard = mutex.acquireSync();
  const running = lanes.flatMap((lane) => ["sync", "async"].map((way) => peer(lane, way, place)));
  try {
    await until(() => Atomics.load(words, 0) === running.length, "All are there", 30_000);
    for (const one of running) pin?.(one.pid);
    guard.release();
    await new Promise((done) => setTimeout(done, seconds * 1000));
    Atomics.store(words, 1, 1);
    return await Promise.all(running.map(async (one) => Number((await one.line(/^turns/, 30_000)).split(" ")[1])));
  } finally {
    for (const one of running) await one[Symbol.asyncDispose]();
  }
}

const shapes = [
  { name: "as they come", pin: undefined },
  {
    name: "all on one processor",
    pin: (pid: number) => expect(spawnSync("taskset", ["-apc", "0", String(pid)]).status).toBe(0),
  },
];
const title = "of 8 processes that hold it for 100 µs, sync and async, none gets less than a tenth of the mean";
for (const { name, pin } of shapes) {
  test(`${title}: ${name}`, { timeout: 90_000 }, async () => {
    const had = await turns(Number(process.env.HAWSER_FAIR_SECONDS ?? 10), pin);
    const mean = had.reduce((sum, n) => sum + n) / had.length;
    console.log(`mutex, ${name}: turns of deno, bun, node26, node20, sync and async each: ${had.join(" ")}`);
    expect(Math.min(...had)).toBeGreaterThanOrEqual(mean / 10);
  });
}
