// node tools/run.mjs deno|bun|zig|node26|node20 ARGS... : runs the pinned binary.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { bin } from "./bins.mjs";

const [name, ...args] = process.argv.slice(2);
const r = spawnSync(bin(name), args, { stdio: "inherit", env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" } });
if (r.error) console.error(String(r.error));
process.exit(r.status ?? 1);
