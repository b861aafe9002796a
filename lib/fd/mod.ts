/**
 * Descriptors: owned, disposable, close-on-exec.
 *
 * @module
 */
export { Fd } from "./fd.ts";
export type { FdKind, FdStat, OpenFlag } from "./fd.ts";
