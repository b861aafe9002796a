// Shared memory between every two runtimes: what one writes the other reads, and creation races end with one object.
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { lanes, pairs, spawnLane, startLane } from "../support/lanes.ts";
import { unique } from "../support/watchdog.ts";

for (const [a, b] of pairs) {
  test(`${b} reads what ${a} wrote, and they talk in one object`, async () => {
    using memory = SharedMemory.create(unique("pair"), { size: 12_345, temporary: true });
    expect(await spawnLane(a, "memory_peer", ["write", memory.name!, `${a}>${b}`])).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(await spawnLane(b, "memory_peer", ["check", memory.name!, `${a}>${b}`])).toMatchObject({
      status: 0,
      stderr: "",
    });

    const name = unique("talk");
    const [one, two] = [`1-${a}`, `2-${b}`];
    await using first = startLane(a, "memory_peer", { args: ["converse", name, one, two, "100000"] });
    await using second = startLane(b, "memory_peer", { args: ["converse", name, two, one, "100000"] });
    const ended = await Promise.all([first.ended(), second.ended()]);
    expect(ended).toMatchObject([{ status: 0, stderr: "" }, { status: 0, stderr: "" }]);
    expect(ended.map(({ stdout }) => stdout.trim()).sort()).toEqual(["created", "opened"]);
    expect(readdirSync("/dev/shm").filter((entry) => entry.startsWith(name))).toEqual([]);
  });
}

test("1,000 creation races between the four runtimes end with one object each", { timeout: 120_000 }, async () => {
  const rounds = 1000;
  using course = SharedMemory.create(unique("race"), { size: 64, temporary: true });
  const all = lanes.map((lane, me) =>
    startLane(lane, "memory_peer", {
      args: ["race", course.name!, String(me), String(lanes.length), String(rounds)],
      timeout: 110_000,
    })
  );
  try {
    const ended = await Promise.all(all.map((running) => running.ended()));
    for (const one of ended) expect(one).toMatchObject({ status: 0, stderr: "" });
    const created = ended.map(({ stdout }) => (JSON.parse(stdout) as { created: number }).created);
    console.log(`races won: ${lanes.map((lane, i) => `${lane} ${created[i]}`).join(", ")}`);
    expect(created.reduce((sum, won) => sum + won, 0)).toBe(rounds);
    // Where one wins them all nobody raced.
    expect(created.filter((won) => won > 0).length).toBeGreaterThan(1);
    expect(readdirSync("/dev/shm").filter((entry) => entry.startsWith(`${course.name}.`))).toEqual([]);
  } finally {
    for (const running of all) await running[Symbol.asyncDispose]();
  }
});
