import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  array,
  type Atomic,
  atomicI32,
  atomicU32,
  atomicU64,
  bool,
  bytes,
  embedded,
  enumeration,
  f32,
  f64,
  type Fields,
  i16,
  i32,
  i64,
  i8,
  type Layout,
  type Memory,
  struct,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  u64be,
  u8,
  utf8,
} from "../lib/layout/mod.ts";
import { Random, randomStruct, seed } from "./random_layouts.ts";

/** Calls what the types forbid. */
// deno-lint-ignore no-explicit-any
const loosely = (value: unknown): any => value;

/** Bytes that show when one of them was written. */
const marked = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 0xa0 + i % 7);

describe("numbers", () => {
  const kinds: {
    layout: Layout<number> | Layout<bigint>;
    size: number;
    good: [value: number | bigint, bytes: number[]][];
    bad: unknown[];
    wrong: unknown[];
  }[] = [
    {
      layout: u8,
      size: 1,
      good: [[0, [0]], [255, [255]], [-0, [0]]],
      bad: [-1, 256, 0.5, NaN, Infinity, -Infinity, 2 ** 53],
      wrong: ["1", 1n, true, null, undefined, {}, [1], Symbol("x")],
    },
    {
      layout: u16,
      size: 2,
      good: [[0x1234, [0x34, 0x12]], [65535, [255, 255]]],
      bad: [-1, 65536, 1.5, NaN],
      wrong: ["1", 1n],
    },
    {
      layout: u32,
      size: 4,
      good: [[0x12345678, [0x78, 0x56, 0x34, 0x12]], [2 ** 32 - 1, [255, 255, 255, 255]]],
      bad: [-1, 2 ** 32, 1.5, NaN, Infinity],
      wrong: ["1", 1n, null],
    },
    {
      layout: u64,
      size: 8,
      good: [[0n, [0, 0, 0, 0, 0, 0, 0, 0]], [2n ** 64n - 1n, Array(8).fill(255)], [1n, [1, 0, 0, 0, 0, 0, 0, 0]]],
      bad: [-1n, 2n ** 64n, 2n ** 100n],
      wrong: [1, "1", null, undefined, NaN],
    },
    { layout: i8, size: 1, good: [[-128, [128]], [127, [127]]], bad: [-129, 128, 0.5, NaN], wrong: ["1", 1n] },
    {
      layout: i16,
      size: 2,
      good: [[-2, [254, 255]], [32767, [255, 127]]],
      bad: [-32769, 32768, NaN],
      wrong: [false, 1n],
    },
    {
      layout: i32,
      size: 4,
      good: [[-(2 ** 31), [0, 0, 0, 128]], [2 ** 31 - 1, [255, 255, 255, 127]]],
      bad: [-(2 ** 31) - 1, 2 ** 31, 1.5, NaN, -Infinity],
      wrong: ["", 0n],
    },
    {
      layout: i64,
      size: 8,
      good: [[-1n, Array(8).fill(255)], [-(2n ** 63n), [0, 0, 0, 0, 0, 0, 0, 128]], [2n ** 63n - 1n, [
        255,
        255,
        255,
        255,
        255,
        255,
        255,
        127,
      ]]],
      bad: [2n ** 63n, -(2n ** 63n) - 1n],
      wrong: [1, "1"],
    },
    {
      layout: f32,
      size: 4,
      good: [[1, [0, 0, 0x80, 0x3f]], [Infinity, [0, 0, 0x80, 0x7f]], [-0, [0, 0, 0, 0x80]], [Math.fround(3.4e38), [
        0x9e,
        0xc9,
        0x7f,
        0x7f,
      ]]],
      bad: [1e39, -1e39, Number.MAX_VALUE, 3.4028235677973366e38],
      wrong: ["1", 1n, null],
    },
    {
      layout: f64,
      size: 8,
      good: [[1, [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]], [-Infinity, [0, 0, 0, 0, 0, 0, 0xf0, 0xff]]],
      bad: [],
      wrong: ["1", 1n, undefined],
    },
    { layout: u16be, size: 2, good: [[0x1234, [0x12, 0x34]]], bad: [-1, 65536], wrong: ["1", 1n] },
    { layout: u32be, size: 4, good: [[0x12345678, [0x12, 0x34, 0x56, 0x78]]], bad: [-1, 2 ** 32], wrong: ["1", 1n] },
    {
      layout: u64be,
      size: 8,
      good: [[0x0102030405060708n, [1, 2, 3, 4, 5, 6, 7, 8]]],
      bad: [-1n, 2n ** 64n],
      wrong: [1, "1"],
    },
    {
      layout: atomicU32,
      size: 4,
      good: [[2 ** 32 - 1, [255, 255, 255, 255]]],
      bad: [-1, 2 ** 32, 0.5],
      wrong: ["1", 1n],
    },
    { layout: atomicI32, size: 4, good: [[-2, [254, 255, 255, 255]]], bad: [2 ** 31], wrong: ["1", 1n] },
    { layout: atomicU64, size: 8, good: [[1n, [1, 0, 0, 0, 0, 0, 0, 0]]], bad: [-1n, 2n ** 64n], wrong: [1, "1"] },
  ];

  for (const { layout, size, good, bad, wrong } of kinds) {
    test(`${layout.name} takes its range and refuses the rest, writing nothing`, () => {
      expect([layout.size, layout.align]).toEqual([size, size]);
      const anyLayout = loosely(layout) as Layout<unknown>;
      const Pair = struct({ before: u8, it: anyLayout });
      const live = !("view" in layout);
      for (const [value, expected] of good) {
        const memory = new Uint8Array(size);
        anyLayout.write(memory, value);
        expect([...memory]).toEqual(expected);
        expect(anyLayout.read(memory)).toBe(value === 0 && layout !== f32 ? 0 : value);
        if (!live) continue;
        const view = Pair.view(new Uint8Array(Pair.size));
        loosely(view).it = value;
        expect(view.it).toBe(anyLayout.read(memory));
        const items = array(anyLayout, 2).view(new Uint8Array(2 * size));
        items.set(1, value);
        expect(items.get(1)).toBe(anyLayout.read(memory));
      }
      for (const [values, kind] of [[bad, RangeError], [wrong, TypeError]] as const) {
        for (const value of values) {
          const memory = marked(2 * Pair.size);
          expect(() => anyLayout.write(memory, value), String(value)).toThrow(kind);
          expect(() => Pair.write(memory, { before: 1, it: value }), String(value)).toThrow(kind);
          if (live) expect(() => loosely(Pair.view(memory)).it = value, String(value)).toThrow(kind);
          expect(() => array(anyLayout, 1).view(memory).set(0, value), String(value)).toThrow(kind);
          expect(memory).toEqual(marked(2 * Pair.size));
        }
      }
    });
  }

  test("f32 and f64 keep NaN, and f32 rounds to what it can hold", () => {
    const memory = new Uint8Array(8);
    for (const layout of [f32, f64]) {
      layout.write(memory, NaN);
      expect(layout.read(memory)).toBeNaN();
    }
    f32.write(memory, 0.1);
    expect(f32.read(memory)).toBe(Math.fround(0.1));
  });
});

