/** Processes that stop themselves inside a protocol step, to be killed there: see zig/src/kill_point.zig. */
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { bin, type Lane, root, type Running, start } from "./lanes.ts";
import { copyTree } from "./trees.ts";
import { until } from "./watchdog.ts";

/** The compiled sources beside a library with kill points. */
export interface KillableTree extends Disposable {
  /**
   * Starts a program of the copy.
   *
   * @param lane The runtime.
   * @param program Its path in the checkout.
   * @param args Its arguments.
   * @param point Where it stops itself, as `memory_create.grown`, with `:3` for the third time it comes by; nowhere
   *   without.
   */
  start(lane: Lane, program: string, args: readonly string[], point?: string): Running;
}

/**
 * Builds the library, and a copy of the sources around it. For programs and tests that run under Node 26.
 *
 * HAWSER_KILLABLE is the path of a library that is ready: sabotage brings one with faults in it.
 */
export function killableTree(): KillableTree {
  const tree = copyTree({ compiled: true });
  const library = process.env.HAWSER_KILLABLE ?? buildKillable(tree.file("out"));
  for (const target of readdirSync(tree.file("ffi/native"))) {
    const path = tree.file(`ffi/native/${target}/libhawser.so`);
    rmSync(path);
    cpSync(library, path);
  }
  return {
    start(lane, program, args, point) {
      const command = [bin(lane), ...(lane === "deno" ? ["run", "--quiet", "-A"] : []), tree.program(program), ...args];
      return start(command, { env: point === undefined ? {} : { HAWSER_KILL_POINT: point } });
    },
    [Symbol.dispose]: () => tree[Symbol.dispose](),
  };
}

/** Builds a library with kill points in `folder`: its path. */
function buildKillable(folder: string): string {
  const args = ["build", "-Dkill_points=true", "--cache-dir", `${root}zig/.zig-cache`, "--prefix", folder];
  const built = spawnSync(bin("zig"), args, { cwd: `${root}zig`, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`zig build failed: ${built.stderr}`);
  return `${folder}/libhawser.so`;
}

/** The state of a process as /proc tells it: "R", "S", "T" for stopped ... */
export function processState(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return "gone";
  }
}

/** Waits until a program has stopped itself. */
export async function stopped(running: Running, point: string): Promise<void> {
  const over = () => /^[TZX]$|gone/.test(processState(running.pid));
  await until(over, `The stop at ${point}`, 20_000);
  if (processState(running.pid) !== "T") {
    const { stderr } = await running.ended(); // With all that it said.
    throw new Error(`ended instead of stopping at ${point}: ${stderr}`);
  }
}
