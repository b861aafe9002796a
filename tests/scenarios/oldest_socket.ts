// Unix sockets on the oldest runtimes: each kind, descriptors and credentials, addresses, waits, streams and the end.
import assert from "node:assert/strict";
import { existsSync, lstatSync } from "node:fs";
import process from "node:process";
import { Fd } from "../../lib/fd/mod.ts";
import { socketPair, UnixListener, UnixSocket } from "../../lib/socket/mod.ts";
import { tmpdir } from "../support/watchdog.ts";

using folder = tmpdir();
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const patience = { timeout: 10_000 };

for (const kind of ["stream", "seqpacket", "datagram"] as const) {
  const [a, b] = socketPair(kind);
  using file = Fd.open("/dev/null");
  b.passCredentials = true;
  const receiving = b.receive({ maxFds: 3, ...patience });
  await a.send(encode("hello"), { fds: [file, file, a.fd] });
  using message = await receiving;
  assert.equal(decode(message.data), "hello");
  assert.equal(message.fds.length, 3);
  assert.equal(message.fds[0]!.stat().inode, file.stat().inode);
  assert.equal(message.credentials?.pid, process.pid);
  assert.equal(b.tryReceive(), null);
  await assert.rejects(b.receive({ timeout: 1 }), { code: "ETIMEDOUT" });
  await assert.rejects(a.send(encode("x"), { fds: Array.from({ length: 254 }, () => file) }), RangeError);
  a.close();
  b.close();
  await assert.rejects(a.send(encode("x")), TypeError);
}

for (const kind of ["stream", "seqpacket"] as const) {
  const path = folder.file(kind);
  const dead = UnixListener.listen({ path }, { kind });
  Fd.from(dead.fd.release()).close();
  using listener = UnixListener.listen({ path }, { kind, mode: 0o640 });
  assert.equal(lstatSync(path).mode & 0o7777, 0o640);
  assert.throws(() => UnixListener.listen({ path }), { code: "EADDRINUSE", path });
  const accepting = listener.accept(patience);
  using client = await UnixSocket.connect({ path }, { kind, ...patience });
  using server = await accepting;
  assert.deepEqual(client.getpeername(), { path });
  assert.equal(server.peerCredentials()?.uid, process.geteuid!());
  client.sendSync(encode("x"));
  client.close();
  const got: string[] = [];
  for await (const { data } of server) got.push(decode(data));
  assert.deepEqual(got, ["x"]);
  listener.close();
  assert(!existsSync(path));
}

{
  using server = UnixSocket.bind("autobind");
  using client = UnixSocket.bind({ abstract: `oldest-${process.pid}` });
  await client.send(encode("question"), { to: server.getsockname()! });
  assert.deepEqual((await server.receive(patience)).from, client.getsockname());
}

{
  const [a, b] = socketPair();
  const writer = a.writable.getWriter();
  const written = writer.write(new Uint8Array(1_000_000)).then(() => writer.close());
  const reader = b.readable.getReader();
  let length = 0;
  for (let part; !(part = await reader.read()).done;) length += part.value.length;
  await written;
  assert.equal(length, 1_000_000);
  a.close();
  b.close();
}
console.log("ok");
