// The aggregator: sleeps until a sample is published and keeps the minimum and the maximum of each figure;
// and answers queries.
import { UnixListener } from "../../lib/socket/mod.ts";
import { answerAll } from "./queries.ts";
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
  using listener = UnixListener.listen("autobind"); // The kernel finds a name that nobody has.
  const { abstract: queries } = listener.getsockname() as { abstract: string };
  using seat = await Seat.join("aggregator", (state) => Object.assign(state, { queries }));
  answerAll(listener, seat);
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
