// The test driver itself: whatever goes wrong in a lane must turn the run red, also what takes the whole process along.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { root } from "../bins.mjs";
import { work } from "../setup.mjs";
import { watched } from "../watched.mjs";

const good = `import { expect, test } from "vitest";\ntest("good", () => expect(1).toBe(1));\n`;
const bad = (body) => `${good}test("planted", async (context) => {\n${body}\n});\n`;

/** Runs the driver over one planted file. */
async function drive(name, lane, source, env = {}) {
  const folder = `.work/planted/${name.replace(/\W+/g, "-")}`;
  rmSync(root + folder, { recursive: true, force: true });
  mkdirSync(root + folder, { recursive: true });
  if (source !== "") writeFileSync(`${root}${folder}/planted.test.ts`, source);
  const run = await watched([process.execPath, `${root}tools/test.mjs`, lane], {
    quiet: true,
    seconds: 60,
    env: { HAWSER_PLANTED: folder, HAWSER_SECONDS: "15", CI: "", ...env },
  });
  rmSync(root + folder, { recursive: true, force: true });
  const last = run.output.trimEnd().split("\n").at(-1);
  const counted = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(last);
  const red = run.status === 1 && counted !== null && Number(counted[2]) > 0;
  return { red, green: run.status === 0 && counted?.[2] === "0", output: run.output };
}

// A driver that is always red would pass every case: first it must be green over a good file.
const controls = new Map();
const control = (lane) => {
  if (!controls.has(lane)) controls.set(lane, drive(`control-${lane}`, lane, good));
  return controls.get(lane);
};

const endings = {
  deno: {
    segfault: "Deno.UnsafePointerView.getCString(Deno.UnsafePointer.create(8n));",
    _exit: `Deno.dlopen("libc.so.6", { _exit: { parameters: ["i32"], result: "void" } }).symbols._exit(0);`,
  },
  bun: {
    segfault: `const { read } = await import("bun:ffi");\nread.u8(8, 0);`,
    _exit:
      `const { dlopen } = await import("bun:ffi");\ndlopen("libc.so.6", { _exit: { args: ["i32"] } }).symbols._exit(0);`,
  },
  node26: {
    segfault: `process.kill(process.pid, "SIGSEGV"); await new Promise(() => {});`,
    _exit: "process.reallyExit(0);",
  },
};

const cases = [];
const add = (lane, kind, what, source, env) =>
  cases.push({
    name: `driver: ${kind} in ${lane}`,
    what,
    async run() {
      const before = await control(lane);
      if (!before.green) {
        return { red: false, output: `The control without anything planted is not green:\n${before.output}` };
      }
      return await drive(`${kind}-${lane}`, lane, source, env);
    },
  });

for (const lane of ["deno", "bun", "node26", "node20"]) {
  add(lane, "assertion", "a test that fails", bad(`expect(1).toBe(2);`));
}
for (const [lane, { segfault, _exit }] of Object.entries(endings)) {
  add(lane, "segfault", "a test that dies by SIGSEGV", bad(segfault));
  add(lane, "_exit", "a test that ends the process with status 0", bad(_exit));
}
add("bun", "abort", "a test that aborts", bad("process.abort();"));
add("node26", "abort", "a test that aborts", bad("process.abort();"));
add("deno", "loop", "a test that never returns", bad("for (;;);"));
add("bun", "loop", "a test that never returns", bad("for (;;);"));
add("node20", "empty", "a lane without a test file", "");
add("node20", "no test", "a file without a test", "export {};\n");
add(
  "node20",
  "hook",
  "a hook that throws",
  `${good}import { afterAll } from "vitest";\nafterAll(() => { throw new Error("hook"); });\n`,
);
add("node20", "rejection", "an unhandled rejection", bad(`void Promise.reject(new Error("nobody"));`));
add("node20", "skip", "a skip that tests/skips.json does not name, in CI", bad("context.skip();"), { CI: "1" });
add("deno", "fd leak", "a file that stays open", bad(`(await import("node:fs")).openSync("/etc/hostname", "r");`));
add(
  "node26",
  "object leak",
  "an object left in /dev/shm",
  bad(`
  const { writeFileSync } = await import("node:fs");
  writeFileSync("/dev/shm/" + process.env.HAWSER_RUN + "-planted", "");`),
);
add(
  "node26",
  "process leak",
  "a process left running",
  bad(`
  const { spawn } = await import("node:child_process");
  spawn("/bin/sleep", ["30"], { stdio: "ignore" }).unref();`),
);

export default cases;

process.on("exit", () => {
  rmSync(`${work}planted`, { recursive: true, force: true });
});
