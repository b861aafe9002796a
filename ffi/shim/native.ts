// What the shim asks of a runtime. The rest of the shim is the same everywhere: it checks signatures, arguments and
// results itself, so that a mistake is the same error in all of them.
import type { Bytes } from "./types.ts";

/** A value on its way to or from native code, already in the runtime's own notation. */
export type Wire = unknown;

/** A native function that takes and returns wire values and checks nothing. */
export type RawFunction = (...args: Wire[]) => Wire;

/** A signature after its check, the types as numbers of `FFIType`. */
export interface Signature {
  readonly name: string;
  readonly args: readonly number[];
  readonly returns: number;
}

/** A number type that can be read at an address. */
export type Readable = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "u64" | "i64" | "f32" | "f64";

/** The runtime's FFI, reduced to what differs. Every method may throw what the runtime throws. */
export interface Native {
  /** Opens a library; a symbol that is not there is a {@linkcode MissingSymbol}. */
  open(path: string, signatures: readonly Signature[]): { functions: RawFunction[]; close(): void };
  /** An address or bytes, as the runtime wants a pointer parameter; `hold` keeps what must outlive the call. */
  pointer(value: number | bigint | Bytes, hold: (value: object) => void): Wire;
  /** A view, as the runtime wants a `buffer` parameter. */
  buffer(value: ArrayBufferView): Wire;
  /** A 64-bit integer as the runtime wants it. */
  wide(value: number | bigint): Wire;
  /** Whether `pointer` calls `hold`. */
  readonly holds: boolean;
  /** The address of bytes, at least one. */
  address(bytes: Bytes): number | bigint;
  /** The bytes at an address, not a copy. */
  memory(address: number | bigint, length: number): ArrayBuffer;
  /** Reads one number at an address. */
  read(type: Readable, address: number | bigint): number | bigint;
  /** Makes a function that C can call; it must not throw. */
  callback(
    signature: Signature,
    run: RawFunction,
    threadsafe: boolean,
  ): { address: number | bigint; close(running: boolean): void };
}

/** A library that opened and lacks a symbol. */
export class MissingSymbol extends Error {
  readonly symbol: string;
  constructor(symbol: string, cause: unknown) {
    super(symbol, { cause });
    this.symbol = symbol;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Repeats a refusal of permission in words that say what to do; anything else stays what it is. */
export function explain(error: unknown, what: string): unknown {
  const { name, code } = error as { name?: string; code?: string };
  if (name === "NotCapable") return new Error(`${what}: Deno wants --allow-ffi for it`, { cause: error });
  if (code === "ERR_ACCESS_DENIED") {
    return new Error(`${what}: Node runs with --permission and wants --allow-ffi for it`, { cause: error });
  }
  return error;
}
