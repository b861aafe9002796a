// The crash harness of shared memory, a few rounds of it; `npm run crash -- memory --rounds 1000` runs more.
import { expect, test } from "vitest";
import { bin, root, start } from "../support/lanes.ts";

test("whoever is killed in create() leaves nothing, or the whole object", { timeout: 120_000 }, async () => {
  const command = [bin("node26"), `${root}tests/crash/harness/memory.ts`, "--rounds", "60"];
  await using running = start(command, { timeout: 110_000 });
  const ended = await running.ended();
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ status: 0, stderr: "" });
  const counts = JSON.parse(ended.stdout.trim().split("\n").at(-1)!);
  expect(counts.rounds).toBe(60);
  console.log(ended.stdout.trim());
});
