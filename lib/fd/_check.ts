import { describe } from "../core/_arguments.ts";
import { Fd } from "./fd.ts";

/** Refuses what is no Fd: its number. */
export function checkFd(fd: unknown, what: string): number {
  if (!(fd instanceof Fd)) throw new TypeError(`${what} must be an Fd: got ${describe(fd)}`);
  return fd.number;
}

/** Refuses where one of the two is no Fd: their numbers. */
export function checkEnds(from: unknown, to: unknown): readonly [number, number] {
  const source = checkFd(from, "from");
  return [source, checkFd(to, "to")];
}
