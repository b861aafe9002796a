// Numbers. Each kind has accessors of its own, spelled out down to the check: engines share what they learn about a
// closure among all that come from the same place in the source, and stop inlining after so many calls. A common accessor
// or a function for the check makes an assignment cost five times as much (measured on V8). A catch
// costs a tenth, which is why the engine's own words are what one gets from numbers in closed memory.
import type { Block, Viewed } from "./block.ts";
import type { CText } from "./c.ts";
import { type Accessor, type Decode, type Encode, Field, type Layout, Refusal } from "./field.ts";

interface Kind<Value> {
  readonly name: string;
  readonly size: number;
  /** The type in C, and what C can't say. */
  readonly c: string;
  readonly note?: string;
  readonly encode: Encode;
  readonly decode: Decode<Value>;
  accessor(offset: number, name: string): Accessor;
}

class NumberField<Value> extends Field<Value> {
  readonly #kind: Kind<Value>;

  constructor(kind: Kind<Value>) {
    super(kind.name, kind.size, kind.size);
    this.#kind = kind;
    Object.freeze(this);
  }

  encode(block: Block, at: number, value: unknown): void {
    this.#kind.encode(block, at, value);
  }

  decode(block: Block, at: number): Value {
    return this.#kind.decode(block, at);
  }

  override encoder(): Encode {
    return this.#kind.encode;
  }

  override decoder(): Decode<Value> {
    return this.#kind.decode;
  }

  open(block: Block, at: number): Value {
    return this.decode(block, at);
  }

  declare(_c: CText, declarator: string): string {
    return `${this.#kind.c} ${declarator};${this.#kind.note ? ` /* ${this.#kind.note} */` : ""}`;
  }

  override accessor(offset: number, name: string): Accessor {
    return this.#kind.accessor(offset, name);
  }
}

/** Who writes a number where a bigint goes seldom knows how to write one. */
const notBigint = (value: unknown, lowest: number, takes: string): Refusal => {
  const refusal = Refusal.of(value, "bigint", takes);
  if (!Number.isSafeInteger(value) || (value as number) < lowest) return refusal;
  return new Refusal(TypeError, `${refusal.text}; write ${value}n`);
};
const notU8 = (value: unknown): Refusal => Refusal.of(value, "number", "an integer from 0 to 255");
const notU16 = (value: unknown): Refusal => Refusal.of(value, "number", "an integer from 0 to 65535");
const notU32 = (value: unknown): Refusal => Refusal.of(value, "number", "an integer from 0 to 4294967295");
const notU64 = (value: unknown): Refusal => notBigint(value, 0, "a bigint from 0n to 2n ** 64n - 1n");
const notI8 = (value: unknown): Refusal => Refusal.of(value, "number", "an integer from -128 to 127");
const notI16 = (value: unknown): Refusal => Refusal.of(value, "number", "an integer from -32768 to 32767");
const notI32 = (value: unknown): Refusal => Refusal.of(value, "number", "an integer from -2147483648 to 2147483647");
const notI64 = (value: unknown): Refusal => notBigint(value, -Infinity, "a bigint from -(2n ** 63n) to 2n ** 63n - 1n");
const notF32 = (value: unknown): Refusal => Refusal.of(value, "number", "a number that a 32-bit float can hold");
const notF64 = (value: unknown): Refusal => Refusal.of(value, "number", "a number");

/**
 * An unsigned 8-bit integer.
 *
 * @example
 * ```ts
 * import { u8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * u8.write(bytes, 200);
 * assert.equal(u8.read(bytes), 200);
 * assert.throws(() => u8.write(bytes, 256), RangeError);
 * ```
 */
export const u8: Layout<number> = new NumberField<number>({
  name: "u8",
  size: 1,
  c: "uint8_t",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (value & 0xff) === value)) throw notU8(value);
    block.data.setUint8(at, value);
  },
  decode(block: Block, at: number): number {
    return block.data.getUint8(at);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getUint8(at + offset);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (value & 0xff) === value)) throw notU8(value).error(name);
      const { data, at } = this.$place;
      data.setUint8(at + offset, value);
    },
  }),
});

/**
 * An unsigned 16-bit integer.
 *
 * @example
 * ```ts
 * import { u16 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * u16.write(bytes, 0x1234);
 * assert.deepEqual([...bytes.subarray(0, 2)], [0x34, 0x12]);
 * assert.throws(() => u16.write(bytes, 1.5), RangeError);
 * ```
 */
export const u16: Layout<number> = new NumberField<number>({
  name: "u16",
  size: 2,
  c: "uint16_t",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (value & 0xffff) === value)) throw notU16(value);
    block.data.setUint16(at, value, true);
  },
  decode(block: Block, at: number): number {
    return block.data.getUint16(at, true);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getUint16(at + offset, true);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (value & 0xffff) === value)) throw notU16(value).error(name);
      const { data, at } = this.$place;
      data.setUint16(at + offset, value, true);
    },
  }),
});

