/** Starts examples/monitor as users do, and looks at what it says, shares and leaves behind. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { expect } from "vitest";
import { Line } from "../../examples/monitor/line.ts";
import { MonitorRecord } from "../../examples/monitor/record.ts";
import { roleNames } from "../../examples/monitor/role.ts";
import type { Snapshot } from "../../examples/monitor/snapshot.ts";
import { type Child, spawn } from "../../lib/fd/mod.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { socketPair } from "../../lib/socket/mod.ts";
import { type Lane, laneCommand, type Running, start } from "./lanes.ts";
import { until } from "./watchdog.ts";

export const program = "examples/monitor/main.ts";

/** The options that cast each role on each runtime; the first are the defaults. */
export const casts: readonly string[][] = [["bun", "deno", "node"], ["deno", "node", "bun"], ["node", "bun", "deno"]]
  .map((runtimes) => roleNames.flatMap((role, i) => [`--${role}`, runtimes[i]!]));

/** Starts a monitor. */
export const monitor = (...args: string[]): Running => start(laneCommand("node26", program, args));

/** Starts a monitor that writes a line for each sample, and waits for the first. */
export async function running(...args: string[]): Promise<{ parent: Running; first: Snapshot }> {
  const parent = monitor("--interval", "50", ...args);
  try {
    return { parent, first: JSON.parse(await parent.line(/^\{/)) };
  } catch (error) {
    await parent[Symbol.asyncDispose]();
    throw error;
  }
}

/** The newest whole line that a running monitor wrote. */
export const newest = ({ output }: Running): Snapshot => JSON.parse(output.stdout.split("\n").at(-2)!);

/** The number of this process's pid namespace, which the names of records hold. */
export const namespace: string = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))![0];

/** The record of a monitor, as soon as everybody has joined it. */
export async function joined({ pid }: Running): Promise<{ name: string; memory: SharedMemory; record: MonitorRecord }> {
  const name = `hawser-monitor.${namespace}.${pid}`;
  await until(() => isLeft(name), "A record");
  const memory = SharedMemory.open(name);
  try {
    const record = new MonitorRecord(memory);
    await until(() => roleNames.every((role) => record.control.read()[role].pid !== 0), "All children", 20_000);
    return { name, memory, record };
  } catch (error) {
    memory.close();
    throw error;
  }
}

/** The living processes that were told of the record `name`, as pids. */
export function processesOf(name: string): number[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(name);
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

/** Whether there is a record of that name. */
export const isLeft = (name: string): boolean => SharedMemory.list().some((entry) => entry.name === name);

/** Where the log of a record is. */
export const logOf = (name: string): string => `${tmpdir()}/${name}.log`;

/** Expects that a monitor is gone with all that was its. */
export function expectNothingLeft(
  { name, log = logOf(name), queries }: Pick<Snapshot, "name"> & Partial<Snapshot>,
): void {
  expect(processesOf(name)).toEqual([]);
  expect(isLeft(name)).toBe(false);
  expect(existsSync(log)).toBe(false);
  if (queries !== undefined) {
    expect(readFileSync("/proc/net/unix", "utf8")).not.toMatch(new RegExp(` @${queries}$`, "m"));
  }
}

/** A child of the monitor, and the line to it. */
export interface Started extends AsyncDisposable {
  readonly child: Child;
  /** Disposing of it is the end of the parent. */
  readonly line: Line;
}

/** Starts a child of the monitor whose parent is this process. */
export async function startChild(lane: Lane, path: string, name: string): Promise<Started> {
  const [ours, theirs] = socketPair("seqpacket");
  using _ = theirs;
  const [command, ...args] = laneCommand(lane, path, ["--name", name]);
  const child = await spawn(command!, args, {
    stdin: "null",
    stdout: "pipe",
    fds: { 3: theirs.fd },
    env: { ...process.env as Record<string, string>, DENO_NO_UPDATE_CHECK: "1" },
  });
  const line = new Line(ours);
  return {
    child,
    line,
    async [Symbol.asyncDispose]() {
      line[Symbol.dispose]();
      child.kill("SIGKILL");
      await child[Symbol.asyncDispose]();
    },
  };
}
