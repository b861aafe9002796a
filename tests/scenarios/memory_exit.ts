// Makes a temporary object and a lasting one, says so, and ends in the way it is told.
import process from "node:process";
import { SharedMemory } from "../../lib/memory/mod.ts";

const [temporary, lasting, how] = process.argv.slice(2) as [string, string, string];
const memory = SharedMemory.create(temporary, { size: 4096, temporary: true });
SharedMemory.create(lasting, { size: 4096 });
memory.bytes[0] = 1;
console.log("made");
switch (how) {
  case "end":
    break;
  case "process.exit":
    process.exit(3);
    break;
  case "Deno.exit":
    Deno.exit(3);
    break;
  case "exitCode":
    process.exitCode = 3;
    break;
  case "close":
    memory.close();
    memory.close();
    break;
  case "throw":
    throw new Error("on purpose");
  case "replaced":
    // Somebody removed it and made another: that one is not ours.
    SharedMemory.unlink(temporary);
    SharedMemory.create(temporary, { size: 8192 });
    break;
  case "SIGKILL":
    process.kill(process.pid, "SIGKILL");
}
