// What a call into the library costs, by kind of argument, through each loader the runtime has.

import { bun } from "../ffi/bun.ts";
import { deno } from "../ffi/deno.ts";
import { loadWith } from "../ffi/load.ts";
import type { Loader } from "../ffi/native.ts";
import { nodeFfi } from "../ffi/node_ffi.ts";
import { node } from "../ffi/node.ts";
import { interleave, type Row, type RowOptions } from "./row.ts";

export const group = "call";

/** Every loader of a runtime, hawser's choice first. */
const loaders: Readonly<Record<string, readonly Loader[]>> = {
  deno: [deno, node],
  bun: [bun, node],
  node26: [node, nodeFfi],
  node20: [node],
};

export async function rows({ quick, runtime }: RowOptions): Promise<Row[]> {
  const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
  const libraries = await Promise.all(loaders[runtime]!.map(async (choice, i) => {
    const { loader, core } = loadWith(choice);
    const { bodies }: typeof import("./_call_bodies.ts") = await import(`./_call_bodies.${extension}?${i}`);
    return { loader, bodies: bodies(core) };
  }));
  const ours = libraries[0]!;
  return Object.keys(ours.bodies).map((name) => {
    const figures = interleave(
      {
        ...Object.fromEntries(libraries.map(({ loader, bodies }) => [loader, bodies[name]!])),
        "empty loop": (count) => {
          for (let i = 0; i < count; i++);
        },
      },
      quick ? 100_000 : 1_000_000,
    );
    const { [ours.loader]: hawser, ...peers } = figures;
    const mode = `${ours.loader}, median of 5 rounds`;
    return { group, case: name, runtime, mode, unit: "ns", hawser: hawser!, peers, must: null, note: "" };
  });
}
