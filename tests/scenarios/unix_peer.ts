// One side of a unix socket between two runtimes. `serve PATH` answers what `ask PATH` sends, over each kind of socket; both
// count their descriptors before and after.
import assert from "node:assert/strict";
import process from "node:process";
import { Fd } from "../../lib/fd/mod.ts";
import { socketPair, UnixListener, UnixSocket } from "../../lib/socket/mod.ts";
import { leftBehind, snapshot } from "../support/snapshot.ts";

const [verb, path] = process.argv.slice(2) as [string, string];
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const patience = { timeout: 15_000 };
const counts = [1, 2, 253];

/** A file without a name that holds a text. */
function fileOf(text: string): Fd {
  const fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  fd.writeSync(encoder.encode(text), { position: 0 });
  return fd;
}

function textOf(fd: Fd): string {
  const buffer = new Uint8Array(100);
  return decoder.decode(buffer.subarray(0, fd.readSync(buffer, { position: 0 })));
}

/** Takes what the other sends, reads the files it passes, and passes them back with the answer. */
async function serve(socket: UnixSocket): Promise<void> {
  socket.passCredentials = true;
  await socket.send(encoder.encode("ready"));
  for (const count of counts) {
    using message = await socket.receive({ maxFds: count, ...patience });
    assert.equal(decoder.decode(message.data), `files ${count}`);
    assert.equal(message.fds.length, count);
    assert.notEqual(message.credentials!.pid, process.pid);
    assert.equal(message.credentials!.pid, socket.peerCredentials()!.pid);
    await socket.send(encoder.encode(message.fds.map(textOf).join()), { fds: message.fds });
  }
  using message = await socket.receive({ maxFds: 1, ...patience });
  using passed = UnixSocket.from(message.fds[0]!);
  await passed.send(encoder.encode(`through a socket of ${message.credentials!.pid}`));
  passed.close();
  for await (const rest of socket.messages(patience)) throw new Error(`more: ${decoder.decode(rest.data)}`);
}

async function ask(socket: UnixSocket): Promise<void> {
  assert.equal(decoder.decode((await socket.receive(patience)).data), "ready");
  for (const count of counts) {
    const files = Array.from({ length: Math.min(count, 4) }, (_, i) => fileOf(`file ${i}`));
    const fds = Array.from({ length: count }, (_, i) => files[i % files.length]!);
    await socket.send(encoder.encode(`files ${count}`), { fds });
    using answer = await socket.receive({ maxFds: count, ...patience });
    assert.equal(decoder.decode(answer.data), fds.map(textOf).join());
    assert.deepEqual(answer.fds.map((fd) => fd.stat().inode), fds.map((fd) => fd.stat().inode));
    for (const file of files) file.close();
  }
  const [mine, theirs] = socketPair("seqpacket");
  await socket.send(encoder.encode("talk here"), { fds: [theirs.fd] });
  theirs.close();
  assert.equal(decoder.decode((await mine.receive(patience)).data), `through a socket of ${process.pid}`);
  assert((await mine.receive(patience)).end); // The server closed its copy, and nobody else has one.
  mine.close();
}

/** What the runtimes open at their first wait is there before the count. */
const warm = socketPair();
await assert.rejects(warm[0].receive({ timeout: 1 }));
const before = snapshot();

if (verb === "serve") {
  using stream = UnixListener.listen({ path: `${path}.stream` });
  using packets = UnixListener.listen({ path: `${path}.seqpacket` }, { kind: "seqpacket" });
  using datagrams = UnixSocket.bind({ path: `${path}.serve` });
  console.log("listens");
  for (const listener of [stream, packets]) {
    using socket = await listener.accept(patience);
    await serve(socket);
  }
  using message = await datagrams.receive({ maxFds: 1, ...patience });
  assert.deepEqual(message.from, { path: `${path}.ask` });
  await datagrams.send(encoder.encode(textOf(message.fds[0]!)), { to: message.from! });
} else {
  for (const kind of ["stream", "seqpacket"] as const) {
    using socket = await UnixSocket.connect({ path: `${path}.${kind}` }, { kind });
    await ask(socket);
  }
  using datagrams = UnixSocket.bind({ path: `${path}.ask` });
  using file = fileOf("of a datagram");
  await datagrams.send(encoder.encode("read it"), { to: { path: `${path}.serve` }, fds: [file] });
  assert.equal(decoder.decode((await datagrams.receive(patience)).data), "of a datagram");
}

assert.deepEqual(await leftBehind(before), []);
for (const one of warm) one.close();
console.log("done");
