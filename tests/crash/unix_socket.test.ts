// Whoever is killed while descriptors are on their way takes his copies along, and leaves nothing to anybody else.
import { readdirSync } from "node:fs";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { socketPair, UnixListener } from "../../lib/socket/mod.ts";
import { type KillableTree, killableTree, stopped } from "../support/kill_points.ts";
import { lanes, startLane } from "../support/lanes.ts";
import { tmpdir } from "../support/watchdog.ts";

let tree: KillableTree;
beforeAll(() => void (tree = killableTree()), 120_000);
afterAll(() => tree[Symbol.dispose]());

const program = "tests/scenarios/unix_crasher.ts";
const point = "socket_receive.delivered";

for (const lane of lanes) {
  for (const how of ["sync", "async"]) {
    test(`a receiver that is killed before it has its descriptors, ${lane}, ${how}`, async () => {
      using folder = tmpdir();
      using listener = UnixListener.listen({ path: folder.file("s") }, { kind: "seqpacket" });
      await using running = tree.start(lane, program, ["receive", folder.file("s"), how], point);
      using socket = await listener.accept({ timeout: 20_000 });
      const [mine, theirs] = socketPair("seqpacket");
      using _mine = mine;
      await socket.send(new Uint8Array(1), { fds: Array.from({ length: 253 }, () => theirs.fd) });
      theirs.close();
      await stopped(running, point);
      // It has them, and so long nothing ends.
      expect(socket.tryReceive()).toBe(null);
      expect(mine.tryReceive()).toBe(null);
      expect(readdirSync(`/proc/${running.pid}/fd`).length).toBeGreaterThan(253);
      running.child.kill("SIGKILL");
      expect(await running.ended()).toMatchObject({ signal: "SIGKILL", stdout: "" });
      expect((await mine.receive({ timeout: 10_000 })).end).toBe(true);
      expect((await socket.receive({ timeout: 10_000 })).end).toBe(true);
    });
  }
}

test("a sender that is killed in the middle leaves whole packets, and then the end", { timeout: 120_000 }, async () => {
  const seed = Number(process.env.HAWSER_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`killed senders: HAWSER_SEED=${seed}`);
  let state = seed;
  const random = (below: number) => (state = (state * 48_271 + 11) % 0x7fff_ffff) % below;
  using folder = tmpdir();
  using listener = UnixListener.listen({ path: folder.file("s") }, { kind: "seqpacket" });
  for (let round = 0; round < 12; round++) {
    await using running = startLane(lanes[round % lanes.length]!, program, { args: ["send", folder.file("s")] });
    using socket = await listener.accept({ timeout: 20_000 });
    const killAt = random(200);
    let packets = 0;
    for await (const message of socket.messages({ maxFds: 3, timeout: 20_000 })) {
      using received = message;
      expect(received.data.length).toBe(2000);
      expect(received.fds.length).toBe(3);
      expect(new DataView(received.data.buffer).getUint32(0, true)).toBe(packets);
      // From here on there are no more than were on their way.
      if (packets++ === killAt) running.child.kill("SIGKILL");
    }
    expect(packets).toBeGreaterThan(killAt);
    expect(await running.ended()).toMatchObject({ signal: "SIGKILL", stderr: "" });
  }
});
