// What shared memory and mapped files have in common: a handle of the library's, and the buffer over its pages.

import { NativeLibraryError } from "../../ffi/errors.ts";
import { load } from "../../ffi/load.ts";
import { byteSize } from "../core/_arguments.ts";
import { type Attempt, check, failure } from "../core/_results.ts";

/**
 * One mapping. Its buffer is the pages themselves; it loses them before they are unmapped, so a view that was kept is
 * empty, or throws, and never faults.
 */
export class Mapping {
  #handle: number;
  #buffer: ArrayBuffer;
  #bytes: Uint8Array<ArrayBuffer>;

  /** Takes over `handle`. What was made with it is undone by `undo` where the runtime has no buffer for it. */
  constructor(handle: number, undo?: (handle: number) => void) {
    this.#handle = handle;
    try {
      this.#bytes = this.#view();
    } catch (error) {
      undo?.(handle);
      load().core.hawser_memory_close(handle, 0);
      if (error instanceof NativeLibraryError) throw error;
      throw new RangeError(`Cannot map memory: ${largest}`, { cause: error });
    }
    this.#buffer = this.#bytes.buffer;
  }

  /** Maps by a result of the library's, which is a handle or a failure. */
  static of(result: number, attempt: () => Attempt, undo?: (handle: number) => void): Mapping {
    return new Mapping(check(result, attempt), undo);
  }

  get closed(): boolean {
    return this.#handle < 0;
  }

  get buffer(): ArrayBuffer {
    this.handle("use");
    return this.#buffer;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    this.handle("use");
    return this.#bytes;
  }

  get size(): number {
    return load().core.hawser_memory_size(this.handle("use"));
  }

  get readonly(): boolean {
    return load().core.hawser_memory_readonly(this.handle("use")) === 1;
  }

  /** The handle unchecked, negative when closed: for calls that are made often, which the library refuses then. */
  get handleOrClosed(): number {
    return this.#handle;
  }

  /** The handle, or a TypeError that says what can't be done any more. */
  handle(verb: string): number {
    if (this.#handle < 0) refuse(verb);
    return this.#handle;
  }

  resize(size: number): void {
    const handle = this.handle("resize");
    byteSize(size, "size");
    if (size < this.size) {
      throw new RangeError(`size must not be less than the ${this.size} bytes there are: got ${size}`);
    }
    const attempt = { what: `grow memory to ${size} bytes`, operation: "memory_resize" };
    // Moving the pages would pull them from under whoever has the buffer now.
    if (this.#moved()) {
      throw failure(-EBUSY, { ...attempt, states: { EBUSY: "its buffer was transferred to somebody else" } });
    }
    // What is grown can't be made smaller again, so ask the runtime first. Nobody touches this view.
    if (size > view_sure) {
      try {
        this.#view(size);
      } catch (error) {
        if (error instanceof NativeLibraryError) throw error;
        throw failure(-ENOMEM, { ...attempt, states: { ENOMEM: largest } });
      }
    }
    const { core, pins } = load();
    if (core.hawser_memory_locks(handle) > 0) throw failure(-EBUSY, { ...attempt, states: locked });
    // Where a buffer may be pinned it goes first: the pages may move, and must not under whoever works on them.
    if (pins && !this.#detached()) {
      throw failure(-EBUSY, { ...attempt, states: { EBUSY: "a call of the runtime's still works on its buffer" } });
    }
    const result = core.hawser_memory_resize(handle, size);
    if (result >= 0 && !pins) load().detach(this.#buffer);
    if (result >= 0 || pins) {
      this.#bytes = this.#view();
      this.#buffer = this.#bytes.buffer;
    }
    check(result, () => attempt);
  }

  /** Refuses to be closed while this thread holds a lock here: nobody could give it back. */
  refuseLocked(): void {
    if (this.#handle < 0 || load().core.hawser_memory_locks(this.#handle) === 0) return;
    throw failure(-EBUSY, { what: "close memory", operation: "memory_close", states: locked });
  }

  close(): void {
    if (this.#handle < 0) return;
    this.refuseLocked();
    const handle = this.#handle;
    this.#handle = -1;
    // Who has the buffer keeps its addresses, and finds zeros there: its new owner, or a call of the runtime's.
    const keep = this.#moved() || !this.#detached();
    check(load().core.hawser_memory_close(handle, Number(keep)), () => ({
      what: "close memory",
      operation: "memory_close",
    }));
  }

  /** Takes the pages away from the buffer. False where it is pinned, and keeps them. */
  #detached(): boolean {
    try {
      load().detach(this.#buffer);
    } catch {
      // Too large to be copied, which is what Bun does with a pinned buffer instead.
    }
    return this.#buffer.byteLength === 0;
  }

  /** Whether the user moved the buffer away: transfer(), structuredClone() or postMessage() with a transfer list. */
  #moved(): boolean {
    return this.#buffer.byteLength === 0;
  }

  #view(size: number = load().core.hawser_memory_size(this.#handle)): Uint8Array<ArrayBuffer> {
    const { core, view } = load();
    const bytes = new Uint8Array(view(core.hawser_memory_address(this.#handle), size));
    mappingsByBuffer.set(bytes.buffer, this);
    return bytes;
  }
}

/** Apart, so that handle() is short enough for compilers to put it where it is called. */
function refuse(verb: string): never {
  throw new TypeError(`Cannot ${verb} the memory: it is closed`);
}

const ENOMEM = 12;
const EBUSY = 16;
const locked = { EBUSY: "this thread holds a lock in it" };

/** Every runtime has buffers of this size; Bun and Node 20 have none above 4 GiB. */
const view_sure = 2 ** 31;
const largest = "it is larger than this runtime's largest ArrayBuffer";

/** The mapping behind a public object, for what waits on words in it. */
export const mappings: WeakMap<object, Mapping> = new WeakMap();

/** The mapping whose pages a buffer is, for objects that live in records. */
export const mappingsByBuffer: WeakMap<ArrayBufferLike, Mapping> = new WeakMap();
