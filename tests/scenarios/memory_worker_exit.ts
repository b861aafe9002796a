// Has a Worker make two temporary objects, close one, and exit; says after each step whether the name is there.
import { existsSync } from "node:fs";
import process from "node:process";
import { Worker } from "node:worker_threads";
import type { Order } from "./memory_worker.ts";

const [closed, left] = process.argv.slice(2) as [string, string];
const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
const worker = new Worker(new URL(`./memory_worker.${extension}`, import.meta.url));
const ended = new Promise<void>((done) => worker.once("exit", () => done()));
const answer = () => new Promise((done) => worker.once("message", done));
const ask = (order: Order) => {
  const answered = answer();
  worker.postMessage(order);
  return answered;
};
await answer();
await ask({ kind: "temporary", name: closed, close: true });
console.log(`closed: ${existsSync(`/dev/shm/${closed}`)}`);
await ask({ kind: "temporary", name: left });
console.log(`open: ${existsSync(`/dev/shm/${left}`)}`);
worker.postMessage({ kind: "exit" } satisfies Order);
await ended;
console.log(`ended: ${existsSync(`/dev/shm/${left}`)}`);
