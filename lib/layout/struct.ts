// Named fields, one after the other, where a C compiler would put them.
import { type Block, closedText, isClosed, Place, shown, type Viewed } from "./block.ts";
import { CText, isReserved } from "./c.ts";
import {
  type Decode,
  type Encode,
  type Field,
  fieldOf,
  type Infer,
  type Input,
  type Layout,
  type Part,
  PartField,
} from "./field.ts";
import { Refusal, type ViewOf } from "./field.ts";

/**
 * What a struct is made of: layouts by name.
 *
 * @example
 * ```ts
 * import { type Fields, struct, u32, u64 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const header = { magic: u32, version: u32 } satisfies Fields;
 * const File = struct({ ...header, length: u64 });
 * assert.equal(File.offsets.length, 8);
 * ```
 */
export type Fields = Readonly<Record<string, Layout<unknown>>>;

/**
 * The plain object of a struct: a value for each field that has one.
 *
 * @example
 * ```ts
 * import { struct, u8, type Values } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const fields = { x: u8, y: u8 };
 * const origin: Values<typeof fields> = { x: 0, y: 0 };
 * assert.deepEqual(struct(fields).read(new Uint8Array(2)), origin);
 * ```
 */
export type Values<F extends Fields> = {
  -readonly [Name in keyof F as [Infer<F[Name]>] extends [never] ? never : Name]: Infer<F[Name]>;
};

/**
 * The live view of a struct: properties that read and write the bytes in place.
 *
 * Fields that are views themselves, nested structs and arrays for instance, can't be assigned: write to what is in
 * them, or use their own `assign`.
 *
 * @example
 * ```ts
 * import { atomicU32, f64, struct, type Views } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const fields = { hits: atomicU32, mean: f64 };
 * const reset = (view: Views<typeof fields>): void => {
 *   view.mean = 0;
 *   view.hits.store(0);
 * };
 *
 * const view = struct(fields).view(new Uint8Array(16).fill(1));
 * reset(view);
 * assert.equal(view.hits.load(), 0);
 * ```
 */
export type Views<F extends Fields> =
  & { -readonly [Name in keyof F as F[Name] extends { view: unknown } ? never : Name]: Infer<F[Name]> }
  & { readonly [Name in keyof F as F[Name] extends { view: unknown } ? Name : never]: ViewOf<F[Name]> };

/**
 * The layout that {@linkcode struct} makes.
 *
 * @example
 * ```ts
 * import { type Fields, struct, type Struct, u16, u32, u8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const paddingOf = <F extends Fields>({ fields, size }: Struct<F>): number =>
 *   Object.values(fields).reduce((left, field) => left - field.size, size);
 *
 * assert.equal(paddingOf(struct({ a: u8, b: u32, c: u16 })), 5);
 * assert.equal(paddingOf(struct({ b: u32, c: u16, a: u8 })), 1);
 * ```
 */
export interface Struct<F extends Fields> extends Part<Values<F>, Views<F>> {
  /** The layouts it was made of. */
  readonly fields: F;
  /** Where each field begins, in bytes: C's `offsetof`. */
  readonly offsets: { readonly [Name in keyof F]: number };
  /**
   * Writes a plain object through a view, whole or not at all.
   *
   * @param view A view of this struct, nested or not.
   * @param value What to write.
   * @throws {RangeError} If a number is out of range, or a text or array has the wrong length.
   * @throws {TypeError} If a value has the wrong type or is missing, or `view` is not a view of this struct.
   */
  assign(view: Views<F>, value: Input<Values<F>>): void;
  /**
   * Reads a plain object through a view.
   *
   * @param view A view of this struct, nested or not.
   * @returns A copy that nothing else refers to.
   * @throws {RangeError} If an enumeration in it holds a number that has no name.
   * @throws {TypeError} If `view` is not a view of this struct, or its buffer is detached.
   */
  copy(view: Views<F>): Values<F>;
  /**
   * Writes the struct as C: declarations of the same size and offsets, with assertions that they are.
   *
   * Field names that C or C++ keep for themselves get an underscore at the end. Enumerators and nested structs are named
   * after the way to them. Big-endian numbers and texts are integers and `char` arrays with a comment.
   *
   * @param name The struct's name in C.
   * @returns C11 text, a header with an include guard, `HAWSER_` and the name and `_H` in capitals.
   * @throws {RangeError} If the name is not an identifier of C, or a word that C keeps for itself.
   * @throws {TypeError} If the name is not a string.
   */
  toC(name: string): string;
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface Member {
  readonly name: string;
  readonly field: Field<unknown, unknown>;
  readonly offset: number;
  readonly encode: Encode;
  readonly decode: Decode<unknown>;
}

/** What the views of all structs share; each struct adds its fields to a class of its own. */
class StructView implements Viewed {
  declare readonly $place: Place;