/**
 * An unsigned 32-bit integer.
 *
 * @example
 * ```ts
 * import { u32 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * u32.write(bytes, 4_000_000_000);
 * assert.equal(u32.read(bytes), 4_000_000_000);
 * assert.throws(() => u32.write(bytes, -1), RangeError);
 * ```
 */
export const u32: Layout<number> = new NumberField<number>({
  name: "u32",
  size: 4,
  c: "uint32_t",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (value >>> 0) === value)) throw notU32(value);
    block.data.setUint32(at, value, true);
  },
  decode(block: Block, at: number): number {
    return block.data.getUint32(at, true);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getUint32(at + offset, true);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (value >>> 0) === value)) throw notU32(value).error(name);
      const { data, at } = this.$place;
      data.setUint32(at + offset, value, true);
    },
  }),
});

/**
 * An unsigned 64-bit integer, a bigint. Numbers are refused, since not all of them would come back the same.
 *
 * @example
 * ```ts
 * import { u64 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * u64.write(bytes, 2n ** 64n - 1n);
 * assert.equal(u64.read(bytes), 18446744073709551615n);
 * assert.throws(() => u64.write(bytes, -1n), RangeError);
 * ```
 */
export const u64: Layout<bigint> = new NumberField<bigint>({
  name: "u64",
  size: 8,
  c: "uint64_t",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "bigint" && BigInt.asUintN(64, value) === value)) throw notU64(value);
    block.data.setBigUint64(at, value, true);
  },
  decode(block: Block, at: number): bigint {
    return block.data.getBigUint64(at, true);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): bigint {
      const { data, at } = this.$place;
      return data.getBigUint64(at + offset, true);
    },
    set(this: Viewed, value: bigint): void {
      if (!(typeof value === "bigint" && BigInt.asUintN(64, value) === value)) throw notU64(value).error(name);
      const { data, at } = this.$place;
      data.setBigUint64(at + offset, value, true);
    },
  }),
});

/**
 * A signed 8-bit integer.
 *
 * @example
 * ```ts
 * import { i8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * i8.write(bytes, -128);
 * assert.equal(bytes[0], 0x80);
 * assert.throws(() => i8.write(bytes, 128), RangeError);
 * ```
 */
export const i8: Layout<number> = new NumberField<number>({
  name: "i8",
  size: 1,
  c: "int8_t",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (value << 24 >> 24) === value)) throw notI8(value);
    block.data.setInt8(at, value);
  },
  decode(block: Block, at: number): number {
    return block.data.getInt8(at);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getInt8(at + offset);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (value << 24 >> 24) === value)) throw notI8(value).error(name);
      const { data, at } = this.$place;
      data.setInt8(at + offset, value);
    },
  }),
});

/**
 * A signed 16-bit integer.
 *
 * @example
 * ```ts
 * import { i16 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * i16.write(bytes, -2);
 * assert.equal(i16.read(bytes), -2);
 * assert.throws(() => i16.write(bytes, 40_000), RangeError);
 * ```
 */
export const i16: Layout<number> = new NumberField<number>({
  name: "i16",
  size: 2,
  c: "int16_t",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (value << 16 >> 16) === value)) throw notI16(value);
    block.data.setInt16(at, value, true);
  },
  decode(block: Block, at: number): number {
    return block.data.getInt16(at, true);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getInt16(at + offset, true);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (value << 16 >> 16) === value)) throw notI16(value).error(name);
      const { data, at } = this.$place;
      data.setInt16(at + offset, value, true);
    },
  }),
});

/**
 * A signed 32-bit integer.
 *
 * @example
 * ```ts
 * import { i32 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * i32.write(bytes, -2_000_000_000);
 * assert.equal(i32.read(bytes), -2_000_000_000);
 * assert.throws(() => i32.write(bytes, NaN), RangeError);
 * ```
 */
export const i32: Layout<number> = new NumberField<number>({
  name: "i32",
  size: 4,
  c: "int32_t",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (value | 0) === value)) throw notI32(value);
    block.data.setInt32(at, value, true);
  },
  decode(block: Block, at: number): number {
    return block.data.getInt32(at, true);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getInt32(at + offset, true);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (value | 0) === value)) throw notI32(value).error(name);
      const { data, at } = this.$place;
      data.setInt32(at + offset, value, true);
    },
  }),
});

/**
 * A signed 64-bit integer, a bigint. Numbers are refused, since not all of them would come back the same.
 *
 * @example
 * ```ts
 * import { i64 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * i64.write(bytes, -5n);
 * assert.equal(i64.read(bytes), -5n);
 * assert.throws(() => i64.write(bytes, 2n ** 63n), RangeError);
 * ```
 */
export const i64: Layout<bigint> = new NumberField<bigint>({
  name: "i64",
  size: 8,
  c: "int64_t",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "bigint" && BigInt.asIntN(64, value) === value)) throw notI64(value);
    block.data.setBigInt64(at, value, true);
  },
  decode(block: Block, at: number): bigint {
    return block.data.getBigInt64(at, true);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): bigint {
      const { data, at } = this.$place;
      return data.getBigInt64(at + offset, true);
    },
    set(this: Viewed, value: bigint): void {
      if (!(typeof value === "bigint" && BigInt.asIntN(64, value) === value)) throw notI64(value).error(name);
      const { data, at } = this.$place;
      data.setBigInt64(at + offset, value, true);
    },
  }),
});

