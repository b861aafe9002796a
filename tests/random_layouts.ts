// Random structs and values for them, all from one seed, so that a failure can be played again: HAWSER_SEED=N.
import process from "node:process";
import {
  array,
  atomicI32,
  atomicU32,
  atomicU64,
  bool,
  bytes,
  enumeration,
  f32,
  f64,
  type Fields,
  i16,
  i32,
  i64,
  i8,
  type Layout,
  type Struct,
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

/** The seed of this run. */
export const seed: number = Number(process.env.HAWSER_SEED ?? Math.floor(Math.random() * 0x1_0000_0000));

/** Numbers from a seed: mulberry32. */
export class Random {
  #state: number;

  constructor(from: number) {
    this.#state = from >>> 0;
  }

  /** An integer from 0 to `below - 1`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000 * below);
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** `count` random bits. */
  bits(count: bigint): bigint {
    return BigInt.asUintN(Number(count), BigInt(this.below(0x1_0000_0000)) << 32n | BigInt(this.below(0x1_0000_0000)));
  }
}

/** A layout together with what makes values for it. */
export interface Subject {
  readonly layout: Layout<unknown>;
  /** A value that comes back as it is. */
  value(): unknown;
  /** For structs, the subjects by field. */
  readonly fields?: Readonly<Record<string, Subject>>;
}

const names = [
  "a",
  "b",
  "at",
  "cpu",
  "x1",
  "_y",
  "Hits",
  "host_name",
  "int",
  "class",
  "linux",
  "int_",
  "uint32_t",
  "NULL",
];

/** A random struct of up to `fieldsMax` fields, nested up to `depth` deep. */
export function randomStruct(random: Random, fieldsMax: number, depth: number): Subject & { layout: Struct<Fields> } {
  const fields: Record<string, Subject> = {};
  const count = 1 + random.below(fieldsMax);
  while (Object.keys(fields).length < count) {
    const name = random.of(names) + (random.below(2) === 0 ? "" : String(random.below(20)));
    fields[name] ??= randomSubject(random, depth);
  }
  const layouts = Object.fromEntries(Object.entries(fields).map(([name, { layout }]) => [name, layout]));
  return {
    layout: struct(layouts),
    value: () => Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value()])),
    fields,
  };
}

function randomSubject(random: Random, depth: number): Subject {
  const integer = (layout: Layout<number>, bits: number, signed: boolean): Subject => ({
    layout,
    value: () => Number(signed ? BigInt.asIntN(bits, random.bits(64n)) : BigInt.asUintN(bits, random.bits(64n))),
  });
  const kind = random.below(depth > 0 ? 26 : 22);
  switch (kind) {
    case 0:
      return integer(u8, 8, false);
    case 1:
      return integer(u16, 16, false);
    case 2:
      return integer(u32, 32, false);
    case 3:
      return integer(i8, 8, true);
    case 4:
      return integer(i16, 16, true);
    case 5:
      return integer(i32, 32, true);
    case 6:
      return integer(u16be, 16, false);
    case 7:
      return integer(u32be, 32, false);
    case 8:
      return integer(atomicU32, 32, false);
    case 9:
      return integer(atomicI32, 32, true);
    case 10:
      return { layout: u64, value: () => random.bits(64n) };
    case 11:
      return { layout: u64be, value: () => random.bits(64n) };
    case 12:
      return { layout: atomicU64, value: () => random.bits(64n) };
    case 13:
      return { layout: i64, value: () => BigInt.asIntN(64, random.bits(64n)) };
    case 14:
      return { layout: f32, value: () => random.of([0, -0, Infinity, NaN, Math.fround(random.below(1e9) / 7)]) };
    case 15:
      return { layout: f64, value: () => random.of([Number.MAX_VALUE, -0, NaN, random.below(1e9) / 7]) };
    case 16:
      return { layout: bool, value: () => random.below(2) === 0 };
    case 17:
      return randomText(random);
    case 18: {
      const length = 1 + random.below(40);
      return { layout: bytes(length), value: () => Uint8Array.from({ length }, () => random.below(256)) };
    }
    case 19:
      return {
        layout: enumeration({ idle: 0, busy: 1, gone: 4_000_000_000 }),
        value: () => random.of(["idle", "gone"]),
      };
    case 20:
      return { layout: enumeration({ low: -5, high: 5 }), value: () => random.of(["low", "high"]) };
    case 21:
      return {
        layout: enumeration({ one: 1, two: 2 }, random.of([u8, i8, u16, i16])),
        value: () => random.of(["one", "two"]),
      };
    case 22:
    case 23: {
      const element = randomSubject(random, depth - 1);
      const length = 1 + random.below(5);
      return { layout: array(element.layout, length), value: () => Array.from({ length }, () => element.value()) };
    }
    default:
      return randomStruct(random, 5, depth - 1);
  }
}

function randomText(random: Random): Subject {
  const length = 1 + random.below(100);
  const encoder = new TextEncoder();
  const value = (): string => {
    const alphabet = random.of([["a", "b", " "], ["a", "é", "€", "😀", "\ufeff"]]);
    let text = "";
    for (let i = random.below(length + 1); i > 0; i--) {
      const longer = text + random.of(alphabet);
      if (encoder.encode(longer).length > length) break;
      text = longer;
    }
    return text;
  };
  return { layout: utf8(length), value };
}
