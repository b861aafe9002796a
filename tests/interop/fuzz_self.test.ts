import { expect, test } from "vitest";
import { bin, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";

test("fuzz self finds the bug planted in each target within 30 s", async (context) => {
  needs(context, "g++", "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a");
  await using running = start([bin("node26"), "tools/fuzz.mjs", "self", "--seconds", "30"]);
  const ended = await running.ended(60_000);
  expect(ended.stderr + ended.stdout).toMatch(/fuzz netlink with a planted bug: [1-9]\d* executions.*FOUND/);
  expect(ended.status).toBe(0);
}, 70_000);

test("fuzz refuses what it does not know", async () => {
  for (const args of [["nonsense"], ["netlink", "self"], ["--seconds", "0"], ["--seed", "x"], ["--what"]]) {
    await using running = start([bin("node26"), "tools/fuzz.mjs", ...args]);
    expect(await running.ended()).toMatchObject({ status: 2, stdout: "" });
  }
});