describe("bool", () => {
  test("reads any byte but zero as true and writes one", () => {
    const Flag = struct({ on: bool });
    for (const byte of [1, 2, 128, 255]) expect(Flag.read(Uint8Array.of(byte))).toEqual({ on: true });
    const memory = Uint8Array.of(0);
    const flag = Flag.view(memory);
    expect(flag.on).toBe(false);
    flag.on = true;
    expect(memory[0]).toBe(1);
  });

  test("refuses what is neither true nor false", () => {
    for (const value of [0, 1, "true", null, undefined, 1n]) {
      expect(() => bool.write(new Uint8Array(1), loosely(value))).toThrow(TypeError);
    }
  });
});

describe("utf8", () => {
  const Named = struct({ before: u8, name: utf8(8), after: u8 });

  for (
    const text of ["", "a", "12345678", "né", "€€", "ab😀", "\ufeffx", "\ufffd", " \n\t", "\x7f"]
  ) {
    test(`keeps ${JSON.stringify(text)}`, () => {
      for (const fill of [0, 0xff]) {
        const memory = new Uint8Array(Named.size).fill(fill);
        Named.write(memory, { before: 1, name: text, after: 2 });
        expect(Named.read(memory)).toEqual({ before: 1, name: text, after: 2 });
        const view = Named.view(new Uint8Array(Named.size).fill(fill));
        view.name = text;
        expect(view.name).toBe(text);
        expect([view.before, view.after]).toEqual([fill, fill]);
      }
    });
  }

  test("pads with NUL as C's strncpy, and a full text has none", () => {
    const memory = new Uint8Array(8).fill(0xff);
    utf8(8).write(memory, "abc");
    expect([...memory]).toEqual([97, 98, 99, 0, 0, 0, 0, 0]);
    utf8(8).write(memory, "abcdefgh");
    expect(utf8(8).read(memory)).toBe("abcdefgh");
    utf8(8).write(memory, "");
    expect([...memory]).toEqual(Array(8).fill(0));
  });

  for (const length of [1, 7, 8, 15, 16, 23, 24, 25, 63, 64, 65, 200, 300, 70_000]) {
    test(`keeps texts about as long as ${length} bytes`, () => {
      const layout = utf8(length);
      const memory = new Uint8Array(length);
      for (const letter of ["x", "ß", "語"]) {
        const bytesEach = new TextEncoder().encode(letter).length;
        const text = letter.repeat(Math.floor(length / bytesEach));
        layout.write(memory, text);
        expect(layout.read(memory)).toBe(text);
        expect(() => layout.write(memory, text + letter)).toThrow(RangeError);
        expect(layout.read(memory)).toBe(text);
      }
    });
  }

  for (
    const { text, kind } of [
      { text: "123456789", kind: RangeError },
      { text: "1234567é", kind: RangeError },
      { text: "€€€", kind: RangeError },
      { text: "a\0b", kind: RangeError },
      { text: "é\0", kind: RangeError },
      { text: "\ud83d", kind: RangeError },
      { text: "\ude00a", kind: RangeError },
      { text: "x".repeat(100), kind: RangeError },
      { text: 5, kind: TypeError },
      { text: null, kind: TypeError },
      { text: undefined, kind: TypeError },
      { text: new Uint8Array(3), kind: TypeError },
      { text: ["a"], kind: TypeError },
    ]
  ) {
    test(`refuses ${JSON.stringify(text)}, writing nothing`, () => {
      const memory = marked(Named.size);
      expect(() => Named.write(memory, { before: 1, name: loosely(text), after: 2 })).toThrow(kind);
      expect(() => loosely(Named.view(memory)).name = text).toThrow(kind);
      expect(() => array(utf8(8), 1).view(memory, 1).set(0, loosely(text))).toThrow(kind);
      expect(memory).toEqual(marked(Named.size));
    });
  }

  test("reads bytes that are not UTF-8 as U+FFFD, and nothing after the first NUL", () => {
    const layout = utf8(4);
    expect(layout.read(Uint8Array.of(0x61, 0xff, 0x62, 0))).toBe("a\ufffdb");
    expect(layout.read(Uint8Array.of(0x61, 0, 0x62, 0x63))).toBe("a");
    expect(layout.read(Uint8Array.of(0, 0xff, 0xff, 0xff))).toBe("");
    expect(layout.read(Uint8Array.of(0xe2, 0x82, 0, 0))).toBe("\ufffd");
    expect(layout.read(Uint8Array.of(0xc3, 0x28, 0x61, 0x62))).toBe("\ufffd(ab");
  });

  for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 31]) {
    test(`has no length ${length}`, () => {
      expect(() => utf8(length)).toThrow(RangeError);
      expect(() => bytes(length)).toThrow(RangeError);
      expect(() => array(u8, length)).toThrow(RangeError);
      expect(() => array(atomicU32, length)).toThrow(RangeError);
    });
  }

  test("has no length that is not a number", () => {
    for (const length of ["8", undefined, null, 8n]) {
      expect(() => utf8(loosely(length))).toThrow(TypeError);
      expect(() => bytes(loosely(length))).toThrow(TypeError);
      expect(() => array(u8, loosely(length))).toThrow(TypeError);
    }
  });
});

describe("bytes", () => {
  const Link = struct({ index: u8, mac: bytes(4) });

  test("reads a copy and shows the bytes themselves", () => {
    const memory = Buffer.from([1, 2, 3, 4, 5]); // Whose slice() is no copy.
    const link = Link.view(memory);
    const copies = [
      Link.read(memory).mac,
      Link.copy(link).mac,
      bytes(4).read(memory, 1),
      array(bytes(4), 1).read(memory, 1)[0]!,
    ];
    link.mac[0] = 20;
    for (const copy of copies) {
      expect(copy).toEqual(Uint8Array.of(2, 3, 4, 5));
      expect(copy.constructor).toBe(Uint8Array);
      copy[1] = 99;
    }
    expect([...memory]).toEqual([1, 20, 3, 4, 5]);
    expect(link.mac).toBe(link.mac);
    link.mac = Uint8Array.of(6, 7, 8, 9);
    expect([...memory]).toEqual([1, 6, 7, 8, 9]);
    const items = array(bytes(2), 2).view(memory, 1);
    items.get(1)[0] = 80;
    expect([...memory]).toEqual([1, 6, 7, 80, 9]);
  });

  test("takes bytes that lie in the record itself", () => {
    const memory = Uint8Array.of(1, 2, 3, 4, 5);
    const link = Link.view(memory);
    link.mac = memory.subarray(0, 4);
    expect([...memory]).toEqual([1, 1, 2, 3, 4]);
  });

  test("refuses other lengths and types, writing nothing", () => {
    const memory = marked(5);
    const detached = new Uint8Array(4);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    for (const mac of [new Uint8Array(3), new Uint8Array(5), new Uint8Array(0), detached]) {
      expect(() => Link.write(memory, { index: 1, mac })).toThrow(RangeError);
      expect(() => Link.view(memory).mac = mac).toThrow(RangeError);
    }
    for (const mac of [[1, 2, 3, 4], "abcd", new ArrayBuffer(4), new Uint16Array(4), null, undefined]) {
      expect(() => Link.write(memory, { index: 1, mac: loosely(mac) })).toThrow(TypeError);
      expect(() => Link.view(memory).mac = loosely(mac)).toThrow(TypeError);
    }
    expect(memory).toEqual(marked(5));
  });
});

