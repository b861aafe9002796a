// The helper threads of waits, each time with another hole, which the tests of waiting must find.
import { cases, runTests } from "./_planted.mjs";

const files = ["tests/waiting.test.ts", "tests/futex.test.ts"];
/** Both ways: either alone is lucky now and then. */
const race = "10,000 aborts race wakes";
/** One by one: a helper that sleeps on all words would see to the next on the word itself. */
const terminated = "one by one: Workers terminated in the middle";
/** Where aborts fall is luck: a fault that only some of them show may take another run. */
const tries = { swallow: 3 };
const run = async (fault, names) => {
  for (let left = tries[fault] ?? 1;;) {
    const ended = await runTests(fault, files, names);
    if (ended.status !== 0 || --left === 0) return ended;
  }
};
const control = { how: [race, terminated, "hardly ever"].join("|") };

/** Half of the time they wait. */
export const atOnce = 2;

export default cases("waiting", run, {
  swallow: {
    what: "a wait that is called off keeps the wake it got",
    told: /the other one sleeps on/,
    how: race,
    control,
  },
  dead: {
    what: "a Worker that was terminated keeps the wakes of its waits",
    told: /not woken/,
    how: terminated,
    control,
  },
  poll: {
    what: "a helper that looks ten times a second",
    told: /less than or equal to 3/,
    how: "hardly ever",
    control,
  },
  unmap: {
    what: "memory is unmapped while helpers are about to sleep on its words",
    told: /EFAULT/,
    how: "closed and resized",
    control: { fault: "unmap-control", how: "closed and resized" },
  },
});
