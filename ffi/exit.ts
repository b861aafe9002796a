// Normal exit, as far as a runtime tells of it: the end of the program, process.exit() and Deno.exit(). No signal.

import { detectRuntime } from "./runtime.ts";

const tasks = new Set<() => void>();
let installed = false;

/** Runs `task` at normal exit, once, unless it is taken back before. */
export function atExit(task: () => void): Disposable {
  if (!installed) {
    installed = true;
    const run = () => tasks.forEach((task) => task());
    // Deno's `process` takes 12 ms to load.
    if (detectRuntime() === "deno") addEventListener("unload", run);
    else process.on("exit", run);
  }
  tasks.add(task);
  return { [Symbol.dispose]: () => void tasks.delete(task) };
}
