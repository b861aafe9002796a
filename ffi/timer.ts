// A timer that does not keep the program running.

import { detectRuntime } from "./runtime.ts";

/** Runs `task` once, after `ms`, if the program still runs by then. */
export function startIdleTimer(task: () => void, ms: number): void {
  const timer: unknown = setTimeout(task, ms);
  // Deno's own timers are numbers; those of node:timers would have to be loaded.
  if (detectRuntime() === "deno" && typeof timer === "number") Deno.unrefTimer(timer);
  else (timer as { unref(): void }).unref();
}
