import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { MappedFile, SystemError } from "../mod.ts";
import { start } from "./support/lanes.ts";
import { asNobody, needsRoot } from "./support/nobody.ts";
import { leftBehind, snapshot } from "./support/snapshot.ts";
import { tmpdir } from "./support/watchdog.ts";

type Folder = ReturnType<typeof tmpdir>;

test("open() maps the whole file, both ways", () => {
  using folder = tmpdir();
  writeFileSync(folder.file("x"), "0123456789");
  using file = MappedFile.open(folder.file("x"));
  expect([file.size, file.path, file.readonly, file.closed]).toEqual([10, folder.file("x"), false, false]);
  expect(new TextDecoder().decode(file.bytes)).toBe("0123456789");
  expect(file.bytes.buffer).toBe(file.buffer);
  file.bytes[0] = 65;
  expect(readFileSync(folder.file("x"), "utf8")).toBe("A123456789");
  writeFileSync(folder.file("x"), "B", { flag: "r+" });
  expect(file.bytes[0]).toBe(66);
});

test("two mappings of a file are the same pages", () => {
  using folder = tmpdir();
  using first = MappedFile.open(folder.file("x"), { size: 4096, create: true });
  using second = MappedFile.open(folder.file("x"));
  expect(Atomics.add(new Int32Array(first.buffer), 3, 5)).toBe(0);
  expect(Atomics.load(new Int32Array(second.buffer), 3)).toBe(5);
});

test("create makes the file with the mode that the umask leaves, and opens what is there", () => {
  using folder = tmpdir();
  const umask = process.umask();
  MappedFile.open(folder.file("a"), { size: 10, create: true }).close();
  MappedFile.open(folder.file("b"), { size: 10, create: true, mode: 0o666 }).close();
  expect(statSync(folder.file("a")).mode & 0o7777).toBe(0o600 & ~umask);
  expect(statSync(folder.file("b")).mode & 0o7777).toBe(0o666 & ~umask);
  writeFileSync(folder.file("a"), "keep me please");
  using again = MappedFile.open(folder.file("a"), { size: 4, create: true });
  expect(new TextDecoder().decode(again.bytes)).toBe("keep");
  expect(statSync(folder.file("a")).size).toBe(14);
});

test("create follows a symbolic link to what does not exist yet", () => {
  using folder = tmpdir();
  symlinkSync(folder.file("target"), folder.file("link"));
  using file = MappedFile.open(folder.file("link"), { size: 100, create: true });
  expect([file.size, statSync(folder.file("target")).size]).toEqual([100, 100]);
});

test("a shorter file is grown with zeros, its pages reserved, and a longer one is left as it is", () => {
  using folder = tmpdir();
  writeFileSync(folder.file("x"), "abc");
  using file = MappedFile.open(folder.file("x"), { size: 1 << 20 });
  expect([file.bytes[2], file.bytes[3], file.bytes[(1 << 20) - 1]]).toEqual([99, 0, 0]);
  expect(statSync(folder.file("x")).size).toBe(1 << 20);
  expect(statSync(folder.file("x")).blocks * 512).toBeGreaterThanOrEqual(1 << 20);
  using part = MappedFile.open(folder.file("x"), { size: 5000 });
  expect([part.size, statSync(folder.file("x")).size]).toEqual([5000, 1 << 20]);
});

test("readonly maps a private copy, and never grows the file", () => {
  using folder = tmpdir();
  writeFileSync(folder.file("x"), "0123456789", { mode: 0o444 });
  using file = MappedFile.open(folder.file("x"), { readonly: true });
  expect(file.readonly).toBe(true);
  file.bytes.fill(0);
  expect(readFileSync(folder.file("x"), "utf8")).toBe("0123456789");
  expect(() => file.resize(20)).toThrow(expect.objectContaining({ code: "EACCES", syscall: "memory_resize" }));
  expect(() => MappedFile.open(folder.file("x"), { readonly: true, size: 11 })).toThrow(
    /it has 10 bytes, fewer than the 11 asked for \(EOVERFLOW\)/,
  );
  file.flushSync();
  expect(statSync(folder.file("x")).size).toBe(10);
});

