// Takes a mutex again and again until it is killed, and writes down under it what the crash harness checks: see
// tests/crash/harness/mutex.ts. `MEMORY SLOT sync|async|create [NAME]`.
import process from "node:process";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Mutex } from "../../lib/sync/mod.ts";

const [name, slot, way, created] = process.argv.slice(2) as [string, string, string, string?];
const memory = SharedMemory.open(name);
const words = new Uint32Array(memory.buffer, 64);
const [holder, first, second, doubled, unmarked, recovered, slots] = [0, 1, 2, 3, 4, 5, 16];
const own = slots + Number(slot);

process.stdout.write("ready\n");
if (way === "create") {
  for (;;) {
    using mutex = Mutex.open(created!);
    mutex.acquireSync().release();
    Mutex.unlink(created!);
  }
}
const mutex = Mutex.at(memory, 0);
for (let turn = 0;; turn++) {
  using guard = way === "async" ? await mutex.acquire() : mutex.acquireSync();
  if (guard.abandoned) {
    Atomics.add(words, recovered, 1);
    words[second] = words[first]!;
  } else if (words[holder] !== 0) Atomics.add(words, unmarked, 1);
  words[holder] = process.pid;
  for (let i = 0; i < 300; i++) Atomics.load(words, holder); // About a microsecond.
  words[first]! += 1;
  words[second]! += 1;
  if (words[holder] !== process.pid || words[first] !== words[second]) Atomics.add(words, doubled, 1);
  words[holder] = 0;
  words[own]! += 1;
}
