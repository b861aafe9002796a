/**
 * Descriptors: owned, disposable, close-on-exec.
 *
 * @module
 */
export { SystemError } from "../core/mod.ts";
export { Fd } from "./fd.ts";
export type { FdKind, FdStat, OpenFlag } from "./fd.ts";