/**
 * A 32-bit float. It takes the nearest value it can hold; a finite number too large for it is refused, not made infinite.
 *
 * @example
 * ```ts
 * import { f32 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * f32.write(bytes, 0.1);
 * assert.equal(f32.read(bytes), Math.fround(0.1));
 * assert.throws(() => f32.write(bytes, 1e39), RangeError);
 * f32.write(bytes, Infinity);
 * assert.equal(f32.read(bytes), Infinity);
 * ```
 */
export const f32: Layout<number> = new NumberField<number>({
  name: "f32",
  size: 4,
  c: "float",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (Number.isFinite(Math.fround(value)) || !Number.isFinite(value)))) {
      throw notF32(value);
    }
    block.data.setFloat32(at, value, true);
  },
  decode(block: Block, at: number): number {
    return block.data.getFloat32(at, true);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getFloat32(at + offset, true);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (Number.isFinite(Math.fround(value)) || !Number.isFinite(value)))) {
        throw notF32(value).error(name);
      }
      const { data, at } = this.$place;
      data.setFloat32(at + offset, value, true);
    },
  }),
});

/**
 * A 64-bit float: JavaScript's own number.
 *
 * @example
 * ```ts
 * import { f64 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * f64.write(bytes, 0.1);
 * assert.equal(f64.read(bytes), 0.1);
 * ```
 */
export const f64: Layout<number> = new NumberField<number>({
  name: "f64",
  size: 8,
  c: "double",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number")) throw notF64(value);
    block.data.setFloat64(at, value, true);
  },
  decode(block: Block, at: number): number {
    return block.data.getFloat64(at, true);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getFloat64(at + offset, true);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number")) throw notF64(value).error(name);
      const { data, at } = this.$place;
      data.setFloat64(at + offset, value, true);
    },
  }),
});

/**
 * An unsigned 16-bit integer, most significant byte first, as in network headers.
 *
 * @example
 * ```ts
 * import { u16be } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * u16be.write(bytes, 8080);
 * assert.deepEqual([...bytes.subarray(0, 2)], [0x1f, 0x90]);
 * ```
 */
export const u16be: Layout<number> = new NumberField<number>({
  name: "u16be",
  size: 2,
  c: "uint16_t",
  note: "big-endian",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (value & 0xffff) === value)) throw notU16(value);
    block.data.setUint16(at, value);
  },
  decode(block: Block, at: number): number {
    return block.data.getUint16(at);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getUint16(at + offset);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (value & 0xffff) === value)) throw notU16(value).error(name);
      const { data, at } = this.$place;
      data.setUint16(at + offset, value);
    },
  }),
});

/**
 * An unsigned 32-bit integer, most significant byte first, as in network headers.
 *
 * @example
 * ```ts
 * import { u32be } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * u32be.write(bytes, 0x7f000001);
 * assert.deepEqual([...bytes.subarray(0, 4)], [127, 0, 0, 1]);
 * ```
 */
export const u32be: Layout<number> = new NumberField<number>({
  name: "u32be",
  size: 4,
  c: "uint32_t",
  note: "big-endian",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "number" && (value >>> 0) === value)) throw notU32(value);
    block.data.setUint32(at, value);
  },
  decode(block: Block, at: number): number {
    return block.data.getUint32(at);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): number {
      const { data, at } = this.$place;
      return data.getUint32(at + offset);
    },
    set(this: Viewed, value: number): void {
      if (!(typeof value === "number" && (value >>> 0) === value)) throw notU32(value).error(name);
      const { data, at } = this.$place;
      data.setUint32(at + offset, value);
    },
  }),
});

/**
 * An unsigned 64-bit integer, most significant byte first; a bigint.
 *
 * @example
 * ```ts
 * import { u64be } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(8);
 * u64be.write(bytes, 1n);
 * assert.deepEqual([...bytes], [0, 0, 0, 0, 0, 0, 0, 1]);
 * ```
 */
export const u64be: Layout<bigint> = new NumberField<bigint>({
  name: "u64be",
  size: 8,
  c: "uint64_t",
  note: "big-endian",
  encode(block: Block, at: number, value: unknown): void {
    if (!(typeof value === "bigint" && BigInt.asUintN(64, value) === value)) throw notU64(value);
    block.data.setBigUint64(at, value);
  },
  decode(block: Block, at: number): bigint {
    return block.data.getBigUint64(at);
  },
  accessor: (offset, name) => ({
    get(this: Viewed): bigint {
      const { data, at } = this.$place;
      return data.getBigUint64(at + offset);
    },
    set(this: Viewed, value: bigint): void {
      if (!(typeof value === "bigint" && BigInt.asUintN(64, value) === value)) throw notU64(value).error(name);
      const { data, at } = this.$place;
      data.setBigUint64(at + offset, value);
    },
  }),
});
