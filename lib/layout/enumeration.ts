// Names for numbers, C's enum.
import type { Block } from "./block.ts";
import type { CText } from "./c.ts";
import { Field, fieldOf, type Layout, Refusal } from "./field.ts";
import { i16, i32, i8, u16, u32, u8 } from "./scalars.ts";

const types: readonly Layout<number>[] = [u8, u16, u32, i8, i16, i32];

class EnumerationField<Name extends string> extends Field<Name> {
  readonly #values: ReadonlyMap<unknown, number>;
  readonly #names: ReadonlyMap<number, Name>;
  readonly #type: Field<number>;

  constructor(names: ReadonlyMap<number, Name>, type: Field<number>) {
    super("enumeration", type.size, type.align);
    this.#names = names;
    this.#values = new Map([...names].map(([value, name]) => [name, value]));
    this.#type = type;
    Object.freeze(this);
  }

  encode(block: Block, at: number, value: unknown): void {
    const number = this.#values.get(value);
    if (number === undefined) throw Refusal.of(value, "string", `one of ${[...this.#values.keys()].join(", ")}`);
    this.#type.encode(block, at, number);
  }

  decode(block: Block, at: number): Name {
    const number = this.#type.decode(block, at);
    const name = this.#names.get(number);
    if (name !== undefined) return name;
    throw new RangeError(`Cannot read an enumeration: ${number} is not one of ${[...this.#names.keys()].join(", ")}`);
  }

  open(block: Block, at: number): Name {
    return this.decode(block, at);
  }

  declare(c: CText, declarator: string): string {
    const tag = c.enumeration(this, declarator, this.#names);
    // A C compiler gives an enum of its own accord the size of int; any other size has to be spelled out.
    if (this.size === 4) return `enum ${tag} ${declarator};`;
    return `${this.#type.declare(c, declarator)} /* enum ${tag} */`;
  }
}

/**
 * One of a fixed set of names, kept as a number: C's `enum`.
 *
 * A number that has no name makes reading it throw a RangeError: what another program wrote there is not what this
 * layout describes, and guessing would hide that.
 *
 * @param values The numbers by name, each number once.
 * @param type The layout of the number. By default what gcc takes for an enum: `u32`, or `i32` if a value is negative.
 * @returns The layout.
 * @throws {RangeError} If there are no names, a name is not an identifier of C, two names share a number, or a number does
 * not fit in the type.
 * @throws {TypeError} If a value is not a number, or the type is not one of the integers up to 32 bits.
 *
 * @example
 * ```ts
 * import { enumeration, struct, u8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Worker = struct({ state: enumeration({ idle: 0, busy: 1 }, u8) });
 * const bytes = new Uint8Array(Worker.size);
 * const worker = Worker.view(bytes);
 * assert.equal(worker.state, "idle");
 * worker.state = "busy";
 * assert.equal(bytes[0], 1);
 * bytes[0] = 7;
 * assert.throws(() => worker.state, RangeError);
 * ```
 */
export function enumeration<const Values extends Readonly<Record<string, number>>>(
  values: Values,
  type?: Layout<number>,
): Layout<keyof Values & string> {
  if (typeof values !== "object" || values === null) throw new TypeError("Cannot lay out an enumeration: no values");
  const names = new Map<number, keyof Values & string>();
  for (const [name, value] of Object.entries(values)) {
    const what = `Cannot lay out an enumeration: ${name}`;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError(`${what} is not an identifier of C`);
    if (typeof value !== "number") throw new TypeError(`${what} is not a number`);
    if (names.has(value)) throw new RangeError(`${what} and ${names.get(value)} are both ${value}`);
    names.set(value, name);
  }
  if (names.size === 0) throw new RangeError("Cannot lay out an enumeration: it has no names");
  const layout = type ?? (Math.min(...names.keys()) < 0 ? i32 : u32);
  if (!types.includes(layout)) {
    throw new TypeError("Cannot lay out an enumeration: its type is not u8 to u32 or i8 to i32");
  }
  for (const [value, name] of names) {
    try {
      layout.write(new Uint8Array(layout.size), value);
    } catch {
      throw new RangeError(`Cannot lay out an enumeration: ${name} is ${value}, which ${layout.name} can't hold`);
    }
  }
  return new EnumerationField(names, fieldOf(layout, "an enumeration") as Field<number>);
}