describe("enumeration", () => {
  const state = enumeration({ idle: 0, busy: 1, gone: 200 }, u8);

  test("is u32, or i32 with negative values, or what was asked for", () => {
    const sizes = [enumeration({ a: 0 }), enumeration({ a: -1 }), state, enumeration({ a: 1 }, i16)].map(({ size }) =>
      size
    );
    expect(sizes).toEqual([4, 4, 1, 2]);
    const memory = new Uint8Array(4);
    enumeration({ a: -1 }).write(memory, "a");
    expect(i32.read(memory)).toBe(-1);
    enumeration({ a: 2 ** 32 - 1 }).write(memory, "a");
    expect(u32.read(memory)).toBe(2 ** 32 - 1);
  });

  test("refuses names it does not have, and numbers that have no name", () => {
    const Worker = struct({ state });
    const memory = Uint8Array.of(1);
    for (const name of ["", "Idle", "toString", "__proto__", "0"]) {
      expect(() => Worker.write(memory, { state: loosely(name) })).toThrow(RangeError);
      expect(() => Worker.view(memory).state = loosely(name)).toThrow(RangeError);
    }
    for (const name of [0, 1, null, undefined, {}]) {
      expect(() => Worker.write(memory, { state: loosely(name) })).toThrow(TypeError);
    }
    expect(Worker.read(memory)).toEqual({ state: "busy" });
    memory[0] = 7;
    expect(() => Worker.read(memory)).toThrow(RangeError);
    expect(() => Worker.view(memory).state).toThrow(/7 is not one of 0, 1, 200/);
  });

  for (
    const { name, make, kind } of [
      { name: "no names", make: () => enumeration({}), kind: RangeError },
      { name: "two names for a number", make: () => enumeration({ a: 1, b: 1 }), kind: RangeError },
      { name: "a number too large", make: () => enumeration({ a: 256 }, u8), kind: RangeError },
      { name: "both signs, too large", make: () => enumeration({ a: -1, b: 2 ** 31 }), kind: RangeError },
      { name: "a fraction", make: () => enumeration({ a: 0.5 }), kind: RangeError },
      { name: "a name that is not an identifier", make: () => enumeration({ "not ready": 0 }), kind: RangeError },
      { name: "a number as name", make: () => enumeration({ 0: 0 }), kind: RangeError },
      { name: "a text as value", make: () => enumeration(loosely({ a: "0" })), kind: TypeError },
      { name: "a bigint as value", make: () => enumeration(loosely({ a: 0n })), kind: TypeError },
      { name: "floats", make: () => enumeration({ a: 0 }, f64), kind: TypeError },
      { name: "no layout as type", make: () => enumeration({ a: 0 }, loosely("u8")), kind: TypeError },
      { name: "nothing", make: () => enumeration(loosely(null)), kind: TypeError },
    ]
  ) {
    test(`can't be made of ${name}`, () => {
      expect(make).toThrow(kind);
    });
  }
});

