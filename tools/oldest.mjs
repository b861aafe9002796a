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
  // Node 22 strips types but knows no `using`: like the host's Node it gets what tsc made.
  const command = (name, scenario) => {
    const [path, ...flags] = runtimes[name];
    const program = name.startsWith("Node")
      ? `${compiled}tests/scenarios/${scenario}.js`
      : `${root}tests/scenarios/${scenario}.ts`;
    return [`${folder}node_modules/${path}`, ...flags, program];
  };
  const there = Object.keys(runtimes).filter((name) => existsSync(command(name, "")[0]));
  for (const { scenario, args = [], stdout } of JSON.parse(readFileSync(`${root}tests/oldest.json`, "utf8"))) {
    // A scenario may start itself in the others, tests/support/partners.ts.
    const partners = JSON.stringify(Object.fromEntries(there.map((name) => [name, command(name, scenario)])));
    for (const [name, [path]] of Object.entries(runtimes)) {
      const what = `${[scenario, ...args].join(" ")} on ${name}`;
      if (!there.includes(name)) {
        out.skipped.push({ name: what, reason: `no ${path} for this platform` });
        continue;
      }
      const run = await watched([...command(name, scenario), ...args], {
        quiet: true,
        seconds: 60,
        env: { NO_COLOR: "1", HAWSER_PARTNERS: partners },
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
