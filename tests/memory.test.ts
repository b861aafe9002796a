import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { Fd, SharedMemory, type SharedMemoryToken, SystemError } from "../mod.ts";
import type { Order } from "./scenarios/memory_worker.ts";
import { here, laneCommand, spawnLane, start } from "./support/lanes.ts";
import { asNobody, needsRoot, nobody } from "./support/nobody.ts";
import { leftBehind, snapshot } from "./support/snapshot.ts";
import { unique, watchdog } from "./support/watchdog.ts";

const file = (name: string) => `/dev/shm/${name}`;

/** A name whose file is removed after the test, whatever becomes of it. */
function name(what: string): string {
  const made = unique(what);
  onTestFinished(() => {
    if (existsSync(file(made))) unlinkSync(file(made));
  });
  return made;
}

test("create() makes an object of zero bytes, and open() sees the same pages", () => {
  const called = name("create");
  using made = SharedMemory.create(called, { size: 10_000 });
  expect([made.name, made.size, made.created, made.readonly, made.closed]).toEqual([
    called,
    10_000,
    true,
    false,
    false,
  ]);
  expect(made.bytes.every((byte) => byte === 0)).toBe(true);
  expect(made.buffer.byteLength).toBe(10_000);
  expect(made.bytes.buffer).toBe(made.buffer);
  expect(made.buffer).toBeInstanceOf(ArrayBuffer);

  using opened = SharedMemory.open(called);
  expect([opened.name, opened.size, opened.created]).toEqual([called, 10_000, false]);
  made.bytes[9_999] = 7;
  expect(opened.bytes[9_999]).toBe(7);
  opened.bytes[0] = 8;
  expect(made.bytes[0]).toBe(8);
  expect(readFileSync(file(called))).toHaveLength(10_000);
  expect(readFileSync(file(called))[9_999]).toBe(7);
});

test("create() gives the mode exactly, 0o600 by default", () => {
  const modes = [undefined, 0o600, 0o666, 0o640, 0o777, 0o000];
  for (const mode of modes) {
    const called = name("mode");
    using memory = SharedMemory.create(called, { size: 1, ...(mode !== undefined && { mode }) });
    expect(statSync(file(called)).mode & 0o7777).toBe(mode ?? 0o600);
    expect(memory.bytes[0]).toBe(0);
  }
});

test("create() reserves the pages, and sparse does not", () => {
  const reserved = name("reserved");
  const sparse = name("sparse");
  using a = SharedMemory.create(reserved, { size: 1 << 20 });
  using b = SharedMemory.create(sparse, { size: 1 << 20, sparse: true });
  expect(statSync(file(reserved)).blocks * 512).toBeGreaterThanOrEqual(1 << 20);
  expect(statSync(file(sparse)).blocks * 512).toBeLessThan(1 << 17);
  expect([a.size, b.size]).toEqual([1 << 20, 1 << 20]);
  b.resize(1 << 21);
  expect(statSync(file(sparse))).toMatchObject({ size: 1 << 21 });
  expect(statSync(file(sparse)).blocks * 512).toBeLessThan(1 << 17);
});

test("every size from one byte on is exact", () => {
  for (const size of [1, 2, 4095, 4096, 4097, 8191, 65_536, 1_000_001]) {
    const called = name("size");
    using memory = SharedMemory.create(called, { size });
    memory.bytes[size - 1] = 5;
    expect([memory.size, memory.buffer.byteLength, statSync(file(called)).size]).toEqual([size, size, size]);
    expect(readFileSync(file(called))[size - 1]).toBe(5);
  }
});

test("open() maps as much as asked for", () => {
  const called = name("part");
  using made = SharedMemory.create(called, { size: 9000 });
  using part = SharedMemory.open(called, { size: 5000 });
  expect(part.size).toBe(5000);
  made.bytes[4999] = 3;
  expect(part.bytes[4999]).toBe(3);
});

test("openOrCreate() makes it once, then opens it", () => {
  const called = name("either");
  using first = SharedMemory.openOrCreate(called, { size: 64, mode: 0o640 });
  using second = SharedMemory.openOrCreate(called, { size: 64 });
  using smaller = SharedMemory.openOrCreate(called, { size: 8, sparse: true });
  expect([first.created, second.created, smaller.created]).toEqual([true, false, false]);
  expect([second.size, smaller.size]).toEqual([64, 8]);
  expect(statSync(file(called)).mode & 0o777).toBe(0o640);
  expect(() => SharedMemory.openOrCreate(called, { size: 65 })).toThrow(/it has 64 bytes, fewer than the 65 asked for/);
});

test("readonly maps a private copy: what is written stays here", () => {
  const called = name("readonly");
  using made = SharedMemory.create(called, { size: 8192 });
  using reader = SharedMemory.open(called, { readonly: true });
  expect(reader.readonly).toBe(true);
  made.bytes[0] = 1;
  expect(reader.bytes[0]).toBe(1);
  reader.bytes[0] = 9;
  reader.bytes.fill(9, 4096);
  expect(made.bytes[0]).toBe(1);
  expect(made.bytes[4096]).toBe(0);
  expect(readFileSync(file(called))[5000]).toBe(0);
  expect(() => reader.resize(9000)).toThrow(expect.objectContaining({ code: "EACCES", syscall: "memory_resize" }));
  expect([reader.size, reader.bytes[0]]).toEqual([8192, 9]);
  reader.lock();
  reader.unlock();
});

test("readonly opens what may only be read", () => {
  const called = name("unwritable");
  SharedMemory.create(called, { size: 16, mode: 0o444 }).close();
  using reader = SharedMemory.open(called, { readonly: true });
  expect(reader.bytes[15]).toBe(0);
});

