// One of two processes that want the same mutex all the time, for MS milliseconds: see lock.c.
import process from "node:process";
import { MappedFile } from "../../dist/lib/memory/mod.js";
import { Mutex } from "../../dist/lib/sync/mod.js";

const [ms, path] = process.argv.slice(2);
const file = MappedFile.open(path);
const mutex = Mutex.at(file, 0);
const self = process.pid;
const words = new Uint32Array(file.buffer, 64, 6);
Atomics.add(words, 2, 1);
while (Atomics.load(words, 2) < 2);
let turns = 0;
const end = performance.now() + Number(ms);
while (performance.now() < end) {
  for (let i = 0; i < 100; i++) {
    const guard = mutex.acquireSync();
    if (words[0] !== self) words[0] = self, words[1]++;
    words[4]++; // Under the lock: none is lost.
    guard.release();
  }
  turns += 100;
}
Atomics.add(words, 5, turns);
file.close();
