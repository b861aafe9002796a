// run() and pipeline(): what goes in, what comes out, and that nothing is left of either.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { Fd, PidFd, pipe, pipeline, run } from "../lib/fd/mod.ts";
import { tmpdir, until, watchdog } from "./support/watchdog.ts";

const folder = tmpdir();
afterAll(() => folder[Symbol.dispose]());

const fine = { code: 0, signal: null };
const openFds = () => readdirSync("/proc/self/fd").length;
const noneLeft = () => until(() => load().core.hawser_poll_count() === 0, "No wait is left");

test("run() tells what a program wrote, and how it ended", async () => {
  expect(await run("sh", ["-c", "echo out; echo err >&2; exit 3"])).toEqual({
    stdout: "out\n",
    stderr: "err\n",
    code: 3,
    signal: null,
    statuses: [{ code: 3, signal: null }],
  });
  expect(await run("sh", ["-c", "kill -TERM $$"])).toMatchObject({ stdout: "", code: null, signal: "SIGTERM" });
  expect(await run("true")).toMatchObject({ stdout: "", stderr: "", ...fine });
});

test("run() gives it a text, bytes, a descriptor, or nothing to read", async () => {
  expect((await run("cat", [], { input: "späße\n" })).stdout).toBe("späße\n");
  expect((await run("od", ["-An", "-tx1"], { input: new Uint8Array([0, 255, 10]) })).stdout.trim()).toBe("00 ff 0a");
  using file = Fd.open("/etc/passwd");
  expect((await run("cat", [], { input: file })).stdout).toBe(readFileSync("/etc/passwd", "utf8"));
  expect(file.closed).toBe(false);
  expect((await run("cat", [], { input: "" })).stdout).toBe("");
  expect((await run("cat")).stdout).toBe("");
});

test("megabytes go in and come out at once", async () => {
  const input = new Uint8Array(8 << 20).map((_, i) => i * 7 >> 3);
  const { stdout, code } = await run("cat", [], { input, bytes: true });
  expect(code).toBe(0);
  expect(stdout.length).toBe(input.length);
  expect(stdout.every((byte, i) => byte === input[i])).toBe(true);
  const { stdout: counted, stderr } = await pipeline([["cat"], ["cat"], ["tee", "/dev/stderr"], ["wc", "-c"]], {
    input,
  });
  expect([counted.trim(), stderr.length > 0]).toEqual([String(input.length), true]);
});

test("bytes are told as they are, and texts are UTF-8", async () => {
  const result = await run("printf", ["\\357\\273\\277\\377x"], { bytes: true });
  expect([...result.stdout]).toEqual([0xef, 0xbb, 0xbf, 0xff, 0x78]);
  expect(result.stderr).toEqual(new Uint8Array());
  expect((await run("printf", ["\\357\\273\\277\\377x"])).stdout).toBe("\ufeff\ufffdx");
});

test("a program that does not read its input is no error", async () => {
  expect(await run("true", [], { input: "x".repeat(1 << 20) })).toMatchObject(fine);
  expect((await pipeline([["yes"], ["head", "-n", "2"]])).stdout).toBe("y\ny\n");
  const { statuses } = await pipeline([["yes"], ["true"]]);
  expect(statuses).toEqual([{ code: null, signal: "SIGPIPE" }, fine]);
});

test("standard error: apart, with the output, inherited by a descriptor, nowhere", async () => {
  const args = ["-c", "echo out; echo err >&2"];
  expect(await run("sh", args, { stderr: "stdout" })).toMatchObject({ stdout: "out\nerr\n", stderr: "" });
  expect(await run("sh", args, { stderr: "null" })).toMatchObject({ stdout: "out\n", stderr: "" });
  using file = Fd.open(folder.file("stderr"), ["O_RDWR", "O_CREAT"]);
  expect(await run("sh", args, { stderr: file })).toMatchObject({ stdout: "out\n", stderr: "" });
  expect(readFileSync(folder.file("stderr"), "utf8")).toBe("err\n");
  const both = await pipeline([["sh", "-c", "echo one >&2"], ["sh", "-c", "cat; echo two >&2"]]);
  expect(both.stderr.split("\n").sort()).toEqual(["", "one", "two"]);
});

test("the environment, the working directory and descriptors are those of every program", async () => {
  using file = Fd.open("/etc/passwd");
  const say = ["sh", "-c", 'cat; echo "$WHO $PWD"; head -c 5 <&5 >/dev/null'] as const;
  const { stdout, code } = await pipeline([say, say], {
    env: { WHO: "me", PATH: process.env.PATH! },
    cwd: "/etc",
    fds: { 5: file },
  });
  expect({ stdout, code }).toEqual({ stdout: "me /etc\nme /etc\n", code: 0 });
});

test("the time is up: ETIMEDOUT, and nothing is left", async () => {
  await run("true");
  const before = openFds();
  using pids = pipe();
  const script = ["-c", "echo $$ >&3; exec sleep 60"];
  const ended = pipeline([["sh", ...script], ["sh", ...script]], { timeout: 300, fds: { 3: pids.writer } });
  await expect(watchdog(ended, "The end")).rejects.toMatchObject({
    code: "ETIMEDOUT",
    message: 'Cannot run "sh" | "sh": the time is up (ETIMEDOUT)',
  });
  pids.writer.close();
  const buffer = new Uint8Array(100);
  const told = new TextDecoder().decode(buffer.subarray(0, pids.reader.readSync(buffer))).trim().split("\n");
  for (const pid of told) expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
  pids.reader.close();
  await noneLeft();
  await until(() => openFds() <= before, "No descriptor is left");
});

