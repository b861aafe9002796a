// Bytes that records lie in: what callers hand over, found once, and the private copies that reads and writes go through.

/**
 * Bytes a record can lie in: a buffer, or any view of one.
 *
 * @example A record in the middle of a larger buffer
 * ```ts
 * import { type Memory, u16be } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const portOf = (packet: Memory): number => u16be.read(packet, 2);
 *
 * assert.equal(portOf(Uint8Array.of(0, 0, 0x1f, 0x90)), 8080);
 * assert.equal(portOf(Uint8Array.of(0, 0, 0x1f, 0x90).buffer), 8080);
 * ```
 */
export type Memory = ArrayBufferLike | ArrayBufferView;

/** The same bytes as numbers and as bytes; offsets count from the start of both. */
export class Block {
  readonly data: DataView;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    // Not `bytes` itself: a Buffer is a Uint8Array whose slice() does not copy.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Where a live view stands. Views hold it in `$place`, a name that no field can have. */
export class Place {
  readonly block: Block;
  readonly data: DataView;
  readonly at: number;
  /** Views of the parts, made when first asked for. */
  readonly parts: unknown[] = [];

  constructor(block: Block, at: number) {
    this.block = block;
    this.data = block.data;
    this.at = at;
  }
}

/** What every live view is, seen from inside. */
export interface Viewed {
  readonly $place: Place;
}

/**
 * The bytes of `memory`, after checking that `size` of them stand at `offset`, on an address that suits atomics.
 *
 * A buffer that was detached has no bytes: that is a TypeError, not a record too long.
 */
export function bytesAt(
  memory: Memory,
  offset: number,
  size: number,
  align: number,
  verb: string,
  what: string,
): Uint8Array {
  let bytes: Uint8Array;
  if (memory instanceof Uint8Array) {
    bytes = memory;
  } else if (ArrayBuffer.isView(memory)) {
    alive(memory.buffer, verb, what); // A DataView does not even tell its offset any more.
    bytes = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
  } else if (isBuffer(memory)) {
    bytes = alive(memory, verb, what);
  } else {
    const rather = typeof memory === "object" && memory !== null && "bytes" in memory
      ? ", but has bytes: pass memory.bytes"
      : "";
    throw new TypeError(`Cannot ${verb} ${what}: its memory is not a buffer or a view of one${rather}`);
  }
  if (typeof offset !== "number") throw new TypeError(`Cannot ${verb} ${what}: its offset is not a number`);
  // Also false for fractions and NaN.
  if (!(Number.isInteger(offset) && offset >= 0 && offset + size <= bytes.length)) {
    if (bytes.length === 0) alive(bytes.buffer, verb, what);
    throw new RangeError(`Cannot ${verb} ${what}: ${size} bytes at offset ${offset} are not within ${bytes.length}`);
  }
  if (align > 1 && (bytes.byteOffset + offset) % align !== 0) {
    const at = bytes.byteOffset + offset;
    throw new RangeError(`Cannot ${verb} ${what}: offset ${at} of the buffer is not a multiple of ${align}`);
  }
  return bytes;
}

/** The bytes of a buffer, or a TypeError if it is detached. */
function alive(buffer: ArrayBufferLike, verb: string, what: string): Uint8Array {
  try {
    return new Uint8Array(buffer);
  } catch {
    throw closedError(verb, what);
  }
}

/** The error for memory that was there once. */
export function closedError(verb: string, what: string): TypeError {
  return new TypeError(`Cannot ${verb} ${what}: its memory was closed or transferred`);
}

/** Whether the bytes that a view stood on are gone: what has a view takes at least one. */
export function isClosed(block: Block): boolean {
  return block.bytes.length === 0;
}

/** What to throw for what the engine threw: it speaks of a detached buffer, and names neither the field nor a reason. */
export function afterClose(thrown: unknown, block: Block, verb: string, what: string): unknown {
  return isClosed(block) ? closedError(verb, what) : thrown;
}

/** What a console shows for a view of `what` whose memory is gone: to print something is no reason to fail. */
export function closedText(what: string): string {
  return `[${what}: its memory was closed or transferred]`;
}

/** For consoles: what `get` gives, or what it throws as a text, such as an enumeration that holds no name. */
export function shown(get: () => unknown): unknown {
  try {
    return get();
  } catch (thrown) {
    return `[${thrown instanceof Error ? thrown.message : String(thrown)}]`;
  }
}

function isBuffer(value: unknown): value is ArrayBufferLike {
  if (value instanceof ArrayBuffer) return true;
  // By tag, for a buffer of another realm, and since SharedArrayBuffer need not exist.
  const tag = Object.prototype.toString.call(value);
  return tag === "[object SharedArrayBuffer]" || tag === "[object ArrayBuffer]";
}
