/**
 * Calls functions of your own shared libraries, in Bun, Deno and Node from one source.
 *
 * The names and types are those of `bun:ffi`, and a program written for that mostly needs the other import only. On
 * Bun it stands on `bun:ffi`, on Deno on `Deno.dlopen`, on Node 26.1 and later on `node:ffi`. Importing loads nothing
 * and asks no permission; the first call does.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import process from "node:process";
 * import { dlopen, suffix } from "hawser/ffi";
 *
 * using libc = dlopen(`libc.${suffix}.6`, { getpid: { returns: "i32" } });
 * assert.equal(libc.symbols.getpid(), process.pid);
 * ```
 *
 * @module
 */
export { JSCallback } from "./shim/callback.ts";
export { dlopen } from "./shim/library.ts";
export { CString, ptr, read, type Reader, toArrayBuffer, toBuffer } from "./shim/memory.ts";
export { suffix } from "./shim/suffix.ts";
export {
  type ArgumentsOf,
  type Bytes,
  type CallbackLike,
  type FFIFunction,
  FFIType,
  type FFITypeOrString,
  type FFITypeToArgsType,
  type FFITypeToReturnsType,
  type Library,
  type Pointer,
  type ResultOf,
  type SymbolsOf,
  type ToFFIType,
} from "./shim/types.ts";