test("resize() grows the file and keeps what is in it", () => {
  using folder = tmpdir();
  using file = MappedFile.open(folder.file("x"), { size: 10, create: true });
  using other = MappedFile.open(folder.file("x"));
  const old = file.bytes;
  file.bytes[9] = 1;
  for (const size of [10, 11, 4097, 100_000]) {
    file.resize(size);
    expect([file.size, file.bytes.length, file.bytes[9], statSync(folder.file("x")).size]).toEqual([
      size,
      size,
      1,
      size,
    ]);
  }
  expect(old.length).toBe(0);
  other.resize(50);
  expect(statSync(folder.file("x")).size).toBe(100_000);
  for (const size of [0, 10, 99_999, -1, 1.5, NaN, 2 ** 53]) expect(() => file.resize(size)).toThrow(RangeError);
  expect(() => file.resize("5" as never)).toThrow(TypeError);
  expect(file.bytes[9]).toBe(1);
});

test("flushSync() writes what was changed", () => {
  using folder = tmpdir();
  using file = MappedFile.open(folder.file("x"), { size: 10_000, create: true });
  file.bytes.fill(7);
  file.flushSync();
  expect(readFileSync(folder.file("x")).every((byte) => byte === 7)).toBe(true);
});

test("what was written stays after close(), and views are empty", () => {
  using folder = tmpdir();
  const file = MappedFile.open(folder.file("x"), { size: 5000, create: true });
  const { bytes, buffer } = file;
  const view = new DataView(buffer);
  bytes.fill(3);
  file.close();
  file.close();
  file[Symbol.dispose]();
  expect([bytes.length, buffer.byteLength, file.closed]).toEqual([0, 0, true]);
  expect(() => view.getUint8(0)).toThrow(TypeError);
  expect(() => Atomics.load(bytes, 0)).toThrow();
  expect(readFileSync(folder.file("x"))[4999]).toBe(3);
  const uses: ((closed: MappedFile) => unknown)[] = [
    (closed) => closed.bytes,
    (closed) => closed.buffer,
    (closed) => closed.size,
    (closed) => closed.readonly,
    (closed) => closed.resize(6000),
    (closed) => closed.flushSync(),
  ];
  for (const use of uses) {
    expect(() => use(file)).toThrow(TypeError);
    expect(() => use(file)).toThrow(/^Cannot .*: it is closed$/);
  }
  expect(file.path).toBe(folder.file("x"));
});

test("a removed file stays mapped", () => {
  using folder = tmpdir();
  using file = MappedFile.open(folder.file("x"), { size: 10, create: true });
  unlinkSync(folder.file("x"));
  file.bytes[0] = 4;
  file.resize(20);
  expect([file.bytes[0], file.size]).toEqual([4, 20]);
});

test("console.log shows what it is", () => {
  using folder = tmpdir();
  const file = MappedFile.open(folder.file("x"), { size: 10, create: true });
  expect(inspect(file)).toBe(`MappedFile "${folder.file("x")}" (10 bytes)`);
  file.close();
  expect(inspect(file)).toBe(`MappedFile "${folder.file("x")}" (closed)`);
});

// What is refused before anything is called.

