// Makes a clone ready to run: packages, native library, dist/, compiled scenarios. Every driver in tools/ calls it, so
// `npm test` or `npm run demo` is the only command a newcomer types. What is done already is not done again: each step
// leaves a stamp of what it was made from. It says everything on stderr, since the demo prints JSON on stdout.
//
// Only node: modules are imported here: node_modules may not exist yet.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bin, root } from "./bins.mjs";

/** Where set-up, reports and compiled scenarios live; git-ignored. */
export const work = `${root}.work/`;

/** Says one line about set-up on stderr. */
export function say(line) {
  process.stderr.write(`set-up: ${line}\n`);
}

const read = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");

/** Whether this run is CI's, where nothing may be skipped silently. */
export const inCI = !["", "0", "false"].includes(process.env.CI ?? "");

/** The sorted paths of the files under `folder` that `wanted` accepts, relative to the checkout. */
export function filesUnder(folder, wanted = () => true) {
  const found = [];
  const walk = (at) => {
    for (const entry of readdirSync(root + at, { withFileTypes: true })) {
      const path = at + entry.name;
      if (["node_modules", ".zig-cache", "zig-out", ".git"].includes(entry.name)) continue;
      if (entry.isDirectory()) walk(`${path}/`);
      else if (wanted(path)) found.push(path);
    }
  };
  if (existsSync(root + folder)) walk(folder.endsWith("/") ? folder : `${folder}/`);
  return found.sort();
}

function hashOf(paths, ...more) {
  const hash = createHash("sha256");
  for (const path of paths) {
    hash.update(path).update("\0").update(existsSync(root + path) ? readFileSync(root + path) : "");
  }
  for (const text of more) hash.update(text);
  return hash.digest("hex");
}

