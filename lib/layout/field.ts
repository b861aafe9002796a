// What a kind of field must be able to do. Public faces are the interfaces `Layout` and `Part`; every layout in this
// folder is a `Field`, which knows in addition how to encode, decode and spell itself in C.
import { afterClose, Block, bytesAt, closedError, type Memory, type Viewed } from "./block.ts";
import type { CText } from "./c.ts";

/**
 * A value's place in memory: how many bytes, on which boundary, and how to read and write them.
 *
 * Everything that {@linkcode struct} and {@linkcode array} are made of is a layout, and so are they themselves.
 * Numbers are little-endian, as both CPUs of hawser have them, except in the layouts whose name ends in `be`.
 *
 * @example
 * ```ts
 * import { f64, type Layout, u16be } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array(16);
 * const layouts: Layout<number>[] = [u16be, f64];
 * for (const layout of layouts) layout.write(bytes, 5, 8 - layout.size);
 * assert.deepEqual(layouts.map(({ size, align }) => [size, align]), [[2, 2], [8, 8]]);
 * assert.throws(() => u16be.write(bytes, 65536), RangeError);
 * ```
 */
export interface Layout<Value> {
  /** What it is called in error messages, such as `u32` or `utf8(32)`. */
  readonly name: string;
  /** How many bytes it takes: C's `sizeof`. */
  readonly size: number;
  /** The boundary that C puts it on: C's `_Alignof`. */
  readonly align: number;
  /**
   * Reads a plain value, a copy that nothing else refers to.
   *
   * The bytes are copied before they are looked at, so another process that changes them meanwhile can't make a value
   * out of what was checked and what was not. Atomic fields are loaded first, each by itself.
   *
   * @param memory The bytes it lies in.
   * @param offset Where in them, in bytes; any offset will do, unless there are atomic fields.
   * @returns The value.
   * @throws {RangeError} If it is not whole within `memory`, not aligned for its atomic fields, or an enumeration in it
   * holds a number that has no name.
   * @throws {TypeError} If `memory` is not a buffer or a view of one, or is detached.
   */
  read(memory: Memory, offset?: number): Value;
  /**
   * Writes a plain value whole, or not at all: everything is checked before the first byte changes.
   *
   * Padding is written as zeros. Atomic fields are stored last, each by itself, so a sequence number in one of them never
   * announces more than is there.
   *
   * @param memory The bytes it lies in.
   * @param value The value; fields it has in excess are ignored.
   * @param offset Where in them, in bytes; any offset will do, unless there are atomic fields.
   * @throws {RangeError} If a number is out of range, a text or array has the wrong length, or the record is not whole
   * within `memory`.
   * @throws {TypeError} If a value has the wrong type or is missing.
   */
  write(memory: Memory, value: Input<Value>, offset?: number): void;
}

/**
 * A layout that has a live view: a struct, an array, an atomic number, a lock.
 *
 * @example
 * ```ts
 * import { array, type Part, struct, u8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const firstOf = <View>(layout: Part<unknown, View>, bytes: Uint8Array): View => layout.view(bytes);
 *
 * const bytes = Uint8Array.of(7, 8);
 * assert.equal(firstOf(struct({ x: u8 }), bytes).x, 7);
 * assert.equal(firstOf(array(u8, 2), bytes).get(1), 8);
 * ```
 */
export interface Part<Value, View> extends Layout<Value> {
  /**
   * Makes a view that reads and writes the bytes in place.
   *
   * @param memory The bytes it lies in.
   * @param offset Where in them, in bytes; any offset will do, unless there are atomic fields.
   * @returns The view. Once the buffer is detached, for instance because its mapping was disposed, using it throws a
   * TypeError.
   * @throws {RangeError} If the record is not whole within `memory`, or not aligned for its atomic fields.
   * @throws {TypeError} If `memory` is not a buffer or a view of one, or is detached.
   */
  view(memory: Memory, offset?: number): View;
}

/**
 * What may be written where `Value` is read: arrays may be read-only or typed arrays, objects may be read-only.
 *
 * @example
 * ```ts
 * import { array, f32, type Input, type Infer, struct } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Track = struct({ gains: array(f32, 2) });
 * const track: Input<Infer<typeof Track>> = { gains: Float32Array.of(0.5, 2) };
 * const bytes = new Uint8Array(Track.size);
 * Track.write(bytes, track);
 * assert.deepEqual(Track.read(bytes), { gains: [0.5, 2] });
 * ```
 */
