// coprocess(): a program to talk with, by lines and as streams, and how such talks end.
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { Child, Coprocess, coprocess, pipe } from "../lib/fd/mod.ts";
import { here, startLane } from "./support/lanes.ts";
import { until, watchdog } from "./support/watchdog.ts";

const openFds = () => readdirSync("/proc/self/fd").length;
const noneLeft = () => until(() => load().core.hawser_poll_count() === 0, "No wait is left");
const shell = (script: string) => coprocess("sh", ["-c", script]);
const echo = 'while read -r line; do echo "[$line]"; done';

test("question and answer, line by line", async () => {
  await using child = await shell(echo);
  expect(child).toBeInstanceOf(Child);
  for (let i = 0; i < 100; i++) {
    await child.writeLine(`question ${i}`);
    expect(await child.readLine({ timeout: 10_000 })).toBe(`[question ${i}]`);
  }
  await child.end();
  expect([await child.readLine(), await child.readLine(), await child.status]).toEqual([null, null, {
    code: 0,
    signal: null,
  }]);
});

test("lines can be read in several loops, and the last without its newline", async () => {
  await using child = await shell("printf 'one\\n\\nthree\\r\\nvier\\303\\244\\nlast'");
  const found: string[] = [];
  for await (const line of child.lines) {
    found.push(line);
    if (found.length === 2) break;
  }
  expect(found).toEqual(["one", ""]);
  for await (const line of child.lines) found.push(line);
  expect(found.slice(2)).toEqual(["three\r", "vierä", "last"]);
});

test("lines of every length come whole, however they are cut", async () => {
  await using cat = await coprocess("cat");
  const seed = Number(process.env.HAWSER_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`lengths: HAWSER_SEED=${seed}`);
  let state = seed >>> 0;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const lengths = [0, 1, 4095, 4096, 4097, 16_383, 16_384, 16_385, 65_536, 1_000_000];
  for (let i = 0; i < 100; i++) lengths.push(Math.floor(next() ** 4 * 100_000));
  const lines = lengths.map((length, i) => String.fromCharCode(97 + i % 26).repeat(length));
  const written = Promise.all(lines.map((line) => cat.writeLine(line))).then(() => cat.end());
  let i = 0;
  for await (const line of cat.lines) expect(line === lines[i]!, `line ${i++}, of ${line.length}`).toBe(true);
  expect(i).toBe(lines.length);
  await written;
});

