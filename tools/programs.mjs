// What crash, soak and model share: programs found by name in a folder, each run on Node 26 with the arguments it
// knows. A program says on stdout what it counted and exits 0 only when all of it held.
import { basename, extname } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { bin, root } from "./bins.mjs";
import { filesUnder, setup } from "./setup.mjs";
import { watched } from "./watched.mjs";

/** Prints what is wrong and how it is said right, and ends with 2. */
export function usageError(message, usage) {
  console.error(`${message}\n${usage}`);
  process.exit(2);
}

/** parseArgs, with a usage error where it throws; options whose names stand in `numbers` must be numbers >= 0. */
export function readArgs(options, usage, numbers = []) {
  let read;
  try {
    read = parseArgs({ allowPositionals: true, options: { ...options, help: { type: "boolean", short: "h" } } });
  } catch (error) {
    usageError(error.message, usage);
  }
  if (read.values.help) {
    console.log(usage);
    process.exit(0);
  }
  for (const name of numbers) {
    const text = read.values[name];
    if (text !== undefined && !/^\d+(\.\d+)?$/.test(text)) usageError(`--${name} is not a number: ${text}`, usage);
  }
  return read;
}

/** The programs of a folder by name: a Map from NAME to its path in the checkout. */
export function programs(folder, extensions) {
  const files = filesUnder(folder, (path) => extensions.includes(extname(path)) && !basename(path).startsWith("_"));
  return new Map(files.map((path) => [basename(path, extname(path)), path]));
}

/**
 * Runs one program on Node 26, or all of them when no name is given.
 *
 * @param {Map<string, string>} known The programs by name.
 * @param {string[]} names Those asked for; all when empty.
 * @param {(name: string) => string[]} argsOf What to pass.
 * @param {number} seconds The limit of each.
 */
export async function runPrograms(known, names, argsOf, seconds, usage) {
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    usageError(`unknown: ${unknown.join(", ")}; there is: ${[...known.keys()].join(", ") || "none yet"}`, usage);
  }
  if (known.size === 0) usageError("there is none yet", usage);
  const failed = await setup({ scenarios: true });
  if (failed.length > 0) process.exit(1);
  let bad = 0;
  for (const name of names.length > 0 ? names : known.keys()) {
    console.log(`=== ${name}`);
    const run = await watched([bin("node26"), `${root}${known.get(name)}`, ...argsOf(name)], { seconds });
    console.log(`--- ${name}: ${run.why === "" ? "ok" : `FAILED: ${run.why}`} (${run.seconds.toFixed(1)} s)`);
    if (run.why !== "") bad++;
  }
  process.exit(bad > 0 ? 1 : 0);
}
