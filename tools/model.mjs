// npm run model [-- NAME]: checks the protocol models of models/*.pml with spin: no assertion fails, no state is stuck.
import { mkdirSync } from "node:fs";
import process from "node:process";
import { root } from "./bins.mjs";
import { programs, readArgs, usageError } from "./programs.mjs";
import { debian, present, work } from "./setup.mjs";
import { watched } from "./watched.mjs";

const known = programs("models", [".pml"]);
const usage = `usage: npm run model -- [NAME]
names: ${[...known.keys()].join(", ") || "none yet"} (all of them when none is given)`;
const { positionals } = readArgs({}, usage);
const unknown = positionals.filter((name) => !known.has(name));
if (unknown.length > 0) usageError(`unknown: ${unknown.join(", ")}`, usage);
if (known.size === 0) usageError("there is no model yet", usage);

debian("model");
if (!present({ program: "spin" })) {
  console.error("The models want spin (apt-get install -y spin gcc)");
  process.exit(1);
}
let bad = 0;
for (const name of positionals.length > 0 ? positionals : known.keys()) {
  const folder = `${work}models/${name}`;
  mkdirSync(folder, { recursive: true });
  console.log(`=== ${name}`);
  const run = await watched(["spin", "-run", "-DSAFETY", "-O2", `${root}${known.get(name)}`], {
    cwd: folder,
    capture: true,
    seconds: 600,
  });
  const errors = /errors: (\d+)/.exec(run.output)?.[1];
  const good = run.why === "" && errors === "0";
  console.log(`--- ${name}: ${good ? "ok" : `FAILED: ${run.why || `${errors ?? "no"} errors reported`}`}`);
  if (!good) bad++;
}
process.exit(bad > 0 ? 1 : 0);
