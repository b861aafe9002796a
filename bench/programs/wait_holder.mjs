// Holds the mutexes of a file and gives back the one it is asked for, for bench/wait.ts: wait_holder.mjs PATH LOCKS
//
//     word  written by   what
//     0     the asker    the number of the request
//     1     the asker    which mutex; -1 for the end, -2 for the time alone
//     2     the holder   the number of the request that was done
//     3     the asker    the number of the request whose mutex is free to be held again
//     4, 5  the holder   when it gave the mutex back, by its own clock
import process from "node:process";
import { MappedFile } from "../../dist/lib/memory/mod.js";
import { Futex, Mutex } from "../../dist/lib/sync/mod.js";

const [path, locks] = process.argv.slice(2);
const file = MappedFile.open(path);
const words = new Int32Array(file.buffer, 0, 4);
const at = new Float64Array(file.buffer, 16, 1);
const [asked, freed] = [Futex.at(file, 0), Futex.at(file, 12)];
const guards = Array.from({ length: Number(locks) }, (_, i) => Mutex.at(file, 4096 + 64 * i).acquireSync());
Atomics.store(words, 2, 1);
let which = -2;
for (let request = 2; which !== -1; request++) {
  // Clocks are compared without sleeping.
  while (Atomics.load(words, 0) < request) if (which !== -2) asked.waitSync(request - 1);
  which = Atomics.load(words, 1);
  at[0] = performance.now();
  if (which >= 0) {
    guards[which].release();
    while (Atomics.load(words, 3) < request) freed.waitSync(request - 1);
    guards[which] = Mutex.at(file, 4096 + 64 * which).acquireSync();
  }
  Atomics.store(words, 2, request);
}
for (const guard of guards) guard.release();
file.close();
