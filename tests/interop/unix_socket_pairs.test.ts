// Descriptors between every two runtimes, over each kind of unix socket, and a listener that changes its process.
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { Fd } from "../../lib/fd/mod.ts";
import { socketPair, UnixListener, UnixSocket } from "../../lib/socket/mod.ts";
import { lanes, pairs, startLane } from "../support/lanes.ts";
import { tmpdir } from "../support/watchdog.ts";

for (const [a, b] of pairs) {
  test(`${a} passes descriptors to ${b} and gets them back`, { timeout: 60_000 }, async () => {
    using folder = tmpdir();
    const path = folder.file("s");
    await using server = startLane(b, "unix_peer", { args: ["serve", path], timeout: 50_000 });
    await server.line("listens");
    await using client = startLane(a, "unix_peer", { args: ["ask", path], timeout: 50_000 });
    const ended = await Promise.all([client.ended(), server.ended()]);
    expect(ended).toMatchObject([{ status: 0, stderr: "" }, { status: 0, stderr: "" }]);
    for (const { stdout } of ended) expect(stdout.trim().split("\n").at(-1)).toBe("done");
    expect(readdirSync(folder.path)).toEqual([]);
  });
}

for (const lane of lanes) {
  test(`a child has its end of a pair at number 3, ${lane}`, async () => {
    const [mine, theirs] = socketPair("seqpacket");
    using parent = mine;
    await using child = startLane(lane, "unix_child", { stdio: ["ignore", "pipe", "pipe", theirs.fd.number] });
    theirs.close();
    await parent.send(new TextEncoder().encode("parent"), { fds: [parent.fd] });
    const { data } = await parent.receive({ timeout: 20_000 });
    expect(new TextDecoder().decode(data)).toBe("seqpacket, parent, 1 descriptor");
    expect(await child.ended()).toMatchObject({ status: 0, stderr: "" });
    expect((await parent.receive({ timeout: 10_000 })).end).toBe(true);
  });
}

test("whoever is killed as a listener leaves a path that the next one replaces", async () => {
  using folder = tmpdir();
  const path = folder.file("s");
  await using server = startLane("node26", "unix_peer", { args: ["serve", path] });
  await server.line("listens");
  expect(() => UnixListener.listen({ path: `${path}.stream` })).toThrow(
    expect.objectContaining({ code: "EADDRINUSE" }),
  );
  server.child.kill("SIGKILL");
  await server.ended();
  using listener = UnixListener.listen({ path: `${path}.stream` });
  using client = await UnixSocket.connect({ path: `${path}.stream` });
  using accepted = await listener.accept();
  using file = Fd.open("/dev/null");
  await client.send(new Uint8Array(1), { fds: [file] });
  using message = await accepted.receive({ maxFds: 1 });
  expect(message.fds.length).toBe(1);
});
