// The names of a monitor's objects, and what becomes of those that nobody could remove.
import { readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import type { SystemError } from "../../lib/core/mod.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";

// A process number means something only in its pid namespace, and containers may share /dev/shm.
const namespace = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))![0];
const prefix = `hawser-monitor.${namespace}.`;

/** The name of this process's record. */
export const recordName = `${prefix}${process.pid}`;

/** Where the log of a record is, unless the command line said something else. */
export const logOf = (record: string): string => `${tmpdir()}/${record}.log`;

/** Removes what monitors left behind that were killed with all their processes. */
export function sweep(): void {
  for (const { name, uid } of SharedMemory.list()) {
    if (!name.startsWith(prefix) || uid !== process.geteuid?.()) continue;
    if (!isAbandoned(Number(name.slice(prefix.length)))) continue;
    try {
      rmSync(logOf(name), { force: true });
      SharedMemory.unlink(name);
    } catch (error) {
      if ((error as SystemError).code !== "ENOENT") throw error; // Another start was quicker.
    }
  }
}

/** Whether the record of process `pid` was left behind. */
function isAbandoned(pid: number): boolean {
  if (pid === process.pid) return true; // Ours is not made yet: an earlier process had the same number.
  try {
    process.kill(pid, 0); // Signal 0 only asks whether there is such a process.
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
