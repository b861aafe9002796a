/** examples/monitor as users run it, against what the kernel and ip(8) say. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { expect, test } from "vitest";
import { layout, MonitorRecord } from "../../examples/monitor/record.ts";
import { type RoleName, roleNames as children, self } from "../../examples/monitor/role.ts";
import type { Snapshot } from "../../examples/monitor/snapshot.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { bin, type Lane, laneCommand, lanes, start } from "../support/lanes.ts";
import {
  expectNothingLeft,
  isLeft,
  monitor,
  namespace,
  processesOf,
  program,
  running,
  startChild,
} from "../support/monitor.ts";
import { needs } from "../support/needs.ts";
import { unique, until, watchdog } from "../support/watchdog.ts";

const version = (lane: Lane) => /\d+\.\d+\.\d+/.exec(execFileSync(bin(lane), ["--version"], { encoding: "utf8" }))![0];

test("--once prints what the kernel and ip(8) say, and who took part", async (context) => {
  needs(context, "ip");
  const netDev = () =>
    new Map(
      readFileSync("/proc/net/dev", "utf8").trim().split("\n").slice(2).map((line) => {
        const [name, ...fields] = line.trim().split(/[:\s]+/);
        return [name!, { rx: Number(fields[0]), tx: Number(fields[8]) }];
      }),
    );
  const memory = () => {
    const text = readFileSync("/proc/meminfo", "utf8");
    const bytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)![1]) * 1024;
    return { total: bytes("MemTotal"), available: bytes("MemAvailable") };
  };
  const before = netDev();
  const startedAt = Date.now();
  await using parent = monitor("--once");
  const ended = await parent.ended();
  const after = netDev();
  expect(ended).toMatchObject({ status: 0, stderr: "" });
  expect(ended.stdout.trim().split("\n").length).toBe(1);
  const snapshot: Snapshot = JSON.parse(ended.stdout);

  const told = JSON.parse(execFileSync("ip", ["-j", "link"], { encoding: "utf8" }));
  expect(snapshot.links.map(({ index, name, mtu, state, address }) => ({ index, name, mtu, state, address }))).toEqual(
    told.map((link: Record<string, unknown>) => ({
      index: link.ifindex,
      name: link.ifname,
      mtu: link.mtu,
      state: link.operstate,
      address: link.address ?? "",
    })),
  );
  expect(snapshot.linkCount).toBe(told.length);
  for (const { name, rxBytes, txBytes, rxRate } of snapshot.links) {
    expect(rxBytes).toBeGreaterThanOrEqual(before.get(name)!.rx);
    expect(rxBytes).toBeLessThanOrEqual(after.get(name)!.rx);
    expect(txBytes).toBeGreaterThanOrEqual(before.get(name)!.tx);
    expect(txBytes).toBeLessThanOrEqual(after.get(name)!.tx);
    expect(rxRate).toBeGreaterThanOrEqual(0);
  }

  const { cpu, memory: ram } = snapshot;
  expect(cpu.count).toBe(cpus().length);
  expect(cpu.busy).toBeGreaterThanOrEqual(cpu.min);
  expect(cpu.busy).toBeLessThanOrEqual(cpu.max);
  expect(cpu.min).toBeGreaterThanOrEqual(0);
  expect(cpu.max).toBeLessThanOrEqual(1);
  expect(ram.total).toBe(memory().total);
  expect(ram.used).toBe(ram.total - ram.available);
  // Other programs come and go meanwhile.
  expect(Math.abs(ram.available - memory().available)).toBeLessThan(ram.total / 4);
  expect([ram.min, ram.used, ram.max]).toEqual([ram.min, ram.used, ram.max].toSorted((a, b) => a - b));

  expect(Date.parse(snapshot.at)).toBeGreaterThanOrEqual(startedAt - 1);
  expect(Date.parse(snapshot.at)).toBeLessThanOrEqual(Date.now() + 1);
  expect(snapshot.sequence).toBeGreaterThanOrEqual(1);
  expect(snapshot.parent).toMatchObject({ pid: parent.pid, runtime: "node", version: version("node26") });
  expect(snapshot.collector).toMatchObject({ runtime: "bun", version: version("bun") });
  expect(snapshot.aggregator).toMatchObject({ runtime: "deno", version: version("deno") });
  expect(snapshot.viewer).toMatchObject({ runtime: "node", version: version("node26") });
  const roles = ["parent", ...children] as const;
  expect(new Set(roles.map((role) => snapshot[role].pid)).size).toBe(4);
  for (const role of roles) {
    expect(snapshot[role]).toMatchObject({ restarts: 0, endedBy: "" });
    expect(Date.parse(snapshot[role].since)).toBeGreaterThanOrEqual(startedAt - 1);
    expect(Date.parse(snapshot[role].since)).toBeLessThanOrEqual(Date.now() + 1);
  }
  expect(snapshot).toMatchObject({ interval: 200, abandoned: 0 });
  expectNothingLeft(snapshot);
});

test("the children are the processes they say, each with a socket to its parent", async () => {
  const { parent, first } = await running();
  await using _ = parent;
  for (const role of children) {
    const { pid, runtime } = first[role];
    expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(new RegExp(`^PPid:\\t${parent.pid}$`, "m"));
    expect(readlinkSync(`/proc/${pid}/exe`)).toMatch(runtime);
    expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe("/dev/null");
    expect(readlinkSync(`/proc/${pid}/fd/3`)).toMatch(/^socket:/);
    expect(readFileSync(`/proc/${pid}/maps`, "utf8")).toContain(`/dev/shm/${first.name}`);
  }
  parent.child.kill("SIGTERM");
  expect(await parent.ended()).toMatchObject({ status: 0, stderr: "" });
  expectNothingLeft(first);
});

test("Ctrl-C in a terminal ends the live table and leaves nothing behind", async (context) => {
  needs(context, "script");
  const command = laneCommand("node26", program, ["--interval", "50"]).map((word) => `'${word}'`).join(" ");
  // script(1) gives the monitor a terminal, and what is written to script is typed there.
  const terminal = spawn("script", ["-qefc", `stty cols 120 rows 40; exec ${command}`, "/dev/null"], {
    env: { ...process.env, TERM: "xterm-256color" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = new Promise<number | null>((done) => terminal.on("close", (status) => done(status)));
  let screen = "";
  terminal.stdout.setEncoding("utf8").on("data", (text: string) => screen += text);
  try {
    await until(() => /interface.*Ctrl-C ends it.*sample [2-9]/s.test(screen), "A table that changes", 20_000);
    for (const word of ["CPU busy", "memory used", "received", "lo", "UNKNOWN", "collector  bun", "aggregator deno"]) {
      expect(screen).toContain(word);
    }
    const name = SharedMemory.list().map((entry) => entry.name)
      .find((entry) => entry.startsWith("hawser-monitor.") && screen.includes(`(${entry.split(".").at(-1)})`))!;
    expect(name).toBeDefined();
    terminal.stdin.write("\x03");
    expect(await watchdog(closed, "The end of the monitor")).toBe(0);
    expectNothingLeft({ name });
    expect(screen).toContain("\x1b[?25l"); // The cursor was hidden,
    expect(screen.lastIndexOf("\x1b[?25h")).toBeGreaterThan(screen.lastIndexOf("\x1b[?25l")); // and is back.
  } finally {
    terminal.kill("SIGKILL");
  }
});

test("a terminal that has no size gets a table all the same", async (context) => {
  needs(context, "script");
  const command = laneCommand("node26", program, ["--interval", "50"]).map((word) => `'${word}'`).join(" ");
  const terminal = spawn("script", ["-qefc", `stty cols 0 rows 0; exec ${command}`, "/dev/null"], {
    env: { ...process.env, TERM: "xterm-256color" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = new Promise<number | null>((done) => terminal.on("close", (status) => done(status)));
  let screen = "";
  terminal.stdout.setEncoding("utf8").on("data", (text: string) => screen += text);
  try {
    await until(() => /CPU busy.*Ctrl-C ends it.*sample [2-9]/s.test(screen), "A table that changes", 20_000);
    terminal.stdin.write("\x03");
    expect(await watchdog(closed, "The end of the monitor")).toBe(0);
  } finally {
    terminal.kill("SIGKILL");
  }
});

test("npm run -s demo -- --once writes the snapshot and nothing else to stdout", async (context) => {
  needs(context, "npm");
  await using npm = start(["npm", "run", "-s", "demo", "--", "--once"], { timeout: 60_000 });
  const ended = await npm.ended();
  expect(ended.status).toBe(0);
  const snapshot: Snapshot = JSON.parse(ended.stdout);
  expect(snapshot.sequence).toBeGreaterThanOrEqual(1);
  expectNothingLeft(snapshot);
}, 70_000);

test("a child that leaves by itself ends the monitor with a word", async () => {
  const { parent, first } = await running();
  await using _ = parent;
  process.kill(first.collector.pid, "SIGTERM");
  const ended = await parent.ended();
  expect(ended.status).toBe(1);
  expect(ended.stderr).toBe("The collector ended by itself, with status 0\n");
  expectNothingLeft(first);
});

test("a monitor whose reader goes away ends", async () => {
  const command = laneCommand("node26", program, ["--interval", "50"]).map((word) => `'${word}'`).join(" ");
  await using shell = start(["sh", "-c", `${command} | head -n 1`]);
  const ended = await shell.ended();
  expect(ended).toMatchObject({ status: 0, stderr: "" });
  const first: Snapshot = JSON.parse(ended.stdout);
  await until(() => processesOf(first.name).length === 0, "The end of the monitor");
  expectNothingLeft(first);
});

test("several monitors at once do not know of each other", async () => {
  await using a = monitor("--once");
  await using b = monitor("--once");
  const { parent: c, first } = await running();
  await using _ = c;
  const snapshots = [await a.ended(), await b.ended()].map(({ stdout, stderr, status }) => {
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    return JSON.parse(stdout) as Snapshot;
  });
  expect(new Set([first, ...snapshots].map(({ name }) => name)).size).toBe(3);
  expect(isLeft(first.name)).toBe(true);
  snapshots.forEach(expectNothingLeft);
  c.child.kill("SIGINT");
  await c.ended();
  expectNothingLeft(first);
});

test("a new start removes what a monitor left that was killed as a whole", async () => {
  const { parent, first } = await running();
  await using _ = parent;
  // Stopped first, so that none of them sees the parent's end and cleans up.
  const pids = [parent.pid, ...children.map((role) => first[role].pid)];
  pids.forEach((pid) => process.kill(pid, "SIGSTOP"));
  pids.forEach((pid) => process.kill(pid, "SIGKILL"));
  await parent.ended();
  await until(() => processesOf(first.name).length === 0, "The end of all");
  expect(isLeft(first.name)).toBe(true);
  expect(existsSync(first.log)).toBe(true);
  await using next = monitor("--once");
  expect(await next.ended()).toMatchObject({ status: 0, stderr: "" });
  expectNothingLeft(first);
});

test("a start removes only what a dead monitor of this pid namespace left", async () => {
  const dead = spawnSync("true").pid;
  const names = [
    `hawser-monitor.${namespace}.${dead}`,
    `hawser-monitor.${namespace}.${process.pid}`,
    `hawser-monitor.1.${dead}`,
    `hawser-monitor.${namespace}.x${dead}`,
  ];
  const made = names.map((name) => SharedMemory.create(name, { size: 1, temporary: true }));
  try {
    await using a = monitor("--once");
    await using b = monitor("--once");
    for (const next of [a, b]) expect(await next.ended()).toMatchObject({ status: 0, stderr: "" });
    expect(names.map(isLeft)).toEqual([false, true, true, true]);
  } finally {
    made.forEach((memory) => memory.close());
  }
});

for (const [i, collector] of lanes.entries()) {
  const cast = { collector, aggregator: lanes[(i + 1) % 4]!, viewer: lanes[(i + 2) % 4]! };
  test(`each role on any runtime: ${Object.values(cast).join(", ")}`, async () => {
    using memory = SharedMemory.create(unique("monitor"), { size: layout.size, temporary: true });
    await new MonitorRecord(memory).control.change((state) =>
      Object.assign(state, { interval: 50, once: true, parent: { ...state.parent, ...self() } })
    );
    const start = (role: RoleName) => startChild(cast[role], `examples/monitor/${role}.ts`, memory.name!);
    await using collector = await start("collector");
    await using aggregator = await start("aggregator");
    await using viewer = await start("viewer");
    const said = viewer.child.stdout.readAll();
    const left = { code: 0, signal: null };
    expect(await watchdog(viewer.child.status, "The viewer's end", 20_000)).toEqual(left);
    collector.line.send({ leave: true });
    aggregator.line[Symbol.dispose]();
    expect(await watchdog(collector.child.status, "The collector's end")).toEqual(left);
    expect(await watchdog(aggregator.child.status, "The aggregator's end")).toEqual(left);
    const snapshot: Snapshot = JSON.parse(new TextDecoder().decode(await said));
    for (const [role, { child: { pid } }] of Object.entries({ collector, aggregator, viewer })) {
      const lane = cast[role as RoleName];
      expect(snapshot[role as RoleName])
        .toMatchObject({ pid, runtime: lane.replace(/\d+$/, ""), version: version(lane) });
    }
    expect(snapshot.links.map((link) => link.name)).toContain("lo");
  });
}

const refused = [
  { args: ["--interval", "0"], says: "--interval 0 is no time in ms" },
  { args: ["--interval", "2147483648"], says: "--interval 2147483648 is no time in ms" },
  { args: ["--interval", "soon"], says: "--interval soon is no time in ms" },
  { args: ["--log", "/".padEnd(513, "x")], says: "--log has more than 512 bytes" },
  { args: ["--viewer", "perl"], says: "--viewer perl is none of bun, deno and node" },
  { args: ["--collector", "constructor"], says: "--collector constructor is none of bun, deno and node" },
  { args: ["--twice"], says: "Unknown option '--twice'" },
  { args: ["once"], says: "Unexpected argument 'once'" },
];
for (const { args, says } of refused) {
  test(`refuses ${args.join(" ").slice(0, 50)}`, async () => {
    await using parent = monitor(...args);
    const ended = await parent.ended();
    expect(ended).toMatchObject({ status: 2, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect(ended.stderr).toContain("usage: ");
  });
}

test("a role says that the parent starts it", async () => {
  await using role = start(laneCommand("node26", "examples/monitor/viewer.ts"));
  const ended = await role.ended();
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain("--name is missing: the parent, main.ts, starts this program");
});
