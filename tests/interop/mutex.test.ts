// The mutex between processes: every ordered pair of runtimes, C programs, other pid namespaces, kernels without robust
// lists.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Mutex } from "../../lib/sync/mod.ts";
import { type Lane, laneCommand, lanes, pairs, root, type Running, start, startLane } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { needsRoot } from "../support/nobody.ts";
import { type TemporaryFolder, tmpdir, unique, until } from "../support/watchdog.ts";

let folder: TemporaryFolder;

beforeAll(() => {
  folder = tmpdir();
});
afterAll(() => folder[Symbol.dispose]());

/** Starts a runtime that uses the mutex as mutex_peer.ts says. */
function peer(lane: Lane, ...args: string[]): Running {
  return startLane(lane, "mutex_peer", { args });
}

function compile(context: TestContext, name: string): string {
  needs(context, "gcc");
  const path = folder.file(name);
  const flags = ["-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-O2", "-pthread", "-o", path];
  const gcc = spawnSync("gcc", [...flags, `${root}tests/interop/c/${name}.c`], { encoding: "utf8" });
  expect([gcc.status, gcc.stderr]).toEqual([0, ""]);
  return path;
}

/** Whether the main thread of a process sleeps on a futex. */
function asleep(pid: number): boolean {
  return readFileSync(`/proc/${pid}/wchan`, "utf8").includes("futex");
}

/** Memory with a place for a mutex, and two counters behind it. */
function place(): { memory: SharedMemory; name: string; at: string; counters: Uint32Array } {
  const name = unique("place");
  const memory = SharedMemory.create(name, { size: 4096, temporary: true });
  return { memory, name, at: `${name}@64`, counters: new Uint32Array(memory.buffer, 64 + 48, 2) };
}

describe.each(pairs)("%s holds, %s waits", (holding, waiting) => {
  test("until it is let go, and until the holder is killed", async () => {
    const name = unique("pair");
    using mutex = Mutex.open(name, { temporary: true });
    await using first = peer(holding, "hold", name);
    expect(await first.line(/^held/)).toBe("held false");
    expect(mutex.owner).toEqual({ pid: first.pid, tid: first.pid });
    await using second = peer(waiting, "wait", name);
    await second.line("waiting");
    first.child.kill("SIGTERM");
    expect(await second.line(/^taken/)).toMatch(/^taken false/);
    expect((await second.ended()).status).toBe(0);
    expect((await first.ended()).status).toBe(0);

    await using third = peer(holding, "hold", name);
    expect(await third.line(/^held/)).toBe("held false");
    await using fourth = peer(waiting, "block", name);
    await fourth.line("waiting");
    third.child.kill("SIGKILL");
    const [, abandoned, ms] = (await fourth.line(/^taken/)).split(" ");
    expect(abandoned).toBe("true");
    expect(Number(ms)).toBeLessThan(20_000);
    expect((await fourth.ended()).status).toBe(0);
    using guard = mutex.acquireSync({ timeout: 10_000 });
    expect(guard.abandoned).toBe(false);
  }, 60_000);
});

describe("with C programs", () => {
  test("counts of all runtimes and C add up, whoever made the mutex", async (context) => {
    const c = compile(context, "mutex_peer");
    for (const maker of ["c", "hawser"]) {
      const { memory, name, at, counters } = place();
      using _memory = memory;
      if (maker === "c") expect((await start([c, "init", name, "64"]).ended()).stdout).toBe("init 0\n");
      else Mutex.at(memory, 64);
      const running = lanes.map((lane) => peer(lane, "count", at, "2000"));
      running.push(start([c, "count", name, "64", "20000"]));
      for (const one of running) expect((await one.ended(60_000)).stdout).toMatch(/^counted/);
      expect([...counters]).toEqual([28_000, 28_000]);
    }
  }, 120_000);

  test("C is excluded, excludes, and either learns of the other's death", async (context) => {
    const c = compile(context, "mutex_peer");
    const { memory, name, at } = place();
    using _memory = memory;
    const mutex = Mutex.at(memory, 64);
    const trying = async () => (await start([c, "try", name, "64"]).ended()).stdout;
    {
      using _guard = mutex.acquireSync();
      expect(await trying()).toBe("try EBUSY\n");
    }
    expect(await trying()).toBe("try 0\nunlock 0\n");

    await using holder = start([c, "hold", name, "64"]);
    await holder.line("held 0");
    expect(mutex.tryAcquire()).toBeNull();
    expect(mutex.owner?.pid).toBe(holder.pid);
    const taking = mutex.acquire({ timeout: 10_000 });
    holder.child.kill("SIGTERM");
    (await taking).release();
    expect((await holder.ended()).stdout).toBe("held 0\nunlock 0\n");

    await using victim = start([c, "hold", name, "64"]);
    await victim.line("held 0");
    const inherited = mutex.acquire({ timeout: 10_000 });
    victim.child.kill("SIGKILL");
    const guard = await inherited;
    expect(guard.abandoned).toBe(true);
    guard.release();
    expect(await trying()).toBe("try 0\nunlock 0\n");

    for (const lane of lanes) {
      await using ours = peer(lane, "hold", at);
      await ours.line("held false");
      await using heir = start([c, "hold", name, "64"]);
      await until(() => new Uint32Array(memory.buffer, 64, 1)[0]! >= 2 ** 31, "C waits");
      ours.child.kill("SIGKILL");
      await heir.line("held EOWNERDEAD");
      heir.child.kill("SIGTERM");
      expect((await heir.ended()).stdout).toBe("held EOWNERDEAD\nunlock 0\n");
    }
  }, 60_000);

  test("one that C gave up for good is ENOTRECOVERABLE, and kinds that can't be shared are refused", async (context) => {
    const c = compile(context, "mutex_peer");
    const { memory, name } = place();
    using _memory = memory;
    const mutex = Mutex.at(memory, 64);
    await using victim = start([c, "hold", name, "64"]);
    await victim.line("held 0");
    victim.child.kill("SIGKILL");
    await victim.ended();
    expect((await start([c, "give-up", name, "64"]).ended()).stdout).toBe("held EOWNERDEAD\nunlock 0\n");
    for (let i = 0; i < 2; i++) {
      expect(() => mutex.acquireSync()).toThrow(expect.objectContaining({ code: "ENOTRECOVERABLE" }));
      await expect(mutex.acquire()).rejects.toThrow(expect.objectContaining({ code: "ENOTRECOVERABLE" }));
      expect(() => mutex.tryAcquire()).toThrow(expect.objectContaining({ code: "ENOTRECOVERABLE" }));
    }
    expect(mutex.owner).toBeNull();
    // Recursive; error-checking and normal ones differ in nothing we would see.
    await start([c, "init", name, "128", "1"]).ended();
    expect(() => Mutex.at(memory, 128)).toThrow(expect.objectContaining({ code: "EBADMSG" }));
    for (const [place, type] of [[192, 2], [256, 0], [320, 3]] as const) { // PTHREAD_MUTEX_NORMAL sets a flag if asked for.
      await start([c, "init", name, `${place}`, `${type}`]).ended();
      Mutex.at(memory, place).acquireSync().release();
      expect((await start([c, "try", name, `${place}`]).ended()).stdout).toBe("try 0\nunlock 0\n");
    }
  });
});

