import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { calls_max, LOCK_EX, LOCK_SH } from "../ffi/symbols.ts";
import { closeWaiting, wait, type WaitOptions } from "../lib/core/_waiting.ts";
import { MappedFile, SharedMemory } from "../lib/memory/mod.ts";
import { here, spawnLane, startLane } from "./support/lanes.ts";
import { type TemporaryFolder, tmpdir, until, watchdog } from "./support/watchdog.ts";
import { writeFileSync } from "node:fs";

let folder: TemporaryFolder;
let path: string;
const open = new Set<number>();

beforeEach(() => {
  folder = tmpdir();
  path = folder.file("lock");
  writeFileSync(path, "");
});

afterEach(async () => {
  for (const fd of open) close(fd);
  await until(() => load().core.hawser_call_count() === 0, "No call is left");
  folder[Symbol.dispose]();
});

afterAll(closeWaiting);

/** Another open file description of the lock's file: flock(2) knows them apart. */
function another(): number {
  const fd = openSync(path, "r");
  open.add(fd);
  return fd;
}

function close(fd: number): void {
  open.delete(fd);
  closeSync(fd);
}

function flock(fd: number, operation: number, options?: WaitOptions): Promise<number> {
  return wait(
    (core, bell, token) => core.hawser_call_flock(bell, token, fd, operation),
    () => ({ what: "lock the file", operation: "call_flock" }),
    options,
  );
}

/** A lock that is held until the returned descriptor is closed. */
async function holder(): Promise<number> {
  const fd = another();
  await watchdog(flock(fd, LOCK_EX), "The free lock");
  return fd;
}

/** A signal that counts its listeners. */
function countedSignal(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (type: string, listener: never) => {
    listeners.add(listener);
    addEventListener.call(signal, type, listener);
  };
  signal.removeEventListener = (type: string, listener: never) => {
    listeners.delete(listener);
    removeEventListener.call(signal, type, listener);
  };
  return { controller, listeners: () => listeners.size };
}

test("wait() resolves when the call is done, and not before", async () => {
  const held = await holder();
  let done = false;
  const locked = flock(another(), LOCK_EX).then(() => done = true);
  await new Promise((turn) => setTimeout(turn, 20));
  expect(done).toBe(false);
  close(held);
  await watchdog(locked, "The lock");
});

test("wait() rejects with the call's error", async () => {
  const file = another();
  await expect(flock(file, 0x4000)).rejects.toMatchObject({ name: "SystemError", code: "EINVAL", syscall: "flock" });
  close(file);
  await expect(flock(file, LOCK_EX)).rejects.toMatchObject({ code: "EBADF", syscall: "fcntl" });
});

test("wait() with an aborted signal starts nothing and rejects with the reason", async () => {
  let started = 0;
  const reason = new Error("before");
  const waited = wait(() => ++started, () => ({ what: "x", operation: "x" }), { signal: AbortSignal.abort(reason) });
  await expect(waited).rejects.toBe(reason);
  expect(started).toBe(0);
});

test("an abort rejects at once with the reason; the call goes on, and its result is dropped", async () => {
  const held = await holder();
  const { controller, listeners } = countedSignal();
  const file = another();
  const locked = flock(file, LOCK_EX, { signal: controller.signal });
  expect(listeners()).toBe(1);
  const reason = new Error("while");
  controller.abort(reason);
  await expect(locked).rejects.toBe(reason);
  expect(listeners()).toBe(0);
  expect(load().core.hawser_call_count()).toBe(1);
  close(held);
  close(file);
  // The loop has to run for the dropped result to come.
  await until(() => load().core.hawser_call_count() === 0, "The dropped result");
  await watchdog(flock(another(), LOCK_EX), "The next wait");
});

test("a wait that ends leaves no listener, and an abort after it changes nothing", async () => {
  const { controller, listeners } = countedSignal();
  const file = another();
  expect(await flock(file, LOCK_EX, { signal: controller.signal, timeout: 60_000 })).toBe(0);
  expect(listeners()).toBe(0);
  await expect(flock(file, 0x4000, { signal: controller.signal })).rejects.toMatchObject({ code: "EINVAL" });
  expect(listeners()).toBe(0);
  controller.abort();
});

