// Memory on the oldest runtimes: all that is promised of named and anonymous memory and of mapped files, and the same
// pages live in every other runtime of the lane. `oldest_memory.ts --join NAME ROUNDS` is the other side.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { futexWait, futexWake } from "../../lib/memory/_futex.ts";
import { MappedFile, SharedMemory, type SharedMemoryToken } from "../../lib/memory/mod.ts";
import { partners } from "../support/partners.ts";
import { tmpdir, unique } from "../support/watchdog.ts";

// What stands in the shared words: who has come, who may go, and what both add to.
const came = 0, go = 1, sum = 2;
const rounds = 100_000;

/** Lets both sides add to one word at the same time. */
function addUp(words: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) Atomics.add(words, sum, 1);
}

function waitFor(memory: SharedMemory, words: Int32Array, index: number, wanted: number): void {
  for (;;) {
    const now = Atomics.load(words, index);
    if (now === wanted) return;
    assert(futexWait(memory, index * 4, now, 20_000), "the other side never came");
  }
}

function tell(memory: SharedMemory, words: Int32Array, index: number, value: number): void {
  Atomics.store(words, index, value);
  futexWake(memory, index * 4);
}

function join(name: string, count: number): void {
  using memory = SharedMemory.open(name, { size: 64 });
  const words = new Int32Array(memory.buffer);
  tell(memory, words, came, 1);
  waitFor(memory, words, go, 1);
  addUp(words, count);
}

/** Named memory, with the same object in one more process. */
async function named(): Promise<void> {
  for (const partner of partners()) {
    const name = unique("oldest");
    using memory = SharedMemory.create(name, { size: 4096, mode: 0o600, temporary: true });
    assert.equal(memory.created, true);
    const words = new Int32Array(memory.buffer);
    const peer = partner.start(["--join", name, String(rounds)]);
    waitFor(memory, words, came, 1);
    tell(memory, words, go, 1);
    addUp(words, rounds);
    await peer.ended;
    assert.equal(words[sum], 2 * rounds, `additions together with ${partner.name}`);
  }
}

function openAndResize(): void {
  const name = unique("oldest");
  assert.throws(() => SharedMemory.open(name), { code: "ENOENT", errno: -2, path: `/${name}` });
  using first = SharedMemory.openOrCreate(name, { size: 100, temporary: true });
  using second = SharedMemory.openOrCreate(name, { size: 100 });
  assert.deepEqual([first.created, second.created, second.size], [true, false, 100]);
  assert.throws(() => SharedMemory.create(name, { size: 1 }), { code: "EEXIST" });
  assert.deepEqual(SharedMemory.list().filter((entry) => entry.name === name).map(({ size, mode }) => [size, mode]), [
    [100, 0o600],
  ]);

  first.bytes[99] = 7;
  assert.equal(second.bytes[99], 7);
  const kept = first.bytes;
  first.resize(10_000);
  assert.deepEqual([first.size, first.bytes[99], kept.length], [10_000, 7, 0]);
  assert.throws(() => first.resize(10), RangeError);
  {
    using third = SharedMemory.open(name, { readonly: true });
    assert.deepEqual([third.readonly, third.size], [true, 10_000]);
    third.bytes[99] = 1; // Stays in its own copy.
  }
  assert.equal(first.bytes[99], 7);
  first.lock();
  first.unlock();
  first.close();
  first.close();
  assert.throws(() => first.buffer, TypeError);
  assert.throws(() => SharedMemory.open(name), { code: "ENOENT" });
  assert.equal(second.bytes[99], 7);
}

/** A buffer that was given away is no longer the memory's, and its new owner may go on with it. */
function transferred(): void {
  const memory = SharedMemory.anonymous(100);
  const { buffer } = memory;
  // structuredClone() and postMessage() move it too, except in Node, which refuses to.
  const moved = (buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer();
  assert.equal(buffer.byteLength, 0);
  memory.close();
  new Uint8Array(moved).fill(1);
  assert.equal(moved.byteLength, 100);
}

function descriptors(): void {
  using memory = SharedMemory.anonymous(64);
  using fd = memory.fd();
  using same = SharedMemory.from(fd, { sealed: true });
  same.bytes[3] = 9;
  assert.equal(memory.bytes[3], 9);
  assert.throws(() => SharedMemory.from(fd, { size: 100_000 }), { code: "EOVERFLOW" });
}

/** The token of share(), turned back in a Worker. */
async function workers(): Promise<void> {
  using memory = SharedMemory.anonymous(64);
  const worker = new Worker(new URL(import.meta.url), { workerData: memory.share() });
  await new Promise((done, failed) => worker.once("exit", done).once("error", failed));
  assert.equal(memory.bytes[5], 55);
}

async function mappedFiles(): Promise<void> {
  using folder = tmpdir();
  const path = folder.file("mapped");
  assert.throws(() => MappedFile.open(path), { code: "ENOENT" });
  {
    using file = MappedFile.open(path, { size: 8, create: true });
    file.bytes.set([1, 2, 3]);
    file.resize(5000);
    file.flushSync();
    await file.flush();
  }
  const bytes = readFileSync(path);
  assert.deepEqual([bytes.length, ...bytes.subarray(0, 4)], [5000, 1, 2, 3, 0]);
  using file = MappedFile.open(path, { readonly: true });
  assert.equal(file.bytes[1], 2);
}

const [what, name, count] = process.argv.slice(2);
if (!isMainThread) {
  using memory = SharedMemory.from(workerData as SharedMemoryToken);
  memory.bytes[5] = 55;
  process.exit(0); // This Worker only.
} else if (what === "--join") {
  join(name!, Number(count));
} else {
  openAndResize();
  transferred();
  descriptors();
  await named();
  await workers();
  await mappedFiles();
  console.log("ok");
}
