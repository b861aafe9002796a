import { spawn } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { futexWait, futexWake } from "../lib/memory/_futex.ts";
import { MappedFile, SharedMemory } from "../lib/memory/mod.ts";
import { Futex } from "../lib/sync/mod.ts";
import { lanes, startLane } from "./support/lanes.ts";
import { tmpdir, unique, until, watchdog } from "./support/watchdog.ts";

test("futexWait() returns at once where the word differs", () => {
  using memory = SharedMemory.anonymous(64);
  expect(futexWait(memory, 0, 1)).toBe(true);
  new Uint32Array(memory.buffer)[15] = 0xffff_ffff;
  expect(futexWait(memory, 60, 0)).toBe(true);
});

test("futexWait() gives up after its limit", () => {
  using memory = SharedMemory.anonymous(64);
  const start = performance.now();
  expect(futexWait(memory, 0, 0, 30)).toBe(false);
  expect(performance.now() - start).toBeGreaterThanOrEqual(29);
  expect(futexWait(memory, 0, 0, 0)).toBe(false);
  expect(futexWait(memory, 0, 0, 0.25)).toBe(false);
});

test("futexWake() without anybody waiting wakes nobody", () => {
  using memory = SharedMemory.anonymous(64);
  expect(futexWake(memory, 0)).toBe(0);
  expect(futexWake(memory, 60, 0)).toBe(0);
});

test("futexWait() sleeps through signals with the time that is left", () => {
  using memory = SharedMemory.anonymous(64);
  // SIGCONT changes nothing but interrupts the call.
  const child = spawn("sh", ["-c", `for i in 1 2 3 4 5; do kill -CONT ${process.pid}; sleep 0.01; done`]);
  child.on("error", () => {});
  const start = performance.now();
  expect(futexWait(memory, 0, 0, 200)).toBe(false);
  expect(performance.now() - start).toBeGreaterThanOrEqual(199);
  child.kill();
});

for (const lane of lanes) {
  test(`futexWake() wakes a process on ${lane}, and it wakes us`, async () => {
    using memory = SharedMemory.create(unique("futex"), { size: 64, temporary: true });
    const words = new Int32Array(memory.buffer);
    await using running = startLane(lane, "futex", { args: [memory.name!] });
    await running.line("waiting");
    Atomics.store(words, 0, 1);
    // It said so before it waits: woken or found changed, it goes on either way.
    futexWake(memory, 0);
    while (Atomics.load(words, 1) === 0) expect(futexWait(memory, 4, 0, 10_000)).toBe(true);
    expect(await running.ended()).toMatchObject({ status: 0, stdout: "waiting\nwoken\n", stderr: "" });
  });
}

const refused: { name: string; run: (memory: SharedMemory) => unknown; error: unknown }[] = [
  { name: "an odd offset", run: (memory) => futexWait(memory, 2, 0, 0), error: RangeError },
  { name: "a negative offset", run: (memory) => futexWake(memory, -4), error: RangeError },
  { name: "an offset that is no number", run: (memory) => futexWake(memory, "0" as never), error: TypeError },
  {
    name: "a word past the end",
    run: (memory) => futexWait(memory, 64, 0, 0),
    error: expect.objectContaining({ code: "EINVAL", syscall: "futex_wait" }),
  },
  {
    name: "to wake past the end",
    run: (memory) => futexWake(memory, 2 ** 40),
    error: expect.objectContaining({ code: "EINVAL", syscall: "futex_wake" }),
  },
  { name: "a value below zero", run: (memory) => futexWait(memory, 0, -1, 0), error: RangeError },
  { name: "a negative limit", run: (memory) => futexWait(memory, 0, 0, -1), error: RangeError },
  { name: "NaN as limit", run: (memory) => futexWait(memory, 0, 0, NaN), error: RangeError },
  { name: "too many to wake", run: (memory) => futexWake(memory, 0, 2 ** 31), error: RangeError },
  { name: "what is no memory", run: () => futexWait({}, 0, 0, 0), error: TypeError },
  { name: "no memory at all", run: () => Futex.at(undefined as never, 0), error: TypeError },
  { name: "a buffer for memory", run: ({ buffer }) => Futex.at(buffer as never, 0), error: TypeError },
  { name: "a place past the end", run: (memory) => Futex.at(memory, 64), error: RangeError },
  { name: "a place between words", run: (memory) => Futex.at(memory, 1), error: RangeError },
  { name: "a place in closed memory", run: (memory) => (memory.close(), Futex.at(memory, 0)), error: TypeError },
  { name: "a text for a value", run: (memory) => Futex.at(memory, 0).waitSync("0" as never), error: TypeError },
  { name: "a value of 33 bits", run: (memory) => Futex.at(memory, 0).waitSync(2 ** 32), error: RangeError },
  { name: "a value below 32 bits", run: (memory) => Futex.at(memory, 0).waitSync(-(2 ** 31) - 1), error: RangeError },
  { name: "half a value", run: (memory) => Futex.at(memory, 0).waitSync(0.5), error: RangeError },
  { name: "a negative timeout", run: (memory) => Futex.at(memory, 0).waitSync(0, { timeout: -1 }), error: RangeError },
  {
    name: "a signal where nothing could hear it",
    run: (memory) => Futex.at(memory, 0).waitSync(0, { signal: AbortSignal.abort() } as never),
    error: TypeError,
  },
  {
    name: "a number for interruptible",
    run: (memory) => Futex.at(memory, 0).waitSync(1, { interruptible: 1 as never }),
    error: TypeError,
  },
  { name: "to wake half of them", run: (memory) => Futex.at(memory, 0).wake(0.5), error: RangeError },
  { name: "to wake fewer than none", run: (memory) => Futex.at(memory, 0).wake(-1), error: RangeError },
  { name: "closed memory", run: (memory) => (memory.close(), futexWait(memory, 0, 0, 0)), error: TypeError },
  { name: "to wake in closed memory", run: (memory) => (memory.close(), futexWake(memory, 0)), error: TypeError },
];
for (const { name, run, error } of refused) {
  test(`futex refuses ${name}`, () => {
    using memory = SharedMemory.anonymous(64);
    expect(() => run(memory)).toThrow(error as Error);
  });
}

