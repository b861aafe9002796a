// The gate of the mutex: without it whoever takes it again at once starves the others.
import { cases, runTests } from "./_planted.mjs";

const run = (fault, names) => runTests(fault, ["tests/interop/fairness.test.ts"], names, { HAWSER_LANE: "once" });
const hog = (ms) => `holds it for ${ms} ms keeps nobody from it: bun, async`;
const control = { how: `${hog(3)}|${hog(50)}` };
const told = /expected \d+ to be less than/;

export default cases("fairness", run, {
  "no-gate": { what: "a waiter that starves and keeps nobody from barging in", told, how: hog(3), control },
  "gate-lapses": { what: "a gate that opens while the next owner holds on", told, how: hog(50), control },
});
