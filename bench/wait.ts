// Waiting on the event loop: a round trip between two processes beside node:net's, one waiter beside a thousand, and what
// it costs to begin a wait and call it off.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import process from "node:process";
import { MappedFile, SharedMemory } from "../lib/memory/mod.ts";
import { Futex, Mutex, type MutexGuard } from "../lib/sync/mod.ts";
import { median, rounds, type Row, type RowOptions, sure } from "./row.ts";

export const group = "wait";

const mode = "median of 5 interleaved rounds";
const locks = 1000;

export async function rows({ quick, runtime }: RowOptions): Promise<Row[]> {
  const folder = mkdtempSync("/dev/shm/hawser-bench-");
  try {
    return [
      await roundTrips(folder, quick, runtime),
      await manyWaiters(folder, quick, runtime),
      await startAndCancel(quick, runtime),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Starts a program of bench/programs in this runtime: what it printed. */
function run(runtime: string, name: string, args: string[], cpu?: number): Promise<string> {
  const flags = runtime === "deno" ? ["run", "-A", "--no-check", "--quiet"] : [];
  const pinned = cpu === undefined ? [] : ["taskset", "-c", `${cpu}`];
  const [program, ...rest] = [...pinned, process.execPath, ...flags, `bench/programs/${name}.mjs`, ...args];
  return new Promise((done, fail) => {
    const child = spawn(program!, rest, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (text) => output += text);
    child.on("error", fail);
    child.on("close", (status) => status === 0 ? done(output) : fail(new Error(`${name} ${args}: exit ${status}`)));
  });
}

async function roundTrips(folder: string, quick: boolean, runtime: string): Promise<Row> {
  const count = quick ? 1_000 : 8_000;
  let rounds_made = 0;
  const passed = (way: "futex" | "net") => async () => {
    const path = `${folder}/${way}-${rounds_made++}`;
    if (way === "futex") writeFileSync(path, new Uint8Array(4096));
    const turns = (role: string) => run(runtime, "wait_turns", [way, role, `${count}`, path], 0);
    const [ping] = await Promise.all([turns("ping"), turns("pong")]);
    const { ns, turns: had } = JSON.parse(ping) as { ns: number; turns: number };
    sure(`${way}: each turn was answered`, had === count);
    return ns / 1000;
  };
  const us = await rounds({ hawser: passed("futex"), net: passed("net") });
  return {
    group,
    case: "round trip of two processes on one CPU, await futex.wait()",
    runtime,
    mode,
    unit: "µs",
    hawser: us.hawser!,
    peers: { "node:net": us.net! },
    must: runtime === "deno" ? "<= 0.9 x node:net" : "<= 1.1 x node:net",
    note: "median of the round trips; the helper thread is part of it",
  };
}

async function manyWaiters(folder: string, quick: boolean, runtime: string): Promise<Row> {
  const path = `${folder}/locks`;
  writeFileSync(path, new Uint8Array(4096 + 64 * locks));
  using file = MappedFile.open(path);
  const words = new Int32Array(file.buffer, 0, 4);
  const givenBack = new Float64Array(file.buffer, 16, 1);
  const [asked, freed] = [Futex.at(file, 0), Futex.at(file, 12)];
  const mutexes = Array.from({ length: locks }, (_, i) => Mutex.at(file, 4096 + 64 * i));
  const holder = run(runtime, "wait_holder", [path, `${locks}`]);
  const until = async (word: number, value: number) => {
    while (Atomics.load(words, word) < value) await sleep(1);
  };
  await until(2, 1);
  let request = 1;
  const ask = (which: number) => {
    Atomics.store(words, 1, which);
    Atomics.store(words, 0, ++request);
    asked.wake();
  };

  // By how much its clock is ahead: the exchange that took the shortest time tells best.
  let ahead = 0;
  for (let i = 0, shortest = Infinity; i < 300; i++) {
    const start = performance.now();
    ask(-2);
    while (Atomics.load(words, 2) < request);
    const end = performance.now();
    if (end - start >= shortest) continue;
    shortest = end - start;
    ahead = givenBack[0]! - (start + end) / 2;
  }

  /** How long it takes from a release there to the guard here, while `waiting` mutexes are waited for: the median. */
  const wakes = (waiting: number) => async () => {
    const stops = Array.from({ length: waiting }, () => new AbortController());
    const wait = (i: number) => mutexes[i]!.acquire({ signal: stops[i]!.signal });
    const waits = new Map<number, Promise<MutexGuard>>();
    for (let i = 0; i < waiting; i++) waits.set(i, wait(i));
    const times: number[] = [];
    for (let i = 0; i < (quick ? 10 : 100); i++) {
      await sleep(1); // Until the helpers sleep: a wait that finds its word changed would be no wake.
      const which = (i * 617) % waiting;
      ask(which);
      const guard = await waits.get(which)!;
      times.push((performance.now() - (givenBack[0]! - ahead)) * 1000);
      sure("the mutex was given and not left behind", !guard.abandoned);
      guard.release();
      Atomics.store(words, 3, request);
      freed.wake();
      await until(2, request);
      waits.set(which, wait(which));
    }
    for (const stop of stops) stop.abort();
    const ends = await Promise.allSettled(waits.values());
    sure("the others waited all the while", ends.every(({ status }) => status === "rejected"));
    return median(times);
  };
  const us = await rounds({ many: wakes(locks), one: wakes(1) });
  ask(-1);
  await holder;
  return {
    group,
    case: `a wake, ${locks} waiters on ${locks} mutexes`,
    runtime,
    mode,
    unit: "µs",
    hawser: us.many!,
    peers: { "one waiter": us.one! },
    must: "<= 2 x one waiter",
    note: "from release() in another process to the guard, median",
  };
}

async function startAndCancel(quick: boolean, runtime: string): Promise<Row> {
  using memory = SharedMemory.anonymous(4096);
  const futex = Futex.at(memory, 0);
  const count = quick ? 200 : 2_000;
  const calledOff = (start: (signal: AbortSignal) => Promise<unknown>) => async () => {
    let rejected = 0;
    const begin = performance.now();
    for (let i = 0; i < count; i++) {
      const stop = new AbortController();
      const waiting = start(stop.signal).catch(() => rejected++);
      stop.abort();
      await waiting;
    }
    const us = (performance.now() - begin) * 1000 / count;
    sure("each was called off", rejected === count);
    return us;
  };
  const us = await rounds({
    futex: calledOff((signal) => futex.wait(0, { signal })),
    timer: calledOff((signal) => sleep(1e6, undefined, { signal })),
  });
  return {
    group,
    case: "to begin a wait and call it off",
    runtime,
    mode,
    unit: "µs",
    hawser: us.futex!,
    peers: { "a timer of node:timers/promises": us.timer! },
    must: null,
    note: "with the AbortController and the rejection",
  };
}
