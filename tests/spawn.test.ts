// spawn(): which descriptors a child has, how it runs and ends, and what is refused.
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import process from "node:process";
import { afterAll, expect, test } from "vitest";
import { Child, EventFd, Fd, PidFd, pipe, ready, spawn, type SpawnOptions } from "../lib/fd/mod.ts";
import { MappedFile, SharedMemory } from "../lib/memory/mod.ts";
import { Futex, Mutex } from "../lib/sync/mod.ts";
import { here, laneCommand, start, startLane } from "./support/lanes.ts";
import { tmpdir, unique, until, watchdog } from "./support/watchdog.ts";

const folder = tmpdir();
afterAll(() => folder[Symbol.dispose]());

const textOf = async (fd: Fd) => new TextDecoder().decode(await watchdog(fd.readAll(), "The output"));
const openFds = () => readdirSync("/proc/self/fd").length;

/** What a child writes, and how it ended. */
async function output(command: string, args: readonly string[], options: SpawnOptions = {}) {
  await using child = await spawn(command, args, { stdin: "null", stdout: "pipe", ...options });
  const text = await textOf(child.stdout);
  return { text, ...await watchdog(child.status, "The end") };
}

/** What a child has open: targets by number, without what the listing itself opens. */
async function listed(options: SpawnOptions): Promise<Map<number, string>> {
  const { text, code } = await output("ls", ["-l", "/proc/self/fd"], options);
  expect(code).toBe(0);
  const found = text.split("\n").flatMap((line) => {
    const match = / (\d+) -> (.*)$/.exec(line);
    return match === null || /^\/proc\/\d+\/fd$/.test(match[2]!) ? [] : [[Number(match[1]), match[2]!] as const];
  });
  return new Map(found);
}

