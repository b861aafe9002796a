// How much longer a program takes because it imports hawser, and because it opens something: whole processes, the
// empty program's time taken off.

import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { interleave, type Row, type RowOptions } from "./row.ts";

export const group = "startup";

const programs = [
  { name: "import hawser/memory", program: "import_memory", must: "<= 6" },
  { name: "import hawser/memory and open", program: "open_memory", must: "<= 6" },
  { name: "import hawser", program: "import_mod", must: null },
  { name: "import hawser and open", program: "open_mod", must: null },
];

export function rows({ quick, runtime }: RowOptions): Row[] {
  const figures = interleave(
    Object.fromEntries(
      ["empty", ...programs.map(({ program }) => program)].map((name) => [name, starts(name, runtime)]),
    ),
    quick ? 1 : 9,
  );
  return programs.map(({ name, program, must }) => ({
    group,
    case: name,
    runtime,
    mode: "whole process, less the empty program; median of 5 rounds of 9",
    unit: "ms",
    hawser: (figures[program]! - figures.empty!) / 1e6,
    peers: { "empty program": figures.empty! / 1e6 },
    must: runtime === "deno" || runtime === "bun" ? must : null,
    note: "",
  }));
}

function starts(program: string, runtime: string): (count: number) => void {
  // Compiled for Node 20, the sources as they are elsewhere.
  const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
  const path = fileURLToPath(new URL(`./programs/${program}.${extension}`, import.meta.url));
  const flags = runtime === "deno" ? ["run", "--no-check", "--allow-ffi"] : [];
  return (count) => {
    for (let i = 0; i < count; i++) {
      const { status, stderr } = spawnSync(process.execPath, [...flags, path], { encoding: "utf8" });
      if (status !== 0) throw new Error(`${program}: exit ${status}: ${stderr}`);
    }
  };
}
