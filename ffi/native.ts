// What a loader gives: the same in every runtime.

import type { Door } from "./door.ts";
import { type Core, type Signature, signatures } from "./symbols.ts";

/** The library, loaded, and what only the runtime can do with foreign memory. */
export interface Native {
  /** Its functions. */
  readonly core: Core;
  /** The loader: `Deno.dlopen`, `bun:ffi`, `Node-API` or `node:ffi`. */
  readonly loader: string;
  /** Makes an ArrayBuffer over `bytes` bytes at `address`; nothing frees them when it is collected. */
  view(address: number, bytes: number): ArrayBuffer;
  /**
   * Takes the memory away from such a buffer: it has no bytes afterwards, and views of it throw. A buffer that is pinned
   * keeps them.
   */
  detach(buffer: ArrayBuffer): void;
  /** Whether the runtime pins buffers while a call of its own works on them on another thread. */
  readonly pins: boolean;
  /**
   * Lets the event loop listen to a stream socket, which is the runtime's from then on, and calls `wake` whenever bytes
   * came. What `wake` throws is an uncaught exception.
   */
  adopt(fd: number, wake: () => void): Door;
}

/** A runtime's way to the library. */
export interface Loader {
  /** Opens the library at a path. */
  open(path: string): Native;
  /** Opens the library from its bytes. `name` tells the copies of this library from all other files. */
  openBytes(bytes: Uint8Array, name: string): Native;
}

/** ArrayBuffer.prototype.transfer(), which Node 20 has not and the other runtimes have. */
export function detachByTransfer(buffer: ArrayBuffer): void {
  (buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer();
}

/** A function of the library, before its types are known. */
export type Callable = (...args: never[]) => unknown;

/** The same functions for faster calls: V8 keeps so many members in a hash table, unless they are a prototype's. */
export function quickened<T extends object>(functions: T): T {
  return Object.create(functions);
}

/**
 * The library's functions, each looked up when it is first called: Deno takes 0.2 ms for every one, and programs use few
 * of them.
 */
export function lazily(lookUp: (name: string, signature: Signature) => Callable): Core {
  const core: Record<string, Callable> = {};
  for (const [name, signature] of Object.entries(signatures)) {
    core[name] = (...args) => {
      core[name] = lookUp(name, signature);
      return core[name](...args);
    };
  }
  return quickened(core) as unknown as Core;
}
