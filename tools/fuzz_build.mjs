// Builds and runs a fuzz target: a Zig object with coverage counters, linked with libFuzzer from Debian. (Zig's own
// fuzzer did not find a bug behind a four-byte magic in 16 million runs; this one needs a tenth of a second.)
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { bin, root } from "./bins.mjs";
import { command, work } from "./setup.mjs";

const folder = `${root}zig/fuzz/`;

/** The names of the targets: the files of zig/fuzz, without what they share. */
export function targets() {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".zig") && name !== "libfuzzer.zig")
    .map((name) => name.slice(0, -4)).sort();
}

/** The newest libFuzzer that Debian's libclang-rt packages have put here, or null. */
export function libFuzzer() {
  const llvm = "/usr/lib/";
  const found = [];
  for (const version of readdirSync(llvm).filter((name) => /^llvm-\d+$/.test(name))) {
    const clang = `${llvm}${version}/lib/clang/`;
    if (!existsSync(clang)) continue;
    for (const name of readdirSync(clang)) {
      const path = `${clang}${name}/lib/linux/libclang_rt.fuzzer-x86_64.a`;
      if (existsSync(path)) found.push({ path, version: Number(version.slice(5)) });
    }
  }
  return found.sort((a, b) => b.version - a.version)[0]?.path ?? null;
}

/**
 * Builds one target.
 *
 * @param {string} name A file of zig/fuzz; it sees zig/src/NAME.zig as the module NAME.
 * @param {{ planted?: boolean }} [options] `planted` builds a copy with a bug in it, to try the fuzzer on.
 * @returns {string} The path of the program.
 */
export function buildFuzz(name, { planted = false } = {}) {
  const archive = libFuzzer();
  if (archive === null) throw new Error("libFuzzer is not here: apt-get install -y g++ libclang-rt-14-dev");
  const out = `${work}fuzz/${name}${planted ? "-planted" : ""}/`;
  mkdirSync(out, { recursive: true });
  writeFileSync(`${out}options.zig`, `pub const planted = ${planted};\n`);
  // Both modules are instrumented, so these stand before each -M. No stack probes: they would need Zig's compiler_rt.
  const instrumented = ["-ffuzz", "-fno-stack-check", "-O", "ReleaseSafe"];
  command(bin("zig"), [
    "build-obj",
    "-fllvm",
    "-fPIC",
    ...instrumented,
    ...["--dep", name, "--dep", "options"],
    `-Mroot=${folder}${name}.zig`,
    ...instrumented,
    `-M${name}=${root}zig/src/${name}.zig`,
    `-Moptions=${out}options.zig`,
    `-femit-bin=${out}target.o`,
  ]);
  command("g++", ["-o", `${out}target`, `${out}target.o`, archive]);
  return `${out}target`;
}

/**
 * Runs a built target.
 *
 * @param {string} path The program, from {@linkcode buildFuzz}.
 * @param {{ seconds: number, seed?: number, fresh?: boolean }} options `fresh` begins without the kept corpus.
 * @returns {Promise<{ found: boolean, executions: number, edges: number, corpus: number, seconds: number, seed: number,
 *   output: string }>} What it did; `found` when it stopped at a crash.
 */
export async function runFuzz(path, { seconds, seed = 1 + Math.floor(Math.random() * 2 ** 31), fresh = false }) {
  const corpus = `${path}.corpus/`;
  if (fresh) rmSync(corpus, { recursive: true, force: true });
  mkdirSync(corpus, { recursive: true });
  const start = performance.now();
  const child = spawn(path, [
    `-max_total_time=${seconds}`,
    `-seed=${seed}`,
    "-max_len=4096",
    "-timeout=10", // One input that runs longer is a finding too.
    "-print_final_stats=1",
    `-artifact_prefix=${path}.`,
    corpus,
  ], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  let edges = 0;
  child.stderr.setEncoding("utf8").on("data", (text) => {
    for (const [, number] of text.matchAll(/ cov: (\d+)/g)) edges = Math.max(edges, Number(number));
    output = (output + text).slice(-8192);
  });
  // It ends by itself; a hang of its own must not become ours.
  const watchdog = setTimeout(() => child.kill("SIGKILL"), (seconds + 30) * 1000);
  const stop = () => child.kill("SIGKILL");
  process.once("exit", stop);
  const status = await new Promise((done, failed) => child.on("error", failed).on("close", done));
  clearTimeout(watchdog);
  process.off("exit", stop);
  // Only libFuzzer's own verdict counts: a target that could not start is not one that found something.
  const found = /^SUMMARY: libFuzzer: (deadly signal|timeout|out-of-memory)/m.test(output);
  if (status !== 0 && !found) throw new Error(`${path} ended with ${status} and no verdict:\n${output}`);
  return {
    found,
    executions: Number(/stat::number_of_executed_units: (\d+)/.exec(output)?.[1] ?? /#(\d+)/.exec(output)?.[1] ?? 0),
    edges,
    corpus: readdirSync(corpus).length,
    seconds: (performance.now() - start) / 1000,
    seed,
    output,
  };
}
