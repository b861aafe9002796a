// Memory by its address: `ptr`, `toArrayBuffer`, `toBuffer`, `read`, `CString`. Whether an address is mapped nobody
// can check in time; what can be checked (null, no number, a length below zero) is, since the rest is a crash.
import { native } from "./choose.ts";
import { explain, type Readable } from "./native.ts";
import type { Bytes, Pointer } from "./types.ts";

/** Checks an address and moves it by an offset. */
function locate(ptr: unknown, byteOffset: unknown, what: string): number | bigint {
  if (typeof ptr !== "number" && typeof ptr !== "bigint") {
    throw new TypeError(`${what}: ptr must be a number or a bigint, not ${ptr === null ? "null" : typeof ptr}`);
  }
  if (typeof byteOffset !== "number") throw new TypeError(`${what}: byteOffset must be a number`);
  if (!Number.isSafeInteger(byteOffset)) throw new RangeError(`${what}: byteOffset must be an integer`);
  if (typeof ptr === "number" && !Number.isSafeInteger(ptr)) throw new RangeError(`${what}: ptr must be an integer`);
  // Null plus an offset is as wrong as null.
  if (ptr === 0 || ptr === 0n) throw new TypeError(`${what}: ptr is null`);
  const at = typeof ptr === "bigint" ? ptr + BigInt(byteOffset) : ptr + byteOffset;
  if (at <= 0 || at > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${what}: ptr and byteOffset give no address`);
  return at;
}

function memoryAt(at: number | bigint, length: number, what: string): ArrayBuffer {
  try {
    return native().memory(at, length);
  } catch (error) {
    throw explain(error, what);
  }
}

/** The bytes before the next NUL. */
function lengthAt(at: number | bigint, what: string): number {
  // Whole pages at a time: where the first byte of a page can be read, the last one can.
  for (let length = 0;;) {
    const here = typeof at === "bigint" ? at + BigInt(length) : at + length;
    const chunk = 4096 - Number(BigInt(here) & 4095n);
    const found = new Uint8Array(memoryAt(here, chunk, what)).indexOf(0);
    if (found >= 0) return length + found;
    length += chunk;
  }
}

function lengthOf(at: number | bigint, byteLength: unknown, what: string): number {
  if (byteLength === undefined) return lengthAt(at, what);
  if (typeof byteLength !== "number") throw new TypeError(`${what}: byteLength must be a number`);
  if (Number.isSafeInteger(byteLength) && byteLength >= 0) return byteLength;
  throw new RangeError(`${what}: byteLength must be a whole number`);
}

// A byte order mark is text like any other to C.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The C string at an address. */
export function textAt(at: number | bigint): string {
  const length = lengthAt(at, "Cannot read a C string");
  return length === 0 ? "" : decoder.decode(memoryAt(at, length, "Cannot read a C string"));
}

/**
 * Tells the address of bytes.
 *
 * It is good as long as the bytes are: keep a reference to them, and neither transfer nor resize them.
 *
 * @param view A typed array, a `DataView` or a buffer, of at least one byte.
 * @param byteOffset How far into them.
 * @returns The address.
 * @throws {TypeError} If `view` is something else, empty, or detached.
 * @throws {RangeError} If `byteOffset` lies outside.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ptr, read } from "hawser/ffi";
 *
 * const point = new Int32Array([3, 4]);
 * assert.equal(read.i32(ptr(point, 4)), 4);
 * ```
 */
export function ptr(view: Bytes, byteOffset = 0): Pointer {
  const what = "Cannot take the address";
  const bytes: unknown = view;
  if (!ArrayBuffer.isView(bytes) && !(bytes instanceof ArrayBuffer) && !(bytes instanceof SharedArrayBuffer)) {
    throw new TypeError(`${what}: this is no typed array, DataView or buffer`);
  }
  if (typeof byteOffset !== "number") throw new TypeError(`${what}: byteOffset must be a number`);
  if (bytes.byteLength === 0) throw new TypeError(`${what}: there are no bytes (empty, or detached)`);
  if (!Number.isSafeInteger(byteOffset) || byteOffset < 0 || byteOffset > bytes.byteLength) {
    throw new RangeError(`${what}: byteOffset must be from 0 to ${bytes.byteLength}, not ${byteOffset}`);
  }
  try {
    return (Number(native().address(bytes)) + byteOffset) as Pointer;
  } catch (error) {
    throw explain(error, what);
  }
}

/**
 * Gives the memory at an address as an `ArrayBuffer`: the memory itself, not a copy.
 *
 * Nothing keeps it mapped. Using the buffer after C has freed the memory is a crash, or worse.
 *
 * @param ptr The address.
 * @param byteOffset How far behind it to begin.
 * @param byteLength How many bytes; up to the first NUL if left out.
 * @returns The buffer.
 * @throws {TypeError} If `ptr` is null or no number.
 * @throws {RangeError} If an argument is out of range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ptr, toArrayBuffer } from "hawser/ffi";
 *
 * const bytes = new Uint8Array([1, 2, 3]);
 * const same = new Uint8Array(toArrayBuffer(ptr(bytes), 1, 2));
 * same[0] = 20;
 * assert.deepEqual([...bytes], [1, 20, 3]);
 * ```
 */
export function toArrayBuffer(ptr: Pointer | number | bigint, byteOffset = 0, byteLength?: number): ArrayBuffer {
  const what = "Cannot map memory";
  const at = locate(ptr, byteOffset, what);
  const length = lengthOf(at, byteLength, what);
  // Bun refuses an empty buffer at an address; there is nothing to share in it anyway.
  if (length === 0) {
    native();
    return new ArrayBuffer(0);
  }
  return memoryAt(at, length, what);
}

/**
 * Gives the memory at an address as a `Buffer`: the memory itself, not a copy. See {@linkcode toArrayBuffer}.
 *
 * @param ptr The address.
 * @param byteOffset How far behind it to begin.
 * @param byteLength How many bytes; up to the first NUL if left out.
 * @returns The runtime's `Buffer`, typed as what it extends.
 * @throws {TypeError} If `ptr` is null or no number.
 * @throws {RangeError} If an argument is out of range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ptr, toBuffer } from "hawser/ffi";
 *
 * const bytes = new TextEncoder().encode("hello\0");
 * assert.equal(toBuffer(ptr(bytes)).toString(), "hello");
 * ```
 */
export function toBuffer(ptr: Pointer | number | bigint, byteOffset = 0, byteLength?: number): Uint8Array<ArrayBuffer> {
  const { process } = globalThis as unknown as { process: { getBuiltinModule(name: string): unknown } };
  const { Buffer } = process.getBuiltinModule("node:buffer") as {
    Buffer: { from(bytes: ArrayBuffer): Uint8Array<ArrayBuffer> };
  };
  return Buffer.from(toArrayBuffer(ptr, byteOffset, byteLength));
}

function reader(type: Readable): (ptr: unknown, byteOffset: unknown) => number | bigint {
  const what = `Cannot read ${type}`;
  return (ptr, byteOffset) => {
    const at = locate(ptr, byteOffset, what);
    try {
      return native().read(type, at);
    } catch (error) {
      throw explain(error, what);
    }
  };
}

const readers = {
  u8: reader("u8"),
  i8: reader("i8"),
  u16: reader("u16"),
  i16: reader("i16"),
  u32: reader("u32"),
  i32: reader("i32"),
  u64: reader("u64"),
  i64: reader("i64"),
  f32: reader("f32"),
  f64: reader("f64"),
};

/**
 * One function of {@linkcode read}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ptr, read, type Reader } from "hawser/ffi";
 *
 * const first = (reader: Reader<number>, bytes: Uint8Array) => reader(ptr(bytes));
 * assert.equal(first(read.i8, new Uint8Array([255])), -1);
 * ```
 */
export type Reader<T> = (ptr: Pointer | number | bigint, byteOffset?: number) => T;

/**
 * Reads one number at an address, in the machine's byte order. For more than a few, map the memory with
 * {@linkcode toArrayBuffer}.
 *
 * @param ptr The address.
 * @param byteOffset How far behind it.
 * @returns The number; a bigint for `u64` and `i64`.
 * @throws {TypeError} If `ptr` is null or no number.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ptr, read } from "hawser/ffi";
 *
 * const pair = new Float64Array([0.5, 1.5]);
 * assert.equal(read.f64(ptr(pair), 8), 1.5);
 * ```
 */
export const read: {
  /** Reads a `uint8_t`. */
  readonly u8: Reader<number>;
  /** Reads an `int8_t`. */
  readonly i8: Reader<number>;
  /** Reads a `uint16_t`. */
  readonly u16: Reader<number>;
  /** Reads an `int16_t`. */
  readonly i16: Reader<number>;
  /** Reads a `uint32_t`. */
  readonly u32: Reader<number>;
  /** Reads an `int32_t`. */
  readonly i32: Reader<number>;
  /** Reads a `uint64_t`. */
  readonly u64: Reader<bigint>;
  /** Reads an `int64_t`. */
  readonly i64: Reader<bigint>;
  /** Reads a `float`. */
  readonly f32: Reader<number>;
  /** Reads a `double`. */
  readonly f64: Reader<number>;
  /** Reads a pointer, as a number; 0 for NULL, as `bun:ffi` does it. */
  readonly ptr: Reader<number>;
  /** Reads an `intptr_t`, as a number. */
  readonly intptr: Reader<number>;
} = Object.freeze({
  u8: (ptr, byteOffset = 0) => readers.u8(ptr, byteOffset) as number,
  i8: (ptr, byteOffset = 0) => readers.i8(ptr, byteOffset) as number,
  u16: (ptr, byteOffset = 0) => readers.u16(ptr, byteOffset) as number,
  i16: (ptr, byteOffset = 0) => readers.i16(ptr, byteOffset) as number,
  u32: (ptr, byteOffset = 0) => readers.u32(ptr, byteOffset) as number,
  i32: (ptr, byteOffset = 0) => readers.i32(ptr, byteOffset) as number,
  u64: (ptr, byteOffset = 0) => BigInt(readers.u64(ptr, byteOffset)),
  i64: (ptr, byteOffset = 0) => BigInt(readers.i64(ptr, byteOffset)),
  f32: (ptr, byteOffset = 0) => readers.f32(ptr, byteOffset) as number,
  f64: (ptr, byteOffset = 0) => readers.f64(ptr, byteOffset) as number,
  ptr: (ptr, byteOffset = 0) => Number(readers.u64(ptr, byteOffset)),
  intptr: (ptr, byteOffset = 0) => Number(readers.i64(ptr, byteOffset)),
});

/**
 * The C string at an address, copied, with the address it came from.
 *
 * It is a `String` object, as `bun:ffi` had it for long: compare `text.toString()`. A function declared to return
 * `cstring` gives a plain string.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { CString, ptr } from "hawser/ffi";
 *
 * const bytes = new TextEncoder().encode("left right\0");
 * assert.equal(new CString(ptr(bytes)).toString(), "left right");
 * assert.equal(`${new CString(ptr(bytes), 5, 2)}`, "ri");
 * ```
 */
export class CString extends String {
  /** The address it was read from; null if there was none. */
  readonly ptr: Pointer | bigint | null;
  /** How far behind the address the text began. */
  readonly byteOffset: number;
  /** How many bytes of UTF-8 it was. */
  readonly byteLength: number;

  /**
   * Reads a C string.
   *
   * @param ptr The address; null reads as the empty string.
   * @param byteOffset How far behind it to begin.
   * @param byteLength How many bytes; up to the first NUL if left out.
   * @throws {TypeError} If `ptr` is no address.
   * @throws {RangeError} If an argument is out of range.
   */
  constructor(ptr: Pointer | number | bigint | null, byteOffset = 0, byteLength?: number) {
    const what = "Cannot read a C string";
    let bytes = new ArrayBuffer(0);
    if (ptr !== null && ptr !== 0 && ptr !== 0n) {
      const at = locate(ptr, byteOffset, what);
      const length = lengthOf(at, byteLength, what);
      if (length > 0) bytes = memoryAt(at, length, what);
    } else native();
    super(decoder.decode(bytes));
    this.ptr = ptr === 0 || ptr === 0n ? null : ptr as Pointer | bigint | null;
    this.byteOffset = byteOffset;
    this.byteLength = bytes.byteLength;
  }

  /** The bytes it was read from: the memory itself, see {@linkcode toArrayBuffer}. */
  get arrayBuffer(): ArrayBuffer {
    return this.ptr === null ? new ArrayBuffer(0) : toArrayBuffer(this.ptr, this.byteOffset, this.byteLength);
  }
}
