// npm run model [-- NAME ... [--sabotage FAULT]]: checks the protocol models of models/*.pml with spin, all interleavings
// of each variant.
//
// A model says in its head what is run: `variant: NAME [DEFINES]` and `sabotage: FAULT DEFINES`. With a fault planted a
// counter-example is what is hoped for; it is printed, and the exit status is 1 as for any other.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { root } from "./bins.mjs";
import { driftOf } from "./model_names.mjs";
import { programs, readArgs, usageError } from "./programs.mjs";
import { debian, present, work } from "./setup.mjs";
import { watched } from "./watched.mjs";

const known = programs("models", [".pml"]);
const usage = `usage: npm run model -- [NAME ...] [--sabotage FAULT]
names: ${[...known.keys()].join(", ") || "none yet"} (all of them when none is given)`;
const { positionals, values } = readArgs({ sabotage: { type: "string" } }, usage);
const unknown = positionals.filter((name) => !known.has(name));
if (unknown.length > 0) usageError(`unknown: ${unknown.join(", ")}`, usage);
if (known.size === 0) usageError("there is no model yet", usage);

/** The lines `kind: NAME DEFINES` of a model's head: a Map from names to lists of defines. */
const listed = (text, kind) =>
  new Map([...text.matchAll(new RegExp(`^ *${kind}: (\\S+) *((?:-D\\S+ *)*)`, "gm"))].map(
    ([, name, defines]) => [name, defines.split(" ").filter(Boolean)],
  ));

/** Searches one variant: what is wrong, and which statements nothing reached. */
async function search(path, name, folder, defines) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // -E: a thread that is dead stands where it died. What must not get stuck the models assert.
  const options = ["-run", "-E", "-O2", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=2048", "-m100000"];
  const { why, output, seconds } = await watched(["spin", ...defines, ...options, path], {
    cwd: folder,
    quiet: true,
    seconds: 300,
  });
  const states = /(\d+) states, stored/.exec(output)?.[1] ?? "no";
  console.log(`    ${states} states, ${seconds.toFixed(1)} s`);
  const trail = `${folder}/${name}.pml.trail`;
  const unreached = [...output.matchAll(/^\t\S+\.pml:(\d+), state \d+, (".*")$/gm)].map((m) => `line ${m[1]}: ${m[2]}`);
  if (existsSync(trail)) {
    const replay = await watched(["spin", ...defines, "-k", trail, path], { cwd: folder, quiet: true });
    const steps = replay.output.split("\n").filter((line) => /^ *thread|^ *the kernel|assert/.test(line));
    console.log(steps.map((line) => `    ${line.trim()}`).join("\n"));
    return { wrong: "counter-example found", unreached };
  }
  if (why !== "") return { wrong: `${why}\n${output}`, unreached };
  // A search that was cut short has found nothing because it did not look.
  const cut = /Search not completed|max search depth|out of memory|memory (bound|limit)|MEMLIM/i.exec(output)?.[0];
  if (cut !== undefined || !/errors: 0$/m.test(output)) return { wrong: cut ?? `no result\n${output}`, unreached };
  return { wrong: "", unreached };
}

/** Checks one model: what is wrong, or "". */
async function check(name) {
  const path = root + known.get(name);
  const text = readFileSync(path, "utf8");
  const faults = listed(text, "sabotage");
  if (values.sabotage !== undefined && !faults.has(values.sabotage)) {
    usageError(`${name} knows no fault ${values.sabotage}: ${[...faults.keys()].join(", ") || "none"}`, usage);
  }
  const drift = driftOf(readFileSync(`${root}zig/src/${name}.zig`, "utf8"), text);
  if (drift.length > 0) return drift.join("\n");
  const variants = listed(text, "variant");
  if (variants.size === 0) return "its head lists no variant";
  let never;
  for (const [variant, defines] of variants) {
    console.log(`  ${variant}`);
    const fault = values.sabotage === undefined ? [] : faults.get(values.sabotage);
    const folder = `${work}models/${name}-${variant}-${values.sabotage ?? "as-it-is"}`;
    const { wrong, unreached } = await search(path, name, folder, [...defines, ...fault]);
    if (wrong !== "") return `${variant}: ${wrong}`;
    never = never?.filter((line) => unreached.includes(line)) ?? unreached;
  }
  return never.length > 0 ? `no variant reaches\n${never.join("\n")}` : "";
}

debian("model");
if (!present({ program: "spin" })) {
  console.error("The models want spin (apt-get install -y spin gcc)");
  process.exit(1);
}
let bad = 0;
for (const name of positionals.length > 0 ? positionals : known.keys()) {
  console.log(`=== ${name}`);
  const wrong = await check(name);
  console.log(`--- ${name}: ${wrong === "" ? "ok" : `FAILED: ${wrong}`}`);
  if (wrong !== "") bad++;
}
process.exit(bad > 0 ? 1 : 0);
