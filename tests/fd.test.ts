import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";
import { inspect } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { Fd, type FdKind, type OpenFlag, pipe, SystemError } from "../mod.ts";
import { here, laneCommand, spawnLane, start } from "./support/lanes.ts";
import { asNobody, needsRoot } from "./support/nobody.ts";
import { leftBehind, snapshot } from "./support/snapshot.ts";
import { tmpdir, unique } from "./support/watchdog.ts";

/** The numbers of this process's descriptors whose link begins with `target`. */
function descriptors(target: string): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(target);
    } catch {
      return false; // The listing's own.
    }
  });
}

/** What makes a runtime offer gc(), where it does not of itself. */
const gcFlags = here === "deno" ? ["-A", "--v8-flags=--expose-gc"] : here === "bun" ? [] : ["--expose-gc"];

/** Not by spawnSync(), for which Bun makes an event loop that stays. */
async function mkfifo(path: string): Promise<void> {
  await using running = start(["mkfifo", path]);
  expect(await running.ended()).toMatchObject({ status: 0 });
}

/** The flags of an open descriptor, as the kernel tells them. */
function kernelFlags(fd: Fd): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd.number}`, "utf8");
  return Number.parseInt(/^flags:\s*(\d+)$/m.exec(text)![1]!, 8);
}

const O_ACCMODE = 0o3;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
const O_SYNC = 0o4010000;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

test("open() opens for reading by default, close-on-exec", () => {
  using fd = Fd.open("/etc/passwd");
  expect(kernelFlags(fd) & O_ACCMODE).toBe(0);
  expect(kernelFlags(fd) & O_CLOEXEC).toBe(O_CLOEXEC);
  expect(fd.number).toBeGreaterThanOrEqual(3);
});

const flags: { flags: OpenFlag | readonly OpenFlag[]; mask: number; want: number }[] = [
  { flags: [], mask: O_ACCMODE, want: 0 },
  { flags: "O_RDONLY", mask: O_ACCMODE, want: 0 },
  { flags: "O_WRONLY", mask: O_ACCMODE, want: 1 },
  { flags: "O_RDWR", mask: O_ACCMODE, want: 2 },
  { flags: ["O_RDWR", "O_RDWR"], mask: O_ACCMODE, want: 2 },
  { flags: ["O_WRONLY", "O_APPEND"], mask: O_ACCMODE | O_APPEND, want: 1 | O_APPEND },
  { flags: ["O_NONBLOCK"], mask: O_NONBLOCK, want: O_NONBLOCK },
  { flags: ["O_RDWR", "O_SYNC"], mask: O_SYNC, want: O_SYNC },
  { flags: ["O_PATH"], mask: O_PATH, want: O_PATH },
];
for (const { flags: given, mask, want } of flags) {
  test(`open() sets ${inspect(given)}`, () => {
    using folder = tmpdir();
    writeFileSync(folder.file("x"), "x");
    using fd = Fd.open(folder.file("x"), given);
    expect(kernelFlags(fd) & mask).toBe(want);
    expect(kernelFlags(fd) & O_CLOEXEC).toBe(O_CLOEXEC);
  });
}

test("open() creates with the mode that the umask leaves, 0o600 by default", () => {
  using folder = tmpdir();
  const umask = process.umask();
  Fd.open(folder.file("a"), ["O_WRONLY", "O_CREAT"]).close();
  Fd.open(folder.file("b"), ["O_WRONLY", "O_CREAT"], 0o666).close();
  expect(statSync(folder.file("a")).mode & 0o7777).toBe(0o600 & ~umask);
  expect(statSync(folder.file("b")).mode & 0o7777).toBe(0o666 & ~umask);
});

test("open() truncates, appends and makes files without a name", () => {
  using folder = tmpdir();
  writeFileSync(folder.file("x"), "old");
  Fd.open(folder.file("x"), ["O_WRONLY", "O_TRUNC"]).close();
  expect(statSync(folder.file("x")).size).toBe(0);
  using unnamed = Fd.open(folder.path, ["O_RDWR", "O_TMPFILE"]);
  expect(unnamed.stat()).toMatchObject({ kind: "file", links: 0, size: 0 });
  expect(readdirSync(folder.path)).toEqual(["x"]);
});

test("open() takes any text as a path", () => {
  using folder = tmpdir();
  const path = folder.file("grüße \u{1f600} \n'");
  Fd.open(path, ["O_WRONLY", "O_CREAT"]).close();
  expect(readdirSync(folder.path)).toEqual(["grüße \u{1f600} \n'"]);
});

const kinds: Record<string, { kind: FdKind; open: (folder: ReturnType<typeof tmpdir>) => Fd | Promise<Fd> }> = {
  "a file": { kind: "file", open: () => Fd.open("/etc/passwd") },
  "a folder": { kind: "directory", open: () => Fd.open("/", "O_DIRECTORY") },
  "a device": { kind: "character device", open: () => Fd.open("/dev/zero") },
  "a symbolic link": {
    kind: "symbolic link",
    open(folder) {
      symlinkSync("/", folder.file("link"));
      return Fd.open(folder.file("link"), ["O_PATH", "O_NOFOLLOW"]);
    },
  },
  "a FIFO": {
    kind: "fifo",
    async open(folder) {
      await mkfifo(folder.file("fifo"));
      return Fd.open(folder.file("fifo"), ["O_RDONLY", "O_NONBLOCK"]);
    },
  },
  "a socket": {
    kind: "socket",
    async open(folder) {
      const server = createServer();
      onTestFinished(() => new Promise<void>((done) => server.close(() => done())));
      const before = descriptors("socket:");
      await new Promise<void>((done) => server.listen(folder.file("socket"), done));
      const found = descriptors("socket:").find((fd) => !before.includes(fd))!;
      const lent = Fd.from(found);
      const copy = lent.dup();
      lent.release();
      return copy;
    },
  },
  "an object without an inode's type": {
    kind: "anonymous",
    open() {
      // Every runtime has an epoll instance or an eventfd.
      const lent = Fd.from(descriptors("anon_inode:")[0]!);
      const copy = lent.dup();
      lent.release();
      return copy;
    },
  },
};
for (const [name, { kind, open }] of Object.entries(kinds)) {
  test(`stat() tells the kind of ${name}`, async () => {
    using folder = tmpdir();
    using fd = await open(folder);
    expect(fd.stat().kind).toBe(kind);
  });
}

test("open() takes a file: URL", () => {
  using folder = tmpdir();
  writeFileSync(folder.file("a b"), "12345");
  using fd = Fd.open(new URL(`file://${folder.path}/a%20b`));
  expect(fd.stat().size).toBe(5);
});