test("the timeout rejects with ETIMEDOUT and leaves no listener", async () => {
  const held = await holder();
  const { controller, listeners } = countedSignal();
  for (const timeout of [0, 1, 30]) {
    const before = performance.now();
    await expect(flock(another(), LOCK_EX, { timeout, signal: controller.signal })).rejects.toMatchObject({
      code: "ETIMEDOUT",
      syscall: "call_flock",
      message: "Cannot lock the file: the time is up (ETIMEDOUT)",
    });
    expect(performance.now() - before).toBeGreaterThanOrEqual(timeout - 2);
    expect(listeners()).toBe(0);
  }
  close(held);
});

test("a timeout longer than the runtimes' timers can be is no short one", async () => {
  const held = await holder();
  const locked = flock(another(), LOCK_EX, { timeout: 2 ** 40 });
  await new Promise((turn) => setTimeout(turn, 20));
  close(held);
  expect(await watchdog(locked, "The lock")).toBe(0);
});

test.each([
  { name: "no signal", options: { signal: {} }, error: TypeError },
  { name: "null for a signal", options: { signal: null }, error: TypeError },
  { name: "a text for a timeout", options: { timeout: "1" }, error: TypeError },
  { name: "a negative timeout", options: { timeout: -1 }, error: RangeError },
  { name: "NaN for a timeout", options: { timeout: NaN }, error: RangeError },
])("wait() refuses $name and starts nothing", async ({ options, error }) => {
  await expect(flock(another(), LOCK_SH, options as unknown as WaitOptions)).rejects.toBeInstanceOf(error);
  expect(load().core.hawser_call_count()).toBe(0);
});

test(`${calls_max} calls wait at once, and the next is refused with the limit in the message`, async () => {
  const held = await holder();
  const locked = Array.from({ length: calls_max }, () => flock(another(), LOCK_SH));
  await expect(flock(another(), LOCK_SH)).rejects.toMatchObject({
    code: "EAGAIN",
    syscall: "call_flock",
    message: "Cannot lock the file: 64 blocking calls are running, which is the most there can be (EAGAIN)",
  });
  close(held);
  expect(await watchdog(Promise.all(locked), "All locks")).toEqual(Array(calls_max).fill(0));
  await watchdog(flock(another(), LOCK_SH), "One more");
});

test("results reach their own waits, in whatever order they come", async () => {
  const pairs = await Promise.all(Array.from({ length: 10 }, async (_, i) => {
    const own = folder.file(`lock${i}`);
    writeFileSync(own, "");
    const [first, second] = [openSync(own, "r"), openSync(own, "r")];
    open.add(first).add(second);
    await flock(first, LOCK_EX);
    return { first, locked: flock(second, LOCK_EX).then(() => order.push(i)) };
  }));
  const order: number[] = [];
  const wanted = [7, 2, 9, 0, 5, 1, 8, 3, 6, 4];
  for (const i of wanted) {
    close(pairs[i]!.first);
    await watchdog(pairs[i]!.locked, `Lock ${i}`);
  }
  expect(order).toEqual(wanted);
});

test("nothing is pending: no thread of the library, and closeWaiting() leaves no descriptor", async () => {
  await flock(another(), LOCK_SH);
  const threads = () =>
    readdirSync("/proc/self/task").filter((task) => {
      try {
        return readFileSync(`/proc/self/task/${task}/comm`, "utf8") === "hawser\n";
      } catch {
        return false; // Ended since the listing.
      }
    }).length;
  await until(() => threads() === 0, "The thread's end");
  const handles = load().core.hawser_handle_count();
  closeWaiting();
  expect(load().core.hawser_handle_count()).toBe(handles - 1);
  await flock(another(), LOCK_SH);
  expect(load().core.hawser_handle_count()).toBe(handles);
});

