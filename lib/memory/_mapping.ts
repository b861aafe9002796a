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
      this.#buffer = this.#view();
    } catch (error) {
      undo?.(handle);
      load().core.hawser_memory_close(handle, 0);
      if (error instanceof NativeLibraryError) throw error;
      throw new RangeError("Cannot map memory: it is larger than this runtime's largest ArrayBuffer", { cause: error });
    }
    this.#bytes = new Uint8Array(this.#buffer);
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

  /** The handle, or a TypeError that says what can't be done any more. */
  handle(verb: string): number {
    if (this.#handle < 0) throw new TypeError(`Cannot ${verb} the memory: it is closed`);
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
    check(load().core.hawser_memory_resize(handle, size), () => attempt);
    load().detach(this.#buffer);
    this.#buffer = this.#view();
    this.#bytes = new Uint8Array(this.#buffer);
  }

  close(): void {
    if (this.#handle < 0) return;
    const handle = this.#handle;
    this.#handle = -1;
    const moved = this.#moved();
    if (!moved) load().detach(this.#buffer);
    check(load().core.hawser_memory_close(handle, Number(moved)), () => ({
      what: "close memory",
      operation: "memory_close",
    }));
  }

  /** Whether the user moved the buffer away: transfer(), structuredClone() or postMessage() with a transfer list. */
  #moved(): boolean {
    return this.#buffer.byteLength === 0;
  }

  #view(): ArrayBuffer {
    const { core, view } = load();
    return view(core.hawser_memory_address(this.#handle), core.hawser_memory_size(this.#handle));
  }
}

const EBUSY = 16;

/** The mapping behind a public object, for what waits on words in it. */
export const mappings: WeakMap<object, Mapping> = new WeakMap();
