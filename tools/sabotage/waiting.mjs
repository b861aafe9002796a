// The helper threads of waits, each time with another hole: built in a copy of the sources, where the tests of waiting
// must find it.
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { bin, root } from "../bins.mjs";
import { work } from "../setup.mjs";
import { watched } from "../watched.mjs";

const faults = [
  {
    name: "swallow",
    what: "a wait that is called off keeps the wake it got",
    from: "if (wait.result == woken) passOn(wait);",
    to: "",
    tests: "race wakes with futex_waitv",
    told: /the other one sleeps on/,
  },
  {
    name: "dead",
    what: "a Worker that was terminated keeps the wakes of its waits",
    from: "wait.cancelled or !sys.threadAlive(wait.bell.owner_tid)",
    to: "wait.cancelled",
    tests: "terminated in the middle",
    told: /nothing after|timed out/,
  },
  {
    name: "unmap",
    what: "memory is unmapped while helpers are about to sleep on its words",
    from: "if (!mark(which)) return;",
    to: "_ = mark(which);\n        if (seen == seen) return;",
    // A moment is a long time for a helper; the control has it too.
    widen: ["        slept = sleep(asleep,", "        sys.pause(200_000);\n        slept = sleep(asleep,"],
    tests: "closed and resized",
    told: /EFAULT/,
  },
  {
    name: "poll",
    what: "a helper that looks ten times a second",
    from: "var nearest: u64 = sys.never;",
    to: "var nearest: u64 = sys.monotonic() + 100 * std.time.ns_per_ms;",
    tests: "hardly ever",
    told: /less than or equal to 3/,
  },
];

const parts = ["mod.ts", "lib", "ffi", "tests", "tools", "zig", "vitest.config.ts", "package.json", "deno.json"];

async function run(copy, { from, to, tests, widen = ["", ""] }) {
  const path = `${copy}zig/src/wait.zig`;
  const text = readFileSync(`${root}zig/src/wait.zig`, "utf8");
  for (const part of [from, widen[0]]) if (!text.includes(part)) throw new Error(`wait.zig no longer says: ${part}`);
  writeFileSync(path, text.replace(from, to).replace(...widen));
  const built = await watched([bin("zig"), "build"], { quiet: true, cwd: `${copy}zig`, seconds: 120 });
  if (built.why !== "") throw new Error(`zig build: ${built.why}\n${built.output}`);
  for (const target of ["linux-x86_64", "linux-aarch64"]) {
    rmSync(`${copy}ffi/native/${target}/libhawser.so`, { force: true });
    cpSync(`${copy}zig/zig-out/${target}/libhawser.so`, `${copy}ffi/native/${target}/libhawser.so`);
  }
  const vitest = [bin("node26"), `${copy}node_modules/vitest/vitest.mjs`, "run", "-t", tests];
  return await watched([...vitest, "tests/waiting.test.ts", "tests/futex.test.ts"], {
    quiet: true,
    cwd: copy,
    seconds: 150,
    env: { NO_COLOR: "1", HAWSER_LANE: "" },
  });
}

export default faults.map((fault) => ({
  name: `waiting: ${fault.name}`,
  what: fault.what,
  async run() {
    const copy = `${work}waiting/`;
    rmSync(copy, { recursive: true, force: true });
    try {
      for (const part of parts) {
        cpSync(root + part, copy + part, { recursive: true, filter: (path) => !/zig-out|[.]zig-cache/.test(path) });
      }
      symlinkSync(`${root}node_modules`, `${copy}node_modules`);
      const control = await run(copy, { ...fault, to: fault.from });
      if (control.status !== 0) return { red: false, output: `The control is not green:\n${control.output}` };
      const { status, output } = await run(copy, fault);
      return { red: status !== 0 && fault.told.test(output), output };
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  },
}));