test("anonymous() has no name, and is sealed unless told otherwise", () => {
  const before = SharedMemory.list().length;
  using memory = SharedMemory.anonymous(5000);
  expect([memory.name, memory.size, memory.created]).toEqual([null, 5000, true]);
  expect(SharedMemory.list()).toHaveLength(before);
  using fd = memory.fd();
  expect(() => truncateSync(`/proc/self/fd/${fd.number}`, 10)).toThrow(/EPERM|Operation not permitted/);
  memory.resize(10_000);
  expect(memory.size).toBe(10_000);

  using open = SharedMemory.anonymous(5000, { seal: false, sparse: true });
  using openFd = open.fd();
  truncateSync(`/proc/self/fd/${openFd.number}`, 6000);
  expect(openFd.stat().size).toBe(6000);
});

test("from() an Fd maps the same pages on a copy of it", () => {
  using memory = SharedMemory.anonymous(8192);
  const fd = memory.fd();
  using same = SharedMemory.from(fd);
  fd.close();
  same.bytes[8191] = 4;
  expect(memory.bytes[8191]).toBe(4);
  expect([same.size, same.name, same.created, same.readonly]).toEqual([8192, null, false, false]);
  using again = memory.fd();
  using part = SharedMemory.from(again, { size: 100, readonly: true, sealed: true });
  expect([part.size, part.readonly]).toEqual([100, true]);
  part.bytes[0] = 3;
  expect(memory.bytes[0]).toBe(0);
});

test("from() a descriptor for reading is read-only by itself", () => {
  const called = name("rdonly");
  using made = SharedMemory.create(called, { size: 100 });
  using fd = Fd.open(file(called));
  using same = SharedMemory.from(fd);
  expect(same.readonly).toBe(true);
  same.bytes[0] = 1;
  expect(made.bytes[0]).toBe(0);
});

test("from() a token maps the same pages in this thread too", () => {
  const called = name("token");
  using made = SharedMemory.create(called, { size: 300 });
  const token = structuredClone(made.share());
  expect(token).toMatchObject({ type: "hawser.memory", size: 300, readonly: false, name: called });
  expect(JSON.parse(JSON.stringify(token))).toEqual(token);
  using same = SharedMemory.from(token);
  same.bytes[299] = 6;
  expect([made.bytes[299], same.name, same.size, same.created]).toEqual([6, called, 300, false]);
  same.close();
  expect(existsSync(file(called))).toBe(true);
  using reader = SharedMemory.open(called, { readonly: true });
  using shared = SharedMemory.from(reader.share());
  expect(shared.readonly).toBe(true);
});

test("resize() grows for everybody who opens it from now on, and keeps what is in it", () => {
  const called = name("resize");
  using made = SharedMemory.create(called, { size: 100 });
  using other = SharedMemory.open(called);
  made.bytes[99] = 1;
  const old = { buffer: made.buffer, bytes: made.bytes };
  for (const size of [100, 101, 4096, 4097, 1 << 20]) {
    made.resize(size);
    expect([made.size, made.bytes.length, made.buffer.byteLength]).toEqual([size, size, size]);
    expect([made.bytes[99], made.bytes[size - 1]]).toEqual([1, size === 100 ? 1 : 0]);
    expect(statSync(file(called)).size).toBe(size);
  }
  expect([old.buffer.byteLength, old.bytes.length]).toEqual([0, 0]);
  expect(other.size).toBe(100);
  made.bytes[(1 << 20) - 1] = 2;
  other.resize(200); // What another made longer is not made shorter.
  expect(statSync(file(called)).size).toBe(1 << 20);
  other.resize(1 << 20);
  expect(other.bytes[(1 << 20) - 1]).toBe(2);
  expect(statSync(file(called)).blocks * 512).toBeGreaterThanOrEqual(1 << 20);
});

test("lock() keeps the pages in memory, and unlock() lets them go", () => {
  const lockedKiB = () => Number(/^VmLck:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]);
  const before = lockedKiB();
  using memory = SharedMemory.anonymous(1 << 20);
  memory.lock();
  expect(lockedKiB() - before).toBe(1024);
  memory.lock();
  memory.unlock();
  expect(lockedKiB() - before).toBe(0);
  memory.unlock();
});

test("unlink() frees the name and leaves the memory to who has it open", () => {
  const called = name("unlink");
  using first = SharedMemory.create(called, { size: 10 });
  SharedMemory.unlink(called);
  expect(existsSync(file(called))).toBe(false);
  using second = SharedMemory.create(called, { size: 20 });
  first.bytes[0] = 1;
  expect([first.size, second.size, second.bytes[0]]).toEqual([10, 20, 0]);
});

test("list() tells of each object, also of those that others made, and of no semaphore", () => {
  const called = name("list");
  const foreign = name("foreign");
  const hidden = [`.${name("hidden")}`, `sem.${name("sem")}`, `${name("space")} x`];
  using made = SharedMemory.create(called, { size: 1234, mode: 0o640 });
  writeFileSync(file(foreign), "four", { mode: 0o600 });
  for (const path of hidden) writeFileSync(file(path), "x");
  onTestFinished(() => hidden.forEach((path) => unlinkSync(file(path))));
  const found = SharedMemory.list();
  expect(found.find((entry) => entry.name === called)).toEqual({
    name: called,
    size: made.size,
    mode: 0o640,
    uid: process.getuid!(),
    gid: process.getgid!(),
  });
  expect(found.find((entry) => entry.name === foreign)).toMatchObject({ size: 4, mode: 0o600 });
  for (const path of hidden) expect(found.map((entry) => entry.name)).not.toContain(path);
});

test("list() tells of 300 objects", () => {
  const names = Array.from({ length: 300 }, () => name("many"));
  for (const called of names) SharedMemory.create(called, { size: 1 }).close();
  const found = new Set(SharedMemory.list().map((entry) => entry.name));
  expect(names.filter((called) => !found.has(called))).toEqual([]);
});