test("stat() tells what fstat(2) tells", () => {
  using folder = tmpdir();
  writeFileSync(folder.file("x"), "12345", { mode: 0o640 });
  const want = statSync(folder.file("x"), { bigint: true });
  using fd = Fd.open(folder.file("x"));
  expect(fd.stat()).toMatchObject({
    kind: "file",
    size: 5,
    mode: Number(want.mode) & 0o7777,
    uid: process.getuid!(),
    gid: process.getgid!(),
    links: 1,
    inode: want.ino,
    device: want.dev,
  });
});

test("dup() shares the open file and is a descriptor of its own", () => {
  using folder = tmpdir();
  using fd = Fd.open(folder.path, ["O_RDWR", "O_TMPFILE"]);
  const copy = fd.dup();
  expect(copy.number).not.toBe(fd.number);
  expect(copy.stat().inode).toBe(fd.stat().inode);
  expect(kernelFlags(copy) & O_CLOEXEC).toBe(O_CLOEXEC);
  fd.close();
  expect(copy.stat().kind).toBe("file");
  copy.close();
});

test("dup() gives a number at least as high as asked for", () => {
  using fd = Fd.open("/dev/null");
  using copy = fd.dup(200);
  using second = fd.dup(200);
  expect(copy.number).toBeGreaterThanOrEqual(200);
  expect(second.number).toBeGreaterThan(copy.number);
});

