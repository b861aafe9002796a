// Unix sockets: descriptors and packets beside C's sendmsg(2), streams and listening beside node:net.

import { rounds, type Row, type RowOptions } from "./row.ts";
import { ends, mode, Twins } from "./_twins.ts";

export const group = "socket";

type Told = Pick<Row, "case" | "unit" | "must" | "note"> & { readonly cpus: string };

export async function rows({ quick, runtime }: RowOptions): Promise<Row[]> {
  using twins = new Twins(runtime);
  const row = ({ cpus, ...told }: Told, { hawser, ...peers }: Record<string, number>): Row => ({
    ...told,
    group,
    runtime,
    mode: `${mode}, ${cpus}`,
    hawser: hawser!,
    peers,
  });
  return [
    ...await descriptors(twins, quick, row),
    ...await packets(twins, quick, row),
    ...await streams(twins, quick, row),
    row(
      {
        case: "connections accepted and closed",
        unit: "a second, more is better",
        must: null,
        note: "a program in C connects, 64 at a time",
        cpus: "a CPU for each process",
      },
      await rounds({
        hawser: twins.accepts("hawser", quick ? 1_000 : 20_000),
        "node:net": twins.accepts("net", quick ? 1_000 : 20_000),
      }),
    ),
  ];
}

type MakeRow = (told: Told, figures: Record<string, number>) => Row;

async function descriptors(twins: Twins, quick: boolean, row: MakeRow): Promise<Row[]> {
  const count = quick ? 1_000 : 8_000;
  const pair = ends.socket("seqpacket");
  const us = await rounds({
    sync: twins.turns("turns", "fd", pair, count),
    c: twins.turns("c", "fd", pair, count),
    async: twins.turns("turns", "fd-async", pair, count),
    net: twins.turns("turns", "net", ends.none, count),
  });
  const told = { unit: "µs", cpus: "one CPU" };
  return [
    row({
      ...told,
      case: "round trip of a descriptor, sendSync() and receiveSync()",
      must: "<= 2 x C sendmsg",
      note: "median of the round trips; each closes what it got",
    }, { hawser: us.sync!, "C sendmsg": us.c! }),
    row({
      ...told,
      case: "round trip of a descriptor, await send() and receive()",
      must: "<= 1.5 x node:net, a byte",
      note: "the same; node:net passes a byte and no descriptor",
    }, { hawser: us.async!, "node:net, a byte": us.net! }),
  ];
}

async function packets(twins: Twins, quick: boolean, row: MakeRow): Promise<Row[]> {
  const rows: Row[] = [];
  for (const kind of ["datagram", "seqpacket"] as const) {
    const us = await rounds({
      hawser: twins.turns("turns", "packet", ends.socket(kind), quick ? 1_000 : 8_000),
      "C send": twins.turns("c", "packet", ends.socket(kind), quick ? 1_000 : 8_000),
    });
    rows.push(row({
      case: `round trip of 64 bytes, ${kind}, sendSync() and receiveSync()`,
      unit: "µs",
      must: null,
      note: "median of the round trips",
      cpus: "one CPU",
    }, us));
  }
  return rows;
}

async function streams(twins: Twins, quick: boolean, row: MakeRow): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, chunk, most] of [["1 KiB", 1024, 64], ["64 KiB", 65_536, 128], ["1 MiB", 1 << 20, 128]] as const) {
    const bytes = (quick ? most >> 3 : most) << 20;
    const rate = await rounds({
      hawser: twins.flow("flow", "socket", ends.socket("stream"), chunk, bytes),
      "node:net": twins.flow("flow", "net", ends.none, chunk, bytes),
    });
    rows.push(row({
      case: `a stream, ${name} a call, await send() and receive()`,
      unit: "MB/s, more is better",
      must: ">= 0.9 x node:net",
      note: "every piece that comes is looked at",
      cpus: "a CPU for each process",
    }, rate));
  }
  return rows;
}
