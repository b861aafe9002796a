// One side of a connection that is killed: `receive PATH HOW` receives one message with descriptors; `send PATH` sends
// numbered packets, each with three descriptors, until it is killed.
import process from "node:process";
import { Fd } from "../../lib/fd/mod.ts";
import { UnixSocket } from "../../lib/socket/mod.ts";

const [verb, path, how] = process.argv.slice(2) as [string, string, string?];
const socket = await UnixSocket.connect({ path }, { kind: "seqpacket" });

if (verb === "receive") {
  const room = { maxFds: 253 };
  const message = how === "sync" ? socket.receiveSync(room) : await socket.receive(room);
  console.log(`received ${message.fds.length}`);
  await socket.receive(); // Holds what it has until it is killed.
} else {
  const file = Fd.open("/dev/null");
  const data = new Uint8Array(2000);
  for (let i = 0;; i++) {
    new DataView(data.buffer).setUint32(0, i, true);
    await socket.send(data, { fds: [file, file, socket.fd] });
  }
}
