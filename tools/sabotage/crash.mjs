// The crash harnesses: a protocol with a hole in it must be found by the kills.
import { bin, root } from "../bins.mjs";
import { watched } from "../watched.mjs";

const run = (name, ...args) =>
  watched([bin("node26"), `${root}tests/crash/harness/${name}.ts`, ...args], { quiet: true, seconds: 180 });

const faults = [
  {
    harness: "memory",
    fault: "link-first",
    what: "an object that gets its name before its pages",
    told: /found whole at the stop|it is empty|ENODATA|its pages are not reserved/,
  },
];

export default faults.map(({ harness, fault, what, told }) => ({
  name: `crash: ${harness} ${fault}`,
  what,
  async run() {
    const control = await run(harness, "--rounds", "20");
    if (control.status !== 0) return { red: false, output: `The control is not green:\n${control.output}` };
    const { status, output } = await run(harness, "--rounds", "20", "--sabotage", fault);
    return { red: status === 1 && told.test(output), output };
  },
}));
