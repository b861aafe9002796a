// A system monitor out of four processes on three runtimes, which share one typed record in memory:
//
//     parent      Node   makes the record and starts the rest;        main.ts
//     collector   Bun    publishes interfaces, CPU and memory;        collector.ts
//     aggregator  Deno   keeps minimum and maximum, answers queries;  aggregator.ts
//     viewer      Node   shows it all;                                viewer.ts
//
//     npm run demo                   a live table, until Ctrl-C
//     npm run -s demo -- --once      one snapshot as JSON
//
// (A program of your own imports "hawser/memory", "hawser/fd", "hawser/socket" and so on instead of the paths here.)
//
// For figures no process asks another, and none looks whether there is something new: each sleeps until the kernel wakes
// it, and reads the others' newest whole values where they stand, in record.ts. The control state in there, control.ts,
// is the one part that all of them change, under a mutex.
//
// What is to be done, and that the other side is gone, goes over a socketpair between the parent and each child, line.ts.
// Other programs read the log out of a FIFO, log.ts, and ask the aggregator over a unix socket, queries.ts.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Child, spawn } from "../../lib/fd/mod.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { socketPair, type UnixSocket } from "../../lib/socket/mod.ts";
import { bin } from "../../tools/bins.mjs";
import { abandonedTurn } from "./control.ts";
import { Line } from "./line.ts";
import { Log } from "./log.ts";
import { logOf, recordName, sweep } from "./names.ts";
import { options } from "./options.ts";
import { layout, MonitorRecord } from "./record.ts";
import { type RoleName, roleNames, self } from "./role.ts";

/** How each runtime is started. */
const runtimes: Readonly<Record<string, (role: RoleName) => [string, ...string[]]>> = {
  bun: () => [bin("bun")],
  deno: (role) => [bin("deno"), "run", "--quiet", "--no-prompt", ...permissions[role]],
  node: () => [process.execPath],
};

/**
 * What each role needs of Deno: the kernel's figures are files in /proc, which it guards as a whole; and whoever leaves
 * removes the log's name.
 */
const permissions: Readonly<Record<RoleName, string[]>> = {
  collector: ["--allow-all"],
  aggregator: ["--allow-ffi", "--allow-write"],
  viewer: ["--allow-ffi", "--allow-write", "--allow-env"],
};

const { once, interval, roles, log: path = logOf(recordName) } = options(Object.keys(runtimes));
sweep();
const memory = SharedMemory.create(recordName, { size: layout.size, temporary: true });
const { control } = new MonitorRecord(memory);
const log = makeLog();
await control.change((state) => {
  Object.assign(state, { once, interval, log: path, parent: { ...state.parent, ...self() } });
});

function makeLog(): Log {
  try {
    return new Log(path, (error) => console.error(`The log ends: ${error.message}`));
  } catch (error) {
    memory.close();
    console.error((error as Error).message);
    process.exit(1);
  }
}

/** Aborted when it is time for everybody to leave. */
const leaving = new AbortController();
const left = leaving.signal;
let status = 0;
const children = new Set<Child>();
const lines = new Map<RoleName, Line>();

function leave(why: string, code = 0): void {
  if (left.aborted) return;
  leaving.abort();
  status = code;
  log.add(why);
  if (code !== 0) console.error(why);
  for (const line of lines.values()) line.send({ leave: true });
  setTimeout(() => children.forEach((child) => child.kill("SIGKILL")), 1000).unref();
}

/** Starts a child, and another one whenever somebody kills it: what it published is whole, and its successor goes on. */
async function keep(role: RoleName): Promise<void> {
  while (!left.aborted) {
    const [ours, theirs] = socketPair("seqpacket");
    using line = new Line(ours);
    lines.set(role, line);
    hear(role, line).catch(fail);
    const child = await start(role, theirs);
    children.add(child);
    log.add(`started the ${role}, process ${child.pid}`);
    const { code, signal } = await child.status;
    children.delete(child);
    if (left.aborted) return;
    if (signal !== null) await mourn(role, String(signal));
    // It showed what it was to show, or nobody reads it any more.
    else if (role === "viewer" && code === 0) leave("the viewer is done");
    else leave(`The ${role} ended by itself, with status ${code}`, 1);
  }
}

/** Starts a role's program, which gets its end of the line as descriptor 3. */
function start(role: RoleName, end: UnixSocket): Promise<Child> {
  using _ = end; // spawn() has its own copy when it returns the promise.
  const program = fileURLToPath(new URL(`./${role}.ts`, import.meta.url));
  const [command, ...args] = runtimes[roles[role]]!(role);
  return spawn(command, [...args, program, "--name", recordName], {
    stdin: "null",
    stdout: role === "viewer" ? "inherit" : "null",
    fds: { 3: end.fd },
    env: { ...process.env as Record<string, string>, DENO_NO_UPDATE_CHECK: "1" },
  });
}

/** Enters that a child was killed. */
async function mourn(role: RoleName, endedBy: string): Promise<void> {
  log.add(`the ${role} was ended by ${endedBy}`);
  let restarts = 0;
  await change((state) => {
    Object.assign(state[role], { pid: 0, restarts: state[role].restarts + 1, endedBy });
    restarts = roleNames.reduce((sum, name) => sum + state[name].restarts, 0);
  });
  if (restarts > 10) leave(`The ${role} was ended by ${endedBy}; 10 were started again already`, 1);
}

/** Does what a child says. */
async function hear(role: RoleName, line: Line): Promise<void> {
  for await (const message of line.messages()) {
    if ("log" in message) log.add(`${role}: ${message.log}`);
    if ("interval" in message) {
      await change((state) => Object.assign(state, message));
      for (const each of lines.values()) each.send(message);
      log.add(`${role}: the interval is ${message.interval} ms from now on`);
    }
  }
}

async function change(edit: Parameters<typeof control.change>[0]): Promise<void> {
  if (await control.change(edit, { signal: left })) log.add(abandonedTurn);
}

/** What fails while we leave was called off by that. */
const fail = (error: Error) => leave(error.message, 1);

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => leave(`leaving by ${signal}`));
process.on("disconnect", () => leave("the demo is gone")); // tools/demo.mjs keeps a channel to us.
if (once) setTimeout(() => leave("There was no snapshot after 20 s", 1), 20_000).unref();

await Promise.all(roleNames.map((role) => keep(role).catch(fail)));
log[Symbol.dispose]();
memory.close(); // Removes its name.
process.exit(status);
