// Faults in the library and its TypeScript: all of them stand in one copy of the sources, built once, and a process has
// the one that HAWSER_SABOTAGE names in its environment. Without one it is what is shipped, with kill points: the control.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { bin, root } from "../bins.mjs";
import { compiled, work } from "../setup.mjs";
import { watched } from "../watched.mjs";

/** What each fault changes: [file, what it says, what it says instead], where FAULT is true if the fault is wanted. */
const faults = {
  // The lock that is being taken or released is not announced to the kernel.
  "no-pending": ["robust", "head.pending = word + node", "head.pending = if (FAULT) 0 else word + node"],
  // A lock that is held is not on the list.
  "no-list": ["robust", "            head.list = held.node();", "if (!FAULT) $&"],
  // Who waits asynchronously and was woken is nobody to the kernel.
  "no-waited": ["robust", "thread.waited = word + node_offset;", "if (!FAULT) $&"],
  // Who sleeps is not woken.
  "no-wake": [
    "mutex",
    "if (waited != 0 and wake(",
    "if (!FAULT and waited != 0 and wake(",
  ],
  // Who barges in does not know that one who was woken is on the way.
  "no-waking": ["mutex", "(if (found.waking != 0)", "(if (!FAULT and found.waking != 0)"],
  // Whoever finds the word free writes to it, a moment later and without looking again.
  "plain-store": [
    "mutex",
    "found = @cmpxchgWeak(State, place.lock.state(), found, taken, .acquire, .monotonic) orelse break;",
    `if (FAULT) {
                found = @atomicLoad(State, place.lock.state(), .acquire);
                if (found.word == 0) {
                    for (0..1000) |_| std.atomic.spinLoopHint();
                    const others = if (found.waking != 0) robust.waiters else 0;
                    @atomicStore(u32, &place.lock.word, place.thread.tid | flags | others, .release);
                    break;
                }
            } else $&`,
  ],
  // So that the fault above sees each of them.
  "plain-store-slowly": [
    "mutex",
    "        return @cmpxchgStrong(State, place.lock.state(), .{ .word = 0",
    `        if (@import("planted.zig").fault("plain-store")) return false;\n$&`,
  ],
  // Who starves keeps nobody from barging in.
  "no-gate": ["mutex", "    @atomicStore(u32, &lock.starved, @max(", "if (!FAULT) $&"],
  // The gate opens while the next owner holds on.
  "gate-lapses": ["mutex", "if (!in_vain and gateLeft(lock) == 0)", "if (!in_vain and (FAULT or gateLeft(lock) == 0))"],

  // A wait that is called off keeps the wake it got.
  swallow: ["wait", "if (wait.result == woken) passOn(wait);", "if (!FAULT) $&"],
  // A Worker that was terminated keeps the wakes of its waits.
  dead: ["wait", "wait.cancelled or !sys.threadAlive", "wait.cancelled or !FAULT and !sys.threadAlive"],
  // Memory is unmapped while helpers are about to sleep on its words.
  unmap: ["wait", "if (!mark(which)) return;", "if (!mark(which) or FAULT) return;"],
  // A moment is a long time for a helper: the fault above has it, and its control.
  "unmap-control": [
    "wait",
    "        slept = sleep(asleep,",
    `if (FAULT or @import("planted.zig").fault("unmap")) sys.pause(200_000);\n$&`,
  ],
  // A helper looks ten times a second.
  poll: [
    "wait",
    "var nearest: u64 = sys.never;",
    "var nearest: u64 = if (FAULT) sys.monotonic() + 100 * std.time.ns_per_ms else sys.never;",
  ],

  // The name first and the pages afterwards.
  "link-first": [
    "memory",
    /( {4}try grow\(failure, fd, 0, bytes, options\.sparse\);\n {4}kill_point\.here)([^]*?)( {4}try sys\.linkFd\(failure, fd, dir, name\);)/,
    "    if (FAULT) try sys.linkFd(failure, fd, dir, name);\n$1$2    if (!FAULT)\n$3",
  ],
  // A descriptor stays open when open() is refused.
  "open-keeps": [
    "memory",
    /(\.NONBLOCK = true, \/\/ A FIFO[^;]*\}, 0\);\n) {4}errdefer sys\.closeQuietly\(fd\);/,
    "$1    errdefer if (!FAULT) sys.closeQuietly(fd);",
  ],
  // A mapping stays when memory is closed.
  "close-keeps-mapping": ["memory", "try sys.munmap(failure, mapping.address", "if (!FAULT) $&"],
  // close() gives nothing back.
  "close-does-nothing": [
    "lib/memory/_mapping.ts",
    /check\(load\(\)\.core\.hawser_memory_close\(handle, [^,]*,/,
    (text) => text.replace("check(", "check(FAULT ? 0 : "),
  ],
};

const copy = `${work}planted-faults/`;
const parts = ["mod.ts", "lib", "ffi", "tests", "tools", "zig", "vitest.config.ts", "package.json", "deno.json"];
const library = `${copy}out/libhawser.so`;
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));