describe("struct", () => {
  test("puts fields where C does", () => {
    const Inner = struct({ a: u8, b: u64 });
    const Outer = struct({ a: u8, inner: Inner, c: u16, list: array(Inner, 2), d: u8, name: utf8(3), e: u16be });
    expect([Inner.size, Inner.align]).toEqual([16, 8]);
    expect(Outer.offsets).toEqual({ a: 0, inner: 8, c: 24, list: 32, d: 64, name: 65, e: 68 });
    expect([Outer.size, Outer.align]).toEqual([72, 8]);
    expect(Outer.fields.inner).toBe(Inner);
    expect([struct({ a: u8, b: u16, c: u8 }).size, struct({ x: utf8(3) }).size]).toEqual([6, 3]);
  });

  test("can't be changed", () => {
    const Point = struct({ x: u8 });
    expect(() => loosely(Point).size = 5).toThrow(TypeError);
    expect(() => loosely(Point).offsets.x = 5).toThrow(TypeError);
    expect(() => loosely(Point).fields.x = u16).toThrow(TypeError);
    expect(() => loosely(u8).size = 5).toThrow(TypeError);
  });

  for (const name of ["", "a b", "0", "1a", "a-b", "ä", "$place", "a.b", "__proto__"]) {
    test(`refuses a field called ${JSON.stringify(name)}`, () => {
      const fields = Object.defineProperty({}, name, { value: u8, enumerable: true });
      expect(() => struct(fields as Fields)).toThrow(RangeError);
    });
  }

  for (
    const name of ["constructor", "toString", "toJSON", "valueOf", "hasOwnProperty", "then", "length", "int", "class"]
  ) {
    test(`has no trouble with a field called ${name}`, () => {
      const Odd = struct({ [name]: u8, y: u8 });
      const memory = Uint8Array.of(3, 4);
      const view = loosely(Odd.view(memory));
      expect(view[name]).toBe(3);
      view[name] = 5;
      expect(Odd.read(memory)).toEqual({ [name]: 5, y: 4 });
      expect(Odd.copy(view)).toEqual({ [name]: 5, y: 4 });
    });
  }

  test("refuses what is not a layout", () => {
    for (const field of [undefined, null, "u8", 8, {}, { size: 1, align: 1 }, struct]) {
      expect(() => struct({ field: loosely(field) })).toThrow(TypeError);
      expect(() => array(loosely(field), 2)).toThrow(TypeError);
    }
    for (const fields of [undefined, null, "x", 5]) expect(() => struct(loosely(fields))).toThrow(TypeError);
    expect(() => struct({})).toThrow(RangeError);
    expect(() => struct({ a: bytes(2 ** 31 - 1), b: u8 })).toThrow(RangeError);
  });

  const Deep = struct({
    id: u8,
    inner: struct({ list: array(struct({ x: i8, name: utf8(2) }), 2), ratio: f32 }),
    last: u16,
  });
  const good = { id: 1, inner: { list: [{ x: 1, name: "a" }, { x: -1, name: "b" }], ratio: 0.5 }, last: 7 };

  for (
    const { where, value, kind } of [
      { where: "id", value: { ...good, id: 256 }, kind: RangeError },
      { where: "last", value: { ...good, last: -1 }, kind: RangeError },
      { where: "last", value: { ...good, last: undefined }, kind: TypeError },
      { where: "inner", value: { ...good, inner: null }, kind: TypeError },
      { where: "inner.ratio", value: { ...good, inner: { ...good.inner, ratio: 1e40 } }, kind: RangeError },
      { where: "inner.list", value: { ...good, inner: { ...good.inner, list: [] } }, kind: RangeError },
      { where: "inner.list", value: { ...good, inner: { ...good.inner, list: { 0: 1 } } }, kind: TypeError },
      { where: "inner.list", value: { ...good, inner: { ...good.inner, list: "ab" } }, kind: TypeError },
      {
        where: "inner.list[1].name",
        value: { ...good, inner: { ...good.inner, list: [good.inner.list[0], { x: 1, name: "abc" }] } },
        kind: RangeError,
      },
      {
        where: "inner.list[1].x",
        value: { ...good, inner: { ...good.inner, list: [good.inner.list[0], { name: "a" }] } },
        kind: TypeError,
      },
    ]
  ) {
    test(`write() refuses a bad ${where} by name and writes nothing`, () => {
      const memory = marked(Deep.size + 3);
      expect(() => Deep.write(memory, loosely(value), 1)).toThrow(kind);
      expect(() => Deep.write(memory, loosely(value), 1)).toThrow(`Cannot write ${where}: `);
      expect(() => Deep.assign(Deep.view(memory, 3), loosely(value))).toThrow(kind);
      expect(memory).toEqual(marked(Deep.size + 3));
      Deep.write(memory, good, 1); // And the refusal left nothing behind.
      expect(Deep.read(memory, 1)).toEqual(good);
    });
  }

  for (
    const { name, layout, value, says } of [
      { name: "a number", layout: Deep, value: { id: 1, inner: good.inner }, says: "last: the field is missing" },
      { name: "a struct", layout: Deep, value: { id: 1, last: 7 }, says: "inner: the field is missing" },
      {
        name: "a field further in",
        layout: Deep,
        value: { ...good, inner: { ...good.inner, list: [good.inner.list[0], { x: 1 }] } },
        says: "inner.list[1].name: the field is missing",
      },
      {
        name: "a field that is undefined",
        layout: Deep,
        value: { ...good, last: undefined },
        says: "last: undefined is not an integer from 0 to 65535",
      },
      {
        name: "a number for a u64",
        layout: struct({ at: u64 }),
        value: { at: 5 },
        says: "at: 5 is not a bigint from 0n to 2n ** 64n - 1n; write 5n",
      },
      {
        name: "a number for a u64be",
        layout: struct({ at: u64be }),
        value: { at: -0 },
        says: "at: 0 is not a bigint from 0n to 2n ** 64n - 1n; write 0n",
      },
      {
        name: "a number for an i64",
        layout: struct({ at: i64 }),
        value: { at: -5 },
        says: "at: -5 is not a bigint from -(2n ** 63n) to 2n ** 63n - 1n; write -5n",
      },
      {
        name: "a number that no u64 is",
        layout: struct({ at: u64 }),
        value: { at: -5 },
        says: "at: -5 is not a bigint from 0n to 2n ** 64n - 1n",
      },
      {
        name: "a fraction for an i64",
        layout: struct({ at: i64 }),
        value: { at: 0.5 },
        says: "at: 0.5 is not a bigint from -(2n ** 63n) to 2n ** 63n - 1n",
      },
    ]
  ) {
    test(`write() says what to do about ${name}`, () => {
      const message = `Cannot write ${says}`;
      const memory = new Uint8Array(layout.size);
      expect(() => layout.write(memory, loosely(value))).toThrow(
        expect.objectContaining({ name: "TypeError", message }),
      );
    });
  }

  test("write() refuses what is no object", () => {
    for (const value of [undefined, null, 1, "x", true]) {
      expect(() => Deep.write(new Uint8Array(Deep.size), loosely(value))).toThrow(TypeError);
    }
  });

  test("write() writes padding as zeros and nothing outside the record", () => {
    const Padded = struct({ a: u8, b: u32, c: u8 });
    const memory = new Uint8Array(14).fill(0xff);
    Padded.write(memory, { a: 1, b: 2, c: 3 }, 1);
    expect([...memory]).toEqual([255, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 255]);
  });

  test("write() asks each property once and passes on what a getter throws", () => {
    const Point = struct({ x: u8, y: u8 });
    let asked = 0;
    const moving = {
      get x() {
        return asked++ === 0 ? 5 : 999;
      },
      y: 6,
    };
    const memory = new Uint8Array(2);
    Point.write(memory, moving);
    expect([...memory, asked]).toEqual([5, 6, 1]);
    const failure = new Error("mine");
    const failing = {
      x: 1,
      get y(): number {
        throw failure;
      },
    };
    expect(() => Point.write(memory, failing)).toThrow(failure);
    expect([...memory]).toEqual([5, 6]);
  });

  test("write() may be called from a getter of the value being written", () => {
    const Point = struct({ x: u8, y: u8 });
    const inner = new Uint8Array(2);
    const memory = new Uint8Array(2);
    Point.write(memory, {
      x: 1,
      get y() {
        Point.write(inner, { x: 8, y: 9 });
        expect(Point.read(inner)).toEqual({ x: 8, y: 9 });
        return 2;
      },
    });
    expect([...memory, ...inner]).toEqual([1, 2, 8, 9]);
  });

  test("read() gives a copy that nothing else refers to", () => {
    const memory = new Uint8Array(Deep.size);
    Deep.write(memory, good);
    const first = Deep.read(memory);
    const second = Deep.read(memory);
    memory.fill(0);
    expect(first).toEqual(good);
    first.inner.list[0]!.x = 9;
    expect(second).toEqual(good);
    expect(Object.getPrototypeOf(second)).toBe(Object.prototype);
  });
});

