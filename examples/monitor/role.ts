// What collector, aggregator and viewer have in common: how they join, sleep and leave.
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Fields, Values } from "../../lib/layout/mod.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import type { Latest } from "./latest.ts";
import { MonitorRecord } from "./record.ts";

/** This process, as it enters itself in the control state. */
export function self(): { pid: number; runtime: string; version: string; since: number } {
  const { bun, deno, node } = process.versions as { bun?: string; deno?: string; node: string };
  const [runtime, version] = deno ? ["deno", deno] : bun ? ["bun", bun] : ["node", node];
  return { pid: process.pid, runtime, version, since: Date.now() };
}

/** The roles that the parent starts. */
export const roleNames = ["collector", "aggregator", "viewer"] as const;
export type RoleName = (typeof roleNames)[number];

/** A role's seat at the record. */
export class Seat implements Disposable {
  readonly record: MonitorRecord;
  /** Aborted when the parent ends, is gone, or a signal asks us to leave. */
  readonly leave: AbortSignal;
  readonly name: string;
  readonly #memory: SharedMemory;

  private constructor(name: string, leave: AbortSignal) {
    this.name = name;
    this.leave = leave;
    // Temporary: whoever leaves removes the name, unless that was done. Only who is killed does not.
    this.#memory = SharedMemory.open(name, { temporary: true });
    this.record = new MonitorRecord(this.#memory);
  }

  /** Joins the record that the command line names. */
  static async join(role: RoleName): Promise<Seat> {
    const { name } = parseArgs({ options: { name: { type: "string" } } }).values;
    if (name === undefined) throw new Error("--name is missing: the parent, main.ts, starts this program");

    const leaving = new AbortController();
    const stop = () => leaving.abort();
    // Standard input is a socketpair with the parent. It says nothing on it: its end is the message, and the kernel
    // sends that one even for a parent that was killed.
    process.stdin.on("end", stop).on("close", stop).on("error", stop).resume();
    // A terminal sends Ctrl-C to all of us at once.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);

    const seat = new Seat(name, leaving.signal);
    const { leave, record } = seat;
    await seat.stays(record.control.change((state) => Object.assign(state[role], self()), { signal: leave }));
    return seat;
  }

  /** Awaits what `leave` calls off. False means that it is time to leave. */
  async stays(waiting: Promise<unknown>): Promise<boolean> {
    try {
      await waiting;
    } catch (error) {
      if (!this.leave.aborted) throw error;
    }
    return !this.leave.aborted;
  }

  /** Each newer whole value of a part, until it is time to leave. In between this process sleeps. */
  async *follow<F extends Fields>(part: Latest<F>): AsyncGenerator<{ sequence: number; value: Values<F> }> {
    let seen = 0;
    while (await this.stays(part.changed(seen, this.leave))) {
      const found = part.read();
      if (found === null || found.sequence === seen) continue; // Woken for nothing.
      seen = found.sequence;
      yield found;
      await setImmediate(); // Values may come faster than they are used: signals and the parent's end have their turn.
    }
  }

  /** Gives the record up. */
  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}