test("release() leaves the descriptor open, and from() takes it over", () => {
  const fd = Fd.open("/dev/null");
  const number = fd.release();
  expect(fd.closed).toBe(true);
  expect(readlinkSync(`/proc/self/fd/${number}`)).toBe("/dev/null");
  const again = Fd.from(number);
  expect(again.number).toBe(number);
  again.close();
  expect(descriptors("/dev/null")).not.toContain(number);
});

test("close() and dispose may be repeated and close once", () => {
  const fd = Fd.open("/dev/null");
  const number = fd.number;
  fd.close();
  // Somebody else's by now: a second close must not touch it.
  using other = Fd.open("/dev/zero");
  const successor = other.dup(number);
  fd.close();
  fd[Symbol.dispose]();
  expect(fd.closed).toBe(true);
  expect(successor.stat().kind).toBe("character device");
  successor.close();
});

test("a child sees none of 50 open descriptors, but the one it is given", async () => {
  using folder = tmpdir();
  using stack = new DisposableStack_();
  const all = Array.from({ length: 50 }, (_, i) => stack.use(Fd.open(folder.file(`f${i}`), ["O_RDWR", "O_CREAT"])));
  const child = spawn("sh", ["-c", "ls -l /proc/self/fd"], { stdio: ["ignore", "pipe", "inherit", all[7]!.number] });
  let text = "";
  child.stdout!.setEncoding("utf8").on("data", (part: string) => text += part);
  await new Promise((done) => child.on("close", done));
  expect(text.split("\n").filter((line) => line.includes(folder.path)).map((line) => line.split(" -> ")[1])).toEqual([
    folder.file("f7"),
  ]);
});

test("console.log shows what it is", () => {
  using fd = Fd.open("/dev/null");
  expect(inspect(fd)).toBe(`Fd ${fd.number}`);
  fd.close();
  expect(inspect(fd)).toBe("Fd (closed)");
});

test("flags tells what fcntl(2) does, and setFlags() changes what can be changed", () => {
  using folder = tmpdir();
  using fd = Fd.open(folder.file("x"), ["O_WRONLY", "O_CREAT", "O_APPEND"]);
  expect(fd.flags).toEqual({ access: "O_WRONLY", append: true, nonblock: false, packet: false, closeOnExec: true });
  using copy = fd.dup();
  fd.setFlags({ append: false, nonblock: true, closeOnExec: false });
  expect(fd.flags).toEqual({ access: "O_WRONLY", append: false, nonblock: true, packet: false, closeOnExec: false });
  expect(copy.flags).toEqual({ ...fd.flags, closeOnExec: true }); // The others belong to the open file.
  expect(kernelFlags(fd) & (O_APPEND | O_NONBLOCK | O_CLOEXEC)).toBe(O_NONBLOCK);
  fd.setFlags({});
  fd.setFlags({ nonblock: undefined });
  expect(fd.flags.nonblock).toBe(true);
  using path = Fd.open("/", "O_PATH");
  expect(path.flags.access).toBe("O_PATH");
  using both = Fd.open("/dev/null", "O_RDWR");
  expect(both.flags.access).toBe("O_RDWR");
  using ends = pipe();
  ends.writer.setFlags({ packet: true });
  expect(ends.writer.flags.packet).toBe(true);
});

