// Child processes, by the runtime's own spawn: whoever starts a child waits for it, and a runtime lets nobody else.

import { load } from "./load.ts";
import { detectRuntime } from "./runtime.ts";
import { options } from "./symbols.ts";

/** How to start a program. */
export interface Start {
  /** What the child finds at each number: this program's own, /dev/null at 0 to 2 and nothing above, or a copy of ours. */
  readonly stdio: readonly ("inherit" | "ignore" | number)[];
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly cwd: string | undefined;
  /** Whether it leads a session of its own, setsid(2), and does not keep this program running. */
  readonly detached: boolean;
}

/** A child that runs, or did. */
export interface Started {
  readonly pid: number;
  /** How it ended: a code, or a signal's name. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Sends a signal unless it has ended, which is told at once: its number may be another's then. */
  kill(signal: string): boolean;
}

/** Why a program was not started. */
export class NotStarted extends Error {
  /** The name of the error number; null where the runtime does not tell. */
  readonly code: string | null;

  constructor(cause: unknown) {
    super((cause as Error).message, { cause });
    const { code } = cause as { code?: unknown };
    this.code = typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : null;
  }
}

/**
 * Starts a program. Descriptors that are copied may be closed when this returns, which is before the promise settles.
 *
 * @returns The child.
 * @throws {NotStarted} If it was not started.
 */
export async function startProcess(command: string, args: readonly string[], start: Start): Promise<Started> {
  // Here and not at the top of the module: few programs start others.
  const { spawn } = process.getBuiltinModule("node:child_process");
  const stdio = [...start.stdio];
  const covers = detectRuntime() === "deno" && command !== process.execPath ? coverCopies(stdio) : [];
  let child: ReturnType<typeof spawn>;
  try {
    child = spawn(command, args, { ...start, stdio, env: start.env && { ...start.env } });
  } catch (error) {
    throw new NotStarted(error);
  } finally {
    for (const fd of covers) load().core.hawser_fd_close(fd);
  }
  const { pid } = child;
  if (pid === undefined) throw await new Promise((told) => child.once("error", (e) => told(new NotStarted(e))));
  let over = false;
  const ended = new Promise<{ code: number | null; signal: string | null }>((done) => {
    child.once("exit", (code, signal) => {
      over = true;
      done({ code: signal === null ? code : null, signal });
    });
  });
  if (start.detached) child.unref();
  // Not the child's own kill(): Deno's sends one signal only.
  return { pid, ended, kill: (signal) => !over && kill(pid, signal) };
}

/**
 * Deno copies what becomes a standard stream to the lowest number that is free, and its child has that copy besides. So
 * nobody would see that the child, or a daemon that it leaves behind, closed its output. This puts /dev/null over the copy.
 *
 * Should another thread take one of the numbers meanwhile, the child has the copy. Not for Deno itself as the child, which
 * is given one more descriptor that it wants to keep.
 *
 * @param stdio Gets the entries that this takes.
 * @returns What to close when the child was started.
 */
function coverCopies(stdio: Start["stdio"][number][]): number[] {
  const { core } = load();
  // What Deno copies, in this order: what it inherits, too, but those copies are close-on-exec.
  const copied = stdio.slice(0, 3).filter((what, number) =>
    typeof what === "number" || (what === "inherit" && number > 0)
  );
  if (!copied.some((what) => typeof what === "number")) return [];
  const path = new TextEncoder().encode("/dev/null\0");
  const free = [core.hawser_fd_open(path, path.length, options.openOptions.read, 0)];
  while (free.length < copied.length) free.push(core.hawser_fd_dup(free[0]!, 3));
  while (stdio.length <= free.at(-1)!) stdio.push("ignore");
  const covers: number[] = [];
  free.forEach((number, i) => {
    // Nothing to do where something is wanted at that number. No number is left at the limit of descriptors.
    if (typeof copied[i] !== "number" || stdio[number] !== "ignore") return;
    // Above all that Deno puts in place, and one for each: it closes what it has put there.
    const cover = core.hawser_fd_dup(free[0]!, stdio.length);
    if (cover < 0) return;
    covers.push(cover);
    stdio[number] = cover;
  });
  for (const number of free) if (number >= 0) core.hawser_fd_close(number);
  return covers;
}

/** Whether it was sent: not to what has ended, nor to what became another user's. */
function kill(pid: number, signal: string): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
