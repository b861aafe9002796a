/**
 * Descriptors: owned, disposable, close-on-exec.
 *
 * @module
 */
export { SystemError } from "../core/mod.ts";
export type { BlockOptions, WaitOptions } from "../core/mod.ts";
export { Fd } from "./fd.ts";
export type { FdKind, FdStat, OpenFlag, TransferOptions, TransferSyncOptions } from "./fd.ts";
export { pipe, pipeCapacity } from "./pipe.ts";
export type { Pipe, PipeOptions } from "./pipe.ts";
export { poll, pollSync, ready } from "./poll.ts";
export type { PollRequest, PollResult, Readiness, Ready } from "./poll.ts";
