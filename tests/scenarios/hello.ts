// Says which lane it runs in, its arguments and its input: proves the driver, and nothing of hawser.
import process from "node:process";
import { readFileSync } from "node:fs";

const lane = "Deno" in globalThis
  ? "deno"
  : "Bun" in globalThis
  ? "bun"
  : Number(process.versions.node.split(".")[0]) >= 26
  ? "node26"
  : "node20";
const args = process.argv.slice(2);
const input = args.includes("--stay") ? "" : readFileSync(0, "utf8");
console.log([lane, ...args, ...(input ? [input] : [])].join(" "));
if (args[0] === "--exit") process.exitCode = Number(args[1]);
if (args.includes("--stay")) setInterval(() => {}, 1000);
