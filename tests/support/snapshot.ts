/**
 * What this process holds and what the kernel holds for it, listed so that two moments can be compared.
 *
 * Runtimes open things of their own whenever they like: pools start threads, the event loop makes pipes, eventfds and
 * sockets. What is certainly theirs is left out of a comparison, by the rules below; all else is told.
 *
 * - descriptors: what the runtimes open lazily has no name in a file system (anon_inode, pipe, socket), and a test of
 *   ours may well leak one of those. So they are counted by kind, and the runtime is given a warm-up before the first
 *   count (a file read and a child process: {@link warmUp}); what Deno opens later still is allowed for ({@link slack}).
 * - mappings: only those of shared memory (/dev/shm, memfd, SYSV) and of files named hawser are listed; the library's
 *   own, one mapped copy for good, is not.
 * - threads: a thread named hawser, or named like the main thread, since a raw clone inherits that name. The
 *   runtimes name their pools; {@link runtimeThreads} lists the names that were seen.
 * - kernel objects: /dev/shm, System V ids, POSIX queues where mounted, abstract unix names. Other processes make
 *   those too, so only names that {@link unique} made in this process count; the driver sees to the rest of the lane.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { runToken } from "./watchdog.ts";

/** One moment: keys are what is compared, values how often each was seen. */
export interface Snapshot {
  fds: Map<string, number>;
  mappings: Map<string, number>;
  threads: Map<string, number>;
  objects: Map<string, number>;
}

const count = (keys: Iterable<string>): Map<string, number> => {
  const map = new Map<string, number>();
  for (const key of keys) map.set(key, (map.get(key) ?? 0) + 1);
  return map;
};

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

const text = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** The library stays loaded for good: one copy, from its file or from the embedded memfd. */
const library = /libhawser|memfd:hawser-[0-9a-f]{6,}/;

function fds(): string[] {
  const found: string[] = [];
  for (const fd of list("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      // The listing's own descriptor of the folder is among them while it is read.
      if (target.startsWith(`/proc/${process.pid}/`)) continue;
      // Deno opens its own binary when it first makes a stack trace of its native side.
      if (target === process.execPath) continue;
      if (library.test(target)) continue;
      // Numbers differ for each pipe and socket: the kind is what can be compared.
      found.push(target.replace(/^(pipe|socket):\[\d+\]$/, "$1"));
    } catch {
      // Closed between the two calls.
    }
  }
  return found;
}

function mappings(): string[] {
  const found: string[] = [];
  for (const line of text("/proc/self/maps").split("\n")) {
    const path = line.slice(73).trim();
    if (library.test(path)) continue;
    if (/\/dev\/shm|memfd:|SYSV|hawser/.test(path) && !isRuntimeMapping(path)) found.push(path);
  }
  return found;
}

/** JavaScript engines map generated code and their heaps through memfds of their own. */
function isRuntimeMapping(path: string): boolean {
  return /memfd:(doublemapper|JITCode|allocation|v8|jsc|bun)/i.test(path);
}

/** Names of the threads that the runtimes were seen to start by themselves. */
const runtimeThreads =
  /^(libuv-worker|JITWorker|V8Worker|v8-|V8 |DelayedTaskSche|SignalInspector|s Signal Sender|t Helper Thread|ollector Thread|tokio-|blocking-|deno|worker|HeapHelper|JIT |Heap |JSC|Bun |bun|HTTP Client|Malloc|WTF|node|MainThread|vitest)/i;

function threads(): string[] {
  const found: string[] = [];
  for (const task of list("/proc/self/task")) {
    if (Number(task) === process.pid) continue;
    const comm = text(`/proc/self/task/${task}/comm`).trim();
    if (comm !== "" && (/hawser/i.test(comm) || !runtimeThreads.test(comm))) found.push(comm);
  }
  return found;
}

/** Whether a name was made by {@link unique} in this process: other files of the run make theirs at the same time. */
function own(name: string): boolean {
  return name.includes(runToken()) && name.includes(`-${process.pid}-`);
}

/** Kernel objects of the whole machine that this process made. */
export function kernelObjects(mine: (name: string) => boolean = own): string[] {
  const found: string[] = [];
  for (const name of list("/dev/shm")) if (mine(name)) found.push(`/dev/shm/${name}`);
  for (const name of list("/dev/mqueue")) if (mine(name)) found.push(`/dev/mqueue/${name}`);
  for (const line of text("/proc/net/unix").split("\n")) {
    const name = line.split(/\s+/)[7];
    if (name?.startsWith("@") && mine(name)) found.push(`abstract ${name}`);
  }
  // System V objects carry no name; the kernel tells who made them last touched them by pid.
  for (const [kind, pids] of [["shm", [4]], ["msg", [5, 6]]] as const) {
    for (const line of text(`/proc/sysvipc/${kind}`).split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (pids.some((at) => Number(fields[at]) === process.pid)) found.push(`System V ${kind} ${fields[1]}`);
    }
  }
  return found;
}

/**
 * Makes the runtime open what it opens once, at first use, and keeps: Deno a pair of sockets for SIGCHLD with the first
 * child process, Node and Bun the threads and descriptors of their pools.
 */
export async function warmUp(): Promise<void> {
  await new Promise((done, failed) => spawn("/bin/true", { stdio: "pipe" }).on("close", done).on("error", failed));
  await readFile("/proc/self/comm");
  // With its first Worker Deno starts a thread that stays, and an event loop for it.
  if ("Deno" in globalThis) {
    const worker = new Worker(new URL("data:text/javascript,close()"));
    await worker.terminate();
  }
}

/** Takes the listing. */
export function snapshot(): Snapshot {
  return { fds: count(fds()), mappings: count(mappings()), threads: count(threads()), objects: count(kernelObjects()) };
}

/**
 * Deno opens one more pair of sockets some time after it started children, once for a process (30 children: still one
 * pair). A pair that a test leaks there goes unseen; the other lanes run the same test and see it.
 */
function slack(key: string): number {
  return "Deno" in globalThis && key === "socket" ? 2 : 0;
}

/** What `after` holds and `before` did not, one line each. */
export function compare(before: Snapshot, after: Snapshot): string[] {
  const told: string[] = [];
  for (const part of ["fds", "mappings", "threads", "objects"] as const) {
    for (const [key, now] of after[part]) {
      const was = before[part].get(key) ?? 0;
      if (now > was + (part === "fds" ? slack(key) : 0)) told.push(`${part}: ${key} (${was} before, ${now} now)`);
    }
  }
  return told;
}

/**
 * Compares with now, giving things that end on their own (a killed child's pipe, an ending thread) up to two seconds.
 *
 * @param before The earlier listing.
 * @returns What is left, one line each; empty when nothing is.
 */
export async function leftBehind(before: Snapshot): Promise<string[]> {
  const end = performance.now() + 2_000;
  for (;;) {
    const left = compare(before, snapshot());
    if (left.length === 0 || performance.now() > end) return left;
    await new Promise((done) => setTimeout(done, 20));
  }
}
