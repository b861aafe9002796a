// The record that the roles share: typed structs in one piece of named shared memory.
//
// Each part has one writer and any number of readers, and holds its latest value in two slots. The writer fills the
// slot that nobody was told of and publishes its number last, so the newest whole value stays readable however the
// writer ends. A C program sees the same bytes: `struct.toC()` prints the declarations.
import { futexWait, futexWake } from "../../lib/memory/_futex.ts";
import { array, atomicU32, f64, type Fields, type Struct, struct, u32, u64, utf8 } from "../../lib/layout/mod.ts";
import type { Atomic, Input, Values } from "../../lib/layout/mod.ts";
import type { SharedMemory } from "../../lib/memory/mod.ts";

/** A process that takes part. */
export const Role = struct({ pid: u32, runtime: utf8(8), version: utf8(24) });

/** A network interface; rates are bytes per second since the sample before. */
export const Link = struct({
  index: u32,
  mtu: u32,
  flags: u32,
  name: utf8(48),
  state: utf8(16),
  address: utf8(96),
  rxBytes: u64,
  txBytes: u64,
  rxRate: f64,
  txRate: f64,
});

/** How many interfaces a sample holds. */
export const linksMax = 32;

/** What the collector saw at one moment. */
export const Sample = struct({
  /** Milliseconds since 1970. */
  at: f64,
  cpus: u32,
  /** The part of the time since the sample before that the CPUs were busy: 0 to 1. */
  cpuBusy: f64,
  memoryTotal: u64,
  memoryAvailable: u64,
  /** How many interfaces there are; the first `linksMax` are in `links`. */
  linkCount: u32,
  links: array(Link, linksMax),
});

/** The smallest and the largest value. */
export const Range = struct({ min: f64, max: f64 });

/** What the aggregator made of all samples. */
export const Summary = struct({
  /** The last sample in it. */
  sequence: u32,
  samples: u32,
  cpuBusy: Range,
  memoryUsed: Range,
  rxRate: Range,
  txRate: Range,
});

const latest = <F extends Fields>(value: Struct<F>) => struct({ published: atomicU32, slots: array(value, 2) });

const Record = struct({
  parent: latest(Role),
  collector: latest(Role),
  aggregator: latest(Role),
  viewer: latest(Role),
  sample: latest(Sample),
  summary: latest(Summary),
});

/** How many bytes the whole record takes. */
export const recordBytes: number = Record.size;

/** The latest value of one part of the record. */
export class Latest<F extends Fields> {
  readonly #memory: SharedMemory;
  readonly #value: Struct<F>;
  /** The futex word: how many values were published. The newest stands in slot `published & 1`. */
  readonly #word: number;
  readonly #slots: number;

  constructor(memory: SharedMemory, value: Struct<F>, offset: number) {
    const shape = latest(value);
    this.#memory = memory;
    this.#value = value;
    this.#word = offset + shape.offsets.published;
    this.#slots = offset + shape.offsets.slots;
  }

  #published(): Atomic<number> {
    return atomicU32.view(this.#memory.bytes, this.#word);
  }

  #slot(sequence: number): number {
    return this.#slots + (sequence & 1) * this.#value.size;
  }

  /** Publishes a value and wakes whoever waits for one. */
  publish(value: Input<Values<F>>): void {
    const published = this.#published();
    const sequence = published.load() + 1;
    this.#value.write(this.#memory.bytes, value, this.#slot(sequence));
    published.store(sequence);
    futexWake(this.#memory, this.#word);
  }

  /** Reads the newest value whole, with its sequence number; null before the first. */
  read(): { sequence: number; value: Values<F> } | null {
    const published = this.#published();
    for (;;) {
      const sequence = published.load();
      if (sequence === 0) return null;
      const value = this.#value.read(this.#memory.bytes, this.#slot(sequence));
      // The writer returns to a slot only after it published the other one, so an unchanged number proves the copy.
      if (published.load() === sequence) return { sequence, value };
    }
  }

  /** Waits up to `ms` for another value than number `seen`. The thread sleeps: nothing else in it runs meanwhile. */
  waitSync(seen: number, ms: number): void {
    futexWait(this.#memory, this.#word, seen, ms);
  }
}

/** The parts of the record in `memory`, by name. */
export class MonitorRecord {
  readonly parent: Latest<typeof Role.fields>;
  readonly collector: Latest<typeof Role.fields>;
  readonly aggregator: Latest<typeof Role.fields>;
  readonly viewer: Latest<typeof Role.fields>;
  readonly sample: Latest<typeof Sample.fields>;
  readonly summary: Latest<typeof Summary.fields>;

  constructor(memory: SharedMemory) {
    this.parent = new Latest(memory, Role, Record.offsets.parent);
    this.collector = new Latest(memory, Role, Record.offsets.collector);
    this.aggregator = new Latest(memory, Role, Record.offsets.aggregator);
    this.viewer = new Latest(memory, Role, Record.offsets.viewer);
    this.sample = new Latest(memory, Sample, Record.offsets.sample);
    this.summary = new Latest(memory, Summary, Record.offsets.summary);
  }
}