test("names may be 80 bytes long, of all letters that are allowed", () => {
  const token = unique("n");
  for (const called of [`${token}.A_z-09`, token.padEnd(80, "x"), `_${token}`, `9${token}`]) {
    using memory = SharedMemory.create(called, { size: 1, temporary: true });
    expect(existsSync(file(called))).toBe(true);
    expect(memory.name).toBe(called);
  }
});

test("console.log shows what it is", () => {
  const called = name("inspect");
  const memory = SharedMemory.create(called, { size: 12 });
  expect(inspect(memory)).toBe(`SharedMemory "${called}" (12 bytes)`);
  memory.close();
  expect(inspect(memory)).toBe(`SharedMemory "${called}" (closed)`);
  using unnamed = SharedMemory.anonymous(5);
  expect(inspect(unnamed)).toBe("SharedMemory (5 bytes)");
});

test("Atomics of every width work on the pages", () => {
  using memory = SharedMemory.anonymous(64);
  using same = SharedMemory.from(memory.share());
  Atomics.store(new Int32Array(memory.buffer), 0, -5);
  expect(Atomics.load(new Int32Array(same.buffer), 0)).toBe(-5);
  expect(Atomics.add(new BigUint64Array(memory.buffer), 1, 7n)).toBe(0n);
  expect(Atomics.compareExchange(new BigUint64Array(same.buffer), 1, 7n, 9n)).toBe(7n);
  expect(Atomics.or(new Uint8Array(memory.buffer), 40, 3)).toBe(0);
  expect(Atomics.exchange(new Uint16Array(same.buffer), 20, 5)).toBe(3);
});

// Views that were kept.

const keepers: Record<string, (memory: SharedMemory) => void> = {
  "close()": (memory) => memory.close(),
  dispose: (memory) => memory[Symbol.dispose](),
  "resize()": (memory) => memory.resize(100_000),
};
for (const [end, run] of Object.entries(keepers)) {
  test(`a view kept over ${end} is empty or throws, and never faults`, () => {
    using memory = SharedMemory.anonymous(4096);
    const { buffer, bytes } = memory;
    const view = new DataView(buffer);
    const words = new Int32Array(buffer);
    const tail = new Uint8Array(buffer, 4000, 10);
    run(memory);
    expect([buffer.byteLength, bytes.length, words.length, tail.length]).toEqual([0, 0, 0, 0]);
    expect([bytes[0], words[5], tail[0]]).toEqual([undefined, undefined, undefined]);
    bytes[0] = 1;
    words[1023] = 1;
    expect(() => view.getUint8(0)).toThrow(TypeError);
    expect(() => view.setFloat64(8, 1)).toThrow(TypeError);
    expect(() => Atomics.load(words, 0)).toThrow();
    expect(() => Atomics.store(words, 0, 1)).toThrow();
    expect(() => Atomics.add(words, 1, 1)).toThrow();
    expect(() => bytes.set([1, 2, 3])).toThrow();
    expect(() => new Uint8Array(buffer, 0, 1)).toThrow();
    expect(() => buffer.slice(0, 1)).toThrow();
    expect(() => bytes.fill(1)).toThrow();
  });
}

test("close() twice is fine, and everything else afterwards is a TypeError", () => {
  const called = name("closed");
  const memory = SharedMemory.create(called, { size: 10, temporary: true });
  memory.close();
  memory.close();
  memory[Symbol.dispose]();
  expect([memory.closed, memory.name, memory.created]).toEqual([true, called, true]);
  const uses: ((closed: SharedMemory) => unknown)[] = [
    (closed) => closed.bytes,
    (closed) => closed.buffer,
    (closed) => closed.size,
    (closed) => closed.readonly,
    (closed) => closed.resize(20),
    (closed) => closed.lock(),
    (closed) => closed.unlock(),
    (closed) => closed.share(),
    (closed) => closed.fd(),
  ];
  for (const use of uses) {
    expect(() => use(memory)).toThrow(TypeError);
    expect(() => use(memory)).toThrow(/^Cannot .*: it is closed$/);
  }
});

// Buffers that were moved away.

