// npm run crash -- NAME [--rounds N] [--seed S] [--points POINT,...]: a crash harness of tests/crash/harness/, as often as
// asked, and at these kill points only. The seed is printed by the harness; the same one replays its choices.
import { programs, readArgs, runPrograms } from "./programs.mjs";

const known = programs("tests/crash/harness", [".ts", ".mjs"]);
const usage = `usage: npm run crash -- [NAME] [--rounds N] [--seed S] [--points POINT,...]
names: ${[...known.keys()].join(", ") || "none yet"} (all of them when none is given)`;
const string = { type: "string" };
const { values, positionals } = readArgs({ rounds: string, seed: string, points: string }, usage, ["rounds", "seed"]);
const args = Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
await runPrograms(known, positionals, () => args, 60 + Number(values.rounds ?? 1000) * 2, usage);
