/** What other programs get from examples/monitor: its log, and answers. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { afterAll, expect, test } from "vitest";
import { Log } from "../../examples/monitor/log.ts";
import type { MonitorRecord } from "../../examples/monitor/record.ts";
import { Fifo } from "../../lib/fd/mod.ts";
import { UnixSocket } from "../../lib/socket/mod.ts";
import { start } from "../support/lanes.ts";
import {
  casts,
  expectNothingLeft,
  joined,
  monitor,
  namespace,
  newest,
  processesOf,
  running,
} from "../support/monitor.ts";
import { needs } from "../support/needs.ts";
import { needsRoot, nobody } from "../support/nobody.ts";
import { until } from "../support/watchdog.ts";

const folder = mkdtempSync(`${tmpdir()}/hawser-monitor-test-`);
afterAll(() => rmSync(folder, { recursive: true }));

const patient = { timeout: 60_000 };

/** Whether a process has the file open. */
const holds = (pid: number, path: string): boolean =>
  readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
    } catch {
      return false; // Closed meanwhile.
    }
  });

test.for(casts)("cat reads the log from its beginning, also a later one: %s %s %s %s %s %s", patient, async (cast) => {
  const { parent, first } = await running(...cast);
  await using _ = parent;
  const { log } = first;
  {
    await using cat = start(["cat", log]);
    for (const role of ["collector", "aggregator", "viewer"] as const) {
      const { pid, runtime, version } = first[role];
      await cat.line(new RegExp(`^20\\S+Z started the ${role}, process ${pid}$`));
      await cat.line(new RegExp(`^20\\S+Z ${role}: joined on ${runtime} ${version}, process ${pid}$`));
    }
    process.kill(first.collector.pid, "SIGKILL");
    await cat.line(/ the collector was ended by SIGKILL$/);
    await until(() => newest(parent).collector.pid !== first.collector.pid, "Another collector", 20_000);
    await cat.line(new RegExp(` collector: joined .* process ${newest(parent).collector.pid}$`));
  }
  await until(() => !holds(parent.pid, log), "The monitor sees the reader go");
  process.kill(first.viewer.pid, "SIGKILL"); // Nobody reads that now.
  await until(() => newest(parent).viewer.pid !== first.viewer.pid, "Another viewer", 20_000);

  await using cat = start(["cat", log]);
  await cat.line(/ started the collector, process/);
  await cat.line(/ the collector was ended by SIGKILL$/);
  await cat.line(/ the viewer was ended by SIGKILL$/);
  parent.child.kill("SIGTERM");
  expect(await parent.ended()).toMatchObject({ status: 0, stderr: "" });
  const { status, stdout } = await cat.ended();
  expect(status).toBe(0);
  expect(stdout).toMatch(/ leaving by SIGTERM\n$/);
  expectNothingLeft(newest(parent));
});

test("the log holds nobody up who stops reading: lines are lost whole, and the next ones come", async () => {
  const path = `${folder}/slow.log`;
  using log = new Log(path, (error) => {
    throw error;
  });
  using reader = Fifo.tryOpen(path, "read")!;
  const text = "x".repeat(100);
  log.add("the first");
  await until(() => holds(process.pid, path) && reader.tryRead(new Uint8Array(1)) !== null, "The log has a reader");
  for (let i = 0; i < 2_000; i++) log.add(text);
  const read = () => {
    let all = "";
    const bytes = new Uint8Array(65_536);
    for (;;) {
      const count = reader.tryRead(bytes);
      if (count === null || count === 0) return all;
      all += new TextDecoder().decode(bytes.subarray(0, count));
    }
  };
  const lines = read().split("\n").slice(1, -1);
  expect(lines.length).toBeGreaterThan(100);
  expect(lines.length).toBeLessThan(2_000);
  expect(lines.filter((line) => !/^20\S+Z x{100}$/.test(line))).toEqual([]);
  log.add("the last");
  expect(read()).toMatch(/^20\S+Z the last\n$/);
});

test("--log says where, and nothing stays there when the parent is killed", async () => {
  const log = `${folder}/chosen, with a comma.log`;
  const { parent, first } = await running("--log", log);
  await using _ = parent;
  expect(first.log).toBe(log);
  await using cat = start(["cat", log]);
  await cat.line(/ viewer: joined/);
  parent.child.kill("SIGKILL");
  expect((await cat.ended()).status).toBe(0);
  await until(() => processesOf(first.name).length === 0, "The end of the children", 2_000);
  expectNothingLeft(first);
});

test("--log leaves alone what is there", async () => {
  const log = `${folder}/taken`;
  writeFileSync(log, "mine");
  await using parent = monitor("--log", log);
  const ended = await parent.ended();
  expect(ended).toMatchObject({ status: 1, stdout: "" });
  expect(ended.stderr).toMatch(/^Cannot make the FIFO ".*taken": .*\n$/);
  expect(readFileSync(log, "utf8")).toBe("mine");
  expect(processesOf(log)).toEqual([]);
  expectNothingLeft({ name: `hawser-monitor.${namespace}.${parent.pid}` });
});