test("seek() moves as lseek(2) does", () => {
  using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  fd.writeAllSync(new Uint8Array(100));
  expect(fd.seek(0, "current")).toBe(100);
  expect(fd.seek(10)).toBe(10);
  expect(fd.seek(-3, "current")).toBe(7);
  expect(fd.seek(-1, "end")).toBe(99);
  expect(fd.seek(2 ** 40)).toBe(2 ** 40);
  expect(fd.seek(0, "hole")).toBe(100);
  fd.truncate(2 ** 20);
  fd.writeSync(new Uint8Array(1), { position: 2 ** 20 });
  expect(fd.seek(5, "data")).toBe(5);
  expect(() => fd.seek(-1)).toThrow(expect.objectContaining({ code: "EINVAL", syscall: "lseek" }));
  expect(() => fd.seek(2 ** 21, "data")).toThrow(expect.objectContaining({ code: "ENXIO", syscall: "lseek" }));
  using ends = pipe();
  expect(() => ends.reader.seek(0)).toThrow(expect.objectContaining({ code: "ESPIPE", syscall: "lseek" }));
});

test("truncate() cuts and extends", () => {
  using fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  fd.writeAllSync(new Uint8Array(10).fill(1));
  fd.truncate(5);
  fd.truncate(8);
  fd.seek(0);
  expect([...fd.readAllSync()]).toEqual([1, 1, 1, 1, 1, 0, 0, 0]);
  using ends = pipe();
  expect(() => ends.writer.truncate(0)).toThrow(expect.objectContaining({ code: "EINVAL", syscall: "ftruncate" }));
});