test("a read that was called off loses nothing", async () => {
  await using child = await shell("printf beg; read x; echo in; cat");
  await expect(child.readLine({ timeout: 50 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  const controller = new AbortController();
  const aborted = child.readLine({ signal: controller.signal });
  controller.abort("off");
  await expect(aborted).rejects.toBe("off");
  await child.writeLine("go");
  expect(await child.readLine({ timeout: 10_000 })).toBe("begin");
  await noneLeft();
});

test("both ends as Web streams", async () => {
  await using child = await coprocess("sort");
  const input = new Blob(["b\n", "c\n", "a\n"]).stream() as ReadableStream<Uint8Array>;
  await input.pipeTo(child.stdin.writable);
  expect(await new Response(child.stdout.readable).text()).toBe("a\nb\nc\n");
  expect(child.stdin.closed).toBe(true);
});

test("a stream that is cancelled is a pipe that nobody reads", async () => {
  await using yes = await coprocess("yes");
  const reader = yes.stdout.readable.getReader();
  expect((await reader.read()).value![0]).toBe(121);
  await reader.cancel();
  expect(await watchdog(yes.status, "The end")).toEqual({ code: null, signal: "SIGPIPE" });
});

test("an aborted stream ends the input", async () => {
  await using cat = await coprocess("cat");
  const writer = cat.stdin.writable.getWriter();
  await writer.write(new TextEncoder().encode("half"));
  await writer.abort();
  expect([await cat.readLine(), await cat.readLine()]).toEqual(["half", null]);
});

test("writing to what has ended is EPIPE, also for who waits for room", async () => {
  await using ended = await shell("read x; exec <&-; echo closed; exec sleep 60");
  await ended.writeLine("go");
  expect(await ended.readLine()).toBe("closed");
  await expect(ended.writeLine("x")).rejects.toMatchObject({ code: "EPIPE", syscall: "write" });

  await using deaf = await shell("echo ready; exec sleep 60");
  await deaf.readLine();
  const waiting = deaf.writeLine("x".repeat(1 << 20));
  const next = deaf.writeLine("y");
  deaf.kill("SIGKILL");
  await expect(watchdog(waiting, "The end")).rejects.toMatchObject({ code: "EPIPE" });
  await expect(watchdog(next, "The end")).rejects.toMatchObject({ code: "EPIPE" });
  await noneLeft();
});

test("a child that is killed at any step ends the talk, and nothing is left", async () => {
  await (await shell("true"))[Symbol.asyncDispose]();
  const before = openFds();
  for (let round = 0; round < 20; round++) {
    await using cat = await coprocess("cat", [], { killSignal: "SIGKILL" });
    let answered = 0;
    const asking = (async () => {
      for (;;) {
        await cat.writeLine(`${answered} ${"x".repeat(answered * 37 % 3000)}`);
        if (await cat.readLine() === null) return "end";
        if (++answered === round * 3) cat.kill("SIGKILL");
      }
    })().catch(({ code }) => code);
    if (round === 0) cat.kill("SIGKILL");
    expect(["EPIPE", "end"]).toContain(await watchdog(asking, `Round ${round}`));
    expect(await cat.status).toEqual({ code: null, signal: "SIGKILL" });
    expect(answered).toBeGreaterThanOrEqual(round * 3);
  }
  await until(() => openFds() <= before, "No descriptor is left");
  await noneLeft();
});

test("disposing of it ends what waits", async () => {
  const child = await coprocess("cat");
  const reading = child.readLine();
  const writing = child.writeLine("x".repeat(1 << 20)).catch(({ code }) => code);
  const disposed = child[Symbol.asyncDispose]();
  await expect(watchdog(reading, "The read")).rejects.toMatchObject({ code: "ECANCELED" });
  expect(await watchdog(writing, "The write")).toBe("ECANCELED");
  await watchdog(disposed, "The end");
  await expect(child.readLine()).rejects.toThrow(TypeError);
  await expect(child.writeLine("x")).rejects.toThrow(TypeError);
  await noneLeft();
});

test("when its parent is killed it sees the end of its input", async () => {
  using told = pipe();
  await using parent = startLane(here, "spawn", {
    args: ["parent"],
    stdio: ["pipe", "pipe", "pipe", told.writer.number],
  });
  told.writer.close();
  await parent.line("hello");
  parent.child.kill("SIGKILL");
  const said = await watchdog(told.reader.readAll(), "The end of its input");
  expect(new TextDecoder().decode(said)).toBe("ended\n");
});

const bad = (value: unknown) => value as never;
const refused: { name: string; run: (child: Coprocess) => unknown; error: unknown }[] = [
  { name: "new", run: () => new (Coprocess as never as new () => Coprocess)(), error: TypeError },
  { name: "stdin, which is a pipe", run: () => coprocess("cat", [], bad({ stdin: "null" })), error: TypeError },
  { name: "to detach it", run: () => coprocess("cat", [], bad({ detached: true })), error: TypeError },
  { name: "a program that is nowhere", run: () => coprocess("/nowhere/x"), error: /there is no such program/ },
  { name: "a line with a newline", run: (child) => child.writeLine("a\nb"), error: RangeError },
  { name: "bytes for a line", run: (child) => child.writeLine(bad(new Uint8Array(1))), error: TypeError },
  { name: "an unknown option", run: (child) => child.readLine(bad({ limit: 1 })), error: TypeError },
  { name: "a negative timeout", run: (child) => child.readLine({ timeout: -1 }), error: RangeError },
  {
    name: "two reads at once",
    run: async (child) => {
      const first = child.readLine({ timeout: 50 }).catch(() => {});
      try {
        await child.readLine();
      } finally {
        await first;
      }
    },
    error: /another read waits/,
  },
  {
    name: "to write after the end",
    run: async (child) => {
      await child.end();
      await child.writeLine("x");
    },
    error: TypeError,
  },
];
test("refuses what makes no sense, and goes on", async () => {
  await using child = await coprocess("cat");
  for (const { name, run, error } of refused) {
    await expect(new Promise((done) => done(run(child))), name).rejects.toThrow(error as Error);
  }
  await noneLeft();
});
