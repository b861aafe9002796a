// npm run check: all that can be said of the tree without running it: format, lint, types, floors, docs, stale
// generated files, publishing. `npm run check -- sabotage [NAME ...]` breaks things on purpose and fails unless each
// harness goes red. In CI both also run as lanes of `npm test`, so that its last line counts them.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bin, root } from "./bins.mjs";
import { collect, entries } from "./examples.mjs";
import { floorErrors } from "./floors.mjs";
import { inCI, setup } from "./setup.mjs";
import { watched } from "./watched.mjs";

/** Runs a command and returns what it said if it failed, else "". */
async function command(path, args, options = {}) {
  const run = await watched([path, ...args], { quiet: true, seconds: 180, ...options });
  return run.why === "" ? "" : `${run.output.trim()}\n${run.why}`;
}

const deno = (...args) => command(bin("deno"), args, { env: { NO_COLOR: "1" } });
const script = (path, ...args) =>
  command(bin("node26"), [`${root}node_modules/${path}`, ...args], { env: { NO_COLOR: "1" } });
const git = (...args) => spawnSync("git", args, { cwd: root, encoding: "utf8" });

function entryPaths() {
  const paths = entries().map(({ path }) => path);
  const missing = paths.filter((path) => !existsSync(root + path));
  if (missing.length > 0) throw new Error(`deno.json exports what is not there: ${missing.join(", ")}`);
  return paths;
}

/** Names that one file must not hold, which are therefore put together from parts here. */
const join = (...parts) => parts.join("");
const machine = `(/${join("wo", "rk")}/|/${join("fa", "rm")}/|/${join("ro", "ot")}/|${
  join("registry", "\\.npm")
}|/tmp/(probe|bench))`;
const soft = `\\b(it|test|describe)\\.(skip|todo|only)\\b|${join("TO", "DO")}|${join("FIX", "ME")}|${
  join("not ", "implemented")
}`;

function grep(pattern, ...paths) {
  const run = git("grep", "--untracked", "-nIE", pattern, "--", ...paths);
  if (run.error) throw run.error;
  if (run.status > 1) throw new Error(run.stderr);
  return run.stdout.trim();
}

/** What `check` goes through: each says what is wrong, or "". */
export const steps = [
  {
    name: "generated files",
    // Before set-up builds anything: it would write what this step is to find missing.
    run: () => command(process.execPath, ["tools/build.mjs", "--check"]),
  },
  {
    name: "generated files are committed",
    run: () =>
      !inCI ? "" : git("status", "--porcelain", "--", "ffi/symbols.ts", "ffi/embedded").stdout.trim().replace(
        /^/gm,
        "differs from a fresh build: ",
      ).replace(/^differs from a fresh build: $/, ""),
  },
  { name: "deno fmt", run: () => deno("fmt", "--check") },
  {
    name: "zig fmt",
    run: () =>
      command(bin("zig"), [
        "fmt",
        "--check",
        ...["build.zig", "src", "fuzz"].map((p) => `zig/${p}`).filter((p) => existsSync(root + p)),
      ]),
  },
  { name: "deno lint", run: () => deno("lint") },
  { name: "floors", run: () => floorErrors().join("\n") },
  {
    name: "set-up",
    run: async () => (await setup({ native: true, dist: true })).join("\n"),
  },
  { name: "tsc", run: () => script("typescript/bin/tsc", "-p", ".", "--pretty", "false") },
  { name: "deno check", run: () => deno("check", "--quiet", ...entryPaths()) },
  { name: "deno doc --lint", run: () => deno("doc", "--quiet", "--lint", ...entryPaths()) },
  {
    name: "every exported symbol has an example",
    run: () => {
      const { symbols } = collect();
      const without = symbols.filter((symbol) => symbol.examples === 0);
      const share = `${symbols.length - without.length} of ${symbols.length} exported symbols have an example`;
      console.log(`     ${share}`);
      return without.length === 0 ? "" : [share, ...without.map(({ name, where }) => `${where}: ${name}`)].join("\n");
    },
  },
  { name: "deno publish --dry-run", run: () => deno("publish", "--quiet", "--dry-run", "--allow-dirty") },
  { name: "publint", run: () => script("publint/src/cli.js", "--strict") },
  { name: "attw", run: () => script("@arethetypeswrong/cli/dist/index.js", "--pack", ".", "--profile", "esm-only") },
  { name: "no machine paths, no registry hosts", run: () => grep(machine, ".", ":!package-lock.json") },
  { name: "no skips, no stubs", run: () => grep(soft, "*.ts", "*.zig", "*.mjs") },
];

async function timed(name, run) {
  const start = performance.now();
  let wrong;
  try {
    wrong = (await run()) ?? "";
  } catch (error) {
    wrong = error.message;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${wrong === "" ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  if (wrong !== "") console.log(`     ${wrong.split("\n").slice(0, 60).join("\n     ")}`);
  return wrong;
}

/** Runs all steps and adds them to `out`, one test each, as tools/test.mjs counts. */
export async function runCheck(out, only = []) {
  const start = performance.now();
  for (const { name, run } of steps) {
    if (only.length > 0 && !only.some((word) => name.includes(word))) continue;
    if (await timed(name, run)) out.failed.push(name);
    else out.passed++;
  }
  out.seconds = (performance.now() - start) / 1000;
  return out;
}

/** The names of the sabotage cases: tools/sabotage/NAME.mjs. */
export const sabotages = () =>
  readdirSync(`${root}tools/sabotage`).filter((f) => /^[^_].*\.mjs$/.test(f)).map((f) => f.slice(0, -4)).sort();

/** Runs sabotage cases, of a file as many at once as it says; each must make its harness red. */
export async function runSabotage(out, names = []) {
  const start = performance.now();
  for (const file of names.length > 0 ? names : sabotages()) {
    const { default: cases, atOnce = 1 } = await import(`./sabotage/${file}.mjs`);
    const left = [cases].flat();
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) await sabotageCase(out, one);
    }));
  }
  out.seconds = (performance.now() - start) / 1000;
  return out;
}

async function sabotageCase(out, { name, what, run }) {
  const wrong = await timed(`sabotage ${name}: ${what}`, async () => {
    const { red, output } = await run();
    return red ? "" : `stayed green:\n${output}`;
  });
  if (wrong) out.failed.push(`sabotage ${name} was not caught`);
  else out.passed++;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const usage = `usage: npm run check [-- STEP ...]\n       npm run check -- sabotage [NAME ...]
steps: ${steps.map(({ name }) => name).join(", ")}\nsabotage: ${sabotages().join(", ")}`;
  let words;
  try {
    words = parseArgs({ allowPositionals: true }).positionals;
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
  const sabotage = words[0] === "sabotage";
  const unknown = sabotage
    ? words.slice(1).filter((name) => !sabotages().includes(name))
    : words.filter((word) => !steps.some(({ name }) => name.includes(word)));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(", ")}\n${usage}`);
    process.exit(2);
  }
  const out = { passed: 0, failed: [], skipped: [], seconds: 0 };
  await setup({ native: sabotage, dist: sabotage, scenarios: sabotage });
  await (sabotage ? runSabotage(out, words.slice(1)) : runCheck(out, words));
  console.log(`${out.passed} ok, ${out.failed.length} failed (${out.seconds.toFixed(1)} s)`);
  process.exit(out.failed.length > 0 ? 1 : 0);
}