test("sync() and its twins come back, wait for no close, and refuse a pipe", async () => {
  const fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  fd.writeAllSync(new Uint8Array(5000));
  fd.syncSync();
  fd.datasyncSync();
  await fd.sync({ timeout: 60_000 });
  const last = fd.datasync();
  fd.close();
  await last;
  await expect(fd.sync()).rejects.toThrow("it is closed");
  using ends = pipe();
  await expect(ends.writer.sync()).rejects.toMatchObject({ code: "EINVAL", syscall: "fsync" });
  await expect(ends.writer.datasync()).rejects.toMatchObject({ code: "EINVAL", syscall: "fdatasync" });
  expect(() => ends.writer.syncSync()).toThrow(expect.objectContaining({ code: "EINVAL", syscall: "fsync" }));
  expect(() => ends.writer.datasyncSync()).toThrow(expect.objectContaining({ syscall: "fdatasync" }));
  const reason = new Error("no");
  await expect(ends.writer.sync({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test("list() tells where each Fd was made, while tracing is on", () => {
  using before = Fd.open("/dev/null");
  expect(Fd.list()).toEqual([]);
  Fd.trace(true);
  try {
    const fd = Fd.open("/dev/null");
    const ends = pipe();
    const copy = fd.dup();
    const all = [fd, ends.reader, ends.writer, copy];
    expect(Fd.list().map(({ number }) => number)).toEqual(all.map(({ number }) => number));
    for (const { stack, dropped } of Fd.list()) {
      expect(stack.split("\n")[0]).toContain("fd.test");
      expect(dropped).toBe(false);
    }
    expect(inspect(fd)).toMatch(new RegExp(`^Fd ${fd.number} \\(made .*fd\\.test.*\\)$`));
    expect(inspect(before)).toBe(`Fd ${before.number}`);
    Fd.from(copy.release()).close();
    for (const one of [fd, ends]) one[Symbol.dispose]();
    expect(Fd.list()).toEqual([]);
    using left = Fd.open("/dev/null");
    Fd.trace(false);
    expect(Fd.list()).toEqual([]);
    expect(inspect(left)).toBe(`Fd ${left.number}`);
  } finally {
    Fd.trace(false);
  }
});

test("an Fd that is dropped while tracing is on is told of, and only then", async () => {
  const ended = await spawnLane(here, "fd_dropped", [], { flags: gcFlags });
  expect(ended).toMatchObject({ status: 0 });
  expect(JSON.parse(ended.stdout)).toEqual({
    warnings: [{ code: "HAWSER_FD_DROPPED", detail: true }],
    listed: [true],
  });
});

// What is refused before anything is called.

const wrong: { name: string; run: () => unknown; error: new () => Error; text: RegExp }[] = [
  { name: "a path that is a number", run: () => Fd.open(5 as never), error: TypeError, text: /path must be a string/ },
  { name: "no path", run: () => Fd.open(undefined as never), error: TypeError, text: /path must be a string/ },
  { name: "a URL of the web", run: () => Fd.open(new URL("https://x/")), error: TypeError, text: /a file: URL/ },
  { name: "a NUL in a URL", run: () => Fd.open(new URL("file:///a%00b")), error: RangeError, text: /NUL/ },
  { name: "new", run: () => new (Fd as never as new (n: number) => Fd)(1), error: TypeError, text: /Fd.open/ },
  { name: "an empty path", run: () => Fd.open(""), error: RangeError, text: /path must not be empty/ },
  { name: "a NUL in the path", run: () => Fd.open("/etc\0/x"), error: RangeError, text: /NUL/ },
  { name: "an unknown flag", run: () => Fd.open("/", "O_FOO" as never), error: RangeError, text: /"O_FOO"/ },
  {
    name: "an unknown flag among others",
    run: () => Fd.open("/", ["O_RDONLY", "r" as never]),
    error: RangeError,
    text: /"r"/,
  },
  { name: "a flag of Object's", run: () => Fd.open("/", "toString" as never), error: RangeError, text: /toString/ },
  { name: "flags as a number", run: () => Fd.open("/", 2 as never), error: TypeError, text: /./ },
  { name: "two access modes", run: () => Fd.open("/", ["O_RDONLY", "O_WRONLY"]), error: RangeError, text: /two of/ },
  {
    name: "two other access modes",
    run: () => Fd.open("/", ["O_RDWR", "O_WRONLY"]),
    error: RangeError,
    text: /two of/,
  },
  { name: "a mode that is text", run: () => Fd.open("/", [], "600" as never), error: TypeError, text: /mode/ },
  { name: "a mode too large", run: () => Fd.open("/", [], 0o10000), error: RangeError, text: /mode/ },
  { name: "a negative mode", run: () => Fd.open("/", [], -1), error: RangeError, text: /mode/ },
  { name: "to take over text", run: () => Fd.from("0" as never), error: TypeError, text: /number must be a number/ },
  { name: "to take over an Fd", run: () => Fd.from({} as never), error: TypeError, text: /number must be a number/ },
  { name: "to take over -1", run: () => Fd.from(-1), error: RangeError, text: /number/ },
  { name: "to take over AT_FDCWD", run: () => Fd.from(-100), error: RangeError, text: /number/ },
  { name: "to take over a half", run: () => Fd.from(0.5), error: RangeError, text: /number/ },
  { name: "to take over NaN", run: () => Fd.from(NaN), error: RangeError, text: /number/ },
  { name: "to take over 2 ** 32", run: () => Fd.from(2 ** 32), error: RangeError, text: /number/ },
  { name: "to trace by text", run: () => Fd.trace("on" as never), error: TypeError, text: /on must be a boolean/ },
  { name: "flags that are a number", run: () => withFd((fd) => fd.setFlags(1 as never)), error: TypeError, text: /./ },
  {
    name: "to change the access",
    run: () => withFd((fd) => fd.setFlags({ access: "O_RDWR" } as never)),
    error: TypeError,
    text: /no member "access"/,
  },
  {
    name: "a flag that is a number",
    run: () => withFd((fd) => fd.setFlags({ append: 1 as never })),
    error: TypeError,
    text: /append must be a boolean/,
  },
  { name: "to seek to a half", run: () => withFd((fd) => fd.seek(0.5)), error: RangeError, text: /offset/ },
  { name: "to seek to text", run: () => withFd((fd) => fd.seek("0" as never)), error: TypeError, text: /offset/ },
  {
    name: "to seek from nowhere",
    run: () => withFd((fd) => fd.seek(0, "top" as never)),
    error: RangeError,
    text: /whence must be one of start, current, end, data, hole: got "top"/,
  },
  { name: "a size below zero", run: () => withFd((fd) => fd.truncate(-1)), error: RangeError, text: /size/ },
  { name: "to copy above text", run: () => withFd((fd) => fd.dup("9" as never)), error: TypeError, text: /least/ },
  { name: "to copy above -1", run: () => withFd((fd) => fd.dup(-1)), error: RangeError, text: /least/ },
];
for (const { name, run, error, text } of wrong) {
  test(`Fd refuses ${name}`, () => {
    expect(run).toThrow(error);
    expect(run).toThrow(text);
  });
}

function withFd<T>(use: (fd: Fd) => T): T {
  using fd = Fd.open("/dev/null");
  return use(fd);
}

const members: Record<string, (fd: Fd) => unknown> = {
  number: (fd) => fd.number,
  dup: (fd) => fd.dup(),
  release: (fd) => fd.release(),
  stat: (fd) => fd.stat(),
  flags: (fd) => fd.flags,
  setFlags: (fd) => fd.setFlags({ nonblock: true }),
  seek: (fd) => fd.seek(0),
  truncate: (fd) => fd.truncate(0),
  syncSync: (fd) => fd.syncSync(),
  datasyncSync: (fd) => fd.datasyncSync(),
  readSync: (fd) => fd.readSync(new Uint8Array(1)),
  writeAllSync: (fd) => fd.writeAllSync(new Uint8Array(1)),
  readable: (fd) => fd.readable,
  writable: (fd) => fd.writable,
};
for (const [name, use] of Object.entries(members)) {
  for (const end of ["close", "release"] as const) {
    test(`${name} after ${end}() is a TypeError, and touches nobody's descriptor`, () => {
      const fd = Fd.open("/dev/null");
      const number = fd.number;
      if (end === "close") fd.close();
      else Fd.from(fd.release()).close();
      using other = Fd.open("/dev/zero");
      const successor = other.dup(number); // The number is in use again.
      expect(() => use(fd)).toThrow(TypeError);
      expect(() => use(fd)).toThrow("it is closed");
      expect(successor.stat().kind).toBe("character device");
      successor.close();
    });
  }
}

// What the kernel refuses.

const refused: { name: string; code: string; syscall?: string; run: (folder: ReturnType<typeof tmpdir>) => unknown }[] =
  [
    { name: "a path that does not exist", code: "ENOENT", run: (folder) => Fd.open(folder.file("no")) },
    { name: "a path through a file", code: "ENOTDIR", run: () => Fd.open("/etc/passwd/x") },
    { name: "O_DIRECTORY of a file", code: "ENOTDIR", run: () => Fd.open("/etc/passwd", "O_DIRECTORY") },
    { name: "a folder for writing", code: "EISDIR", run: (folder) => Fd.open(folder.path, "O_RDWR") },
    {
      name: "O_EXCL of what exists",
      code: "EEXIST",
      run: (folder) => {
        writeFileSync(folder.file("x"), "");
        Fd.open(folder.file("x"), ["O_WRONLY", "O_CREAT", "O_EXCL"]);
      },
    },
    {
      name: "a symbolic link with O_NOFOLLOW",
      code: "ELOOP",
      run: (folder) => {
        symlinkSync("/etc/passwd", folder.file("link"));
        Fd.open(folder.file("link"), "O_NOFOLLOW");
      },
    },
    {
      name: "a circle of symbolic links",
      code: "ELOOP",
      run: (folder) => {
        symlinkSync(folder.file("circle"), folder.file("circle"));
        Fd.open(folder.file("circle"));
      },
    },
    { name: "a name of 256 bytes", code: "ENAMETOOLONG", run: (folder) => Fd.open(folder.file("x".repeat(256))) },
    { name: "a path of 5,000 bytes", code: "ENAMETOOLONG", run: () => Fd.open("/x".repeat(2500)) },
    { name: "O_TMPFILE for reading", code: "EINVAL", run: (folder) => Fd.open(folder.path, "O_TMPFILE") },
    {
      name: "a FIFO without a reader",
      code: "ENXIO",
      run: async (folder) => {
        await mkfifo(folder.file("fifo"));
        Fd.open(folder.file("fifo"), ["O_WRONLY", "O_NONBLOCK"]);
      },
    },
    { name: "to take over what is not open", code: "EBADF", syscall: "fcntl", run: () => Fd.from(0x7fff_ffff) },
    {
      name: "to copy above the limit",
      code: "EINVAL",
      syscall: "fcntl",
      run: () => withFd((fd) => fd.dup(0x7fff_ffff)),
    },
  ];
for (const { name, code, syscall = "openat", run } of refused) {
  test(`Fd passes on ${code} for ${name}`, async () => {
    using folder = tmpdir();
    let error: unknown;
    try {
      await run(folder);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code, syscall });
    expect((error as SystemError).errno).toBeLessThan(0);
    expect((error as SystemError).message).toMatch(/^Cannot (open|take over|copy) .*: .*[^.]$/s);
    if (syscall === "openat") expect((error as SystemError).path).toBeTypeOf("string");
  });
}

test("close() of a number that somebody closed is EBADF, and the Fd is closed", () => {
  const fd = Fd.open("/dev/null");
  const number = fd.number;
  Fd.from(number).close();
  expect(() => fd.close()).toThrow(expect.objectContaining({ code: "EBADF", syscall: "close" }));
  expect(fd.closed).toBe(true);
  fd.close();
});

test("1,000 refusals leave no descriptor", async () => {
  using folder = tmpdir();
  mkdirSync(folder.file("d"));
  const before = snapshot();
  for (let i = 0; i < 1000; i++) {
    expect(() => Fd.open(folder.file("no"))).toThrow("ENOENT");
    expect(() => Fd.open(folder.file("d"), "O_WRONLY")).toThrow("EISDIR");
    expect(() => Fd.from(0x7fff_fff0)).toThrow("EBADF");
  }
  expect(await leftBehind(before)).toEqual([]);
});

test("EMFILE is told, and passes", async () => {
  const command = laneCommand(here, "tests/scenarios/emfile.ts", [unique("emfile")]);
  // Bun keeps many descriptors of its own; 200 are enough for all of them.
  await using running = start(["sh", "-c", `ulimit -n 200; exec "$@"`, "sh", ...command]);
  expect(await running.ended()).toMatchObject({ status: 0, stdout: "done\n", stderr: "" });
});

test("EACCES as nobody", async (context) => {
  needsRoot(context);
  using user = asNobody();
  using folder = tmpdir();
  writeFileSync(folder.file("private"), "x", { mode: 0o600 });
  const ended = await user.run(`
    const refuses = (path, flags) => assert.throws(
      () => hawser.Fd.open(path, flags),
      { code: "EACCES", errno: -13, syscall: "openat", path, message: /permission denied \\(EACCES\\)$/ },
    );
    refuses("/etc/shadow");
    refuses(${JSON.stringify(folder.file("private"))}); // The folder itself is closed to others.
    refuses("/etc/passwd", "O_WRONLY");
    refuses("/etc/new", ["O_WRONLY", "O_CREAT"]);
    assert.equal(hawser.Fd.open("own", ["O_WRONLY", "O_CREAT"]).stat().uid, ${65534});
  `);
  expect(ended).toMatchObject({ status: 0, stdout: "done\n", stderr: "" });
});

/** DisposableStack, which Node 20 lacks. */
class DisposableStack_ implements Disposable {
  readonly #all: Disposable[] = [];
  use<T extends Disposable>(value: T): T {
    this.#all.push(value);
    return value;
  }
  [Symbol.dispose](): void {
    for (const value of this.#all.splice(0)) value[Symbol.dispose]();
  }
}
