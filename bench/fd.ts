// Pipes beside C's: a turn passed to and fro, and bytes that flow.

import { rounds, type Row, type RowOptions } from "./row.ts";
import { ends, mode, Twins } from "./_twins.ts";

export const group = "fd";

export async function rows({ quick, runtime }: RowOptions): Promise<Row[]> {
  using twins = new Twins(runtime);
  const count = quick ? 1_000 : 8_000;
  const bytes = quick ? 16 << 20 : 128 << 20;
  const us = await rounds({
    hawser: twins.turns("turns", "pipe", ends.pipes, count),
    c: twins.turns("c", "pipe", ends.pipes, count),
  });
  const rate = await rounds({
    hawser: twins.flow("flow", "pipe", ends.pipe, 65_536, bytes),
    c: twins.flow("c", "pipe", ends.pipe, 65_536, bytes),
  });
  return [
    {
      group,
      case: "round trip of a byte by two pipes, readSync() and writeSync()",
      runtime,
      mode: `${mode}, one CPU`,
      unit: "µs",
      hawser: us.hawser!,
      peers: { "C read and write": us.c! },
      must: null,
      note: "median of the round trips",
    },
    {
      group,
      case: "a pipe, 64 KiB a call, writeAllSync() and readSync()",
      runtime,
      mode: `${mode}, a CPU for each process`,
      unit: "MB/s, more is better",
      hawser: rate.hawser!,
      peers: { "C read and write": rate.c! },
      must: null,
      note: "every chunk is looked at",
    },
  ];
}
