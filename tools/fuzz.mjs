// npm run fuzz -- TARGET [--seconds N] [--seed S]   fuzzes a target of zig/fuzz (all of them when none is named)
// npm run fuzz -- self [--seconds N]                plants a bug in each target; exits 0 only when it is found
import process from "node:process";
import { parseArgs } from "node:util";
import { buildFuzz, runFuzz, targets } from "./fuzz_build.mjs";
import { setup } from "./setup.mjs";

const usage = `usage: npm run fuzz -- [${targets().join("|")}|self] [--seconds N] [--seed S]`;

let asked;
try {
  asked = parseArgs({ allowPositionals: true, options: { seconds: { type: "string" }, seed: { type: "string" } } });
} catch (error) {
  console.error(`${error.message}\n${usage}`);
  process.exit(2);
}
const [name] = asked.positionals;
const self = name === "self";
const seconds = Number(asked.values.seconds ?? (self ? 30 : 60));
const seed = asked.values.seed === undefined ? undefined : Number(asked.values.seed);
const known = name === undefined || self || targets().includes(name);
if (!known || asked.positionals.length > 1 || !(seconds > 0) || (seed !== undefined && !Number.isInteger(seed))) {
  console.error(usage);
  process.exit(2);
}

await setup({ native: false, dist: false });
let bad = 0;
for (const target of name === undefined || self ? targets() : [name]) {
  const path = buildFuzz(target, { planted: self });
  const run = await runFuzz(path, { seconds, ...(seed !== undefined && { seed }), fresh: self });
  console.log(
    `fuzz ${target}${self ? " with a planted bug" : ""}: ${run.executions} executions, ${run.edges} covered edges, ` +
      `${run.corpus} inputs in the corpus, ${run.seconds.toFixed(1)} s, seed ${run.seed}: ` +
      (run.found ? "FOUND a crash" : "no crash"),
  );
  if (run.found !== self) {
    console.error(run.output);
    bad++;
  }
}
process.exit(bad > 0 ? 1 : 0);
