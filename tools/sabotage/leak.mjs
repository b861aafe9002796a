// Leaks: a close that is skipped, natively and in TypeScript, must turn the tests of shared memory red, in a copy.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { bin, root } from "../bins.mjs";
import { work } from "../setup.mjs";
import { watched } from "../watched.mjs";

const copy = `${work}leak/`;

const faults = {
  "a descriptor that stays open when open() is refused": {
    file: "zig/src/memory.zig",
    change: (text) =>
      text.replace(/(\.NONBLOCK = true, \/\/ A FIFO[^;]*\}, 0\);\n) {4}errdefer sys\.closeQuietly\(fd\);\n/, "$1"),
    told: /fds: \/dev\/shm/,
  },
  "a mapping that stays when memory is closed": {
    file: "zig/src/memory.zig",
    change: (text) => text.replace(/try sys\.munmap\(failure, mapping\.address[^;]*;/, "{}"),
    told: /mappings: \/(dev\/shm|memfd:hawser)/,
  },
  "memory that close() never gives back": {
    file: "lib/memory/_mapping.ts",
    change: (text) => text.replace(/check\(load\(\)\.core\.hawser_memory_close\(handle, [^,]*,/, "check(0,"),
    told: /fds: \/(dev\/shm|memfd:hawser)/,
  },
};

async function run(fault) {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  const parts = ["zig", "ffi", "lib", "mod.ts", "tests", "vitest.config.ts", "package.json", "tools"];
  const filter = (from) => !/zig-out|\.zig-cache|node_modules/.test(from.slice(root.length));
  for (const part of parts) cpSync(root + part, copy + part, { recursive: true, filter });
  symlinkSync(`${root}node_modules`, `${copy}node_modules`);
  try {
    if (fault !== undefined) {
      const before = readFileSync(copy + fault.file, "utf8");
      const after = fault.change(before);
      if (after === before) throw new Error(`the edit of ${fault.file} changes nothing`);
      writeFileSync(copy + fault.file, after);
      if (fault.file.startsWith("zig/")) {
        const cache = ["--cache-dir", `${root}zig/.zig-cache`];
        const built = spawnSync(bin("zig"), ["build", ...cache], { cwd: `${copy}zig`, encoding: "utf8" });
        if (built.status !== 0) throw new Error(built.stderr);
        cpSync(`${copy}zig/zig-out`, `${copy}ffi/native`, { recursive: true, force: true });
      }
    }
    const args = ["run", "--no-color", "tests/memory.test.ts", "-t", "nothing is left"];
    return await watched([bin("node26"), `${copy}node_modules/vitest/vitest.mjs`, ...args], {
      quiet: true,
      cwd: copy,
      seconds: 120,
      env: { HAWSER_LANE: "node26" },
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

let control;
export default Object.entries(faults).map(([what, fault]) => ({
  name: `leak: ${fault.file}`,
  what,
  async run() {
    control ??= await run();
    if (control.status !== 0) return { red: false, output: `The control is not green:\n${control.output}` };
    const { status, output } = await run(fault);
    return { red: status === 1 && fault.told.test(output), output };
  },
}));
