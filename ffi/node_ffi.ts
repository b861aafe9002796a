import { adoptByNet } from "./door.ts";
import { detachByTransfer, lazily, type Loader, type Native } from "./native.ts";
import { node } from "./node.ts";
import type { Kind, Signature } from "./symbols.ts";

const types = {
  u32: "u32",
  i32: "i32",
  f64: "f64",
  handle: "u32",
  fd: "i32",
  buffer: "buffer",
} as const satisfies Record<
  Kind,
  string
>;

/** The part of node:ffi this needs. */
interface NodeFfi {
  dlopen(
    path: string,
    symbols: Record<string, { arguments: readonly string[]; return: string }>,
  ): { functions: Record<string, (...args: never[]) => unknown> };
  toArrayBuffer(address: bigint, bytes: number, copy: boolean): ArrayBuffer;
}

function open(path: string): Native {
  const { dlopen, toArrayBuffer } = process.getBuiltinModule("node:ffi") as unknown as NodeFfi;
  const lookUp = (name: string, { args, returns }: Signature) => {
    // The words are node:ffi's own; it takes any other for a function of no arguments that returns nothing.
    const definition = { arguments: args.map((kind) => types[kind]), return: types[returns] };
    return dlopen(path, { [name]: definition }).functions[name]!;
  };
  return {
    core: lazily(lookUp),
    loader: "node:ffi",
    view: (address, bytes) => toArrayBuffer(BigInt(address), bytes, false),
    detach: detachByTransfer,
    pins: false,
    adopt: adoptByNet,
  };
}

/**
 * Opens the library with `node:ffi`, Node 26.1 and later: tested, and not the loader of choice, since it is slower with
 * arguments than Node-API and warns on standard error.
 */
export const nodeFfi: Loader = { open, openBytes: node.openBytes };
