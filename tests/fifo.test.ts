// Fifo: names for pipes, and opening them without a thread that hangs or a descriptor that is left.
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { Fd, Fifo, type FifoAccess, pipe, pipeCapacity } from "../lib/fd/mod.ts";
import { here, spawnLane } from "./support/lanes.ts";
import { asNobody, needsRoot } from "./support/nobody.ts";
import { tmpdir, until, watchdog } from "./support/watchdog.ts";

const { core } = load();
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (buffer: Uint8Array, count: number | null) => new TextDecoder().decode(buffer.subarray(0, count ?? 0));

/** How many descriptors of this process are FIFOs under a folder. */
const openUnder = (folder: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false; // The listing's own.
    }
  }).length;
const noCalls = () => until(() => core.hawser_call_count() === 0, "No call is left");

test("make() makes a FIFO of the mode that was asked for, and dispose removes it", () => {
  using folder = tmpdir();
  const path = folder.file("fifo");
  {
    using fifo = Fifo.make(path);
    expect([statSync(path).isFIFO(), statSync(path).mode & 0o7777]).toEqual([true, 0o600]);
    expect([fifo.path, fifo.closed, inspect(fifo)]).toEqual([path, false, `Fifo ${JSON.stringify(path)}`]);
  }
  expect(readdirSync(folder.path)).toEqual([]);
  using other = Fifo.make(new URL(`file://${path}`), { mode: 0o640 & ~process.umask() });
  expect(statSync(path).mode & 0o7777).toBe(0o640 & ~process.umask());
  other.unlink();
  other.unlink();
  expect(inspect(other)).toBe(`Fifo ${JSON.stringify(path)} (removed)`);
});

test("a name that somebody else removed is fine, and who has it open keeps it", async () => {
  using folder = tmpdir();
  const fifo = Fifo.make(folder.file("fifo"));
  using both = await Fifo.open(fifo.path, "both");
  using other = Fifo.make(folder.file("other"));
  await new Promise<void>((done, fail) =>
    execFile("rm", [other.path], (error) => error === null ? done() : fail(error))
  );
  fifo.unlink();
  both.writeSync(bytes("x"));
  expect(both.readSync(new Uint8Array(4))).toBe(1);
});

test("relative to a folder's descriptor", async () => {
  using folder = tmpdir();
  mkdirSync(folder.file("a"));
  using directory = Fd.open(folder.file("a"), "O_DIRECTORY");
  using _fifo = Fifo.make("fifo", { directory });
  expect(readdirSync(folder.file("a"))).toEqual(["fifo"]);
  expect(Fifo.tryOpen("fifo", "write", { directory })).toBe(null);
  const reading = Fifo.open("fifo", "read", { directory });
  using writer = Fifo.openSync("fifo", "write", { directory });
  using reader = await watchdog(reading, "The reader");
  writer.writeSync(bytes("here"));
  expect(reader.readSync(new Uint8Array(8))).toBe(4);
  expect(() => Fifo.tryOpen("fifo", "read")).toThrow(expect.objectContaining({ code: "ENOENT", path: "fifo" }));
});

const kinds: Record<string, (path: string, access: FifoAccess) => Fd | Promise<Fd>> = {
  open: (path, access) => Fifo.open(path, access),
  openSync: (path, access) => Fifo.openSync(path, access),
};
for (const [name, open] of Object.entries(kinds)) {
  for (const access of ["read", "write"] as const) {
    test(`${name}() for ${access} meets an end that waits`, async () => {
      using folder = tmpdir();
      using fifo = Fifo.make(folder.file("fifo"));
      const other = Fifo.open(fifo.path, access === "read" ? "write" : "read");
      using mine = await open(fifo.path, access);
      using theirs = await watchdog(other, "The other end");
      const [reader, writer] = access === "read" ? [mine, theirs] : [theirs, mine];
      expect(reader.flags).toMatchObject({ access: "O_RDONLY", nonblock: true, closeOnExec: true });
      expect(writer.flags).toMatchObject({ access: "O_WRONLY", nonblock: true, closeOnExec: true });
      const buffer = new Uint8Array(16);
      const waiting = reader.read(buffer);
      await writer.write(bytes("hello"));
      expect(text(buffer, await waiting)).toBe("hello");
      writer.close();
      expect(await reader.read(buffer)).toBe(0);
    });
  }
}

