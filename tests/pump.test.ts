// splice(), tee(), sendfile(), copyFileRange() and pump(): bytes that move inside the kernel, and those that can't.
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { load } from "../ffi/load.ts";
import {
  copyFileRange,
  Fd,
  pipe,
  pump,
  sendfile,
  splice,
  spliceSync,
  tee,
  teeSync,
  trySplice,
  tryTee,
} from "../lib/fd/mod.ts";
import { tmpdir, until, watchdog } from "./support/watchdog.ts";

const { core } = load();
const bytes = (text: string) => new TextEncoder().encode(text);
const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);
const file = (contents: Uint8Array = new Uint8Array(0)): Fd => {
  const fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  fd.writeAllSync(contents);
  fd.seek(0);
  return fd;
};
const contentsOf = (fd: Fd): Uint8Array => {
  fd.seek(0);
  return fd.readAllSync();
};
const text = (fd: Fd): string => {
  const buffer = new Uint8Array(100);
  return new TextDecoder().decode(buffer.subarray(0, fd.tryRead(buffer) ?? 0));
};
const nothingLeft = () =>
  until(() => core.hawser_poll_count() === 0 && core.hawser_call_count() === 0, "No wait and no call is left");

test("splice() moves what there is, by each kind of call", async () => {
  using a = pipe();
  using b = pipe();
  expect(trySplice(a.reader, b.writer)).toBe(null);
  a.writer.writeSync(bytes("one two three"));
  expect(trySplice(a.reader, b.writer, 4)).toBe(4);
  expect(spliceSync(a.reader, b.writer, { count: 4 })).toBe(4);
  expect(await splice(a.reader, b.writer)).toBe(5);
  expect(text(b.reader)).toBe("one two three");
  const waiting = splice(a.reader, b.writer);
  a.writer.writeSync(bytes("late"));
  expect(await watchdog(waiting, "The bytes")).toBe(4);
  a.writer.close();
  expect([trySplice(a.reader, b.writer), spliceSync(a.reader, b.writer), await splice(a.reader, b.writer)]).toEqual([
    0,
    0,
    0,
  ]);
});

test("splice() waits for room, and is called off", async () => {
  using a = pipe();
  using b = pipe({ capacity: 4096 });
  a.writer.writeSync(pattern(10_000));
  expect(spliceSync(a.reader, b.writer)).toBe(4096);
  expect(trySplice(a.reader, b.writer)).toBe(null);
  expect(() => spliceSync(a.reader, b.writer, { timeout: 5 })).toThrow(expect.objectContaining({ code: "ETIMEDOUT" }));
  await expect(splice(a.reader, b.writer, { timeout: 5 })).rejects.toMatchObject({
    code: "ETIMEDOUT",
    message: expect.stringMatching(/^Cannot splice descriptor \d+ to \d+: /),
  });
  const reason = new Error("enough");
  const controller = new AbortController();
  const aborted = splice(a.reader, b.writer, { signal: controller.signal });
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  const waiting = splice(a.reader, b.writer);
  b.reader.readSync(new Uint8Array(4096));
  expect(await watchdog(waiting, "The room")).toBeGreaterThan(0);
  b.reader.close();
  await expect(splice(a.reader, b.writer)).rejects.toMatchObject({ code: "EPIPE", syscall: "splice" });
  await nothingLeft();
});

test("splice() between a pipe and a file", async () => {
  using ends = pipe();
  using input = file(pattern(5000));
  using output = file();
  expect(await splice(input, ends.writer)).toBe(5000);
  expect(await splice(ends.reader, output)).toBe(5000);
  expect(contentsOf(output)).toEqual(pattern(5000));
});

test("tee() copies and leaves, by each kind of call", async () => {
  using a = pipe();
  using b = pipe();
  expect(tryTee(a.reader, b.writer)).toBe(null);
  a.writer.writeSync(bytes("abcdef"));
  expect(tryTee(a.reader, b.writer, 2)).toBe(2);
  expect(teeSync(a.reader, b.writer, { count: 3 })).toBe(3);
  expect(await tee(a.reader, b.writer)).toBe(6);
  expect(text(b.reader)).toBe("ababcabcdef");
  expect(text(a.reader)).toBe("abcdef");
  const waiting = tee(a.reader, b.writer);
  a.writer.writeSync(bytes("x"));
  expect(await watchdog(waiting, "The byte")).toBe(1);
  expect(() => teeSync(a.reader, a.writer)).toThrow(expect.objectContaining({ code: "EINVAL", syscall: "tee" }));
});

