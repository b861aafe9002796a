// The crash harnesses: a protocol with a hole in it must be found by the kills, at the point where the hole is.
import { root } from "../bins.mjs";
import { cases, runProgram } from "./_planted.mjs";

const harness = (name) => (fault, args) => runProgram(fault, [`${root}tests/crash/harness/${name}.ts`, ...args]);
const at = (...points) => ["--rounds", String(2 * points.length), "--points", points.join()];
const asleep = /sleep on, not woken/;
/** The control goes through all points of the cases at once. */
const all = {
  memory: at("memory_create.mapped", "memory_create.grown"),
  mutex: at("turn.held", "mutex_take.claimed", "mutex_release.freed", "wait_helper.woken", "mutex_wait.woken"),
};

/** Half of the time they wait. */
export const atOnce = 2;

export default [
  ...cases("crash: memory", harness("memory"), {
    "link-first": {
      what: "an object that gets its name before its pages",
      told: /found whole at the stop|it is empty|ENODATA|its pages are not reserved/,
      how: all.memory,
    },
  }),
  ...cases("crash: mutex", harness("mutex"), {
    "no-pending": {
      what: "a lock that is taken or released without a word to the kernel",
      told: asleep,
      how: at("mutex_take.claimed"),
      control: { how: all.mutex },
    },
    "no-list": {
      what: "a held lock that is not on the robust list",
      told: asleep,
      how: at("turn.held"),
      control: { how: all.mutex },
    },
    "no-waited": {
      what: "an asynchronous waiter that is nobody to the kernel",
      told: asleep,
      how: at("wait_helper.woken"),
      control: { how: all.mutex },
    },
    "no-wake": {
      what: "a release that wakes nobody",
      told: asleep,
      how: at("mutex_wait.woken"),
      control: { how: all.mutex },
    },
    "no-waking": {
      what: "a lock that is barged into between a wake and the woken one's death",
      told: asleep,
      how: at("mutex_wait.woken"),
      control: { how: all.mutex },
    },
    "plain-store": {
      what: "a lock taken without compare and exchange",
      // Which first, is a matter of luck: two are in at once, one finds the other's id, or a dead one's stays for good.
      told: /two had it at once|EBADMSG|sleep on, not woken/,
      how: at("mutex_release.freed"),
      control: { how: all.mutex },
    },
  }),
];
