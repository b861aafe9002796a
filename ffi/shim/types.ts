// The types of `hawser/ffi`, spelled as `bun:ffi` spells them. Nothing here names a type of Bun, Deno or Node: a
// program may use the shim with the type package of one runtime, or of none.

/**
 * The C types, by every name `bun:ffi` knows. A signature takes the name (`"i32"`) or the value (`FFIType.i32`).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { FFIType } from "hawser/ffi";
 *
 * assert.equal(FFIType.int, FFIType.i32);
 * assert.equal(FFIType.usize, FFIType.u64);
 * assert.equal(FFIType["void*"], FFIType.ptr);
 * ```
 */
export const FFIType: {
  readonly char: 0;
  readonly int8_t: 1;
  readonly i8: 1;
  readonly uint8_t: 2;
  readonly u8: 2;
  readonly int16_t: 3;
  readonly i16: 3;
  readonly uint16_t: 4;
  readonly u16: 4;
  readonly int32_t: 5;
  readonly i32: 5;
  readonly int: 5;
  readonly c_int: 5;
  readonly uint32_t: 6;
  readonly u32: 6;
  readonly c_uint: 6;
  readonly int64_t: 7;
  readonly i64: 7;
  readonly isize: 7;
  readonly uint64_t: 8;
  readonly u64: 8;
  readonly usize: 8;
  readonly double: 9;
  readonly f64: 9;
  readonly float: 10;
  readonly f32: 10;
  readonly bool: 11;
  readonly ptr: 12;
  readonly pointer: 12;
  readonly "void*": 12;
  readonly "char*": 12;
  readonly void: 13;
  readonly cstring: 14;
  readonly i64_fast: 15;
  readonly u64_fast: 16;
  readonly function: 17;
  readonly callback: 17;
  readonly fn: 17;
  readonly napi_env: 18;
  readonly napi_value: 19;
  readonly buffer: 20;
  readonly buffer_length: 21;
  readonly buffer_bytelength: 21;
} = Object.freeze({
  char: 0,
  int8_t: 1,
  i8: 1,
  uint8_t: 2,
  u8: 2,
  int16_t: 3,
  i16: 3,
  uint16_t: 4,
  u16: 4,
  int32_t: 5,
  i32: 5,
  int: 5,
  c_int: 5,
  uint32_t: 6,
  u32: 6,
  c_uint: 6,
  int64_t: 7,
  i64: 7,
  isize: 7,
  uint64_t: 8,
  u64: 8,
  usize: 8,
  double: 9,
  f64: 9,
  float: 10,
  f32: 10,
  bool: 11,
  ptr: 12,
  pointer: 12,
  "void*": 12,
  "char*": 12,
  void: 13,
  cstring: 14,
  i64_fast: 15,
  u64_fast: 16,
  function: 17,
  callback: 17,
  fn: 17,
  napi_env: 18,
  napi_value: 19,
  buffer: 20,
  buffer_length: 21,
  buffer_bytelength: 21,
});

/**
 * A C type as its number, one of the values of {@linkcode FFIType}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { FFIType } from "hawser/ffi";
 *
 * const kind: FFIType = FFIType.u8;
 * assert.equal(kind, 2);
 * ```
 */
export type FFIType = typeof FFIType[keyof typeof FFIType];

/**
 * A C type by number or by name.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { FFIType, type FFITypeOrString } from "hawser/ffi";
 *
 * const args: FFITypeOrString[] = ["i32", FFIType.ptr];
 * assert.equal(args.length, 2);
 * ```
 */
export type FFITypeOrString = FFIType | keyof typeof FFIType;

/**
 * An address in this process, as a number: Linux gives programs addresses below 2^47, which a number holds exactly.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { Pointer } from "hawser/ffi";
 *
 * // What C returned as an integer becomes a pointer by saying so.
 * const page = 4096 as Pointer;
 * assert.equal(page % 4096, 0);
 * ```
 */
export type Pointer = number & { __pointer__: null };

/**
 * Bytes whose address C can take: a typed array, a `DataView`, or a buffer.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { Bytes } from "hawser/ffi";
 *
 * const struct: Bytes = new DataView(new ArrayBuffer(16));
 * assert.equal(struct.byteLength, 16);
 * ```
 */
export type Bytes = ArrayBufferView | ArrayBufferLike;

/**
 * Whatever carries the address of a callback, a `JSCallback` in the first place.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { CallbackLike } from "hawser/ffi";
 *
 * const closed: CallbackLike = { ptr: null };
 * assert.equal(closed.ptr, null);
 * ```
 */
export interface CallbackLike {
  /** The address C calls, or null once it is closed. */
  readonly ptr: Pointer | null;
}

/**
 * What a parameter of each C type takes, by the type's number.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { FFIType, FFITypeToArgsType } from "hawser/ffi";
 *
 * const large: FFITypeToArgsType[typeof FFIType.u64] = 2n ** 64n - 1n;
 * assert.equal(BigInt.asIntN(64, large), -1n);
 * ```
 */