const movers: Record<string, (buffer: ArrayBuffer) => ArrayBuffer> = {
  "transfer()": (buffer) => (buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer(),
  "structuredClone()": (buffer) => structuredClone(buffer, { transfer: [buffer] }),
};
for (const [how, move] of Object.entries(movers)) {
  // Node 26 refuses to clone a buffer that it did not make; Node 20 has no transfer().
  if (here === (how === "structuredClone()" ? "node26" : "node20")) {
    test(`${how} of the buffer is refused by this runtime, and the memory stays usable`, () => {
      using memory = SharedMemory.anonymous(4096);
      memory.bytes[0] = 5;
      const error = how === "structuredClone()" ? expect.objectContaining({ name: "DataCloneError" }) : TypeError;
      expect(() => move(memory.buffer)).toThrow(error as Error);
      expect([memory.bytes[0], memory.buffer.byteLength]).toEqual([5, 4096]);
      memory.resize(8192);
      expect(memory.bytes[0]).toBe(5);
    });
    continue;
  }
  if (here === "node20") {
    test(`${how} of the buffer makes a copy in this runtime, and the memory stays usable`, () => {
      const memory = SharedMemory.anonymous(4096);
      memory.bytes[0] = 5;
      const copy = new Uint8Array(move(memory.buffer));
      expect([copy[0], memory.bytes[0], memory.buffer.byteLength]).toEqual([5, 5, 4096]);
      copy[0] = 6;
      expect(memory.bytes[0]).toBe(5);
      memory.close();
      expect([copy[0], copy.length]).toEqual([6, 4096]);
    });
    continue;
  }
  test(`a buffer moved by ${how} survives close(), and then is nobody's memory`, async () => {
    const before = snapshot();
    const called = name("moved");
    const memory = SharedMemory.create(called, { size: 10_000 });
    using other = SharedMemory.open(called);
    memory.bytes[9_999] = 5;
    const old = memory.buffer;
    const moved = new Uint8Array(move(old));
    expect([old.byteLength, moved.length, moved[9_999]]).toEqual([0, 10_000, 5]);
    moved[0] = 6;
    expect(other.bytes[0]).toBe(6);
    expect(() => memory.resize(20_000)).toThrow(expect.objectContaining({ code: "EBUSY", syscall: "memory_resize" }));
    expect([moved[9_999], memory.size]).toEqual([5, 10_000]);
    memory.close();
    moved[1] = 7;
    expect([moved[0], moved[1], moved[9_999], moved.length]).toEqual([0, 7, 0, 10_000]);
    expect([other.bytes[0], other.bytes[1]]).toEqual([6, 0]);
    other.close();
    unlinkSync(file(called));
    expect(await leftBehind(before)).toEqual([]); // Nothing but private pages without a file.
  });
}

/** Starts the Worker of tests/scenarios/memory_worker.ts. */
async function startWorker() {
  const worker = new Worker(laneCommand(here, "tests/scenarios/memory_worker.ts").at(-1)!);
  const ended = new Promise<void>((done) => worker.once("exit", () => done()));
  const next = () =>
    watchdog(
      new Promise<unknown>((done, failed) => {
        worker.once("message", done);
        worker.once("error", failed);
      }),
      "An answer of the Worker",
    );
  await next();
  return {
    async ask(order: Order, transfer: ArrayBuffer[] = []): Promise<{ value?: unknown; error?: unknown }> {
      const answer = next();
      answer.catch(() => {});
      worker.postMessage(order, transfer);
      return await answer as { value?: unknown; error?: unknown };
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
      await watchdog(ended, "The end of the Worker");
    },
  };
}

test("a buffer posted to a Worker survives close(), or is refused and stays", async () => {
  await using worker = await startWorker();
  const memory = SharedMemory.anonymous(4096);
  memory.bytes[0] = 5;
  const { buffer } = memory;
  if (here === "node26") {
    await expect(worker.ask({ kind: "keep", buffer }, [buffer])).rejects.toMatchObject({ name: "DataCloneError" });
    expect([memory.bytes[0], buffer.byteLength]).toEqual([5, 4096]);
    memory.close();
    return;
  }
  expect(await worker.ask({ kind: "keep", buffer }, [buffer])).toEqual({ value: 5 });
  const copied = here === "node20"; // It copies where it can't move.
  expect(buffer.byteLength).toBe(copied ? 4096 : 0);
  expect(await worker.ask({ kind: "read" })).toEqual({ value: [4096, 5] });
  memory.close();
  expect(await worker.ask({ kind: "read" })).toEqual({ value: [4096, copied ? 5 : 0] });
});

test("a Worker turns a token back, and both see the same pages", async () => {
  await using worker = await startWorker();
  const called = name("worker");
  using memory = SharedMemory.create(called, { size: 4097 });
  memory.bytes[0] = 42;
  const answer = await worker.ask({ kind: "from", token: memory.share() });
  expect(answer).toEqual({ value: { was: 42, size: 4097, name: called, readonly: false } });
  expect(memory.bytes[1]).toBe(77);
  memory.bytes[1] = 0;
  expect(await worker.ask({ kind: "from", token: memory.share(), readonly: true })).toMatchObject({
    value: { readonly: true },
  });
  expect(memory.bytes[1]).toBe(0);
});

test("a token of closed memory is ESTALE in a Worker and here, also when its number is in use again", async () => {
  await using worker = await startWorker();
  const memory = SharedMemory.anonymous(4096);
  const token = memory.share();
  memory.close();
  const stale = { name: "SystemError", code: "ESTALE" };
  expect(await worker.ask({ kind: "from", token })).toEqual({ error: stale });
  expect(() => SharedMemory.from(token)).toThrow(expect.objectContaining({ ...stale, errno: -116 }));

  using other = SharedMemory.anonymous(4096);
  using lent = other.fd();
  using successor = lent.dup(token.fd);
  expect(await worker.ask({ kind: "from", token: { ...token, fd: successor.number } })).toEqual({ error: stale });
  expect(() => SharedMemory.from({ ...token, fd: successor.number })).toThrow(
    /no longer open in the thread that shared/,
  );
});

test("a handle of this thread is nothing in a Worker", async () => {
  await using worker = await startWorker();
  const { load } = await import("../ffi/load.ts");
  const handle = load().core.hawser_memory_anonymous(4096, 0);
  expect(await worker.ask({ kind: "handle", handle })).toEqual({ value: [-9, -9, -9] });
  expect(load().core.hawser_memory_size(handle)).toBe(4096);
  expect(load().core.hawser_memory_close(handle, 0)).toBe(0);
});

// Temporary names.

test("temporary removes the name at dispose", () => {
  const called = name("temporary");
  {
    using _first = SharedMemory.create(called, { size: 1, temporary: true });
    using second = SharedMemory.open(called);
    second.close();
    expect(existsSync(file(called))).toBe(true);
  }
  expect(existsSync(file(called))).toBe(false);
  SharedMemory.create(called, { size: 1 }).close();
  SharedMemory.open(called, { temporary: true }).close();
  expect(existsSync(file(called))).toBe(false);
  SharedMemory.openOrCreate(called, { size: 1, temporary: true }).close();
  expect(existsSync(file(called))).toBe(false);
});

test("temporary leaves a name that another object has taken since, and one that is gone", () => {
  const called = name("taken");
  const first = SharedMemory.create(called, { size: 1, temporary: true });
  SharedMemory.unlink(called);
  using second = SharedMemory.create(called, { size: 2 });
  first.close();
  expect(statSync(file(called)).size).toBe(second.size);
  const third = SharedMemory.open(called, { temporary: true });
  unlinkSync(file(called));
  third.close();
});

const exits: { how: string; status: number | null; gone: boolean; only?: string }[] = [
  { how: "end", status: 0, gone: true },
  { how: "exitCode", status: 3, gone: true },
  { how: "process.exit", status: 3, gone: true },
  { how: "Deno.exit", status: 3, gone: true, only: "deno" },
  { how: "close", status: 0, gone: true },
  // That is no normal exit; Deno tells nobody of it.
  { how: "throw", status: 1, gone: here !== "deno" },
  { how: "replaced", status: 0, gone: false },
  { how: "SIGKILL", status: null, gone: false },
];
for (const { how, status, gone, only } of exits.filter(({ only }) => only === undefined || only === here)) {
  test(`temporary at the end of the program by ${how}${only ? ` (${only})` : ""}`, async () => {
    const [temporary, lasting] = [name("exit"), name("lasting")];
    const ended = await spawnLane(here, "memory_exit", [temporary, lasting, how]);
    expect(ended).toMatchObject({ status, stdout: "made\n" });
    expect(existsSync(file(temporary))).toBe(!gone);
    if (how === "replaced") expect(statSync(file(temporary)).size).toBe(8192);
    expect(existsSync(file(lasting))).toBe(true);
  });
}

test("temporary in a Worker is removed at close() and when the Worker exits", async () => {
  // In a process of its own: what a Worker leaves open stays mapped until the process ends.
  const [closed, left] = [name("worker-closed"), name("worker-left")];
  const ended = await spawnLane(here, "memory_worker_exit", [closed, left]);
  expect(ended).toMatchObject({ status: 0, stdout: "closed: false\nopen: true\nended: false\n", stderr: "" });
});

// What is refused before anything is called.

const create = (options: unknown, called: unknown = "x") => () =>
  SharedMemory.create(called as string, options as never);
const open = (options: unknown, called: unknown = "x") => () => SharedMemory.open(called as string, options as never);
const either = (options: unknown) => () => SharedMemory.openOrCreate("x", options as never);
const from = (source: unknown, options?: unknown) => () => SharedMemory.from(source as never, options as never);
const anonymous = (size: unknown, options?: unknown) => () => SharedMemory.anonymous(size as never, options as never);
const token: SharedMemoryToken = {
  type: "hawser.memory",
  fd: 0,
  file: "0:0",
  size: 1,
  readonly: false,
  name: null,
};
const wrong: { name: string; run: () => unknown; error: new () => Error; text: RegExp }[] = [
  {
    name: "no options",
    run: create(undefined),
    error: TypeError,
    text: /options must be .* \{ size: 4096 \}: got undefined$/,
  },
  { name: "null as options", run: create(null), error: TypeError, text: /options must be an object/ },
  { name: "a size as options", run: create(5), error: TypeError, text: /options must be an object/ },
  { name: "no size", run: create({}), error: TypeError, text: /size must be a number/ },
  { name: "a bigint as size", run: create({ size: 5n }), error: TypeError, text: /size must be a number/ },
  { name: "text as size", run: create({ size: "5" }), error: TypeError, text: /size must be a number/ },
  { name: "size 0", run: create({ size: 0 }), error: RangeError, text: /size must be a whole number from 1 to/ },
  { name: "a negative size", run: create({ size: -1 }), error: RangeError, text: /size/ },
  { name: "a broken size", run: create({ size: 1.5 }), error: RangeError, text: /size/ },
  { name: "NaN as size", run: create({ size: NaN }), error: RangeError, text: /size/ },
  { name: "an endless size", run: create({ size: Infinity }), error: RangeError, text: /size/ },
  { name: "size 2 ** 53", run: create({ size: 2 ** 53 }), error: RangeError, text: /size/ },
  { name: "text as mode", run: create({ size: 1, mode: "600" }), error: TypeError, text: /mode must be a number/ },
  { name: "a mode of 15 bits", run: create({ size: 1, mode: 0o70000 }), error: RangeError, text: /mode/ },
  {
    name: "text as sparse",
    run: create({ size: 1, sparse: "yes" }),
    error: TypeError,
    text: /sparse must be a boolean/,
  },
  { name: "1 as temporary", run: create({ size: 1, temporary: 1 }), error: TypeError, text: /temporary/ },
  {
    name: "a misspelt option",
    run: create({ size: 1, temprary: true }),
    error: TypeError,
    text: /no member "temprary"/,
  },
  { name: "an option of open()", run: create({ size: 1, readonly: true }), error: TypeError, text: /"readonly"/ },
  { name: "create(): size 0 of openOrCreate", run: either({ size: 0 }), error: RangeError, text: /size/ },
  { name: "openOrCreate() without size", run: either({}), error: TypeError, text: /size/ },
  {
    name: "openOrCreate() for reading",
    run: either({ size: 1, readonly: true }),
    error: TypeError,
    text: /"readonly"/,
  },
  { name: "openOrCreate() of a negative owner", run: either({ size: 1, owner: -1 }), error: RangeError, text: /owner/ },
  { name: "open() of size 0", run: open({ size: 0 }), error: RangeError, text: /size/ },
  { name: "open() with a mode", run: open({ mode: 0o600 }), error: TypeError, text: /"mode"/ },
  { name: "open() with text as owner", run: open({ owner: "root" }), error: TypeError, text: /owner/ },
  { name: "open() with the owner nobody can be", run: open({ owner: 0xffff_ffff }), error: RangeError, text: /owner/ },
  { name: "open() with null as readonly", run: open({ readonly: null }), error: TypeError, text: /readonly/ },
  { name: "a name that is a number", run: create({ size: 1 }, 5), error: TypeError, text: /name must be a string/ },
  { name: "open() without a name", run: open({}, null), error: TypeError, text: /name must be a string/ },
  {
    name: "unlink() without a name",
    run: () => SharedMemory.unlink(undefined as never),
    error: TypeError,
    text: /name/,
  },
  { name: "anonymous() without a size", run: anonymous(undefined), error: TypeError, text: /size/ },
  { name: "anonymous() of size 0", run: anonymous(0), error: RangeError, text: /size/ },
  { name: "anonymous() of 2 ** 53", run: anonymous(2 ** 53), error: RangeError, text: /size/ },
  { name: "anonymous() with a mode", run: anonymous(1, { mode: 0o600 }), error: TypeError, text: /"mode"/ },
  { name: "anonymous() with text as seal", run: anonymous(1, { seal: "no" }), error: TypeError, text: /seal/ },
  {
    name: "new",
    run: () => new (SharedMemory as never as new (name: string) => SharedMemory)("x"),
    error: TypeError,
    text: /use create\(\)/,
  },
  { name: "from() nothing", run: from(undefined), error: TypeError, text: /source must be an Fd/ },
  { name: "from() null", run: from(null), error: TypeError, text: /source must be an Fd/ },
  { name: "from() a number", run: from(3), error: TypeError, text: /source must be an Fd/ },
  { name: "from() an object of another kind", run: from({ ...token, type: "x" }), error: TypeError, text: /source/ },
  { name: "from() a token without a file", run: from({ ...token, file: 5 }), error: TypeError, text: /source/ },
  { name: "from() a token of fd -1", run: from({ ...token, fd: -1 }), error: RangeError, text: /source.fd/ },
  { name: "from() a token of fd 2 ** 32", run: from({ ...token, fd: 2 ** 32 }), error: RangeError, text: /source.fd/ },
  { name: "from() a token of size 0", run: from({ ...token, size: 0 }), error: RangeError, text: /source.size/ },
  { name: "from() a misspelt option", run: from(token, { seal: true }), error: TypeError, text: /"seal"/ },
  {
    name: "from() a closed Fd",
    run: () => {
      const fd = Fd.open("/dev/null");
      fd.close();
      SharedMemory.from(fd);
    },
    error: TypeError,
    text: /closed/,
  },
  ...[
    "",
    "a/b",
    "/a",
    "..",
    ".",
    ".hidden",
    "-x",
    "x".repeat(81),
    "sem.x",
    "sem.",
    "größe",
    "a b",
    "a\0b",
    "a\nb",
    "x*",
  ]
    .flatMap((called) =>
      (["create", "open", "openOrCreate", "unlink"] as const).map((method) => ({
        name: `${method}() of the name ${JSON.stringify(called).slice(0, 20)}`,
        run: () => (SharedMemory[method] as (name: string, options: unknown) => void)(called, { size: 1 }),
        error: RangeError,
        text: /^name must /,
      }))
    ),
];
for (const { name: what, run, error, text } of wrong) {
  test(`SharedMemory refuses ${what}`, () => {
    let thrown: unknown;
    try {
      run();
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toBeInstanceOf(error);
    expect((thrown as Error).message).toMatch(text);
    expect(thrown).not.toBeInstanceOf(SystemError);
    expect(existsSync(file("x"))).toBe(false);
  });
}

test("resize() refuses what is no size, and changes nothing", () => {
  using memory = SharedMemory.anonymous(5000);
  memory.bytes[4999] = 1;
  const { buffer } = memory;
  for (const size of [0, -1, 4999, 1, 5000.5, NaN, Infinity, 2 ** 53]) {
    expect(() => memory.resize(size)).toThrow(RangeError);
  }
  for (const size of ["6000", 6000n, null, undefined]) expect(() => memory.resize(size as never)).toThrow(TypeError);
  expect(memory.buffer).toBe(buffer);
  expect([memory.size, memory.bytes[4999]]).toEqual([5000, 1]);
});

// What the kernel refuses, or hawser after it looked.

type Refused = {
  name: string;
  code: string;
  syscall: string | RegExp;
  text?: RegExp;
  run: (called: string) => unknown;
};
const refused: Refused[] = [
  {
    name: "create() of a name that is taken",
    code: "EEXIST",
    syscall: "linkat",
    text: /^Cannot create shared memory ".*": it exists already \(EEXIST\)$/,
    run: (called) => {
      writeFileSync(file(called), "theirs");
      SharedMemory.create(called, { size: 1 });
    },
  },
  {
    name: "create() over a dangling symbolic link",
    code: "EEXIST",
    syscall: "linkat",
    run: (called) => {
      symlinkSync("/nonexistent", file(called));
      SharedMemory.create(called, { size: 1 });
    },
  },
  {
    name: "open() of what is not there",
    code: "ENOENT",
    syscall: "openat",
    run: (called) => SharedMemory.open(called),
  },
  { name: "unlink() of what is not there", code: "ENOENT", syscall: "unlinkat", run: SharedMemory.unlink },
  {
    name: "open() of an empty file",
    code: "ENODATA",
    syscall: "memory_open",
    text: /it is empty/,
    run: (called) => {
      writeFileSync(file(called), "");
      SharedMemory.open(called);
    },
  },
  {
    name: "openOrCreate() of an empty file",
    code: "ENODATA",
    syscall: "memory_open",
    run: (called) => {
      writeFileSync(file(called), "");
      SharedMemory.openOrCreate(called, { size: 4 });
    },
  },
  {
    name: "open() of a file that was truncated",
    code: "EOVERFLOW",
    syscall: "memory_open",
    text: /it has 10 bytes, fewer than the 100 asked for/,
    run: (called) => {
      SharedMemory.create(called, { size: 100 }).close();
      truncateSync(file(called), 10);
      SharedMemory.open(called, { size: 100 });
    },
  },
  {
    name: "open() of a symbolic link",
    code: "ELOOP",
    syscall: "openat",
    run: (called) => {
      symlinkSync("/etc/passwd", file(called));
      SharedMemory.open(called);
    },
  },
  {
    name: "openOrCreate() of a dangling symbolic link",
    code: "ELOOP",
    syscall: "openat",
    run: (called) => {
      symlinkSync("/nonexistent", file(called));
      SharedMemory.openOrCreate(called, { size: 4 });
    },
  },
  {
    name: "open() of a folder for writing",
    code: "EISDIR",
    syscall: "openat",
    run: (called) => {
      mkdirSync(file(called));
      try {
        SharedMemory.open(called);
      } finally {
        rmdirSync(file(called));
      }
    },
  },
  {
    name: "open() of a folder for reading",
    code: "ENODEV",
    syscall: "memory_open",
    text: /it is a directory/,
    run: (called) => {
      mkdirSync(file(called));
      try {
        SharedMemory.open(called, { readonly: true });
      } finally {
        rmdirSync(file(called));
      }
    },
  },
  {
    name: "open() of more than there is",
    code: "EOVERFLOW",
    syscall: "memory_open",
    run: (called) => {
      SharedMemory.create(called, { size: 100 }).close();
      SharedMemory.open(called, { size: 101 });
    },
  },
  {
    name: "open() of another user's",
    code: "EPERM",
    syscall: "memory_open",
    text: /it belongs to user \d+, not to user 1234/,
    run: (called) => {
      SharedMemory.create(called, { size: 100 }).close();
      SharedMemory.open(called, { owner: 1234 });
    },
  },
  {
    name: "create() of more than any file system holds",
    code: "ENOMEM",
    syscall: "memory_create",
    text: /not enough memory/,
    run: (called) => SharedMemory.create(called, { size: Number.MAX_SAFE_INTEGER }),
  },
  {
    name: "anonymous() of more than the machine has",
    code: "ENOMEM",
    syscall: "memory_anonymous",
    text: /^Cannot make 1125899906842624 bytes of memory: not enough memory/,
    run: () => SharedMemory.anonymous(2 ** 50),
  },
  {
    name: "from() a descriptor that is no file",
    code: "ENODEV",
    syscall: "memory_from_fd",
    text: /it is a character device/,
    run: () => {
      using fd = Fd.open("/dev/null", "O_RDWR");
      SharedMemory.from(fd);
    },
  },
  {
    name: "from() a folder",
    code: "ENODEV",
    syscall: "memory_from_fd",
    text: /it is a directory/,
    run: () => {
      using fd = Fd.open("/");
      SharedMemory.from(fd);
    },
  },
  {
    name: "from() an empty file",
    code: "ENODATA",
    syscall: "memory_from_fd",
    run: () => {
      using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
      SharedMemory.from(fd);
    },
  },
  {
    name: "from() more than there is",
    code: "EOVERFLOW",
    syscall: "memory_from_fd",
    text: /it has 10 bytes, fewer than the 11 asked for/,
    run: () => {
      using memory = SharedMemory.anonymous(10);
      using fd = memory.fd();
      SharedMemory.from(fd, { size: 11 });
    },
  },
  {
    name: "from() what is not sealed where it must be",
    code: "EPERM",
    syscall: "memory_from_fd",
    text: /it is not sealed against shrinking/,
    run: () => {
      using memory = SharedMemory.anonymous(10, { seal: false });
      using fd = memory.fd();
      SharedMemory.from(fd, { sealed: true });
    },
  },
  {
    name: "from() what can't be sealed where it must be",
    code: "EINVAL|EPERM",
    syscall: /^fcntl|memory_from_fd$/,
    run: () => {
      using fd = Fd.open("/etc/passwd");
      SharedMemory.from(fd, { sealed: true });
    },
  },
  {
    name: "from() a descriptor opened with O_PATH",
    code: "EBADF",
    syscall: "mmap",
    run: () => {
      using fd = Fd.open("/etc/passwd", "O_PATH");
      SharedMemory.from(fd);
    },
  },
  {
    name: "from() a descriptor opened for writing only",
    code: "EACCES",
    syscall: "mmap",
    run: (called) => {
      SharedMemory.create(called, { size: 1 }).close();
      using fd = Fd.open(file(called), "O_WRONLY");
      SharedMemory.from(fd);
    },
  },
  {
    name: "resize() to more than the machine has",
    code: "ENOMEM",
    syscall: "memory_resize",
    run: (called) => {
      using memory = SharedMemory.create(called, { size: 4096 });
      memory.bytes[4095] = 3;
      try {
        memory.resize(2 ** 50);
      } finally {
        expect([memory.size, memory.bytes[4095], statSync(file(called)).size]).toEqual([4096, 3, 4096]);
      }
    },
  },
];
for (const { name: what, code, syscall, text, run } of refused) {
  test(`SharedMemory tells ${code} for ${what}`, () => {
    const called = name("refused");
    onTestFinished(() => void removeQuietly(file(called)));
    let error: unknown;
    try {
      run(called);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SystemError);
    const { code: found, errno, syscall: call, message, path } = error as SystemError;
    expect(found).toMatch(new RegExp(`^(${code})$`));
    expect(call).toMatch(syscall);
    expect(errno).toBeLessThan(0);
    expect(message).toMatch(text ?? /^Cannot .*: .*\([A-Z]+\)$/);
    if (/open|create|unlink/i.test(what) && !/from/.test(what)) expect(path).toBe(`/${called}`);
  });
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone, or was never there.
  }
}

test("open() of a FIFO does not wait for its other end", async () => {
  const called = name("fifo");
  await using running = start(["mkfifo", file(called)]);
  await running.ended();
  expect(() => SharedMemory.open(called)).toThrow(/it is a fifo \(ENODEV\)/);
  expect(() => SharedMemory.open(called, { readonly: true })).toThrow(/it is a fifo \(ENODEV\)/);
  expect(() => SharedMemory.openOrCreate(called, { size: 4 })).toThrow(/it is a fifo \(ENODEV\)/);
  expect(() => SharedMemory.create(called, { size: 4 })).toThrow(/EEXIST/);
});

test("an object too large for an ArrayBuffer is refused, and leaves no name", () => {
  const size = 2 ** 42;
  const called = name("large");
  // Some engines have buffers of that size.
  let error: unknown;
  try {
    using memory = SharedMemory.create(called, { size, sparse: true });
    memory.bytes[size - 1] = 1;
    expect(memory.buffer.byteLength).toBe(size);
    SharedMemory.unlink(called);
  } catch (thrown) {
    error = thrown;
  }
  if (here === "bun") expect(error).toBeInstanceOf(RangeError);
  if (error !== undefined) expect((error as Error).message).toMatch(/largest ArrayBuffer|ENOMEM/);
  expect(existsSync(file(called))).toBe(false);
});

// Leaks.

test("nothing is left of 200 objects of each kind", async () => {
  const before = snapshot();
  for (let i = 0; i < 200; i++) {
    using made = SharedMemory.create(unique("leak"), { size: 4096, temporary: true });
    using opened = SharedMemory.open(made.name!);
    using reader = SharedMemory.open(made.name!, { readonly: true });
    using unnamed = SharedMemory.anonymous(4096);
    using fd = unnamed.fd();
    using same = SharedMemory.from(fd);
    using shared = SharedMemory.from(unnamed.share());
    unnamed.resize(100_000);
    expect(opened.size + reader.size + same.size + shared.size).toBe(4 * 4096);
  }
  expect(await leftBehind(before)).toEqual([]);
});

test("nothing is left of 1,000 refusals of each kind", async () => {
  const called = name("refusals");
  const missing = name("missing");
  const empty = name("empty");
  using made = SharedMemory.create(called, { size: 4096 });
  writeFileSync(file(empty), "");
  const token = SharedMemory.anonymous(10);
  const stale = token.share();
  token.close();
  using fd = Fd.open("/dev/null");
  const before = snapshot();
  for (let i = 0; i < 1000; i++) {
    expect(() => SharedMemory.create(called, { size: 4096 })).toThrow("EEXIST");
    expect(() => SharedMemory.create(missing, { size: 2 ** 50 })).toThrow("ENOMEM");
    expect(() => SharedMemory.open(missing)).toThrow("ENOENT");
    expect(() => SharedMemory.open(empty)).toThrow("ENODATA");
    expect(() => SharedMemory.open(called, { size: 5000 })).toThrow("EOVERFLOW");
    expect(() => SharedMemory.open(called, { owner: 1234 })).toThrow("EPERM");
    expect(() => SharedMemory.from(fd)).toThrow("ENODEV");
    expect(() => SharedMemory.from(stale)).toThrow("ESTALE");
    expect(() => SharedMemory.anonymous(2 ** 50)).toThrow("ENOMEM");
  }
  expect(() => made.resize(2 ** 50)).toThrow("ENOMEM");
  expect(await leftBehind(before)).toEqual([]);
});

// Other users.

test("as nobody: EACCES, EPERM with the owner's name, and the option owner", async (context) => {
  needsRoot(context);
  using user = asNobody();
  const [closed, open, own] = [name("closed"), name("open"), name("own")];
  using _closed = SharedMemory.create(closed, { size: 64 });
  using shared = SharedMemory.create(open, { size: 64, mode: 0o666 });
  const ended = await user.run(
    `
    const { SharedMemory } = hawser;
    const [closed, open, own] = ${JSON.stringify([closed, open, own])};
    const refuses = (run, code, text) => assert.throws(run, { name: "SystemError", code, message: text });
    refuses(() => SharedMemory.open(closed), "EACCES", /permission denied/);
    refuses(() => SharedMemory.open(closed, { owner: 0 }), "EACCES", /permission denied/);
    refuses(() => SharedMemory.openOrCreate(closed, { size: 64 }), "EACCES", /permission denied/);
    refuses(() => SharedMemory.open(open), "EPERM", /it belongs to user 0, not to this process's/);
    refuses(() => SharedMemory.openOrCreate(open, { size: 64 }), "EPERM", /it belongs to user 0/);
    refuses(() => SharedMemory.unlink(open), /^(EPERM|EACCES)$/, /./);
    refuses(() => SharedMemory.create(open, { size: 64 }), "EEXIST", /./);
    { using memory = SharedMemory.open(open, { owner: 0 }); memory.bytes[0] = 8; }
    { using memory = SharedMemory.openOrCreate(open, { owner: 0, size: 64 }); assert.equal(memory.bytes[0], 8); }
    { using memory = SharedMemory.create(own, { size: 64, mode: 0o666 }); memory.bytes[0] = 9; }
    assert.equal(SharedMemory.list().find((entry) => entry.name === own).uid, ${nobody});
    { using memory = SharedMemory.anonymous(1 << 16); memory.lock(); }
    using large = SharedMemory.anonymous(1 << 28, { sparse: true });
    refuses(() => large.lock(), "ENOMEM", /./); // RLIMIT_MEMLOCK is 8 MiB at most for users.
  `.replaceAll(/using (\w+) = ([^;]+);/g, "const $1 = $2;"),
    ["prlimit", "--memlock=8388608:8388608"],
  );
  expect(ended).toMatchObject({ status: 0, stdout: "done\n", stderr: "" });
  expect(shared.bytes[0]).toBe(8);
  expect(() => SharedMemory.open(own)).toThrow(new RegExp(`it belongs to user ${nobody}, not to this process's`));
  using theirs = SharedMemory.open(own, { owner: nobody });
  expect(theirs.bytes[0]).toBe(9);
});
