/**
 * Waiting for each other, across threads and processes.
 *
 * @module
 */
export { Futex } from "./futex.ts";
export { Mutex, mutex, MutexGuard } from "./mutex.ts";
export type { MutexOptions, MutexOwner, MutexToken } from "./mutex.ts";
export type { BlockOptions, WaitOptions } from "../core/mod.ts";
