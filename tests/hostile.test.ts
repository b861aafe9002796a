// What no sane caller, machine or peer does.
import assert from "node:assert/strict";
import process from "node:process";
import { deflate } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { closeWaiting } from "../lib/core/_waiting.ts";
import { array, atomicU32, embedded, struct, u64, u8 } from "../lib/layout/mod.ts";
import { MappedFile, SharedMemory } from "../lib/memory/mod.ts";
import { bin, here, laneCommand, root, start } from "./support/lanes.ts";
import { needsRoot } from "./support/nobody.ts";
import { copyTree } from "./support/trees.ts";
import { tmpdir } from "./support/watchdog.ts";

afterAll(closeWaiting);

/** Runs a part of tests/scenarios/hostile.ts under a command that changes the machine for it. */
async function hostile(what: string, ...prefix: string[]): Promise<void> {
  const command = laneCommand(here, "tests/scenarios/hostile.ts", [what, `hostile-${what}-${here}-${process.pid}`]);
  await using running = start([...prefix, ...command]);
  expect(await running.ended()).toMatchObject({ stdout: "done\n", status: 0 });
}

/** A command that runs the rest behind one of the shell's. */
const behind = (command: string) => ["sh", "-c", `${command} && exec "$@"`, "sh"];

test("resize() beyond the runtime's largest buffer changes nothing", () => {
  using memory = SharedMemory.anonymous(16, { sparse: true });
  memory.bytes[15] = 7;
  const size = 2 ** 40;
  if (here === "bun" || here === "node20") {
    expect(() => memory.resize(size)).toThrow(/largest ArrayBuffer \(ENOMEM\)/);
    expect(memory.size).toBe(16);
    using fd = memory.fd();
    expect(fd.stat().size).toBe(16);
    memory.resize(17);
  } else {
    memory.resize(size);
    memory.bytes[size - 1] = 1;
  }
  expect(memory.bytes.length).toBe(memory.size);
  expect(memory.bytes[15]).toBe(7);
});

if (here === "bun") {
  test("pages that a call of Bun's works on stay until it is done", async () => {
    const memory = SharedMemory.anonymous(1 << 24);
    const { bytes } = memory;
    bytes.fill(65);
    const compressed = new Promise<Uint8Array>((done, failed) => {
      deflate(bytes, (error, result) => error ? failed(error) : done(result));
    });
    expect(() => memory.resize(1 << 25)).toThrow(expect.objectContaining({ code: "EBUSY" }));
    expect([memory.size, bytes.length, bytes[0]]).toEqual([1 << 24, 1 << 24, 65]);
    memory.close();
    expect([bytes.length, bytes[0]]).toEqual([1 << 24, 0]);
    expect((await compressed).length).toBeGreaterThan(0);
  });
}

test("what exceeds RLIMIT_FSIZE is EFBIG, and no SIGXFSZ is sent", () =>
  hostile("limit", ...behind("ulimit -f 40000")));

test("without /dev/shm errors say so", (context) => {
  needsRoot(context, "unshare");
  return hostile("no-shm", "unshare", "-m", ...behind("mount -t tmpfs none /dev"));
});

// Bun does not start there, and Deno ends when it is asked for its arguments.
if (here === "node26" || here === "node20") {
  test("create() needs no /proc", (context) => {
    needsRoot(context, "unshare");
    return hostile("no-proc", "unshare", "-m", ...behind("umount -l /proc"));
  });
}

test("from() reads each member of a token once, and takes only names", () => {
  using memory = SharedMemory.anonymous(16);
  const token = memory.share();
  for (const [member, second] of [["fd", "0"], ["size", "4"], ["file", "0:0"], ["readonly", 1], ["name", 5]] as const) {
    let reads = 0;
    const changing = { ...token };
    Object.defineProperty(changing, member, { get: () => reads++ === 0 ? token[member] : second });
    using same = SharedMemory.from(changing);
    expect([same.size, same.name, same.readonly, reads]).toEqual([16, null, false, 1]);
  }
  expect(() => SharedMemory.from({ ...token, name: 5 as unknown as null })).toThrow(TypeError);
});

