/**
 * Memory that other processes see too: named, anonymous, and files of the file system.
 *
 * @module
 */
export { SystemError } from "../core/mod.ts";
export { Fd } from "../fd/mod.ts";
export { MappedFile } from "./mapped_file.ts";
export type { MappedFileOptions } from "./mapped_file.ts";
export type { WaitOptions } from "../core/mod.ts";
export { SharedMemory } from "./shared_memory.ts";
export type {
  AnonymousOptions,
  CreateOptions,
  FromOptions,
  OpenOptions,
  OpenOrCreateOptions,
  SharedMemoryInfo,
  SharedMemoryToken,
} from "./shared_memory.ts";
