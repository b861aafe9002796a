// The crash harness of the mutex, a few rounds of it; `npm run crash -- mutex --rounds 2000` runs more.
import { expect, test } from "vitest";
import { bin, root, start } from "../support/lanes.ts";

test("whoever is killed with the mutex, or on the way to it, holds nobody up", { timeout: 250_000 }, async () => {
  const command = [bin("node26"), `${root}tests/crash/harness/mutex.ts`, "--rounds", "92"];
  await using running = start(command, { timeout: 240_000 });
  const ended = await running.ended();
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ status: 0, stderr: "" });
  const counts = JSON.parse(ended.stdout.trim().split("\n").at(-1)!);
  expect(counts).toMatchObject({ rounds: 92, lost: 0, unmarked: 0, doubleHeld: 0 });
  expect(counts.recovered).toBeGreaterThan(0);
  console.log(ended.stdout.trim());
});
