/** Starts programs of tests/scenarios in any runtime, from any runtime. */
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import process from "node:process";
import { bin, type Lane, lanes, root } from "../../tools/bins.mjs";
import { deferred, watchdog } from "./watchdog.ts";

export { bin, type Lane, lanes, root };

/** The runtime this test itself runs in. */
export const here: Lane = process.env.HAWSER_LANE && (lanes as string[]).includes(process.env.HAWSER_LANE)
  ? process.env.HAWSER_LANE as Lane
  : "Deno" in globalThis
  ? "deno"
  : "Bun" in globalThis
  ? "bun"
  : Number(process.versions.node.split(".")[0]) >= 26
  ? "node26"
  : "node20";

/** All ordered pairs of lanes. */
export const pairs: [Lane, Lane][] = lanes.flatMap((a) => lanes.map((b): [Lane, Lane] => [a, b]));

/**
 * The command that runs a program of the checkout in a lane: [path, ...arguments].
 *
 * @param lane The runtime.
 * @param program A path in the checkout, as `tests/scenarios/x.ts` or `examples/monitor/collector.ts`.
 * @param args The program's own arguments.
 * @param flags Flags for the runtime itself; Deno gets `-A` when there are none.
 */
export function laneCommand(
  lane: Lane,
  program: string,
  args: readonly string[] = [],
  flags?: readonly string[],
): string[] {
  // The host's Node can't read TypeScript: set-up compiled the same tree for it.
  const path = lane === "node20" ? `${root}.work/compiled/${program.replace(/\.ts$/, ".js")}` : `${root}${program}`;
  const own = flags ?? (lane === "deno" ? ["-A"] : []);
  return [bin(lane), ...(lane === "deno" ? ["run", "--quiet", ...own] : own), path, ...args];
}

/** How a program ended and what it said. */
export interface Ended {
  stdout: string;
  stderr: string;
  /** The exit status, null when a signal ended it. */
  status: number | null;
  signal: string | null;
}

/** A running program. */
export interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it wrote so far. */
  readonly output: { stdout: string; stderr: string };
  /** Resolves when its stdout holds a whole line that `wanted` accepts, with that line. */
  line(wanted: string | RegExp, ms?: number): Promise<string>;
  /** Resolves when it ended; kills it when the limit passes. */
  ended(ms?: number): Promise<Ended>;
}

/** What {@link startLane} and {@link spawnLane} take beside the program. */
export interface LaneOptions {
  args?: readonly string[];
  flags?: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
  input?: string;
  stdio?: SpawnOptions["stdio"];
  /** The limit in milliseconds. */
  timeout?: number;
}

/** The path of a scenario by its name. */
export function scenarioPath(name: string): string {
  return name.includes("/") ? name : `tests/scenarios/${name.endsWith(".ts") ? name : `${name}.ts`}`;
}

/** Starts any command under the same watch. */
export function start(command: readonly string[], options: LaneOptions = {}): Running {
  const child = spawn(command[0]!, command.slice(1), {
    cwd: options.cwd ?? root,
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...options.env },
    stdio: options.stdio ?? ["pipe", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  const wake = () => waiting.forEach((look) => look());
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output.stdout += text, wake()));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output.stderr += text, wake()));
  child.stdin?.on("error", () => {}); // It may end without reading its input.
  child.stdin?.end(options.input ?? "");
  let over = false;
  const closed = new Promise<Ended>((done, fail) => {
    child.on("error", (error) => (over = true, wake(), fail(error)));
    child.on("close", (status, signal) => {
      over = true;
      wake();
      done({ ...output, status, signal });
    });
  });
  closed.catch(() => {}); // Told to whoever asks by ended().
  const said = () => `${command.join(" ")}\nstdout: ${output.stdout}\nstderr: ${output.stderr}`;
  const limit = options.timeout ?? 20_000;
  return {
    child,
    pid: child.pid ?? -1,
    output,
    async line(wanted, ms = limit) {
      const find = () =>
        output.stdout.split("\n").slice(0, -1).find((line) =>
          typeof wanted === "string" ? line === wanted : wanted.test(line)
        );
      const { promise, resolve, reject } = deferred<string>();
      const look = () => {
        const found = find();
        if (found !== undefined) resolve(found);
        else if (over) reject(new Error(`It ended without the line ${wanted}: ${said()}`));
      };
      waiting.add(look);
      look();
      try {
        return await watchdog(promise, `The line ${wanted} of ${said()}`, ms);
      } finally {
        waiting.delete(look);
      }
    },
    async ended(ms = limit) {
      try {
        return await watchdog(closed, "The end of a program", ms);
      } catch (error) {
        child.kill("SIGKILL");
        throw new Error(`${(error as Error).message}: ${said()}`);
      }
    },
    async [Symbol.asyncDispose]() {
      if (!over) child.kill("SIGKILL");
      await closed.catch(() => {});
    },
  };
}

/** Starts a scenario in a lane and returns at once. */
export function startLane(lane: Lane, scenario: string, options: LaneOptions = {}): Running {
  return start(laneCommand(lane, scenarioPath(scenario), options.args, options.flags), options);
}

/**
 * Runs a scenario in a lane to its end, under a watchdog.
 *
 * @param lane The runtime.
 * @param scenario A name under tests/scenarios/, or a path in the checkout.
 * @param args The program's arguments.
 * @param options Flags, environment, input, limit.
 * @returns How it ended and what it said.
 */
export async function spawnLane(
  lane: Lane,
  scenario: string,
  args: readonly string[] = [],
  options: Omit<LaneOptions, "args"> = {},
): Promise<Ended> {
  await using running = startLane(lane, scenario, { ...options, args });
  return await running.ended();
}
