// Fd's read() and write() in their three kinds: waiting, blocking, and trying. On ends that are O_NONBLOCK and on ends
// that are not: neither may keep the thread longer than asked.
import { execFile } from "node:child_process";
import { afterAll, describe, expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { Fd, pipe, poll, pollSync, pump, sendfile, splice, tee } from "../lib/fd/mod.ts";
import { tmpdir, until, watchdog } from "./support/watchdog.ts";

const folder = tmpdir();
const paths = Array.from({ length: 60 }, (_, i) => folder.file(`fifo-${i}`));
await new Promise<void>((done, fail) => execFile("mkfifo", paths, (error) => error === null ? done() : fail(error)));
afterAll(() => folder[Symbol.dispose]());

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (buffer: Uint8Array, count: number | null) => new TextDecoder().decode(buffer.subarray(0, count ?? 0));

for (const mode of ["O_NONBLOCK", "blocking"] as const) {
  /** Both ends of a FIFO. */
  const ends = () => {
    const path = paths.pop()!;
    using _both = Fd.open(path, "O_RDWR"); // So that neither end waits for the other to open.
    const flag = mode === "O_NONBLOCK" ? ["O_NONBLOCK"] as const : [];
    const reader = Fd.open(path, ["O_RDONLY", ...flag]);
    const writer = Fd.open(path, ["O_WRONLY", ...flag]);
    return { reader, writer, [Symbol.dispose]: () => (reader.close(), writer.close()) };
  };
  const fill = (writer: Fd) => {
    const chunk = new Uint8Array(4096);
    let filled = 0;
    for (let count; (count = writer.tryWrite(chunk)) !== null;) filled += count;
    return filled;
  };

  describe(`a pipe's ends, ${mode}`, () => {
    test("what is written is read, by each kind of call", async () => {
      using pipe = ends();
      const buffer = new Uint8Array(16);
      expect(pipe.writer.tryWrite(bytes("one"))).toBe(3);
      expect(text(buffer, pipe.reader.tryRead(buffer))).toBe("one");
      expect(pipe.writer.writeSync(bytes("two"))).toBe(3);
      expect(text(buffer, pipe.reader.readSync(buffer))).toBe("two");
      expect(await pipe.writer.write(bytes("three"))).toBe(5);
      expect(text(buffer, await pipe.reader.read(buffer.subarray(0, 2)))).toBe("th");
      expect(text(buffer, await pipe.reader.read(buffer))).toBe("ree");
    });

    test("where there is nothing, or no room, trying says so and waiting waits", async () => {
      using pipe = ends();
      const buffer = new Uint8Array(1 << 20);
      expect(pipe.reader.tryRead(buffer)).toBe(null);
      expect(() => pipe.reader.readSync(buffer, { timeout: 5 })).toThrow(
        expect.objectContaining({ code: "ETIMEDOUT", syscall: "fd_read" }),
      );
      await expect(pipe.reader.read(buffer, { timeout: 5 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
      const reading = pipe.reader.read(buffer);
      pipe.writer.tryWrite(bytes("x"));
      expect(await watchdog(reading, "The byte")).toBe(1);

      const filled = fill(pipe.writer);
      expect(filled).toBeGreaterThanOrEqual(4096);
      expect(() => pipe.writer.writeSync(bytes("x"), { timeout: 5 })).toThrow(
        expect.objectContaining({ code: "ETIMEDOUT", syscall: "fd_write" }),
      );
      const writing = pipe.writer.write(bytes("x"));
      let read = 0;
      while (read < filled) read += pipe.reader.readSync(buffer);
      expect(await watchdog(writing, "The room")).toBe(1);
      expect(pipe.reader.readSync(buffer)).toBe(1);
    });

    test("the end is zero for the reader and EPIPE for the writer", async () => {
      using pipe = ends();
      const buffer = new Uint8Array(4);
      const last = pipe.reader.read(buffer);
      pipe.writer.close();
      expect(await watchdog(last, "The end")).toBe(0);
      expect(pipe.reader.readSync(buffer)).toBe(0);
      expect(pipe.reader.tryRead(buffer)).toBe(0);

      using other = ends();
      fill(other.writer);
      const broken = other.writer.write(bytes("x"));
      other.reader.close();
      await expect(watchdog(broken, "The end")).rejects.toMatchObject({ code: "EPIPE", syscall: "write" });
      expect(() => other.writer.tryWrite(bytes("x"))).toThrow(expect.objectContaining({ code: "EPIPE" }));
      expect(() => other.writer.writeSync(bytes("x"))).toThrow(expect.objectContaining({ code: "EPIPE" }));
    });

    test("a wait is called off by its signal, and by closing", async () => {
      using pipe = ends();
      const buffer = new Uint8Array(4);
      const reason = new Error("never mind");
      const controller = new AbortController();
      const aborted = pipe.reader.read(buffer, { signal: controller.signal });
      controller.abort(reason);
      await expect(aborted).rejects.toBe(reason);
      await expect(pipe.reader.read(buffer, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const closed = pipe.reader.read(buffer);
      pipe.reader.close();
      await expect(closed).rejects.toMatchObject({
        code: "ECANCELED",
        message: expect.stringMatching(/^Cannot read descriptor \d+: it was closed/),
      });
      await expect(pipe.reader.read(buffer)).rejects.toThrow(TypeError);
    });

    test("a place in a pipe is ESPIPE", async () => {
      using pipe = ends();
      await expect(pipe.reader.read(new Uint8Array(1), { position: 0 })).rejects.toMatchObject({
        code: "ESPIPE",
        syscall: "pread",
      });
      expect(() => pipe.writer.writeSync(bytes("x"), { position: 0 })).toThrow(
        expect.objectContaining({ code: "ESPIPE", syscall: "pwrite" }),
      );
    });
  });
}

test("two readers of one pipe get each byte once", async () => {
  const path = paths.pop()!;
  using pipe = Fd.open(path, "O_RDWR");
  using other = Fd.open(path, "O_RDONLY");
  const seen: number[] = [];
  const reader = async (fd: Fd) => {
    const buffer = new Uint8Array(1);
    while (seen.length < 200) {
      try {
        await fd.read(buffer, { timeout: 500 });
      } catch (error) {
        if ((error as { code: string }).code === "ETIMEDOUT") continue;
        throw error;
      }
      seen.push(buffer[0]!);
    }
  };
  const readers = [reader(pipe), reader(other)];
  for (let i = 0; i < 200; i++) {
    expect(pipe.writeSync(new Uint8Array([i]))).toBe(1);
    if (i % 10 === 0) await new Promise((done) => setImmediate(done));
  }
  await watchdog(Promise.all(readers), "All bytes");
  expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

test("files are read and written where asked, and their own place stays", async () => {
  using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  const buffer = new Uint8Array(16);
  expect(await fd.write(bytes("hello world"))).toBe(11);
  expect(await fd.read(buffer)).toBe(0);
  expect(text(buffer, await fd.read(buffer, { position: 6 }))).toBe("world");
  expect(text(buffer, fd.readSync(buffer, { position: 0 }))).toBe("hello world");
  expect(fd.writeSync(bytes("W"), { position: 6 })).toBe(1);
  expect(await fd.write(bytes("H"), { position: 0 })).toBe(1);
  expect(await fd.write(bytes("!"))).toBe(1);
  expect(text(buffer, await fd.read(buffer, { position: 0 }))).toBe("Hello World!");
  // Past 4 GiB, where there is nothing yet.
  expect(fd.writeSync(bytes("far"), { position: 2 ** 33 })).toBe(3);
  expect(fd.stat().size).toBe(2 ** 33 + 3);
  expect(text(buffer, fd.readSync(buffer, { position: 2 ** 33 }))).toBe("far");
  expect(fd.readSync(buffer, { position: 2 ** 34 })).toBe(0);
});

test("nothing at all is read and written at once", async () => {
  using fd = Fd.open(paths.pop()!, "O_RDWR");
  const none = new Uint8Array(0);
  expect(fd.writeSync(none)).toBe(0);
  fd.writeSync(bytes("x"));
  expect(await fd.read(none)).toBe(0);
  expect(pollSync([{ fd, events: "readable" }], { timeout: 0 }).length).toBe(1);
});

test("a view of a part of a buffer is read into there, and nowhere else", () => {
  using fd = Fd.open("/dev/zero");
  const buffer = new Uint8Array(64).fill(7);
  expect(fd.readSync(buffer.subarray(8, 24))).toBe(16);
  expect([...buffer.keys()].filter((i) => buffer[i] === 0)).toEqual(Array.from({ length: 16 }, (_, i) => i + 8));
});

test("several buffers are one call: in their order, and a packet whole", async () => {
  using ends = pipe({ packet: true });
  const [a, b, c] = [new Uint8Array(2), new Uint8Array(0), new Uint8Array(8)];
  expect(await ends.writer.write([bytes("ab"), bytes(""), bytes("cde")])).toBe(5);
  ends.writer.writeSync([bytes("next"), bytes("!")]);
  expect(ends.writer.tryWrite([])).toBe(0);
  expect(await ends.reader.read([a, b, c])).toBe(5);
  expect([text(a, 2), text(c, 3), c[3]]).toEqual(["ab", "cde", 0]);
  // More than there is room for is dropped with the packet.
  expect(ends.reader.readSync([a, new Uint8Array(1)])).toBe(3);
  expect(ends.reader.tryRead([a, c])).toBe(null);

  using file = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  expect(file.writeSync([bytes("--"), bytes("hello"), bytes(" world")], { position: 3 })).toBe(13);
  expect(await file.read([a, c], { position: 5 })).toBe(10);
  expect([text(a, 2), text(c, 8)]).toEqual(["he", "llo worl"]);
  expect(file.tryRead([])).toBe(0);
});

test("writeAll() and readAll() come to the end", async () => {
  using ends = pipe({ capacity: 4096 });
  const all = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  const written = ends.writer.writeAll([all.subarray(0, 10), all.subarray(10)]).then(() => ends.writer.close());
  expect(await watchdog(ends.reader.readAll(), "All bytes")).toEqual(all);
  await written;

  using file = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  file.writeAllSync(all);
  await file.writeAll(bytes("XY"), { position: 1 });
  expect(file.readAllSync().length).toBe(0);
  file.seek(0);
  const read = file.readAllSync();
  expect([read.length, text(read, 4)]).toEqual([100_000, "\0XY\x03"]);
});

test("writeAll() and readAll() are called off on their way", async () => {
  using ends = pipe({ capacity: 4096 });
  const reason = new Error("enough");
  const controller = new AbortController();
  const written = ends.writer.writeAll(new Uint8Array(10_000), { signal: controller.signal });
  expect(ends.reader.tryRead(new Uint8Array(8192))).toBe(4096);
  controller.abort(reason);
  await expect(written).rejects.toBe(reason);
  await expect(ends.writer.writeAll(new Uint8Array(20_000), { timeout: 5 })).rejects.toMatchObject({
    code: "ETIMEDOUT",
  });
  expect(() => ends.writer.writeAllSync(new Uint8Array(20_000), { timeout: 5 })).toThrow(
    expect.objectContaining({ code: "ETIMEDOUT" }),
  );
  await expect(ends.reader.readAll({ timeout: 5 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  expect(() => ends.reader.readAllSync({ timeout: 5 })).toThrow(expect.objectContaining({ code: "ETIMEDOUT" }));
});

test("a file that is not in the page cache is brought there by another thread", async (context) => {
  using folder = tmpdir();
  const path = folder.file("cold");
  using fd = Fd.open(path, ["O_RDWR", "O_CREAT"]);
  const all = Uint8Array.from({ length: 300_000 }, (_, i) => i % 249);
  fd.writeAllSync(all);
  const { core } = load();
  /** Reads after the file was taken out of the cache. Whether it is out is the file system's to say: again, if not. */
  const cold = async (read: () => Promise<number>): Promise<{ reading: Promise<number> }> => {
    for (let tries = 0; tries < 20; tries++) {
      await fd.sync();
      await new Promise<void>((done, fail) =>
        execFile("dd", [`if=${path}`, "iflag=nocache", "count=0"], (error) => error === null ? done() : fail(error))
      );
      const reading = read();
      // Nothing was read yet, and this thread goes on.
      if (core.hawser_call_count() === 1) return { reading };
      await reading;
    }
    return context.skip("this file system keeps its files in the page cache");
  };
  const buffer = new Uint8Array(all.length);
  const { reading } = await cold(() => fd.read(buffer.fill(0), { position: 0 }));
  expect(buffer[248]).toBe(0);
  expect(await reading).toBe(all.length);
  expect(buffer).toEqual(all);

  const { reading: there } = await cold(() => (fd.seek(100), fd.read(buffer.fill(0).subarray(0, 10))));
  expect(await there).toBe(10);
  expect(buffer.subarray(0, 10)).toEqual(all.subarray(100, 110));
  expect(fd.seek(0, "current")).toBe(110);

  const reason = new Error("too slow");
  const controller = new AbortController();
  const { reading: aborted } = await cold(() => fd.read(buffer, { position: 0, signal: controller.signal }));
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  await until(() => core.hawser_call_count() === 0, "No call is left");
});

test("readable streams what is there until the end, and closes", async () => {
  const ends = pipe();
  const all = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  const written = ends.writer.writeAll(all).then(() => ends.writer.close());
  expect(ends.reader.readable).toBe(ends.reader.readable);
  const parts: Uint8Array[] = [];
  for await (const part of ends.reader.readable) parts.push(part);
  expect(new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer())).toEqual(all);
  await written;
  expect(ends.reader.closed).toBe(true);
});

test("readable reads nothing before somebody asks, and decodes text", async () => {
  const ends = pipe();
  ends.writer.writeSync(bytes("grüße"));
  const { readable } = ends.reader;
  await new Promise((done) => setTimeout(done, 10));
  const one = new Uint8Array(1);
  expect(ends.reader.tryRead(one)).toBe(1); // It is still there, for us.
  ends.writer.close();
  let all = "";
  const decoder: ReadableWritablePair<string, BufferSource> = new TextDecoderStream();
  for await (const part of readable.pipeThrough(decoder)) all += part;
  expect(all).toBe("rüße");
});

test("cancel() ends a read that waits, and closes", async () => {
  using ends = pipe();
  const reader = ends.reader.readable.getReader();
  const read = reader.read();
  await reader.cancel("no more");
  expect(await watchdog(read, "The read")).toMatchObject({ done: true });
  expect(ends.reader.closed).toBe(true);
  await until(() => load().core.hawser_poll_count() === 0, "No wait is left");
});

test("writable holds back while the pipe is full, and close() closes", async () => {
  using ends = pipe({ capacity: 4096 });
  const writer = ends.writer.writable.getWriter();
  let written = false;
  const write = writer.write(new Uint8Array(10_000)).then(() => (written = true));
  await new Promise((done) => setTimeout(done, 20));
  expect([written, writer.desiredSize]).toEqual([false, 0]);
  const closed = writer.close();
  expect((await watchdog(ends.reader.readAll(), "All bytes")).length).toBe(10_000);
  await write;
  await closed;
  expect(ends.writer.closed).toBe(true);
});

test("abort() ends a write that waits, and closes", async () => {
  using ends = pipe({ capacity: 4096 });
  const writer = ends.writer.writable.getWriter();
  writer.closed.catch(() => {});
  const write = writer.write(new Uint8Array(10_000));
  const broken = expect(write).rejects.toBeDefined();
  await new Promise((done) => setTimeout(done, 10));
  await watchdog(writer.abort(new Error("no more")), "The abort");
  await broken;
  expect(ends.writer.closed).toBe(true);
  await until(() => load().core.hawser_poll_count() === 0, "No wait is left");
});

test("streams fail as their descriptor does, and close it", async () => {
  const ends = pipe();
  ends.reader.close();
  const writer = ends.writer.writable.getWriter();
  writer.closed.catch(() => {});
  await expect(writer.write(bytes("x"))).rejects.toMatchObject({ code: "EPIPE" });
  expect(ends.writer.closed).toBe(true);

  const other = pipe();
  const text = other.writer.writable.getWriter();
  text.closed.catch(() => {});
  await expect(text.write("x" as never)).rejects.toThrow(TypeError);
  expect(other.writer.closed).toBe(true);
  other.reader.close();
  expect(() => other.reader.writable).toThrow("it is closed");
});

test("a stream whose descriptor is closed under it fails", async () => {
  using ends = pipe();
  const reading = ends.reader.readable.getReader();
  reading.closed.catch(() => {});
  const read = reading.read();
  await until(() => load().core.hawser_poll_count() === 1, "It waits");
  ends.reader.close();
  await expect(watchdog(read, "The read")).rejects.toMatchObject({ code: "ECANCELED" });
  await until(() => load().core.hawser_poll_count() === 0, "No wait is left");
});

test("both streams of one descriptor close it with the last", async () => {
  const fd = Fd.open("/dev/null", "O_RDWR");
  const writer = fd.writable.getWriter();
  for await (const _ of fd.readable) expect.unreachable();
  expect(fd.closed).toBe(false);
  await writer.write(bytes("x"));
  await writer.close();
  expect(fd.closed).toBe(true);
});

test("pipeTo() copies from one descriptor to another", async () => {
  const input = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  input.writeAllSync(new Uint8Array(300_000).fill(7));
  input.seek(0);
  const output = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  using copy = output.dup();
  await input.readable.pipeTo(output.writable);
  expect([input.closed, output.closed, copy.stat().size]).toEqual([true, true, 300_000]);
});

const refused: { name: string; run: (fd: Fd) => unknown; error: unknown }[] = [
  { name: "a text among buffers", run: (fd) => fd.read([new Uint8Array(1), "x" as never]), error: TypeError },
  { name: "a text to write to the end", run: (fd) => fd.writeAll("x" as never), error: TypeError },
  { name: "an unknown option of readAll", run: (fd) => fd.readAll({ count: 1 } as never), error: TypeError },
  { name: "a text to write", run: (fd) => fd.write("x" as never), error: TypeError },
  { name: "a number for a buffer", run: (fd) => fd.read(16 as never), error: TypeError },
  { name: "words for bytes", run: (fd) => fd.writeSync(new Uint16Array(2) as never), error: TypeError },
  { name: "an ArrayBuffer", run: (fd) => fd.tryRead(new ArrayBuffer(2) as never), error: TypeError },
  { name: "half a position", run: (fd) => fd.read(new Uint8Array(1), { position: 0.5 }), error: RangeError },
  { name: "a position below zero", run: (fd) => fd.writeSync(new Uint8Array(1), { position: -1 }), error: RangeError },
  {
    name: "a text for a position",
    run: (fd) => fd.read(new Uint8Array(1), { position: "0" as never }),
    error: TypeError,
  },
  { name: "an unknown option", run: (fd) => fd.readSync(new Uint8Array(1), { offset: 1 } as never), error: TypeError },
  {
    name: "a signal where none is heard",
    run: (fd) => fd.readSync(new Uint8Array(1), { signal: 1 } as never),
    error: TypeError,
  },
  { name: "NaN as limit", run: (fd) => fd.read(new Uint8Array(1), { timeout: NaN }), error: RangeError },
  { name: "a closed Fd", run: (fd) => (fd.close(), fd.write(new Uint8Array(1))), error: TypeError },
  { name: "a closed Fd to try", run: (fd) => (fd.close(), fd.tryRead(new Uint8Array(1))), error: TypeError },
  {
    name: "to read what is open for writing",
    run: () => {
      using fd = Fd.open("/dev/null", "O_WRONLY");
      return fd.readSync(new Uint8Array(1));
    },
    error: expect.objectContaining({ code: "EBADF", syscall: "read" }),
  },
  {
    name: "to read a folder",
    run: async () => {
      using fd = Fd.open("/");
      return await fd.read(new Uint8Array(1));
    },
    error: expect.objectContaining({ code: "EISDIR", syscall: "read" }),
  },
  {
    name: "what a full device refuses",
    run: async () => {
      using fd = Fd.open("/dev/full", "O_WRONLY");
      return await fd.write(new Uint8Array(1));
    },
    error: expect.objectContaining({ code: "ENOSPC", syscall: "write" }),
  },
];
for (const { name, run, error } of refused) {
  test(`refuses ${name}`, async () => {
    using fd = Fd.open("/dev/null", "O_RDWR");
    await expect(new Promise((done) => done(run(fd)))).rejects.toThrow(error as Error);
    await until(() => load().core.hawser_poll_count() === 0, "No wait is left");
  });
}

describe("what is closed between its readiness and the next try", () => {
  const signal = (whenOver: () => void) =>
    ({
      aborted: false,
      throwIfAborted() {},
      addEventListener() {},
      removeEventListener: whenOver,
    }) as unknown as AbortSignal;
  const full = () => {
    const ends = pipe();
    ends.writer.writeAllSync(new Uint8Array(ends.capacity));
    return ends;
  };
  type Ends = ReturnType<typeof pipe>;
  type Case = { from: Ends; to: Ends; file: Fd; signal: AbortSignal };
  const room = ({ to }: Case) => to.reader.readSync(new Uint8Array(1 << 20));
  const bytesCome = ({ from }: Case) => from.writer.writeSync(bytes("x"));
  const cases: Record<string, { start: (c: Case) => Promise<unknown>; end: (c: Case) => unknown; full?: true }> = {
    "read()": { start: ({ from, signal }) => from.reader.read(new Uint8Array(4), { signal }), end: bytesCome },
    "readAll()": { start: ({ from, signal }) => from.reader.readAll({ signal }), end: bytesCome },
    "write()": { start: ({ to, signal }) => to.writer.write(bytes("x"), { signal }), end: room, full: true },
    "writeAll()": { start: ({ to, signal }) => to.writer.writeAll(bytes("x"), { signal }), end: room, full: true },
    "splice()": { start: ({ from, to, signal }) => splice(from.reader, to.writer, { signal }), end: bytesCome },
    "tee()": { start: ({ from, to, signal }) => tee(from.reader, to.writer, { signal }), end: bytesCome },
    "pump()": { start: ({ from, to, signal }) => pump(from.reader, to.writer, { signal }), end: bytesCome },
    "pump() of a file": { start: ({ file, to, signal }) => pump(file, to.writer, { signal }), end: room, full: true },
    "sendfile()": { start: ({ file, to, signal }) => sendfile(file, to.writer, { signal }), end: room, full: true },
    "poll()": {
      start: ({ from, signal }) => poll([{ fd: from.reader, events: "readable" }], { signal }),
      end: bytesCome,
    },
  };
  for (const [name, { start, end, full: filled }] of Object.entries(cases)) {
    test(`is ECANCELED for ${name}`, async () => {
      using from = pipe();
      using to = filled ? full() : pipe();
      using file = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
      file.writeSync(bytes("x"), { position: 0 });
      const close = () => [from.reader, to.writer, file].forEach((fd) => fd.close());
      const all = { from, to, file, signal: signal(close) };
      const started = start(all);
      await until(() => load().core.hawser_poll_count() > 0, "It waits");
      end(all);
      await expect(watchdog(started, "Its end")).rejects.toMatchObject({
        code: "ECANCELED",
        message: expect.stringContaining("it was closed"),
      });
      await until(() => load().core.hawser_poll_count() === 0, "No wait is left");
    });
  }

  test("is a TypeError where it was closed before", async () => {
    const { reader, writer } = pipe();
    reader.close();
    writer.close();
    const late = [
      reader.read(new Uint8Array(1)),
      reader.readAll(),
      writer.writeAll(bytes("x")),
      splice(reader, writer),
      pump(reader, writer),
      sendfile(reader, writer),
      poll([{ fd: reader, events: "readable" }]),
    ];
    for (const one of late) await expect(one).rejects.toThrow(TypeError);
  });
});

test("a signal's reason may be anything", async () => {
  using from = pipe();
  using to = pipe();
  for (const reason of [null, "enough", 5]) {
    const off = new AbortController();
    const { signal } = off;
    const waits = [
      from.reader.read(new Uint8Array(1), { signal }),
      from.reader.readAll({ signal }),
      splice(from.reader, to.writer, { signal }),
      pump(from.reader, to.writer, { signal }),
      poll([{ fd: from.reader, events: "readable" }], { signal }),
    ];
    const settled = Promise.allSettled(waits);
    await until(() => load().core.hawser_poll_count() === waits.length, "They wait");
    off.abort(reason);
    for (const one of await watchdog(settled, "Their ends")) expect(one).toEqual({ status: "rejected", reason });
  }
  await until(() => load().core.hawser_poll_count() === 0, "No wait is left");
});

test("a buffer that is transferred while it is waited for is no end, and what was not written is not forgotten", async () => {
  const transfer = (array: Uint8Array) => structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });
  using ends = pipe();
  const into = new Uint8Array(8);
  const reading = ends.reader.read(into);
  transfer(into);
  ends.writer.writeSync(bytes("kept"));
  await expect(watchdog(reading, "The read")).rejects.toThrow("their buffer was transferred or resized meanwhile");
  const buffer = new Uint8Array(1 << 20);
  expect(text(buffer, ends.reader.tryRead(buffer))).toBe("kept");

  const large = new Uint8Array(ends.capacity + 1);
  const writing = ends.writer.writeAll(large);
  const whole = new Uint8Array(8);
  const one = ends.writer.write(whole);
  for (const array of [large, whole]) transfer(array);
  await until(() => ends.reader.tryRead(buffer) !== null, "There is room");
  const writes: Promise<unknown>[] = [writing, one];
  for (const each of writes) await expect(watchdog(each, "The write")).rejects.toThrow(TypeError);
  await until(() => load().core.hawser_poll_count() === 0, "No wait is left");
});

test("a buffer that shrinks while it is waited for is refused, and does not keep writeAll() for ever", async () => {
  using ends = pipe();
  const Resizable = ArrayBuffer as unknown as new (
    size: number,
    options: object,
  ) => ArrayBuffer & { resize(n: number): void };
  const memory = new Resizable(ends.capacity + 8, { maxByteLength: ends.capacity + 8 });
  const writing = ends.writer.writeAll(new Uint8Array(memory));
  memory.resize(8);
  ends.reader.readSync(new Uint8Array(1 << 20));
  await expect(watchdog(writing, "The write")).rejects.toThrow(TypeError);
});
