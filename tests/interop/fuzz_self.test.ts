import { expect, test } from "vitest";
import { bin, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";

test("fuzz self finds the bug planted in each target within 30 s", async (context) => {
  needs(context, "g++", "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a");
  await using running = start([bin("node26"), "tools/fuzz.mjs", "self", "--seconds", "30"]);
  const ended = await running.ended(100_000);
  for (const target of ["ancillary", "netlink"]) {
    expect(ended.stderr + ended.stdout).toMatch(
      new RegExp(`fuzz ${target} with a planted bug: [1-9]\\d* executions.*FOUND`),
    );
  }
  expect(ended.status).toBe(0);
}, 110_000);

test("fuzz refuses what it does not know", async () => {
  for (const args of [["nonsense"], ["netlink", "self"], ["--seconds", "0"], ["--seed", "x"], ["--what"]]) {
    await using running = start([bin("node26"), "tools/fuzz.mjs", ...args]);
    expect(await running.ended()).toMatchObject({ status: 2, stdout: "" });
  }
});
