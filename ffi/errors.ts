/**
 * The native library can't be used here: another platform, a permission that is missing, or a library that does not
 * fit this version. The message says what to do.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { NativeLibraryError } from "hawser";
 *
 * const error = new NativeLibraryError("Cannot load the native library: hawser runs on Linux", { code: "ERR_PLATFORM" });
 * assert.equal(error.code, "ERR_PLATFORM");
 * ```
 */
export class NativeLibraryError extends Error {
  /** `"NativeLibraryError"`, also where several copies of hawser make `instanceof` useless. */
  override readonly name: string = "NativeLibraryError";
  /** What kind of trouble: the platform, a permission, the ABI, damaged bytes, or anything else the loader met. */
  readonly code: "ERR_PLATFORM" | "ERR_PERMISSION" | "ERR_ABI" | "ERR_HASH" | "ERR_LOAD";

  /**
   * Makes the error; hawser throws it, programs only catch it.
   *
   * @param message What can't be done, and what to do about it.
   * @param options The kind of trouble, and the runtime's own error where there is one.
   */
  constructor(message: string, options: { code: NativeLibraryError["code"]; cause?: unknown }) {
    super(message, options);
    this.code = options.code;
  }
}
