// A Worker of tests/boundary.test.ts: opens one object of each kind, posts the handles, and closes them when told.
import process from "node:process";
import { parentPort } from "node:worker_threads";
import { load } from "../../ffi/load.ts";

const { core } = load();
const mapping = core.hawser_memory_anonymous(4096, 0);
const bell = core.hawser_bell_open();
parentPort!.on("message", () => {
  core.hawser_bell_close(bell);
  core.hawser_memory_close(mapping, 0);
  process.exit(0); // The Worker only.
});
parentPort!.postMessage([mapping, bell]);