  constructor(block: Block, at: number) {
    // Hidden, so that only fields are listed. One plain property: every runtime finds it fast even where many kinds of
    // views meet, which is not so with private names and symbols.
    Object.defineProperty(this, "$place", { value: new Place(block, at) });
    Object.preventExtensions(this);
  }
}

const hidden = { configurable: true, enumerable: false, writable: true };

/** A plain object of everything that the view shows, for JSON. */
function plainOf(this: object): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const name in this) plain[name] = (this as Record<string, unknown>)[name];
  return plain;
}

/** The same for consoles, which get something to show in any case. */
function show(this: StructView): unknown {
  if (isClosed(this.$place.block)) return closedText("struct");
  const plain: Record<string, unknown> = {};
  for (const name in this) plain[name] = shown(() => (this as unknown as Record<string, unknown>)[name]);
  return plain;
}
Object.defineProperties(StructView.prototype, {
  toJSON: { ...hidden, value: plainOf },
  [Symbol.for("nodejs.util.inspect.custom")]: { ...hidden, value: show },
});

class StructField<F extends Fields> extends PartField<Values<F>, Views<F>> implements Struct<F> {
  readonly fields: F;
  readonly offsets: { readonly [Name in keyof F]: number };
  readonly #all: readonly Member[];
  /** Those that have a plain value. */
  readonly #members: readonly Member[];
  /** Stretches of plain fields, and the fields between them that have atomic numbers or locks in them. */
  readonly #runs: readonly (readonly [start: number, end: number])[];
  readonly #mixed: readonly Member[];
  readonly #View: typeof StructView;

