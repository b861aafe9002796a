// The record that the roles share: typed structs in one piece of named shared memory. A C program sees the same bytes:
// `struct.toC()` prints the declarations.
import { array, f64, struct, u32, u64, utf8 } from "../../lib/layout/mod.ts";
import type { SharedMemory } from "../../lib/memory/mod.ts";
import { Control, control } from "./control.ts";
import { Latest, latest } from "./latest.ts";

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

/** The whole record. */
export const layout = struct({
  control,
  /** Written by the collector. */
  sample: latest(Sample),
  /** Written by the aggregator. */
  summary: latest(Summary),
});

/** The parts of the record in `memory`, by name. */
export class MonitorRecord {
  readonly control: Control;
  readonly sample: Latest<typeof Sample.fields>;
  readonly summary: Latest<typeof Summary.fields>;

  constructor(memory: SharedMemory) {
    this.control = new Control(memory, layout.offsets.control);
    this.sample = new Latest(memory, Sample, layout.offsets.sample);
    this.summary = new Latest(memory, Summary, layout.offsets.summary);
  }
}