const open = (path: unknown, options?: unknown) => () => MappedFile.open(path as string, options as never);
const wrong: { name: string; run: () => unknown; error: new () => Error; text: RegExp }[] = [
  { name: "no path", run: open(undefined), error: TypeError, text: /path must be a string/ },
  {
    name: "new",
    run: () => void new (MappedFile as never as new (path: string) => MappedFile)("x"),
    error: TypeError,
    text: /use open\(\)/,
  },
  { name: "a number as path", run: open(3), error: TypeError, text: /path must be a string/ },
  { name: "an empty path", run: open(""), error: RangeError, text: /path must not be empty/ },
  { name: "a NUL in the path", run: open("/tmp/a\0b"), error: RangeError, text: /NUL/ },
  { name: "null as options", run: open("/x", null), error: TypeError, text: /options must be an object/ },
  { name: "a misspelt option", run: open("/x", { readOnly: true }), error: TypeError, text: /"readOnly"/ },
  { name: "an option of SharedMemory", run: open("/x", { size: 1, sparse: true }), error: TypeError, text: /"sparse"/ },
  { name: "create without size", run: open("/x", { create: true }), error: RangeError, text: /size must be given/ },
  {
    name: "create for reading",
    run: open("/x", { create: true, size: 1, readonly: true }),
    error: RangeError,
    text: /exclude each other/,
  },
  { name: "text as create", run: open("/x", { create: "yes", size: 1 }), error: TypeError, text: /create/ },
  { name: "1 as readonly", run: open("/x", { readonly: 1 }), error: TypeError, text: /readonly/ },
  { name: "size 0", run: open("/x", { size: 0 }), error: RangeError, text: /size/ },
  { name: "a negative size", run: open("/x", { size: -5 }), error: RangeError, text: /size/ },
  { name: "a broken size", run: open("/x", { size: 0.5 }), error: RangeError, text: /size/ },
  { name: "size 2 ** 53", run: open("/x", { size: 2 ** 53 }), error: RangeError, text: /size/ },
  { name: "text as size", run: open("/x", { size: "10" }), error: TypeError, text: /size/ },
  { name: "a mode too large", run: open("/x", { size: 1, create: true, mode: 1e6 }), error: RangeError, text: /mode/ },
  { name: "text as mode", run: open("/x", { size: 1, create: true, mode: "6" }), error: TypeError, text: /mode/ },
];
for (const { name, run, error, text } of wrong) {
  test(`MappedFile refuses ${name}`, () => {
    expect(run).toThrow(error);
    expect(run).toThrow(text);
    expect(existsSync("/x")).toBe(false);
  });
}

// What the kernel refuses, or hawser after it looked.

type Refused = {
  name: string;
  code: string;
  syscall: string | RegExp;
  text?: RegExp;
  run: (folder: Folder) => unknown;
};
const refused: Refused[] = [
  { name: "what is not there", code: "ENOENT", syscall: "openat", run: (folder) => MappedFile.open(folder.file("no")) },
  {
    name: "create in a folder that is not there",
    code: "ENOENT",
    syscall: "openat",
    run: (folder) => MappedFile.open(folder.file("no/x"), { size: 1, create: true }),
  },
  {
    name: "an empty file",
    code: "ENODATA",
    syscall: "memory_open_file",
    text: /it is empty/,
    run: (folder) => {
      writeFileSync(folder.file("x"), "");
      MappedFile.open(folder.file("x"));
    },
  },
  { name: "a folder", code: "EISDIR", syscall: "openat", run: (folder) => MappedFile.open(folder.path) },
  {
    name: "a folder for reading",
    code: "ENODEV",
    syscall: "memory_open_file",
    text: /it is a directory/,
    run: (folder) => MappedFile.open(folder.path, { readonly: true }),
  },
  {
    name: "a folder where a file is to be made",
    code: "EISDIR",
    syscall: "openat",
    run: (folder) => MappedFile.open(folder.path, { size: 10, create: true }),
  },
  {
    name: "a device",
    code: "ENODEV",
    syscall: "memory_open_file",
    text: /it is a character device/,
    run: () => MappedFile.open("/dev/null"),
  },
  {
    name: "a file whose path goes on",
    code: "ENOTDIR",
    syscall: "openat",
    run: () => MappedFile.open("/etc/passwd/x"),
  },
  {
    name: "a circle of symbolic links",
    code: "ELOOP",
    syscall: "openat",
    run: (folder) => {
      symlinkSync(folder.file("circle"), folder.file("circle"));
      MappedFile.open(folder.file("circle"));
    },
  },
  {
    name: "a file truncated below the size asked for",
    code: "EOVERFLOW",
    syscall: "memory_open_file",
    run: (folder) => {
      writeFileSync(folder.file("x"), "0123456789");
      truncateSync(folder.file("x"), 5);
      MappedFile.open(folder.file("x"), { size: 10, readonly: true });
    },
  },
  {
    name: "more than a file can hold",
    code: "ENOSPC|EFBIG",
    syscall: "fallocate",
    run: (folder) => {
      try {
        MappedFile.open(folder.file("x"), { size: Number.MAX_SAFE_INTEGER, create: true });
      } finally {
        expect(readdirSync(folder.path)).toEqual([]); // The file that was made for it is gone.
      }
    },
  },
  {
    name: "to grow to more than a file, or a buffer of this runtime, can hold",
    code: "ENOSPC|EFBIG|ENOMEM",
    syscall: /^(mmap|fallocate|memory_resize)$/, // Room in the address space comes first.
    run: (folder) => {
      using file = MappedFile.open(folder.file("x"), { size: 5000, create: true });
      const { blocks } = statSync(folder.file("x"));
      try {
        file.resize(Number.MAX_SAFE_INTEGER);
      } finally {
        file.bytes[4999] = 1;
        expect(statSync(folder.file("x"))).toMatchObject({ size: 5000, blocks });
      }
    },
  },
];
for (const { name, code, syscall, text, run } of refused) {
  test(`MappedFile tells ${code} for ${name}`, () => {
    using folder = tmpdir();
    let error: unknown;
    try {
      run(folder);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SystemError);
    expect((error as SystemError).code).toMatch(new RegExp(`^(${code})$`));
    expect((error as SystemError).syscall).toMatch(syscall);
    expect((error as SystemError).message).toMatch(
      text ?? /^Cannot (map the file ".*"|grow memory to \d+ bytes): .*\)$/,
    );
  });
}