test("closeWaiting() leaves a bell alone that is waited for", async () => {
  const held = await holder();
  const locked = flock(another(), LOCK_EX);
  closeWaiting();
  close(held);
  expect(await watchdog(locked, "The lock")).toBe(0);
});

test("closeWaiting() drops what a wait that was called off still brings", async () => {
  const held = await holder();
  const locked = flock(another(), LOCK_EX, { signal: AbortSignal.timeout(1) });
  await expect(locked).rejects.toMatchObject({ name: "TimeoutError" });
  closeWaiting();
  close(held);
  await until(() => load().core.hawser_call_count() === 0, "The dropped call");
});

test("the functions of bells refuse every handle that is no bell, and every memory that is none", () => {
  const { core } = load();
  const EBADF = -9;
  const records = new Uint8Array(64);
  const bell = core.hawser_bell_open();
  const fd = core.hawser_bell_fd(bell);
  expect(fd).toBeGreaterThan(2);
  expect(core.hawser_bell_fd(bell)).toBe(EBADF);
  core.hawser_fd_close(fd);
  const memory = core.hawser_memory_anonymous(4096, 0);
  const file = another();
  expect(core.hawser_call_flush(bell, 1, bell)).toBe(EBADF);
  expect(core.hawser_call_flock(bell, 1, -1, LOCK_SH)).not.toBeGreaterThanOrEqual(0);
  expect(core.hawser_memory_size(bell)).toBe(EBADF);
  core.hawser_bell_close(bell);
  for (const wrong of [memory, bell, 0, 0x7fff_ffff, 0xffff_ffff]) {
    expect(core.hawser_bell_fd(wrong)).toBe(EBADF);
    expect(core.hawser_bell_drain(wrong, records, records.length)).toBe(EBADF);
    expect(core.hawser_call_flush(wrong, 1, memory)).toBe(EBADF);
    expect(core.hawser_call_flock(wrong, 1, file, LOCK_SH)).toBe(EBADF);
    if (wrong !== memory) expect(core.hawser_bell_close(wrong)).toBe(EBADF);
  }
  expect(core.hawser_bell_close(memory)).toBe(EBADF);
  expect(core.hawser_memory_close(memory, 0)).toBe(0);
});

test("flush() writes a mapped file, and goes on when the file is closed meanwhile", async () => {
  const name = folder.file("mapped");
  const file = MappedFile.open(name, { size: 1 << 20, create: true });
  file.bytes.fill(7);
  const flushed = [file.flush(), file.flush({ timeout: 60_000 })];
  file.close();
  await watchdog(Promise.all(flushed), "Both flushes");
  expect(readFileSync(name).every((byte) => byte === 7)).toBe(true);
  await expect(file.flush()).rejects.toBeInstanceOf(TypeError);
});

test("flush() goes on when the file grows meanwhile, and refuses wrong options", async () => {
  using file = MappedFile.open(folder.file("mapped"), { size: 4096, create: true });
  file.bytes.fill(1);
  const flushed = file.flush();
  file.resize(1 << 20);
  await watchdog(flushed, "The flush");
  await expect(file.flush({ timeout: -1 })).rejects.toBeInstanceOf(RangeError);
  await expect(file.flush({ sginal: 1 } as WaitOptions)).rejects.toBeInstanceOf(TypeError);
  await expect(file.flush({ signal: AbortSignal.abort("no") })).rejects.toBe("no");
});

test("a bell of one thread and memory of the same name do not mix: SharedMemory is flushed by its handle alone", async () => {
  using memory = SharedMemory.anonymous(4096);
  memory.bytes[0] = 1;
  const { core } = load();
  const stolen = core.hawser_memory_anonymous(4096, 0);
  core.hawser_memory_close(stolen, 0);
  const flushed = wait(
    (library, bell, token) => library.hawser_call_flush(bell, token, stolen),
    () => ({ what: "flush", operation: "call_flush" }),
  );
  await expect(flushed).rejects.toMatchObject({ code: "EBADF", syscall: "call_flush" });
});

