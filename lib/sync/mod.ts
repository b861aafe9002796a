/**
 * Waiting for each other, across threads and processes.
 *
 * @module
 */
export { Futex } from "./futex.ts";
export type { FutexWaitSyncOptions } from "./futex.ts";
export { Mutex, mutex, MutexGuard } from "./mutex.ts";
export type { BlockOptions, MutexOptions, MutexOwner, MutexToken } from "./mutex.ts";
export type { WaitOptions } from "../core/mod.ts";