describe("view", () => {
  const Sample = struct({
    at: u64,
    cpu: f32,
    host: utf8(8),
    cores: array(f32, 3),
    inner: struct({ x: i16, flags: array(bool, 2) }),
    raw: bytes(2),
  });

  test("reads and writes in place", () => {
    const memory = new Uint8Array(Sample.size + 5);
    const view = Sample.view(memory, 5);
    view.at = 2n ** 40n;
    view.cpu = 0.5;
    view.host = "alpha";
    view.cores.set(2, 1.5);
    view.inner.x = -3;
    view.inner.flags.set(0, true);
    view.raw[1] = 9;
    expect(Sample.read(memory, 5)).toEqual({
      at: 2n ** 40n,
      cpu: 0.5,
      host: "alpha",
      cores: [0, 0, 1.5],
      inner: { x: -3, flags: [true, false] },
      raw: Uint8Array.of(0, 9),
    });
    memory.fill(0);
    expect([view.at, view.host, view.inner.x, view.cores.get(2)]).toEqual([0n, "", 0, 0]);
    expect(view.inner).toBe(view.inner);
    expect(view.cores).toBe(view.cores);
  });

  test("assign() and copy() write and read a whole nested struct", () => {
    const memory = new Uint8Array(Sample.size);
    const view = Sample.view(memory);
    const Inner = Sample.fields.inner;
    Inner.assign(view.inner, { x: 5, flags: [false, true] });
    expect(Inner.copy(view.inner)).toEqual({ x: 5, flags: [false, true] });
    expect(() => Inner.assign(view.inner, { x: 6, flags: loosely([true, 1]) })).toThrow("Cannot write flags[1]: ");
    expect(view.inner.x).toBe(5);
    Sample.assign(view, Sample.copy(view));
    for (const stranger of [view, null, {}, 5, struct({ x: i16 }).view(memory)]) {
      expect(() => Inner.assign(loosely(stranger), { x: 1, flags: [true, true] })).toThrow(TypeError);
      expect(() => Inner.copy(loosely(stranger))).toThrow(TypeError);
    }
  });

  test("refuses to be given parts, and says what to do instead", () => {
    const lock = embedded({ name: "mutex", size: 4, align: 4, open: () => null });
    const All = struct({ hits: atomicU32, list: array(u8, 2), inner: struct({ y: bool }), lock });
    const view = loosely(All.view(new Uint8Array(All.size)));
    const says = (message: string) => expect.objectContaining({ name: "TypeError", message });
    const atomic = says("Cannot assign to hits: it is atomic, use hits.store(value) or hits.add(value)");
    expect(() => view.hits = 5).toThrow(atomic);
    expect(() => view.hits += 1).toThrow(atomic);
    expect(() => view.hits++).toThrow(atomic);
    expect(() => view.list = [1, 2]).toThrow(
      says("Cannot assign to list: it is an array, use list.assign(values) or list.set(index, value)"),
    );
    expect(() => view.inner = { y: true }).toThrow(
      says("Cannot assign to inner: it is a struct, use the fields of inner, or the assign(view, value) of its layout"),
    );
    expect(() => view.lock = {}).toThrow(
      says("Cannot assign to lock: it stands for an object in the memory, mutex, which has methods of its own"),
    );
    expect(view.hits.load()).toBe(0);
  });

  test("refuses to be given fields it does not have", () => {
    const view = loosely(Sample.view(new Uint8Array(Sample.size)));
    expect(() => view.cpuu = 1).toThrow(TypeError);
    expect(() => view.cores.foo = 1).toThrow(TypeError);
    expect(() => delete view.cpu).not.toThrow(); // There is nothing of that name on the view itself.
    expect(view.cpu).toBe(0);
  });

  test("lists its fields and shows them on consoles and as JSON", () => {
    const Small = struct({ x: u8, hits: atomicU32, list: array(u8, 2), inner: struct({ y: bool }) });
    const view = Small.view(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 4, 1, 0));
    const listed: string[] = [];
    for (const name in view) listed.push(name);
    expect(listed).toEqual(["x", "hits", "list", "inner"]);
    expect(Object.keys(view)).toEqual([]);
    const shown = inspect(view);
    for (const part of ["x: 1", "hits: 2", "[ 3, 4 ]", "y: true"]) expect(shown).toContain(part);
    expect(JSON.stringify(view)).toBe('{"x":1,"hits":2,"list":[3,4],"inner":{"y":true}}');
  });

  test("consoles show it in any case", () => {
    const Odd = struct({
      state: enumeration({ idle: 0 }),
      states: array(enumeration({ idle: 0 }), 2),
      hits: atomicU32,
    });
    const memory = new Uint8Array(Odd.size);
    const view = Odd.view(memory);
    memory[0] = memory[4] = 9;
    for (const part of ["state: '[Cannot read an enumeration: 9", "'idle'", "hits: 0"]) {
      expect(inspect(view).replaceAll('"', "'")).toContain(part);
    }
    expect(() => JSON.stringify(view)).toThrow(RangeError);
    const { states, hits } = view;
    // What console.log prints with, which vitest puts its own in the place of.
    const { Deno, Bun } = loosely(globalThis);
    const inspectors = [inspect, Deno?.inspect, Bun?.inspect].filter((found) => found !== undefined);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    for (const [what, name] of [[view, "struct"], [states, "array(enumeration, 2)"], [hits, "atomic"]] as const) {
      for (const inspectAs of inspectors) {
        expect(inspectAs(what)).toBe(`[${name}: its memory was closed or transferred]`);
      }
    }
  });

  test("takes every kind of memory", () => {
    const Point = struct({ x: u8, y: u16 });
    const buffer = new ArrayBuffer(8);
    new Uint8Array(buffer).set([0, 0, 1, 9, 2, 0]);
    const shared = new SharedArrayBuffer(8);
    new Uint8Array(shared).set(new Uint8Array(buffer));
    const memories: [Memory, number][] = [
      [buffer, 2],
      [shared, 2],
      [new DataView(buffer, 1), 1],
      [new Uint16Array(buffer, 2), 0],
      [new Uint8Array(shared, 2, 4), 0],
      [Buffer.from(buffer), 2],
      [new Float64Array(buffer), 2],
    ];
    for (const [memory, offset] of memories) {
      expect(Point.read(memory, offset)).toEqual({ x: 1, y: 2 });
      expect(Point.view(memory, offset).y).toBe(2);
      Point.write(memory, { x: 1, y: 2 }, offset);
    }
    const Text = struct({ text: utf8(8) });
    Text.view(shared).text = "né";
    expect([Text.view(shared).text, Text.read(shared).text]).toEqual(["né", "né"]);
  });

  for (
    const { name, memory, offset, kind } of [
      { name: "too little memory", memory: new Uint8Array(Sample.size - 1), offset: 0, kind: RangeError },
      { name: "an offset too far", memory: new Uint8Array(Sample.size), offset: 1, kind: RangeError },
      { name: "an offset below zero", memory: new Uint8Array(99), offset: -1, kind: RangeError },
      { name: "half an offset", memory: new Uint8Array(99), offset: 0.5, kind: RangeError },
      { name: "NaN as offset", memory: new Uint8Array(99), offset: NaN, kind: RangeError },
      { name: "an infinite offset", memory: new Uint8Array(99), offset: Infinity, kind: RangeError },
      { name: "no memory", memory: new ArrayBuffer(0), offset: 0, kind: RangeError },
      { name: "a text as offset", memory: new Uint8Array(99), offset: "0", kind: TypeError },
      { name: "an array as memory", memory: [1, 2, 3], offset: 0, kind: TypeError },
      { name: "null as memory", memory: null, offset: 0, kind: TypeError },
      { name: "a text as memory", memory: "x".repeat(99), offset: 0, kind: TypeError },
      { name: "something with a length", memory: { byteLength: 99, length: 99 }, offset: 0, kind: TypeError },
    ]
  ) {
    test(`refuses ${name}`, () => {
      const value = Sample.read(new Uint8Array(Sample.size));
      expect(() => Sample.view(loosely(memory), loosely(offset))).toThrow(kind);
      expect(() => Sample.read(loosely(memory), loosely(offset))).toThrow(kind);
      expect(() => Sample.write(loosely(memory), value, loosely(offset))).toThrow(kind);
    });
  }

  test("asks for the bytes of what has them", () => {
    for (
      const memory of [
        { bytes: new Uint8Array(99) },
        loosely({
          get bytes() {
            throw new Error("closed");
          },
        }),
      ]
    ) {
      const says = (verb: string) =>
        `Cannot ${verb} struct: its memory is not a buffer or a view of one, but has bytes: pass memory.bytes`;
      expect(() => Sample.view(loosely(memory))).toThrow(says("view"));
      expect(() => Sample.read(loosely(memory))).toThrow(says("read"));
      expect(() => Sample.write(loosely(memory), Sample.read(new Uint8Array(99)))).toThrow(says("write"));
    }
    expect(() => Sample.view(loosely({}))).toThrow(/^Cannot view struct: its memory is not a buffer or a view of one$/);
  });

  test("says that the memory was closed", () => {
    const All = struct({
      ok: bool,
      text: utf8(4),
      raw: bytes(2),
      list: array(u8, 2),
      hits: atomicU32,
      more: atomicU32,
    });
    const memory = new Uint8Array(All.size);
    const data = new DataView(memory.buffer);
    const view = All.view(memory);
    const { list, hits } = view;
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    const uses: [says: string, use: () => unknown][] = [
      ["write ok", () => view.ok = true],
      ["read utf8(4)", () => view.text],
      ["write text", () => view.text = "a"],
      ["read raw", () => view.raw],
      ["write raw", () => view.raw = Uint8Array.of(1, 2)],
      ["write [1]", () => list.set(1, 1)],
      ["read array(u8, 2)", () => list.copy()],
      ["write array(u8, 2)", () => list.assign([1, 2])],
      ["read the atomic number", () => hits.load()],
      ["change the atomic number", () => hits.store(1)],
      ["change the atomic number", () => hits.compareExchange(0, 1)],
      ["read struct", () => All.copy(view)],
      ["view struct", () => All.view(memory)],
      ["view struct", () => All.view(memory.buffer)],
      ["view struct", () => All.view(data)],
      ["read struct", () => All.read(memory)],
    ];
    for (const [says, use] of uses) {
      const message = `Cannot ${says}: its memory was closed or transferred`;
      expect(use, String(use)).toThrow(expect.objectContaining({ name: "TypeError", message }));
    }
    expect(() => list.set(1, 256)).toThrow(RangeError); // What is wrong in itself is said first.
  });

  test("throws a TypeError once the buffer is detached, whatever is touched", () => {
    const All = struct({
      a: u8,
      b: u64,
      c: f32,
      d: bool,
      e: enumeration({ x: 0 }),
      f: utf8(4),
      g: bytes(2),
      h: array(u16be, 2),
      i: struct({ x: i8 }),
      j: atomicU32,
      k: atomicU64,
      l: array(utf8(30), 1),
      m: array(struct({ x: u8 }), 2),
    });
    const memory = new Uint8Array(All.size);
    const value = All.read(memory);
    const touched = All.view(memory);
    expect([touched.g.length, touched.i.x, touched.h.get(0), touched.m.get(0).x, touched.j.load()]).toEqual([
      2,
      0,
      0,
      0,
      0,
    ]);
    const view = All.view(memory);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    const uses: (() => unknown)[] = [touched, view].flatMap((view) => [
      () => view.a,
      () => view.a = 1,
      () => view.b,
      () => view.b = 1n,
      () => view.c,
      () => view.c = 1,
      () => view.d,
      () => view.d = true,
      () => view.e,
      () => view.e = "x",
      () => view.f,
      () => view.f = "ab",
      () => view.f = "é",
      () => view.f = "",
      () => view.g,
      () => view.g = Uint8Array.of(1, 2),
      () => view.h.get(1),
      () => view.h.set(1, 5),
      () => view.h[1],
      () => view.h.copy(),
      () => view.h.assign([1, 2]),
      () => [...view.h],
      () => view.i.x,
      () => view.j.load(),
      () => view.j.store(1),
      () => view.j.add(1),
      () => view.k.load(),
      () => view.l.get(0),
      () => view.l.set(0, "x"),
      () => view.m.get(1).x,
      () => view.m.set(1, { x: 1 }),
      () => All.copy(view),
      () => All.assign(view, value),
    ]);
    uses.push(
      () => All.view(memory),
      () => All.view(memory.buffer),
      () => All.read(memory),
      () => All.write(memory, value),
      () => u8.read(memory),
    );
    for (const use of uses) expect(use, String(use)).toThrow(TypeError);
  });

  test("throws a TypeError if a getter of the value detaches the buffer", () => {
    const memory = new Uint8Array(2);
    const value = {
      x: 1,
      get y() {
        structuredClone(memory.buffer, { transfer: [memory.buffer] });
        return 2;
      },
    };
    expect(() => struct({ x: u8, y: u8 }).write(memory, value)).toThrow(TypeError);
  });
});

