// A Worker that takes a mutex it is told of, says so, and keeps it until it is told otherwise, or ended.
import { parentPort } from "node:worker_threads";
import { Mutex, type MutexGuard, type MutexToken } from "../../lib/sync/mod.ts";

export type Order =
  | { kind: "take"; token: MutexToken }
  | { kind: "wait"; token: MutexToken }
  | { kind: "release" };

let mutex: Mutex | undefined;
let guard: MutexGuard | undefined;

parentPort!.on("message", async (order: Order) => {
  try {
    if (order.kind === "release") {
      guard!.release();
      parentPort!.postMessage({ released: true });
      return;
    }
    mutex = Mutex.from(order.token);
    if (order.kind === "wait") {
      const taking = mutex.acquire();
      parentPort!.postMessage({ waiting: true });
      guard = await taking;
    } else guard = mutex.acquireSync();
    parentPort!.postMessage({ abandoned: guard.abandoned, owner: mutex.owner });
  } catch (error) {
    parentPort!.postMessage({ error: (error as { code?: string }).code ?? String(error) });
  }
});
parentPort!.postMessage("ready");
