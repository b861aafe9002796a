// The mutex between the main thread and Workers that are terminated: holding it, and waiting for it. In a process of its
// own, since the memory of a terminated Worker stays mapped.
import assert from "node:assert/strict";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { Mutex } from "../../lib/sync/mod.ts";
import { deferred, until, watchdog } from "../support/watchdog.ts";
import type { Order } from "./mutex_worker.ts";

const extension = import.meta.url.endsWith(".js") ? "js" : "ts";

async function start() {
  const worker = new Worker(new URL(`./mutex_worker.${extension}`, import.meta.url));
  const answers: unknown[] = [];
  let wake = deferred<void>();
  worker.on("message", (message) => (answers.push(message), wake.resolve()));
  const answer = async () => {
    while (answers.length === 0) {
      await watchdog(wake.promise, "an answer of the Worker");
      wake = deferred();
    }
    return answers.shift() as { abandoned: boolean; owner: { pid: number; tid: number } };
  };
  assert.equal(await answer(), "ready");
  return { worker, answer, ask: (order: Order) => (worker.postMessage(order), answer()) };
}

using mutex = Mutex.open(process.argv[2]!, { temporary: true });
const token = mutex.share();

for (const sync of [false, true]) {
  const { worker, ask } = await start();
  const { abandoned, owner } = await ask({ kind: "take", token });
  assert.deepEqual([abandoned, owner.pid], [false, process.pid]);
  assert.notEqual(owner.tid, process.pid);
  assert.equal(mutex.tryAcquire(), null);
  await worker.terminate();
  using guard = sync ? mutex.acquireSync({ timeout: 10_000 }) : await watchdog(mutex.acquire(), "the abandoned mutex");
  assert.equal(guard.abandoned, true);
  guard.release();
  using next = mutex.acquireSync();
  assert.equal(next.abandoned, false);
}

// While it waits for us, nobody need be terminated for it to go on.
const asleep = await start();
const held = mutex.acquireSync();
assert.deepEqual(await asleep.ask({ kind: "wait", token }), { waiting: true });
const other = await start();
assert.deepEqual(await other.ask({ kind: "wait", token }), { waiting: true });
await asleep.worker.terminate();
held.release();
assert.equal((await other.answer()).abandoned, false);
assert.equal(mutex.tryAcquire(), null);
const mine = mutex.acquire();
assert.deepEqual(await other.ask({ kind: "release" }), { released: true });
(await watchdog(mine, "the Worker's release")).release();
await other.worker.terminate();
await until(() => mutex.owner === null, "an end with nobody as the owner");
console.log("done");
