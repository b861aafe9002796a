import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { futexWait, futexWake } from "../lib/memory/_futex.ts";
import { SharedMemory } from "../lib/memory/mod.ts";
import { lanes, startLane } from "./support/lanes.ts";
import { unique } from "./support/watchdog.ts";

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
  { name: "closed memory", run: (memory) => (memory.close(), futexWait(memory, 0, 0, 0)), error: TypeError },
  { name: "to wake in closed memory", run: (memory) => (memory.close(), futexWake(memory, 0)), error: TypeError },
];
for (const { name, run, error } of refused) {
  test(`futex refuses ${name}`, () => {
    using memory = SharedMemory.anonymous(64);
    expect(() => run(memory)).toThrow(error as Error);
  });
}
