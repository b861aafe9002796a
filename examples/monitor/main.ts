// A system monitor out of four processes on three runtimes, which share one typed record in memory:
//
//     parent      Node   makes the record and starts the rest; main.ts
//     collector   Bun    publishes interfaces, CPU and memory;  collector.ts
//     aggregator  Deno   keeps minimum and maximum;             aggregator.ts
//     viewer      Node   shows it all;                          viewer.ts
//
//     npm run demo                   a live table, until Ctrl-C
//     npm run -s demo -- --once      one snapshot as JSON
//
// (A program of your own imports "hawser/memory", "hawser/layout", "hawser/netlink" and "hawser/sync" instead of the paths
// here.)
//
// No process asks another for anything, and none looks whether there is something new: each sleeps until the kernel wakes
// it, and reads the others' newest whole values where they stand, in record.ts. The control state in there, control.ts,
// is the one part that all of them change, under a mutex. The sockets between parent and children carry one message only,
// the end of either side.
import { type ChildProcess, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { SystemError } from "../../lib/core/mod.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { bin } from "../../tools/bins.mjs";
import { layout, MonitorRecord } from "./record.ts";
import { type RoleName, roleNames, self } from "./role.ts";

const usage = `usage: main.ts [--once] [--interval MS]
  --once          print one snapshot as JSON and end
  --interval MS   the time between two samples, 1000 by default (with --once 200)
  --collector RUNTIME, --aggregator RUNTIME, --viewer RUNTIME   bun, deno or node`;

/** How each runtime is started. */
const runtimes: Readonly<Record<string, (role: RoleName) => string[]>> = {
  bun: () => [bin("bun")],
  deno: (role) => [bin("deno"), "run", "--quiet", "--no-prompt", ...permissions[role]],
  node: () => [process.execPath],
};

/** What each role needs of Deno: the kernel's figures are files in /proc, which it guards as a whole. */
const permissions: Readonly<Record<RoleName, string[]>> = {
  collector: ["--allow-all"],
  aggregator: ["--allow-ffi"],
  viewer: ["--allow-ffi", "--allow-env"],
};

function options(): { once: boolean; interval: number; roles: Record<RoleName, string> } {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: "boolean", default: false },
        interval: { type: "string" },
        collector: { type: "string", default: "bun" },
        aggregator: { type: "string", default: "deno" },
        viewer: { type: "string", default: "node" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const { once, interval = once ? "200" : "1000", help, ...roles } = values;
    if (help) {
      console.log(usage);
      process.exit(0);
    }
    if (!/^\d+$/.test(interval) || Number(interval) < 1 || Number(interval) >= 2 ** 31) {
      throw new Error(`--interval ${interval} is no time in ms`);
    }
    for (const [role, runtime] of Object.entries(roles)) {
      if (!Object.hasOwn(runtimes, runtime)) throw new Error(`--${role} ${runtime} is none of bun, deno and node`);
    }
    return { once, interval: Number(interval), roles };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

const { once, interval, roles } = options();

/** Whether the record of process `pid` was left behind by a monitor that was killed with all its processes. */
function isAbandoned(pid: number): boolean {
  if (pid === process.pid) return true; // Ours is not made yet: an earlier process had the same number.
  try {
    process.kill(pid, 0); // Signal 0 only asks whether there is such a process.
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function sweep(prefix: string): void {
  for (const { name, uid } of SharedMemory.list()) {
    if (!name.startsWith(prefix) || uid !== process.geteuid?.()) continue;
    if (!isAbandoned(Number(name.slice(prefix.length)))) continue;
    try {
      SharedMemory.unlink(name);
    } catch (error) {
      if ((error as SystemError).code !== "ENOENT") throw error; // Another start was quicker.
    }
  }
}

// A process number means something only in its pid namespace, and containers may share /dev/shm.
const namespace = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))![0];
const prefix = `hawser-monitor.${namespace}.`;
sweep(prefix);

const memory = SharedMemory.create(`${prefix}${process.pid}`, { size: layout.size, temporary: true });
const { control } = new MonitorRecord(memory);
await control.change((state) => Object.assign(state, { once, interval, parent: { ...state.parent, ...self() } }));

const children = new Map<RoleName, ChildProcess>();

/** Settles once, with the exit status, when it is time for everybody to leave. */
const leaving = Promise.withResolvers<number>();
let left = false;

function leave(status: number, complaint?: string): void {
  if (left) return;
  left = true;
  if (complaint !== undefined) console.error(complaint);
  leaving.resolve(status);
}

function start(role: RoleName): void {
  const program = fileURLToPath(new URL(`./${role}.ts`, import.meta.url));
  const [command, ...args] = [...runtimes[roles[role]]!(role), program, "--name", memory.name!];
  const child = spawn(command!, args, {
    // Its standard input is one end of a socketpair. The other is ours and ends when we do, even by kill -9.
    stdio: ["pipe", role === "viewer" ? "inherit" : "ignore", "inherit"],
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
  });
  children.set(role, child);
  child.stdin!.on("error", () => {}); // The child may go first.
  child.on("error", (error) => leave(1, `Cannot start the ${role}: ${error.message}`));
  child.on("exit", (status, signal) => {
    children.delete(role);
    if (left) return;
    if (signal === null) {
      const done = role === "viewer" && status === 0; // It showed what it was to show, or nobody reads it any more.
      leave(done ? 0 : 1, done ? undefined : `The ${role} ended by itself, with status ${status}`);
    } else {
      startAgain(role, signal).catch((error) => leave(1, `Cannot start the ${role} again: ${error.message}`));
    }
  });
}

/** Somebody killed it. What it published is whole, and its successor goes on from there. */
async function startAgain(role: RoleName, endedBy: string): Promise<void> {
  let restarts = 0;
  await control.change((state) => {
    Object.assign(state[role], { pid: 0, restarts: state[role].restarts + 1, endedBy });
    restarts = roleNames.reduce((sum, name) => sum + state[name].restarts, 0);
  });
  if (left) return;
  if (restarts > 10) leave(1, `The ${role} was ended by ${endedBy}; 10 were started again already`);
  else start(role);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => leave(0));
process.on("disconnect", () => leave(0)); // tools/demo.mjs keeps a channel to us, and is gone.
if (once) setTimeout(() => leave(1, "There was no snapshot after 20 s"), 20_000).unref();
for (const role of roleNames) start(role);

const status = await leaving.promise;
const going = [...children.values()].map((child) => {
  const gone = new Promise((done) => child.once("exit", done));
  child.stdin!.end();
  return gone;
});
const late = setTimeout(() => children.forEach((child) => child.kill("SIGKILL")), 1000);
await Promise.all(going);
clearTimeout(late);
memory.close(); // Removes its name.
process.exit(status);
