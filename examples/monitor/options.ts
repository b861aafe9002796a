// The command line of main.ts.
import { resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { isInterval, logMax } from "./control.ts";
import type { RoleName } from "./role.ts";

const usage = `usage: main.ts [--once] [--interval MS] [--log PATH]
  --once          print one snapshot as JSON and end
  --interval MS   the time between two samples, 1000 by default (with --once 200)
  --log PATH      where to make the FIFO for the log, in the folder for temporary files by default
  --collector RUNTIME, --aggregator RUNTIME, --viewer RUNTIME   bun, deno or node`;

/** What it may say. */
export interface Options {
  once: boolean;
  interval: number;
  log: string | undefined;
  /** The runtime of each role. */
  roles: Record<RoleName, string>;
}

/** Reads it, or says what is wrong with it and ends the process. */
export function options(runtimes: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: "boolean", default: false },
        interval: { type: "string" },
        log: { type: "string" },
        collector: { type: "string", default: "bun" },
        aggregator: { type: "string", default: "deno" },
        viewer: { type: "string", default: "node" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const { once, interval = once ? "200" : "1000", log, help, ...roles } = values;
    if (help) {
      console.log(usage);
      process.exit(0);
    }
    if (!isInterval(interval)) throw new Error(`--interval ${interval} is no time in ms`);
    const path = log === undefined ? undefined : resolve(log);
    if (path !== undefined && Buffer.byteLength(path) > logMax) throw new Error(`--log has more than ${logMax} bytes`);
    for (const [role, runtime] of Object.entries(roles)) {
      if (!runtimes.includes(runtime)) throw new Error(`--${role} ${runtime} is none of bun, deno and node`);
    }
    return { once, interval: Number(interval), log: path, roles };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}