/** What socat says that the aggregator answered, line by line. */
async function ask(queries: string, input: string): Promise<unknown[]> {
  await using socat = start(["socat", "-t10", "-", `ABSTRACT-CONNECT:${queries}`], { input });
  const { status, stderr, stdout } = await socat.ended();
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

/** The record's figures as JSON has them. */
function figures({ sample, summary, control }: MonitorRecord): [object, { sequence: number; links: object }, object] {
  const { sequence, value } = sample.read()!;
  const { parent, collector, aggregator, viewer } = control.read();
  const links = value.links.slice(0, value.linkCount)
    .map((link) => ({ ...link, rxBytes: Number(link.rxBytes), txBytes: Number(link.txBytes) }));
  const memory = { memoryTotal: Number(value.memoryTotal), memoryAvailable: Number(value.memoryAvailable) };
  return [
    summary.read()!.value,
    { sequence, ...value, ...memory, links },
    { parent, collector, aggregator, viewer },
  ];
}

test.for(casts)("socat asks the aggregator: %s %s %s %s %s %s", patient, async (cast, context) => {
  needs(context, "socat");
  await using parent = monitor("--interval", "20", ...cast);
  const { name, memory, record } = await joined(parent);
  using _ = memory;
  const { control, sample, summary } = record;
  const { queries } = control.read();
  await until(() => {
    const { collector, aggregator, viewer } = control.read();
    return summary.read() !== null && [collector, aggregator, viewer].every(({ pid }) => pid > 0);
  }, "Everybody's entry, and a first summary");
  // The figures stand still while nothing is published, which is what we ask for first.
  expect(await ask(queries, "interval 1000000000\n")).toEqual([{ interval: 1_000_000_000 }]);
  await until(() => control.read().interval === 1_000_000_000, "Another interval");
  for (let moved = true, tries = 0; moved; tries++) {
    expect(tries).toBeLessThan(3); // One sample may still have been on its way.
    await until(() => sample.read()?.sequence === summary.read()?.value.sequence, "A summary of the latest sample");
    const before = figures(record);
    const told = await ask(queries, "summary\nsample\n  roles"); // The last line needs no end.
    moved = sample.read()!.sequence !== before[1].sequence;
    if (!moved) expect(told).toEqual(before);
  }
  // And from one moment to the next it goes on: nobody waits for the long pause to end.
  const { sequence } = sample.read()!;
  expect(await ask(queries, "interval 20\n")).toEqual([{ interval: 20 }]);
  await until(() => sample.read()!.sequence > sequence + 2, "More samples");

  expect(await ask(queries, "interval 0\ninterval\nall\n\n")).toEqual([
    { error: '"0" is no time in ms' },
    { error: '"" is no time in ms' },
    { error: "ask for summary, sample, roles or interval MS" },
    { error: "ask for summary, sample, roles or interval MS" },
  ]);
  parent.child.kill("SIGTERM");
  expect((await parent.ended()).status).toBe(0);
  expectNothingLeft({ name, queries });
});

test("another user is refused", async (context) => {
  needsRoot(context, "socat");
  const { parent, first } = await running();
  await using _ = parent;
  const user = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  await using socat = start([...user, "socat", "-u", `ABSTRACT-CONNECT:${first.queries}`, "-"]);
  const { status, stdout } = await socat.ended();
  expect({ status, stdout }).toEqual({ status: 0, stdout: `{"error":"user ${nobody} may not ask"}\n` });
  expect(await ask(first.queries, "roles")).toMatchObject([{ parent: { pid: parent.pid } }]);
});

test("who asks too long a question, goes in between, or never ends, leaves the rest their answers", async () => {
  const { parent, first } = await running();
  await using _ = parent;
  const connect = () => UnixSocket.connect({ abstract: first.queries });
  const asked = async (socket: UnixSocket, query: string): Promise<object> => {
    await socket.send(new TextEncoder().encode(query), { timeout: 10_000 });
    return JSON.parse(new TextDecoder().decode((await socket.receive({ timeout: 10_000 })).data));
  };
  {
    using gone = await connect();
    await gone.send(new TextEncoder().encode("summary\nsample\nroles\n"));
  }
  using long = await connect();
  expect(await asked(long, `${"x".repeat(1 << 20)}\n`)).toEqual({
    error: "ask for summary, sample, roles or interval MS",
  });
  using stack = new DisposableStack();
  for (let i = 0; i < 63; i++) {
    const socket = stack.use(await connect());
    expect(await asked(socket, "roles\n")).toMatchObject({ parent: { pid: parent.pid } });
  }
  {
    using tooMany = await connect();
    const { data } = await tooMany.receive({ timeout: 10_000 });
    expect(JSON.parse(new TextDecoder().decode(data))).toEqual({ error: "too many ask at once" });
  }
  stack.dispose();
  for (let tries = 0, answered = false; !answered; tries++) {
    expect(tries).toBeLessThan(1000); // It needs a moment to see them go.
    using socket = await connect();
    try {
      answered = "parent" in (await asked(socket, "roles\n"));
    } catch (error) {
      expect(["EPIPE", "ECONNRESET"]).toContain((error as { code?: string }).code); // It was refused before it asked.
    }
  }
  parent.child.kill("SIGTERM");
  expect(await parent.ended()).toMatchObject({ status: 0, stderr: "" });
  expectNothingLeft(first);
});
