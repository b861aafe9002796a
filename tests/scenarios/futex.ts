// Says "waiting", waits until word 0 of the memory named by the argument is no longer 0, then sets and wakes word 1.
import process from "node:process";
import { futexWait, futexWake } from "../../lib/memory/_futex.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";

using memory = SharedMemory.open(process.argv[2]!);
const words = new Int32Array(memory.buffer);
console.log("waiting");
while (Atomics.load(words, 0) === 0) {
  if (!futexWait(memory, 0, 0, 10_000)) throw new Error("nobody woke me");
}
console.log("woken");
Atomics.store(words, 1, 1);
futexWake(memory, 4);