  constructor(members: readonly Member[], size: number, align: number) {
    super("struct", size, align, members.reduce((most, { field }) => Math.max(most, field.alignLive), 0));
    this.fields = Object.freeze(Object.fromEntries(members.map(({ name, field }) => [name, field]))) as unknown as F;
    const offsets = Object.fromEntries(members.map(({ name, offset }) => [name, offset]));
    this.offsets = Object.freeze(offsets) as { readonly [Name in keyof F]: number };
    this.#all = members;
    this.#members = members.filter(({ field }) => field.plain);
    this.#mixed = members.filter(({ field }) => field.alignLive > 0);
    const starts = [0, ...this.#mixed.map(({ field, offset }) => offset + field.size)];
    const ends = [...this.#mixed.map(({ offset }) => offset), size];
    this.#runs = starts.map((start, i) => [start, ends[i]!] as const).filter(([start, end]) => start < end);
    this.#View = class extends StructView {};
    members.forEach(({ name, field, offset }, slot) => {
      const accessor = field.accessor(offset, name, slot) as PropertyDescriptor;
      Object.defineProperty(this.#View.prototype, name, { ...accessor, configurable: false, enumerable: true });
    });
    Object.freeze(this);
  }

  encode(block: Block, at: number, value: unknown): void {
    if (typeof value !== "object" || value === null) throw Refusal.of(value, "object", "an object");
    const members = this.#members;
    let i = 0;
    try {
      for (; i < members.length; i++) {
        const { encode, offset, name } = members[i]!;
        encode(block, at + offset, (value as Record<string, unknown>)[name]);
      }
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      const { name } = members[i]!;
      // A path would mean that there is something, and that what is missing is in it.
      if (thrown.path === "" && !(name in value)) throw new Refusal(TypeError, "the field is missing").in(name);
      throw thrown.in(name);
    }
  }

  decode(block: Block, at: number): Values<F> {
    const value: Record<string, unknown> = {};
    for (const { decode, offset, name } of this.#members) value[name] = decode(block, at + offset);
    return value as Values<F>;
  }

  open(block: Block, at: number): Views<F> {
    return new this.#View(block, at) as unknown as Views<F>;
  }

  assign(view: Views<F>, value: Input<Values<F>>): void {
    const { block, at } = this.#placeOf(view, "assign to");
    this.writeTo(block.bytes, at, value);
  }

  copy(view: Views<F>): Values<F> {
    const { block, at } = this.#placeOf(view, "copy");
    return this.readFrom(block.bytes, at);
  }

  override copyPlain(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
    if (this.alignLive === 0) return super.copyPlain(from, fromAt, to, toAt);
    for (const [start, end] of this.#runs) to.set(from.subarray(fromAt + start, fromAt + end), toAt + start);
    for (const { field, offset } of this.#mixed) field.copyPlain(from, fromAt + offset, to, toAt + offset);
  }

  override load(bytes: Uint8Array, at: number, copy: Block, copyAt: number): void {
    for (const { field, offset } of this.#mixed) field.load(bytes, at + offset, copy, copyAt + offset);
  }

  override store(bytes: Uint8Array, at: number, copy: Block, copyAt: number): void {
    for (const { field, offset } of this.#mixed) field.store(bytes, at + offset, copy, copyAt + offset);
  }

  protected instead(name: string): string {
    return `it is a struct, use the fields of ${name}, or the assign(view, value) of its layout`;
  }

  declare(c: CText, declarator: string): string {
    return `struct ${c.struct(this, this.#all, declarator)} ${declarator};`;
  }

  toC(name: string): string {
    if (typeof name !== "string") throw new TypeError("Cannot write a struct as C: its name is not a string");
    if (!identifier.test(name)) throw new RangeError(`Cannot write a struct as C: "${name}" is not an identifier`);
    if (isReserved(name)) throw new RangeError(`Cannot write a struct as C: ${name} is a word that C keeps for itself`);
    const c = new CText();
    c.struct(this, this.#all, name);
    return c.text(name);
  }

  #placeOf(view: unknown, verb: string): Place {
    if (view instanceof this.#View) return view.$place;
    throw new TypeError(`Cannot ${verb} a struct: what was given is not a view of it`);
  }
}

/**
 * Named fields in the order they are written in, each where a C compiler for x86-64 or aarch64 would put it.
 *
 * @param fields The layouts by name. A name is an identifier of C: letters, digits and underscores.
 * @returns The layout: sizes and offsets, `read` and `write` for plain objects, `view` for bytes in place, `toC`.
 * @throws {RangeError} If there is no field, a name is not an identifier, or the struct has 2 GiB or more.
 * @throws {TypeError} If a field is not a layout.
 *
 * @example
 * ```ts
 * import { array, atomicU32, f32, struct, u64, utf8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Sample = struct({ sequence: atomicU32, at: u64, cpu: f32, host: utf8(16), cores: array(f32, 4) });
 * assert.equal(Sample.size, 56);
 * assert.equal(Sample.offsets.at, 8);
 *
 * const bytes = new Uint8Array(Sample.size);
 * const sample = Sample.view(bytes);
 * sample.cpu = 0.5;
 * sample.cores.set(3, 0.25);
 * sample.sequence.add(1);
 * assert.deepEqual(Sample.read(bytes), { sequence: 1, at: 0n, cpu: 0.5, host: "", cores: [0, 0, 0, 0.25] });
 * assert.throws(() => Sample.write(bytes, { ...Sample.read(bytes), host: "much too long a name" }), RangeError);
 * ```
 */
export function struct<const F extends Fields>(fields: F): Struct<F> {
  if (typeof fields !== "object" || fields === null) throw new TypeError("Cannot lay out a struct: no fields");
  const members: Member[] = [];
  let size = 0;
  let align = 1;
  for (const name of Object.getOwnPropertyNames(fields)) {
    // Names like "0" would come in another order than they were written in.
    if (!identifier.test(name)) throw new RangeError(`Cannot lay out a struct: "${name}" is not an identifier of C`);
    if (name === "__proto__") throw new RangeError("Cannot lay out a struct: objects can't have a field __proto__");
    const field = fieldOf(fields[name], name);
    const offset = up(size, field.align);
    members.push({ name, field, offset, encode: field.encoder(), decode: field.decoder() });
    size = offset + field.size;
    align = Math.max(align, field.align);
  }
  if (members.length === 0) throw new RangeError("Cannot lay out a struct: it has no fields");
  return new StructField<F>(members, up(size, align), align);
}

function up(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
