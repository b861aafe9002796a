// The soak: what one round leaves behind must turn it red, whichever kind it is; without anything planted it is green.
import { bin, root } from "../bins.mjs";
import { watched } from "../watched.mjs";

async function soak(lane, seconds, ...args) {
  const command = [bin("node26"), `${root}tests/soak/memory.ts`, "--lane", lane, "--seconds", String(seconds), ...args];
  const run = await watched(command, { quiet: true, seconds: 60 });
  return { red: run.status === 1, green: run.status === 0, output: run.output };
}

// A soak that is always red would pass every case. In Bun, whose memory is steady after so short a time already.
let control;

const planted = [
  ["mapping", "deno", "named memory that is not closed", /mappings: 0 before, \d+ now/],
  ["descriptor", "node26", "a descriptor that is not closed", /left behind: fds: .*empty/],
  ["heap", "bun", "bytes that are never let go", /RSS grew by/],
];

export default planted.map(([kind, lane, what, told]) => ({
  name: `soak: ${kind} in ${lane}`,
  what,
  async run() {
    const before = await (control ??= soak("bun", 6));
    if (!before.green) {
      return { red: false, output: `The control without anything planted is not green:\n${before.output}` };
    }
    const { red, output } = await soak(lane, 4, "--keep", kind);
    return { red: red && told.test(output), output };
  },
}));
