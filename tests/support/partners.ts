/** The other runtimes of the lane `oldest`: a scenario starts itself in each of them. */
import { spawn } from "node:child_process";
import process from "node:process";

/** A runtime that can run the same scenario. */
export interface Partner {
  /** Its name and version, for messages. */
  readonly name: string;
  /** Starts the scenario there; `ended` rejects unless it exits 0. */
  start(args: readonly string[]): { readonly ended: Promise<void> };
}

/**
 * Every runtime of the lane, this one among them.
 *
 * @returns What tools/oldest.mjs tells in HAWSER_PARTNERS.
 */
export function partners(): Partner[] {
  const told = JSON.parse(process.env.HAWSER_PARTNERS ?? "{}") as Record<string, string[]>;
  const found = Object.entries(told);
  if (found.length === 0) throw new Error("HAWSER_PARTNERS names no runtime: run this by `npm test -- oldest`");
  return found.map(([name, command]) => ({
    name,
    start(args) {
      const child = spawn(command[0]!, [...command.slice(1), ...args], { stdio: ["ignore", "ignore", "inherit"] });
      const ended = new Promise<void>((done, failed) => {
        child.on("error", failed);
        child.on("exit", (status, signal) => {
          if (status === 0) done();
          else failed(new Error(`${name} ended with ${signal ?? status}`));
        });
      });
      ended.catch(() => {}); // Told to whoever awaits it.
      return { ended };
    },
  }));
}