test("Workers share one embedded copy where vm.memfd_noexec is set", async (context) => {
  needsRoot(context, "unshare", "/proc/sys/vm/memfd_noexec");
  using tree = copyTree({ native: false, compiled: true });
  // The setting is the pid namespace's own.
  const prefix = ["unshare", "-pf", "--mount-proc", ...behind("echo 1 > /proc/sys/vm/memfd_noexec")];
  await using running = start([...prefix, ...tree.command("tests/scenarios/workers.ts", ["24", "2"])]);
  const { stdout, status } = await running.ended();
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ via: "embedded", late: { descriptors: 1, copies: 1 } });
});

if (here !== "node20") {
  test("a library closed by its own callback, or by an argument's getter, ends nothing", async () => {
    using folder = tmpdir();
    const path = folder.file("libkinds.so");
    const source = `${root}tests/support/ffi_kinds.zig`;
    const flags = ["build-lib", "-dynamic", "-O", "ReleaseSmall", "--cache-dir", folder.file("cache")];
    await using zig = start([bin("zig"), ...flags, `-femit-bin=${path}`, source], { timeout: 60_000 });
    expect(await zig.ended()).toMatchObject({ status: 0 });
    await using running = start(laneCommand(here, "tests/scenarios/hostile.ts", ["closing", path]));
    expect(await running.ended()).toMatchObject({ stdout: "done\n", status: 0 });
  }, 90_000);
}

test("atomic fields follow a buffer that grows and shrinks", () => {
  const Cells = array(atomicU32, 16);
  type Shared = SharedArrayBuffer & { grow(bytes: number): void };
  const Growable = SharedArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => Shared;
  const buffers = [new ArrayBuffer(8, { maxByteLength: 64 }), new Growable(8, { maxByteLength: 64 })];
  for (const buffer of buffers) {
    assert.equal(atomicU32.read(buffer, 4), 0);
    if ("grow" in buffer) buffer.grow(64);
    else buffer.resize(64);
    const cells = Cells.view(buffer);
    cells.get(15).store(7);
    assert.equal(Cells.read(buffer)[15], 7);
    if ("grow" in buffer) continue;
    buffer.resize(8);
    assert.throws(() => cells.get(15).load());
    assert.equal(atomicU32.read(buffer, 4), 0);
    buffer.resize(64);
    assert.equal(cells.get(15).load(), 0);
  }
});

test("struct() reads each field once", () => {
  let reads = 0;
  const fields = {
    get a() {
      return reads++ === 0 ? u8 : u64;
    },
  };
  const Once = struct(fields);
  assert.equal(Once.fields.a, u8);
  assert.equal(Once.size, 1);
});

test("toC() ends no comment by the name of a field", () => {
  const lock = embedded({ name: "*/ int x; /*", size: 4, align: 4, open() {} });
  assert.match(struct({ lock }).toC("locked"), /\/\* \* \/ int x; \/\* \*\/$/m);
});

const signals = {
  "no events": { aborted: false, throwIfAborted() {} },
  "no way to stop listening": { aborted: false, throwIfAborted() {}, addEventListener() {} },
  "no reason to stop": { aborted: 0, throwIfAborted() {}, addEventListener() {}, removeEventListener() {} },
};
for (const [name, signal] of Object.entries(signals)) {
  test(`flush() refuses a signal with ${name}, and starts nothing`, async () => {
    using folder = tmpdir();
    using file = MappedFile.open(folder.file("flushed"), { size: 1, create: true });
    await expect(file.flush({ signal: signal as unknown as AbortSignal, timeout: 1 })).rejects.toThrow(TypeError);
    await file.flush({ timeout: 10_000 });
  });
}

test("a signal that throws on listening rejects that wait alone, and the next one keeps the program running", async () => {
  using folder = tmpdir();
  const args = ["signal", folder.file("flushed")];
  await using running = start(laneCommand(here, "tests/scenarios/hostile.ts", args));
  expect(await running.ended()).toMatchObject({ stdout: "done\n", stderr: "", status: 0 });
});
