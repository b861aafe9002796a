// ready(), poll() and pollSync(): what the kernel says of descriptors, told once each, and no later than that.
import { execFile } from "node:child_process";
import { afterAll, expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { Fd, poll, pollSync, type Readiness, ready } from "../lib/fd/mod.ts";
import { here, spawnLane, startLane } from "./support/lanes.ts";
import { tmpdir, until, watchdog } from "./support/watchdog.ts";

const folder = tmpdir();
const paths = Array.from({ length: 460 }, (_, i) => folder.file(`fifo-${i}`));
await new Promise<void>((done, fail) => execFile("mkfifo", paths, (error) => error === null ? done() : fail(error)));
afterAll(() => folder[Symbol.dispose]());

/** A FIFO as its two ends. */
function fifo(): { reader: Fd; writer: Fd } & Disposable {
  const path = paths.pop()!;
  const reader = Fd.open(path, ["O_RDONLY", "O_NONBLOCK"]);
  const writer = Fd.open(path, ["O_WRONLY", "O_NONBLOCK"]);
  return {
    reader,
    writer,
    [Symbol.dispose]() {
      reader.close();
      writer.close();
    },
  };
}

const x = new Uint8Array(1);
const nothing = { readable: false, writable: false, priority: false, hangup: false, error: false };

/** Results of waits that were called off are still to come for a moment. */
const noneLeft = () => until(() => load().core.hawser_poll_count() === 0, "No wait is left");

test("ready() answers at once where something is ready", async () => {
  using ends = fifo();
  expect(await ready(ends.writer, "writable")).toEqual({ ...nothing, writable: true });
  ends.writer.writeSync(x);
  expect(await ready(ends.reader, ["readable", "priority"])).toEqual({ ...nothing, readable: true });
});

test("ready() waits until there is something, and not longer", async () => {
  using ends = fifo();
  let settled = false;
  const waited = ready(ends.reader, "readable").finally(() => (settled = true));
  await new Promise((done) => setTimeout(done, 20));
  expect(settled).toBe(false);
  ends.writer.writeSync(x);
  expect(await watchdog(waited, "The byte")).toEqual({ ...nothing, readable: true });
});

test("ready() tells of the other end's end whatever was asked for", async () => {
  using ends = fifo();
  const waited = ready(ends.reader, "priority");
  ends.writer.close();
  expect(await watchdog(waited, "The end")).toEqual({ ...nothing, hangup: true });
  using others = fifo();
  others.reader.close();
  expect(await ready(others.writer, [])).toEqual({ ...nothing, error: true });
});

test("what can't be polled is always ready", async () => {
  using file = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  expect(await ready(file, ["readable", "writable"])).toEqual({ ...nothing, readable: true, writable: true });
});

test("several waits for one descriptor end each by itself", async () => {
  using ends = fifo();
  const order: string[] = [];
  const controller = new AbortController();
  const waits = [
    ready(ends.reader, "readable").then(() => order.push("first")),
    ready(ends.reader, "readable", { signal: controller.signal }).catch(() => order.push("aborted")),
    ready(ends.reader, "priority", { timeout: 10_000 }).catch(({ code }) => order.push(code)),
    ready(ends.reader, "readable").then(() => order.push("second")),
  ];
  controller.abort();
  await watchdog(waits[1]!, "The abort");
  expect(order).toEqual(["aborted"]);
  ends.writer.writeSync(x);
  await watchdog(Promise.all([waits[0], waits[3]]), "The byte");
  expect(order.slice(1).sort()).toEqual(["first", "second"]);
  ends.reader.close();
  await watchdog(waits[2]!, "The close");
  expect(order.at(-1)).toBe("ECANCELED");
  await noneLeft();
});

test("a wait ends with its timeout, its signal's reason, or the descriptor", async () => {
  using ends = fifo();
  const { reader } = ends;
  const start = performance.now();
  await expect(ready(reader, "readable", { timeout: 20 })).rejects.toMatchObject({
    code: "ETIMEDOUT",
    syscall: "poll",
  });
  expect(performance.now() - start).toBeGreaterThanOrEqual(19);
  await expect(ready(reader, "readable", { timeout: 0 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  const reason = new Error("never mind");
  await expect(ready(reader, "readable", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const aborted = ready(reader, "readable", { signal: controller.signal });
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);

  const closed = ready(reader, "readable");
  reader.close();
  await expect(closed).rejects.toMatchObject({ code: "ECANCELED", message: expect.stringContaining("was closed") });
});

test("release() ends the waits for the descriptor, and the next of that number has none of them", async () => {
  using ends = fifo();
  const waited = ready(ends.reader, "readable");
  const number = ends.reader.release();
  await expect(waited).rejects.toMatchObject({ code: "ECANCELED" });
  ends.writer.writeSync(x);
  using again = Fd.from(number);
  expect(await ready(again, "readable")).toMatchObject({ readable: true });
  await noneLeft();
});

test("poll() tells who is ready, in the order of the requests", async () => {
  using one = fifo();
  using two = fifo();
  const requests = [
    { fd: one.reader, events: "readable" },
    { fd: two.reader, events: ["readable"] },
    { fd: two.writer, events: "priority" },
  ] as const;
  const waited = poll(requests);
  two.writer.writeSync(x);
  expect(await watchdog(waited, "The byte")).toEqual([{ fd: two.reader, ...nothing, readable: true }]);
  one.writer.writeSync(x);
  expect((await poll(requests)).map(({ fd }) => fd)).toEqual([one.reader, two.reader]);
  expect(pollSync(requests).map(({ fd }) => fd)).toEqual([one.reader, two.reader]);
  await noneLeft();
});

test("poll() ends with nothing when the time is up, and rejects when called off", async () => {
  using ends = fifo();
  const requests = [{ fd: ends.reader, events: "readable" }, { fd: ends.writer, events: "priority" }] as const;
  expect(await poll(requests, { timeout: 0 })).toEqual([]);
  const start = performance.now();
  expect(await poll(requests, { timeout: 20 })).toEqual([]);
  expect(pollSync(requests, { timeout: 20 })).toEqual([]);
  expect(performance.now() - start).toBeGreaterThanOrEqual(38);
  const controller = new AbortController();
  const reason = new Error("never mind");
  const aborted = poll(requests, { signal: controller.signal });
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  const closed = poll(requests);
  ends.writer.close();
  await expect(closed).rejects.toMatchObject({ code: "ECANCELED" });
  await noneLeft();
});

test("pollSync() blocks until a process writes", async () => {
  using ends = fifo();
  await using child = startLane(here, "poll", {
    args: ["writes"],
    stdio: ["pipe", "pipe", "pipe", ends.writer.number],
  });
  await child.line("ready");
  const found = pollSync([{ fd: ends.reader, events: "readable" }], { timeout: 10_000 });
  expect(found).toEqual([{ fd: ends.reader, ...nothing, readable: true }]);
  expect(await child.ended()).toMatchObject({ status: 0, stderr: "" });
});

const refused: { name: string; run: (fd: Fd) => unknown; error: unknown }[] = [
  { name: "a number for an Fd", run: (fd) => ready(fd.number as never, "readable"), error: TypeError },
  { name: "no word", run: (fd) => ready(fd, undefined as never), error: TypeError },
  { name: "a wrong word", run: (fd) => ready(fd, "read" as never), error: RangeError },
  { name: "a wrong word among others", run: (fd) => ready(fd, ["readable", "toString" as never]), error: RangeError },
  { name: "an unknown option", run: (fd) => ready(fd, "readable", { timout: 1 } as never), error: TypeError },
  { name: "a negative timeout", run: (fd) => ready(fd, "readable", { timeout: -1 }), error: RangeError },
  { name: "a closed Fd", run: (fd) => (fd.close(), ready(fd, "readable")), error: TypeError },
  { name: "nothing to poll", run: () => poll([]), error: RangeError },
  { name: "no list", run: (fd) => poll({ fd } as never), error: TypeError },
  { name: "a wrong request", run: (fd) => poll([{ fd, events: "w" as Readiness }]), error: RangeError },
  {
    name: "a signal for pollSync()",
    run: (fd) => pollSync([{ fd, events: "readable" }], { signal: 1 } as never),
    error: TypeError,
  },
];
for (const { name, run, error } of refused) {
  test(`refuses ${name}`, async () => {
    using ends = fifo();
    await expect(new Promise((done) => done(run(ends.reader)))).rejects.toThrow(error as Error);
    await noneLeft();
  });
}

test("400 waits at once, ended in another order", async () => {
  const many = 400;
  const pairs = Array.from({ length: many }, fifo);
  const seen: number[] = [];
  const waits = pairs.map(({ reader }, i) => ready(reader, "readable").then(() => seen.push(i)));
  for (let i = 0; i < many; i++) pairs[i * 7 % many]!.writer.writeSync(x);
  await watchdog(Promise.all(waits), "All of them", 20_000);
  expect(seen.toSorted((a, b) => a - b)).toEqual(pairs.map((_, i) => i));
  for (const pair of pairs) pair[Symbol.dispose]();
  await noneLeft();
});

test("2,000 aborts race what arrives: each wait ends once, by one of the two", async () => {
  using ends = fifo();
  const counts = { ready: 0, aborted: 0 };
  for (let round = 0; round < 2000; round++) {
    const controller = new AbortController();
    const waited = ready(ends.reader, "readable", { signal: controller.signal })
      .then(() => counts.ready++, (reason) => (expect(reason).toBe("off"), counts.aborted++));
    ends.writer.writeSync(x);
    // Between no turn of the event loop and several.
    for (let turns = round % 4; turns > 0; turns--) await new Promise((done) => setImmediate(done));
    controller.abort("off");
    await watchdog(waited, `Round ${round}`);
    ends.reader.readSync(new Uint8Array(16));
  }
  expect(counts.ready + counts.aborted).toBe(2000);
  expect(counts.ready).toBeGreaterThan(0);
  expect(counts.aborted).toBeGreaterThan(0);
  await noneLeft();
});

const lives = [
  {
    name: "a pending wait keeps the program running until it ends",
    run: "pending",
    stdout: "waiting\nready\n",
    status: 0,
  },
  { name: "process.exit() with a wait", run: "exit", stdout: "", status: 3 },
  { name: "a program ends by itself when its wait was called off", run: "aborted", stdout: "never mind\n", status: 0 },
  {
    name: "Workers terminated with waits leave none",
    run: "terminate",
    stdout: '{"waits":0,"threads":0}\n',
    status: 0,
  },
  {
    name: "the poller ends when nothing is waited for",
    run: "idle",
    stdout: '{"more":false,"threads":0}\n',
    status: 0,
  },
];
test.each(lives)("$name", async ({ run, stdout, status }) => {
  expect(await spawnLane(here, "poll", [run])).toMatchObject({ stdout, stderr: "", status });
});
