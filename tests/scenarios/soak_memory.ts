// Opens, uses and closes all that memory, records, descriptors and netlink have, over and over, and says on one line of
// JSON what the process held over time: tests/soak/memory.ts judges it.
//
//   --seconds N --seed S
//   --keep mapping|descriptor|heap   leaves one of each round's things open, on purpose
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Fd } from "../../lib/fd/mod.ts";
import { array, atomicU32, enumeration, f64, struct, u64be, utf8 } from "../../lib/layout/mod.ts";
import { futexWait, futexWake } from "../../lib/memory/_futex.ts";
import { MappedFile, SharedMemory, type SharedMemoryToken } from "../../lib/memory/mod.ts";
import { links } from "../../lib/netlink/mod.ts";
import { leftBehind, snapshot, warmUp } from "../support/snapshot.ts";
import { type TemporaryFolder, tmpdir, unique } from "../support/watchdog.ts";

/** What {@link work} does its rounds with. */
interface Setting {
  readonly folder: TemporaryFolder;
  readonly keep: string | undefined;
  /** A whole number below `end`. */
  readonly below: (end: number) => number;
}

const kept: unknown[] = [];

const Sample = struct({
  at: u64be,
  load: f64,
  state: enumeration({ idle: 0, busy: 1 }),
  host: utf8(24),
  cores: array(f64, 8),
  hits: atomicU32,
});

const code = (code: string) => ({ name: "SystemError", code });

function named({ keep, below }: Setting): void {
  const name = unique("soak");
  const size = 1 + below(100_000);
  {
    using memory = SharedMemory.create(name, { size, temporary: true, sparse: below(2) === 0 });
    memory.bytes.fill(1);
    using other = SharedMemory.open(name);
    using reader = SharedMemory.open(name, { readonly: true, size });
    using same = SharedMemory.openOrCreate(name, { size });
    assert.equal(reader.bytes[size - 1], 1);
    memory.resize(size + below(100_000));
    same.resize(memory.size);
    other.lock();
    other.unlock();
    assert(SharedMemory.list().some((entry) => entry.name === name));

    assert.throws(() => SharedMemory.create(name, { size }), code("EEXIST"));
    assert.throws(() => SharedMemory.open(name, { size: 2 ** 40 }), code("EOVERFLOW"));
    assert.throws(() => SharedMemory.open(name, { owner: 12_345 }), code("EPERM"));
    assert.throws(() => SharedMemory.create(`${name}-x`, { size: 2 ** 46 }), { name: "SystemError" });
    assert.throws(() => memory.resize(1), RangeError);
    if (keep === "mapping") kept.push(SharedMemory.open(name));
  }
  assert.throws(() => SharedMemory.open(name), code("ENOENT"));
  assert.throws(() => SharedMemory.unlink(name), code("ENOENT"));
  using fresh = SharedMemory.openOrCreate(name, { size: 1 });
  SharedMemory.unlink(name);
  assert(fresh.created);
}

function anonymous({ below }: Setting): void {
  using memory = SharedMemory.anonymous(64 + below(100_000), { seal: below(2) === 0, sparse: below(2) === 0 });
  using fd = memory.fd();
  using same = SharedMemory.from(fd);
  using again = SharedMemory.from(structuredClone(memory.share()));
  memory.bytes[1] = 5;
  assert.deepEqual([same.bytes[1], again.bytes[1]], [5, 5]);
  const words = new Int32Array(again.buffer, 0, 4);
  Atomics.add(words, 1, 1);
  assert.deepEqual([futexWait(same, 4, 1, 0.01), futexWait(same, 4, 2)], [false, true]);
  assert.equal(futexWake(memory, 4), 0);
  memory.resize(memory.size + below(10_000));

  assert.throws(() => SharedMemory.from(fd, { size: 2 ** 40 }), code("EOVERFLOW"));
  const token = same.share();
  same.close();
  assert.throws(() => SharedMemory.from(token), code("ESTALE"));
  assert.throws(() => same.buffer, TypeError);
  assert.equal(words.length, 4);
  again.close();
  assert.equal(words.length, 0);
}

/** A buffer that was moved away. Its range stays for its new owner, by design; the file behind it must not. */
function transferred(): void {
  using memory = SharedMemory.anonymous(4096);
  const buffer = memory.buffer as ArrayBuffer & { transfer?(): ArrayBuffer };
  // Node 20 has no way to move such a buffer.
  if (buffer.transfer === undefined) return;
  const moved = buffer.transfer();
  assert.throws(() => memory.resize(8192), code("EBUSY"));
  memory.close();
  assert.equal(moved.byteLength, 4096);
}

async function files({ folder, below }: Setting, number: number): Promise<void> {
  const path = folder.file("mapped");
  {
    using file = MappedFile.open(path, { size: 1 + below(50_000), create: true });
    file.bytes.fill(2);
    file.resize(100_000);
    file.flushSync();
    if (number % 8 === 0) await file.flush();
  }
  using reader = MappedFile.open(path, { readonly: true });
  assert.equal(reader.bytes[0], 2);
  assert.throws(() => MappedFile.open(path, { readonly: true, size: 2 ** 40 }), code("EOVERFLOW"));
  assert.throws(() => MappedFile.open(folder.file("empty")), code("ENODATA"));
  assert.throws(() => MappedFile.open(folder.file("none")), code("ENOENT"));
  assert.throws(() => MappedFile.open("/dev/null"), code("ENODEV"));
}

