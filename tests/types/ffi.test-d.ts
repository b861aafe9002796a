// What a program sees of hawser/ffi: the types that signatures give, checked against the built declarations.
import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import {
  CString,
  dlopen,
  type FFIFunction,
  FFIType,
  JSCallback,
  type Library,
  type Pointer,
  ptr,
  read,
  suffix,
  toArrayBuffer,
} from "../../dist/ffi/mod.js";

const { symbols, close } = dlopen("libx.so", {
  nothing: {},
  add: { args: ["i32", FFIType.u8], returns: "int" },
  wide: { args: ["u64", "i64"], returns: "u64" },
  fast: { args: ["u64_fast"], returns: FFIType.i64_fast },
  real: { args: ["f32", "double"], returns: "f64" },
  truth: { args: ["bool"], returns: "bool" },
  pointer: { args: ["ptr", "void*"], returns: FFIType.ptr },
  text: { args: ["cstring"], returns: "cstring" },
  each: { args: ["fn", "buffer", "buffer_length"], returns: "void" },
  handler: { returns: "callback" },
});

expectType<undefined>(symbols.nothing());
expectType<number>(symbols.add(1, 2));
expectType<bigint>(symbols.wide(1, 2n));
expectType<number | bigint>(symbols.fast(1n));
expectType<number>(symbols.real(0.5, 1));
expectType<boolean>(symbols.truth(true));
expectType<Pointer | bigint | null>(symbols.pointer(null, new Uint8Array(1)));
expectType<Pointer | bigint | null>(symbols.pointer(ptr(new Uint8Array(1)), new DataView(new ArrayBuffer(1))));
expectType<string | null>(symbols.text("text"));
expectType<string | null>(symbols.text(null));
const callback = new JSCallback((a: number, b: bigint) => a + Number(b), { args: ["i32", "i64"], returns: "i32" });
expectType<undefined>(symbols.each(callback, new Uint8Array(1), new Uint8Array(1)));
expectType<undefined>(symbols.each(callback.ptr!, new DataView(new ArrayBuffer(1)), new Float64Array(1)));
expectType<Pointer | bigint | null>(symbols.handler());
expectType<void>(close());

// A wrong number of arguments.
expectError(symbols.nothing(1));
expectError(symbols.add(1));
expectError(symbols.add(1, 2, 3));
// Wrong types.
expectError(symbols.add("1", 2));
expectError(symbols.add(1n, 2));
expectError(symbols.wide("1", 2n));
expectError(symbols.real(1n, 1));
expectError(symbols.truth(1));
expectError(symbols.pointer("text", null));
expectError(symbols.pointer(5, null));
expectError(symbols.text(true));
expectError(symbols.each(null, new Uint8Array(1), new Uint8Array(1)));
expectError(symbols.each(callback, null, new Uint8Array(1)));
expectError(symbols.each(callback, new ArrayBuffer(1), new Uint8Array(1)));
expectError(symbols.missing());
// Wrong signatures.
expectError(dlopen("libx.so", { f: { args: ["i31"] } }));
expectError(dlopen("libx.so", { f: { returns: 99 } }));
expectError(dlopen("libx.so", { f: { args: "i32" } }));
expectError(dlopen(5, { f: {} }));
expectError(dlopen("libx.so"));

// A table that is built beforehand keeps its types with `as const`.
const table = { id: { args: ["u32"], returns: "u32" } } as const;
expectType<number>(dlopen(new URL("file:///libx.so"), table).symbols.id(1));
expectAssignable<Disposable>(dlopen("libx.so", table));
expectAssignable<Library<typeof table>>(dlopen("libx.so", table));
expectAssignable<FFIFunction>(table.id);
expectNotAssignable<FFIFunction>({ args: ["nothing"] });

expectType<5>(FFIType.int);
expectAssignable<FFIType>(FFIType.u64);
expectNotAssignable<FFIType>(99);

expectType<Pointer>(ptr(new ArrayBuffer(1), 0));
expectAssignable<number>(ptr(new Float32Array(1)));
expectNotAssignable<Pointer>(5);
expectError(ptr("text"));
expectError(ptr(5));
expectType<ArrayBuffer>(toArrayBuffer(5, 0, 1));
expectError(toArrayBuffer(null));
expectType<number>(read.u32(5));
expectType<bigint>(read.i64(5n, 8));
expectType<number>(read.ptr(ptr(new Uint8Array(8))));
expectError(read.u8(null));
expectError(read.u8(new Uint8Array(1)));
expectType<CString>(new CString(null));
expectAssignable<string>(new CString(5, 0, 1).toString());
expectType<Pointer | bigint | null>(new CString(5).ptr);
expectType<Pointer | null>(callback.ptr);
expectType<boolean>(callback.threadsafe);
expectError(new JSCallback(5, {}));
expectError(new JSCallback(() => {}, { args: ["i31"] }));
expectType<string>(suffix);
