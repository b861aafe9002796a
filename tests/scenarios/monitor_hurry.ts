// A child of the monitor to whom each value that it uses brings a newer one: `--name NAME`, and a line to the
// parent at descriptor 3. It leaves when it is told.
import { writeSync } from "node:fs";
import { Seat } from "../../examples/monitor/role.ts";

const range = { min: 0, max: 1 };
{
  using seat = await Seat.join("aggregator");
  const publish = (sequence: number) =>
    seat.record.summary.publish({
      sequence,
      samples: 1,
      cpuBusy: range,
      memoryUsed: range,
      rxRate: range,
      txRate: range,
    });
  publish(1);
  for await (const { sequence } of seat.follow(seat.record.summary)) {
    publish(sequence + 1);
    if (sequence === 10) writeSync(1, "hurrying\n");
  }
}
