// The gate of the mutex: without it whoever takes it again at once starves the others.
import { cases, runTests } from "./_planted.mjs";

const run = (fault, names) => runTests(fault, ["tests/interop/fairness.test.ts"], names, { HAWSER_FAIR_SECONDS: "3" });
const short = "keeps nobody from it: bun, holding it for 3 ms";
const long = "keeps nobody from it: bun, holding it for 100 ms";
const control = { how: `${short}|${long}` };
const told = /ETIMEDOUT/;

export default cases("fairness", run, {
  "no-gate": { what: "a waiter that starves and keeps nobody from barging in", told, how: short, control },
  "gate-lapses": { what: "a gate that opens while the next owner holds on", told, how: long, control },
});