export interface FFITypeToArgsType {
  /** char */
  0: number;
  /** int8_t */
  1: number;
  /** uint8_t */
  2: number;
  /** int16_t */
  3: number;
  /** uint16_t */
  4: number;
  /** int32_t */
  5: number;
  /** uint32_t */
  6: number;
  /** int64_t */
  7: number | bigint;
  /** uint64_t */
  8: number | bigint;
  /** double */
  9: number;
  /** float */
  10: number;
  /** bool */
  11: boolean;
  /** void* */
  12: Bytes | Pointer | bigint | CallbackLike | null;
  /** void: no parameter can have it */
  13: never;
  /** char*, ending in NUL; a string is copied for the time of the call */
  14: string | Bytes | Pointer | bigint | null;
  /** int64_t */
  15: number | bigint;
  /** uint64_t */
  16: number | bigint;
  /** a function's address */
  17: Pointer | bigint | CallbackLike;
  /** not possible */
  18: never;
  /** not possible */
  19: never;
  /** void*, of a view */
  20: ArrayBufferView;
  /** the length in bytes of a view, as uint64_t */
  21: ArrayBufferView;
}

/**
 * What a function returning each C type gives, by the type's number.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { FFIType, FFITypeToReturnsType } from "hawser/ffi";
 *
 * const nothing: FFITypeToReturnsType[typeof FFIType.cstring] = null;
 * assert.equal(nothing, null);
 * ```
 */
export interface FFITypeToReturnsType {
  /** char */
  0: number;
  /** int8_t */
  1: number;
  /** uint8_t */
  2: number;
  /** int16_t */
  3: number;
  /** uint16_t */
  4: number;
  /** int32_t */
  5: number;
  /** uint32_t */
  6: number;
  /** int64_t */
  7: bigint;
  /** uint64_t */
  8: bigint;
  /** double */
  9: number;
  /** float */
  10: number;
  /** bool */
  11: boolean;
  /** void*: null for NULL, a bigint above 2^53 - 1 (`MAP_FAILED`) */
  12: Pointer | bigint | null;
  /** void */
  13: undefined;
  /** char*: the text up to its NUL, copied; null for NULL */
  14: string | null;
  /** int64_t: a number where it is safe */
  15: number | bigint;
  /** uint64_t: a number where it is safe */
  16: number | bigint;
  /** a function's address */
  17: Pointer | bigint | null;
  /** not possible */
  18: never;
  /** not possible */
  19: never;
  /** not possible: nothing tells the length */
  20: never;
  /** not possible */
  21: never;
}

/**
 * A C function's signature.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { FFIFunction } from "hawser/ffi";
 *
 * const getpid: FFIFunction = { returns: "i32" };
 * assert.equal(getpid.args, undefined);
 * ```
 */
export interface FFIFunction {
  /** The types of the parameters; none if left out. */
  readonly args?: readonly FFITypeOrString[];
  /** The type of the result; void if left out. */
  readonly returns?: FFITypeOrString;
  /** For a `JSCallback`: whether threads other than the one that made it may call it. */
  readonly threadsafe?: boolean;
}

/**
 * The number of a C type given by number or by name.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { FFIType, type ToFFIType } from "hawser/ffi";
 *
 * const int: ToFFIType<"int"> = FFIType.i32;
 * assert.equal(int, 5);
 * ```
 */
export type ToFFIType<T> = T extends FFIType ? T : T extends keyof typeof FFIType ? typeof FFIType[T] : never;

/**
 * The arguments that a signature asks for.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ArgumentsOf } from "hawser/ffi";
 *
 * const both: ArgumentsOf<{ args: ["i32", "bool"] }> = [1, true];
 * assert.equal(both.length, 2);
 * ```
 */
export type ArgumentsOf<Fn extends FFIFunction> = Fn["args"] extends infer A extends readonly FFITypeOrString[]
  ? { -readonly [I in keyof A]: FFITypeToArgsType[ToFFIType<A[I]>] }
  : [];

/**
 * The result that a signature gives.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ResultOf } from "hawser/ffi";
 *
 * const size: ResultOf<{ returns: "usize" }> = 8n;
 * assert.equal(size, 8n);
 * ```
 */
export type ResultOf<Fn extends FFIFunction> = Fn["returns"] extends infer R extends FFITypeOrString
  ? FFITypeToReturnsType[ToFFIType<R>]
  : undefined;

/**
 * The functions of a library by name.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { dlopen, type SymbolsOf } from "hawser/ffi";
 *
 * const fake: SymbolsOf<{ add: { args: ["i32", "i32"]; returns: "i32" } }> = { add: (a, b) => a + b };
 * assert.equal(fake.add(1, 2), 3);
 * assert.equal(typeof dlopen, "function");
 * ```
 */
export type SymbolsOf<Fns extends Readonly<Record<string, FFIFunction>>> = {
  readonly [K in keyof Fns]: (...args: ArgumentsOf<Fns[K]>) => ResultOf<Fns[K]>;
};

/**
 * An open library.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { Library } from "hawser/ffi";
 *
 * // A program that takes the library as a parameter can be tested without one.
 * function next(library: Library<{ counter: { returns: "u32" } }>): number {
 *   return library.symbols.counter() + 1;
 * }
 * assert.equal(next({ symbols: { counter: () => 4 }, close() {}, [Symbol.dispose]() {} }), 5);
 * ```
 */
export interface Library<Fns extends Readonly<Record<string, FFIFunction>>> extends Disposable {
  /** The functions asked for. */
  readonly symbols: SymbolsOf<Fns>;
  /** Unloads the library; its functions throw from then on. Closing twice is fine. */
  close(): void;
}