const refusedAsync: { name: string; run: (futex: Futex, memory: SharedMemory) => Promise<unknown>; error: unknown }[] =
  [
    { name: "a text for a value", run: (futex) => futex.wait("0" as never), error: TypeError },
    { name: "a value of 33 bits", run: (futex) => futex.wait(2 ** 32), error: RangeError },
    { name: "NaN as limit", run: (futex) => futex.wait(1, { timeout: NaN }), error: RangeError },
    { name: "what is no signal", run: (futex) => futex.wait(1, { signal: {} as never }), error: TypeError },
    { name: "an unknown option", run: (futex) => futex.wait(1, { timout: 1 } as never), error: TypeError },
    { name: "closed memory", run: (futex, memory) => (memory.close(), futex.wait(1)), error: TypeError },
  ];
for (const { name, run, error } of refusedAsync) {
  test(`wait() refuses ${name}`, async () => {
    using memory = SharedMemory.anonymous(64);
    await expect(run(Futex.at(memory, 0), memory)).rejects.toThrow(error as Error);
    expect(load().core.hawser_wait_count()).toBe(0);
  });
}

test("a futex in read-only memory is refused, and leaves the memory shared", async () => {
  using memory = SharedMemory.create(unique("futex"), { size: 64, temporary: true });
  using seen = SharedMemory.open(memory.name!, { readonly: true });
  const futex = Futex.at(seen, 0);
  const refusal = expect.objectContaining({ code: "EACCES", message: expect.stringContaining("read-only") });
  await expect(futex.wait(0)).rejects.toEqual(refusal);
  expect(() => futex.waitSync(0)).toThrow(refusal);
  expect(() => futex.wake()).toThrow(refusal);
  memory.bytes[0] = 9;
  expect(seen.bytes[0]).toBe(9);
});

test("waitSync() tells a word that differs, a wake and a limit apart", () => {
  using memory = SharedMemory.anonymous(64);
  const futex = Futex.at(memory, 0);
  expect(futex.waitSync(1)).toBe("not-equal");
  expect(() => futex.waitSync(0, { timeout: 5 })).toThrow(
    expect.objectContaining({
      code: "ETIMEDOUT",
      message: "Cannot wait for a change in memory: the time is up (ETIMEDOUT)",
    }),
  );
  // The same bits, signed and unsigned.
  new Int32Array(memory.buffer)[0] = -1;
  expect(futex.waitSync(0)).toBe("not-equal");
  for (const same of [-1, 0xffff_ffff]) {
    expect(() => futex.waitSync(same, { timeout: 0 })).toThrow(expect.objectContaining({ code: "ETIMEDOUT" }));
  }
});

test("a futex works in a mapped file", async () => {
  using folder = tmpdir();
  using file = MappedFile.open(folder.file("words"), { size: 64, create: true });
  using same = MappedFile.open(folder.file("words"));
  const waited = Futex.at(file, 8).wait(0);
  await wakeUntil(Futex.at(same, 8));
  expect(await watchdog(waited, "The wait")).toBe("ok");
});

/** Changes the word and wakes: how many were woken. */
function change(memory: SharedMemory, futex: Futex, value = 1): number {
  Atomics.store(new Int32Array(memory.buffer), futex.offset / 4, value);
  return futex.wake();
}

/** Wakes one, when one sleeps. */
async function wakeUntil(futex: Futex): Promise<void> {
  await until(() => futex.wake(1) === 1, "Somebody sleeps");
}

