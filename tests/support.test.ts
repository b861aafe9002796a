import process from "node:process";
import { expect, test } from "vitest";
import { here, lanes, spawnLane, startLane } from "./support/lanes.ts";
import { watchdog } from "./support/watchdog.ts";

test("here names the runtime that runs the suite", () => {
  const want = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : /^node/;
  expect(here).toMatch(want);
  if (here.startsWith("node")) expect(here === "node26").toBe(Number(process.versions.node.split(".")[0]) >= 26);
});

for (const lane of lanes) {
  test(`spawnLane() runs a scenario in ${lane}`, async () => {
    const ended = await spawnLane(lane, "hello", ["a", "b"], { input: "in" });
    expect(ended).toEqual({ stdout: `${lane} a b in\n`, stderr: "", status: 0, signal: null });
  });
}

test("spawnLane() tells the exit status", async () => {
  expect(await spawnLane("node26", "hello", ["--exit", "7"])).toMatchObject({ status: 7, signal: null });
});

test("startLane() waits for a line and kills at dispose", async () => {
  await using running = startLane("node26", "hello", { args: ["--stay"] });
  expect(await running.line(/^node26/)).toBe("node26 --stay");
});

test("ended() gives up after its limit and says what came", async () => {
  await using running = startLane("node26", "hello", { args: ["--stay"] });
  await running.line(/node26/);
  await expect(running.ended(50)).rejects.toThrow(/nothing after 50 ms.*node26 --stay/s);
});

test("watchdog() rejects what never comes", async () => {
  await expect(watchdog(new Promise(() => {}), "A thing", 5)).rejects.toThrow("A thing: nothing after 5 ms");
});
