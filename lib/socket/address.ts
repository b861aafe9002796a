import { unix_address_max } from "../../ffi/symbols.ts";
import { cString, describe, requiredOptions } from "../core/_arguments.ts";

/**
 * Where a unix socket is found: a path of the file system, or an abstract name, which lives in the network namespace and is
 * gone with its socket. At most 107 bytes each. unix(7).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type UnixAddress, UnixListener } from "hawser/socket";
 *
 * const address: UnixAddress = { abstract: `example-${process.pid}` };
 * using listener = UnixListener.listen(address);
 * assert.deepEqual(listener.getsockname(), address);
 * ```
 */
export type UnixAddress =
  | {
    /** The path, relative to the working directory unless it begins with a slash. */
    readonly path: string;
  }
  | {
    /** The name, without the NUL that the kernel puts before it: bytes, or the text whose UTF-8 they are. */
    readonly abstract: string | Uint8Array;
  };

const text_max = unix_address_max - 1;
const decoder = new TextDecoder("utf-8", { fatal: true });
const lenient = new TextDecoder();

/** An address as the library takes it: a path, or a NUL and a name. */
export function encodeAddress(address: UnixAddress): Uint8Array {
  const { path, abstract } = requiredOptions(
    address as { path?: string; abstract?: string | Uint8Array },
    ["path", "abstract"],
    `{ path: "/run/x" } or { abstract: "x" }`,
  );
  if ((path === undefined) === (abstract === undefined)) {
    throw new TypeError("an address must have one of path and abstract");
  }
  if (path !== undefined) return limited(cString(path, "path").subarray(0, -1), "path", describe(path));
  const name = typeof abstract === "string" ? new TextEncoder().encode(abstract) : abstract;
  if (!(name instanceof Uint8Array)) {
    throw new TypeError(`abstract must be a string or a Uint8Array: got ${describe(abstract)}`);
  }
  if (name.length === 0) throw new RangeError(`abstract must not be empty: the kernel names a socket for "autobind"`);
  const bytes = new Uint8Array(limited(name, "abstract", describe(abstract)).length + 1);
  bytes.set(name, 1);
  return bytes;
}

function limited(bytes: Uint8Array, what: string, got: string): Uint8Array {
  if (bytes.length <= text_max) return bytes;
  throw new RangeError(`${what} must be at most ${text_max} bytes: got ${bytes.length}, ${got}`);
}

/** The address that the library tells; null for a socket without a name. */
export function decodeAddress(bytes: Uint8Array): UnixAddress | null {
  if (bytes.length === 0) return null;
  if (bytes[0] !== 0) return { path: lenient.decode(bytes) };
  const name = bytes.slice(1);
  try {
    return { abstract: decoder.decode(name) };
  } catch {
    return { abstract: name };
  }
}

/** An address for messages, and the path for an error. */
export function tellAddress(address: UnixAddress | "autobind" | null): { text: string; path?: string } {
  if (address === null) return { text: "a socket without a name" };
  if (address === "autobind") return { text: "a name of the kernel's" };
  if ("path" in address) return { text: describe(address.path), path: address.path };
  const { abstract } = address;
  return { text: `the abstract name ${describe(typeof abstract === "string" ? abstract : lenient.decode(abstract))}` };
}
