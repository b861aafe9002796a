// Starting a program with chosen descriptors at chosen numbers.
//
// Deno puts descriptors in place one after the other, and one that lies on the place of another is lost. So each is copied
// above every number that is wanted, and the copies are closed when the child has them.

import { NotStarted, type Started, startProcess } from "../../ffi/process.ts";
import { errnoNames } from "../../ffi/symbols.ts";
import { cString, describe, filePath, flag } from "../core/_arguments.ts";
import { failure } from "../core/_results.ts";
import { Fd } from "./fd.ts";
import { pipe } from "./pipe.ts";
import { signalByName } from "./signals.ts";
import type { SpawnOptions, Stdio } from "./spawn.ts";

/** The members of {@link SpawnOptions}. */
export const spawnOptionNames: readonly (keyof SpawnOptions)[] = [
  "stdin",
  "stdout",
  "stderr",
  "fds",
  "env",
  "cwd",
  "detached",
  "signal",
  "killSignal",
];

/** A child and this program's ends of its pipes, by the number in the child. */
export interface Running {
  readonly started: Started;
  readonly ends: ReadonlyMap<number, Fd>;
  readonly command: string;
  readonly options: SpawnOptions;
}

/** Starts it; the descriptors given may be closed when this returns, before the promise settles. */
export async function start(command: string, args: readonly string[], options: SpawnOptions): Promise<Running> {
  checkCommand(command, args);
  const detached = flag(options.detached, "detached");
  const wanted = checkFds(options.fds);
  const usual = detached ? "null" : "inherit";
  const standard = (["stdin", "stdout", "stderr"] as const).map((name) => checkStdio(name, options[name] ?? usual));
  const env = checkEnv(options.env);
  const cwd = options.cwd === undefined ? undefined : filePath(options.cwd);
  signalByName(options.killSignal ?? "SIGTERM", "killSignal");
  options.signal?.throwIfAborted();
  if (cwd !== undefined) Fd.open(cwd, ["O_PATH", "O_DIRECTORY"]).close(); // Else its absence would look like the command's.

  const ends = new Map<number, Fd>();
  const passing: Fd[] = [];
  try {
    const above = Math.max(2, ...wanted.keys()) + 1;
    const pass = (fd: Fd): Fd => {
      const copy = fd.dup(above);
      passing.push(copy);
      return copy;
    };
    const stdio = Array<"inherit" | "ignore" | number>(above).fill("ignore");
    standard.forEach((what, number) => {
      if (what === "pipe") {
        const { reader, writer } = pipe();
        const [ours, theirs] = number === 0 ? [writer, reader] : [reader, writer];
        ends.set(number, ours);
        try {
          stdio[number] = blocking(pass(theirs));
        } finally {
          theirs.close();
        }
      } else if (what === "stdout") stdio[number] = stdio[1] === "inherit" ? 1 : stdio[1]!;
      else stdio[number] = what === "null" ? "ignore" : what === "inherit" ? what : blocking(pass(what));
    });
    const kept: Fd[] = [];
    for (const [number, fd] of wanted) {
      const copy = pass(fd);
      stdio[number] = copy.stat().kind === "fifo" ? blocking(copy) : copy.number;
      if (copy.flags.nonblock) kept.push(copy);
    }
    const starting = startProcess(command, args, { stdio, env, cwd, detached });
    for (const copy of kept) copy.setFlags({ nonblock: true }); // Deno takes it.
    for (const copy of passing) copy.close();
    return { started: await starting, ends, command, options };
  } catch (error) {
    for (const end of [...passing, ...ends.values()]) end.close();
    throw error instanceof NotStarted ? explained(error, command) : error;
  }
}

/** Checks a program and its arguments. */
export function checkCommand(command: unknown, args: unknown): void {
  cString(command, "command");
  if (!Array.isArray(args)) throw new TypeError(`args must be an array: got ${describe(args)}`);
  args.forEach((arg, i) => text(arg, `args[${i}]`));
}

/**
 * Programs expect that reading and writing their standard streams and pipes waits. Our own calls do not mind. Sockets and
 * eventfds stay as they are: the flag is the open file's, and a server of this runtime may accept from the same socket.
 */
function blocking(fd: Fd): number {
  fd.setFlags({ nonblock: false });
  return fd.number;
}

/** The highest number that a child's descriptor can be given. */
const number_max = 255;

function checkFds(fds: SpawnOptions["fds"]): Map<number, Fd> {
  const found = new Map<number, Fd>();
  if (fds === undefined) return found;
  if (typeof fds !== "object" || fds === null) {
    throw new TypeError(`fds must be an object or a Map, such as { 3: fd }: got ${describe(fds)}`);
  }
  const entries: Iterable<[unknown, unknown]> = fds instanceof Map
    ? fds
    : Object.entries(fds).map(([key, fd]) => [String(Number(key)) === key ? Number(key) : key, fd]);
  for (const [number, fd] of entries) {
    if (typeof number !== "number") throw new TypeError(`fds is by number: got ${describe(number)}`);
    if (!Number.isInteger(number) || number < 3 || number > number_max) {
      const hint = number >= 0 && number < 3 ? "; there are stdin, stdout and stderr for the first three" : "";
      throw new RangeError(`fds holds a number that is not from 3 to ${number_max}: got ${number}${hint}`);
    }
    found.set(number, checkFd(fd, `fds[${number}]`));
  }
  return found;
}

function checkStdio(name: string, what: Stdio | "stdout"): Stdio | "stdout" {
  const words = name === "stderr" ? ["inherit", "null", "pipe", "stdout"] : ["inherit", "null", "pipe"];
  if (typeof what !== "string") return checkFd(what, name);
  if (!words.includes(what)) throw new RangeError(`${name} must be an Fd or one of ${words.join(", ")}: got "${what}"`);
  return what;
}

function checkFd(fd: unknown, what: string): Fd {
  if (!(fd instanceof Fd)) throw new TypeError(`${what} must be an Fd: got ${describe(fd)}`);
  if (fd.closed) throw new TypeError(`${what} is closed`);
  return fd;
}

function checkEnv(env: SpawnOptions["env"]): SpawnOptions["env"] {
  if (env === undefined) return undefined;
  if (typeof env !== "object" || env === null) throw new TypeError(`env must be an object: got ${describe(env)}`);
  for (const [name, value] of Object.entries(env)) {
    text(value, `env.${name}`);
    if (name === "" || /[=\0]/.test(name)) throw new RangeError(`env holds a wrong name: ${JSON.stringify(name)}`);
  }
  return env;
}

/** A text that C can hold; it may be empty. */
function text(value: unknown, what: string): void {
  if (typeof value !== "string") throw new TypeError(`${what} must be a string: got ${describe(value)}`);
  if (value.includes("\0")) throw new RangeError(`${what} must not hold a NUL character: got ${JSON.stringify(value)}`);
}

/** What kept it from starting, in the house's words. A runtime's refusal, for want of a permission, stays as it is. */
function explained({ code, cause }: NotStarted, command: string): unknown {
  const found = Object.entries(errnoNames).find(([, name]) => name === code);
  if (found === undefined) return cause;
  return failure(-Number(found[0]), {
    what: `start ${describe(command)}`,
    operation: "spawn",
    path: command,
    states: {
      E2BIG: "the arguments and the environment are too long",
      EACCES: "it may not be executed",
      EAGAIN: "there are too many processes",
      ENOENT: "there is no such program",
      ENOEXEC: "it is no program for this machine",
    },
  });
}
