/**
 * What every part of hawser shares: its errors, and how it waits.
 *
 * @module
 */
export { errnoName, SystemError } from "./errors.ts";
export { NativeLibraryError } from "../../ffi/errors.ts";
export type { BlockOptions, WaitOptions } from "./_waiting.ts";