test.each(lanes)("a signal ends acquireSync() in %s if it is interruptible, and not otherwise", async (lane) => {
  const name = unique("signal");
  using mutex = Mutex.open(name, { temporary: true });
  const guard = mutex.acquireSync();
  for (const interruptible of [true, false]) {
    await using waiter = peer(lane, "signal", name, interruptible ? "interruptible" : "patient");
    await waiter.line("waiting");
    await until(() => asleep(waiter.pid), "it sleeps");
    waiter.child.kill("SIGUSR2");
    if (interruptible) expect(await waiter.line(/^(error|taken)/)).toMatch(/^error EINTR /);
    else {
      await new Promise((done) => setTimeout(done, 50)); // The signal has come, whatever comes of it.
      expect(waiter.output.stdout).toBe("waiting\n");
      guard.release();
      await waiter.line("taken false");
    }
    expect((await waiter.ended()).status).toBe(0);
  }
});

describe("in another pid namespace", () => {
  const unshared = (lane: Lane, ...args: string[]) =>
    start(["unshare", "-pf", "--kill-child", ...laneCommand(lane, "tests/scenarios/mutex_peer.ts", args)]);

  test.for(lanes)("two processes of %s that are both pid 1 don't steal from each other", async (lane, context) => {
    needsRoot(context, "unshare");
    const name = unique("namespace");
    const { memory, at } = place();
    using _memory = memory;
    await using inside = unshared(lane, "hold", name);
    await inside.line("held false");
    await using beside = unshared(lane, "wait", name);
    const refused = /^error EXDEV .*pid namespace (\d+), and this process is in (\d+);/;
    const [, theirs, own] = refused.exec(await beside.line(/^error/))!;
    expect(theirs).not.toBe(own);
    expect(() => Mutex.open(name)).toThrow(expect.objectContaining({ code: "EXDEV" }));

    await using first = unshared(lane, "hold", at);
    await first.line("held false");
    await using second = unshared(lane, "wait", at);
    await second.line(refused);
    expect(new Uint32Array(memory.buffer, 64, 1)[0]).toBe(1);
    Mutex.unlink(name);
  });
});

describe("where the kernel refuses robust lists", () => {
  const title = "a waiter in %s finds out in a second or two that the owner is no more";
  test.for(lanes)(title, { timeout: 60_000 }, async (lane, context) => {
    const launcher = compile(context, "no_robust_lists");
    const name = unique("second-line");
    using _mutex = Mutex.open(name, { temporary: true });
    const command = (
      action: string,
    ) => [launcher, ...laneCommand(lane, "tests/scenarios/mutex_peer.ts", [action, name])];
    for (const action of ["wait", "block"]) {
      await using holder = start(command("hold"));
      await holder.line("held false");
      await using waiter = start(command(action));
      await waiter.line("waiting");
      holder.child.kill("SIGKILL");
      const [, abandoned] = (await waiter.line(/^taken/)).split(" ");
      expect(abandoned).toBe("true");
      expect((await waiter.ended()).status).toBe(0);
    }
    await using left = start(command("hold"));
    await left.line("held false");
    left.child.kill("SIGKILL");
    await left.ended();
    await using passer = start(command("wait")); // tryAcquire() alone finds out, too.
    await passer.line("free");
  });
});
