// Accepts COUNT connections at PATH and closes each, by hawser or by node:net: accept.mjs hawser|net COUNT PATH
// Prints how long it took from the first to the last, in nanoseconds, and how many there were.
import { createServer } from "node:net";
import process from "node:process";
import { UnixListener } from "../../dist/lib/socket/mod.js";

const [way, countText, path] = process.argv.slice(2);
const count = Number(countText);
let start = 0;
let accepted = 0;

function note() {
  if (accepted++ === 0) start = performance.now();
  if (accepted < count) return;
  console.log(JSON.stringify({ ns: (performance.now() - start) * 1e6, accepted }));
  process.exit(0);
}

if (way === "net") {
  createServer((socket) => {
    socket.destroy();
    note();
  }).listen(path);
} else {
  for await (const socket of UnixListener.listen({ path })) {
    socket.close();
    note();
  }
}
