// The floors: each kind of import or question that they forbid must be told, and an ordinary file must not.
import { floorErrorsOf } from "../floors.mjs";

const ordinary = [
  "lib/memory/x.ts",
  `// import "../sync/mod.ts"\nimport { a } from "../core/a.ts";\nimport { b } from "../../ffi/load.ts";\n`,
];
const planted = {
  "a higher family": ["lib/core/x.ts", `import { a } from "../memory/a.ts";\n`],
  "a neighbour on the same floor": ["lib/layout/x.ts", `export { a } from "../memory/a.ts";\n`],
  "a loader of one runtime": ["lib/core/x.ts", `const a = await import("../../ffi/deno.ts");\n`],
  "lib from ffi": ["ffi/x.ts", `import type { A } from "../lib/core/a.ts";\n`],
  "a dependency": ["lib/core/x.ts", `import x from "left-pad";\n`],
  "the tests": ["lib/core/x.ts", `import "../../tests/support/lanes.ts";\n`],
  "asking for Deno": ["lib/fd/x.ts", `if ("Deno" in globalThis) throw 1;\n`],
  "asking for Bun": ["lib/fd/x.ts", `const v = Bun.version;\n`],
  "asking for versions": ["mod.ts", `import process from "node:process";\nprocess.versions.node;\n`],
};

export default {
  name: "floors",
  what: "imports against the floors, and questions for the runtime outside of ffi/",
  run() {
    const missed = Object.entries(planted).filter(([, file]) => floorErrorsOf(...file).length === 0).map(([name]) =>
      name
    );
    const wrongly = floorErrorsOf(...ordinary);
    return { red: missed.length === 0 && wrongly.length === 0, output: [...missed, ...wrongly].join("\n") };
  },
};
