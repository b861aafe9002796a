import { describe, integer } from "../core/_arguments.ts";

/**
 * The names of the signals, as in signal(7). Real-time signals have numbers only, 34 to 64.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type SignalName, spawn } from "hawser/fd";
 *
 * const gently: SignalName = "SIGTERM";
 * await using child = await spawn("sleep", ["60"]);
 * child.kill(gently);
 * assert.equal((await child.status).signal, "SIGTERM");
 * ```
 */
export type SignalName =
  | "SIGHUP"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGILL"
  | "SIGTRAP"
  | "SIGABRT"
  | "SIGBUS"
  | "SIGFPE"
  | "SIGKILL"
  | "SIGUSR1"
  | "SIGSEGV"
  | "SIGUSR2"
  | "SIGPIPE"
  | "SIGALRM"
  | "SIGTERM"
  | "SIGSTKFLT"
  | "SIGCHLD"
  | "SIGCONT"
  | "SIGSTOP"
  | "SIGTSTP"
  | "SIGTTIN"
  | "SIGTTOU"
  | "SIGURG"
  | "SIGXCPU"
  | "SIGXFSZ"
  | "SIGVTALRM"
  | "SIGPROF"
  | "SIGWINCH"
  | "SIGIO"
  | "SIGPWR"
  | "SIGSYS";

/**
 * How a process ended: by itself with a code, or by a signal. Both are null where that can't be known.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ExitStatus, spawn } from "hawser/fd";
 *
 * const worked = ({ code }: ExitStatus) => code === 0;
 * await using child = await spawn("true");
 * assert(worked(await child.status));
 * ```
 */
export interface ExitStatus {
  /** The exit code, 0 to 255; null where a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it, a number where that is a real-time signal; null where it ended by itself. */
  readonly signal: SignalName | number | null;
}

/** The names by number; the same on x86-64 and aarch64. */
const names: readonly SignalName[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGILL",
  "SIGTRAP",
  "SIGABRT",
  "SIGBUS",
  "SIGFPE",
  "SIGKILL",
  "SIGUSR1",
  "SIGSEGV",
  "SIGUSR2",
  "SIGPIPE",
  "SIGALRM",
  "SIGTERM",
  "SIGSTKFLT",
  "SIGCHLD",
  "SIGCONT",
  "SIGSTOP",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGPROF",
  "SIGWINCH",
  "SIGIO",
  "SIGPWR",
  "SIGSYS",
];

/** The number of a signal that has a name. */
export function signalByName(signal: unknown, what = "signal"): number {
  if (typeof signal !== "string") throw new TypeError(`${what} must be a signal's name: got ${describe(signal)}`);
  const number = names.indexOf(signal as SignalName) + 1;
  if (number === 0) throw new RangeError(`${what} must be a signal's name, such as "SIGTERM": got ${describe(signal)}`);
  return number;
}

/** The number of a signal, which may be told by it. */
export function signalNumber(signal: unknown): number {
  return typeof signal === "number" ? integer(signal, "signal", 1, 64) : signalByName(signal);
}

/** A signal as ExitStatus tells it. */
export function signalOf(number: number): SignalName | number {
  return names[number - 1] ?? number;
}
