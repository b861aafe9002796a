// The lane `oldest`: one scenario of each family on Node 22, Node 24 and the oldest Bun and Deno that hawser claims.
// The scenarios stand in tests/oldest.json: { scenario, args, stdout }, where stdout is a pattern, and exit 0 is wanted.
import { existsSync, readFileSync } from "node:fs";
import { root } from "./bins.mjs";
import { compiled, installed, npmCi } from "./setup.mjs";
import { watched } from "./watched.mjs";

const folder = `${root}tools/oldest/`;
const runtimes = {
  "Deno 2.9.0": ["@deno/linux-x64-glibc/deno", "run", "-A", "--quiet"],
  "Bun 1.2.23": ["@oven/bun-linux-x64/bin/bun"],
  "Node 22": ["node22/bin/node"],
  "Node 24": ["node24/bin/node"],
};

/** Runs the lane and adds to `out`, as tools/test.mjs counts. */
export async function runOldest(out) {
  const start = performance.now();
  if (!installed(folder)) {
    console.error("set-up: npm ci in tools/oldest ...");
    npmCi(folder);
  }
  for (const { scenario, args = [], stdout } of JSON.parse(readFileSync(`${root}tests/oldest.json`, "utf8"))) {
    for (const [name, [path, ...flags]] of Object.entries(runtimes)) {
      const binary = `${folder}node_modules/${path}`;
      const what = `${scenario} on ${name}`;
      if (!existsSync(binary)) {
        out.skipped.push({ name: what, reason: `no ${path} for this platform` });
        continue;
      }
      // Node 22 strips types but knows no `using`: like the host's Node it gets what tsc made.
      const program = name.startsWith("Node")
        ? `${compiled}tests/scenarios/${scenario}.js`
        : `${root}tests/scenarios/${scenario}.ts`;
      const run = await watched([binary, ...flags, program, ...args], {
        quiet: true,
        seconds: 60,
        env: { NO_COLOR: "1" },
      });
      const good = run.why === "" && (stdout === undefined || new RegExp(stdout).test(run.output));
      console.log(`${good ? "ok  " : "FAIL"} ${what} (${run.seconds.toFixed(1)} s)`);
      if (good) out.passed++;
      else out.failed.push(`${what}: ${run.why || "another output than wanted"}: ${run.output.trim().slice(-600)}`);
    }
  }
  if (out.passed + out.failed.length + out.skipped.length === 0) out.failed.push("the lane itself: no scenario");
  out.seconds = (performance.now() - start) / 1000;
  return out;
}