export type Input<Value> = Value extends Uint8Array ? Uint8Array
  : Value extends readonly (infer Element)[] ? ArrayLike<Input<Element>> & object
  : Value extends object ? { readonly [Key in keyof Value]: Input<Value[Key]> }
  : Value;

/**
 * The type of the plain value that a layout reads and writes.
 *
 * @example
 * ```ts
 * import { f32, type Infer, struct, utf8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Sample = struct({ cpu: f32, host: utf8(16) });
 * type Sample = Infer<typeof Sample>;
 *
 * const sample: Sample = { cpu: 0.5, host: "alpha" };
 * const bytes = new Uint8Array(Sample.size);
 * Sample.write(bytes, sample);
 * assert.deepEqual(Sample.read(bytes), sample);
 * ```
 */
export type Infer<L> = L extends { read(memory: Memory, offset?: number): infer Value } ? Value : never;

/**
 * The type of a layout's live view; for layouts that have none, such as `u32`, the type of the value.
 *
 * @example
 * ```ts
 * import { struct, u32, type ViewOf } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Counter = struct({ hits: u32 });
 * const count = (counter: ViewOf<typeof Counter>): number => ++counter.hits;
 *
 * const bytes = new Uint8Array(Counter.size);
 * assert.equal(count(Counter.view(bytes)), 1);
 * assert.equal(bytes[0], 1);
 * ```
 */
export type ViewOf<L> = L extends { view(memory: Memory, offset?: number): infer View } ? View : Infer<L>;

/** Getter and setter of a field on its struct's views. */
export interface Accessor {
  get(this: Viewed): unknown;
  set?(this: Viewed, value: never): void;
}

/** Checks a value and writes it, as {@linkcode Field.encode} does. */
export type Encode = (block: Block, at: number, value: unknown) => void;

/** Reads a value, as {@linkcode Field.decode} does. */
export type Decode<Value> = (block: Block, at: number) => Value;

/** A value that was refused, on its way to the caller; each level adds where it was. */
export class Refusal {
  readonly kind: typeof RangeError | typeof TypeError;
  readonly text: string;
  path = "";

  constructor(kind: typeof RangeError | typeof TypeError, text: string) {
    this.kind = kind;
    this.text = text;
  }

  /** The refusal of `value`, a TypeError if `type` is not its type. */
  static of(value: unknown, type: string, takes: string): Refusal {
    const found: string = value === null ? "null" : typeof value;
    return new Refusal(found === type ? RangeError : TypeError, `${quote(value)} is not ${takes}`);
  }

  /** The same, one level up. */
  in(step: string): this {
    this.path = this.path === "" || this.path.startsWith("[") ? step + this.path : `${step}.${this.path}`;
    return this;
  }

  /** The error to throw. */
  error(what: string): Error {
    return new this.kind(`Cannot write ${this.path === "" ? what : this.path}: ${this.text}`);
  }
}

/** What to throw at the caller for `thrown`, which may also be an error of a getter in the caller's own value. */
export function explain(thrown: unknown, what: string, block?: Block): unknown {
  if (thrown instanceof Refusal) return thrown.error(what);
  return block === undefined ? thrown : afterClose(thrown, block, "write", what);
}

function quote(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return typeof value === "function" ? "a function" : String(value);
}

/** Private copies above this size are not kept for the next call. */
const spareBytesMax = 65536;

/** The inside of a layout. */
export abstract class Field<Value, View = Value> implements Layout<Value> {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  /** False for what has only a view, such as a lock: read and write leave it out. */
  readonly plain: boolean = true;
  /** Whether its view is an object that stands for the place, and is kept. */
  readonly live: boolean = false;
  /** The boundary that atomic numbers and locks in it must lie on; zero if there are none, and all of it is plain bytes. */
  readonly alignLive: number;
  /** A private copy, kept for the next call. */
  #spare: Block | null = null;

  constructor(name: string, size: number, align: number, alignLive = 0) {
    if (size > 0x7fff_ffff) throw new RangeError(`Cannot lay out ${name}: ${size} bytes are more than 2147483647`);
    this.name = name;
    this.size = size;
    this.align = align;
    this.alignLive = alignLive;
  }

  /** Checks `value` and writes it into memory; throws a Refusal. Only where one value is at stake is `block` not private. */
  abstract encode(block: Block, at: number, value: unknown): void;
  /** Reads what `encode` wrote. */
  abstract decode(block: Block, at: number): Value;
  /** The view of what stands at `at`. */
  abstract open(block: Block, at: number): View;
  /** The member of a C struct called `declarator`, without the semicolon, which a comment may follow. */
  abstract declare(c: CText, declarator: string): string;

