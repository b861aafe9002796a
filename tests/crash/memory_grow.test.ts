// Two processes that grow one object: the slower one must not make it shorter than the faster one made it, since that
// one has mapped the rest by now and would die of SIGBUS.
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { type KillableTree, killableTree, stopped } from "../support/kill_points.ts";
import { lanes } from "../support/lanes.ts";
import { unique } from "../support/watchdog.ts";

let tree: KillableTree;
beforeAll(() => {
  tree = killableTree();
}, 120_000);
afterAll(() => tree[Symbol.dispose]());

for (const kind of ["reserved", "sparse"]) {
  test(`who grows ${kind} memory late does not take pages from who was faster`, { timeout: 60_000 }, async () => {
    for (const lane of lanes) {
      const name = unique("grow");
      onTestFinished(() => SharedMemory.unlink(name));
      // The first time is in create(), the second in resize().
      await using slow = tree.start(
        lane,
        "tests/scenarios/memory_grower.ts",
        [name, "20000", kind],
        "memory_grow.reserved:2",
      );
      await stopped(slow, "memory_grow.reserved:2");
      using fast = SharedMemory.open(name);
      expect(fast.size).toBe(1000);
      fast.resize(50_000);
      fast.bytes.fill(9);
      slow.child.kill("SIGCONT");
      expect(await slow.ended()).toMatchObject({ status: 0, stdout: "20000 50000\n", stderr: "" });
      fast.bytes.fill(8);
      using after = SharedMemory.open(name);
      expect([fast.bytes[49_999], after.bytes[49_999], after.size]).toEqual([8, 8, 50_000]);
    }
  });
}
