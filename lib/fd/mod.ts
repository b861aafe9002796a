/**
 * Descriptors: owned, disposable, close-on-exec.
 *
 * @module
 */
export { SystemError } from "../core/mod.ts";
export type { BlockOptions, WaitOptions } from "../core/mod.ts";
export { Fd } from "./fd.ts";
export type {
  Buffers,
  FdFlagChanges,
  FdFlags,
  FdKind,
  FdStat,
  OpenFd,
  OpenFlag,
  TransferOptions,
  TransferSyncOptions,
  Whence,
} from "./types.ts";
export { copyFileRange, sendfile } from "./copy.ts";
export type { CopyFileRangeOptions, SendfileOptions } from "./copy.ts";
export { Fifo } from "./fifo.ts";
export type { FifoAccess, FifoOpenOptions, FifoOpenSyncOptions, FifoOptions, FifoPlace } from "./fifo.ts";
export { pipe, pipeCapacity } from "./pipe.ts";
export type { Pipe, PipeOptions } from "./pipe.ts";
export { pump } from "./pump.ts";
export type { PumpOptions } from "./pump.ts";
export { splice, spliceSync, tee, teeSync, trySplice, tryTee } from "./splice.ts";
export type { SpliceOptions, SpliceSyncOptions } from "./splice.ts";
export { poll, pollSync, ready } from "./poll.ts";
export type { PollRequest, PollResult, Readiness, Ready } from "./poll.ts";
export { EventFd } from "./eventfd.ts";
export type { EventFdOptions } from "./eventfd.ts";
export { PidFd } from "./pidfd.ts";
export { Child, spawn } from "./spawn.ts";
export type { SpawnOptions, Stdio } from "./spawn.ts";
export { pipeline, run } from "./run.ts";
export type { Command, RunOptions, RunResult } from "./run.ts";
export { Coprocess, coprocess } from "./coprocess.ts";
export type { CoprocessOptions } from "./coprocess.ts";
export type { ExitStatus, SignalName } from "./signals.ts";
