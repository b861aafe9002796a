// JavaScript functions that C calls. They never throw into C: what they throw is kept and thrown by the call into C
// that they ran under, once that is back.
import { native } from "./choose.ts";
import { explain } from "./native.ts";
import { checkSignature } from "./signature.ts";
import { type FFIFunction, FFIType, type Pointer } from "./types.ts";
import { decoderOf, encoderOf, zeroOf } from "./values.ts";

/** What a callback threw while C was running. */
export const failure: { thrown: { error: unknown } | undefined } = { thrown: undefined };

/** How many callbacks are running, one inside the other. */
export const running: { count: number } = { count: 0 };

/** Throws what a callback threw under the call that just came back. */
export function rethrow(): never {
  const { error } = failure.thrown!;
  failure.thrown = undefined;
  throw error;
}

/** Keeps what a callback threw. */
function keep(error: unknown): void {
  const thrown = { error };
  failure.thrown = thrown;
  // Where no call of the shim is under way (another library drives the callback), nobody would throw it: then it is
  // an uncaught error of this turn.
  queueMicrotask(() => {
    if (failure.thrown === thrown) rethrow();
  });
}

/**
 * A JavaScript function as a function pointer.
 *
 * C may call it until {@linkcode close}, on the thread that made it. An error it throws, or a result that does not fit
 * its type, ends in zero for C, and the call that led there throws it; further calls of callbacks on the way back
 * are answered with zero at once.
 *
 * With `threadsafe: true` other threads may call it too, on Bun and Deno, and it returns void. On Deno the calling
 * thread waits until the function has run, with the promises it settled; on Bun it goes on. So join a thread from a
 * later task, never from what such a function resolves.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { dlopen, JSCallback, ptr, read } from "hawser/ffi";
 *
 * using libc = dlopen("libc.so.6", { qsort: { args: ["ptr", "usize", "usize", "function"] } });
 * using ascending = new JSCallback((a, b) => read.i32(a) - read.i32(b), {
 *   args: ["ptr", "ptr"],
 *   returns: "i32",
 * });
 * const numbers = new Int32Array([3, 1, 2]);
 * libc.symbols.qsort(ptr(numbers), 3, 4, ascending);
 * assert.deepEqual([...numbers], [1, 2, 3]);
 * ```
 */
export class JSCallback implements Disposable {
  /** Whether other threads may call it. */
  readonly threadsafe: boolean;
  #ptr: Pointer | null;
  #close: (running: boolean) => void;
  #running = 0;

  /**
   * Makes a function pointer.
   *
   * @param callback The function; it gets and gives what `definition` says.
   * @param definition Its signature, as C sees it.
   * @throws {TypeError} If an argument is not what it should be.
   * @throws {Error} If the runtime cannot make it.
   */
  // As bun:ffi types it, so that a callback may name narrower parameters than C's type promises.
  // deno-lint-ignore no-explicit-any
  constructor(callback: (...args: any[]) => any, definition: FFIFunction) {
    const what = "Cannot make a callback";
    if (typeof callback !== "function") throw new TypeError(`${what}: a function is wanted, not ${typeof callback}`);
    const signature = checkSignature("callback", definition, what);
    const threadsafe = definition.threadsafe ?? false;
    if (typeof threadsafe !== "boolean") throw new TypeError(`${what}: threadsafe must be true or false`);
    const { args, returns } = signature;
    if (threadsafe && returns !== FFIType.void) {
      throw new TypeError(`${what}: a threadsafe one must return void, since its caller may not wait`);
    }
    if (args.some((type) => type === FFIType.buffer || type === FFIType.buffer_length)) {
      throw new TypeError(`${what}: C gives no buffers, take a ptr`);
    }
    const runtime = native();
    const decoders = args.map((type) => decoderOf(type) ?? ((wire: unknown) => wire));
    // What a callback returns must outlive it in any case, so there is no call to hold it for.
    const encode = returns === FFIType.void
      ? undefined
      : encoderOf(returns, "Cannot return from a callback: the result", runtime, () => {});
    const zero = zeroOf(returns, runtime);
    const run = (...wires: unknown[]) => {
      if (failure.thrown !== undefined) return zero;
      this.#running++;
      running.count++;
      try {
        const result = callback(...wires.map((wire, index) => decoders[index]!(wire)));
        return encode === undefined ? undefined : encode(result);
      } catch (error) {
        keep(error);
        return zero;
      } finally {
        this.#running--;
        running.count--;
      }
    };
    try {
      const { address, close } = runtime.callback(signature, run, threadsafe);
      this.#ptr = Number(address) as Pointer;
      this.#close = close;
    } catch (error) {
      throw explain(error, what);
    }
    this.threadsafe = threadsafe;
  }

  /** The address that C calls, null once closed. */
  get ptr(): Pointer | null {
    return this.#ptr;
  }

  /** Gives the function pointer up; C must not call it any more. Closing twice is fine. */
  close(): void {
    if (this.#ptr === null) return;
    this.#ptr = null;
    this.#close(this.#running > 0);
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
