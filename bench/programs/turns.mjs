// One of two processes that pass a turn to and fro COUNT times: turns.mjs WAY ping|pong COUNT [PATH]
//
//   net           a byte by node:net, at PATH
//   pipe          a byte by two pipes, descriptor 3 to read and 4 to write, blocking
//   packet        a packet of 64 bytes by the socket at descriptor 3, blocking
//   fd, fd-async  a packet with a descriptor, which is closed by who gets it, by the socket at descriptor 3
//
// `ping` prints the median of what there and back took, in nanoseconds, and how often the other had its turn.
import { connect, createServer } from "node:net";
import process from "node:process";
import { Fd } from "../../dist/lib/fd/mod.js";
import { UnixSocket } from "../../dist/lib/socket/mod.js";

const [way, role, countText, path] = process.argv.slice(2);
const count = Number(countText);
const warm = Math.ceil(count / 4);
const times = new Float64Array(count);
let turns = 0;

/** Notes a turn that began at `start`: the turn's time counts when the compilers are done. */
function note(start) {
  if (++turns > warm) times[turns - warm - 1] = (performance.now() - start) * 1e6;
}

function report() {
  console.log(JSON.stringify({ ns: times.sort()[count >> 1], turns: turns - warm }));
  process.exit(0);
}

function same(what, found, wanted) {
  if (found !== wanted) throw new Error(`${way} ${role}: ${what}: ${found} and not ${wanted}`);
}

/** Passes turns by functions that block. */
function blocking(give, take) {
  for (let turn = 0; turn < warm + count; turn++) {
    const start = performance.now();
    if (role === "ping") give(turn);
    take(turn);
    if (role === "pong") give(turn);
    note(start);
  }
}

async function awaiting(give, take) {
  for (let turn = 0; turn < warm + count; turn++) {
    const start = performance.now();
    if (role === "ping") await give(turn);
    await take(turn);
    if (role === "pong") await give(turn);
    note(start);
  }
}

function byPipe() {
  const [reader, writer] = [Fd.from(3), Fd.from(4)];
  const [out, into] = [new Uint8Array(1), new Uint8Array(1)];
  blocking(
    (turn) => {
      out[0] = turn;
      writer.writeSync(out);
    },
    (turn) => {
      same("bytes", reader.readSync(into), 1);
      same("turn", into[0], turn & 0xff);
    },
  );
}

function byPacket() {
  const socket = UnixSocket.from(Fd.from(3));
  const [out, buffer] = [new Uint8Array(64), new Uint8Array(64)];
  blocking(
    (turn) => {
      out[63] = turn;
      socket.sendSync(out);
    },
    (turn) => {
      same("bytes", socket.receiveSync({ buffer }).data.length, 64);
      same("turn", buffer[63], turn & 0xff);
    },
  );
}

const own = () => Fd.open(role === "ping" ? "/dev/null" : "/dev/zero");

/** The other's descriptor, and no other: in the first turns it is looked at. */
function checked(message, turn, inode) {
  same("descriptors", message.fds.length, 1);
  same("turn", message.data[0], turn & 0xff);
  if (turn < warm) same("inode", message.fds[0].stat().inode, inode);
  message.close();
}

function theirInode() {
  const theirs = Fd.open(role === "ping" ? "/dev/zero" : "/dev/null");
  const { inode } = theirs.stat();
  theirs.close();
  return inode;
}

function byFd() {
  const socket = UnixSocket.from(Fd.from(3));
  const [out, buffer, sent, inode] = [new Uint8Array(1), new Uint8Array(1), { fds: [own()] }, theirInode()];
  const room = { buffer, maxFds: 1 };
  const give = (turn) => {
    out[0] = turn;
    return way === "fd" ? socket.sendSync(out, sent) : socket.send(out, sent);
  };
  if (way === "fd") return blocking(give, (turn) => checked(socket.receiveSync(room), turn, inode));
  return awaiting(give, async (turn) => checked(await socket.receive(room), turn, inode));
}

function byNet() {
  const byte = new Uint8Array(1);
  if (role === "pong") {
    const open = () => {
      const socket = connect(path);
      socket.on("error", () => setTimeout(open, 5)); // Before ping listens, and after it has ended.
      socket.on("data", () => socket.write(byte));
      socket.on("end", () => process.exit(0));
    };
    return open();
  }
  createServer((socket) => {
    let start = 0;
    const ping = () => {
      start = performance.now();
      socket.write(byte);
    };
    socket.on("error", () => {});
    socket.on("data", (data) => {
      same("bytes", data.length, 1);
      note(start);
      if (turns < warm + count) return ping();
      report();
    });
    ping();
  }).listen(path);
}

if (way === "net") {
  byNet();
} else {
  if (way === "pipe") byPipe();
  else if (way === "packet") byPacket();
  else await byFd();
  if (role === "ping") report();
}
