// UTF-8 text in a fixed number of bytes, padded with NUL as in C's char[n].
import { type Block, closedError, isClosed } from "./block.ts";
import type { CText } from "./c.ts";
import { Field, type Layout, Refusal } from "./field.ts";
import { lengthOf } from "./length.ts";

const encoder = new TextEncoder();
// Without ignoreBOM a text that begins with U+FEFF would not come back whole.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to here, building a text from its codes beats a call of the decoder; measured in all runtimes. */
const shortMax = 24;
/** The same for writing and the encoder. */
const loopMax = 64;

/** The bytes of the text being read: another process may be writing the original. */
let copy = new Uint8Array(256);

class TextField extends Field<string> {
  constructor(length: number) {
    super(`utf8(${length})`, length, 1);
    Object.freeze(this);
  }

  encode(block: Block, at: number, value: unknown): void {
    if (typeof value !== "string") throw Refusal.of(value, "string", "a string");
    const { bytes } = block;
    const size = this.size;
    const length = value.length;
    // A UTF-16 unit takes at least one byte.
    if (length > size) throw new Refusal(RangeError, `a text of ${length} characters does not fit in ${this.name}`);
    let i = 0;
    if (length <= loopMax) {
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code === 0 || code > 0x7f) break;
      }
    }
    if (isClosed(block)) throw closedError("write", this.name); // Storing an element would silently be nothing.
    if (i === length) {
      for (i = 0; i < length; i++) bytes[at + i] = value.charCodeAt(i);
    } else {
      const encoded = this.#encodeAny(value);
      i = encoded.length;
      bytes.set(encoded, at);
    }
    if (size - i > 16) {
      bytes.fill(0, at + i, at + size);
    } else {
      for (; i < size; i++) bytes[at + i] = 0;
    }
  }

  decode(block: Block, at: number): string {
    const { bytes } = block;
    const size = this.size;
    if (isClosed(block)) throw closedError("read", this.name);
    if (copy.length < size) copy = new Uint8Array(size);
    const codes = copy;
    let length = 0;
    let bits = 0;
    for (; length < size; length++) {
      const code = bytes[at + length]!;
      if (code === 0) break;
      codes[length] = code;
      bits |= code;
    }
    if (bits > 0x7f || length > shortMax) return decoder.decode(codes.subarray(0, length));
    let text = "";
    let i = 0;
    for (; i + 8 <= length; i += 8) {
      text += String.fromCharCode(
        codes[i]!,
        codes[i + 1]!,
        codes[i + 2]!,
        codes[i + 3]!,
        codes[i + 4]!,
        codes[i + 5]!,
        codes[i + 6]!,
        codes[i + 7]!,
      );
    }
    for (; i < length; i++) text += String.fromCharCode(codes[i]!);
    return text;
  }

  open(block: Block, at: number): string {
    return this.decode(block, at);
  }

  declare(_c: CText, declarator: string): string {
    return `char ${declarator}[${this.size}]; /* UTF-8, NUL only if shorter */`;
  }

  #encodeAny(value: string): Uint8Array {
    if (value.includes("\0")) throw new Refusal(RangeError, "a text with a NUL in it would be cut off there");
    if (!(value as string & { isWellFormed(): boolean }).isWellFormed()) {
      throw new Refusal(RangeError, "a text with half a surrogate pair in it has no UTF-8");
    }
    const encoded = encoder.encode(value);
    if (encoded.length > this.size) {
      throw new Refusal(RangeError, `a text of ${encoded.length} bytes does not fit in ${this.name}`);
    }
    return encoded;
  }
}

/**
 * A text of up to `length` bytes of UTF-8, in C a `char[length]`.
 *
 * What is left over is filled with NUL; a text that fills all bytes has none. Reading stops at the first NUL and reads
 * bytes that are not UTF-8 as U+FFFD. Texts that hold a NUL or half a surrogate pair are refused.
 *
 * @param length How many bytes it takes, at least one.
 * @returns The layout.
 * @throws {RangeError} If the length is not a positive integer.
 * @throws {TypeError} If the length is not a number.
 *
 * @example
 * ```ts
 * import { utf8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const name = utf8(4);
 * const bytes = new Uint8Array(4);
 * name.write(bytes, "né");
 * assert.deepEqual([...bytes], [0x6e, 0xc3, 0xa9, 0]);
 * assert.equal(name.read(bytes), "né");
 * assert.throws(() => name.write(bytes, "naïve"), RangeError);
 * ```
 */
export function utf8(length: number): Layout<string> {
  return new TextField(lengthOf(length, "a utf8"));
}