function descriptors({ folder, keep, below }: Setting): void {
  using fd = Fd.open(folder.file("empty"), ["O_RDWR", "O_APPEND"]);
  using copy = fd.dup(3 + below(50));
  assert.equal(copy.stat().inode, fd.stat().inode);
  using taken = Fd.from(copy.release());
  assert.equal(taken.stat().kind, "file");
  assert.throws(() => Fd.open(folder.file("none")), code("ENOENT"));
  assert.throws(() => Fd.open(folder.path, "O_WRONLY"), code("EISDIR"));
  assert.throws(() => Fd.from(1_000_000), code("EBADF"));
  if (keep === "descriptor") kept.push(fd.dup());
}

function records({ keep, below }: Setting): void {
  const bytes = new Uint8Array(Sample.size);
  const value: Parameters<typeof Sample.write>[1] = {
    at: BigInt(below(1e9)),
    load: below(100) / 100,
    state: "busy",
    host: `host-${below(1e6)}`,
    cores: Array.from({ length: 8 }, () => below(100)),
    hits: 3,
  };
  Sample.write(bytes, value);
  assert.deepEqual(Sample.read(bytes), value);
  const live = Sample.view(bytes);
  live.hits.add(1);
  live.cores[3] = 9;
  live.state = "idle";
  assert.throws(() => Sample.write(bytes, { ...value, host: "x".repeat(25) }), RangeError);
  assert.match(Sample.toC("sample"), /struct/);
  if (keep === "heap") kept.push(new Uint8Array(100_000).fill(1));
}

function network(): void {
  assert(links().some(({ name }) => name === "lo"));
}

async function round(setting: Setting, number: number): Promise<void> {
  named(setting);
  anonymous(setting);
  await files(setting, number);
  descriptors(setting);
  records(setting);
  network();
  // Each leaves a page of address space behind, by design, so there are fewer of them.
  if (number % 16 === 0) transferred();
}

/** A Worker that opens memory by its token, and ends by itself or is terminated. */
async function worker(terminate: boolean): Promise<void> {
  using memory = SharedMemory.anonymous(4096);
  const thread = new Worker(new URL(import.meta.url), { workerData: memory.share() });
  const ended = new Promise((done) => thread.once("exit", done));
  await new Promise((done, failed) => thread.once("message", done).once("error", failed));
  assert.equal(memory.bytes[0], 1);
  if (terminate) await thread.terminate();
  else thread.postMessage("end");
  await ended;
}

function collect(): void {
  const { Bun, gc } = globalThis as unknown as { Bun?: { gc(force: boolean): void }; gc?: () => void };
  if (Bun === undefined) gc!();
  else Bun.gc(true);
}

const status = (key: string) =>
  Number(new RegExp(`^${key}:\\s*(\\d+)`, "m").exec(readFileSync("/proc/self/status", "utf8"))![1]);
const figures = () => ({
  descriptors: readdirSync("/proc/self/fd").length - 1, // Without the listing's own.
  mappings:
    readFileSync("/proc/self/maps", "utf8").split("\n").filter((line) => /\/dev\/shm|memfd:hawser/.test(line)).length,
  threads: status("Threads"),
});

/** mulberry32. */
function random(seed: number): (end: number) => number {
  let state = seed;
  return (end) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
}

async function main(): Promise<void> {
  const string = { type: "string" } as const;
  const { values } = parseArgs({ options: { seconds: string, seed: string, keep: string } });
  const seconds = Number(values.seconds);
  using folder = tmpdir();
  writeFileSync(folder.file("empty"), "");
  const setting: Setting = { folder, keep: values.keep, below: random(Number(values.seed)) };

  let rounds = 0;
  const until = async (end: number) => {
    while (performance.now() < end) {
      await round(setting, rounds++);
      // What is collected is given back by the event loop.
      if (rounds % 8 === 0) await new Promise((done) => setTimeout(done));
    }
  };
  // What a runtime opens once, and the doorbell of this thread.
  const start = performance.now();
  await warmUp();
  await round({ ...setting, keep: undefined }, rounds++);
  for (let i = 0; i < 3; i++) await worker(i % 2 === 0);
  const early = snapshot();
  const first = figures();
  // A runtime grows while it compiles what is hot, also by threads.
  await until(start + seconds * 250);
  const before = { ...early, threads: snapshot().threads };

  const rss: number[] = [];
  const samples = 60;
  const from = performance.now();
  const span = start + seconds * 850 - from;
  for (let i = 1; i <= samples; i++) {
    await until(from + span * i / samples);
    collect();
    await new Promise((done) => setTimeout(done));
    rss.push(status("VmRSS"));
  }
  // Apart from the rest, since runtimes keep memory of their own for each Worker they ever had.
  let workers = 0;
  while (performance.now() < start + seconds * 1000) await worker(workers++ % 2 === 0);

  const left = await leftBehind(before);
  console.log(JSON.stringify({ rounds, workers, rss, first, last: figures(), left }));
}

if (isMainThread) {
  await main();
} else {
  {
    using memory = SharedMemory.from(workerData as SharedMemoryToken);
    memory.bytes[0] = 1;
  }
  parentPort!.on("message", () => process.exit(0)); // This Worker only.
  parentPort!.postMessage("written");
}
