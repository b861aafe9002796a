// C's bool: one byte, true unless zero.
import type { Block } from "./block.ts";
import type { CText } from "./c.ts";
import { Field, type Layout, Refusal } from "./field.ts";

class BoolField extends Field<boolean> {
  constructor() {
    super("bool", 1, 1);
    Object.freeze(this);
  }

  encode(block: Block, at: number, value: unknown): void {
    if (typeof value !== "boolean") throw Refusal.of(value, "boolean", "true or false");
    block.data.setUint8(at, value ? 1 : 0);
  }

  decode(block: Block, at: number): boolean {
    return block.data.getUint8(at) !== 0;
  }

  open(block: Block, at: number): boolean {
    return this.decode(block, at);
  }

  declare(c: CText, declarator: string): string {
    c.include("stdbool.h");
    return `bool ${declarator};`;
  }
}

/**
 * True or false, C's `bool`. It is written as one or zero; any byte but zero reads as true.
 *
 * @example
 * ```ts
 * import { bool } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const bytes = Uint8Array.of(2);
 * assert.equal(bool.read(bytes), true);
 * bool.write(bytes, true);
 * assert.equal(bytes[0], 1);
 * ```
 */
export const bool: Layout<boolean> = new BoolField();
