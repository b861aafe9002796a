// Bytes as they are.
import { type Block, closedError, isClosed, type Viewed } from "./block.ts";
import type { CText } from "./c.ts";
import { type Accessor, explain, Field, type Layout, Refusal } from "./field.ts";
import { lengthOf } from "./length.ts";

class BytesField extends Field<Uint8Array> {
  override readonly live: boolean = true;

  constructor(length: number) {
    super(`bytes(${length})`, length, 1);
    Object.freeze(this);
  }

  encode(block: Block, at: number, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw Refusal.of(value, "Uint8Array", "a Uint8Array");
    if (value.length !== this.size) {
      throw new Refusal(RangeError, `${value.length} bytes are not the ${this.size} of ${this.name}`);
    }
    if (isClosed(block)) throw closedError("write", this.name);
    block.bytes.set(value, at);
  }

  decode(block: Block, at: number): Uint8Array {
    return block.bytes.slice(at, at + this.size);
  }

  open(block: Block, at: number): Uint8Array {
    return block.bytes.subarray(at, at + this.size);
  }

  override accessor(offset: number, name: string, slot: number): Accessor {
    const open = this.open.bind(this);
    const encode = this.encode.bind(this);
    return {
      get(this: Viewed): Uint8Array {
        const { parts, block, at } = this.$place;
        if (isClosed(block)) throw closedError("read", name);
        return (parts[slot] ??= open(block, at + offset)) as Uint8Array;
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

  declare(_c: CText, declarator: string): string {
    return `uint8_t ${declarator}[${this.size}];`;
  }
}

/**
 * Exactly `length` bytes, in C a `uint8_t[length]`.
 *
 * Reading gives a copy; a struct's live view gives the bytes themselves, and assigning to it copies bytes in.
 *
 * @param length How many bytes, at least one.
 * @returns The layout.
 * @throws {RangeError} If the length is not a positive integer.
 * @throws {TypeError} If the length is not a number.
 *
 * @example
 * ```ts
 * import { bytes, struct } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Link = struct({ mac: bytes(6) });
 * const memory = new Uint8Array(Link.size);
 * const link = Link.view(memory);
 * link.mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
 * link.mac[5] = 9;
 * assert.deepEqual([...memory], [2, 0, 0, 0, 0, 9]);
 * assert.throws(() => link.mac = new Uint8Array(5), RangeError);
 * ```
 */
export function bytes(length: number): Layout<Uint8Array> {
  return new BytesField(lengthOf(length, "bytes"));
}
