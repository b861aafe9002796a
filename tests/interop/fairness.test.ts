// Who gets the mutex how often, when all want it all the time.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { expect, test, type TestContext } from "vitest";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Mutex } from "../../lib/sync/mod.ts";
import { type Lane, lanes, type Running, startLane } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { unique, until } from "../support/watchdog.ts";

/** A mutex, and words behind it. */
function place(): { memory: SharedMemory; mutex: Mutex; at: string; words: Int32Array } {
  const memory = SharedMemory.create(unique("fair"), { size: 4096, temporary: true });
  return { memory, mutex: Mutex.at(memory, 0), at: `${memory.name}@0`, words: new Int32Array(memory.buffer, 64) };
}

function peer(lane: Lane, ...args: string[]): Running {
  return startLane(lane, "mutex_peer", { args, timeout: 60_000 });
}

/**
 * Lets a program run on one processor only, the first or the last that there is. Who is woken on another one comes too
 * late as a rule; on the same one it displaces the owner that woke it, and has the mutex before that one wants it again.
 */
function pin(context: TestContext, which: 0 | -1, { pid }: Running): void {
  needs(context, "taskset");
  const all = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
  expect(spawnSync("taskset", ["-apc", all.split(/[,-]/).at(which)!, String(pid)]).status).toBe(0);
}

// Who lets nobody in for 50 ms outlasts the gate that a waiter closes once.
const shapes = [{ ms: 3, times: 10, limit: 600 }, { ms: 50, times: 4, limit: 40 }];
const guests = lanes.flatMap((lane) =>
  ["sync", "async"].flatMap((way) => shapes.map((shape) => ({ lane, way, ...shape })))
);
const title = "who takes it again at once and holds it for $ms ms keeps nobody from it: $lane, $way";
test.for(guests)(title, { timeout: 60_000 }, async ({ lane, way, ms, times, limit }, context) => {
  const { memory, at } = place();
  using _memory = memory;
  await using hog = peer(lane, "hog", at, String(ms));
  await hog.line("hogging");
  await using guest = peer(lane, `${way}-guest`, at, String(times), String(limit));
  await guest.line("coming");
  pin(context, 0, hog);
  pin(context, -1, guest);
  // It comes too late, hundreds of times in a row, if the other does not hold back.
  expect(Number((await guest.line(/^passed/)).split(" ")[1])).toBeLessThan(limit);
});

const fair = "of 8 processes that hold it for 100 µs, sync and async mixed, none gets less than a tenth of the mean";
test(fair, { timeout: 90_000 }, async () => {
  const seconds = Number(process.env.HAWSER_FAIR_SECONDS ?? 10);
  const { memory, mutex, at, words } = place();
  using _memory = memory;
  const guard = mutex.acquireSync();
  const running = lanes.flatMap((lane) => [peer(lane, "sync", at), peer(lane, "async", at)]);
  try {
    await until(() => Atomics.load(words, 0) === running.length, "All are there", 30_000);
    guard.release();
    await new Promise((done) => setTimeout(done, seconds * 1000));
    Atomics.store(words, 1, 1);
    const lines = await Promise.all(running.map((one) => one.line(/^turns/)));
    const turns = lines.map((line) => Number(line.split(" ")[1]));
    console.log(`mutex: turns of ${lanes}, sync and async each: ${turns.join(" ")}`);
    const mean = turns.reduce((sum, n) => sum + n) / turns.length;
    expect(Math.min(...turns)).toBeGreaterThanOrEqual(mean / 10);
  } finally {
    for (const one of running) await one[Symbol.asyncDispose]();
  }
});
