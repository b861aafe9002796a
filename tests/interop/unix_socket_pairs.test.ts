// Descriptors between every two runtimes, over each kind of unix socket, and a listener that changes its process.
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { Fd } from "../../lib/fd/mod.ts";
import { UnixListener, UnixSocket } from "../../lib/socket/mod.ts";
import { pairs, startLane } from "../support/lanes.ts";
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
