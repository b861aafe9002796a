// Starts Workers one after another, a few at a time, and says what they left behind in the process: descriptors and
// mappings of the library, and threads. The arguments: how many Workers, how many at a time.
//
// One half ends by itself with its memory closed; the other is terminated with the memory still open.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { load } from "../../ffi/load.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";

function counts() {
  const library = /libhawser|hawser-[0-9a-f]{32}/;
  const descriptors: string[] = [];
  let all = 0;
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      all++;
      if (library.test(target)) descriptors.push(target);
    } catch {
      // The listing's own.
    }
  }
  // Each mapped copy has one executable part.
  const copies = readFileSync("/proc/self/maps", "utf8").split("\n").filter((line) =>
    library.test(line) && line.split(" ")[1]!.includes("x")
  );
  const threads = readdirSync("/proc/self/task").length;
  return { descriptors: descriptors.length, copies: copies.length, threads, all };
}

async function one(i: number): Promise<void> {
  const worker = new Worker(new URL(import.meta.url));
  await new Promise<void>((done, failed) => {
    worker.on("error", failed);
    worker.on("message", (text: string) => text === "open" && done());
  });
  const ended = new Promise<void>((done) => worker.once("exit", () => done()));
  if (i % 2 === 0) worker.postMessage("end");
  else await worker.terminate();
  await ended;
}

if (isMainThread) {
  const [all = 200, atOnce = 4] = process.argv.slice(2).map(Number);
  let started = 0;
  const run = async (until: number) => {
    while (started < until) await one(started++);
  };
  await Promise.all(Array.from({ length: atOnce }, () => run(20)));
  const early = counts(); // What a runtime starts once is started by now.
  await Promise.all(Array.from({ length: atOnce }, () => run(all)));
  // Threads end a little after their Workers.
  let late = counts();
  for (let i = 0; i < 200 && late.threads > early.threads; i++) {
    await new Promise((done) => setTimeout(done, 10));
    late = counts();
  }
  console.log(JSON.stringify({ workers: started, early, late, via: load().via }));
} else {
  const memory = SharedMemory.anonymous(4096);
  memory.bytes[0] = 1;
  parentPort!.on("message", () => {
    memory.close();
    process.exit(0); // This Worker only.
  });
  parentPort!.postMessage("open");
}
