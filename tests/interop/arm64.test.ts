// aarch64: its Node and Bun under qemu share memory and typed records with this x86-64 process, under the same names.
import { afterAll, beforeAll, expect, test } from "vitest";
import process from "node:process";
import { futexWait } from "../../lib/memory/_futex.ts";
import { atomicU32, f64, SharedMemory, struct, u16be, u64, utf8 } from "../../mod.ts";
import { arm64Command, missing, setupArm64 } from "../../tools/arm64.mjs";
import { root, start } from "../support/lanes.ts";
import { inCI, needs } from "../support/needs.ts";
import { copyTree, type Tree } from "../support/trees.ts";
import { unique } from "../support/watchdog.ts";

const Record = struct({ at: u64, load: f64, port: u16be, name: utf8(12), hits: atomicU32 });
const scenario = "tests/scenarios/arm64.ts";

let tree: Tree | undefined;
beforeAll(async () => {
  if (inCI() || process.env.HAWSER_SETUP === "1") await setupArm64();
  tree = copyTree({ native: false });
}, 120_000);
afterAll(() => tree?.[Symbol.dispose]());

for (const runtime of ["node", "bun"] as const) {
  for (const via of ["file", "embedded"] as const) {
    test(`the arm64 ${runtime} shares memory and records with x86-64, library via ${via}`, async (context) => {
      needs(context, "qemu-aarch64");
      const left = missing();
      if (left.length > 0 && !inCI()) context.skip(`needs ${left.join(", ")} (HAWSER_SETUP=1 gets them)`);
      expect(left).toEqual([]);

      using memory = SharedMemory.create(unique("arm64"), { size: 4096, temporary: true });
      const made = unique("arm64-made");
      Record.write(memory.bytes, { at: 2n ** 53n + 1n, load: 0.1, port: 8080, name: "x86-64 é", hits: 41 });
      const program = via === "file" ? `${root}${scenario}` : tree!.file(scenario);
      const command = [...arm64Command(runtime), program, memory.name!, made];
      try {
        await using running = start(command, { timeout: 60_000 });
        await running.line(/"record"/);
        // It wakes us; to block here is fine, since it is another process.
        const words = new Int32Array(memory.buffer);
        while (Atomics.load(words, 4088 / 4) === 0) expect(futexWait(memory, 4088, 0, 30_000)).toBe(true);
        const { status, stdout, stderr } = await running.ended();
        if (status !== 0) throw new Error(`exit ${status}\n${stdout}${stderr}`);

        const lines = stdout.trim().split("\n");
        const lacks = lines.filter((line) => line.startsWith("lacks "));
        for (const line of lacks) console.log(`qemu-aarch64 ${line}`);
        const said = Object.assign({}, ...lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line)));
        expect(said).toMatchObject({
          arch: "arm64",
          via,
          offsets: Record.offsets,
          record: { at: `${2n ** 53n + 1n}n`, load: 0.1, port: 8080, name: "x86-64 é", hits: 41 },
        });
        // What it lacks it says; all else must have worked.
        expect(lacks.filter((line) => line !== "lacks mlock2")).toEqual([]);
        const results = { waited: false, woken: true, made: true, anonymous: 1, file: 4096 };
        expect(said).toMatchObject(lacks.length > 0 ? results : { ...results, locked: true });

        // The other direction: its words in our memory, which it grew, and an object that it made.
        expect(Record.read(memory.bytes).hits).toBe(42);
        using grown = SharedMemory.open(memory.name!);
        expect(grown.size).toBe(8192);
        const answer = { at: 2n ** 63n, load: -0.25, port: 0x1234, name: "aarch64", hits: 9 };
        expect(Record.read(grown.bytes.subarray(4096))).toEqual(answer);
        using opened = SharedMemory.open(made);
        expect(Record.read(opened.bytes)).toEqual({ at: 3n, load: 1.5, port: 443, name: "made here", hits: 0 });
      } finally {
        if (SharedMemory.list().some(({ name }) => name === made)) SharedMemory.unlink(made);
      }
    }, 90_000);
  }
}
