// A library that is newer than its table: a signature is changed in a copy of the sources and built, and ffi/symbols.ts
// is left as it was. Each runtime must refuse the library by its hash before it calls anything with wrong arguments.
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { bin, lanes, root } from "../bins.mjs";
import { compiled, work } from "../setup.mjs";
import { watched } from "../watched.mjs";

const copy = `${work}staleness/`;
const fault = ["pub fn memory_lock(handle: Handle)", "pub fn memory_lock(handle: Handle, _: u32)"];

/** Builds the library in the copy, with the fault or without, and puts it where each runtime's loader looks. */
async function build(change) {
  const path = `${copy}zig/src/exports.zig`;
  const text = readFileSync(`${root}zig/src/exports.zig`, "utf8");
  const changed = text.replace(...(change ? fault : ["", ""]));
  if (change && changed === text) throw new Error("the edit of exports.zig changes nothing");
  writeFileSync(path, changed);
  const run = await watched([bin("zig"), "build"], { quiet: true, cwd: `${copy}zig`, seconds: 120 });
  if (run.why !== "") throw new Error(`zig build: ${run.why}\n${run.output}`);
  for (const tree of ["sources", "compiled"]) {
    for (const target of ["linux-x86_64", "linux-aarch64"]) {
      const native = `${copy}${tree}/ffi/native/${target}`;
      rmSync(native, { recursive: true, force: true });
      mkdirSync(native, { recursive: true });
      cpSync(`${copy}zig/zig-out/${target}/libhawser.so`, `${native}/libhawser.so`);
    }
  }
}

/** What the program of the loader tests says in a lane. */
async function say(lane) {
  const path = lane === "node20" ? `${copy}compiled/tests/scenarios/load.js` : `${copy}sources/tests/scenarios/load.ts`;
  const command = [bin(lane), ...(lane === "deno" ? ["run", "-A", "--quiet"] : []), path];
  const { output } = await watched(command, { quiet: true, seconds: 60, env: { NO_COLOR: "1" } });
  return output.trim();
}

/** One line for each lane whose answer is not the wanted one. */
async function otherThan(wanted) {
  const wrong = [];
  for (const lane of lanes) {
    const said = await say(lane);
    if (!wanted.test(said)) wrong.push(`${lane}: ${said}`);
  }
  return wrong;
}

export default {
  name: "staleness",
  what: "a signature that was changed without making the table anew, at run time",
  async run() {
    rmSync(copy, { recursive: true, force: true });
    try {
      for (const part of ["mod.ts", "lib", "ffi", "tests/scenarios", "tests/support"]) {
        cpSync(root + part, `${copy}sources/${part}`, { recursive: true });
      }
      for (const part of ["mod.js", "lib", "ffi", "tests/scenarios", "tests/support"]) {
        cpSync(compiled + part, `${copy}compiled/${part}`, { recursive: true, dereference: true });
      }
      cpSync(`${root}zig`, `${copy}zig`, { recursive: true, filter: (from) => !from.endsWith("zig-out") });
      symlinkSync(`${root}node_modules`, `${copy}node_modules`);
      writeFileSync(`${copy}package.json`, `{ "type": "module" }\n`);

      await build(false);
      const unwell = await otherThan(/^\{"via":"file",/);
      if (unwell.length > 0) return { red: false, output: `Without a fault:\n${unwell.join("\n")}` };
      await build(true);
      const missed = await otherThan(/"ERR_ABI".*libhawser\.so.*0x[0-9a-f]{8} .*0x[0-9a-f]{8} /);
      return { red: missed.length === 0, output: missed.join("\n") };
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  },
};
