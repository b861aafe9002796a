// Stale generated files: a changed export, a changed table and a changed blob are each named by `build --check`, in a
// copy of what it needs.
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { root } from "../bins.mjs";
import { work } from "../setup.mjs";
import { watched } from "../watched.mjs";

const copy = `${work}stale/`;

function edit(path, change) {
  const before = readFileSync(copy + path, "utf8");
  const after = change(before);
  if (after === before) throw new Error(`the edit of ${path} changes nothing`);
  writeFileSync(copy + path, after);
}

const faults = {
  "an export that was added": [
    [
      "zig/src/exports.zig",
      (text) => `${text}\npub fn sabotage(value: u32) callconv(.c) i32 {\n    return @intCast(value & 1);\n}\n`,
      "ffi/symbols.ts",
    ],
  ],
  "a table edited by hand, and a blob from elsewhere": [
    ["ffi/symbols.ts", (text) => `${text}// By hand.\n`, "ffi/symbols.ts"],
    ["ffi/embedded/linux-x86_64.ts", (text) => text.replace(/AAAA/, "AAAB"), "ffi/embedded/linux-x86_64.ts"],
  ],
};

/** Runs the check in a fresh copy with some files changed, or none. */
async function check(changes = []) {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const part of ["zig", "ffi", "tools/build.mjs", "tools/bins.mjs"]) {
    cpSync(root + part, copy + part, {
      recursive: true,
      // Without the cache, which knows the sources by where they were.
      filter: (from) => !/zig-out|[.]zig-cache|\/oldest\//.test(from),
    });
  }
  symlinkSync(`${root}node_modules`, `${copy}node_modules`);
  for (const [path, change] of changes) edit(path, change);
  const run = await watched([process.execPath, `${copy}tools/build.mjs`, "--check"], { quiet: true, cwd: copy });
  rmSync(copy, { recursive: true, force: true });
  return run;
}

let control;
export default Object.entries(faults).map(([what, changes]) => ({
  name: `stale: ${changes.map(([path]) => path).join(" and ")}`,
  what,
  async run() {
    control ??= check();
    const clean = await control;
    if (clean.why !== "") return { red: false, output: `The control without a fault is not green:\n${clean.output}` };
    const { status, output } = await check(changes);
    return { red: status === 1 && changes.every(([, , told]) => output.includes(`stale: ${told} `)), output };
  },
}));
