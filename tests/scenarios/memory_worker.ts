// A Worker that does with memory what it is told, and answers with what came of it.
import process from "node:process";
import { parentPort } from "node:worker_threads";
import { load } from "../../ffi/load.ts";
import { SharedMemory, type SharedMemoryToken } from "../../lib/memory/mod.ts";

export type Order =
  | { kind: "from"; token: SharedMemoryToken; readonly?: boolean }
  | { kind: "handle"; handle: number }
  | { kind: "keep"; buffer: ArrayBuffer }
  | { kind: "read" }
  | { kind: "temporary"; name: string; close?: boolean }
  | { kind: "exit" };

let kept: Uint8Array | undefined;

function obey(order: Order): unknown {
  switch (order.kind) {
    case "from": {
      using memory = SharedMemory.from(order.token, order.readonly ? { readonly: true } : {});
      const was = memory.bytes[0];
      memory.bytes[1] = 77;
      return { was, size: memory.size, name: memory.name, readonly: memory.readonly };
    }
    case "handle": {
      const { core } = load();
      const { handle } = order;
      return [core.hawser_memory_size(handle), core.hawser_memory_address(handle), core.hawser_memory_close(handle, 0)];
    }
    case "keep":
      kept = new Uint8Array(order.buffer);
      return kept[0];
    case "read":
      return [kept!.length, kept![0]];
    case "temporary": {
      const memory = SharedMemory.create(order.name, { size: 4096, temporary: true });
      if (order.close) memory.close();
      return memory.closed;
    }
    case "exit":
      process.exit(0); // This Worker only.
  }
}

parentPort!.on("message", (order: Order) => {
  let answer: unknown;
  try {
    answer = { value: obey(order) };
  } catch (error) {
    answer = { error: { name: (error as Error).name, code: (error as { code?: string }).code } };
  }
  parentPort!.postMessage(answer);
});
parentPort!.postMessage("ready");
