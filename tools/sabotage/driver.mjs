// The test driver itself: whatever goes wrong in a lane must turn the run red, also what takes the whole process along.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { root } from "../bins.mjs";
import { work } from "../setup.mjs";
import { watched } from "../watched.mjs";

const good = `import { expect, test } from "vitest";\ntest("good", () => expect(1).toBe(1));\n`;
const bad = (body) => `${good}test("planted", async (context) => {\n${body}\n});\n`;

/** Runs the driver over one planted file. */
async function drive(name, lane, source, env = {}) {
  const own = name.replace(/\W+/g, "-");
  const folder = `.work/planted/${own}`;
  rmSync(root + folder, { recursive: true, force: true });
  mkdirSync(root + folder, { recursive: true });
  if (source !== "") writeFileSync(`${root}${folder}/planted.test.ts`, source);
  const run = await watched([process.execPath, `${root}tools/test.mjs`, lane], {
    quiet: true,
    seconds: 60,
    env: { HAWSER_PLANTED: folder, HAWSER_SECONDS: "15", CI: "", ...env },
  });
  rmSync(root + folder, { recursive: true, force: true });
  for (const name of readdirSync("/dev/shm")) if (name.endsWith(`-planted-${own}`)) rmSync(`/dev/shm/${name}`);
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

/** A case: `told` is what the run must say, so that it is red for the reason that was planted. */
const add = (lane, kind, what, source, told, env) =>
  cases.push({
    name: `driver: ${kind} in ${lane}`,
    what,
    async run() {
      const before = await control(lane);
      if (!before.green) {
        return { red: false, output: `The control without anything planted is not green:\n${before.output}` };
      }
      const { red, output } = await drive(`${kind}-${lane}`, lane, source, env);
      return { red: red && told.test(output), output };
    },
  });

for (const lane of ["deno", "bun", "node26", "node20"]) {
  add(lane, "assertion", "a test that fails", bad(`expect(1).toBe(2);`), /planted/);
  const keeps = `globalThis.kept = SharedMemory.anonymous(4096);`;
  const source = bad(`const { SharedMemory } = await import("${root}lib/memory/mod.ts");\n${keeps}`);
  add(lane, "mapping leak", "shared memory that is never closed", source, /mappings: \/memfd:hawser/);
}
for (const [lane, { segfault, _exit }] of Object.entries(endings)) {
  add(lane, "segfault", "a test that dies by SIGSEGV", bad(segfault), /planted/);
  add(lane, "_exit", "a test that ends the process with status 0", bad(_exit), /planted/);
}
for (const lane of ["bun", "node26"]) {
  add(lane, "abort", "a test that aborts", bad("process.abort();"), /planted/);
}
for (const lane of ["deno", "bun"]) {
  add(lane, "loop", "a test that never returns", bad("for (;;);"), /planted: did not end[^]*hung: killed/);
}
add("node20", "empty", "a lane without a test file", "", /no test file/);
add("node20", "no test", "a file without a test", "export {};\n", /No test suite found|no test in it/);
const hook = `import { afterAll } from "vitest";\nafterAll(() => { throw new Error("from the hook"); });\n`;
add("node20", "hook", "a hook that throws", good + hook, /from the hook/);
const nobody = `void Promise.reject(new Error("for nobody"));`;
add("node20", "rejection", "an unhandled rejection", bad(nobody), /for nobody/);
add("node20", "skip", "a skip that nobody listed, in CI", bad("context.skip();"), /not in tests\/skips\.json/, {
  CI: "1",
});
const opens = `(await import("node:fs")).openSync("/etc/hostname", "r");`;
add("deno", "fd leak", "a file that stays open", bad(opens), /fds: \/etc\/hostname/);
const leaves =
  `(await import("node:fs")).writeFileSync("/dev/shm/" + process.env.HAWSER_RUN + "-x-" + process.pid + "-planted-object-leak-node26", "");`;
add("node26", "object leak", "an object left in /dev/shm", bad(leaves), /objects: \/dev\/shm\/.*-planted-object/);
const stays = `(await import("node:child_process")).spawn("/bin/sleep", ["30"], { stdio: "ignore" }).unref();`;
add("node26", "process leak", "a process left running", bad(stays), /left processes running: \d+ \/bin\/sleep 30/);

export default cases;
/** Most of the time they wait. */
export const atOnce = 3;

process.on("exit", () => {
  rmSync(`${work}planted`, { recursive: true, force: true });
});