test("sendfile() sends a file to a slow pipe", async () => {
  using input = file(pattern(300_000));
  using ends = pipe({ capacity: 4096 });
  const sent = sendfile(input, ends.writer).then((count) => (ends.writer.close(), count));
  expect(await watchdog(ends.reader.readAll(), "All bytes")).toEqual(pattern(300_000));
  expect(await sent).toBe(300_000);
  expect(input.seek(0, "current")).toBe(300_000);

  using other = pipe();
  expect(await sendfile(input, other.writer, { position: 10, count: 4 })).toBe(4);
  expect([...(await other.reader.read(new Uint8Array(9)), []), input.seek(0, "current")]).toEqual([300_000]);
  expect(await sendfile(input, other.writer)).toBe(0);
  other.reader.close();
  await expect(sendfile(input, other.writer, { position: 0 })).rejects.toMatchObject({ code: "EPIPE" });
});

test("sendfile() is called off where nobody reads", async () => {
  using input = file(pattern(300_000));
  using ends = pipe();
  await expect(sendfile(input, ends.writer, { timeout: 10 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  const reason = new Error("enough");
  const controller = new AbortController();
  const aborted = sendfile(input, ends.writer, { signal: controller.signal });
  controller.abort(reason);
  await expect(watchdog(aborted, "The abort")).rejects.toBe(reason);
  ends.writer.setFlags({ nonblock: false });
  await expect(sendfile(input, ends.writer)).rejects.toMatchObject({ code: "EINVAL", syscall: "sendfile" });
  await nothingLeft();
});

test("copyFileRange() copies ranges of files", async () => {
  using a = file(pattern(10_000_000));
  using b = file(bytes("0123456789"));
  expect(await copyFileRange(a, b, { fromPosition: 5, toPosition: 3, count: 4 })).toBe(4);
  expect([...contentsOf(b)]).toEqual([...bytes("012"), 5, 6, 7, 8, ...bytes("789")]);
  b.seek(0);
  expect(await copyFileRange(a, b)).toBe(10_000_000); // In several calls.
  expect(Buffer.compare(contentsOf(b), pattern(10_000_000))).toBe(0);
  expect(await copyFileRange(a, b)).toBe(0);
  using ends = pipe();
  await expect(copyFileRange(a, ends.writer, { fromPosition: 0 })).rejects.toMatchObject({
    code: "EINVAL",
    syscall: "copy_file_range",
  });
  using full = Fd.open("/dev/full", "O_WRONLY");
  await expect(copyFileRange(a, full, { fromPosition: 0 })).rejects.toMatchObject({
    code: expect.stringMatching(/^E/),
  });
});

/** Both ends of a unix stream connection of the runtime's own, taken over: O_NONBLOCK. */
async function sockets(): Promise<{ a: Fd; b: Fd } & Disposable> {
  // The runtimes keep their own descriptors: ours are copies.
  const folder = tmpdir();
  const before = new Set(socketNumbers());
  const server: Server = createServer({ pauseOnConnect: true });
  await new Promise<void>((done) => server.listen(folder.file("socket"), done));
  const listening = socketNumbers().filter((fd) => !before.has(fd));
  const { connect } = await import("node:net");
  const accepted = new Promise<import("node:net").Socket>((done) => server.once("connection", done));
  const client = connect(folder.file("socket"));
  client.pause();
  await new Promise<void>((done) => client.once("connect", () => done()));
  const peer = await accepted;
  const [one, two] = socketNumbers().filter((fd) => !before.has(fd) && !listening.includes(fd));
  const copy = (number: number) => {
    const lent = Fd.from(number);
    const own = lent.dup();
    lent.release();
    return own;
  };
  const ends = { a: copy(one!), b: copy(two!) };
  onTestFinished(async () => {
    client.destroy();
    peer.destroy();
    await new Promise<void>((done) => server.close(() => done()));
    folder[Symbol.dispose]();
  });
  return { ...ends, [Symbol.dispose]: () => (ends.a.close(), ends.b.close()) };
}

function socketNumbers(): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter((fd) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${fd}`, "utf8") !== "" && isSocket(fd);
    } catch {
      return false;
    }
  });
}

function isSocket(number: number): boolean {
  const lent = Fd.from(number);
  try {
    return lent.stat().kind === "socket";
  } finally {
    lent.release();
  }
}

type Ends = { from: Fd; to: Fd; fill?: Fd; drain?: Fd } & Disposable;
const pairs: Record<string, () => Ends> = {
  "a pipe to a pipe"() {
    const [a, b] = [pipe({ capacity: 4096 }), pipe({ capacity: 4096 })];
    return { from: a.reader, fill: a.writer, to: b.writer, drain: b.reader, [Symbol.dispose]: () => close(a, b) };
  },
  "a pipe to a file"() {
    const [a, to] = [pipe(), file()];
    return { from: a.reader, fill: a.writer, to, [Symbol.dispose]: () => close(a, to) };
  },
  "a pipe to a file that is appended to"() {
    const folder = tmpdir();
    const a = pipe();
    const to = Fd.open(folder.file("log"), ["O_RDWR", "O_APPEND", "O_CREAT"]);
    return { from: a.reader, fill: a.writer, to, [Symbol.dispose]: () => close(a, to, folder) };
  },
  "a file to a pipe"() {
    const [from, b] = [file(pattern(200_000)), pipe({ capacity: 4096 })];
    return { from, to: b.writer, drain: b.reader, [Symbol.dispose]: () => close(from, b) };
  },
  "a file to a pipe whose writer blocks"() {
    const [from, b] = [file(pattern(200_000)), pipe({ capacity: 4096 })];
    b.writer.setFlags({ nonblock: false });
    return { from, to: b.writer, drain: b.reader, [Symbol.dispose]: () => close(from, b) };
  },
  "a file to a file"() {
    const [from, to] = [file(pattern(200_000)), file()];
    return { from, to, [Symbol.dispose]: () => close(from, to) };
  },
  "a file to a file that is appended to"() {
    const folder = tmpdir();
    const from = file(pattern(200_000));
    const to = Fd.open(folder.file("log"), ["O_RDWR", "O_APPEND", "O_CREAT"]);
    return { from, to, [Symbol.dispose]: () => close(from, to, folder) };
  },
};
function close(...all: Disposable[]): void {
  for (const one of all) one[Symbol.dispose]();
}

for (const [name, make] of Object.entries(pairs)) {
  test(`pump() from ${name} moves every byte once, and says how many`, async () => {
    using ends = make();
    const all = pattern(200_000);
    const filled = ends.fill?.writeAll(all).then(() => ends.fill!.close());
    const drained = ends.drain?.readAll();
    expect(await watchdog(pump(ends.from, ends.to), "The pump")).toBe(200_000);
    ends.from.close();
    if (ends.drain !== undefined) ends.to.close();
    await filled;
    expect(drained === undefined ? contentsOf(ends.to) : await watchdog(drained, "All bytes")).toEqual(all);
    await nothingLeft();
  });

  test(`pump() from ${name} stops after count`, async () => {
    using ends = make();
    ends.fill?.tryWrite(pattern(4096));
    expect(await watchdog(pump(ends.from, ends.to, { count: 1000 }), "The pump")).toBe(1000);
    expect(await pump(ends.from, ends.to, { count: 0 })).toBe(0);
    const buffer = new Uint8Array(1);
    ends.from.readSync(buffer);
    expect(buffer[0]).toBe(1000 % 251);
  });
}

test("pump() between sockets, and between a socket and a pipe", async () => {
  using one = await sockets();
  using two = await sockets();
  using ends = pipe({ capacity: 4096 });
  const all = pattern(150_000);
  const filled = one.a.writeAll(all);
  const first = pump(one.b, two.a, { count: all.length });
  const second = pump(two.b, ends.writer, { count: all.length }).then(() => ends.writer.close());
  expect(await watchdog(ends.reader.readAll(), "All bytes")).toEqual(all);
  await Promise.all([filled, first, second]);
  await nothingLeft();
});

test("pump() takes what the kernel can't move: devices, and files of /proc", async () => {
  using zeroes = Fd.open("/dev/zero");
  using ends = pipe();
  expect(await pump(zeroes, ends.writer, { count: 5000 })).toBe(5000);
  using sink = Fd.open("/dev/null", "O_WRONLY");
  expect(await pump(ends.reader, sink, { count: 5000 })).toBe(5000);
  using status = Fd.open("/proc/self/status");
  using copy = file();
  const count = await pump(status, copy);
  expect(count).toBeGreaterThan(100);
  expect(new TextDecoder().decode(contentsOf(copy))).toMatch(/^Name:/);
});

test("pump() waits for who is slow, and is called off at each step", async () => {
  for (
    const make of [
      pairs["a pipe to a pipe"]!,
      pairs["a file to a pipe"]!,
      pairs["a file to a pipe whose writer blocks"]!,
    ]
  ) {
    using ends = make();
    const reason = new Error("enough");
    const controller = new AbortController();
    ends.fill?.tryWrite(pattern(4096));
    // Everything is full, or empty, and nobody reads: it waits.
    const pumped = pump(ends.from, ends.to, { signal: controller.signal });
    await new Promise((done) => setTimeout(done, 20));
    controller.abort(reason);
    await expect(watchdog(pumped, "The abort")).rejects.toBe(reason);
    await expect(pump(ends.from, ends.to, { signal: controller.signal })).rejects.toBe(reason);
    await expect(watchdog(pump(ends.from, ends.to, { timeout: 10 }), "The time")).rejects.toMatchObject({
      code: "ETIMEDOUT",
    });
  }
  await nothingLeft();
});

test("pump() ends with EPIPE where nobody reads any more, and ENOSPC on a full device", async () => {
  for (const make of [pairs["a pipe to a pipe"]!, pairs["a file to a pipe"]!]) {
    using ends = make();
    ends.fill?.tryWrite(pattern(4096));
    ends.drain!.close();
    await expect(pump(ends.from, ends.to)).rejects.toMatchObject({ code: "EPIPE" });
  }
  using input = file(pattern(100));
  using full = Fd.open("/dev/full", "O_WRONLY");
  await expect(pump(input, full)).rejects.toMatchObject({ code: "ENOSPC", syscall: "write" });
  using ends = pipe();
  ends.writer.writeSync(pattern(10));
  await expect(pump(ends.reader, full)).rejects.toMatchObject({ code: "ENOSPC" });
});

test("closing one side under a pump ends it", async () => {
  using ends = pairs["a pipe to a pipe"]!();
  const pumped = pump(ends.from, ends.to);
  ends.from.close();
  await expect(watchdog(pumped, "The end")).rejects.toMatchObject({ code: "ECANCELED" });
  await nothingLeft();
});

const refused: { name: string; run: (fd: Fd) => unknown; error: unknown }[] = [
  { name: "a number to pump from", run: (fd) => pump(0 as never, fd), error: TypeError },
  { name: "a number to pump to", run: (fd) => pump(fd, 1 as never), error: TypeError },
  { name: "a count below zero", run: (fd) => pump(fd, fd, { count: -1 }), error: RangeError },
  { name: "a text as count", run: (fd) => splice(fd, fd, { count: "1" as never }), error: TypeError },
  { name: "half a count", run: (fd) => trySplice(fd, fd, 0.5), error: RangeError },
  { name: "an unknown option", run: (fd) => pump(fd, fd, { offset: 1 } as never), error: TypeError },
  { name: "a signal where none is heard", run: (fd) => teeSync(fd, fd, { signal: 1 } as never), error: TypeError },
  { name: "a position below zero", run: (fd) => sendfile(fd, fd, { position: -1 }), error: RangeError },
  { name: "half a position", run: (fd) => copyFileRange(fd, fd, { toPosition: 0.5 }), error: RangeError },
  { name: "a closed descriptor", run: (fd) => (fd.close(), pump(fd, fd)), error: TypeError },
  { name: "a closed descriptor to copy", run: (fd) => (fd.close(), copyFileRange(fd, fd)), error: TypeError },
  {
    name: "to splice where neither is a pipe",
    run: (fd) => splice(fd, fd),
    error: expect.objectContaining({ code: "EINVAL", syscall: "splice" }),
  },
  {
    name: "to tee a file",
    run: (fd) => tryTee(fd, fd),
    error: expect.objectContaining({ code: "EINVAL", syscall: "tee" }),
  },
];
for (const { name, run, error } of refused) {
  test(`refuses ${name}`, async () => {
    using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
    await expect(new Promise((done) => done(run(fd)))).rejects.toThrow(error as Error);
  });
}
