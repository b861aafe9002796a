// Leaks: a close that is skipped, natively and in TypeScript, must turn the tests of shared memory red.
import { cases, runTests } from "./_planted.mjs";

const run = (fault, pattern) => runTests(fault, ["tests/memory.test.ts"], pattern);
const how = "nothing is left";

export default cases("leak", run, {
  "open-keeps": { what: "a descriptor that stays open when open() is refused", told: /fds: \/dev\/shm/, how },
  "close-keeps-mapping": {
    what: "a mapping that stays when memory is closed",
    told: /mappings: \/(dev\/shm|memfd:hawser)/,
    how,
  },
  "close-does-nothing": {
    what: "memory that close() never gives back",
    told: /fds: \/(dev\/shm|memfd:hawser)/,
    how,
  },
});
