// One moment of the whole record, as plain numbers and words for people and for JSON.
import type { Infer } from "../../lib/layout/mod.ts";
import type { Role } from "./control.ts";
import type { MonitorRecord } from "./record.ts";

/** A process that takes part. */
export interface RoleSnapshot {
  pid: number;
  runtime: string;
  version: string;
  /** When it joined. */
  since: string;
  /** How often it was started again. */
  restarts: number;
  /** The signal that ended the last one before it; empty if there was none. */
  endedBy: string;
}

/** A figure with its bounds so far. */
export interface Bounded {
  now: number;
  min: number;
  max: number;
}

/** What `--once` prints; sizes in bytes, rates in bytes per second. */
export interface Snapshot {
  name: string;
  /** The number of the sample. */
  sequence: number;
  /** When it was taken. */
  at: string;
  cpu: { count: number; busy: number; min: number; max: number };
  memory: { total: number; available: number; used: number; min: number; max: number };
  traffic: { rx: Bounded; tx: Bounded };
  /** How many interfaces there are; as many as the record holds are in `links`. */
  linkCount: number;
  links: {
    index: number;
    name: string;
    state: string;
    mtu: number;
    flags: number;
    address: string;
    rxBytes: number;
    txBytes: number;
    rxRate: number;
    txRate: number;
  }[];
  /** Milliseconds between two samples. */
  interval: number;
  /** How often a process died while it changed the control state. */
  abandoned: number;
  /** The path of the log, a FIFO. */
  log: string;
  /** The abstract name of the socket on which the aggregator answers. */
  queries: string;
  parent: RoleSnapshot;
  collector: RoleSnapshot;
  aggregator: RoleSnapshot;
  viewer: RoleSnapshot;
}

const moment = (ms: number) => new Date(ms).toISOString();
const role = (entry: Infer<typeof Role>): RoleSnapshot => ({ ...entry, since: moment(entry.since) });

/** Reads it all; null while a part is missing, or the summary is not yet that of the sample. */
export function snapshotOf({ name, record }: { name: string; record: MonitorRecord }): Snapshot | null {
  const { interval, abandoned, log, queries, parent, collector, aggregator, viewer } = record.control.read();
  const found = record.sample.read();
  const summary = record.summary.read()?.value;
  if ([parent, collector, aggregator, viewer].some(({ pid }) => pid === 0)) return null;
  if (!found || summary?.sequence !== found.sequence) return null;

  const { sequence, value: sample } = found;
  const used = Number(sample.memoryTotal - sample.memoryAvailable);
  const links = sample.links.slice(0, sample.linkCount).map((link) => ({
    ...link,
    rxBytes: Number(link.rxBytes),
    txBytes: Number(link.txBytes),
  }));
  const sum = (what: "rxRate" | "txRate") => links.reduce((total, link) => total + link[what], 0);
  return {
    name,
    sequence,
    at: moment(sample.at),
    cpu: { count: sample.cpus, busy: sample.cpuBusy, ...summary.cpuBusy },
    memory: {
      total: Number(sample.memoryTotal),
      available: Number(sample.memoryAvailable),
      used,
      ...summary.memoryUsed,
    },
    traffic: { rx: { now: sum("rxRate"), ...summary.rxRate }, tx: { now: sum("txRate"), ...summary.txRate } },
    linkCount: sample.linkCount,
    links,
    interval,
    abandoned,
    log,
    queries,
    parent: role(parent),
    collector: role(collector),
    aggregator: role(aggregator),
    viewer: role(viewer),
  };
}
