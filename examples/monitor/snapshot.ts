// One moment of the whole record, as plain numbers and words for people and for JSON.
import type { MonitorRecord } from "./record.ts";

/** A process that takes part. */
export interface RoleSnapshot {
  pid: number;
  runtime: string;
  version: string;
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
  parent: RoleSnapshot;
  collector: RoleSnapshot;
  aggregator: RoleSnapshot;
  viewer: RoleSnapshot;
}

/** Reads it all; null while a part is missing, or the summary is not yet that of the sample. */
export function snapshotOf({ name, record }: { name: string; record: MonitorRecord }): Snapshot | null {
  const roles = {
    parent: record.parent.read()?.value,
    collector: record.collector.read()?.value,
    aggregator: record.aggregator.read()?.value,
    viewer: record.viewer.read()?.value,
  };
  const { parent, collector, aggregator, viewer } = roles;
  const found = record.sample.read();
  const summary = record.summary.read()?.value;
  if (!parent || !collector || !aggregator || !viewer || !found || summary?.sequence !== found.sequence) return null;

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
    at: new Date(sample.at).toISOString(),
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
    parent,
    collector,
    aggregator,
    viewer,
  };
}
