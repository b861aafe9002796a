// npm test [-- LANES or FILES ...]: one suite on every runtime, and everything that runs once, added up.
//
// The last line is `N passed, N failed, N skipped`. A lane passes only when it exits 0 in time and leaves a report with
// a test in it: a native crash takes Bun's whole process along, report and all, and `_exit(0)` looks like success.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { bin, lanes as runtimes, root } from "./bins.mjs";
import { filesUnder, inCI, present, setup, work } from "./setup.mjs";
import { watched } from "./watched.mjs";

const allLanes = [...runtimes, "once", "zig", "zig-arm64", "zig-tsan", "types", "examples"];
const onAsking = ["oldest", "check", "sabotage"];

const usage = `usage: npm test [-- LANES or FILES ... | oldest] [-t NAME]
lanes: ${allLanes.join(", ")} (all of them when none is named), ${
  onAsking.join(", ")
} (when named; in CI check and sabotage always)
files: paths or parts of paths of test files, for the vitest lanes`;

function stop(message) {
  console.error(`${message}\n${usage}`);
  process.exit(2);
}

let asked;
try {
  asked = parseArgs({
    allowPositionals: true,
    options: { testNamePattern: { type: "string", short: "t" }, help: { type: "boolean", short: "h" } },
  });
} catch (error) {
  stop(error.message);
}
if (asked.values.help) {
  console.log(usage);
  process.exit(0);
}
const filters = asked.positionals.filter((a) => !allLanes.includes(a) && !onAsking.includes(a));
let chosen = asked.positionals.filter((a) => allLanes.includes(a) || onAsking.includes(a));