test("an abort ends it before, meanwhile, and for programs that closed their output", async () => {
  const reason = new Error("never mind");
  await expect(run("touch", [folder.file("touched")], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(existsSync(folder.file("touched"))).toBe(false);
  for (const script of ["exec sleep 60", "exec sleep 60 >&- 2>&-", "exec sleep 60 <&-"]) {
    using ready = pipe();
    const controller = new AbortController();
    const ended = run("sh", ["-c", `echo >&3; exec 3>&-; ${script}`], {
      signal: controller.signal,
      input: new Uint8Array(1 << 20),
      fds: { 3: ready.writer },
    });
    await ready.reader.read(new Uint8Array(10));
    controller.abort(reason);
    await expect(watchdog(ended, `The end of ${script}`)).rejects.toBe(reason);
  }
  await noneLeft();
});

test("where one of several can't be started, those before it are ended", async () => {
  await run("true");
  const before = openFds();
  using pids = pipe();
  const sleeper = ["sh", "-c", "echo $$ >&3; exec 3>&-; exec sleep 60"] as const;
  const starting = pipeline([sleeper, ["/nowhere/x"], ["cat"]], { fds: { 3: pids.writer }, input: "x" });
  await expect(starting).rejects.toMatchObject({ code: "ENOENT", path: "/nowhere/x", syscall: "spawn" });
  pids.writer.close();
  const buffer = new Uint8Array(100);
  const pid = new TextDecoder().decode(buffer.subarray(0, await pids.reader.read(buffer))).trim();
  // It may have been ended before it said anything.
  if (pid !== "") expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
  pids.reader.close();
  await until(() => openFds() <= before, "No descriptor is left");
});

test("a grandchild that holds the output open holds up the result, until it is called off", async () => {
  using alive = pipe();
  using pids = pipe();
  const controller = new AbortController();
  const script = "sh -c 'read x <&3' & echo $! $$ >&4; exec 4>&-";
  const fds = { 3: alive.reader, 4: pids.writer };
  let settled = false;
  const ended = run("sh", ["-c", script], { signal: controller.signal, fds }).finally(() => (settled = true));
  ended.catch(() => {});
  const buffer = new Uint8Array(100);
  const told = new TextDecoder().decode(buffer.subarray(0, await pids.reader.read(buffer)));
  const [pid, shell] = told.trim().split(" ").map(Number);
  using grandchild = PidFd.open(pid!);
  await until(() => !existsSync(`/proc/${shell}`), "The shell has ended");
  expect([grandchild.alive, settled]).toEqual([true, false]);
  controller.abort("off");
  await expect(watchdog(ended, "The end")).rejects.toBe("off");
  alive.writer.close();
  await watchdog(grandchild.exited(), "Its end");
});

const bad = (value: unknown) => value as never;
const refused: { name: string; run: () => Promise<unknown>; error: unknown }[] = [
  { name: "no command", run: () => run(bad(undefined)), error: TypeError },
  { name: "no commands", run: () => pipeline([]), error: RangeError },
  { name: "a text for commands", run: () => pipeline(bad("ls")), error: TypeError },
  { name: "a text for a command", run: () => pipeline(bad(["ls", "wc"])), error: TypeError },
  { name: "a command without a name", run: () => pipeline(bad([[]])), error: TypeError },
  { name: "a text for arguments", run: () => run("ls", bad("-l")), error: TypeError },
  { name: "a number for input", run: () => run("cat", [], { input: bad(1) }), error: TypeError },
  { name: "stdout, which is the result's", run: () => run("cat", [], bad({ stdout: "null" })), error: TypeError },
  { name: "a detached program", run: () => run("cat", [], bad({ detached: true })), error: TypeError },
  { name: "a wrong word for stderr", run: () => run("cat", [], { stderr: bad("ignore") }), error: RangeError },
  { name: "a number for bytes", run: () => run("cat", [], bad({ bytes: 1 })), error: TypeError },
  { name: "a negative timeout", run: () => run("cat", [], { timeout: -1 }), error: RangeError },
  { name: "what is no signal", run: () => run("cat", [], { signal: bad({}) }), error: TypeError },
  {
    name: "a closed Fd for input",
    run: () => {
      const fd = Fd.open("/dev/null");
      fd.close();
      return run("cat", [], { input: fd });
    },
    error: TypeError,
  },
];
for (const { name, run, error } of refused) {
  test(`refuses ${name}`, async () => {
    const before = openFds();
    await expect(new Promise((done) => done(run()))).rejects.toThrow(error as Error);
    expect(openFds()).toBeLessThanOrEqual(before);
  });
}

test("a wrong argument of the last program is told before the first is started", async () => {
  const path = folder.file("started");
  for (const wrong of [[], [5], ["cat", 5], ["cat", "\0"], [""]]) {
    // A signal that ends nothing: had it been started, it would be done.
    await expect(pipeline([["mkdir", path], wrong as never], { killSignal: "SIGCONT" })).rejects.toThrow(/must/);
    expect(existsSync(path)).toBe(false);
  }
});