const { core } = load();

/** Where the kernel refuses futex_waitv(2) each wait has a thread of its own, and nothing else is different. */
describe.each([
  { how: "with futex_waitv", oneByOne: 0, many: 1_000 },
  { how: "one by one", oneByOne: 1, many: 200 },
])("wait() $how", ({ oneByOne, many }) => {
  const switchTo = (way: number) => until(() => core.hawser_wait_one_by_one(way) === 0, "No helper runs");
  beforeAll(() => switchTo(oneByOne));
  afterEach(() => until(() => core.hawser_wait_count() === 0, "No wait is left"));
  afterAll(() => switchTo(0));

  test("resolves when the word was changed and woken, and not before", async () => {
    using memory = SharedMemory.anonymous(64);
    const futex = Futex.at(memory, 4);
    let done = false;
    const waited = futex.wait(0).then((result) => (done = true, result));
    await new Promise((turn) => setTimeout(turn, 20));
    expect(done).toBe(false);
    change(memory, futex);
    expect(await watchdog(waited, "The wait")).toBe("ok");
    expect(await futex.wait(0)).toBe("not-equal");
  });

  test("resolves with a wake alone, when it sleeps", async () => {
    using memory = SharedMemory.anonymous(64);
    const futex = Futex.at(memory, 0);
    const waited = futex.wait(0);
    await wakeUntil(futex);
    expect(await watchdog(waited, "The wait")).toBe("ok");
  });

  test("resolves when the word is changed on the way to sleep", async () => {
    using memory = SharedMemory.anonymous(64);
    const futex = Futex.at(memory, 0);
    for (let round = 0; round < 200; round++) {
      const waited = futex.wait(round);
      change(memory, futex, round + 1);
      expect(await watchdog(waited, `Round ${round}`)).toBe("ok");
    }
  });

  test("rejects with ETIMEDOUT, and not before its time", async () => {
    using memory = SharedMemory.anonymous(64);
    const futex = Futex.at(memory, 0);
    for (const timeout of [0, 0.25, 1, 30]) {
      const before = performance.now();
      await expect(futex.wait(0, { timeout })).rejects.toMatchObject({
        code: "ETIMEDOUT",
        syscall: "wait_futex",
        message: "Cannot wait for a change in memory: the time is up (ETIMEDOUT)",
      });
      expect(performance.now() - before).toBeGreaterThanOrEqual(timeout);
    }
  });

  test("many limits at once: each ends at its own", async () => {
    using memory = SharedMemory.anonymous(4096);
    const begin = performance.now();
    const limits = [600, 10, 70, 30, 50, 20, 60_000];
    const waits = limits.map((timeout, i) => Futex.at(memory, 4 * i).wait(0, { timeout }));
    const ends = waits.map((waited) => waited.then(() => NaN, () => performance.now() - begin));
    const last = ends.pop()!;
    for (const [i, end] of (await watchdog(Promise.all(ends), "All limits")).entries()) {
      expect(end).toBeGreaterThanOrEqual(limits[i]!);
    }
    change(memory, Futex.at(memory, 4 * (limits.length - 1)));
    expect(await watchdog(last, "The one that is left")).toBeNaN();
  });

  test("a limit of years is no short one", async () => {
    using memory = SharedMemory.anonymous(64);
    const futex = Futex.at(memory, 0);
    const waits = [2 ** 40, 2 ** 60, Number.MAX_VALUE, Infinity].map((timeout) => futex.wait(0, { timeout }));
    await new Promise((turn) => setTimeout(turn, 20));
    change(memory, futex);
    await watchdog(Promise.all(waits), "All waits");
  });

  test("an abort rejects at once with the reason, before and while it waits", async () => {
    using memory = SharedMemory.anonymous(64);
    const futex = Futex.at(memory, 0);
    await expect(futex.wait(0, { signal: AbortSignal.abort("before") })).rejects.toBe("before");
    await expect(futex.wait(1, { signal: AbortSignal.abort("before all") })).rejects.toBe("before all");
    expect(core.hawser_wait_count()).toBe(0);
    const controller = new AbortController();
    const waited = futex.wait(0, { signal: controller.signal, timeout: 60_000 });
    controller.abort("while");
    await expect(waited).rejects.toBe("while");
  });

  test("an abort calls off one wait and leaves the others of the same word", async () => {
    using memory = SharedMemory.anonymous(64);
    const futex = Futex.at(memory, 0);
    const controller = new AbortController();
    const kept = [futex.wait(0), futex.wait(0)];
    const off = futex.wait(0, { signal: controller.signal });
    controller.abort("off");
    await expect(off).rejects.toBe("off");
    change(memory, futex);
    expect(await watchdog(Promise.all(kept), "The others")).toEqual(["ok", "ok"]);
  });

  test("closing the memory rejects its waits with ECANCELED, and no others", async () => {
    using other = SharedMemory.anonymous(64);
    const kept = Futex.at(other, 0).wait(0);
    const memory = SharedMemory.anonymous(4096);
    const waits = Array.from({ length: 50 }, (_, i) => Futex.at(memory, 4 * i).wait(0));
    memory.close();
    const ends = await watchdog(Promise.allSettled(waits), "All waits");
    for (const end of ends) {
      expect(end).toMatchObject({
        status: "rejected",
        reason: {
          code: "ECANCELED",
          message: "Cannot wait for a change in memory: the memory was closed or resized (ECANCELED)",
        },
      });
    }
    change(other, Futex.at(other, 0));
    expect(await watchdog(kept, "The other wait")).toBe("ok");
  });

  test("growing the memory rejects its waits, and the futex goes on in the new pages", async () => {
    using memory = SharedMemory.anonymous(4096);
    const futex = Futex.at(memory, 0);
    const waits = [futex.wait(0), futex.wait(0)];
    expect(() => memory.resize(100)).toThrow(RangeError);
    memory.resize(1 << 22);
    for (const waited of waits) await expect(waited).rejects.toMatchObject({ code: "ECANCELED" });
    const last = Futex.at(memory, (1 << 22) - 4);
    const again = [futex.wait(0), last.wait(0)];
    change(memory, futex);
    change(memory, last);
    expect(await watchdog(Promise.all(again), "Both waits")).toEqual(["ok", "ok"]);
  });

  test("memory closed and resized 600 times under waits", async () => {
    // In the same vector, where a word that is gone would fail it.
    using other = SharedMemory.anonymous(64);
    const kept = Futex.at(other, 0).wait(0);
    for (let round = 0; round < 300; round++) {
      const memory = SharedMemory.anonymous(4096);
      const waits = Array.from({ length: 5 }, (_, i) => Futex.at(memory, 4 * i).wait(0));
      if (round % 2 === 0) change(memory, Futex.at(memory, 4));
      memory.resize(8192 + 4096 * (round % 7));
      waits.push(Futex.at(memory, memory.size - 4).wait(0));
      for (const end = performance.now() + (round % 10) / 100; performance.now() < end;);
      memory.close();
      const ends = await watchdog(Promise.allSettled(waits), `Round ${round}`);
      for (const [i, end] of ends.entries()) {
        if (round % 2 === 0 && i === 1 && end.status === "fulfilled") continue;
        expect(end).toMatchObject({ status: "rejected", reason: { code: "ECANCELED" } });
      }
    }
    change(other, Futex.at(other, 0));
    expect(await watchdog(kept, "The other wait")).toBe("ok");
  });

  test(`${many} waits at once on as many words, woken in another order`, async () => {
    using memory = SharedMemory.anonymous(4 * many);
    const woken = new Set<number>();
    const waits = Array.from({ length: many }, async (_, i) => {
      await Futex.at(memory, 4 * i).wait(0);
      woken.add(i);
    });
    await until(() => core.hawser_wait_count() === many, "All waits began");
    for (let i = 0; i < many; i++) change(memory, Futex.at(memory, 4 * (i * 7 % many)));
    await watchdog(Promise.all(waits), "All waits");
    expect(woken.size).toBe(many);
  });

  test(`${many} waits at once on one word, woken by one call`, async () => {
    using memory = SharedMemory.anonymous(64);
    const futex = Futex.at(memory, 0);
    const waits = Array.from({ length: many }, () => futex.wait(0));
    change(memory, futex);
    await watchdog(Promise.all(waits), "All waits");
  });

  for (const lane of lanes) {
    test(`a process on ${lane} wakes us, and we it`, async () => {
      using memory = SharedMemory.create(unique("futex"), { size: 64, temporary: true });
      await using running = startLane(lane, "futex", { args: [memory.name!] });
      const back = Futex.at(memory, 4).wait(0);
      await running.line("waiting");
      change(memory, Futex.at(memory, 0));
      expect(await watchdog(back, "The other process")).toBe("ok");
      expect(await running.ended()).toMatchObject({ status: 0, stdout: "waiting\nwoken\n", stderr: "" });
    });
  }

  test("one who sleeps and one who waits on the same word are woken alike", async () => {
    using memory = SharedMemory.create(unique("futex"), { size: 64, temporary: true });
    await using running = startLane("node26", "futex", { args: [memory.name!] });
    await running.line("waiting");
    const futex = Futex.at(memory, 0);
    const waited = futex.wait(0);
    change(memory, futex, 2);
    expect(await watchdog(waited, "The wait")).toBe("ok");
    expect(await running.ended()).toMatchObject({ status: 0, stdout: "waiting\nwoken\n", stderr: "" });
  });
});