test("an open that waits stalls nothing: files, timers and other FIFOs go on", async () => {
  using folder = tmpdir();
  // More than the runtimes' own pools have threads.
  const fifos = Array.from({ length: 20 }, (_, i) => Fifo.make(folder.file(`fifo-${i}`)));
  const waiting = fifos.map(({ path }) => Fifo.open(path, "read"));
  expect(core.hawser_call_count()).toBe(20);
  await new Promise<void>((done, fail) => execFile("true", (error) => error === null ? done() : fail(error)));
  const { readFile } = await import("node:fs/promises");
  expect(await watchdog(readFile("/etc/hostname"), "A file")).toBeDefined();
  for (const [i, { path }] of fifos.entries()) {
    using writer = await Fifo.open(path, "write");
    using reader = await watchdog(waiting[i]!, "The reader");
    expect([reader.closed, writer.closed]).toEqual([false, false]);
  }
  for (const fifo of fifos) fifo.unlink();
  expect(openUnder(folder.path)).toBe(0);
});

test("an open is called off by its time, its signal, and before it began", async () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  const reason = new Error("never mind");
  await expect(Fifo.open(fifo.path, "read", { timeout: 10 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  await expect(Fifo.open(fifo.path, "write", { timeout: 0 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  await expect(Fifo.open(fifo.path, "read", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const aborted = Fifo.open(fifo.path, "write", { signal: controller.signal });
  controller.abort(reason);
  await expect(watchdog(aborted, "The abort")).rejects.toBe(reason);
  const start = performance.now();
  for (const access of ["read", "write"] as const) {
    expect(() => Fifo.openSync(fifo.path, access, { timeout: 10 })).toThrow(
      expect.objectContaining({ code: "ETIMEDOUT", syscall: "fifo_open", path: fifo.path }),
    );
  }
  expect(performance.now() - start).toBeGreaterThanOrEqual(19);
  await noCalls();
  expect(openUnder(folder.path)).toBe(0);
});

test("200 aborts that race the other end leave no descriptor: each open resolves or rejects", async () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  const seed = Number(process.env.HAWSER_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`aborts: HAWSER_SEED=${seed}`);
  let state = seed >>> 0;
  const random = (below: number) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
  const seen = { opened: 0, aborted: 0 };
  for (let i = 0; i < 200; i++) {
    const controller = new AbortController();
    const opening = Fifo.open(fifo.path, "read", { signal: controller.signal }).then(
      (fd) => (seen.opened++, fd.close()),
      (reason) => (expect(reason).toBe(i), seen.aborted++),
    );
    const writer = random(4) > 0 ? Fifo.tryOpen(fifo.path, "write") : null;
    for (let spins = random(2000); spins > 0; spins--) state ^= 0;
    if (random(2) > 0) await new Promise((done) => setImmediate(done));
    controller.abort(i);
    await watchdog(opening, "The open");
    writer?.close();
  }
  expect(seen.opened + seen.aborted).toBe(200);
  expect(seen.aborted).toBeGreaterThan(0);
  await noCalls();
  expect(openUnder(folder.path)).toBe(0);
});

test("the 65th blocking call is refused with the limit, and taken when one has ended", async () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  const controller = new AbortController();
  const waiting = Array.from({ length: 64 }, () => Fifo.open(fifo.path, "read", { signal: controller.signal }));
  const over = { code: "EAGAIN", message: expect.stringContaining("64 blocking calls") };
  await expect(Fifo.open(fifo.path, "read")).rejects.toMatchObject(over);
  expect(() => Fifo.openSync(fifo.path, "read")).toThrow(expect.objectContaining({ code: "EAGAIN" }));
  using writer = Fifo.tryOpen(fifo.path, "write") ?? Fifo.openSync(fifo.path, "write", { timeout: 0 });
  expect(writer.closed).toBe(false);
  controller.abort("over");
  const ended = await watchdog(Promise.allSettled(waiting), "All opens");
  for (const one of ended) if (one.status === "fulfilled") one.value.close();
  await noCalls();
  using reader = await Fifo.open(fifo.path, "read");
  expect(reader.closed).toBe(false);
});

test("tryOpen() waits for nobody", () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  expect(Fifo.tryOpen(fifo.path, "write")).toBe(null);
  using reader = Fifo.tryOpen(fifo.path, "read")!;
  expect(reader.tryRead(new Uint8Array(1))).toBe(null); // No writer yet.
  using writer = Fifo.tryOpen(fifo.path, "write")!;
  expect(reader.tryRead(new Uint8Array(1))).toBe(null);
  expect(writer.tryWrite(bytes("x"))).toBe(1);
  using both = Fifo.tryOpen(fifo.path, "both")!;
  expect(both.tryRead(new Uint8Array(1))).toBe(1);
  expect(pipeCapacity(both)).toBeGreaterThanOrEqual(4096);
  writer.close();
  both.close();
  expect(reader.tryRead(new Uint8Array(1))).toBe(0); // None any more.
  // What Fd.open() makes of it is the kernel's own error.
  reader.close();
  expect(() => Fd.open(fifo.path, ["O_WRONLY", "O_NONBLOCK"])).toThrow(expect.objectContaining({ code: "ENXIO" }));
});

for (const [kind, want] of Object.entries({ terminate: { calls: 0, threads: 0 }, exit: { calls: 0, threads: 0 } })) {
  test(`a Worker that ends (${kind}) while opens are pending leaves no call, thread or descriptor`, async () => {
    using folder = tmpdir();
    using fifo = Fifo.make(folder.file("fifo"));
    const ended = await spawnLane(here, "fifo", [kind, fifo.path]);
    expect(ended).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(ended.stdout)).toEqual({ ...want, fifos: 0 });
  });
}

test("a process ends while an open is pending, by process.exit() and by itself when that is called off", async () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  expect(await spawnLane(here, "fifo", ["die", fifo.path])).toMatchObject({ status: 3, stdout: "", stderr: "" });
  expect(await spawnLane(here, "fifo", ["abort", fifo.path])).toMatchObject({ status: 0, stdout: "off\n", stderr: "" });
});

test("an interruptible openSync() ends with EINTR when a signal arrives", async () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  const ended = await spawnLane(here, "fifo", ["interrupt", fifo.path]);
  // Signals come until it has ended: some perhaps before, some after.
  const stdout = expect.stringMatching(/^(handled\n)*EINTR\n(handled\n)+$/);
  expect(ended).toMatchObject({ status: 0, stdout, stderr: "" });
});

const wrong: { name: string; run: (path: string) => unknown; error: unknown }[] = [
  { name: "a number as path", run: () => Fifo.make(1 as never), error: TypeError },
  { name: "an empty path", run: () => Fifo.make(""), error: RangeError },
  { name: "a NUL in the path", run: () => Fifo.open("a\0b", "read"), error: RangeError },
  { name: "a mode too large", run: (path) => Fifo.make(path, { mode: 0o10000 }), error: RangeError },
  { name: "a number as folder", run: () => Fifo.make("x", { directory: 3 as never }), error: TypeError },
  {
    name: "a closed folder",
    run: () => {
      const directory = Fd.open("/tmp", "O_DIRECTORY");
      directory.close();
      return Fifo.make("x", { directory });
    },
    error: TypeError,
  },
  { name: "an unknown option", run: (path) => Fifo.make(path, { perm: 1 } as never), error: TypeError },
  { name: "no access", run: (path) => Fifo.open(path, undefined as never), error: TypeError },
  { name: "an unknown access", run: (path) => Fifo.openSync(path, "append" as never), error: RangeError },
  { name: "an access of Object's", run: (path) => Fifo.tryOpen(path, "toString" as never), error: RangeError },
  {
    name: "a signal where none is heard",
    run: (path) => Fifo.openSync(path, "read", { signal: 1 } as never),
    error: TypeError,
  },
  { name: "a time to try", run: (path) => Fifo.tryOpen(path, "read", { timeout: 1 } as never), error: TypeError },
  { name: "a negative time", run: (path) => Fifo.open(path, "read", { timeout: -1 }), error: RangeError },
  { name: "new", run: () => new (Fifo as never as new (n: string) => Fifo)("x"), error: TypeError },
];
for (const { name, run, error } of wrong) {
  test(`refuses ${name}`, async () => {
    using folder = tmpdir();
    await expect(new Promise((done) => done(run(folder.file("x"))))).rejects.toThrow(error as Error);
    expect(readdirSync(folder.path)).toEqual([]);
  });
}

const refused: { name: string; code: string; run: (folder: ReturnType<typeof tmpdir>) => unknown }[] = [
  {
    name: "a name that is there",
    code: "EEXIST",
    run: (folder) => (writeFileSync(folder.file("x"), ""), Fifo.make(folder.file("x"))),
  },
  { name: "a folder that is not there", code: "ENOENT", run: (folder) => Fifo.make(folder.file("no/x")) },
  {
    name: "a path through a file",
    code: "ENOTDIR",
    run: (folder) => (writeFileSync(folder.file("x"), ""), Fifo.make(folder.file("x/y"))),
  },
  {
    name: "a folder that is a file",
    code: "ENOTDIR",
    run: (folder) => {
      writeFileSync(folder.file("x"), "");
      using directory = Fd.open(folder.file("x"));
      return Fifo.make("y", { directory });
    },
  },
  { name: "to open what is not there", code: "ENOENT", run: (folder) => Fifo.open(folder.file("x"), "read") },
  {
    name: "to open what is not there at once",
    code: "ENOENT",
    run: (folder) => Fifo.openSync(folder.file("x"), "read"),
  },
  { name: "to open a path of 5,000 bytes", code: "ENAMETOOLONG", run: () => Fifo.open("x/".repeat(2500), "read") },
  {
    name: "to open a circle of links",
    code: "ELOOP",
    run: (folder) => (symlinkSync(folder.file("x"), folder.file("x")), Fifo.open(folder.file("x"), "write")),
  },
  ...(["open", "openSync", "tryOpen"] as const).map((kind) => ({
    name: `to ${kind}() a file`,
    code: "EINVAL",
    run: (folder: ReturnType<typeof tmpdir>) => {
      writeFileSync(folder.file("x"), "");
      return Fifo[kind](folder.file("x"), "read");
    },
  })),
];
for (const { name, code, run } of refused) {
  test(`passes on ${code} for ${name}`, async () => {
    using folder = tmpdir();
    await expect(new Promise((done) => done(run(folder)))).rejects.toMatchObject({
      code,
      path: expect.any(String),
      message: expect.stringMatching(/^Cannot (open|make) the FIFO "/),
    });
    expect(openUnder(folder.path)).toBe(0);
  });
}

test("EACCES, EPERM and a pipe's limits as nobody", async (context) => {
  needsRoot(context);
  using user = asNobody();
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  const path = JSON.stringify(fifo.path);
  const ended = await user.run(`
    const { Fifo, pipe, pipeCapacity } = hawser;
    assert.throws(() => Fifo.make("/etc/fifo"), { code: "EACCES", syscall: "mknodat", path: "/etc/fifo" });
    assert.throws(() => Fifo.openSync(${path}, "read"), { code: "EACCES", syscall: "openat" });
    await assert.rejects(Fifo.open(${path}, "write"), { code: "EACCES", syscall: "openat" });
    assert.throws(() => pipe({ capacity: 2 ** 30 }), { code: "EPERM", syscall: "fcntl", message: /pipe-max-size/ });
    const before = (await import("node:fs")).readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 100; i++) assert.throws(() => pipe({ capacity: 2 ** 30 }), { code: "EPERM" });
    assert.equal((await import("node:fs")).readdirSync("/proc/self/fd").length, before);
    const ends = pipe();
    assert.throws(() => pipeCapacity(ends.reader, 2 ** 30), { code: "EPERM" });
    const own = Fifo.make("own");
    assert.equal(Fifo.tryOpen("own", "both").stat().uid, 65534);
    own.unlink();
  `);
  expect(ended).toMatchObject({ status: 0, stdout: "done\n", stderr: "" });
});

test("a hundred FIFOs opened and closed leave the count of descriptors as it was", async () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  using ends = pipe();
  const before = readdirSync("/proc/self/fd").length;
  for (let i = 0; i < 100; i++) {
    const opening = Fifo.open(fifo.path, "read");
    Fifo.openSync(fifo.path, "write").close();
    (await watchdog(opening, "The reader")).close();
  }
  await noCalls();
  expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 2); // A doorbell, and the listing's own.
  expect(openUnder(folder.path)).toBe(0);
  expect(ends.reader.closed).toBe(false);
});
