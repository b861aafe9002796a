// The examples lane: an example that throws, hangs, leaves, or does not type-check is told by name, and the good ones
// around it still count.
import { runPrograms } from "../examples.mjs";

const planted = [
  { name: "good one", text: `import assert from "node:assert/strict";\nassert.equal(1, 1);\n` },
  { name: "throws", text: `throw new Error("planted");\n` },
  { name: "leaves", text: `import process from "node:process";\nprocess.exit(0);\n` },
  { name: "hangs", text: `for (;;);\n` },
  { name: "types", text: `const n: number = "text" as unknown as string;\nvoid n;\n` },
  { name: "good two", text: `await Promise.resolve();\n` },
];

export default {
  name: "examples",
  what: "examples that throw, hang, leave or have wrong types",
  async run() {
    const out = await runPrograms({ passed: 0, failed: [], skipped: [], seconds: 0 }, planted, {
      folder: "planted-examples",
      seconds: 3,
      runtimes: ["node26", "bun"],
    });
    const told = (name) => out.failed.some((line) => line.startsWith(name));
    const red = ["throws", "leaves", "hangs", "types"].every(told) && !told("good") && out.passed === 6;
    return { red, output: `${out.passed} passed\n${out.failed.join("\n")}` };
  },
};
