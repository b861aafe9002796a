// One of two processes: bytes flow from one to the other. flow.mjs WAY give|take BYTES CHUNK [PATH]
//
//   net     by node:net, at PATH
//   socket  by the stream socket at descriptor 3, awaited
//   pipe    by the pipe at descriptor 3, blocking
//
// `take` prints how long it took from the first bytes to the last, in nanoseconds, and how many came.
import { connect, createServer } from "node:net";
import process from "node:process";
import { Fd } from "../../dist/lib/fd/mod.js";
import { UnixSocket } from "../../dist/lib/socket/mod.js";

const [way, role, bytesText, chunkText, path] = process.argv.slice(2);
const [total, size] = [Number(bytesText), Number(chunkText)];
// A byte tells its place: chunks are a multiple of 256.
const chunk = Uint8Array.from({ length: size }, (_, i) => i);
let start = 0;
let taken = 0;

function take(data) {
  start ||= performance.now();
  const last = data.length - 1;
  if (data[0] !== (taken & 0xff) || data[last] !== ((taken + last) & 0xff)) {
    throw new Error(`${way}: wrong bytes at ${taken}`);
  }
  taken += data.length;
}

function report() {
  console.log(JSON.stringify({ ns: (performance.now() - start) * 1e6, bytes: taken }));
  process.exit(0);
}

async function bySocket() {
  const socket = UnixSocket.from(Fd.from(3));
  if (role === "give") {
    for (let given = 0; given < total; given += size) await socket.send(chunk);
    return socket.close();
  }
  for (;;) {
    const { data, end } = await socket.receive();
    if (end) return report();
    take(data);
  }
}

function byPipe() {
  const fd = Fd.from(3);
  if (role === "give") {
    for (let given = 0; given < total; given += size) fd.writeAllSync(chunk);
    return;
  }
  const buffer = new Uint8Array(65_536);
  for (let count; (count = fd.readSync(buffer)) > 0;) take(buffer.subarray(0, count));
  report();
}

function byNet() {
  if (role === "take") {
    createServer((socket) => {
      socket.on("data", take);
      socket.on("end", report);
    }).listen(path);
    return;
  }
  const open = () => {
    const socket = connect(path);
    let given = 0;
    const give = () => {
      while (given < total) {
        given += size;
        if (!socket.write(chunk)) return void socket.once("drain", give);
      }
      socket.end();
    };
    socket.on("error", () => setTimeout(open, 5)); // Before the other listens.
    socket.on("connect", give);
  };
  open();
}

if (way === "net") byNet();
else if (way === "pipe") byPipe();
else await bySocket();
