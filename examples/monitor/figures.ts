// What the kernel says of CPU and memory, in proc(5).
import { readFileSync } from "node:fs";

/** Ticks since boot, over all CPUs. */
export interface CpuTicks {
  cpus: number;
  idle: number;
  total: number;
}

/** Reads /proc/stat. */
export function cpuTicks(): CpuTicks {
  const lines = readFileSync("/proc/stat", "utf8").split("\n");
  // cpu user nice system idle iowait irq softirq steal guest guest_nice; the guests' time is in user and nice already.
  const [user, nice, system, idle, iowait, irq, softirq, steal] = lines[0]!.trim().split(/\s+/).slice(1).map(Number);
  const resting = idle! + iowait!;
  return {
    cpus: lines.filter((line) => /^cpu\d/.test(line)).length,
    idle: resting,
    total: resting + user! + nice! + system! + irq! + softirq! + steal!,
  };
}

/** The part of the time between two readings in which the CPUs worked: 0 to 1. */
export function busyBetween(before: CpuTicks, after: CpuTicks): number {
  const total = after.total - before.total;
  if (total <= 0) return 0; // Less than a tick apart.
  // The kernel's idle counters may step back a little on some machines.
  return Math.min(1, Math.max(0, 1 - (after.idle - before.idle) / total));
}

/** Reads /proc/meminfo, in bytes. */
export function memoryFigures(): { total: bigint; available: bigint } {
  const text = readFileSync("/proc/meminfo", "utf8");
  const bytes = (name: string) => BigInt(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)![1]!) * 1024n;
  return { total: bytes("MemTotal"), available: bytes("MemAvailable") };
}