// The driver's own sabotage cases plant their tests elsewhere, and can't wait for the ordinary limits.
const planted = process.env.HAWSER_PLANTED;
const testFolder = planted ?? "tests";
const seconds = (usual) => planted ? Number(process.env.HAWSER_SECONDS ?? 60) : usual;
const testFiles = filesUnder(testFolder, (path) => path.endsWith(".test.ts"));
const isOnce = (path) => /^(interop|crash|packaging)\//.test(path.slice(testFolder.length + 1));
const matching = (list) =>
  list.filter((path) => filters.length === 0 || filters.some((f) => path.includes(f.replace(/^\.\//, ""))));
if (filters.length > 0) {
  const hit = matching(testFiles);
  const unknown = filters.filter((f) => !testFiles.some((path) => path.includes(f.replace(/^\.\//, ""))));
  if (unknown.length > 0) stop(`No lane and no test file is called ${unknown.join(", ")}`);
  // Files belong to vitest lanes: named beside others only, they still want theirs.
  if (!chosen.some((lane) => runtimes.includes(lane) || lane === "once")) {
    if (hit.some((path) => !isOnce(path))) chosen.push(...runtimes);
    if (hit.some(isOnce)) chosen.push("once");
  }
}
// CI has one command and reads one line, so what `npm run check` says is counted in it.
if (chosen.length === 0) chosen = inCI ? ["check", ...allLanes, "sabotage"] : allLanes;

// Names of kernel objects begin with it (tests/support/watchdog.ts), so what is left can be told from others' work.
const token = `hawser-test-${process.pid}`;
process.env.HAWSER_RUN = token;
// A folder of its own for each run, since two may run at once; those of runs that ended make room.
const reports = `${work}reports/${process.pid}/`;
mkdirSync(reports, { recursive: true });
for (const pid of readdirSync(`${work}reports`)) {
  if (!existsSync(`/proc/${pid}`)) rmSync(`${work}reports/${pid}`, { recursive: true, force: true });
}
const skipList = JSON.parse(readFileSync(`${root}tests/skips.json`, "utf8"));

/** The entry of tests/skips.json for a test: its whole name, or a pattern with `*`. */
function allowed(lane, name) {
  return skipList.find((entry) => {
    if (entry.lane !== undefined && ![entry.lane].flat().includes(lane)) return false;
    const pattern = entry.test.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*");
    return new RegExp(`^${pattern}$`).test(name);
  });
}

/** What lanes resolve to: names of failed and skipped tests, and how many passed. */
const result = () => ({ passed: 0, failed: [], skipped: [], seconds: 0 });

async function vitest(lane) {
  const out = result();
  const report = `${reports}${lane}.json`;
  const runtime = lane === "once" ? "node26" : lane;
  const files = matching(testFiles).filter((path) => isOnce(path) === (lane === "once"));
  if (files.length === 0) {
    return lane === "once" && filters.length === 0 && !testFiles.some(isOnce) ? out : fail(out, "no test file");
  }
  const command = [
    bin(runtime),
    ...(runtime === "deno" ? ["run", "-A"] : []),
    `${root}node_modules/vitest/vitest.mjs`,
    "run",
  ];
  if (asked.values.testNamePattern) command.push("-t", asked.values.testNamePattern);
  if (filters.length > 0) command.push(...files);
  const env = { HAWSER_LANE: lane, HAWSER_REPORT: report };
  const run = await watched(command, { env, seconds: seconds(lane === "once" ? 900 : 420) });
  out.seconds = run.seconds;
  let said;
  try {
    said = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return fail(progress(out, report), run.why || "exit 0, but no report: the process ended in the middle");
  }
  for (const test of said.tests) {
    if (test.state === "passed") out.passed++;
    else if (test.state === "failed") out.failed.push(`${test.file} > ${test.name}`);
    // With -t everything else is skipped by vitest itself, which is what was asked for.
    else if (!asked.values.testNamePattern || test.reason) out.skipped.push({ name: test.name, reason: test.reason });
  }
  out.failed.push(...said.errors.map((error) => error.split("\n").slice(0, 12).join("\n      ")));
  if (out.failed.length === 0 && run.why) fail(out, run.why);
  if (out.passed + out.failed.length + out.skipped.length === 0) fail(out, "it reported no test");
  return out;
}

/** What is known of a run that left no report: what was counted so far, and what was running. */
function progress(out, report) {
  const path = `${report}.progress`;
  const last = new Map();
  for (const line of existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []) {
    const { file, name, state } = JSON.parse(line);
    last.set(`${file} > ${name}`, state);
  }
  for (const [name, state] of last) {
    if (state === "passed") out.passed++;
    else if (state === "failed") out.failed.push(name);
    else if (state === "running") out.failed.push(`${name}: did not end`);
  }
  return out;
}

const fail = (out, why) => {
  out.failed.push(`the lane itself: ${why}`);
  return out;
};

async function zig(lane) {
  const out = result();
  const args = { "zig-arm64": ["-Dtarget=aarch64-linux", "-fqemu"], "zig-tsan": ["-Dtsan=true"] }[lane] ?? [];
  if (!existsSync(`${root}zig/build.zig`)) return fail(out, "zig/build.zig is missing");
  if (lane === "zig-arm64" && !present({ program: "qemu-aarch64" })) {
    out.skipped.push({ name: "Zig unit tests on aarch64", reason: "needs qemu-aarch64 (Debian: qemu-user)" });
    return out;
  }
  const run = await watched([bin("zig"), "build", "test", "--summary", "all", "--color", "off", ...args], {
    cwd: `${root}zig`,
    capture: true,
    seconds: lane === "zig-tsan" ? 420 : 300, // ThreadSanitizer's runtime is built first.
  });
  out.seconds = run.seconds;
  const summary = /Build Summary:.*; (\d+)\/(\d+) tests passed(?: \(([^)]*)\))?/.exec(run.output);
  if (!summary) return fail(out, run.why || "it reported no test");
  const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(summary[3] ?? "")?.[1] ?? 0);
  out.passed = Number(summary[1]);
  const failed = Number(summary[2]) - out.passed - count("skipped");
  for (let i = 0; i < failed; i++) out.failed.push(`a Zig unit test (see above)`);
  const skipped = [...run.output.matchAll(/(?:^|\s)(\S*test\.\S.*?)\.*\s*SKIP/g)].map((m) => m[1]);
  for (let i = 0; i < count("skipped"); i++) {
    out.skipped.push({ name: skipped[i] ?? "a Zig unit test", reason: "error.SkipZigTest" });
  }
  if (failed === 0 && run.why) fail(out, run.why);
  if (Number(summary[2]) === 0) fail(out, "it reported no test");
  return out;
}

async function types() {
  const out = result();
  const files = filesUnder("tests/types", (path) => path.endsWith(".test-d.ts"));
  if (files.length === 0) return fail(out, "no test file");
  const run = await watched([bin("node26"), `${root}node_modules/tsd/dist/cli.js`], { capture: true, seconds: 120 });
  out.seconds = run.seconds;
  const bad = files.filter((path) => run.output.includes(path));
  out.failed.push(...bad);
  out.passed = files.length - bad.length;
  if (run.why && bad.length === 0) {
    out.passed = 0;
    fail(out, run.why);
  }
  return out;
}

async function examples() {
  const { runExamples } = await import("./examples.mjs");
  return await runExamples(result());
}

async function oldest() {
  const { runOldest } = await import("./oldest.mjs");
  return await runOldest(result());
}

async function check(lane) {
  const { runCheck, runSabotage } = await import("./check.mjs");
  return await (lane === "check" ? runCheck : runSabotage)(result());
}

const runLane = (lane) =>
  runtimes.includes(lane) || lane === "once"
    ? vitest(lane)
    : lane.startsWith("zig")
    ? zig(lane)
    : lane === "types"
    ? types()
    : lane === "oldest"
    ? oldest()
    : onAsking.includes(lane)
    ? check(lane)
    : examples();

/** Named kernel objects of the machine, to see what a lane leaves. */
function objects() {
  const found = [];
  for (const folder of ["/dev/shm", "/dev/mqueue"]) {
    if (existsSync(folder)) found.push(...readdirSync(folder).map((name) => `${folder}/${name}`));
  }
  for (const kind of ["shm", "msg", "sem"]) {
    const table = existsSync(`/proc/sysvipc/${kind}`) ? readFileSync(`/proc/sysvipc/${kind}`, "utf8") : "";
    for (const line of table.split("\n").slice(1)) {
      if (line.trim()) found.push(`System V ${kind} ${line.trim().split(/\s+/)[1]}`);
    }
  }
  return found;
}

const start = performance.now();
const setupFailures = planted ? [] : await setup({ scenarios: true, debian: true });
const total = { passed: 0, failed: 0, skipped: 0 };
const lines = [];
const failures = setupFailures.map((text) => `set-up: ${text}`);
const skips = [];
total.failed += setupFailures.length;

for (const lane of chosen) {
  console.log(`\n=== ${lane}`);
  const before = new Set(objects());
  let out;
  try {
    out = await runLane(lane);
  } catch (error) {
    out = fail(result(), error.stack ?? String(error));
  }
  // Other programs may make objects at the same time; in CI there are none, so there every new one is ours.
  const left = objects().filter((name) => !before.has(name) && (inCI || name.includes(token)));
  if (left.length > 0) fail(out, `left behind: ${left.join(", ")}`);
  for (const skip of out.skipped) {
    const entry = allowed(lane, skip.name);
    const reason = [skip.reason, entry?.reason, entry?.issue].filter(Boolean).join("; ") || "no reason given";
    skips.push(`${lane}: ${skip.name}: ${reason}`);
    if (inCI && !entry) out.failed.push(`skipped, and not in tests/skips.json: ${skip.name}`);
  }
  total.passed += out.passed;
  total.failed += out.failed.length;
  total.skipped += out.skipped.length;
  failures.push(...out.failed.map((text) => `${lane}: ${text}`));
  const counts = `${out.passed} passed, ${out.failed.length} failed, ${out.skipped.length} skipped`;
  lines.push(`${lane.padEnd(10)} ${counts.padEnd(40)} ${out.seconds.toFixed(1)} s`);
  console.log(`--- ${lines.at(-1)}`);
}

console.log(`\n${lines.join("\n")}\nall: ${((performance.now() - start) / 1000).toFixed(1)} s`);
if (skips.length > 0) console.log(`\nSkipped:\n  ${skips.join("\n  ")}`);
if (failures.length > 0) console.log(`\nFailed:\n  ${failures.join("\n  ")}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 ? 1 : 0);
