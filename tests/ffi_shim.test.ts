// hawser/ffi on a library built here: every C type in both directions, at its limits and past them. On a Node
// without node:ffi the whole of it is one error.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CString,
  dlopen,
  type FFIFunction,
  FFIType,
  type FFITypeOrString,
  JSCallback,
  type Library,
  ptr,
  read,
  suffix,
  toArrayBuffer,
  toBuffer,
} from "../ffi/mod.ts";
import { detectRuntime } from "../ffi/runtime.ts";
import { bin, root } from "../tools/bins.mjs";

const runtime = detectRuntime();
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const supported = runtime !== "node" || major > 26 || (major === 26 && minor >= 1);

/** The loosely typed view of a library, for tables of names; what tsd checks is the strict one. */
type Loose = Library<Record<string, FFIFunction>> & { symbols: Record<string, (...args: unknown[]) => unknown> };

let folder = "";
let path = "";
const open = (symbols: Record<string, unknown>): Loose => dlopen(path, symbols as Record<string, FFIFunction>) as Loose;

interface Finished {
  out: string;
  err: string;
  status: number | string;
}

/**
 * Runs a command to its end, under a time limit. Never by spawnSync: Bun makes an event loop for that, and keeps its
 * descriptors.
 */
function finish(command: string, args: string[], timeout = 25_000): Promise<Finished> {
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  return new Promise((resolve) => {
    execFile(
      "env",
      [command, ...args],
      { cwd: folder, timeout, killSignal: "SIGKILL", env },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : error.code ?? error.signal ?? "failed";
        resolve({ out: stdout.trim(), err: stderr, status });
      },
    );
  });
}

/** Runs a program in this lane's runtime. */
function run(flags: string[], source: string): Promise<Finished> {
  const program = join(folder, "program.ts");
  writeFileSync(program, source);
  // Without a permission of any kind Deno's child_process would hand down all that this process has.
  const command = runtime === "deno" ? ["run", "--no-prompt", ...flags] : flags;
  return finish(bin(runtime === "node" ? "node26" : runtime), [...command, program]);
}
const mod = JSON.stringify(pathToFileURL(`${root}ffi/mod.ts`).href);

test("FFIType knows each name of bun:ffi under one number", () => {
  expect(FFIType).toMatchObject({ char: 0, i8: 1, u64: 8, double: 9, float: 10, bool: 11, void: 13, buffer: 20 });
  for (
    const names of [["int", "i32", "int32_t"], ["ptr", "pointer", "void*", "char*"], ["fn", "function", "callback"]]
  ) {
    expect(new Set(names.map((name) => FFIType[name as keyof typeof FFIType])).size).toBe(1);
  }
  if (runtime === "bun") {
    const bun = process.getBuiltinModule("bun:ffi" as "fs") as unknown as { FFIType: Record<string, number> };
    const named = Object.fromEntries(Object.entries(bun.FFIType).filter(([name]) => !/^\d+$/.test(name)));
    expect(FFIType).toEqual(named);
  }
});

test("suffix is the ending of shared libraries", () => {
  expect(suffix).toBe("so");
});

