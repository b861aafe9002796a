// Drops an Fd with tracing off and one with tracing on, and says what warnings came.
import process from "node:process";
import { Fd } from "../../lib/fd/mod.ts";

const gc = "Bun" in globalThis
  ? () => (globalThis as unknown as { Bun: { gc(all: boolean): void } }).Bun.gc(true)
  : (globalThis as unknown as { gc(): void }).gc;

const warnings: unknown[] = [];
process.on("warning", (warning) => {
  const { code, detail } = warning as Error & { code?: string; detail?: string };
  if (code?.startsWith("HAWSER_")) warnings.push({ code, detail: /^It was made\n.*fd_dropped/.test(detail ?? "") });
});

function drop(): void {
  Fd.open("/dev/null");
}

drop();
Fd.trace(true);
const kept = Fd.open("/dev/null");
drop();
const end = performance.now() + 10_000;
while (warnings.length === 0 && performance.now() < end) {
  gc();
  await new Promise((done) => setTimeout(done, 10));
}
kept.close();
console.log(JSON.stringify({ warnings, listed: Fd.list().map(({ dropped }) => dropped) }));
