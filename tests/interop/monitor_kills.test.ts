/** examples/monitor with parts of it killed, at rest and in the middle of changes; and that it is at rest in between. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, expect, test } from "vitest";
import type { Control } from "../../examples/monitor/control.ts";
import { layout, MonitorRecord } from "../../examples/monitor/record.ts";
import { roleNames, self } from "../../examples/monitor/role.ts";
import type { Snapshot } from "../../examples/monitor/snapshot.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { bin, lanes, start, startLane } from "../support/lanes.ts";
import {
  casts,
  expectNothingLeft,
  joined,
  monitor,
  newest,
  processesOf,
  running,
  startChild,
  type Started,
} from "../support/monitor.ts";
import { unique, until, watchdog } from "../support/watchdog.ts";

test("kill -9 of the demo's driver ends the monitor", async () => {
  await using demo = start([bin("node20"), "tools/demo.mjs", "--interval", "50"], { timeout: 60_000 });
  const first: Snapshot = JSON.parse(await demo.line(/^\{/));
  demo.child.kill("SIGKILL");
  await until(() => processesOf(first.name).length === 0, "The end of the children", 2_000);
  await until(() => !existsSync(`/proc/${first.parent.pid}`), "The end of the monitor");
  expectNothingLeft(first);
}, 70_000);

test("kill -9 of the parent ends the children, and they clean up", async () => {
  const { parent, first } = await running();
  await using _ = parent;
  parent.child.kill("SIGKILL");
  await until(() => processesOf(first.name).length === 0, "The end of the children", 2_000);
  expectNothingLeft(first);
});

const cases = casts.map((cast) => cast.join(" "));
test.each(cases)("kill -9 of each child in turn, with %s: another one goes on from there", async (cast) => {
  const { parent, first } = await running(...cast.split(" "));
  await using _ = parent;
  for (const role of roleNames) {
    const before = newest(parent);
    process.kill(before[role].pid, "SIGKILL");
    await until(() => newest(parent)[role].pid !== before[role].pid, `Another ${role}`, 20_000);
    const { sequence } = newest(parent);
    expect(sequence).toBeGreaterThanOrEqual(before.sequence);
    await until(() => newest(parent).sequence > sequence, "Another sample");
    const last = newest(parent);
    expect(last[role]).toMatchObject({ runtime: before[role].runtime, restarts: 1, endedBy: "SIGKILL" });
    expect(last[role].since > before[role].since).toBe(true);
    expect(last.abandoned).toBe(0);
    // The bounds are those of all samples, not only of the successor's.
    expect(last.cpu.min).toBeLessThanOrEqual(before.cpu.min);
    expect(last.cpu.max).toBeGreaterThanOrEqual(before.cpu.max);
    const others = (["parent", ...roleNames] as const).filter((other) => other !== role);
    for (const other of others) expect(last[other]).toEqual(before[other]);
  }
  parent.child.kill("SIGINT");
  expect(await parent.ended()).toMatchObject({ status: 0, stderr: "" });
  expectNothingLeft(first);
}, 60_000);

test("each child that is killed is counted for itself, and after ten the parent gives up", async () => {
  await using parent = monitor("--interval", "50");
  const { name, memory, record: { control } } = await joined(parent);
  using _ = memory;
  for (let i = 0; i < 10; i++) {
    const role = roleNames[i % 3]!;
    const { pid } = control.read()[role];
    process.kill(pid, i % 2 === 0 ? "SIGKILL" : "SIGALRM");
    await until(() => ![0, pid].includes(control.read()[role].pid), `Another ${role}`, 20_000);
  }
  const state = control.read();
  expect(roleNames.map((role) => state[role].restarts)).toEqual([4, 3, 3]);
  expect(roleNames.map((role) => state[role].endedBy)).toEqual(["SIGALRM", "SIGALRM", "SIGKILL"]);
  process.kill(state.collector.pid, "SIGKILL");
  const { status, stderr } = await parent.ended();
  expect(status).toBe(1);
  expect(stderr).toContain("The collector was ended by SIGKILL; 10 were started again already\n");
  expectNothingLeft({ name });
}, 60_000);

test("who is killed in the middle of a change of the control state leaves it whole, and holds nobody up", async () => {
  await using parent = monitor("--interval", "50");
  const { name, memory, record } = await joined(parent);
  using _ = memory;
  const { control } = record;
  for (const [i, lane] of lanes.entries()) {
    const before = control.read();
    const victim = roleNames[i % 3]!;
    await using holder = startLane(lane, "monitor_holder", { args: [name] });
    await holder.line("held");
    expect(control.read()).toEqual(before); // Half of the next state is written, and nobody sees it.
    process.kill(before[victim].pid, "SIGKILL");
    await until(() => !existsSync(`/proc/${before[victim].pid}`), "The parent hears of it");
    // It can't enter that yet. The others need no turn to go on.
    if (victim !== "collector") {
      const { sequence } = record.sample.read()!;
      await until(() => record.sample.read()!.sequence > sequence + 2, "More samples");
    }
    expect(control.read()).toEqual(before);
    holder.child.kill("SIGKILL");
    await until(() => ![0, before[victim].pid].includes(control.read()[victim].pid), `Another ${victim}`, 20_000);
    const after = control.read();
    const { restarts } = before[victim];
    expect(after[victim]).toMatchObject({ restarts: restarts + 1, endedBy: "SIGKILL" });
    // Another aggregator has another address.
    const queries = victim === "aggregator" ? after.queries : before.queries;
    expect(after).toEqual({ ...before, abandoned: i + 1, queries, [victim]: after[victim] });
    const { sequence } = record.summary.read()!.value;
    await until(() => record.summary.read()!.value.sequence > sequence, "More samples");
  }
  await until(() => newest(parent).abandoned === 4, "The snapshot that says so");
  parent.child.kill("SIGTERM");
  expect((await parent.ended()).status).toBe(0);
  expectNothingLeft({ name });
}, 60_000);

test("the parent leaves when it is told, also while it waits for its turn to enter a child's end", async () => {
  await using parent = monitor("--interval", "50");
  const { name, memory, record: { control } } = await joined(parent);
  using _ = memory;
  await using holder = startLane("node26", "monitor_holder", { args: [name] });
  await holder.line("held");
  const { pid } = control.read().viewer;
  process.kill(pid, "SIGKILL");
  await until(() => !existsSync(`/proc/${pid}`), "The parent hears of it");
  parent.child.kill("SIGTERM");
  expect(await parent.ended()).toMatchObject({ status: 0, stderr: "" });
  holder.child.kill("SIGKILL");
  await holder.ended();
  expectNothingLeft({ name });
});

/** How often each thread of a process went to sleep, but for those by which Bun collects garbage by the clock. */
function sleeps(pid: number): Map<string, number> {
  const threads = new Map<string, number>();
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      const status = readFileSync(`/proc/${pid}/task/${tid}/status`, "utf8");
      if (/^Name:\t(HeapHelper|mi-scavenger)$/m.test(status)) continue;
      threads.set(tid, Number(/^voluntary_ctxt_switches:\t(\d+)$/m.exec(status)![1]));
    } catch (error) {
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code!)) throw error; // That thread ended.
    }
  }
  return threads;
}

