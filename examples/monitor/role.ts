// What collector, aggregator and viewer have in common: how they join, sleep and leave.
import { unlinkSync } from "node:fs";
import process from "node:process";
import { setImmediate, setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Fields, Values } from "../../lib/layout/mod.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { abandonedTurn, type State } from "./control.ts";
import type { Latest } from "./latest.ts";
import { Line } from "./line.ts";
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
  readonly name: string;
  readonly line: Line;
  readonly record: MonitorRecord;
  readonly #memory: SharedMemory;
  readonly #leaving = new AbortController();
  #interval: number;
  /** Ends the pause there is. */
  #pausing = new AbortController();

  private constructor(name: string) {
    this.name = name;
    this.line = Line.toParent();
    // Temporary: whoever leaves removes the name, unless that was done. Only who is killed does not.
    this.#memory = SharedMemory.open(name, { temporary: true });
    this.record = new MonitorRecord(this.#memory);
    this.#interval = this.record.control.read().interval;
  }

  /**
   * Joins the record that the command line names.
   *
   * @param enter Enters more than who we are.
   */
  static async join(role: RoleName, enter?: (state: Values<typeof State.fields>) => void): Promise<Seat> {
    const { name } = parseArgs({ options: { name: { type: "string" } } }).values;
    if (name === undefined) throw new Error("--name is missing: the parent, main.ts, starts this program");

    const seat = new Seat(name);
    // A terminal sends Ctrl-C to all of us at once.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => seat.#stop());
    seat.#obey();
    const { leave: signal, line, record } = seat;
    await seat.stays((async () => {
      const me = self();
      const change = record.control.change((state) => (Object.assign(state[role], me), enter?.(state)), { signal });
      if (await change) line.send({ log: abandonedTurn });
      line.send({ log: `joined on ${me.runtime} ${me.version}, process ${me.pid}` });
    })());
    return seat;
  }

  /** Aborted when the parent says so or is gone, or a signal asks us to leave. */
  get leave(): AbortSignal {
    return this.#leaving.signal;
  }

  async #obey(): Promise<void> {
    for await (const message of this.line.messages()) {
      if ("leave" in message) break;
      if ("interval" in message) {
        this.#interval = message.interval;
        this.#pausing.abort();
      }
    }
    this.#stop();
  }

  #stop(): void {
    this.#leaving.abort();
    this.#pausing.abort();
  }

  /** Pauses for the interval, anew where that changes. False means that it is time to leave. */
  async pause(): Promise<boolean> {
    while (!this.leave.aborted) {
      this.#pausing = new AbortController();
      const { signal } = this.#pausing;
      await setTimeout(this.#interval, undefined, { signal }).catch(() => {});
      if (!signal.aborted) return true;
    }
    return false;
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

  /** Gives the record up, and the log: its name would stay if the parent was killed. */
  [Symbol.dispose](): void {
    this.#stop();
    this.line[Symbol.dispose]();
    try {
      unlinkSync(this.record.control.read().log);
    } catch {
      // Somebody else was quicker.
    }
    this.#memory[Symbol.dispose]();
  }
}
