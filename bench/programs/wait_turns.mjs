// One of two processes that pass a turn to and fro on their event loops, COUNT times, by a futex or by node:net:
//   wait_turns.mjs futex|net ping|pong COUNT PATH
// `ping` prints the median of what there and back took, in nanoseconds, and how often the other had its turn.
import { connect, createServer } from "node:net";
import process from "node:process";
import { MappedFile } from "../../dist/lib/memory/mod.js";
import { Futex } from "../../dist/lib/sync/mod.js";

const [way, role, countText, path] = process.argv.slice(2);
const count = Number(countText);
const warm = Math.ceil(count / 4);
const times = new Float64Array(count);

function report(turns) {
  console.log(JSON.stringify({ ns: times.sort()[count >> 1], turns: turns - warm }));
  process.exit(0);
}

async function byFutex() {
  const file = MappedFile.open(path);
  const words = new Int32Array(file.buffer, 0, 3); // Ping's turns, pong's turns, whether pong is there.
  const [pings, pongs] = [Futex.at(file, 0), Futex.at(file, 4)];
  if (role === "pong") {
    Atomics.store(words, 2, 1);
    for (let turn = 1; turn <= warm + count; turn++) {
      while (Atomics.load(words, 0) < turn) await pings.wait(turn - 1);
      Atomics.store(words, 1, turn);
      pongs.wake(1);
    }
    return;
  }
  while (Atomics.load(words, 2) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  for (let turn = 1; turn <= warm + count; turn++) {
    const start = performance.now();
    Atomics.store(words, 0, turn);
    pings.wake(1);
    while (Atomics.load(words, 1) < turn) await pongs.wait(turn - 1);
    if (turn > warm) times[turn - warm - 1] = (performance.now() - start) * 1e6;
  }
  report(Atomics.load(words, 1));
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
    let turn = 0;
    let start = 0;
    const ping = () => {
      start = performance.now();
      socket.write(byte);
    };
    socket.on("error", () => {});
    socket.on("data", () => {
      if (++turn > warm) times[turn - warm - 1] = (performance.now() - start) * 1e6;
      if (turn < warm + count) return ping();
      report(turn);
    });
    ping();
  }).listen(path);
}

if (way === "futex") await byFutex();
else byNet();
