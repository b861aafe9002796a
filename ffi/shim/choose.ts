// Which runtime answers the shim.
import { detectRuntime } from "../runtime.ts";
import { openBun } from "./bun.ts";
import { openDeno } from "./deno.ts";
import type { Native } from "./native.ts";
import { openNode } from "./node.ts";

let chosen: Native | undefined;

/** The runtime's FFI, found at the first use so that importing the shim never fails. */
export function native(): Native {
  if (chosen !== undefined) return chosen;
  const runtime = detectRuntime();
  chosen = runtime === "deno" ? openDeno() : runtime === "bun" ? openBun() : openNode();
  return chosen;
}