test("while nothing is published nobody looks for it, and the parent's end is heard all the same", async () => {
  const parents = casts.map((cast) => monitor("--interval", "1000000000", ...cast));
  await using stack = new AsyncDisposableStack();
  for (const parent of parents) stack.use(parent);
  const all: { pid: number; what: string; most: number; fewest: number }[] = [];
  const names: string[] = [];
  for (const parent of parents) {
    const { name, memory, record } = await joined(parent);
    stack.use(memory);
    names.push(name);
    const state = record.control.read();
    for (const role of ["parent", ...roleNames] as const) {
      const { pid, runtime } = state[role];
      // Bun's main thread gives memory back by the clock, some two times a second.
      all.push({ pid, what: `${role} on ${runtime}`, most: runtime === "bun" ? 8 : 2, fewest: Infinity });
    }
  }
  // A runtime still tidies up for a while after its start, so what counts is the quietest of some windows of two
  // seconds. Looking five times a second, with a timer in between, would be twenty sleeps in each.
  for (let i = 0; i < 10 && all.some(({ fewest, most }) => fewest > most); i++) {
    const before = all.map(({ pid }) => sleeps(pid));
    await new Promise((done) => setTimeout(done, 2_000));
    for (const [j, one] of all.entries()) {
      let count = 0;
      for (const [tid, now] of sleeps(one.pid)) count += now - (before[j]!.get(tid) ?? 0);
      one.fewest = Math.min(one.fewest, count);
    }
  }
  expect(all.filter(({ fewest, most }) => fewest > most)).toEqual([]);
  for (const parent of parents) parent.child.kill("SIGKILL");
  await until(() => names.every((name) => processesOf(name).length === 0), "The end of the children", 2_000);
  for (const name of names) expectNothingLeft({ name });
}, 60_000);

