// node tools/run.mjs deno|bun|zig|node26|node20 ARGS... : runs the pinned binary.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { bin } from "./bins.mjs";

const [name, ...args] = process.argv.slice(2);
// The host's Node by name: inside another runtime nothing else tells where it is.
const env = { ...process.env, DENO_NO_UPDATE_CHECK: "1", HAWSER_NODE20: bin("node20") };
const r = spawnSync(bin(name), args, { stdio: "inherit", env });
if (r.error) console.error(String(r.error));
process.exit(r.status ?? 1);
