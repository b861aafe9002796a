// The aggregator: sleeps until a sample is published and keeps the minimum and the maximum of each figure.
import process from "node:process";
import { Seat } from "./role.ts";

interface Bounds {
  min: number;
  max: number;
}

const widen = (bounds: Bounds | undefined, value: number): Bounds => ({
  min: Math.min(bounds?.min ?? value, value),
  max: Math.max(bounds?.max ?? value, value),
});

{
  using seat = await Seat.join("aggregator");
  // A predecessor may have been killed: its summary is still whole.
  let summary = seat.record.summary.read()?.value;
  for await (const { sequence, value: sample } of seat.follow(seat.record.sample)) {
    if (sequence === summary?.sequence) continue;
    const sum = (what: "rxRate" | "txRate") => sample.links.reduce((total, link) => total + link[what], 0);
    summary = {
      sequence,
      samples: (summary?.samples ?? 0) + 1,
      cpuBusy: widen(summary?.cpuBusy, sample.cpuBusy),
      memoryUsed: widen(summary?.memoryUsed, Number(sample.memoryTotal - sample.memoryAvailable)),
      rxRate: widen(summary?.rxRate, sum("rxRate")),
      txRate: widen(summary?.txRate, sum("txRate")),
    };
    seat.record.summary.publish(summary);
  }
}
process.exit(0); // Some runtimes would go on listening to standard input.
