// npm run demo [-- ARGS]: sets up what is missing and runs the main job, examples/monitor. Only the monitor writes to
// stdout, so `npm run -s demo -- --once` is JSON and nothing else.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { bin, root } from "./bins.mjs";
import { childEnv, setup } from "./setup.mjs";

const failed = await setup({ dist: false }); // Examples import the sources.
if (failed.length > 0) process.exit(1);

const child = spawn(bin("node26"), [`${root}examples/monitor/main.ts`, ...process.argv.slice(2)], {
  // The channel is never used: its end tells the monitor that we are gone, even by kill -9.
  stdio: ["inherit", "inherit", "inherit", "ipc"],
  env: childEnv(),
});
// Ctrl-C in a terminal reaches the monitor by itself too, as it stays in the terminal's group; twice is once to it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`Cannot start the monitor: ${error.message}`);
  process.exit(1);
});
child.on("exit", (status, signal) => process.exit(status ?? 128 + constants.signals[signal]));