describe("array", () => {
  test("get(), set() and indexes check and agree", () => {
    const memory = new Uint8Array(6);
    const view = array(u16be, 3).view(memory);
    view.set(0, 1);
    view[1] = 2;
    view[2]! += 3;
    expect([...memory]).toEqual([0, 1, 0, 2, 0, 3]);
    expect([view.length, view[0], view.get(1), ...view]).toEqual([3, 1, 2, 1, 2, 3]);
    for (const index of [-1, 3, 0.5, NaN, 2 ** 32]) {
      expect(() => view.get(index)).toThrow(RangeError);
      expect(() => view.set(index, 1)).toThrow(RangeError);
      expect(() => view[index]).toThrow(RangeError);
      expect(() => view[index] = 1).toThrow(RangeError);
    }
    for (const index of ["0", null, undefined, {}]) {
      expect(() => view.get(loosely(index))).toThrow(TypeError);
      expect(() => view.set(loosely(index), 1)).toThrow(TypeError);
    }
    expect(() => view[0] = 65536).toThrow("Cannot write [0]: 65536 is not an integer from 0 to 65535");
    expect(() => view[0] = loosely("1")).toThrow(TypeError);
    expect([...memory]).toEqual([0, 1, 0, 2, 0, 3]);
    expect(loosely(view).nothing).toBeUndefined();
    expect(String(loosely(view)[Symbol.iterator])).toContain("iterator");
  });

  test("assign() writes all elements or none", () => {
    const memory = marked(4);
    const view = array(u8, 4).view(memory);
    for (const values of [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 256], [], Uint16Array.of(1, 2, 3, 999)]) {
      expect(() => view.assign(values)).toThrow(RangeError);
    }
    for (const values of [null, undefined, 4, "1234", {}, new Set([1, 2, 3, 4]), new Array(4)]) {
      expect(() => view.assign(loosely(values))).toThrow(TypeError);
    }
    expect(memory).toEqual(marked(4));
    view.assign([1, 2, 3, 4]);
    view.assign(Float64Array.of(5, 6, 7, 8));
    expect(view.copy()).toEqual([5, 6, 7, 8]);
    const other = array(u8, 4).view(new Uint8Array(4));
    other.assign(view);
    expect([...other]).toEqual([5, 6, 7, 8]);
  });

  test("holds structs, texts and arrays", () => {
    const Slot = struct({ id: u8, name: utf8(3) });
    const slots = array(Slot, 3);
    const memory = new Uint8Array(slots.size);
    const view = slots.view(memory);
    view.get(1).name = "abc";
    view[2]!.id = 7;
    view.set(0, { id: 1, name: "x" });
    expect(view.get(1)).toBe(view[1]);
    expect(() => view.set(0, { id: 2, name: "long" })).toThrow(RangeError);
    expect(slots.read(memory)).toEqual([{ id: 1, name: "x" }, { id: 0, name: "abc" }, { id: 7, name: "" }]);
    const grid = array(array(i8, 2), 2).view(new Uint8Array(4));
    grid.assign([[1, 2], [3, 4]]);
    grid.get(0).set(1, -2);
    grid[1]![0] = -3;
    expect(grid.copy()).toEqual([[1, -2], [-3, 4]]);
    expect(() => grid.assign([[1, 2], [3]])).toThrow("Cannot write [1]: ");
    expect(() => grid.assign([[1, 2], [3, 200]])).toThrow("Cannot write [1][1]: ");
    const names = array(utf8(2), 2).view(new Uint8Array(4));
    names.set(1, "é");
    expect([...names]).toEqual(["", "é"]);
  });
});