test("open() of a FIFO does not wait for its other end", async () => {
  using folder = tmpdir();
  await using running = start(["mkfifo", folder.file("fifo")]);
  await running.ended();
  expect(() => MappedFile.open(folder.file("fifo"))).toThrow(/it is a fifo \(ENODEV\)/);
  expect(() => MappedFile.open(folder.file("fifo"), { readonly: true })).toThrow(/it is a fifo \(ENODEV\)/);
});

test("nothing is left of 1,000 refusals and 200 files", async () => {
  using folder = tmpdir();
  writeFileSync(folder.file("empty"), "");
  const before = snapshot();
  for (let i = 0; i < 1000; i++) {
    expect(() => MappedFile.open(folder.file("no"))).toThrow("ENOENT");
    expect(() => MappedFile.open(folder.file("empty"))).toThrow("ENODATA");
    expect(() => MappedFile.open("/dev/null")).toThrow("ENODEV");
    expect(() => MappedFile.open(folder.file("new"), { size: 2 ** 52, create: true })).toThrow(/ENOSPC|EFBIG/);
  }
  expect(readdirSync(folder.path)).toEqual(["empty"]);
  for (let i = 0; i < 200; i++) {
    using file = MappedFile.open(folder.file("x"), { size: 4096 + i, create: true });
    file.resize(10_000 + i);
  }
  expect(await leftBehind(before)).toEqual([]);
});

test("EACCES as nobody", async (context) => {
  needsRoot(context);
  using user = asNobody();
  const ended = await user.run(`
    const { MappedFile } = hawser;
    const refuses = (path, options) => assert.throws(
      () => MappedFile.open(path, options),
      { name: "SystemError", code: "EACCES", syscall: "openat", path, message: /permission denied/ },
    );
    refuses("/etc/shadow", { readonly: true });
    refuses("/etc/passwd");
    refuses("/etc/made", { size: 1, create: true });
    const reader = MappedFile.open("/etc/passwd", { readonly: true });
    assert(reader.size > 10);
    const own = MappedFile.open("own", { size: 10, create: true });
    own.bytes[0] = 1;
    own.close();
    reader.close();
  `);
  expect(ended).toMatchObject({ status: 0, stdout: "done\n", stderr: "" });
});
