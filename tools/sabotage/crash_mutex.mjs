// The crash harness of the mutex: a protocol with a hole in it must be found by the kills.
import { bin, root } from "../bins.mjs";
import { watched } from "../watched.mjs";

const run = (...args) =>
  watched([bin("node26"), `${root}tests/crash/harness/mutex.ts`, "--rounds", "60", ...args], {
    quiet: true,
    seconds: 180,
  });

const slow = /a recovery took \d+ ms/;
const faults = {
  "no-pending": { what: "a lock that is taken or released without a word to the kernel", told: slow },
  "no-list": { what: "a held lock that is not on the robust list", told: slow },
  "no-wake": { what: "a release that wakes nobody", told: /a recovery took|not so after|nothing after/ },
  "plain-store": {
    what: "a lock taken without compare and exchange",
    told: /had it at once|by itself|it ended|nothing after/,
  },
};

export default Object.entries(faults).map(([fault, { what, told }]) => ({
  name: `crash: mutex ${fault}`,
  what,
  async run() {
    const control = await run();
    if (control.status !== 0) return { red: false, output: `The control is not green:\n${control.output}` };
    const { status, output } = await run("--sabotage", fault);
    return { red: status !== 0 && told.test(output), output };
  },
}));
