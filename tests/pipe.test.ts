// pipe(): both ends, what it holds, packets; the end as zero and EPIPE; writes up to PIPE_BUF whole.
import { expect, test } from "vitest";
import { Fd, pipe, pipeCapacity } from "../lib/fd/mod.ts";
import { tmpdir, watchdog } from "./support/watchdog.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (buffer: Uint8Array, count: number | null) => new TextDecoder().decode(buffer.subarray(0, count ?? 0));

test("what is written to one end comes out of the other", async () => {
  using ends = pipe();
  const buffer = new Uint8Array(16);
  expect([ends.reader.stat().kind, ends.writer.stat().kind]).toEqual(["fifo", "fifo"]);
  expect(ends.writer.writeSync(bytes("hello"))).toBe(5);
  expect(text(buffer, await ends.reader.read(buffer))).toBe("hello");
  const waiting = ends.reader.read(buffer);
  expect(await ends.writer.write(bytes("again"))).toBe(5);
  expect(text(buffer, await watchdog(waiting, "The bytes"))).toBe("again");
});

test("neither end blocks, and trying says that there is nothing or no room", () => {
  using ends = pipe({ capacity: 4096 });
  expect(ends.reader.tryRead(new Uint8Array(1))).toBe(null);
  expect(ends.writer.tryWrite(new Uint8Array(4097))).toBe(4096);
  expect(ends.writer.tryWrite(new Uint8Array(1))).toBe(null);
});

test("disposing closes both ends, and once", () => {
  const ends = pipe();
  ends.writer.close();
  ends[Symbol.dispose]();
  ends[Symbol.dispose]();
  expect([ends.reader.closed, ends.writer.closed]).toEqual([true, true]);
});

test("the end is zero for the reader, after what was written, and EPIPE for the writer", async () => {
  using ends = pipe();
  ends.writer.writeSync(bytes("last"));
  ends.writer.close();
  const buffer = new Uint8Array(16);
  expect(text(buffer, await ends.reader.read(buffer))).toBe("last");
  expect(await ends.reader.read(buffer)).toBe(0);

  using others = pipe();
  others.reader.close();
  await expect(others.writer.write(bytes("x"))).rejects.toMatchObject({ code: "EPIPE", syscall: "write" });
  expect(() => others.writer.writeSync(bytes("x"))).toThrow(expect.objectContaining({ code: "EPIPE" }));
  expect(() => others.writer.tryWrite(bytes("x"))).toThrow(expect.objectContaining({ code: "EPIPE" }));
});

test("the capacity is rounded up and told, and can be changed", () => {
  using ends = pipe({ capacity: 5000 });
  expect(ends.capacity).toBe(8192);
  expect(pipeCapacity(ends.reader)).toBe(8192);
  expect(pipeCapacity(ends.writer, 70_000)).toBe(131_072);
  expect(pipeCapacity(ends.reader)).toBe(131_072);
  expect(ends.writer.tryWrite(new Uint8Array(200_000))).toBe(131_072);
  expect(() => pipeCapacity(ends.writer, 4096)).toThrow(
    expect.objectContaining({
      code: "EBUSY",
      syscall: "fcntl",
      message: expect.stringContaining("there is more in it"),
    }),
  );
});

test("packets are read one by one, and what does not fit is dropped", () => {
  using ends = pipe({ packet: true });
  for (const packet of ["one", "two two", "three"]) ends.writer.writeSync(bytes(packet));
  const buffer = new Uint8Array(64);
  expect(text(buffer, ends.reader.tryRead(buffer))).toBe("one");
  expect(text(buffer, ends.reader.tryRead(buffer.subarray(0, 3)))).toBe("two");
  expect(text(buffer, ends.reader.tryRead(buffer))).toBe("three");
  expect(ends.reader.tryRead(buffer)).toBe(null);
});

const refused: { name: string; run: () => unknown; error: unknown }[] = [
  { name: "a capacity of zero", run: () => pipe({ capacity: 0 }), error: RangeError },
  { name: "a capacity of half a byte", run: () => pipe({ capacity: 0.5 }), error: RangeError },
  { name: "a capacity beyond what the kernel can say", run: () => pipe({ capacity: 2 ** 32 }), error: RangeError },
  { name: "a text for a capacity", run: () => pipe({ capacity: "1" as never }), error: TypeError },
  { name: "a number for packet", run: () => pipe({ packet: 1 as never }), error: TypeError },
  { name: "an unknown option", run: () => pipe({ size: 1 } as never), error: TypeError },
  { name: "options that are a number", run: () => pipe(4096 as never), error: TypeError },
  { name: "the capacity of a number", run: () => pipeCapacity(1 as never), error: TypeError },
  {
    name: "the capacity of a file",
    run: () => {
      using folder = tmpdir();
      using file = Fd.open(folder.path, ["O_RDWR", "O_TMPFILE"]);
      return pipeCapacity(file);
    },
    error: expect.objectContaining({ code: "EBADF", message: expect.stringContaining("it is no pipe") }),
  },
];
for (const { name, run, error } of refused) {
  test(`refuses ${name}`, () => expect(run).toThrow(error as Error));
}
