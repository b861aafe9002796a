// The ending of shared libraries. Hawser runs on Linux; the shim's own code would run elsewhere, and this too.

const { process } = globalThis as { process?: { platform?: string } };

/**
 * The file ending of shared libraries here, without the dot: `so` on Linux.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { suffix } from "hawser/ffi";
 *
 * assert.match(suffix, /^(so|dylib|dll)$/);
 * ```
 */
export const suffix: string = process?.platform === "darwin" ? "dylib" : process?.platform === "win32" ? "dll" : "so";
