// Litmus: with plain stores in place of Atomics the promised part itself must go red.
import { bin, root } from "../bins.mjs";
import { watched } from "../watched.mjs";

const run = (how) =>
  watched([
    bin("node26"),
    `${root}node_modules/vitest/vitest.mjs`,
    ...["run", "--no-color", "tests/interop/litmus.test.ts", "-t", "between node26 and bun"],
  ], { quiet: true, seconds: 120, env: { HAWSER_LANE: "once", ...(how && { HAWSER_LITMUS: how }) } });

export default {
  name: "litmus",
  what: "plain stores and loads where Atomics are promised",
  async run() {
    const control = await run();
    if (control.status !== 0) return { red: false, output: `The control is not green:\n${control.output}` };
    const { status, output } = await run("plain");
    return { red: status === 1 && /"store buffering":\{[^}]*"forbidden":[1-9]/.test(output), output };
  },
};
