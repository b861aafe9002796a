// Numbers that several processes change at once.
import { Block, closedError, closedText } from "./block.ts";
import type { CText } from "./c.ts";
import { explain, type Field, fieldOf, type Layout, type Part, PartField } from "./field.ts";
import { i32, u32, u64 } from "./scalars.ts";

/**
 * A number in memory that other threads and processes may change at the same time, as the live view of an atomic field.
 *
 * Every operation is sequentially consistent, as with `Atomics` and C's `_Atomic`. Results wrap around as the hardware's
 * do; arguments must be in range.
 *
 * @example
 * ```ts
 * import { type Atomic, atomicU32 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const next = (ticket: Atomic<number>): number => ticket.add(1);
 *
 * const ticket = atomicU32.view(new Uint8Array(4));
 * assert.equal(next(ticket), 0);
 * assert.equal(ticket.load(), 1);
 * assert.equal(ticket.compareExchange(1, 7), 1);
 * assert.equal(ticket.load(), 7);
 * ```
 */
export interface Atomic<Value extends number | bigint> {
  /** Reads it. */
  load(): Value;
  /** Writes it. */
  store(value: Value): void;
  /** Adds, and returns what was there before. */
  add(value: Value): Value;
  /** Subtracts, and returns what was there before. */
  sub(value: Value): Value;
  /** Keeps the bits that are in `value` too, and returns what was there before. */
  and(value: Value): Value;
  /** Sets the bits that are in `value`, and returns what was there before. */
  or(value: Value): Value;
  /** Flips the bits that are in `value`, and returns what was there before. */
  xor(value: Value): Value;
  /** Writes it, and returns what was there before. */
  exchange(value: Value): Value;
  /** Writes `replacement` if `expected` is there; returns what was there before in either case. */
  compareExchange(expected: Value, replacement: Value): Value;
  /** Loads it, where a text or a number is asked for: in `${view.hits}`, or `Number(view.hits)`. */
  [Symbol.toPrimitive](): Value;
}

type Words = Uint32Array | Int32Array | BigUint64Array;
type WordsKind = typeof Uint32Array | typeof Int32Array | typeof BigUint64Array;

/** Each buffer as words, made once: a read of one record must not pay for them. */
const known = new WeakMap<ArrayBufferLike, Map<WordsKind, Words>>();

function wordsOf(buffer: ArrayBufferLike, Kind: WordsKind): Words {
  let kinds = known.get(buffer);
  if (kinds === undefined) known.set(buffer, kinds = new Map());
  let words = kinds.get(Kind);
  const length = Math.floor(buffer.byteLength / Kind.BYTES_PER_ELEMENT);
  if (words?.length !== length) { // Or the buffer is one that grows and shrinks, and has done so.
    words = new Kind(buffer as ArrayBuffer, 0, length);
    kinds.set(Kind, words);
  }
  return words;
}

// TypeScript has one set of signatures for numbers and one for bigints; which of them it is only the field knows.
type Loose =
  & {
    [Name in "store" | "add" | "sub" | "and" | "or" | "xor" | "exchange"]: (a: Words, i: number, v: unknown) => unknown;
  }
  & {
    load(a: Words, i: number): unknown;
    compareExchange(a: Words, i: number, expected: unknown, replacement: unknown): unknown;
  };
const atomics = Atomics as unknown as Loose;

class AtomicView<Value extends number | bigint> implements Atomic<Value> {
  readonly #words: Words;
  readonly #index: number;
  readonly #check: (value: Value) => void;

  constructor(words: Words, index: number, check: (value: Value) => void) {
    this.#words = words;
    this.#index = index;
    this.#check = check;
  }

