// npm run soak -- [NAME] [--seconds N]: a program of tests/soak/ for a long time; it fails when memory, descriptors or
// threads grew.
import { programs, readArgs, runPrograms } from "./programs.mjs";

const known = programs("tests/soak", [".ts", ".mjs"]);
const usage = `usage: npm run soak -- [NAME] [--seconds N] [--seed S]
names: ${[...known.keys()].join(", ") || "none yet"} (all of them when none is given)`;
const string = { type: "string" };
const { values, positionals } = readArgs({ seconds: string, seed: string }, usage, ["seconds", "seed"]);
const seconds = values.seconds ?? "600";
const args = ["--seconds", seconds, ...(values.seed ? ["--seed", values.seed] : [])];
await runPrograms(known, positionals, () => args, Number(seconds) + 120, usage);
