// npm run bench -- [--group G] [--json FILE] [--quick]: each module of bench/ on each runtime, hawser beside its
// alternatives in one run. A missed must is printed as MISSED; only a bench that breaks fails the command.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { bin, lanes, root } from "./bins.mjs";
import { readArgs, usageError } from "./programs.mjs";
import { compiled, filesUnder, installed, npmCi, setup, work } from "./setup.mjs";
import { watched } from "./watched.mjs";

const usage = `usage: npm run bench -- [--group G] [--runtime R] [--json FILE] [--quick]
runtimes: ${lanes.join(", ")}`;
const string = { type: "string" };
const { values, positionals } = readArgs(
  { group: string, runtime: string, json: string, quick: { type: "boolean" } },
  usage,
);
if (positionals.length > 0) usageError(`unknown: ${positionals.join(", ")}`, usage);
if (values.runtime !== undefined && !lanes.includes(values.runtime)) usageError(`unknown: ${values.runtime}`, usage);

/** The value of a must beside its row: { good, text }, or null when it can't be read. */
function judge(row) {
  const must = /^(<=|>=|<|>)\s*(\d+(?:\.\d+)?)(?:\s*x\s+(.+))?$/.exec(row.must.trim());
  if (must === null) return null;
  const [, sign, number, peer] = must;
  if (peer !== undefined && typeof row.peers?.[peer] !== "number") return null;
  const limit = Number(number) * (peer === undefined ? 1 : row.peers[peer]);
  const value = row.hawser;
  return sign === "<=" ? value <= limit : sign === ">=" ? value >= limit : sign === "<" ? value < limit : value > limit;
}

const figure = (value) =>
  typeof value !== "number"
    ? "-"
    : value >= 1000
    ? value.toFixed(0)
    : value >= 10
    ? value.toFixed(1)
    : value.toPrecision(3);

const failures = await setup({ scenarios: true });
if (failures.length > 0) process.exit(1);
const peers = `${root}bench/peers/`;
if (!installed(peers)) {
  console.error("set-up: npm ci in bench/peers ...");
  npmCi(peers);
}
const modules = filesUnder("bench", (path) => /^bench\/[^_/][^/]*\.ts$/.test(path));
if (modules.length === 0) usageError("bench/ holds no module", usage);

const rows = [];
const groups = new Set();
let broken = 0;
for (const module of modules) {
  for (const runtime of values.runtime ? [values.runtime] : lanes) {
    const path = runtime === "node20" ? `${compiled}${module.replace(/\.ts$/, ".js")}` : `${root}${module}`;
    const out = `${work}bench.json`;
    rmSync(out, { force: true });
    const options = JSON.stringify({ quick: values.quick ?? false, runtime, group: values.group });
    const flags = runtime === "deno" ? ["run", "-A", "--quiet"] : [];
    const run = await watched([bin(runtime), ...flags, `${root}tools/bench_rows.mjs`, path, out, options], {
      seconds: 300,
    });
    const said = existsSync(out) ? JSON.parse(readFileSync(out, "utf8")) : null;
    if (said?.group) groups.add(said.group);
    if (run.why !== "" || said === null) {
      console.error(`${module} on ${runtime}: BROKEN: ${run.why || "it wrote no rows"}`);
      broken++;
    } else rows.push(...said.rows);
  }
}
if (values.group !== undefined && !groups.has(values.group)) {
  usageError(`unknown group: ${values.group}; there is: ${[...groups].join(", ")}`, usage);
}

let group = "";
for (const row of rows) {
  if (row.group !== group) console.log(`\n${row.group}`);
  group = row.group;
  const peers = Object.entries(row.peers ?? {}).map(([name, value]) =>
    `${name} ${figure(value)} (x ${figure(row.hawser / value)})`
  );
  const good = row.must ? judge(row) : true;
  const verdict = !row.must
    ? ""
    : good === null
    ? `  UNREADABLE must: ${row.must}`
    : good
    ? `  ok ${row.must}`
    : `  MISSED ${row.must}`;
  const name = `${row.case} [${row.runtime}${row.mode ? `, ${row.mode}` : ""}]`;
  const beside = peers.length > 0 ? `  beside ${peers.join(", ")}` : "";
  console.log(
    `  ${name.padEnd(52)} ${figure(row.hawser).padStart(8)} ${row.unit}${beside}${verdict}${
      row.note ? `  (${row.note})` : ""
    }`,
  );
}
const missed = rows.filter((row) => row.must && judge(row) === false).length;
console.log(
  `\n${rows.length} rows, ${missed} MISSED, ${broken} broken; ${cpus().length} CPUs, ${cpus()[0]?.model ?? "?"}`,
);
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
process.exit(broken > 0 ? 1 : 0);