describe("atomics", () => {
  const Counters = struct({ id: u8, hits: atomicU32, balance: atomicI32, total: atomicU64, many: array(atomicU32, 2) });

  const kinds: {
    name: string;
    bits: number;
    signed: boolean;
    big: boolean;
    make: () => Atomic<number> | Atomic<bigint>;
  }[] = [
    { name: "u32", bits: 32, signed: false, big: false, make: () => atomicU32.view(new Uint8Array(4)) },
    { name: "i32", bits: 32, signed: true, big: false, make: () => atomicI32.view(new Uint8Array(4)) },
    { name: "u64", bits: 64, signed: false, big: true, make: () => atomicU64.view(new Uint8Array(8)) },
  ];
  for (const { name, bits, signed, big, make } of kinds) {
    test(`${name}: every operation agrees with a model`, () => {
      const random = new Random(seed);
      const wrap = signed ? BigInt.asIntN : BigInt.asUintN;
      const atomic = loosely(make());
      const out = (value: bigint): number | bigint => big ? value : Number(value);
      let model = 0n;
      for (let step = 0; step < 300; step++) {
        const a = wrap(bits, random.bits(64n));
        const before = model;
        const op = random.of(["load", "store", "add", "sub", "and", "or", "xor", "exchange", "compareExchange"]);
        if (op === "compareExchange") {
          const expected = random.below(2) === 0 ? model : a;
          if (expected === model) model = a;
          expect(atomic.compareExchange(out(expected), out(a)), `seed ${seed}`).toBe(out(before));
        } else {
          const next = {
            load: model,
            store: a,
            add: model + a,
            sub: model - a,
            and: model & a,
            or: model | a,
            xor: model ^ a,
            exchange: a,
          }[op]!;
          model = wrap(bits, next);
          const result = op === "load" ? atomic.load() : atomic[op](out(a));
          expect(result, `seed ${seed}`).toBe(op === "store" ? undefined : out(before));
        }
        expect(atomic.load(), `seed ${seed}`).toBe(out(model));
      }
    });

    test(`${name}: refuses what is not in its range, changing nothing`, () => {
      const atomic = loosely(make());
      const outside = big ? [-1n, 2n ** 64n] : signed ? [2 ** 31, -(2 ** 31) - 1, 0.5, NaN] : [-1, 2 ** 32, 0.5, NaN];
      for (const op of ["store", "add", "sub", "and", "or", "xor", "exchange"]) {
        for (const value of outside) expect(() => atomic[op](value)).toThrow(RangeError);
        for (const value of [big ? 1 : 1n, "1", null, undefined]) expect(() => atomic[op](value)).toThrow(TypeError);
      }
      const one = big ? 1n : 1;
      expect(() => atomic.compareExchange(outside[0], one)).toThrow(RangeError);
      expect(() => atomic.compareExchange(one, outside[0])).toThrow(RangeError);
      expect(atomic.load()).toBe(big ? 0n : 0);
    });
  }

  test("load where a text or a number is asked for", () => {
    const view = loosely(Counters.view(new Uint8Array(Counters.size)));
    view.hits.store(41);
    view.total.store(2n ** 63n);
    expect([`${view.hits}`, view.hits + 1, Number(view.hits), view.hits == 41, view.hits > 40]).toEqual(
      ["41", 42, 41, true, true],
    );
    expect([`${view.total}`, view.total + 1n]).toEqual(["9223372036854775808", 2n ** 63n + 1n]);
    expect(() => view.total + 1).toThrow(TypeError); // As with every bigint.
  });

  test("stand in structs and arrays, in views and in plain objects", () => {
    const memory = new Uint8Array(Counters.size + 8);
    const view = Counters.view(memory, 8);
    view.hits.add(5);
    view.balance.sub(7);
    view.total.store(2n ** 63n);
    view.many.get(1).store(9);
    const value = { id: 0, hits: 5, balance: -7, total: 2n ** 63n, many: [0, 9] };
    expect(Counters.read(memory, 8)).toEqual(value);
    expect(Counters.copy(view)).toEqual(value);
    Counters.write(memory, { id: 1, hits: 2, balance: -3, total: 4n, many: [5, 6] }, 8);
    expect([view.id, view.hits.load(), view.balance.load(), view.total.load(), view.many.copy()]).toEqual([
      1,
      2,
      -3,
      4n,
      [5, 6],
    ]);
    view.many.assign([7, 8]);
    view.many.set(0, 70);
    expect(view.many.copy()).toEqual([70, 8]);
    expect(view.hits).toBe(view.hits);
    expect(() => loosely(view).hits = 5).toThrow(TypeError);
    expect(() => Counters.write(memory, { id: 1, hits: -1, balance: 0, total: 0n, many: [0, 0] }, 8)).toThrow(
      RangeError,
    );
    expect(view.hits.load()).toBe(2);
  });

  test("need their alignment, where other fields do not", () => {
    const memory = new Uint8Array(64);
    const value = { id: 1, hits: 2, balance: 3, total: 4n, many: [5, 6] };
    for (const offset of [1, 4, 7]) {
      expect(() => Counters.view(memory, offset)).toThrow(RangeError);
      expect(() => Counters.read(memory, offset)).toThrow(RangeError);
      expect(() => Counters.write(memory, value, offset)).toThrow(RangeError);
    }
    expect(() => Counters.view(memory.subarray(4))).toThrow(RangeError);
    expect(Counters.view(memory.subarray(4), 4).hits.load()).toBe(0);
    const Plain = struct({ a: u64, b: f64 });
    Plain.write(memory, { a: 5n, b: 0.5 }, 3);
    expect(Plain.view(memory, 3).b).toBe(0.5);
  });

  test("a sequence number in an atomic field never announces more than is there", async () => {
    // The order itself can't be seen from here without a race; that it is a property of write() and read() is what
    // this pins down: the atomic is the last byte stored and the first loaded.
    const Slot = struct({ sequence: atomicU32, value: u32 });
    const order: string[] = [];
    const real = { store: Atomics.store, load: Atomics.load };
    const memory = new Uint8Array(8);
    const plain = new DataView(memory.buffer);
    try {
      Atomics.store = loosely((...args: [Int32Array, number, number]) => {
        order.push(`store ${args[2]} with ${plain.getUint32(4, true)} in place`);
        return real.store(...args);
      });
      Atomics.load = loosely((...args: [Int32Array, number]) => {
        const value = real.load(...args);
        plain.setUint32(4, 77, true); // A writer that comes just after: read() must see it or nothing newer.
        return value;
      });
      Slot.write(memory, { sequence: 1, value: 5 });
      expect(Slot.read(memory)).toEqual({ sequence: 1, value: 77 });
    } finally {
      Object.assign(Atomics, real);
    }
    expect(order).toEqual(["store 1 with 5 in place"]);
    await Promise.resolve();
  });
});

