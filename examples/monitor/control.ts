// The control state: how the monitor is to run, and who takes part. The parent lays it down and keeps the books of its
// children; each child enters itself.
//
// So it has many writers, and a mutex makes them take turns. Readers need no turn, as the two slots of latest.ts show them
// a whole state at every moment.
import { bool, f64, struct, u32, utf8, type Values } from "../../lib/layout/mod.ts";
import type { SharedMemory } from "../../lib/memory/mod.ts";
import { type Mutex, mutex, type WaitOptions } from "../../lib/sync/mod.ts";
import { Latest, latest } from "./latest.ts";

/** A process that takes part. */
export const Role = struct({
  /** 0 while there is none. */
  pid: u32,
  runtime: utf8(8),
  version: utf8(24),
  /** When it entered itself, in milliseconds since 1970. */
  since: f64,
  /** How often it was started again. */
  restarts: u32,
  /** The signal that ended the last one before it. */
  endedBy: utf8(16),
});

/** How many bytes the path of the log may have. */
export const logMax = 512;

/** The state of the whole. */
export const State = struct({
  /** Milliseconds between two samples. */
  interval: u32,
  /** Whether to show one snapshot and leave. */
  once: bool,
  /** How often a process died in the middle of a change. */
  abandoned: u32,
  /** The path of the log, a FIFO. */
  log: utf8(logMax),
  /** The abstract name of the socket on which the aggregator answers queries. */
  queries: utf8(16),
  parent: Role,
  collector: Role,
  aggregator: Role,
  viewer: Role,
});

/** Whether a text is a time between two samples. */
export const isInterval = (text: string): boolean => /^\d+$/.test(text) && Number(text) >= 1 && Number(text) < 2 ** 31;

/** What the log says where a change was abandoned. */
export const abandonedTurn = "took its turn over from a process that died in the middle of a change";

/** How it lies in the record. */
export const control = struct({ lock: mutex, state: latest(State) });

/** The control state in the record. */
export class Control {
  readonly #lock: Mutex;
  readonly #state: Latest<typeof State.fields>;

  constructor(memory: SharedMemory, offset: number) {
    this.#lock = control.view(memory.bytes, offset).lock;
    this.#state = new Latest(memory, State, offset + control.offsets.state);
  }

  /** Reads the state; all of it is 0 and empty before the first change. */
  read(): Values<typeof State.fields> {
    return this.#state.read()?.value ?? State.read(new Uint8Array(State.size));
  }

  /**
   * Changes the state when it is this process's turn, as a whole or not at all.
   *
   * @returns Whether the process whose turn it was before died in the middle of it.
   */
  async change(edit: (state: Values<typeof State.fields>) => void, options?: WaitOptions): Promise<boolean> {
    using guard = await this.#lock.acquire(options);
    // Nobody else writes now, so what we read is the latest. Where the last owner was killed in here, it may have left a
    // half-written slot. It never published that, so nobody reads it, and the next lines write over it: the repair.
    const state = this.read();
    if (guard.abandoned) state.abandoned++;
    edit(state);
    this.#state.publish(state);
    return guard.abandoned;
  }
}
