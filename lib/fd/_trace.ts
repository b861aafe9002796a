// Where each open Fd was made, for who looks for the one that stays open. Costs a comparison for each Fd while it is off.
import type { OpenFd } from "./types.ts";

interface Origin {
  readonly number: number;
  readonly stack: string;
  dropped: boolean;
}

/** The folder of this family, whose own calls do not matter. */
const here = new URL(".", import.meta.url).pathname;

let on = false;
/** By number: one that comes again was closed by somebody. */
const origins = new Map<number, Origin>();

const registry = new FinalizationRegistry<Origin>((origin) => {
  if (origins.get(origin.number) !== origin) return;
  origin.dropped = true;
  process.emitWarning(`Descriptor ${origin.number} was dropped without close(): nobody can close it any more`, {
    type: "HawserWarning",
    code: "HAWSER_FD_DROPPED",
    detail: `It was made\n${origin.stack}`,
  });
});

/** Remembers Fds from now on, or forgets all. */
export function trace(wanted: boolean): void {
  on = wanted;
  if (!on) origins.clear();
}

/** Notes a new Fd. */
export function made(fd: object, number: number): void {
  if (!on) return;
  const lines = (new Error().stack ?? "").split("\n").map((line) => line.trim());
  const stack = lines.filter((line) => /:\d+\)?$/.test(line) && !line.includes(here)).join("\n");
  const origin: Origin = { number, stack, dropped: false };
  origins.set(number, origin);
  registry.register(fd, origin, fd);
}

/** Notes that an Fd was closed or released. */
export function gone(fd: object, number: number): void {
  if (origins.size === 0) return;
  origins.delete(number);
  registry.unregister(fd);
}

/** Where a number's Fd was made, if that is known. */
export function originOf(number: number): string | undefined {
  return origins.get(number)?.stack.split("\n")[0];
}

/** Those that are open, oldest first. */
export function list(): OpenFd[] {
  return [...origins.values()].map(({ number, stack, dropped }) => ({ number, stack, dropped }));
}
