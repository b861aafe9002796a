// What tools/bench.mjs runs in each runtime: one module of bench/, its rows written to a file.
import { writeFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [path, out, text] = process.argv.slice(2);
const { quick, runtime, group } = JSON.parse(text);
const module = await import(pathToFileURL(path).href);
// A module with neither is what the others share.
const shared = module.group === undefined && module.rows === undefined;
if (!shared && (typeof module.group !== "string" || typeof module.rows !== "function")) {
  throw new TypeError(`${path} exports no group and rows`);
}
const wanted = !shared && (group === undefined || group === module.group);
const rows = wanted ? await module.rows({ quick, runtime }) : [];
writeFileSync(
  out,
  JSON.stringify({ group: module.group, rows: rows.map((row) => ({ group: module.group, runtime, ...row })) }),
);
process.exit(0);
