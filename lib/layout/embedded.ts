// The way in for kinds of fields that layout itself does not know.
import type { Block } from "./block.ts";
import type { CText } from "./c.ts";
import { type Part, PartField } from "./field.ts";

/**
 * What {@linkcode embedded} needs to know.
 *
 * @example
 * ```ts
 * import { embedded, type Embedding } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const raw: Embedding<number> = { name: "place", size: 8, align: 8, open: (_buffer, byteOffset) => byteOffset };
 * assert.equal(embedded(raw).view(new Uint8Array(24), 16), 16);
 * ```
 */
export interface Embedding<View> {
  /** What it is called in error messages. */
  readonly name: string;
  /** How many bytes it takes, a multiple of `align`. */
  readonly size: number;
  /** The boundary it must lie on, a power of two. */
  readonly align: number;
  /** Makes the object that stands for the bytes at `byteOffset` of `buffer`; called once per view. */
  open(buffer: ArrayBufferLike, byteOffset: number): View;
  /** Its type in C, and the header that declares it; without it, aligned bytes. */
  readonly c?: { readonly type: string; readonly header?: string };
}

class EmbeddedField<View> extends PartField<never, View> {
  override readonly plain: boolean = false;
  readonly #embedding: Embedding<View>;

  constructor(embedding: Embedding<View>) {
    const { name, size, align } = embedding;
    super(name, size, align, align);
    this.#embedding = embedding;
    Object.freeze(this);
  }

  encode(): void {}

  decode(): never {
    return undefined as never;
  }

  override copyPlain(): void {}

  open(block: Block, at: number): View {
    return this.#embedding.open(block.bytes.buffer, block.bytes.byteOffset + at);
  }

  protected instead(): string {
    return `it stands for an object in the memory, ${this.name}, which has methods of its own`;
  }

  declare(c: CText, declarator: string): string {
    const type = this.#embedding.c;
    if (type === undefined) {
      c.include("stdalign.h");
      return `alignas(${this.align}) unsigned char ${declarator}[${this.size}]; /* ${
        this.name.replaceAll("*/", "* /")
      } */`;
    }
    if (type.header !== undefined) c.include(type.header);
    return `${type.type} ${declarator};`;
  }
}

/**
 * A layout for an object that lives in the bytes, such as a lock: it has a view, but no plain value.
 *
 * `read` leaves it out and `write` steps over its bytes, so a record can be rewritten while the lock in it is held.
 *
 * @param embedding Its size, its alignment, and what makes the object.
 * @returns The layout.
 * @throws {RangeError} If the alignment is not a power of two up to 4096, or the size not a positive multiple of it.
 * @throws {TypeError} If a property has the wrong type.
 *
 * @example
 * ```ts
 * import { embedded, struct, u32 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * class Flag {
 *   readonly #word: Int32Array;
 *   constructor(buffer: ArrayBufferLike, byteOffset: number) {
 *     this.#word = new Int32Array(buffer, byteOffset, 1);
 *   }
 *   raise = (): boolean => Atomics.exchange(this.#word, 0, 1) === 0;
 * }
 * const flag = embedded({ name: "flag", size: 4, align: 4, open: (buffer, at) => new Flag(buffer, at) });
 *
 * const Job = struct({ taken: flag, id: u32 });
 * const bytes = new Uint8Array(Job.size);
 * const job = Job.view(bytes);
 * assert.equal(job.taken.raise(), true);
 * Job.write(bytes, { id: 7 });
 * assert.equal(job.taken.raise(), false);
 * assert.deepEqual(Job.read(bytes), { id: 7 });
 * ```
 */
export function embedded<View>(embedding: Embedding<View>): Part<never, View> {
  const { name, size, align, open } = embedding;
  if (typeof name !== "string" || typeof open !== "function") {
    throw new TypeError("Cannot lay out an embedded object: it needs a name and a function open");
  }
  const what = `Cannot lay out ${name}`;
  if (typeof size !== "number" || typeof align !== "number") throw new TypeError(`${what}: size and align are numbers`);
  if (!(Number.isInteger(Math.log2(align)) && align >= 1 && align <= 4096)) {
    throw new RangeError(`${what}: its alignment ${align} is not a power of two up to 4096`);
  }
  if (!(Number.isInteger(size) && size > 0 && size % align === 0)) {
    throw new RangeError(`${what}: its size ${size} is not a positive multiple of its alignment ${align}`);
  }
  return new EmbeddedField(embedding);
}
