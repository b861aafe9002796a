// Uses a mutex again and again until it is killed, and writes down under it what the crash harness checks: see
// tests/crash/harness/mutex.ts. `POSTS PLACE MEMORY sync|async|attach|create [NAME]`.
import process from "node:process";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Mutex } from "../../lib/sync/mod.ts";
import { record, recordOffset, undo } from "./mutex_record.ts";
import { Post } from "./post.ts";

const [posts, place, name, way, created] = process.argv.slice(2) as [string, string, string, string, string?];
const post = new Post(posts, Number(place));
const memory = SharedMemory.open(name);
const words = new Uint32Array(memory.buffer, recordOffset);
const own = record.turns + Number(place);
const holder = Number(place) + 1;
// In the middle of a turn, where the library has no say.
const [point, at] = (process.env.HAWSER_KILL_POINT ?? "").split(":");
const stopsAt = point === "turn.held" ? Number(at) : 0;

if (way === "create") {
  for (;;) {
    post.pass();
    using mutex = Mutex.open(created!);
    mutex.acquireSync().release();
    Mutex.unlink(created!);
  }
}
if (way === "attach") {
  post.pass();
  const fresh = SharedMemory.open(created!);
  Mutex.at(fresh, 0).acquireSync().release();
}
const mutex = Mutex.at(memory, 0);
for (let turn = 1;; turn++) {
  post.pass();
  using guard = way === "async" ? await mutex.acquire() : mutex.acquireSync();
  if (guard.abandoned) words[record.recovered]! += 1;
  else if (words[record.holder] !== 0) words[record.unmarked]! += 1;
  undo(words);
  words[record.before] = words[record.first]!;
  words[record.beforeOwn] = words[own]!;
  Atomics.store(words, record.holder, holder);
  for (let i = 0; i < 300; i++) Atomics.load(words, record.holder); // About a microsecond.
  words[record.first]! += 1;
  if (turn === stopsAt) process.kill(process.pid, "SIGSTOP");
  words[record.second]! += 1;
  words[own]! += 1;
  if (words[record.holder] !== holder || words[record.first] !== words[record.second]) {
    Atomics.add(words, record.doubled, 1);
  }
  Atomics.store(words, record.holder, 0);
}
