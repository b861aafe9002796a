// The model of the mutex: with a part of the protocol left out the search must find a way to a lock that nobody gets.
// The control is tests/interop/model.test.ts: the whole search, which the same run has made.
import { bin, root } from "../bins.mjs";
import { watched } from "../watched.mjs";

const faults = {
  "drop-pending": "a lock that is taken or released without a word to the kernel",
  "drop-waiters": "waiters that do not announce themselves",
  "drop-waking": "takers that don't heed the mark of who gave a lock back with sleepers",
  "drop-second-line": "waiters that never look whether the owner lives",
};

export default Object.entries(faults).map(([fault, what]) => ({
  name: `model: mutex ${fault}`,
  what,
  async run() {
    const { status, output } = await watched([bin("node26"), `${root}tools/model.mjs`, "mutex", "--sabotage", fault], {
      quiet: true,
      seconds: 120,
    });
    const told = /assert\(\(done.*\n--- mutex: FAILED: [\w-]+: counter-example found/;
    return { red: status === 1 && told.test(output), output };
  },
}));