/** Runs `make` unless the stamp `name` says that it ran for `key` and every file of `outputs` is still there. */
async function once(name, key, outputs, what, make) {
  const stamp = `${work}stamps/${name}`;
  if (read(stamp) === key && outputs.every((path) => existsSync(root + path))) return;
  const start = performance.now();
  say(`${what} ...`);
  rmSync(stamp, { force: true });
  await make();
  const missing = outputs.filter((path) => !existsSync(root + path));
  if (missing.length > 0) throw new Error(`set-up: ${what} left out ${missing.join(", ")}`);
  mkdirSync(`${work}stamps`, { recursive: true });
  writeFileSync(stamp, key);
  say(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** Runs a command with its output on stderr, and throws when it fails. */
export function command(path, args, options = {}) {
  const result = spawnSync(path, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${path} ${args.join(" ")}: exit ${result.status ?? result.signal}`);
}

/** Holds the checkout's set-up lock, so that two commands started at once build once. */
async function locked(task) {
  mkdirSync(work, { recursive: true });
  const lock = `${work}setup.lock`;
  for (let told = false, empty = 0;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = Number(read(lock));
    // An empty file is one whose owner is about to write its pid, or was killed before it could.
    empty = owner > 0 ? 0 : empty + 1;
    if (empty > 20 || (owner > 0 && !existsSync(`/proc/${owner}`))) {
      rmSync(lock, { force: true });
      empty = 0;
      continue;
    }
    if (!told && owner > 0) {
      say(`waiting for another set-up (pid ${owner})`);
      told = true;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  try {
    return await task();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Whether node_modules holds what package-lock.json lists, judged by the list that npm leaves in node_modules. */
export function installed(folder) {
  const hidden = read(`${folder}node_modules/.package-lock.json`);
  if (hidden === "") return false;
  const have = JSON.parse(hidden).packages;
  const want = JSON.parse(read(`${folder}package-lock.json`)).packages;
  for (const [path, entry] of Object.entries(want)) {
    if (path === "" || !path.startsWith("node_modules/")) continue;
    const there = have[path];
    // Packages of other platforms are optional and absent.
    if (there === undefined ? !(entry.optional || entry.peer) : there.integrity !== entry.integrity) return false;
  }
  return true;
}

/** Runs `npm ci` in a folder, its words on stderr. */
export function npmCi(folder) {
  // npm names itself and its Node to the scripts it runs; both survive that node_modules is replaced under us.
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--no-update-notifier"];
  if (npm?.endsWith("npm-cli.js")) command(process.env.npm_node_execpath, [npm, ...args], { cwd: folder });
  else command("npm", args, { cwd: folder });
}

function packages() {
  const key = hashOf(["package-lock.json"]);
  // The stamp lies in node_modules, so it goes when that folder goes.
  const stamp = `${root}node_modules/.hawser-setup`;
  if (read(stamp) === key) return;
  if (!installed(root)) {
    say("npm ci (the toolchain comes with it, about 1 GB) ...");
    npmCi(root);
  }
  writeFileSync(stamp, key);
}

const zigSources = () => filesUnder("zig", (path) => /\.(zig|zon)$/.test(path));
const typeScriptSources = () => [
  "mod.ts",
  ...filesUnder("lib", (path) => path.endsWith(".ts")),
  ...filesUnder("ffi", (path) => path.endsWith(".ts")),
];

const nativeOutputs = ["ffi/native/linux-x86_64/libhawser.so", "ffi/native/linux-aarch64/libhawser.so"];

async function native() {
  const key = hashOf([...zigSources(), "tools/build.mjs", "tools/toolchain/package.json"]);
  await once("native", key, nativeOutputs, "native library", async () => {
    const { buildNative } = await import("./build.mjs");
    await buildNative();
  });
}

async function dist() {
  const key = hashOf([
    ...typeScriptSources(),
    ...nativeOutputs,
    "tsconfig.json",
    "tsconfig.build.json",
    "tools/build.mjs",
  ]);
  await once("dist", key, ["dist/mod.js", "dist/mod.d.ts"], "dist/", async () => {
    const { buildDist } = await import("./build.mjs");
    await buildDist();
  });
}

/** What Node 20 can't read as TypeScript is compiled here, sources and all, so that one program is one tree. */
export const compiled = `${work}compiled/`;

async function scenarios() {
  const folders = ["tests/scenarios", "tests/support", "examples", "bench"];
  const sources = [...typeScriptSources(), ...folders.flatMap((f) => filesUnder(f, (path) => path.endsWith(".ts")))];
  const key = hashOf([...sources, ...nativeOutputs, "tsconfig.json"]);
  await once("compiled", key, [], "scenarios for Node 20", () => {
    // Aside first: a run may be using the old ones.
    const fresh = `${work}compiled-${process.pid}/`;
    mkdirSync(fresh, { recursive: true });
    const config = {
      extends: "../tsconfig.json",
      compilerOptions: { noEmit: false, rootDir: "..", outDir: fresh, declaration: false, allowJs: false },
      include: ["../mod.ts", "../lib", "../ffi", ...folders.map((f) => `../${f}`)],
    };
    writeFileSync(`${work}tsconfig.compiled.json`, JSON.stringify(config));
    // A type error is the check's to report; tsc writes the program all the same.
    const r = spawnSync(process.execPath, [
      `${root}node_modules/typescript/bin/tsc`,
      "-p",
      `${work}tsconfig.compiled.json`,
    ], {
      cwd: root,
      stdio: ["ignore", 2, 2],
    });
    if (r.error) throw r.error;
    // Programs that start others ask the real one for paths.
    mkdirSync(`${fresh}tools`, { recursive: true });
    writeFileSync(`${fresh}tools/bins.mjs`, `export * from "../../../tools/bins.mjs";\n`);
    // The loader looks for native/ beside itself. A copy, so that this tree stays of one piece while others build.
    if (existsSync(`${root}ffi/native`)) cpSync(`${root}ffi/native`, `${fresh}ffi/native`, { recursive: true });
    rmSync(compiled, { recursive: true, force: true });
    renameSync(fresh, compiled);
  });
}

/** What tests want from Debian: [{ program or file, package }], from tools/packages.json. */
export function wanted() {
  return JSON.parse(readFileSync(`${root}tools/packages.json`, "utf8"));
}

/** Whether an entry of tools/packages.json is there. */
export function present({ program, file }) {
  if (file) return existsSync(file);
  return (process.env.PATH ?? "").split(":").some((folder) => folder !== "" && existsSync(`${folder}/${program}`));
}

/** Installs the missing Debian packages in CI or when asked; elsewhere prints the command that would. */
export function debian(purpose = "test") {
  const asked = (entry) => [entry.for ?? "test"].flat().includes(purpose);
  const missing = wanted().filter((entry) => asked(entry) && !present(entry)).map((entry) => entry.package);
  if (missing.length === 0) return;
  const list = [...new Set(missing)].join(" ");
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  if (!inCI && process.env.HAWSER_SETUP !== "1") {
    say(
      `some tests want Debian packages and are skipped without: ${
        sudo.length ? "sudo " : ""
      }apt-get install -y ${list}`,
    );
    say("HAWSER_SETUP=1 installs them");
    return;
  }
  say(`apt-get install ${list}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const run = (...args) => {
    const [path, ...rest] = [...sudo, "apt-get", ...args];
    command(path, rest, { env });
  };
  try {
    run("-qq", "update");
    run("-qq", "install", "-y", "--no-install-recommends", ...new Set(missing));
  } catch (error) {
    // The tests that want them say so one by one, which tells more than stopping here.
    say(`Debian packages are missing: ${error.message}`);
  }
}

/**
 * Brings the clone up to date with its sources.
 *
 * @param {{ native?: boolean, dist?: boolean, scenarios?: boolean, debian?: boolean }} [steps] What the caller needs.
 * @returns {Promise<string[]>} What failed, one line each; throws only when nothing can run at all.
 */
export async function setup(steps = {}) {
  const failed = [];
  const step = async (name, run) => {
    try {
      await run();
    } catch (error) {
      failed.push(`${name}: ${error.message}`);
      say(`FAILED ${name}: ${error.message}`);
    }
  };
  await locked(async () => {
    await packages();
    if (steps.native ?? true) await step("native library", native);
    if (steps.dist ?? true) await step("dist/", dist);
    if (steps.scenarios) await step("scenarios for Node 20", scenarios);
    if (steps.debian) await step("Debian packages", () => debian());
  });
  return failed;
}

/** Environment for what the drivers start: no update checks, and the host's Node by name. */
export function childEnv(more = {}) {
  return { ...process.env, DENO_NO_UPDATE_CHECK: "1", HAWSER_NODE20: bin("node20"), ...more };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const failed = await setup({ scenarios: true, debian: true });
  process.exit(failed.length > 0 ? 1 : 0);
}
