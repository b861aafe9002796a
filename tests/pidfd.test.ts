// PidFd: a process that is waited for and signalled, and never mistaken for another.
import { spawn as nodeSpawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { Fd, PidFd, pipe, poll, spawn } from "../lib/fd/mod.ts";
import { until, watchdog } from "./support/watchdog.ts";

const noneLeft = () => until(() => load().core.hawser_poll_count() === 0, "No wait is left");
const sleeper = () => spawn("sleep", ["60"], { killSignal: "SIGKILL" });

test("exited() waits for the end, however it comes, and says how", async () => {
  const ends = [
    { script: "read x; exit 0", status: { code: 0, signal: null } },
    { script: "read x; exit 255", status: { code: 255, signal: null } },
    { script: "read x; kill -SEGV $$", status: { code: null, signal: "SIGSEGV" } },
  ];
  for (const { script, status } of ends) {
    await using child = await spawn("sh", ["-c", script], { stdin: "pipe" });
    using process = PidFd.open(child.pid);
    expect([process.pid, process.alive, process.tryExited()]).toEqual([child.pid, true, null]);
    const exited = process.exited();
    child.stdin.close();
    const told = await watchdog(exited, "The end");
    expect(await child.status).toEqual(status);
    expect(process.alive).toBe(false);
    // Whether it can be told depends on the kernel and on who was faster; it is never wrong.
    for (const found of [told, process.tryExited(), process.exitedSync()]) {
      expect([status, { code: null, signal: null }]).toContainEqual(found);
    }
  }
  await noneLeft();
});

test("exitedSync() blocks until the end, and tells a child's status before anybody waited for it", async () => {
  await using child = await spawn("sh", ["-c", "exit 7"]);
  using process = PidFd.open(child.pid);
  // The thread is busy: the runtime can't have waited for the child, but Bun may do so from another.
  expect([{ code: 7, signal: null }, { code: null, signal: null }]).toContainEqual(
    process.exitedSync({ timeout: 10_000 }),
  );
  expect(await child.status).toEqual({ code: 7, signal: null }); // It was left to the runtime.
});

test("a wait for its end ends with its timeout, its signal's reason, or the descriptor", async () => {
  const self = PidFd.open(process.pid);
  await expect(self.exited({ timeout: 5 })).rejects.toMatchObject({ code: "ETIMEDOUT", syscall: "pidfd_status" });
  expect(() => self.exitedSync({ timeout: 5 })).toThrow(expect.objectContaining({ code: "ETIMEDOUT" }));
  const reason = new Error("never mind");
  const controller = new AbortController();
  const aborted = self.exited({ signal: controller.signal });
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  const closed = self.exited();
  self.close();
  await expect(closed).rejects.toMatchObject({ code: "ECANCELED" });
  await noneLeft();
});

test("kill() reaches this process, until it was waited for", async () => {
  await using child = await sleeper();
  using process = PidFd.open(child.pid);
  expect(process.kill("SIGCONT")).toBe(true); // Harmless.
  expect(process.kill("SIGTERM")).toBe(true);
  expect(await child.status).toEqual({ code: null, signal: "SIGTERM" });
  expect([process.kill(), process.kill(9), process.kill("SIGKILL")]).toEqual([false, false, false]);
});

test("real-time signals go by number", async () => {
  await using child = await spawn("sh", ["-c", "trap 'exit 5' 40; echo ready; while :; do sleep 0.05; done"], {
    stdout: "pipe",
  });
  await child.stdout.read(new Uint8Array(10));
  using process = PidFd.open(child.pid);
  expect(process.kill(40)).toBe(true);
  expect(await watchdog(child.status, "The trap")).toEqual({ code: 5, signal: null });
});

test("processes that others started are waited for, too", async () => {
  // The grandchild lives as long as its input.
  using ends = pipe();
  const script = "sh -c 'read x' <&3 3<&- & echo $!";
  await using child = await spawn("sh", ["-c", script], { fds: { 3: ends.reader }, stdout: "pipe" });
  const text = new Uint8Array(20);
  const pid = Number(new TextDecoder().decode(text.subarray(0, await child.stdout.read(text))));
  using process = PidFd.open(pid);
  await child.status;
  expect(process.alive).toBe(true);
  ends.writer.close();
  const status = await watchdog(process.exited(), "Its end");
  expect([{ code: 1, signal: null }, { code: null, signal: null }]).toContainEqual(status);
});

test("several are polled together", async () => {
  await using one = await sleeper();
  await using two = await sleeper();
  using first = PidFd.open(one.pid);
  using second = PidFd.open(two.pid);
  const found = poll([first, second].map(({ fd }) => ({ fd, events: "readable" as const })));
  two.kill("SIGKILL");
  expect((await watchdog(found, "The end")).map(({ fd }) => fd)).toEqual([second.fd]);
  await noneLeft();
});

test("from() takes over a pidfd, of a living process only", async () => {
  await using child = await sleeper();
  using process = PidFd.open(child.pid);
  using same = PidFd.from(process.fd.dup());
  expect(same.pid).toBe(child.pid);
  same.kill("SIGKILL");
  await child.status;
  using late = process.fd.dup();
  expect(() => PidFd.from(late)).toThrow(expect.objectContaining({ code: "ESRCH", syscall: "pidfd_from" }));
});

test("a child of the runtime's own stays the runtime's to wait for", async () => {
  const child = nodeSpawn("sh", ["-c", "exit 9"], { stdio: "ignore" });
  const code = new Promise((done) => child.once("exit", done));
  using process = PidFd.open(child.pid!);
  await process.exited();
  expect(await watchdog(code, "The runtime's event")).toBe(9);
  await until(() => !existsSync(`/proc/${child.pid}`), "No zombie is left");
});

const refused: { name: string; run: () => unknown; error: unknown }[] = [
  { name: "new", run: () => new (PidFd as never as new () => PidFd)(), error: TypeError },
  { name: "0", run: () => PidFd.open(0), error: RangeError },
  { name: "-1", run: () => PidFd.open(-1), error: RangeError },
  { name: "a text", run: () => PidFd.open("1" as never), error: TypeError },
  { name: "half a number", run: () => PidFd.open(1.5), error: RangeError },
  {
    name: "a number that nobody has",
    run: () => PidFd.open(0x7fff_fffe),
    error: expect.objectContaining({ code: "ESRCH", syscall: "pidfd_open" }),
  },
  {
    name: "an Fd of something else",
    run: () => {
      using fd = Fd.open("/dev/null");
      return PidFd.from(fd);
    },
    error: expect.objectContaining({ code: "EBADF", message: expect.stringContaining("it is none") }),
  },
  { name: "a number for an Fd", run: () => PidFd.from(3 as never), error: TypeError },
  ...[
    { name: "an unknown signal", run: (self: PidFd) => self.kill("SIGFOO" as never), error: RangeError },
    { name: "signal 0", run: (self: PidFd) => self.kill(0), error: RangeError },
    { name: "signal 65", run: (self: PidFd) => self.kill(65), error: RangeError },
    { name: "null for a signal", run: (self: PidFd) => self.kill(null as never), error: TypeError },
    { name: "an unknown option", run: (self: PidFd) => self.exited({ timout: 1 } as never), error: TypeError },
    { name: "a negative timeout", run: (self: PidFd) => self.exitedSync({ timeout: -1 }), error: RangeError },
    { name: "to ask when closed", run: (self: PidFd) => (self.close(), self.alive), error: TypeError },
    { name: "to kill when closed", run: (self: PidFd) => (self.close(), self.kill()), error: TypeError },
    { name: "to wait when closed", run: (self: PidFd) => (self.close(), self.exited()), error: TypeError },
  ].map(({ name, run, error }) => ({
    name,
    run: async () => {
      using self = PidFd.open(process.pid);
      return await run(self);
    },
    error,
  })),
];
for (const { name, run, error } of refused) {
  test(`refuses ${name}`, async () => {
    await expect(new Promise((done) => done(run()))).rejects.toThrow(error as Error);
    await noneLeft();
  });
}
