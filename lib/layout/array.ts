// A fixed number of equal elements.
import { type Block, closedText, isClosed, Place, shown, type Viewed } from "./block.ts";
import type { CText } from "./c.ts";
import {
  type Decode,
  type Encode,
  explain,
  type Field,
  fieldOf,
  type Input,
  type Layout,
  type Part,
  PartField,
} from "./field.ts";
import { type Infer, Refusal, type ViewOf } from "./field.ts";
import { lengthOf } from "./length.ts";

/**
 * The live view of an array.
 *
 * `get` and `set` are the fast way, close to a typed array; `view[3]` does the same and is some twenty times slower,
 * which seldom matters and reads well. Both check: an index outside the array or a value that does not fit throws.
 *
 * @example
 * ```ts
 * import { array, type ArrayView, f32 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const mean = (loads: ArrayView<number>): number => {
 *   let sum = 0;
 *   for (let i = 0; i < loads.length; i++) sum += loads.get(i);
 *   return sum / loads.length;
 * };
 *
 * const loads = array(f32, 4).view(new Uint8Array(16));
 * loads.assign([1, 2, 3, 4]);
 * loads.set(0, 5);
 * loads[1] = 4;
 * assert.equal(mean(loads), 4);
 * assert.deepEqual([...loads], [5, 4, 3, 4]);
 * assert.throws(() => loads.get(4), RangeError);
 * ```
 */
export interface ArrayView<Value, View = Value> extends Iterable<View> {
  /** How many elements there are. */
  readonly length: number;
  /** The element at an index. */
  [index: number]: View;
  /** The element at `index`: its value, or its view if it has one. */
  get(index: number): View;
  /** Writes the element at `index`, whole or not at all. */
  set(index: number, value: Input<Value>): void;
  /** Writes all elements, or none: there must be exactly as many values. */
  assign(values: ArrayLike<Input<Value>> & object): void;
  /** The values as they are now, a copy. */
  copy(): Value[];
  /** The elements as `get` gives them. */
  [Symbol.iterator](): IterableIterator<View>;
}

/**
 * The end of the prototype chain of array views, for indexes: what `view[3]` means is found nowhere before it, and
 * methods are found before it, so they pay nothing.
 */
const indexes = new Proxy(Object.create(Object.prototype) as object, {
  get(target, key, view): unknown {
    const index = indexOf(key);
    return index === undefined ? Reflect.get(target, key, view) : (view as FieldArrayView).get(index);
  },
  set(target, key, value, view): boolean {
    const index = indexOf(key);
    if (index === undefined) return Reflect.set(target, key, value, view);
    (view as FieldArrayView).set(index, value);
    return true;
  },
});

function indexOf(key: string | symbol): number | undefined {
  if (typeof key !== "string") return undefined;
  const index = Number(key);
  return String(index) === key ? index : undefined;
}

const Indexed = function (): void {} as unknown as new () => object;
Indexed.prototype = indexes;

class FieldArrayView extends Indexed implements Viewed {
  declare readonly $place: Place;
  declare readonly $array: ArrayField<unknown, unknown>;

  constructor(array: ArrayField<unknown, unknown>, block: Block, at: number) {
    super();
    Object.defineProperty(this, "$place", { value: new Place(block, at) });
    Object.defineProperty(this, "$array", { value: array });
    Object.preventExtensions(this);
  }

  get length(): number {
    return this.$array.length;
  }

  get(index: number): unknown {
    const { length, field, stride, decodeElement } = this.$array;
    if (index >>> 0 !== index || index >= length) throw outside(index, length);
    const { block, at, parts } = this.$place;
    if (!field.live) return decodeElement(block, at + index * stride);
    return parts[index] ??= field.open(block, at + index * stride);
  }

  set(index: number, value: unknown): void {
    const { length, field, stride, encodeElement } = this.$array;
    if (index >>> 0 !== index || index >= length) throw outside(index, length);
    const { block, at } = this.$place;
    if (field instanceof PartField) {
      // Goes through a private copy, since it could be refused when half of it is written.
      field.write(block.bytes, value, at + index * stride);
      return;
    }
    try {
      encodeElement(block, at + index * stride, value);
    } catch (thrown) {
      throw explain(thrown, `[${index}]`, block);
    }
  }

  assign(values: unknown): void {
    this.$array.write(this.$place.block.bytes, values as never, this.$place.at);
  }

  copy(): unknown[] {
    return this.$array.read(this.$place.block.bytes, this.$place.at);
  }

  *[Symbol.iterator](): IterableIterator<unknown> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }

  toJSON(): unknown {
    return [...this];
  }

  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    const { block } = this.$place;
    if (isClosed(block)) return closedText(this.$array.name);
    return Array.from({ length: this.length }, (_, i) => shown(() => this.get(i)));
  }
}