describe("embedded", () => {
  const opened: [ArrayBufferLike, number][] = [];
  const lock = embedded({
    name: "lock",
    size: 8,
    align: 8,
    open(buffer, byteOffset) {
      opened.push([buffer, byteOffset]);
      return { byteOffset };
    },
  });
  const Job = struct({ id: u8, lock, list: array(struct({ x: u8, lock }), 2), locks: array(lock, 2), after: u8 });

  test("has a view, and plain objects leave it out", () => {
    const memory = new Uint8Array(8 + Job.size).fill(0xee);
    Job.write(memory, { id: 1, list: [{ x: 2 }, { x: 3 }], after: 4 }, 8);
    expect(Job.read(memory, 8)).toEqual({ id: 1, list: [{ x: 2 }, { x: 3 }], after: 4 });
    const at = (offset: number) => memory.subarray(8 + offset, 16 + offset);
    const untouched = new Uint8Array(8).fill(0xee);
    expect([at(8), at(24), at(40), at(48), at(56)]).toEqual(Array(5).fill(untouched));
    expect([...memory.subarray(0, 8)]).toEqual([...untouched]);

    const view = Job.view(memory.subarray(8));
    expect(view.lock).toBe(view.lock);
    expect([view.lock, view.list.get(1).lock, view.locks.get(1)]).toEqual(
      [16, 48, 64].map((byteOffset) => ({ byteOffset })),
    );
    expect(opened).toEqual([[memory.buffer, 16], [memory.buffer, 48], [memory.buffer, 64]]);
    expect(() => Job.view(memory, 4)).toThrow(RangeError);
    expect(() => loosely(view).lock = {}).toThrow(TypeError);
    expect(() => loosely(view).locks.set(0, {})).toThrow(TypeError);
    expect(() => lock.read(memory)).toThrow(TypeError);
    expect(() => loosely(lock).write(memory, 1)).toThrow(TypeError);
    expect(() => array(lock, 2).read(memory)).toThrow(TypeError);
  });

  for (
    const { name, change, kind } of [
      { name: "no size", change: { size: 0 }, kind: RangeError },
      { name: "a size that alignment does not divide", change: { size: 12 }, kind: RangeError },
      { name: "an alignment that is no power of two", change: { size: 12, align: 3 }, kind: RangeError },
      { name: "no alignment", change: { align: 0 }, kind: RangeError },
      { name: "too large an alignment", change: { size: 8192, align: 8192 }, kind: RangeError },
      { name: "a text as size", change: { size: "8" }, kind: TypeError },
      { name: "no name", change: { name: undefined }, kind: TypeError },
      { name: "no open", change: { open: undefined }, kind: TypeError },
    ]
  ) {
    test(`refuses ${name}`, () => {
      expect(() => embedded(loosely({ name: "lock", size: 8, align: 8, open: () => null, ...change }))).toThrow(kind);
    });
  }
});

describe("toC", () => {
  test("writes structs, enums and assertions", () => {
    const Inner = struct({ x: i16 });
    const text = struct({
      at: u64,
      port: u16be,
      name: utf8(6),
      state: enumeration({ idle: 0, busy: 1 }),
      small: enumeration({ off: 0 }, u8),
      grid: array(array(f32, 4), 3),
      inner: Inner,
      more: array(Inner, 2),
      hits: atomicU32,
      ok: bool,
    }).toC("sample");
    for (
      const line of [
        "#include <stdbool.h>",
        "  uint64_t at;",
        "  uint16_t port; /* big-endian */",
        "  char name[6]; /* UTF-8, NUL only if shorter */",
        "  enum sample_state state;",
        "  sample_state_busy = 1,",
        "  uint8_t small; /* enum sample_small */",
        "  float grid[3][4];",
        "  struct sample_inner inner;",
        "  struct sample_inner more[2];",
        "  _Atomic uint32_t hits;",
        "  bool ok;",
        'static_assert(offsetof(struct sample, port) == 8, "offsetof sample.port");',
      ]
    ) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text.match(/struct sample_inner \{/g)).toHaveLength(1);
    expect(text).toMatch(/^#ifndef HAWSER_SAMPLE_H\n#define HAWSER_SAMPLE_H\n\n#include [^]*\n\n#endif\n$/);
  });

  test("renames fields that C keeps for itself, and keeps names apart", () => {
    const text = struct({ int: u8, int_: u8, a: struct({ b: struct({ x: u8 }) }), a_b: struct({ y: u8 }) }).toC("s");
    for (const line of ["  uint8_t int__; /* int */", "  uint8_t int_;", "  struct s_a_b_ a_b;", "struct s_a_b {"]) {
      expect(text.split("\n")).toContain(line);
    }
  });

  test("declares embedded objects by their type in C, or as aligned bytes", () => {
    const open = () => null;
    const mutex = embedded({
      name: "mutex",
      size: 40,
      align: 8,
      open,
      c: { type: "pthread_mutex_t", header: "pthread.h" },
    });
    const lock = embedded({ name: "lock", size: 16, align: 16, open });
    const text = struct({ mutex, locks: array(lock, 2) }).toC("s");
    expect(text).toContain("#include <pthread.h>\n");
    expect(text).toContain("  pthread_mutex_t mutex;\n");
    expect(text).toContain("  alignas(16) unsigned char locks[2][16]; /* lock */\n");
  });

  test("refuses names that C does", () => {
    const Point = struct({ x: u8 });
    for (const name of ["", "a b", "1a", "int", "struct", "class", "linux", "x;", "_Bool", "uint8_t"]) {
      expect(() => Point.toC(name)).toThrow(RangeError);
    }
    for (const name of [undefined, null, 5]) expect(() => Point.toC(loosely(name))).toThrow(TypeError);
  });
});

test("random structs: what is written is read, by read(), by views, and after assign()", () => {
  console.log(`layout: HAWSER_SEED=${seed}`);
  const random = new Random(seed);
  for (let round = 0; round < 150; round++) {
    const replay = `replay with HAWSER_SEED=${seed}, round ${round}`;
    const { layout, value } = randomStruct(random, 8, 2);
    const before = 8 * random.below(3);
    const memory = new Uint8Array(before + layout.size + 8).fill(0x5a);
    const written = value() as Record<string, never>;
    layout.write(memory, written, before);
    expect(layout.read(memory, before), replay).toEqual(written);
    const view = layout.view(memory, before);
    expect(layout.copy(view), replay).toEqual(written);
    const other = value() as Record<string, never>;
    layout.assign(view, other);
    expect(layout.read(memory, before), replay).toEqual(other);
    expect(plain(view), replay).toEqual(other);
    expect([...memory.subarray(0, before), ...memory.subarray(before + layout.size)], replay).toEqual(
      Array(before + 8).fill(0x5a),
    );
  }
});

/** What a view shows, field by field, as a plain value. */
function plain(view: unknown): unknown {
  if (typeof view !== "object" || view === null || view instanceof Uint8Array) return view;
  if ("load" in view) return (view as Atomic<number>).load();
  if (Symbol.iterator in view) return [...view as Iterable<unknown>].map(plain);
  const value: Record<string, unknown> = {};
  for (const name in view) value[name] = plain((view as Record<string, unknown>)[name]);
  return value;
}
