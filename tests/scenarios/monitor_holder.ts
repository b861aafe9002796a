// A process that stays in the middle of a change of the monitor's control state, with half of it written: `NAME`.
import { writeSync } from "node:fs";
import process from "node:process";
import { control, State } from "../../examples/monitor/control.ts";
import { latest } from "../../examples/monitor/latest.ts";
import { layout, MonitorRecord } from "../../examples/monitor/record.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";

using memory = SharedMemory.open(process.argv[2]!);
const { bytes } = memory;
await new MonitorRecord(memory).control.change(() => {
  const next = layout.view(bytes).control.state.published.load() + 1;
  const slots = layout.offsets.control + control.offsets.state + latest(State).offsets.slots;
  const at = slots + (next & 1) * State.size;
  bytes.fill(0xff, at, at + State.size / 2);
  writeSync(1, "held\n");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // Until it is killed.
});