function outside(index: unknown, length: number): Error {
  if (typeof index !== "number") return new TypeError(`Cannot find an element: ${String(index)} is not a number`);
  return new RangeError(`Cannot find an element: ${index} is not an index below ${length}`);
}

class ArrayField<Value, View> extends PartField<Value[], ArrayView<Value, View>> {
  override readonly plain: boolean;
  readonly field: Field<Value, View>;
  readonly length: number;
  readonly stride: number;
  readonly encodeElement: Encode;
  readonly decodeElement: Decode<Value>;

  constructor(field: Field<Value, View>, length: number) {
    super(`array(${field.name}, ${length})`, field.size * length, field.align, field.alignLive);
    this.plain = field.plain;
    this.field = field;
    this.encodeElement = field.encoder();
    this.decodeElement = field.decoder();
    this.length = length;
    this.stride = field.size; // Sizes are multiples of alignments, as in C, so elements follow each other.
    Object.freeze(this);
  }

  encode(block: Block, at: number, value: unknown): void {
    const { length, stride } = this;
    const encode = this.encodeElement;
    if (typeof value !== "object" || value === null) throw Refusal.of(value, "object", `an array of ${length}`);
    const values = value as ArrayLike<unknown>;
    if (typeof values.length !== "number") throw new Refusal(TypeError, `an object without length is not an array`);
    if (values.length !== length) {
      throw new Refusal(RangeError, `an array of ${values.length} is not an array of ${length}`);
    }
    let i = 0;
    try {
      for (; i < length; i++) encode(block, at + i * stride, values[i]);
    } catch (thrown) {
      throw thrown instanceof Refusal ? thrown.in(`[${i}]`) : thrown;
    }
  }

  decode(block: Block, at: number): Value[] {
    const { length, stride } = this;
    const decode = this.decodeElement;
    const values: Value[] = [];
    for (let i = 0; i < length; i++) values.push(decode(block, at + i * stride));
    return values;
  }

  open(block: Block, at: number): ArrayView<Value, View> {
    const view: unknown = new FieldArrayView(this as unknown as ArrayField<unknown, unknown>, block, at);
    return view as ArrayView<Value, View>;
  }

  override copyPlain(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
    if (this.alignLive === 0) return super.copyPlain(from, fromAt, to, toAt);
    const { field, stride, size } = this;
    for (let at = 0; at < size; at += stride) field.copyPlain(from, fromAt + at, to, toAt + at);
  }

  override load(bytes: Uint8Array, at: number, copy: Block, copyAt: number): void {
    const { field, length, stride } = this;
    for (let i = 0; i < length; i++) field.load(bytes, at + i * stride, copy, copyAt + i * stride);
  }

  override store(bytes: Uint8Array, at: number, copy: Block, copyAt: number): void {
    const { field, length, stride } = this;
    for (let i = 0; i < length; i++) field.store(bytes, at + i * stride, copy, copyAt + i * stride);
  }

  protected instead(name: string): string {
    return `it is an array, use ${name}.assign(values) or ${name}.set(index, value)`;
  }

  declare(c: CText, declarator: string): string {
    return this.field.declare(c, `${declarator}[${this.length}]`);
  }
}

/**
 * `length` elements of one layout, one after the other, in C `element name[length]`.
 *
 * @param element The layout of an element; an array for more dimensions.
 * @param length How many, at least one.
 * @returns The layout. Its plain value is an array, its live view an {@linkcode ArrayView}.
 * @throws {RangeError} If the length is not a positive integer, or the array has 2 GiB or more.
 * @throws {TypeError} If the element is not a layout, or the length is not a number.
 *
 * @example
 * ```ts
 * import { array, struct, u16 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Grid = struct({ cells: array(array(u16, 3), 2) });
 * const bytes = new Uint8Array(Grid.size);
 * Grid.write(bytes, { cells: [[1, 2, 3], [4, 5, 6]] });
 * const grid = Grid.view(bytes);
 * grid.cells.get(1).set(2, 60);
 * assert.deepEqual(Grid.read(bytes), { cells: [[1, 2, 3], [4, 5, 60]] });
 * ```
 */
export function array<L extends Layout<unknown>>(
  element: L,
  length: number,
): Part<[Infer<L>] extends [never] ? never : Infer<L>[], ArrayView<Infer<L>, ViewOf<L>>> {
  const field = fieldOf(element, "an array");
  const layout: unknown = new ArrayField(field, lengthOf(length, "an array"));
  return layout as Part<[Infer<L>] extends [never] ? never : Infer<L>[], ArrayView<Infer<L>, ViewOf<L>>>;
}