/** What whoever started this process left open for all its descendants: no business of hawser's. */
function inherited(): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter((number) => {
    try {
      const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${number}`, "utf8"))![1]!;
      return number > 2 && (parseInt(flags, 8) & 0o2000000) === 0;
    } catch {
      return false; // The listing's own.
    }
  });
}

/** The numbers that a child has for what it was given. */
async function numbers(options: SpawnOptions): Promise<number[]> {
  const found = await listed(options);
  const leftOpen = inherited();
  return [...found].filter(([number, target]) => {
    if (number < 3 || (options.fds !== undefined && number in options.fds)) return true;
    // Deno leaves more, which ffi/process.ts makes nothing of.
    return !leftOpen.includes(number) && !(here === "deno" && target === "/dev/null");
  }).map(([number]) => number).sort((a, b) => a - b);
}

test("a child has exactly what it was given, whatever its parent holds", async () => {
  await using held = new Held();
  expect(held.count).toBeGreaterThanOrEqual(50);
  using file = Fd.open("/etc/passwd");
  expect(await numbers({})).toEqual([0, 1, 2]);
  expect(await numbers({ fds: { 3: file } })).toEqual([0, 1, 2, 3]);
  expect(await numbers({ fds: { 5: file, 17: file, 255: file }, stderr: "null" })).toEqual([0, 1, 2, 5, 17, 255]);
  using ends = pipe();
  expect(await numbers({ stdin: ends.reader, stderr: "stdout" })).toEqual([0, 1, 2]);
});

test("a stream that a child closes has ended, whatever the child goes on doing", async () => {
  await using held = new Held();
  expect(held.count).toBeGreaterThanOrEqual(50);
  for (let round = 0; round < 10; round++) {
    await using child = await spawn("sh", ["-c", "exec <&- >&- 2>&-; exec sleep 60"], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      killSignal: "SIGKILL",
    });
    expect([await textOf(child.stdout), await textOf(child.stderr)]).toEqual(["", ""]);
    expect(await watchdog(ready(child.stdin, []), "The end of the input")).toMatchObject({ error: true });
  }
});

/** More than 50 objects of every kind, waits among them. */
class Held implements AsyncDisposable {
  readonly #things: Disposable[] = [];
  readonly #off: AbortController[] = [];
  readonly #waits: Promise<unknown>[] = [];
  readonly #children: AsyncDisposable[] = [];
  readonly #ready: Promise<void>;

  constructor() {
    const keep = <T extends Disposable>(thing: T): T => (this.#things.push(thing), thing);
    for (let i = 0; i < 6; i++) {
      const off = new AbortController();
      this.#off.push(off);
      const { signal } = off;
      keep(SharedMemory.create(unique("held"), { size: 4096, temporary: true }));
      const memory = keep(SharedMemory.anonymous(4096));
      this.#waits.push(Futex.at(memory, 0).wait(0, { signal }));
      keep(MappedFile.open(folder.file(`mapped-${i}`), { create: true, size: 4096 }));
      keep(Mutex.open(unique("held"), { temporary: true }));
      keep(Fd.open("/dev/null")).dup(300 + i).close();
      keep(keep(Fd.open("/etc")).dup(400 + i));
      const ends = keep(pipe());
      this.#waits.push(ready(ends.reader, "readable", { signal }));
      const event = keep(EventFd.create());
      this.#waits.push(event.read({ signal }));
      keep(PidFd.open(process.pid));
    }
    this.#ready = spawn("sleep", ["60"], { stdin: "pipe", killSignal: "SIGKILL" }).then((child) => {
      this.#children.push(child);
    });
  }

  get count(): number {
    return this.#things.length + this.#waits.length;
  }

  async [Symbol.asyncDispose]() {
    for (const off of this.#off) off.abort();
    await Promise.allSettled(this.#waits);
    await this.#ready;
    for (const child of this.#children) await child[Symbol.asyncDispose]();
    for (const thing of this.#things.reverse()) thing[Symbol.dispose]();
  }
}

test("two descriptors change their numbers", async () => {
  using one = Fd.open("/etc/passwd");
  using two = Fd.open("/etc/hostname");
  const fds = { [one.number]: two, [two.number]: one };
  const found = await listed({ fds });
  expect([found.get(one.number), found.get(two.number)]).toEqual(["/etc/hostname", "/etc/passwd"]);
});

test("numbers go round in a circle of twelve, as a Map", async () => {
  const paths = Array.from({ length: 12 }, (_, i) => folder.file(`circle-${i}`));
  const files = paths.map((path) => Fd.open(path, ["O_RDWR", "O_CREAT"]));
  const at = files.map(({ number }) => number);
  const fds = new Map(files.map((fd, i) => [at[(i + 1) % 12]!, fd]));
  const found = await listed({ fds });
  expect(at.map((number) => found.get(number))).toEqual(paths.map((_, i) => realpathSync(paths[(i + 11) % 12]!)));
  for (const fd of files) fd.close();
});

test("one descriptor at several numbers, and as standard streams besides", async () => {
  using file = Fd.open(folder.file("several"), ["O_RDWR", "O_CREAT"]);
  const script = "echo 1; echo 2 >&2; echo 3 >&3; echo 9 >&9";
  await using child = await spawn("sh", ["-c", script], { stdout: file, stderr: file, fds: { 3: file, 9: file } });
  expect(await child.status).toEqual({ code: 0, signal: null });
  expect(readFileSync(folder.file("several"), "utf8")).toBe("1\n2\n3\n9\n");
});

test("descriptors may be closed as soon as spawn() has returned its promise", async () => {
  const ends = pipe();
  const file = Fd.open("/etc/passwd");
  const starting = spawn("sh", ["-c", "read line <&4; echo $line >&3"], { fds: { 3: ends.writer, 4: file } });
  ends.writer.close();
  file.close();
  await using child = await starting;
  expect(await textOf(ends.reader)).toMatch(/^root:/);
  expect((await child.status).code).toBe(0);
  ends.reader.close();
});

test("the standard streams: a pipe, a file, nothing, one for two", async () => {
  using file = Fd.open("/etc/passwd");
  await using child = await spawn("sh", ["-c", "read line; echo $line; echo oops >&2"], {
    stdin: file,
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await textOf(child.stdout)).toMatch(/^root:.*\n$/);
  expect(await textOf(child.stderr)).toBe("oops\n");
  expect(() => child.stdin).toThrow(TypeError);

  expect(await output("sh", ["-c", "echo out; echo err >&2; cat"], { stderr: "stdout" })).toEqual({
    text: "out\nerr\n",
    code: 0,
    signal: null,
  });

  await using cat = await spawn("cat", [], { stdin: "pipe", stdout: "pipe", stderr: "null" });
  await cat.stdin.write(new TextEncoder().encode("through"));
  cat.stdin.close();
  expect(await textOf(cat.stdout)).toBe("through");
});

test("what is not told is inherited", async () => {
  await using parent = startLane(here, "spawn", { args: ["inherit"] });
  expect(await parent.ended()).toMatchObject({ stdout: "to stdout\n", stderr: "to stderr\n", status: 0 });
});

/** Whether each descriptor is O_NONBLOCK, by what /proc tells of it. */
const nonblock = (fdinfo: string) =>
  [...fdinfo.matchAll(/^flags:\s*([0-7]+)$/gm)].map(([, flags]) => (parseInt(flags!, 8) & 0o4000) !== 0);

test("a child's pipes wait, and its parent's do not", async () => {
  using ends = pipe();
  const script = "cat /proc/$$/fdinfo/0 /proc/$$/fdinfo/1 /proc/$$/fdinfo/3";
  await using child = await spawn("sh", ["-c", script], { stdin: "pipe", stdout: "pipe", fds: { 3: ends.reader } });
  expect(nonblock(await textOf(child.stdout))).toEqual([false, false, false]);
  for (const fd of [child.stdin, child.stdout]) {
    expect(nonblock(readFileSync(`/proc/self/fdinfo/${fd.number}`, "utf8"))).toEqual([true]);
  }
});

test("other descriptors stay as they are", async () => {
  using event = EventFd.create();
  using go = pipe();
  const script = "read x <&4; cat /proc/$$/fdinfo/3";
  await using child = await spawn("sh", ["-c", script], { fds: { 3: event.fd, 4: go.reader }, stdout: "pipe" });
  go.writer.close();
  go.reader.close();
  expect(nonblock(await textOf(child.stdout))).toEqual([true]);
  expect(event.tryAdd(2n ** 64n - 2n) && event.tryAdd(2)).toBe(false); // And do not block.
});

test("a child's signals are as they were before this program changed them", async () => {
  using ends = pipe();
  ends.reader.close();
  expect(() => ends.writer.writeSync(new Uint8Array(1))).toThrow(expect.objectContaining({ code: "EPIPE" }));
  const { text } = await output("grep", ["-E", "Sig(Blk|Ign)", "/proc/self/status"]);
  const [blocked, ignored] = [...text.matchAll(/[0-9a-f]{16}/g)].map(([bits]) => BigInt(`0x${bits}`));
  // Deno leaves two of libc's own real-time signals ignored.
  expect([blocked, ignored! & 0x7fff_ffffn]).toEqual([0n, 0n]);
  // And so a program ends when nobody reads what it writes.
  await using yes = await spawn("yes", [], { stdout: "pipe" });
  await yes.stdout.read(new Uint8Array(10));
  yes.stdout.close();
  expect(await watchdog(yes.status, "The end")).toEqual({ code: null, signal: "SIGPIPE" });
});

test("the environment and the working directory", async () => {
  const env = { A: "1", "odd name": "späße\n=", EMPTY: "" };
  const variables = async (options: SpawnOptions) =>
    (await output("/usr/bin/env", ["-0"], options)).text.split("\0")
      .filter((text) => here !== "deno" || !text.startsWith("DENO_EXTRA_STDIO_FDS=")).sort(); // Deno's word to Deno.
  expect(await variables({ env })).toEqual([
    "",
    "A=1",
    "EMPTY=",
    "odd name=späße\n=",
  ]);
  expect(await variables({ env: {} })).toEqual([""]);
  expect(env).toEqual({ A: "1", "odd name": "späße\n=", EMPTY: "" });
  process.env.HAWSER_SPAWN_TEST = "own";
  expect((await output("sh", ["-c", "echo $HAWSER_SPAWN_TEST"])).text).toBe("own\n");
  delete process.env.HAWSER_SPAWN_TEST;
  for (const cwd of ["/etc", new URL("file:///etc/")]) expect((await output("pwd", [], { cwd })).text).toBe("/etc\n");
});

test("arguments arrive as they are", async () => {
  const args = ["", " ", "$HOME", "a'b\"c", "--", "späße", "\n", "*"];
  expect((await output("printf", ["%s|", ...args])).text).toBe(args.map((arg) => `${arg}|`).join(""));
});

const ends = [
  { script: "exit 0", status: { code: 0, signal: null } },
  { script: "exit 1", status: { code: 1, signal: null } },
  { script: "exit 255", status: { code: 255, signal: null } },
  ...(["SIGTERM", "SIGKILL", "SIGSEGV", "SIGABRT", "SIGUSR2", "SIGIO"] as const).map((signal) => ({
    script: `kill -${signal.slice(3)} $$`,
    status: { code: null, signal },
  })),
];
test.each(ends)("how it ended: $script", async ({ script, status }) => {
  await using child = await spawn("sh", ["-c", script]);
  expect(await watchdog(child.status, "The end")).toEqual(status);
  expect(child.kill()).toBe(false);
});

test("a detached child leads its session and outlives its parent, which ends without it", async () => {
  using go = pipe();
  using told = pipe();
  await using parent = startLane(here, "spawn", {
    args: ["detached"],
    stdio: ["pipe", "pipe", "pipe", go.reader.number, told.writer.number],
  });
  const pid = Number(await parent.line(/^\d+$/));
  expect(await parent.ended()).toMatchObject({ status: 0, stderr: "" });
  go.reader.close();
  told.writer.close();
  using child = PidFd.open(pid);
  expect(child.alive).toBe(true);
  go.writer.close();
  // pid, parent's pid, process group, session: of the shell that is the child, when its parent was gone.
  const [own, ppid, group, session] = (await textOf(told.reader)).trim().split(" ").map(Number);
  expect([own, group, session]).toEqual([pid, pid, pid]);
  expect(ppid).not.toBe(parent.pid);
  await watchdog(child.exited(), "Its end");
});

test("no zombie is left, and no descriptor", async () => {
  await (await spawn("true")).status;
  const before = openFds();
  const pids: number[] = [];
  for (let i = 0; i < 20; i++) {
    await using child = await spawn("true", [], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    pids.push(child.pid);
    await expect(spawn("/nowhere/true", [], { stdin: "pipe", stdout: "pipe" })).rejects.toMatchObject({
      code: "ENOENT",
    });
    await expect(spawn("true", [], { stdin: "pipe", cwd: "/nowhere" })).rejects.toMatchObject({ code: "ENOENT" });
  }
  await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)), "No zombie is left");
  await until(() => openFds() <= before, "No descriptor is left");
});

test("an aborted signal starts nothing; one that is aborted later ends the child", async () => {
  const reason = new Error("never mind");
  const before = openFds();
  const aborted = spawn("touch", [folder.file("touched")], { signal: AbortSignal.abort(reason), stdin: "pipe" });
  await expect(aborted).rejects.toBe(reason);
  expect([existsSync(folder.file("touched")), openFds()]).toEqual([false, before]);

  const atOnce = new AbortController();
  const starting = spawn("sleep", ["60"], { signal: atOnce.signal });
  atOnce.abort(); // It runs by now.
  await using first = await starting;
  expect(await watchdog(first.status, "The end")).toEqual({ code: null, signal: "SIGTERM" });

  const later = new AbortController();
  await using second = await spawn("sleep", ["60"], { signal: later.signal, killSignal: "SIGKILL" });
  later.abort();
  expect(await watchdog(second.status, "The end")).toEqual({ code: null, signal: "SIGKILL" });
  later.abort();
});

test("disposing of a child closes its pipes, ends it and waits", async () => {
  const child = await spawn("cat", [], { stdin: "pipe", stdout: "pipe" });
  const { stdin, stdout } = child;
  await child[Symbol.asyncDispose]();
  expect([stdin.closed, stdout.closed, existsSync(`/proc/${child.pid}/fd`)]).toEqual([true, true, false]);
  const { code, signal } = await child.status;
  expect(code === 0 || signal === "SIGTERM").toBe(true); // By the end of its input, or by the signal.
  await child[Symbol.asyncDispose]();
});

test("who ignores the signal is killed after a while", async () => {
  const stubborn = await spawn("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], {
    stdout: "pipe",
    stderr: "null",
  });
  await stubborn.stdout.read(new Uint8Array(10));
  await watchdog(stubborn[Symbol.asyncDispose](), "The end");
  expect(await stubborn.status).toEqual({ code: null, signal: "SIGKILL" });
});

test("at the limit of descriptors it is EMFILE at every step, and nothing leaks", async () => {
  const [program, ...args] = laneCommand(here, "tests/scenarios/spawn.ts", ["emfile"]);
  await using limited = start(["sh", "-c", 'ulimit -n 120; exec "$0" "$@"', program!, ...args], { timeout: 60_000 });
  const { stdout, stderr, status } = await limited.ended();
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  const { refused, started, left } = JSON.parse(stdout) as { refused: number; started: number; left: number };
  expect([refused > 5, started > 0, left]).toEqual([true, true, 0]);
});

const refusedBySystem: { name: string; run: () => Promise<unknown>; error: object }[] = [
  {
    name: "a command that is nowhere",
    run: () => spawn("no-such-program-anywhere"),
    error: {
      name: "SystemError",
      code: "ENOENT",
      errno: -2,
      syscall: "spawn",
      path: "no-such-program-anywhere",
      message: 'Cannot start "no-such-program-anywhere": there is no such program (ENOENT)',
    },
  },
  { name: "a path that is nowhere", run: () => spawn("/nowhere/x"), error: { code: "ENOENT", path: "/nowhere/x" } },
  { name: "a file that is no program", run: () => spawn("/etc/passwd"), error: { code: "EACCES", errno: -13 } },
  { name: "a folder", run: () => spawn("/etc"), error: { code: "EACCES" } },
  {
    name: "a working directory that is nowhere",
    run: () => spawn("true", [], { cwd: "/nowhere" }),
    error: { code: "ENOENT", syscall: "openat", path: "/nowhere" },
  },
  {
    name: "a working directory that is a file",
    run: () => spawn("true", [], { cwd: "/etc/passwd" }),
    error: { code: "ENOTDIR", path: "/etc/passwd" },
  },
  {
    name: "too long an argument",
    run: () => spawn("true", ["x".repeat(3 << 20)]),
    error: { code: "E2BIG", errno: -7 },
  },
];
test.each(refusedBySystem)("the system refuses $name", async ({ run, error }) => {
  await expect(run()).rejects.toMatchObject(error);
});

const bad = (value: unknown) => value as never;
const refused: { name: string; run: (fd: Fd) => unknown; error: unknown }[] = [
  { name: "new", run: () => new (Child as never as new () => Child)(), error: TypeError },
  { name: "no command", run: () => spawn(bad(undefined)), error: TypeError },
  { name: "an empty command", run: () => spawn(""), error: RangeError },
  { name: "NUL in the command", run: () => spawn("true\0x"), error: RangeError },
  { name: "a text for arguments", run: () => spawn("true", bad("x")), error: TypeError },
  { name: "a number for an argument", run: () => spawn("true", bad([1])), error: TypeError },
  { name: "NUL in an argument", run: () => spawn("true", ["a", "b\0"]), error: RangeError },
  { name: "an unknown option", run: () => spawn("true", [], bad({ shell: true })), error: TypeError },
  { name: "an unknown word", run: () => spawn("true", [], { stdin: bad("ignore") }), error: RangeError },
  { name: "stdout for stdin", run: () => spawn("true", [], { stdin: bad("stdout") }), error: RangeError },
  { name: "a number for a stream", run: () => spawn("true", [], { stdout: bad(1) }), error: TypeError },
  { name: "a closed Fd", run: (fd) => (fd.close(), spawn("true", [], { fds: { 3: fd } })), error: TypeError },
  { name: "a closed Fd as stdin", run: (fd) => (fd.close(), spawn("true", [], { stdin: fd })), error: TypeError },
  { name: "a number for an Fd", run: (fd) => spawn("true", [], { fds: { 3: bad(fd.number) } }), error: TypeError },
  { name: "a list of Fds", run: (fd) => spawn("true", [], { fds: bad([fd]) }), error: RangeError },
  {
    name: "number 1, which is stdout's",
    run: (fd) => spawn("true", [], { fds: { 1: fd } }),
    error: /stdout and stderr/,
  },
  { name: "number 256", run: (fd) => spawn("true", [], { fds: { 256: fd } }), error: RangeError },
  { name: "number -1", run: (fd) => spawn("true", [], { fds: { [-1]: fd } }), error: RangeError },
  { name: "number 3.5", run: (fd) => spawn("true", [], { fds: { 3.5: fd } }), error: RangeError },
  { name: "one number twice", run: (fd) => spawn("true", [], { fds: bad({ "3": fd, "03": fd }) }), error: TypeError },
  { name: "a word for a number", run: (fd) => spawn("true", [], { fds: bad(new Map([["3", fd]])) }), error: TypeError },
  { name: "a text for fds", run: () => spawn("true", [], { fds: bad("3") }), error: TypeError },
  { name: "a text for env", run: () => spawn("true", [], { env: bad("A=1") }), error: TypeError },
  { name: "a number in env", run: () => spawn("true", [], { env: { A: bad(1) } }), error: TypeError },
  { name: "a name with = in env", run: () => spawn("true", [], { env: { "A=B": "1" } }), error: RangeError },
  { name: "a name that is empty in env", run: () => spawn("true", [], { env: { "": "1" } }), error: RangeError },
  { name: "NUL in env", run: () => spawn("true", [], { env: { A: "\0" } }), error: RangeError },
  { name: "an http: URL for cwd", run: () => spawn("true", [], { cwd: new URL("http://x/") }), error: TypeError },
  { name: "a number for detached", run: () => spawn("true", [], { detached: bad(1) }), error: TypeError },
  { name: "an unknown killSignal", run: () => spawn("true", [], { killSignal: bad("SIGFOO") }), error: RangeError },
  { name: "what is no signal", run: () => spawn("true", [], { signal: bad({}) }), error: TypeError },
  {
    name: "to send an unknown signal",
    run: async () => {
      await using child = await spawn("cat", [], { stdin: "pipe" });
      child.kill(bad("TERM"));
    },
    error: RangeError,
  },
];
for (const { name, run, error } of refused) {
  test(`refuses ${name}`, async () => {
    using fd = Fd.open("/dev/null");
    const before = openFds();
    await expect(new Promise((done) => done(run(fd)))).rejects.toThrow(error as Error);
    await until(() => openFds() <= before, "No descriptor is left");
  });
}

test("the parent's descriptors are the same afterwards", () => {
  for (const number of readdirSync("/proc/self/fd")) {
    let target = "";
    try {
      target = readlinkSync(`/proc/self/fd/${number}`);
    } catch {
      continue; // The listing's own.
    }
    expect(target.startsWith(folder.path)).toBe(false);
  }
});
