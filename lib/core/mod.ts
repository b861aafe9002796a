/**
 * What every part of hawser shares: its errors.
 *
 * @module
 */
export { errnoName, SystemError } from "./errors.ts";
export { NativeLibraryError } from "../../ffi/errors.ts";
