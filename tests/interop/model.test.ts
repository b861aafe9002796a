// The protocol models of models/, searched by spin: see tools/model.mjs.
import { expect, test } from "vitest";
import { driftOf } from "../../tools/model_names.mjs";
import { bin, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";

test("no interleaving breaks the mutex, whoever dies when", { timeout: 250_000 }, async (context) => {
  needs(context, "spin", "gcc");
  await using running = start([bin("node26"), "tools/model.mjs", "mutex"]);
  const ended = await running.ended(240_000);
  console.log(ended.stdout);
  expect(ended).toMatchObject({ status: 0, stdout: expect.stringContaining("--- mutex: ok") });
});

test("names that stand on one side only are told", () => {
  const zig = "//! FREE -> TAKEN, both WITH_FLAG\n// OTHER\n";
  const code = "mtype = { FREE, TAKEN };\n#define WITH_FLAG 1\n";
  expect(driftOf(zig, code)).toEqual([]);
  expect(driftOf(`${zig}//! DEAD\n`, code)).toEqual(["the model has no DEAD"]);
  expect(driftOf(zig, code.replace("TAKEN", "TAKEN, DEAD"))).toEqual(["the head of the Zig file has no DEAD"]);
  expect(driftOf(zig, `/* TAKEN */ ${code.replace(", TAKEN", "")}`)).toContain("the model has no TAKEN");
  expect(driftOf(zig, "#define FREE 1\n#define TAKEN 2\n#define WITH_FLAG 3\n")).toHaveLength(1);
});

test("model refuses what it does not know", async () => {
  for (const args of [["nonsense"], ["mutex", "--sabotage", "nonsense"], ["--what"]]) {
    await using running = start([bin("node26"), "tools/model.mjs", ...args]);
    expect(await running.ended()).toMatchObject({ status: 2 });
  }
});
