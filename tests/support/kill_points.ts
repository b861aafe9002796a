/** Processes that stop themselves inside a protocol step, to be killed there: see zig/src/kill_point.zig. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { bin, type Lane, root, type Running, start } from "./lanes.ts";
import { copyTree } from "./trees.ts";
import { until } from "./watchdog.ts";

/** The lanes that run TypeScript as it stands, and with it a copy of the sources. */
export const killableLanes: readonly Lane[] = ["deno", "bun", "node26"];

/** The sources beside a library with kill points. */
export interface KillableTree extends Disposable {
  /**
   * Starts a program of the copy.
   *
   * @param lane One of {@link killableLanes}.
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
 * @param edit Changes a file of zig/src before: sabotage.
 */
export function killableTree(edit?: { file: string; change: (text: string) => string }): KillableTree {
  const tree = copyTree();
  const zig = tree.file("zig");
  cpSync(`${root}zig`, zig, { recursive: true, filter: (path) => !/zig-out|\.zig-cache/.test(path) });
  if (edit !== undefined) {
    const path = `${zig}/src/${edit.file}`;
    const before = readFileSync(path, "utf8");
    const after = edit.change(before);
    if (after === before) throw new Error(`the edit of ${edit.file} changes nothing`);
    writeFileSync(path, after);
  }
  const cache = `${root}zig/.zig-cache`;
  mkdirSync(cache, { recursive: true });
  const built = spawnSync(bin("zig"), [
    "build",
    "-Dkill_points=true",
    "--cache-dir",
    cache,
    "--prefix",
    tree.file("out"),
  ], {
    cwd: zig,
    encoding: "utf8",
  });
  if (built.status !== 0) throw new Error(`zig build failed: ${built.stderr}`);
  for (const target of readdirSync(tree.file("ffi/native"))) {
    cpSync(tree.file("out/libhawser.so"), tree.file(`ffi/native/${target}/libhawser.so`), { force: true });
  }
  return {
    start(lane, program, args, point) {
      const command = [bin(lane), ...(lane === "deno" ? ["run", "--quiet", "-A"] : []), tree.program(program), ...args];
      return start(command, { env: point === undefined ? {} : { HAWSER_KILL_POINT: point } });
    },
    [Symbol.dispose]: () => tree[Symbol.dispose](),
  };
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
    throw new Error(`ended instead of stopping at ${point}: ${running.output.stderr}`);
  }
}