if (!supported) {
  describe("a Node without node:ffi", () => {
    const wanted =
      `Cannot use hawser/ffi: it wants Node >= 26.1 for node:ffi, Deno or Bun, and this is Node ${process.versions.node}`;
    const bytes = new Uint8Array(1);
    const uses = {
      dlopen: () => dlopen("libc.so.6", { getpid: { returns: "i32" } }),
      ptr: () => ptr(bytes),
      toArrayBuffer: () => toArrayBuffer(4096, 0, 1),
      toBuffer: () => toBuffer(4096, 0, 1),
      "read.u8": () => read.u8(4096),
      CString: () => new CString(4096, 0, 1),
      JSCallback: () => new JSCallback(() => {}, {}),
    };
    for (const [name, use] of Object.entries(uses)) {
      test(`${name} says which Node it wants`, () => {
        expect(use).toThrow(new Error(wanted));
      });
    }
  });
} else {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hawser-ffi-"));
    path = join(folder, `libffi_kinds.${suffix}`);
    const source = `${root}tests/support/ffi_kinds.zig`;
    // Undefined symbols are allowed, since pthread_create is the host's; lazy, so that only its callers want it.
    const flags = ["-dynamic", "-OReleaseSmall", "-fstrip", "-fallow-shlib-undefined", "-z", "lazy"];
    const built = await finish(bin("zig"), ["build-lib", ...flags, source, `-femit-bin=${path}`], 110_000);
    if (built.status !== 0) throw new Error(`zig build-lib: ${built.err}`);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const two53 = 2n ** 53n;
  const two63 = 2n ** 63n;
  const two64 = 2n ** 64n;
  const signed = (bits: number) => [-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1];
  const unsigned = (bits: number) => [0, 1, 2 ** (bits - 1), 2 ** bits - 1];
  const i64s = [-two63, -two53 - 1n, -two53, 1n - two53, -1n, 0n, 1n, two53 - 1n, two53, two53 + 1n, two63 - 1n];
  const u64s = [0n, 1n, two53 - 1n, two53, two53 + 1n, two63, two64 - 1n];
  const floats = [0, -0, 1.5, -1.5, NaN, Infinity, -Infinity];
  const narrow = (value: bigint) => Number.isSafeInteger(Number(value)) ? Number(value) : value;

  /** Each type: the C function's ending, values that must survive a round trip, and values that must be refused. */
  const kinds: {
    names: FFITypeOrString[];
    c: string;
    values: unknown[];
    expected?: (value: never) => unknown;
    outOfRange: unknown[];
    wrong: unknown[];
  }[] = [
    {
      names: ["char", "i8", "int8_t", FFIType.i8, FFIType.char],
      c: "i8",
      values: signed(8),
      outOfRange: [-129, 128, 0.5, NaN, Infinity],
      wrong: ["1", 1n, true, null, undefined, {}],
    },
    {
      names: ["u8", "uint8_t", FFIType.u8],
      c: "u8",
      values: unsigned(8),
      outOfRange: [-1, 256, 0.5, NaN],
      wrong: ["1", 1n, true, null, undefined, []],
    },
    {
      names: ["i16", "int16_t", FFIType.i16],
      c: "i16",
      values: signed(16),
      outOfRange: [-32769, 32768, 1.5],
      wrong: ["1", 1n, null],
    },
    {
      names: ["u16", "uint16_t", FFIType.u16],
      c: "u16",
      values: unsigned(16),
      outOfRange: [-1, 65536, NaN],
      wrong: ["1", 1n, null],
    },
    {
      names: ["i32", "int32_t", "int", "c_int", FFIType.i32],
      c: "i32",
      values: signed(32),
      outOfRange: [-(2 ** 31) - 1, 2 ** 31, 1.5, NaN, -Infinity],
      wrong: ["1", 1n, false, null, undefined],
    },
    {
      names: ["u32", "uint32_t", "c_uint", FFIType.u32],
      c: "u32",
      values: unsigned(32),
      outOfRange: [-1, 2 ** 32, 1.5, NaN],
      wrong: ["1", 1n, null],
    },
    {
      names: ["i64", "int64_t", "isize", FFIType.i64],
      c: "i64",
      values: [...i64s, -5, 0, 2 ** 53 - 1, 2 ** 60, -(2 ** 63)],
      expected: (value) => BigInt(value),
      outOfRange: [two63, -two63 - 1n, 2 ** 63, 0.5, NaN, Infinity],
      wrong: ["1", true, null, undefined],
    },
    {
      names: ["u64", "uint64_t", "usize", FFIType.u64],
      c: "u64",
      values: [...u64s, 0, 5, 2 ** 53 - 1, 2 ** 60],
      expected: (value) => BigInt(value),
      outOfRange: [-1, -1n, two64, 2 ** 64, 0.5, NaN],
      wrong: ["1", true, null, undefined],
    },
    {
      names: ["i64_fast", FFIType.i64_fast],
      c: "i64",
      values: [...i64s, -5, 2 ** 53 - 1],
      expected: (value) => narrow(BigInt(value)),
      outOfRange: [two63, 0.5],
      wrong: ["1", null],
    },
    {
      names: ["u64_fast", FFIType.u64_fast],
      c: "u64",
      values: [...u64s, 5, 2 ** 53 - 1],
      expected: (value) => narrow(BigInt(value)),
      outOfRange: [-1, two64],
      wrong: ["1", null],
    },
    {
      names: ["f32", "float", FFIType.f32],
      c: "f32",
      values: [...floats, 0.1, 2 ** -149, 3.4028234663852886e38, 1e300],
      expected: (value) => Math.fround(value),
      outOfRange: [],
      wrong: ["1", 1n, true, null, undefined],
    },
    {
      names: ["f64", "double", FFIType.f64],
      c: "f64",
      values: [...floats, 0.1, 5e-324, Number.MAX_VALUE, 2 ** 53 - 1, 2 ** 53],
      outOfRange: [],
      wrong: ["1", 1n, true, null, undefined],
    },
    {
      names: ["bool", FFIType.bool],
      c: "bool",
      values: [true, false],
      outOfRange: [],
      wrong: [0, 1, "", null, undefined],
    },
    {
      names: ["ptr", "pointer", "void*", "char*", FFIType.ptr],
      c: "ptr",
      values: [null, 0, 0n, 1, 4096, 2 ** 47, 2 ** 53 - 1, 4096n, two53, two53 + 1n, two63, two64 - 1n],
      expected: (value) => value ? narrow(BigInt(value)) : null,
      outOfRange: [-1, 0.5, NaN, 2 ** 53, -1n, two64],
      wrong: ["1", true, undefined, {}, () => {}],
    },
    {
      names: ["function", "fn", "callback", FFIType.function],
      c: "ptr",
      values: [1, 4096n, two64 - 1n],
      expected: (value) => narrow(BigInt(value)),
      outOfRange: [-1, 0.5, two64],
      wrong: [null, 0, 0n, "1", undefined, {}, () => {}, new Uint8Array(1)],
    },
  ];

  for (const { names, c, values, expected = (value: unknown) => value, outOfRange, wrong } of kinds) {
    for (const type of names) {
      describe(`${typeof type === "number" ? "FFIType " : ""}${type}`, () => {
        const signature = { args: [type], returns: type };
        test("keeps every value, as argument and as result", () => {
          using library = open({ [`id_${c}`]: signature });
          const id = library.symbols[`id_${c}`]!;
          for (const value of values) expect(id(value), String(value)).toBe(expected(value as never));
        });
        test("keeps every value in a callback, as argument and as result", () => {
          using library = open({ [`call_${c}`]: { args: ["fn", type], returns: type } });
          const seen: unknown[] = [];
          using callback = new JSCallback((value) => (seen.push(value), value), signature);
          const fn = type === 17 || ["function", "fn", "callback"].includes(type as string);
          for (const value of values) {
            // A null function pointer cannot be given back, so none is passed either.
            if (fn && !value) continue;
            expect(library.symbols[`call_${c}`]!(callback, value), String(value)).toBe(expected(value as never));
            expect(seen.pop()).toBe(expected(value as never));
          }
        });
        test("refuses what it cannot hold, before the call", () => {
          using library = open({ [`id_${c}`]: signature });
          const id = library.symbols[`id_${c}`]!;
          for (const value of outOfRange) expect(() => id(value), String(value)).toThrow(RangeError);
          for (const value of wrong) expect(() => id(value), String(value)).toThrow(TypeError);
          for (const value of [...outOfRange, ...wrong]) {
            expect(() => id(value)).toThrow(new RegExp(`^Cannot call id_${c}: argument 1 must be `));
          }
        });
      });
    }
  }

  test("the callee sees the C type, not a wider one", () => {
    using library = open({
      widen_i8: { args: ["i8"], returns: "i64" },
      widen_u8: { args: ["u8"], returns: "i64" },
      widen_i16: { args: ["i16"], returns: "i64" },
      widen_u16: { args: ["u16"], returns: "i64" },
      widen_i32: { args: ["i32"], returns: "i64" },
      widen_u32: { args: ["u32"], returns: "i64" },
      widen_bool: { args: ["bool"], returns: "i64" },
      bits_f32: { args: ["f32"], returns: "u32" },
      bits_f64: { args: ["f64"], returns: "u64" },
    });
    const s = library.symbols;
    expect([s.widen_i8!(-128), s.widen_u8!(255), s.widen_i16!(-32768)]).toEqual([-128n, 255n, -32768n]);
    expect([s.widen_u16!(65535), s.widen_i32!(-1), s.widen_u32!(2 ** 32 - 1)]).toEqual([65535n, -1n, 2n ** 32n - 1n]);
    expect([s.widen_bool!(true), s.widen_bool!(false)]).toEqual([1n, 0n]);
    expect([s.bits_f32!(-0), s.bits_f64!(-0), s.bits_f32!(1.5)]).toEqual([0x8000_0000, two63, 0x3fc0_0000]);
  });

  describe("dlopen()", () => {
    test("takes no, some and more arguments than there are registers", () => {
      using library = dlopen(path, {
        nothing: {},
        count: { returns: "u32" },
        three: { args: ["u8", "u16", "u32"], returns: "u32" },
        many: {
          args: ["i8", "f64", "u16", "f32", "i32", "u64", "bool", "i64", "u32", "f64", "u8"],
          returns: FFIType.double,
        },
      });
      const { symbols } = library;
      expect(symbols.nothing()).toBe(undefined);
      expect(symbols.count()).toBe(1);
      expect(symbols.three(1, 2, 3)).toBe(6);
      expect(symbols.many(-1, 0.5, 2, 0.25, 3, 4n, true, -5n, 6, 0.125, 7)).toBe(17.875);
      expect(symbols.three.name).toBe("three");
    });

    test("takes a file: URL", () => {
      using library = dlopen(pathToFileURL(path), { id_i32: { args: ["i32"], returns: "i32" } });
      expect(library.symbols.id_i32(7)).toBe(7);
    });

    test("finds a library of the system by its name", () => {
      using libc = dlopen("libc.so.6", { getpid: { returns: "i32" } });
      expect(libc.symbols.getpid()).toBe(process.pid);
    });

    test("opens the same library twice, each with its own signatures", () => {
      using one = dlopen(path, { id_u32: { args: ["u32"], returns: "u32" } });
      using two = dlopen(path, { id_u32: { args: ["u32"], returns: "i32" } });
      expect([one.symbols.id_u32(2 ** 32 - 1), two.symbols.id_u32(2 ** 32 - 1)]).toEqual([2 ** 32 - 1, -1]);
    });

    test("functions of a closed library throw, and closing twice is fine", () => {
      const library = dlopen(path, {
        nothing: {},
        id_i32: { args: ["i32"], returns: "i32" },
        id_ptr: { args: ["ptr"], returns: "ptr" },
        many: { args: ["i8", "f64", "u16", "f32"], returns: "f64" },
      });
      const { nothing, id_i32, id_ptr, many } = library.symbols;
      library.close();
      library.close();
      library[Symbol.dispose]();
      expect(() => nothing()).toThrow(new Error("Cannot call nothing: the library is closed"));
      expect(() => id_i32(1)).toThrow(new Error("Cannot call id_i32: the library is closed"));
      expect(() => id_ptr(null)).toThrow(new Error("Cannot call id_ptr: the library is closed"));
      expect(() => many(1, 1, 1, 1)).toThrow(new Error("Cannot call many: the library is closed"));
    });

    test("refuses another number of arguments, before the call", () => {
      using library = open({
        count: { returns: "u32" },
        id_i32: { args: ["i32"], returns: "i32" },
        count_with: { args: ["u8", "u8"], returns: "u32" },
        three: { args: ["u8", "u16", "u32"], returns: "u32" },
        many: { args: ["i8", "f64", "u16", "f32"], returns: "f64" },
        id_ptr: { args: ["ptr"], returns: "ptr" },
      });
      const { count, id_i32, count_with, three, many, id_ptr } = library.symbols as Record<
        string,
        (...args: unknown[]) => unknown
      >;
      const before = count!() as number;
      expect(() => count!(1)).toThrow(new TypeError("Cannot call count: it takes 0 arguments, not 1"));
      expect(() => id_i32!()).toThrow(new TypeError("Cannot call id_i32: it takes 1 argument, not 0"));
      expect(() => id_i32!(1, 2)).toThrow(new TypeError("Cannot call id_i32: it takes 1 argument, not 2"));
      expect(() => count_with!(1)).toThrow(new TypeError("Cannot call count_with: it takes 2 arguments, not 1"));
      expect(() => three!(1, 2)).toThrow(TypeError);
      expect(() => many!(1, 2, 3, 4, 5)).toThrow(new TypeError("Cannot call many: it takes 4 arguments, not 5"));
      expect(() => id_ptr!()).toThrow(new TypeError("Cannot call id_ptr: it takes 1 argument, not 0"));
      expect(() => count_with!(1, 256)).toThrow("Cannot call count_with: argument 2 must be an integer from 0 to 255");
      expect(count!()).toBe(before + 1);
    });

    const refused: { name: string; symbols: unknown; message: string }[] = [
      { name: "no table", symbols: undefined, message: "no functions are named" },
      { name: "a null table", symbols: null, message: "no functions are named" },
      { name: "an empty table", symbols: {}, message: "no functions are named" },
      { name: "a signature that is null", symbols: { f: null }, message: "Cannot bind f: its signature is no object" },
      { name: "a signature that is text", symbols: { f: "i32" }, message: "Cannot bind f: its signature is no object" },
      {
        name: "Deno's spelling",
        symbols: { f: { parameters: ["i32"], result: "i32" } },
        message: 'Cannot bind f: its signature has the key "parameters"',
      },
      {
        name: "node:ffi's spelling",
        symbols: { f: { arguments: ["i32"], return: "i32" } },
        message: 'Cannot bind f: its signature has the key "arguments"',
      },
      { name: "args that are no array", symbols: { f: { args: "i32" } }, message: "Cannot bind f: args is no array" },
      {
        name: "an unknown name",
        symbols: { f: { args: ["i32", "i31"] } },
        message: 'Cannot bind f: argument 2: "i31" is no FFIType',
      },
      { name: "an inherited name", symbols: { f: { args: ["toString"] } }, message: '"toString" is no FFIType' },
      { name: "an unknown number", symbols: { f: { args: [99] } }, message: "argument 1: 99 is no FFIType" },
      { name: "an unknown result", symbols: { f: { returns: "int31" } }, message: 'the result: "int31" is no FFIType' },
      { name: "a hole", symbols: { f: { args: [undefined] } }, message: "argument 1: undefined is no FFIType" },
      { name: "a null type", symbols: { f: { returns: null } }, message: "the result: null is no FFIType" },
      { name: "a void argument", symbols: { f: { args: ["void"] } }, message: "argument 1: void is for results only" },
      { name: "a napi_env argument", symbols: { f: { args: ["napi_env"] } }, message: "cc() of bun:ffi only" },
      { name: "a napi_value result", symbols: { f: { returns: "napi_value" } }, message: "cc() of bun:ffi only" },
      { name: "a buffer result", symbols: { f: { returns: "buffer" } }, message: "buffer is for arguments only" },
      {
        name: "a length result",
        symbols: { f: { returns: "buffer_length" } },
        message: "buffer is for arguments only",
      },
      { name: "a missing function", symbols: { nowhere: {} }, message: "Cannot bind nowhere: " },
    ];
    for (const { name, symbols, message } of refused) {
      test(`refuses ${name}`, () => {
        expect(() => open(symbols as Record<string, unknown>)).toThrow(TypeError);
        expect(() => open(symbols as Record<string, unknown>)).toThrow(message);
      });
    }

    test("names the missing one of several functions", () => {
      expect(() => open({ nothing: {}, nowhere: {}, count: {} })).toThrow(
        `Cannot bind nowhere: ${JSON.stringify(path)} has no such function`,
      );
    });

    test("refuses what is no library", () => {
      const text = join(folder, "text.so");
      writeFileSync(text, "no library");
      const f = { f: {} };
      expect(() => dlopen(join(folder, "none.so"), f)).toThrow(/^Cannot open ".*none\.so": .*No such file/s);
      expect(() => dlopen(text, f)).toThrow(/^Cannot open ".*text\.so": /);
      expect(() => dlopen("", f)).toThrow(new TypeError("Cannot open a library: its path is empty"));
      expect(() => dlopen("a\0b", f)).toThrow(new TypeError("Cannot open a library: its path holds a NUL"));
      expect(() => dlopen(new URL("https://example.org/a.so"), f)).toThrow(TypeError);
      expect(() => dlopen(5 as unknown as string, f)).toThrow(TypeError);
      expect(() => dlopen(null as unknown as string, f)).toThrow(TypeError);
    });
  });

  describe("cstring", () => {
    const symbols = {
      text: { returns: "cstring" },
      text_empty: { returns: FFIType.cstring },
      text_bad: { returns: "cstring" },
      text_null: { returns: "cstring" },
      length: { args: ["cstring"], returns: "i64" },
      id_ptr: { args: ["cstring"], returns: "cstring" },
      call_ptr: { args: ["fn", "cstring"], returns: "cstring" },
    } as const;

    test("comes as text, null for NULL", () => {
      using library = dlopen(path, symbols);
      const { text, text_empty, text_bad, text_null } = library.symbols;
      expect([text(), text_empty(), text_bad(), text_null()]).toEqual(["grüße aus C", "", "a\ufffdb", null]);
    });

    test("goes as text, bytes, pointer or null", () => {
      using library = dlopen(path, symbols);
      const { length } = library.symbols;
      const bytes = new TextEncoder().encode("four\0rest");
      expect([length(""), length("grüße"), length("\ufeff😀")]).toEqual([0n, 7n, 7n]);
      expect([length(bytes), length(ptr(bytes)), length(BigInt(ptr(bytes))), length(null)]).toEqual([4n, 4n, 4n, -1n]);
      expect(() => length("a\0b")).toThrow(
        new TypeError("Cannot call length: argument 1 holds a NUL, where a C string would end"),
      );
      for (const wrong of [true, undefined, {}, ["a"], Symbol("a")]) {
        expect(() => length(wrong as unknown as string)).toThrow(TypeError);
      }
    });

    test("keeps long text, across pages, with every kind of character", () => {
      using library = dlopen(path, symbols);
      for (const size of [1, 4094, 4095, 4096, 4097, 100_000]) {
        const long = Array.from({ length: size }, (_, index) => ["a", "ß", "€", "😀"][index % 4]).join("");
        expect(library.symbols.id_ptr(long)).toBe(long);
      }
      expect(library.symbols.id_ptr("\ufeffmark")).toBe("\ufeffmark");
      expect(library.symbols.id_ptr("\ud800")).toBe("\ufffd");
    });

    test("reaches a callback as text, and comes back as a pointer", () => {
      using library = dlopen(path, symbols);
      const answer = new TextEncoder().encode("answer\0");
      const seen: unknown[] = [];
      using callback = new JSCallback((text: string | null) => (seen.push(text), text === null ? null : ptr(answer)), {
        args: ["cstring"],
        returns: "cstring",
      });
      expect(library.symbols.call_ptr(callback, "question")).toBe("answer");
      expect(library.symbols.call_ptr(callback, null)).toBe(null);
      expect(seen).toEqual(["question", null]);
    });
  });

  describe("CString", () => {
    const bytes = new TextEncoder().encode("häwser\0tail");
    test("reads up to the NUL, or as far as told", () => {
      const whole = new CString(ptr(bytes));
      expect(whole).toBeInstanceOf(String);
      expect(whole.toString()).toBe("häwser");
      expect([whole.ptr, whole.byteOffset, whole.byteLength, whole.length]).toEqual([ptr(bytes), 0, 7, 6]);
      const part = new CString(ptr(bytes), 3, 3);
      expect([`${part}`, part.byteOffset, part.byteLength]).toEqual(["wse", 3, 3]);
      expect(new CString(BigInt(ptr(bytes)), 7, 5).toString()).toBe("\0tail");
      expect(new Uint8Array(part.arrayBuffer)).toEqual(bytes.slice(3, 6));
    });
    test("of null is empty", () => {
      for (const none of [null, 0, 0n]) {
        const text = new CString(none);
        expect([text.toString(), text.ptr, text.byteLength, text.arrayBuffer.byteLength]).toEqual(["", null, 0, 0]);
      }
      expect(new CString(ptr(bytes), 0, 0).toString()).toBe("");
    });
    test("refuses what is no address", () => {
      expect(() => new CString("text" as unknown as number)).toThrow(TypeError);
      expect(() => new CString({} as unknown as number)).toThrow(TypeError);
      expect(() => new CString(ptr(bytes), 0, -1)).toThrow(RangeError);
      expect(() => new CString(ptr(bytes), 0.5)).toThrow(RangeError);
      expect(() => new CString(-1)).toThrow(RangeError);
    });
  });

  describe("ptr()", () => {
    test("tells the address of views and buffers, at an offset", () => {
      const bytes = new Uint8Array(64);
      const at = ptr(bytes);
      expect(at).toBeGreaterThan(0);
      expect(ptr(bytes)).toBe(at);
      expect([ptr(bytes.buffer), ptr(bytes, 5), ptr(bytes, 64)]).toEqual([at, at + 5, at + 64]);
      expect([ptr(bytes.subarray(3)), ptr(bytes.subarray(3), 2)]).toEqual([at + 3, at + 5]);
      expect(ptr(new DataView(bytes.buffer, 8, 8))).toBe(at + 8);
      expect(ptr(new BigInt64Array(bytes.buffer, 16, 1))).toBe(at + 16);
      expect(ptr(new Float32Array(1))).toBeGreaterThan(0);
      const shared = new SharedArrayBuffer(8);
      expect(ptr(new Uint8Array(shared, 4))).toBe(ptr(shared) + 4);
    });
    test("refuses what has no bytes", () => {
      const detached = new Uint8Array(8);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      for (const none of [new Uint8Array(0), new ArrayBuffer(0), detached]) {
        expect(() => ptr(none)).toThrow(
          new TypeError("Cannot take the address: there are no bytes (empty, or detached)"),
        );
      }
      for (const wrong of [null, undefined, 5, "text", {}, [1]]) {
        expect(() => ptr(wrong as unknown as Uint8Array)).toThrow(TypeError);
      }
      for (const offset of [-1, 9, 0.5, NaN]) expect(() => ptr(new Uint8Array(8), offset)).toThrow(RangeError);
      expect(() => ptr(new Uint8Array(8), "1" as unknown as number)).toThrow(TypeError);
    });
  });

  describe("pointers and buffers", () => {
    /** extern struct { u32 id; f64 x, y; Point *next; } */
    function point(id: number, x: number, y: number, next: number): DataView {
      const view = new DataView(new ArrayBuffer(32));
      view.setUint32(0, id, true);
      view.setFloat64(8, x, true);
      view.setFloat64(16, y, true);
      view.setBigUint64(24, BigInt(next), true);
      return view;
    }

    test("a chain of structs goes through a pointer, and comes back by one", () => {
      using library = dlopen(path, { point_move: { args: ["ptr", "f64", "f64"], returns: "ptr" } });
      const second = point(2, 10, 20, 0);
      const first = point(1, 1, 2, ptr(second));
      const last = library.symbols.point_move(ptr(first), 0.5, -0.5);
      expect(last).toBe(ptr(second));
      expect([first.getFloat64(8, true), second.getFloat64(16, true)]).toEqual([1.5, 19.5]);
      expect([read.u32(last!), read.f64(last!, 8), read.ptr(last!, 24), read.ptr(ptr(first), 24)]).toEqual(
        [2, 10.5, 0, last],
      );
      // A view, its buffer and a number are the same pointer.
      for (const same of [first, first.buffer, new Uint8Array(first.buffer), BigInt(ptr(first))]) {
        expect(library.symbols.point_move(same, 0, 0)).toBe(last);
      }
      expect(library.symbols.point_move(null, 1, 1)).toBe(null);
    });

    test("a buffer and its length", () => {
      using library = dlopen(path, { sum: { args: ["buffer", "buffer_length"], returns: "u64" } });
      using plain = dlopen(path, { sum: { args: ["ptr", "usize"], returns: "u64_fast" } });
      const bytes = new Uint8Array([1, 2, 3, 250]);
      expect(library.symbols.sum(bytes, bytes)).toBe(256n);
      expect(library.symbols.sum(new DataView(bytes.buffer, 1, 2), new Uint8Array(2))).toBe(5n);
      expect(library.symbols.sum(new Uint8Array(0), new Uint8Array(0))).toBe(0n);
      expect(plain.symbols.sum(bytes.subarray(1), 2)).toBe(5);
      expect(plain.symbols.sum(new Uint8Array(0), 0)).toBe(0);
      for (const wrong of [null, 5, "text", {}, new ArrayBuffer(4), undefined]) {
        const view = wrong as unknown as Uint8Array;
        expect(() => library.symbols.sum(view, bytes)).toThrow("argument 1 must be a typed array or a DataView, not ");
        expect(() => library.symbols.sum(bytes, view)).toThrow("argument 2 must be a typed array or a DataView, not ");
      }
    });

    test("bytes of no length pass as NULL", () => {
      using library = open({ id_ptr: { args: ["ptr"], returns: "ptr" } });
      using text = open({ id_ptr: { args: ["cstring"], returns: "ptr" } });
      using buffer = open({ id_ptr: { args: ["buffer"], returns: "ptr" } });
      const view = new Uint8Array(0);
      expect(library.symbols.id_ptr!(view)).toBe(null);
      expect(library.symbols.id_ptr!(new ArrayBuffer(0))).toBe(null);
      expect(text.symbols.id_ptr!(view)).toBe(null);
      expect(buffer.symbols.id_ptr!(view)).toBe(null);
    });

    test("the address taken of a small view stays right when its buffer is asked for", () => {
      using library = open({ id_ptr: { args: ["ptr"], returns: "ptr" } });
      const view = new Uint8Array(8);
      const at = library.symbols.id_ptr!(view);
      const taken = ptr(view);
      view[3] = 9;
      expect(new Uint8Array(view.buffer)[3]).toBe(9);
      expect([at, ptr(view), read.u8(taken, 3)]).toEqual([taken, taken, 9]);
    });

    test("read takes each type at an offset", () => {
      const view = new DataView(new ArrayBuffer(16));
      view.setBigUint64(8, two64 - 2n, true);
      const at = ptr(view);
      expect([read.u8(at, 8), read.i8(at, 8), read.u16(at, 8), read.i16(at, 8)]).toEqual([254, -2, 65534, -2]);
      expect([read.u32(at, 8), read.i32(at, 8), read.u64(at, 8), read.i64(at, 8)]).toEqual(
        [2 ** 32 - 2, -2, two64 - 2n, -2n],
      );
      expect([read.intptr(at, 8), read.ptr(at, 0), read.i64(at), read.u8(BigInt(at), 15)]).toEqual([-2, 0, 0n, 255]);
      view.setFloat32(0, -1.5, true);
      expect(read.f32(at)).toBe(-1.5);
      view.setFloat64(0, -0, true);
      expect(read.f64(at + 8, -8)).toBe(-0);
      view.setBigUint64(0, BigInt(at), true);
      expect(read.ptr(at)).toBe(at);
    });
    test("read refuses null and what is no address", () => {
      for (const name of Object.keys(read) as (keyof typeof read)[]) {
        expect(() => read[name](0), name).toThrow(TypeError);
        expect(() => read[name](0n, 8)).toThrow(TypeError);
        for (const wrong of [null, undefined, "text", {}, new Uint8Array(8)]) {
          expect(() => read[name](wrong as unknown as number)).toThrow(TypeError);
        }
        for (const value of [-1, 0.5, NaN, two64, -1n]) expect(() => read[name](value)).toThrow(RangeError);
        expect(() => read[name](8, -8)).toThrow(RangeError);
        expect(() => read[name](8, 0.5)).toThrow(RangeError);
      }
    });

    test("toArrayBuffer() and toBuffer() are the memory itself", () => {
      const bytes = new TextEncoder().encode("hawser\0x");
      const same = new Uint8Array(toArrayBuffer(ptr(bytes), 1, 3));
      same[0] = 0x65;
      expect(new TextDecoder().decode(bytes.subarray(0, 6))).toBe("hewser");
      expect(toArrayBuffer(ptr(bytes)).byteLength).toBe(6);
      expect(toArrayBuffer(BigInt(ptr(bytes)), 2).byteLength).toBe(4);
      expect([toArrayBuffer(ptr(bytes), 6).byteLength, toArrayBuffer(ptr(bytes), 0, 0).byteLength]).toEqual([0, 0]);
      const buffer = toBuffer(ptr(bytes), 0, 8);
      expect([buffer.length, buffer.toString()]).toEqual([8, "hewser\0x"]);
      buffer[7] = 0x79;
      expect(bytes[7]).toBe(0x79);
    });
    test("toArrayBuffer() refuses null and what is out of range", () => {
      const at = ptr(new Uint8Array(8));
      for (const map of [toArrayBuffer, toBuffer]) {
        expect(() => map(0, 0, 1)).toThrow(new TypeError("Cannot map memory: ptr is null"));
        for (const wrong of [null, undefined, "text", {}]) {
          expect(() => map(wrong as unknown as number, 0, 1)).toThrow(TypeError);
        }
        for (const length of [-1, 0.5, NaN, Infinity]) expect(() => map(at, 0, length)).toThrow(RangeError);
        for (const offset of [0.5, NaN, -at]) expect(() => map(at, offset, 1)).toThrow(RangeError);
        expect(() => map(at, 0, "1" as unknown as number)).toThrow(TypeError);
      }
    });
  });

  describe("JSCallback", () => {
    const symbols = {
      call_i32: { args: ["fn", "i32"], returns: "i32" },
      call_void: { args: ["function"] },
      call_times: { args: [FFIType.function, "i32"], returns: "i32" },
      call_u8: { args: ["callback", "u8"], returns: "u8" },
      doubler: { returns: "fn" },
    } as const;
    const i32 = { args: ["i32"], returns: "i32" } as const;

    test("is called as often as C calls it, by object or pointer", () => {
      using library = dlopen(path, symbols);
      const { call_times, call_void, call_i32 } = library.symbols;
      const seen: number[] = [];
      using callback = new JSCallback((n: number) => (seen.push(n), n * 10), i32);
      expect(call_times(callback, 4)).toBe(60);
      expect(seen).toEqual([0, 1, 2, 3]);
      expect(call_i32(callback.ptr!, 5)).toBe(50);
      expect(call_i32(BigInt(callback.ptr!), 6)).toBe(60);
      let called = 0;
      using nothing = new JSCallback(() => called++, {});
      expect(call_void(nothing)).toBe(undefined);
      expect([called, callback.threadsafe]).toEqual([1, false]);
    });

    test("a function pointer that C returned is one that C takes", () => {
      using library = dlopen(path, symbols);
      expect(library.symbols.call_i32(library.symbols.doubler()!, 21)).toBe(42);
    });

    test("calls C again, which calls back again", () => {
      using library = dlopen(path, symbols);
      using down: JSCallback = new JSCallback(
        (n: number) => n === 0 ? 0 : n + library.symbols.call_i32(down, n - 1),
        i32,
      );
      expect(library.symbols.call_i32(down, 20)).toBe(210);
    });

    test("what it throws is thrown by the call into C, once", () => {
      using library = dlopen(path, symbols);
      const { call_times, call_i32 } = library.symbols;
      let called = 0;
      using throwing = new JSCallback(() => {
        called++;
        throw new RangeError("mine");
      }, i32);
      expect(() => call_times(throwing, 5)).toThrow(new RangeError("mine"));
      // Answered with zero after the first.
      expect(called).toBe(1);
      using fine = new JSCallback((n: number) => n + 1, i32);
      expect(call_i32(fine, 1)).toBe(2);
      using catching = new JSCallback((n: number) => {
        try {
          return call_i32(throwing, n);
        } catch {
          return -7;
        }
      }, i32);
      expect(call_i32(catching, 1)).toBe(-7);
      using undefinedly = new JSCallback(() => {
        throw undefined;
      }, i32);
      let caught = "nothing";
      try {
        call_i32(undefinedly, 1);
      } catch (error) {
        caught = String(error);
      }
      expect(caught).toBe("undefined");
    });

    test("a result that does not fit is an error of the call", () => {
      using library = dlopen(path, symbols);
      for (const result of ["text", undefined, null, 1n, true, {}]) {
        using callback = new JSCallback(() => result, i32);
        expect(() => library.symbols.call_i32(callback, 1)).toThrow(
          /^Cannot return from a callback: the result must be an integer from /,
        );
      }
      using large = new JSCallback(() => 256, { args: ["u8"], returns: "u8" });
      expect(() => library.symbols.call_u8(large, 1)).toThrow(RangeError);
    });

    test("closes once, from inside too, and is refused afterwards", async () => {
      using library = dlopen(path, symbols);
      const closing: JSCallback = new JSCallback((n: number) => (closing.close(), n), i32);
      expect(library.symbols.call_i32(closing, 9)).toBe(9);
      closing.close();
      closing[Symbol.dispose]();
      expect(closing.ptr).toBe(null);
      expect(() => library.symbols.call_i32(closing, 1)).toThrow(
        new TypeError("Cannot call call_i32: argument 1 is a callback that is closed"),
      );
      // What was put off until the call was over happens now.
      await new Promise((resolve) => setTimeout(resolve, 1));
    });

    test("many can be open at once", () => {
      using library = dlopen(path, symbols);
      const all = Array.from({ length: 300 }, (_, index) => new JSCallback((n: number) => n + index, i32));
      expect(new Set(all.map((callback) => callback.ptr)).size).toBe(300);
      all.forEach((callback, index) => expect(library.symbols.call_i32(callback, 1)).toBe(index + 1));
      for (const callback of all) callback.close();
    });

    const refused: { name: string; callback?: unknown; definition: unknown; message: string }[] = [
      { name: "no function", callback: 5, definition: {}, message: "a function is wanted, not number" },
      { name: "no signature", definition: undefined, message: "its signature is no object" },
      { name: "an unknown type", definition: { args: ["i31"] }, message: '"i31" is no FFIType' },
      { name: "a buffer argument", definition: { args: ["buffer"] }, message: "C gives no buffers" },
      { name: "a void argument", definition: { args: ["void"] }, message: "void is for results only" },
      { name: "napi_value", definition: { returns: "napi_value" }, message: "cc() of bun:ffi only" },
      { name: "threadsafe as text", definition: { threadsafe: "yes" }, message: "threadsafe must be true or false" },
      {
        name: "threadsafe with a result",
        definition: { threadsafe: true, returns: "i32" },
        message: "must return void",
      },
    ];
    for (const { name, callback = () => {}, definition, message } of refused) {
      test(`refuses ${name}`, () => {
        const make = () => new JSCallback(callback as () => void, definition as FFIFunction);
        expect(make).toThrow(TypeError);
        expect(make).toThrow(message);
      });
    }

    const threads = {
      thread_start: { args: ["fn"], returns: "usize" },
      thread_join: { args: ["usize"], returns: "i32" },
    } as const;
    if (runtime === "node") {
      test("refuses threadsafe: true", () => {
        expect(() => new JSCallback(() => {}, { args: ["i32"], threadsafe: true })).toThrow(
          "Cannot make a threadsafe callback: node:ffi takes calls on the thread that made it only",
        );
      });
    } else {
      test("with threadsafe: true another thread calls it", async () => {
        using library = dlopen(path, threads);
        const seen: number[] = [];
        const { promise, resolve } = Promise.withResolvers<void>();
        using callback = new JSCallback((n: number) => {
          seen.push(n);
          if (seen.length === 2) resolve();
        }, { args: ["i32"], threadsafe: true });
        expect(callback.threadsafe).toBe(true);
        const thread = library.symbols.thread_start(callback);
        expect(thread).not.toBe(0n);
        await promise;
        // In Deno this still runs inside the callback, and the thread that made the call waits for its end: joining
        // it here would wait for ourselves.
        await new Promise((resolve) => setTimeout(resolve, 0));
        expect(library.symbols.thread_join(thread)).toBe(0);
        expect(seen).toEqual([41, 42]);
      });
    }

    test("an error nobody waits for is an uncaught one", async () => {
      // The call is made by the runtime's own FFI, so no call of the shim is there to throw it.
      const bare = {
        bun:
          `process.getBuiltinModule("bun:ffi").dlopen(path, { call_void: { args: ["ptr"] } }).symbols.call_void(c.ptr)`,
        deno:
          `Deno.dlopen(path, { call_void: { parameters: ["usize"], result: "void" } }).symbols.call_void(BigInt(c.ptr!))`,
        node: `new (process.getBuiltinModule("node:ffi").DynamicLibrary)(path)
          .getFunction("call_void", { arguments: ["pointer"], return: "void" })(BigInt(c.ptr))`,
      }[runtime];
      const result = await run(
        runtime === "deno" ? ["-A"] : [],
        `import process from "node:process"; import { JSCallback } from ${mod};
        process.on("uncaughtException", (error) => { console.log("uncaught", error.message); });
        const path = ${JSON.stringify(path)};
        const c = new JSCallback(() => { throw new Error("lost"); }, {});
        ${bare};
        console.log("returned");`,
      );
      expect(result).toMatchObject({ out: "returned\nuncaught lost", status: 0 });
    });
  });

  describe("permissions and programs", () => {
    const program = () =>
      `import { CString, dlopen, JSCallback, ptr, read, toArrayBuffer } from ${mod};
      const bytes = new Uint8Array([104, 105, 0]);
      const uses = {
        dlopen: () => { using l = dlopen(${
        JSON.stringify(path)
      }, { id_i32: { args: ["i32"], returns: "i32" } }); return l.symbols.id_i32(7); },
        ptr: () => typeof ptr(bytes),
        read: () => read.u8(ptr(bytes)),
        toArrayBuffer: () => toArrayBuffer(ptr(bytes)).byteLength,
        CString: () => new CString(ptr(bytes)).toString(),
        JSCallback: () => typeof new JSCallback(() => {}, {}).ptr,
      };
      for (const [name, use] of Object.entries(uses)) {
        try { console.log(name, use()); } catch (error) { console.log(name, error.name + ": " + error.message); }
      }`;
    const fine = ["dlopen 7", "ptr number", "read 104", "toArrayBuffer 2", "CString hi", "JSCallback number"];

    if (runtime === "deno") {
      test("Deno without --allow-ffi says so", async () => {
        const { out, err } = await run(["--allow-env=HAWSER_NONE"], program());
        expect(out.split("\n"), err).toEqual([
          `dlopen Error: Cannot open ${JSON.stringify(path)}: Deno wants --allow-ffi for it`,
          "ptr Error: Cannot take the address: Deno wants --allow-ffi for it",
          "read Error: Cannot take the address: Deno wants --allow-ffi for it",
          "toArrayBuffer Error: Cannot take the address: Deno wants --allow-ffi for it",
          "CString Error: Cannot take the address: Deno wants --allow-ffi for it",
          "JSCallback Error: Cannot make a callback: Deno wants --allow-ffi for it",
        ]);
      });
      test("Deno with --allow-ffi and nothing else does it all", async () => {
        const { out } = await run(["--allow-ffi"], program());
        expect(out.split("\n")).toEqual(fine);
      });
      test("Deno with --allow-ffi=FILE calls it, and refuses addresses", async () => {
        const { out } = await run([`--allow-ffi=${path}`], program());
        expect(out.split("\n").slice(0, 2)).toEqual([
          "dlopen 7",
          "ptr Error: Cannot take the address: Deno wants --allow-ffi for it",
        ]);
      });
    }
    if (runtime === "node") {
      test("Node with --permission and no --allow-ffi says so", async () => {
        const { out, err } = await run(["--permission", "--allow-fs-read=*"], program());
        const wants = "Node runs with --permission and wants --allow-ffi for it";
        expect(out.split("\n"), err).toEqual([
          `dlopen Error: Cannot open ${JSON.stringify(path)}: ${wants}`,
          ...["ptr", "read", "toArrayBuffer", "CString"].map((name) =>
            `${name} Error: Cannot take the address: ${wants}`
          ),
          `JSCallback Error: Cannot make a callback: ${wants}`,
        ]);
      });
      test("Node with --permission and --allow-ffi does it all", async () => {
        const { out } = await run(["--permission", "--allow-fs-read=*", "--allow-ffi"], program());
        expect(out.split("\n")).toEqual(fine);
      });
      test("Node with --no-experimental-ffi says so", async () => {
        const { out } = await run(["--no-experimental-ffi"], program());
        for (const line of out.split("\n")) {
          expect(line).toMatch(/ Error: Cannot use hawser\/ffi: this Node .* has no node:ffi/);
        }
      });
    }
    if (runtime === "bun") {
      test("bun build --compile makes a program that does it all", async () => {
        const source = join(folder, "compiled.ts");
        const output = join(folder, "compiled");
        writeFileSync(source, program().replaceAll("file://", ""));
        const built = await finish(bin("bun"), ["build", "--compile", source, "--outfile", output]);
        expect(built.status, built.err).toBe(0);
        expect((await finish(output, [])).out.split("\n")).toEqual(fine);
      });
    }

    test("importing alone loads nothing and says nothing", async () => {
      const { out, err, status } = await run(
        runtime === "deno" ? ["--allow-env=HAWSER_NONE"] : [],
        `import { FFIType } from ${mod}; console.log(FFIType.i32);`,
      );
      expect({ out, err, status }).toEqual({ out: "5", err: "", status: 0 });
    });

    test("open callbacks and libraries do not hold the process", async () => {
      const flags = runtime === "deno" ? ["--allow-ffi"] : [];
      const { out, status } = await run(
        flags,
        `import { dlopen, JSCallback } from ${mod};
        dlopen(${JSON.stringify(path)}, { nothing: {} }).symbols.nothing();
        new JSCallback(() => {}, {});
        ${runtime === "node" ? "" : "new JSCallback(() => {}, { threadsafe: true });"}
        console.log("end");`,
      );
      expect({ out, status }).toEqual({ out: "end", status: 0 });
    });
  });
}
