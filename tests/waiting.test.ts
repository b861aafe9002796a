import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { calls_max, LOCK_EX, LOCK_NB, LOCK_SH } from "../ffi/symbols.ts";
import { closeWaiting, wait, type WaitOptions } from "../lib/core/_waiting.ts";
import { MappedFile, SharedMemory } from "../lib/memory/mod.ts";
import { Futex } from "../lib/sync/mod.ts";
import { here, spawnLane, startLane } from "./support/lanes.ts";
import { type TemporaryFolder, tmpdir, unique, until, watchdog } from "./support/watchdog.ts";
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
    { start: (core, bell, token) => core.hawser_call_flock(bell, token, fd, operation) },
    () => ({ what: "lock the file", operation: "call_flock" }),
    options,
  );
}

/** The same, interrupted where the wait is called off. */
function interruptible(fd: number, operation: number, options?: WaitOptions): Promise<number> {
  return wait(
    {
      start: (core, bell, token) => core.hawser_call_flock(bell, token, fd, operation),
      interrupt: (core, bell, token, id) => core.hawser_call_cancel(bell, token, id),
    },
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
  const waited = wait({ start: () => ++started }, () => ({ what: "x", operation: "x" }), {
    signal: AbortSignal.abort(reason),
  });
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

test("a call that is interrupted ends, and rejects with the reason", async () => {
  const held = await holder();
  const { controller, listeners } = countedSignal();
  const calls = Array.from(
    { length: calls_max },
    () => interruptible(another(), LOCK_EX, { signal: controller.signal }),
  );
  expect(load().core.hawser_call_count()).toBe(calls_max);
  const reason = new Error("enough");
  controller.abort(reason);
  for (const end of await watchdog(Promise.allSettled(calls), "All calls")) {
    expect(end).toEqual({ status: "rejected", reason });
  }
  expect(listeners()).toBe(0);
  expect(load().core.hawser_call_count()).toBe(0);
  const late = interruptible(another(), LOCK_SH, { timeout: 20 });
  await expect(watchdog(late, "The limit")).rejects.toMatchObject({ code: "ETIMEDOUT" });
  expect(load().core.hawser_call_count()).toBe(0);
  close(held);
  expect(await interruptible(another(), LOCK_EX, { signal: new AbortController().signal })).toBe(0);
});

test("1,000 interruptions race the end of the call: it was called off, or done and says so", async () => {
  const ends = { done: 0, "called off": 0 };
  for (let round = 0; round < 1_000; round++) {
    const held = await holder();
    const file = another();
    const controller = new AbortController();
    const locked = interruptible(file, LOCK_EX, { signal: controller.signal });
    const spin = (ms: number) => {
      for (const end = performance.now() + ms; performance.now() < end;);
    };
    if (round % 2 === 0) spin(Math.random() / 10);
    close(held);
    if (round % 3 === 0) spin(Math.random() / 10);
    controller.abort("off");
    const end = await watchdog(locked.then(() => "done" as const, (reason) => `called ${reason}` as const), "The call");
    ends[end as keyof typeof ends]++;
    // What is told is true.
    const probe = another();
    const taken = await flock(probe, LOCK_EX | LOCK_NB).then(() => "called off", (error) => error.code);
    expect(taken).toBe(end === "done" ? "EAGAIN" : "called off");
    close(probe);
    close(file);
  }
  console.log(`interruptions: ${JSON.stringify(ends)}`);
  expect(ends.done).toBeGreaterThan(0);
  expect(ends["called off"]).toBeGreaterThan(0);
}, 30_000);

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
    { start: (library, bell, token) => library.hawser_call_flush(bell, token, stolen) },
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

test("the calls of terminated Workers are called off, and leave no thread and no descriptor", async () => {
  const { stdout, stderr, status } = await spawnLane(here, "waiting", ["terminate", path]);
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  const left = JSON.parse(stdout);
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

/** Runs a case of futex_waits.ts on memory of its own. */
function underWaits(name: string, options: { extra?: string; timeout?: number; oneByOne?: boolean } = {}) {
  const memory = SharedMemory.create(unique("waits"), { size: 64, temporary: true });
  const { extra, timeout, oneByOne } = options;
  const running = startLane(here, "futex_waits", {
    args: [name, memory.name!, ...(extra === undefined ? [] : [extra])],
    ...(timeout !== undefined && { timeout }),
    ...(oneByOne && { env: { HAWSER_ONE_BY_ONE: "1" } }),
  });
  return {
    memory,
    running,
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      memory.close();
    },
  };
}

test("a wait for a word keeps the program running until it is woken", async () => {
  await using under = underWaits("pending");
  const { memory, running } = under;
  await running.line("waiting");
  await until(() => readFileSync(`/proc/${running.pid}/stat`, "utf8").split(") ")[1]![0] === "S", "It is asleep");
  const futex = Futex.at(memory, 0);
  Atomics.store(new Int32Array(memory.buffer), 0, 1);
  futex.wake();
  expect(await running.ended()).toMatchObject({ stdout: "waiting\nok\n", stderr: "", status: 0 });
});

const lives: { name: string; run: string; stdout: string; status: number; stderr?: string; timeout?: number }[] = [
  { name: "an idle helper thread lets the program end", run: "idle", stdout: "1\n", status: 0 },
  { name: "a wait that was called off lets the program end", run: "abandoned", stdout: "never mind\n", status: 0 },
  { name: "process.exit() with an idle helper thread", run: "exit-idle", stdout: "", status: 3 },
  { name: "process.exit() in the middle of waits and wakes", run: "exit-load", stdout: "", status: 3 },
  { name: "an uncaught error while a word is waited for", run: "throw", stdout: "", status: 1, stderr: "on purpose" },
  {
    name: "30,000 events at gaps of 2 µs, none lost",
    run: "events",
    stdout: "30000 seen, exit 0\n",
    status: 0,
    timeout: 60_000,
  },
  { name: "a Worker waits for words", run: "worker-events", stdout: "5000 seen, exit 0\n", status: 0, timeout: 60_000 },
  {
    name: "Workers terminated in the middle of waits and wakes leave nothing, and keep no wake for themselves",
    run: "terminate",
    stdout: "ok\nnothing left\n",
    status: 0,
    timeout: 60_000,
  },
  { name: "a Worker that exits while it waits for a word", run: "worker-exit", stdout: "exit 4\n", status: 0 },
  {
    name: "a signal during a blocking wait is handled afterwards, or interrupts it",
    run: "signal",
    stdout: "blocked\nETIMEDOUT late \nthen handled\nblocked\nEINTR early \nthen handled\n",
    status: 0,
  },
];
const everyWay = lives.flatMap((life) => [
  { ...life, oneByOne: false },
  { ...life, name: `one by one: ${life.name}`, oneByOne: true },
]);
for (const { name, run, stdout, status, stderr, oneByOne, timeout = 20_000 } of everyWay) {
  test(name, async () => {
    await using under = underWaits(run, { timeout, oneByOne });
    const { running } = under;
    const signals = setInterval(() => {
      const said = running.output.stdout.split("\n").filter((line) => line === "blocked").length;
      if (run === "signal" && said > sent) {
        sent = said;
        setTimeout(() => process.kill(running.pid, "SIGUSR2"), 50);
      }
    }, 5);
    let sent = 0;
    try {
      const ended = await running.ended();
      expect(ended).toMatchObject({ stdout, status, ...(stderr === undefined && { stderr: "" }) });
      if (stderr !== undefined) expect(ended.stderr).toContain(stderr);
    } finally {
      clearInterval(signals);
    }
  }, timeout);
}

test.each([
  { how: "with futex_waitv", oneByOne: false },
  { how: "one by one", oneByOne: true },
])("10,000 aborts race wakes $how: each wait ends once, and no wake is swallowed", async ({ how, oneByOne }) => {
  const seed = process.env.HAWSER_SEED ?? String(Math.floor(Math.random() * 2 ** 30));
  await using under = underWaits("race", { extra: seed, timeout: 100_000, oneByOne });
  const { stdout, stderr, status } = await under.running.ended();
  expect({ stderr, status }, `HAWSER_SEED=${seed}`).toEqual({ stderr: "", status: 0 });
  const { settled, fell } = JSON.parse(stdout) as { settled: number; fell: Record<string, number> };
  console.log(`aborts fell, ${how} (HAWSER_SEED=${seed}): ${JSON.stringify(fell)}`);
  expect(settled).toBe(10_000);
  for (const [where, count] of Object.entries(fell)) expect(count, where).toBeGreaterThanOrEqual(500);
}, 110_000);

test("no thread of the library's runs for 10 s while nothing is waited for; one that waits hardly ever", async () => {
  await using quiet = underWaits("quiet", { timeout: 30_000 });
  await using patient = underWaits("patient", { timeout: 30_000 });
  const { stdout } = await patient.running.ended();
  // At most one a second.
  expect(JSON.parse(stdout).switches).toBeLessThanOrEqual(3);
  expect(await quiet.running.ended()).toMatchObject({ stdout: '{"idle":0}\n', stderr: "", status: 0 });
}, 40_000);
