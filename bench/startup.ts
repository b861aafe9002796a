// How much longer a program takes because it imports hawser, and because it opens something: whole processes, the
// empty program's time taken off.

import { spawnSync } from "node:child_process";
import process from "node:process";
import { interleave, type Row, type RowOptions } from "./row.ts";

export const group = "startup";

const programs = [
  { name: "import hawser/memory", file: "import_memory.mjs", must: "<= 6" },
  { name: "import hawser/memory and open", file: "open_memory.mjs", must: "<= 6" },
  { name: "import hawser", file: "import_mod.mjs", must: null },
  { name: "import hawser and open", file: "open_mod.mjs", must: null },
];

/** What Deno does with an import from a URL, the modules being in its cache. */
const sources = { name: "import hawser/memory from its sources and open", file: "open_sources.ts", must: "<= 6" };

export function rows({ quick, runtime }: RowOptions): Row[] {
  const measured = runtime === "deno" ? [...programs, sources] : programs;
  const files = ["empty.mjs", ...measured.map(({ file }) => file)];
  const figures = interleave(Object.fromEntries(files.map((file) => [file, starts(file, runtime)])), quick ? 1 : 9);
  const empty = figures["empty.mjs"]! / 1e6;
  return measured.map(({ name, file, must }) => ({
    group,
    case: name,
    runtime,
    mode: "whole process, less the empty program; median of 5 rounds of 9",
    unit: "ms",
    hawser: figures[file]! / 1e6 - empty,
    peers: { "empty program": empty },
    must: runtime === "deno" || runtime === "bun" ? must : null,
    note: "",
  }));
}

function starts(file: string, runtime: string): (count: number) => void {
  const flags = runtime === "deno" ? ["run", "--no-check", "--allow-ffi"] : [];
  return (count) => {
    for (let i = 0; i < count; i++) {
      const { status, stderr } = spawnSync(process.execPath, [...flags, `bench/programs/${file}`], {
        encoding: "utf8",
        env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
      });
      if (status !== 0) throw new Error(`${file}: exit ${status}: ${stderr}`);
    }
  };
}
