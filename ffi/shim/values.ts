// Values on their way into C and out of it. Bun would cut 300 to a u8 of 44 and take true for 1, Deno and Node would
// each do something else; the shim takes what the type holds and refuses the rest, before anything is called.
import { textAt } from "./memory.ts";
import type { Native, Wire } from "./native.ts";
import { type Bytes, FFIType, type Pointer } from "./types.ts";

/** Turns one value of JavaScript into what the runtime's FFI takes. */
export type Encoder = (value: unknown) => Wire;
/** Turns what the runtime's FFI gives into a value of JavaScript. */
export type Decoder = (wire: Wire) => unknown;

const limits: Record<number, [min: number, max: number]> = {
  [FFIType.char]: [-0x80, 0x7f],
  [FFIType.i8]: [-0x80, 0x7f],
  [FFIType.u8]: [0, 0xff],
  [FFIType.i16]: [-0x8000, 0x7fff],
  [FFIType.u16]: [0, 0xffff],
  [FFIType.i32]: [-0x8000_0000, 0x7fff_ffff],
  [FFIType.u32]: [0, 0xffff_ffff],
};

const u64Max = 2n ** 64n - 1n;
const i64Max = 2n ** 63n - 1n;

/** How a refused value reads in a message. */
function show(value: unknown): string {
  if (typeof value === "string") return "a string";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  return `an object (${value.constructor?.name ?? "without a prototype"})`;
}

function integer(min: number, max: number, where: string): Encoder {
  return (value) => {
    if (typeof value === "number" && value >= min && value <= max && Number.isInteger(value)) return value + 0;
    const message = `${where} must be an integer from ${min} to ${max}, not ${show(value)}`;
    throw typeof value === "number" ? new RangeError(message) : new TypeError(message);
  };
}

function wide(min: bigint, max: bigint, where: string, native: Native): Encoder {
  return (value) => {
    if (typeof value === "number") {
      if (Number.isSafeInteger(value) && value >= min) return native.wide(value + 0);
      if (Number.isInteger(value) && value >= min && value <= max) return BigInt(value);
    } else if (typeof value === "bigint" && value >= min && value <= max) return value;
    const message = `${where} must be an integer from ${min} to ${max}, not ${show(value)}`;
    throw typeof value === "number" || typeof value === "bigint" ? new RangeError(message) : new TypeError(message);
  };
}

function float(where: string): Encoder {
  return (value) => {
    if (typeof value === "number") return value;
    throw new TypeError(`${where} must be a number, not ${show(value)}`);
  };
}

function isBytes(value: unknown): value is Bytes {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

/** An address, or undefined if the value is something else. */
function addressOf(value: unknown, where: string): number | bigint | undefined {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0) return value + 0;
  } else if (typeof value === "bigint") {
    if (value >= 0n && value <= u64Max) return value;
  } else return undefined;
  throw new RangeError(`${where} must be an address, a whole number from 0, not ${show(value)}`);
}

/** The address of a callback, or undefined if the value is something else. */
function callbackOf(value: unknown, where: string): number | undefined {
  if (typeof value !== "object" || value === null || !("ptr" in value)) return undefined;
  if (typeof value.ptr === "number") return value.ptr;
  throw new TypeError(`${where} is a callback that is closed`);
}

const encoder = new TextEncoder();

/** Text as a C string: in UTF-8, with its NUL. */
function cstring(text: string, where: string): Uint8Array {
  if (text.includes("\0")) throw new TypeError(`${where} holds a NUL, where a C string would end`);
  return encoder.encode(`${text}\0`);
}

function pointer(type: number, where: string, native: Native, hold: (value: object) => void): Encoder {
  const text = type === FFIType.cstring;
  const fn = type === FFIType.function;
  const wanted = fn ? "a JSCallback or a pointer" : `a pointer, bytes or null${text ? ", or a string" : ""}`;
  return (value) => {
    if (value === null && !fn) return native.pointer(0, hold);
    const address = addressOf(value, where);
    if (address !== undefined && !(fn && (address === 0 || address === 0n))) return native.pointer(address, hold);
    if (text) {
      if (typeof value === "string") return native.pointer(cstring(value, where), hold);
    } else {
      const callback = callbackOf(value, where);
      if (callback !== undefined) return native.pointer(callback, hold);
    }
    if (!fn && isBytes(value)) return native.pointer(value, hold);
    throw new TypeError(`${where} must be ${wanted}, not ${show(value)}`);
  };
}

function view(where: string, encode: (view: ArrayBufferView) => Wire): Encoder {
  return (value) => {
    if (ArrayBuffer.isView(value)) return encode(value);
    throw new TypeError(`${where} must be a typed array or a DataView, not ${show(value)}`);
  };
}

/**
 * What takes values of a type into C.
 *
 * @param where How a message begins, `Cannot call add: argument 1` for instance.
 * @param hold Keeps an object until the call is over.
 */
export function encoderOf(type: number, where: string, native: Native, hold: (value: object) => void): Encoder {
  const limit = limits[type];
  if (limit !== undefined) return integer(limit[0], limit[1], where);
  switch (type) {
    case FFIType.i64:
    case FFIType.i64_fast:
      return wide(-i64Max - 1n, i64Max, where, native);
    case FFIType.u64:
    case FFIType.u64_fast:
      return wide(0n, u64Max, where, native);
    case FFIType.f64:
    case FFIType.f32:
      return float(where);
    case FFIType.bool:
      return (value) => {
        if (typeof value === "boolean") return value ? 1 : 0;
        throw new TypeError(`${where} must be true or false, not ${show(value)}`);
      };
    case FFIType.buffer:
      return view(where, (value) => native.buffer(value));
    case FFIType.buffer_length:
      return view(where, (value) => native.wide(value.byteLength));
    default:
      return pointer(type, where, native, hold);
  }
}

/** An address as the shim gives it: null for NULL, a number where that is exact. */
export function toPointer(wire: Wire): Pointer | bigint | null {
  if (wire === null || wire === 0 || wire === 0n) return null;
  return narrow(wire as number | bigint) as Pointer | bigint;
}

/** A number where it is safe, else a bigint. */
function narrow(value: number | bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : BigInt(value);
}

/** What brings values of a type out of C, or undefined where they arrive as they should be. */
export function decoderOf(type: number): Decoder | undefined {
  switch (type) {
    case FFIType.void:
      return () => undefined;
    case FFIType.bool:
      return (wire) => wire !== 0;
    case FFIType.i64:
    case FFIType.u64:
      return (wire) => typeof wire === "bigint" ? wire : BigInt(wire as number);
    case FFIType.i64_fast:
    case FFIType.u64_fast:
      return (wire) => narrow(wire as number | bigint);
    case FFIType.ptr:
    case FFIType.function:
      return toPointer;
    case FFIType.cstring:
      return (wire) => {
        const address = toPointer(wire);
        return address === null ? null : textAt(address);
      };
    default:
      return undefined;
  }
}

/** What C gets from a callback that threw. */
export function zeroOf(type: number, native: Native): Wire {
  switch (type) {
    case FFIType.void:
      return undefined;
    case FFIType.i64:
    case FFIType.i64_fast:
    case FFIType.u64:
    case FFIType.u64_fast:
      return native.wide(0);
    case FFIType.ptr:
    case FFIType.cstring:
    case FFIType.function:
      return native.pointer(0, () => {});
    default:
      return 0;
  }
}
