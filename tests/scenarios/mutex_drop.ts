// Drops a guard and waits for the warning of it; then one that is released in time, and sees no warning.
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Mutex } from "../../lib/sync/mod.ts";

const collect: () => void = "Bun" in globalThis
  ? () => (globalThis as unknown as { Bun: { gc(all: boolean): void } }).Bun.gc(true)
  : (globalThis as unknown as { gc(): void }).gc;

const warnings: string[] = [];
process.on("warning", (warning) => warnings.push(`${warning.name}: ${warning.message}`));

using mutex = Mutex.open(process.argv[2]!, { temporary: true });
(() => mutex.acquireSync().release())();
for (let i = 0; i < 30; i++) {
  collect();
  await sleep(100);
}
console.log(`released: ${warnings.length}`);
(() => void mutex.acquireSync())();
for (let i = 0; i < 100 && warnings.length === 0; i++) {
  collect();
  await sleep(100);
}
for (let i = 0; i < 3; i++) {
  collect();
  await sleep(100);
}
console.log(`dropped: ${warnings.length} ${warnings[0]}`);
console.log(`held: ${mutex.tryAcquire() === null}`);
Mutex.unlink(process.argv[2]!);
process.exit(0); // The mutex can't be closed while its guard is lost.