/** Holds the lock, runs a scenario, and tells how it ended. */
async function underLock(name: string): Promise<{ stdout: string; stderr: string; status: number | null }> {
  await holder();
  return await spawnLane(here, "waiting", [name, path]);
}

test("a pending wait keeps the program running until it is done", async () => {
  const held = await holder();
  await using running = startLane(here, "waiting", { args: ["pending", path] });
  await running.line("waiting");
  // Its event loop is asleep, and the call on its thread: it did not simply not get round to ending.
  await until(() => {
    const state = readFileSync(`/proc/${running.pid}/stat`, "utf8").split(") ")[1]![0];
    return state === "S" && readdirSync(`/proc/${running.pid}/task`).some((task) => {
      return readFileSync(`/proc/${running.pid}/task/${task}/comm`, "utf8") === "hawser\n";
    });
  }, "The wait");
  close(held);
  expect(await running.ended()).toMatchObject({ stdout: "waiting\nlocked\n", stderr: "", status: 0 });
});

test("an idle bell lets the program end", async () => {
  expect(await spawnLane(here, "waiting", ["idle", path])).toMatchObject({ stdout: "locked\n", stderr: "", status: 0 });
});

test("process.exit() with a call running", async () => {
  expect(await underLock("exit")).toMatchObject({ stdout: "", stderr: "", status: 3 });
});

test("an uncaught error with a call running", async () => {
  const ended = await underLock("throw");
  expect(ended).toMatchObject({ stdout: "", status: 1 });
  expect(ended.stderr).toContain("on purpose");
});

test("a wait that was called off lets the program end although its call runs", async () => {
  expect(await underLock("abandoned")).toMatchObject({ stdout: "never mind\n", stderr: "", status: 0 });
});

test("an exception in the handler of the doorbell is uncaught, and the next ring is heard", async () => {
  expect(await spawnLane(here, "waiting", ["handler", path])).toMatchObject({
    stdout: "from the handler 1\nfrom the handler 2\nfrom the handler 3\n",
    stderr: "",
    status: 0,
  });
});

test("a Worker waits at its own doorbell", async () => {
  expect(await spawnLane(here, "waiting", ["worker", path])).toMatchObject({
    stdout: "waiting\nlocked\nexit 0\n",
    stderr: "",
    status: 0,
  });
});

test("a Worker that exits with a call running", async () => {
  expect(await spawnLane(here, "waiting", ["worker-exit", path])).toMatchObject({
    stdout: "waiting\nexit 4\n",
    stderr: "",
    status: 0,
  });
});

test("Workers terminated with calls running leave no call, no thread and no descriptor", async () => {
  const { stdout, stderr, status } = await spawnLane(here, "waiting", ["terminate", path]);
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  const [running, left] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  expect(running).toEqual({ running: 25, threads: 25 });
  expect(left).toMatchObject({ threads: 0, calls: 0 });
  // Deno opens a pair of its own, at whose end a thread of its own waits for signals, when it likes (snapshot.ts).
  expect([0, ...(here === "deno" ? [2] : [])]).toContain(left.sockets);
});

test("1,000 flushes, 64 at once: each is answered, and nothing is left", async () => {
  const { stdout, stderr, status } = await spawnLane(here, "waiting", ["thousand", path]);
  expect({ stdout, stderr, status }).toEqual({
    stdout: '{"done":1000,"calls":0,"sockets":0,"threads":0}\n',
    stderr: "",
    status: 0,
  });
});

test("a wait needs no permission beside the library's", async () => {
  const options = here === "deno" ? { flags: ["--no-prompt", "--allow-ffi"] } : {};
  expect(await spawnLane(here, "waiting", ["flush", path], options)).toMatchObject({
    stdout: "flushed\n",
    stderr: "",
    status: 0,
  });
});

test("30 Workers that waited and ended leave no thread and no descriptor", async () => {
  expect(await spawnLane(here, "waiting", ["workers", path])).toMatchObject({
    stdout: '{"few":true,"threads":0}\n',
    stderr: "",
    status: 0,
  });
});