function plant(name, [file, from, to]) {
  const path = file.includes("/") ? copy + file : `${copy}zig/src/${file}.zig`;
  const before = readFileSync(path, "utf8");
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${file} no longer says: ${from}`);
  const question = file.includes("/")
    ? `(process.env.HAWSER_SABOTAGE === "${name}")`
    : `@import("planted.zig").fault("${name}")`;
  writeFileSync(path, after.replaceAll("FAULT", question));
}

let built;

/** The copy's path, once it is built. */
export function tree() {
  return built ??= (async () => {
    rmSync(copy, { recursive: true, force: true });
    mkdirSync(copy, { recursive: true });
    const filter = (path) => !/zig-out|\.zig-cache/.test(path);
    for (const part of parts) cpSync(root + part, copy + part, { recursive: true, filter });
    cpSync(compiled, `${copy}.work/compiled`, { recursive: true });
    symlinkSync(`${root}node_modules`, `${copy}node_modules`);
    cpSync(`${root}tools/sabotage/planted.zig`, `${copy}zig/src/planted.zig`);
    for (const [name, change] of Object.entries(faults)) plant(name, change);
    const args = ["build", "-Dkill_points=true", "--cache-dir", `${root}zig/.zig-cache`, "--prefix", `${copy}out`];
    const run = await watched([bin("zig"), ...args], { quiet: true, cwd: `${copy}zig`, seconds: 180 });
    if (run.why !== "") throw new Error(`zig build: ${run.why}\n${run.output}`);
    for (const native of [`${copy}ffi/native`, `${copy}.work/compiled/ffi/native`]) {
      for (const target of readdirSync(native)) cpSync(library, `${native}/${target}/libhawser.so`);
    }
    return copy;
  })();
}

/** The environment of a program that has a fault, or none; its children have it too. */
const wanted = (fault = "") => ({ NO_COLOR: "1", HAWSER_SABOTAGE: fault, HAWSER_KILLABLE: library });

/** Runs tests of the copy in Node 26: files, and a pattern for their names. */
export async function runTests(fault, files, pattern, env = {}) {
  const cwd = await tree();
  const vitest = [bin("node26"), `${cwd}node_modules/vitest/vitest.mjs`, "run", "-t", pattern, ...files];
  return await watched(vitest, { quiet: true, cwd, seconds: 150, env: { ...wanted(fault), HAWSER_LANE: "", ...env } });
}

/** Runs a program of the checkout that starts others with the copy's library: tests/support/kill_points.ts. */
export async function runProgram(fault, command) {
  await tree();
  return await watched([bin("node26"), ...command], { quiet: true, seconds: 180, env: wanted(fault) });
}

/**
 * Cases of one harness: each runs with its fault and must end in red and say why. First, and once for all that ask for
 * the same, it runs without.
 *
 * @param {string} title What the names of the cases begin with.
 * @param {(fault: string | undefined, how: T) => Promise<object>} run Runs the harness.
 * @param {Record<string, { what: string, told: RegExp, how: T, control?: { fault?: string, how: T } }>} cases By fault.
 * @template T
 */
export function cases(title, run, cases) {
  const controls = new Map();
  const controlOf = ({ fault, how }) => {
    const key = JSON.stringify([fault, how]);
    if (!controls.has(key)) controls.set(key, run(fault, how));
    return controls.get(key);
  };
  return Object.entries(cases).map(([fault, { what, told, how, control = { how } }]) => ({
    name: `${title}: ${fault}`,
    what,
    async run() {
      const green = await controlOf(control);
      if (green.why !== "") return { red: false, output: `The control is not green: ${green.why}\n${green.output}` };
      const { status, output } = await run(fault, how);
      return { red: status === 1 && told.test(output), output };
    },
  }));
}
