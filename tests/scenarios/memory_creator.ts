// Makes, closes and unlinks an object over and over, and says in the words of another one where it is. For the crash
// harness, which kills it.
import process from "node:process";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Post } from "./post.ts";

const [posts, place, name, progress, size] = process.argv.slice(2) as [string, string, string, string, string];
const post = new Post(posts, Number(place));
using words = SharedMemory.open(progress);
const word = new Int32Array(words.buffer);
for (;;) {
  post.pass();
  Atomics.store(word, 0, 1); // Inside of create().
  using memory = SharedMemory.create(name, { size: Number(size) });
  Atomics.store(word, 0, 0);
  Atomics.add(word, 1, 1);
  memory.bytes[0] = 1;
  SharedMemory.unlink(name);
}