  /** `encode` as a function of its own. Structs and arrays call these: finding a method costs as much as writing a number. */
  encoder(): Encode {
    return (block, at, value) => this.encode(block, at, value);
  }

  /** `decode` as a function of its own. */
  decoder(): Decode<Value> {
    return (block, at) => this.decode(block, at);
  }

  /** Copies all plain bytes, and steps over atomic numbers and locks. */
  copyPlain(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
    const whole = fromAt === 0 && from.length === this.size;
    to.set(whole ? from : from.subarray(fromAt, fromAt + this.size), toAt);
  }

  /** Loads all atomic numbers from memory into the private copy. */
  load(_bytes: Uint8Array, _at: number, _copy: Block, _copyAt: number): void {}

  /** Stores all atomic numbers from the private copy into memory. */
  store(_bytes: Uint8Array, _at: number, _copy: Block, _copyAt: number): void {}

  /** How views of a struct show the field. This one suits values that are written as a whole. */
  accessor(offset: number, name: string, _slot: number): Accessor {
    const encode = this.encoder();
    const decode = this.decoder();
    return {
      get(this: Viewed): Value {
        return decode(this.$place.block, this.$place.at + offset);
      },
      set(this: Viewed, value: unknown): void {
        try {
          encode(this.$place.block, this.$place.at + offset, value);
        } catch (thrown) {
          throw explain(thrown, name, this.$place.block);
        }
      },
    };
  }

  view(memory: Memory, offset = 0): View {
    return this.open(new Block(bytesAt(memory, offset, this.size, this.alignLive, "view", this.name)), offset);
  }

  read(memory: Memory, offset = 0): Value {
    if (!this.plain) throw new TypeError(`Cannot read ${this.name}: it has no plain value`);
    return this.readFrom(bytesAt(memory, offset, this.size, this.alignLive, "read", this.name), offset);
  }

  write(memory: Memory, value: Input<Value>, offset = 0): void {
    if (!this.plain) throw new TypeError(`Cannot write ${this.name}: it has no plain value`);
    this.writeTo(bytesAt(memory, offset, this.size, this.alignLive, "write", this.name), offset, value);
  }

  readFrom(bytes: Uint8Array, at: number): Value {
    if (bytes.length < at + this.size) throw closedError("read", this.name);
    const copy = this.#take();
    // Pairs with the order in writeTo: who sees a number stored last sees what was written before.
    if (this.alignLive > 0) this.load(bytes, at, copy, 0);
    this.copyPlain(bytes, at, copy.bytes, 0);
    const value = this.decode(copy, 0); // Runs no code of the caller, so the copy stays ours meanwhile.
    this.#keep(copy);
    return value;
  }

  writeTo(bytes: Uint8Array, at: number, value: unknown): void {
    const copy = this.#take(); // A getter in `value` may come here again and finds no spare.
    try {
      this.encode(copy, 0, value);
    } catch (thrown) {
      throw explain(thrown, this.name);
    }
    if (bytes.length < at + this.size) throw closedError("write", this.name);
    this.copyPlain(copy.bytes, 0, bytes, at);
    if (this.alignLive > 0) this.store(bytes, at, copy, 0);
    this.#keep(copy);
  }

  #take(): Block {
    const copy = this.#spare ?? new Block(new Uint8Array(this.size));
    this.#spare = null;
    return copy;
  }

  #keep(copy: Block): void {
    if (this.size <= spareBytesMax) this.#spare = copy;
  }
}

/** A field whose views are objects of their own, kept with the view they belong to. */
export abstract class PartField<Value, View> extends Field<Value, View> implements Part<Value, View> {
  override readonly live: boolean = true;

  /** What to do where one would like to assign to it: the end of an error message. */
  protected abstract instead(name: string): string;

  override accessor(offset: number, name: string, slot: number): Accessor {
    const open = (block: Block, at: number): View => {
      try {
        return this.open(block, at);
      } catch (thrown) {
        throw afterClose(thrown, block, "view", name);
      }
    };
    return {
      get(this: Viewed): View {
        const { parts, block, at } = this.$place;
        return (parts[slot] ??= open(block, at + offset)) as View;
      },
      set: (): void => {
        throw new TypeError(`Cannot assign to ${name}: ${this.instead(name)}`);
      },
    };
  }
}

/** The inside of `layout`, or a TypeError if it is none of ours. */
export function fieldOf(layout: unknown, what: string): Field<unknown, unknown> {
  if (layout instanceof Field) return layout;
  throw new TypeError(`Cannot lay out ${what}: it is not a layout`);
}