describe.each(lanes)("a child on %s", (lane) => {
  /** A record with a parent in it, this process. */
  async function shared(): Promise<{ memory: SharedMemory; control: Control }> {
    const memory = SharedMemory.create(unique("monitor"), { size: layout.size, temporary: true });
    const { control } = new MonitorRecord(memory);
    await control.change((state) => Object.assign(state, { interval: 20, parent: { ...state.parent, ...self() } }));
    return { memory, control };
  }

  test("that waits for its turn to join leaves when the parent does, and may be killed", async () => {
    const { memory, control } = await shared();
    using _ = memory;
    const before = control.read();
    await using collector = await startChild(lane, "examples/monitor/collector.ts", memory.name!);
    await using aggregator = await startChild(lane, "examples/monitor/aggregator.ts", memory.name!);
    await using viewer = await startChild(lane, "examples/monitor/viewer.ts", memory.name!);
    const left = { code: 0, signal: null };
    {
      using _guard = layout.view(memory.bytes).control.lock.acquireSync();
      // Each has two threads of hawser's then: one looks after the line, the other sleeps for its turn.
      const waits = ({ child: { pid } }: Started) =>
        readdirSync(`/proc/${pid}/task`)
          .filter((tid) => readFileSync(`/proc/${pid}/task/${tid}/comm`, "utf8") === "hawser\n").length >= 2;
      await until(() => [collector, aggregator, viewer].every(waits), "All wait", 20_000);
      collector.line[Symbol.dispose]();
      aggregator.child.kill("SIGKILL");
      expect(await watchdog(collector.child.status, "The collector's end")).toEqual(left);
      expect(await watchdog(aggregator.child.status, "Its end")).toEqual({ code: null, signal: "SIGKILL" });
      expect(control.read()).toEqual(before);
    }
    await until(() => control.read().viewer.pid === viewer.child.pid, "The viewer joins");
    expect(control.read()).toEqual({ ...before, viewer: control.read().viewer });
    viewer.line.send({ leave: true });
    expect(await watchdog(viewer.child.status, "The viewer's end")).toEqual(left);
  });

  test("hears of the parent's end also when values come faster than it uses them", async () => {
    const { memory } = await shared();
    using _ = memory;
    await using hurrying = await startChild(lane, "tests/scenarios/monitor_hurry.ts", memory.name!);
    await hurrying.child.stdout.read(new Uint8Array(100), { timeout: 20_000 });
    hurrying.line[Symbol.dispose]();
    expect(await watchdog(hurrying.child.status, "Its end")).toEqual({ code: 0, signal: null });
  });
});
