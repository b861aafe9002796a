// What collector, aggregator and viewer have in common: how they join, wait and leave.
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Fields, Values } from "../../lib/layout/mod.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { type Latest, MonitorRecord } from "./record.ts";

/** This process, as it enters itself in the record. */
export function self(): { pid: number; runtime: string; version: string } {
  const { bun, deno, node } = process.versions as { bun?: string; deno?: string; node: string };
  const [runtime, version] = deno ? ["deno", deno] : bun ? ["bun", bun] : ["node", node];
  return { pid: process.pid, runtime, version };
}

/** The roles that the parent starts. */
export type RoleName = "collector" | "aggregator" | "viewer";

/** A role's seat at the record. */
export class Seat implements Disposable {
  readonly record: MonitorRecord;
  /** Aborted when the parent ends, is gone, or a signal asks us to leave. */
  readonly leave: AbortSignal;
  readonly interval: number;
  readonly once: boolean;
  readonly name: string;
  readonly #memory: SharedMemory;

  /** Joins the record that the command line names. */
  constructor(role: RoleName) {
    const { values } = parseArgs({
      options: {
        name: { type: "string" },
        interval: { type: "string", default: "1000" },
        once: { type: "boolean", default: false },
      },
    });
    if (values.name === undefined) throw new Error("--name is missing: the parent, main.ts, starts this program");
    this.name = values.name;
    this.interval = Number(values.interval);
    this.once = values.once;

    const leaving = new AbortController();
    this.leave = leaving.signal;
    const stop = () => leaving.abort();
    // Standard input is a socketpair with the parent. It says nothing on it: its end is the message, and the kernel
    // sends that one even for a parent that was killed.
    process.stdin.on("end", stop).on("close", stop).on("error", stop).resume();
    // A terminal sends Ctrl-C to all of us at once.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);

    // Temporary: whoever leaves removes the name, unless that was done. Only who is killed does not.
    this.#memory = SharedMemory.open(this.name, { temporary: true });
    this.record = new MonitorRecord(this.#memory);
    this.record[role].publish(self());
  }

  /** Each newer whole value of a part, until it is time to leave. */
  async *follow<F extends Fields>(part: Latest<F>): AsyncGenerator<{ sequence: number; value: Values<F> }> {
    let seen = 0;
    while (!this.leave.aborted) {
      const found = part.read();
      if (found !== null && found.sequence !== seen) {
        seen = found.sequence;
        yield found;
      } else {
        part.waitSync(seen, 200); // Not longer: what follows must have its turn while nothing is published.
      }
      await setTimeout(1); // Signals and the end of the parent are heard here.
    }
  }

  /** Gives the record up. */
  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}