  load(): Value {
    try {
      return atomics.load(this.#words, this.#index) as Value;
    } catch (thrown) {
      throw this.#explain(thrown, "read");
    }
  }

  store(value: Value): void {
    this.#check(value);
    try {
      atomics.store(this.#words, this.#index, value);
    } catch (thrown) {
      throw this.#explain(thrown, "change");
    }
  }

  add(value: Value): Value {
    this.#check(value);
    try {
      return atomics.add(this.#words, this.#index, value) as Value;
    } catch (thrown) {
      throw this.#explain(thrown, "change");
    }
  }

  sub(value: Value): Value {
    this.#check(value);
    try {
      return atomics.sub(this.#words, this.#index, value) as Value;
    } catch (thrown) {
      throw this.#explain(thrown, "change");
    }
  }

  and(value: Value): Value {
    this.#check(value);
    try {
      return atomics.and(this.#words, this.#index, value) as Value;
    } catch (thrown) {
      throw this.#explain(thrown, "change");
    }
  }

  or(value: Value): Value {
    this.#check(value);
    try {
      return atomics.or(this.#words, this.#index, value) as Value;
    } catch (thrown) {
      throw this.#explain(thrown, "change");
    }
  }

  xor(value: Value): Value {
    this.#check(value);
    try {
      return atomics.xor(this.#words, this.#index, value) as Value;
    } catch (thrown) {
      throw this.#explain(thrown, "change");
    }
  }

  exchange(value: Value): Value {
    this.#check(value);
    try {
      return atomics.exchange(this.#words, this.#index, value) as Value;
    } catch (thrown) {
      throw this.#explain(thrown, "change");
    }
  }

  compareExchange(expected: Value, replacement: Value): Value {
    this.#check(expected);
    this.#check(replacement);
    try {
      return atomics.compareExchange(this.#words, this.#index, expected, replacement) as Value;
    } catch (thrown) {
      throw this.#explain(thrown, "change");
    }
  }

  #explain(thrown: unknown, verb: string): unknown {
    return this.#words.length === 0 ? closedError(verb, "the atomic number") : thrown;
  }

  toJSON(): Value {
    return this.load();
  }

  [Symbol.toPrimitive](): Value {
    return this.load();
  }

  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.#words.length === 0 ? closedText("atomic") : this.load();
  }
}

class AtomicField<Value extends number | bigint> extends PartField<Value, Atomic<Value>> {
  readonly #number: Field<Value>;
  readonly #Kind: WordsKind;
  readonly #check: (value: Value) => void;

  constructor(name: string, number: Layout<Value>, Kind: WordsKind) {
    const { size } = number;
    super(name, size, size, size);
    this.#number = fieldOf(number, name) as Field<Value>;
    this.#Kind = Kind;
    // To write it elsewhere is the check.
    const scratch = new Block(new Uint8Array(size));
    const encode = this.#number.encoder();
    this.#check = (value) => {
      try {
        encode(scratch, 0, value);
      } catch (thrown) {
        throw explain(thrown, name);
      }
    };
    Object.freeze(this);
  }

  encode(block: Block, at: number, value: unknown): void {
    this.#number.encode(block, at, value);
  }

  decode(block: Block, at: number): Value {
    return this.#number.decode(block, at);
  }

  open({ bytes }: Block, at: number): Atomic<Value> {
    return new AtomicView(wordsOf(bytes.buffer, this.#Kind), (bytes.byteOffset + at) / this.size, this.#check);
  }

  override copyPlain(): void {}

  override load(bytes: Uint8Array, at: number, copy: Block, copyAt: number): void {
    const words = wordsOf(bytes.buffer, this.#Kind);
    this.encode(copy, copyAt, atomics.load(words, (bytes.byteOffset + at) / this.size));
  }

  override store(bytes: Uint8Array, at: number, copy: Block, copyAt: number): void {
    const words = wordsOf(bytes.buffer, this.#Kind);
    atomics.store(words, (bytes.byteOffset + at) / this.size, this.decode(copy, copyAt));
  }

  protected instead(name: string): string {
    return `it is atomic, use ${name}.store(value) or ${name}.add(value)`;
  }

  declare(c: CText, declarator: string): string {
    return `_Atomic ${this.#number.declare(c, declarator)}`;
  }
}

/**
 * An unsigned 32-bit integer whose view is an {@linkcode Atomic}.
 *
 * @example
 * ```ts
 * import { atomicU32, struct } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Counter = struct({ hits: atomicU32 });
 * const bytes = new Uint8Array(Counter.size);
 * const counter = Counter.view(bytes);
 * assert.equal(counter.hits.add(5), 0);
 * assert.deepEqual(Counter.read(bytes), { hits: 5 });
 * ```
 */
export const atomicU32: Part<number, Atomic<number>> = new AtomicField("atomicU32", u32, Uint32Array);

/**
 * A signed 32-bit integer whose view is an {@linkcode Atomic}.
 *
 * @example
 * ```ts
 * import { atomicI32 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const balance = atomicI32.view(new Uint8Array(4));
 * balance.sub(3);
 * assert.equal(balance.load(), -3);
 * ```
 */
export const atomicI32: Part<number, Atomic<number>> = new AtomicField("atomicI32", i32, Int32Array);

/**
 * An unsigned 64-bit integer, a bigint, whose view is an {@linkcode Atomic}.
 *
 * @example
 * ```ts
 * import { atomicU64 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const total = atomicU64.view(new Uint8Array(8));
 * total.add(2n ** 40n);
 * assert.equal(total.load(), 1099511627776n);
 * ```
 */
export const atomicU64: Part<bigint, Atomic<bigint>> = new AtomicField("atomicU64", u64, BigUint64Array);
