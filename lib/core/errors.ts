import { errnoNames } from "../../ffi/symbols.ts";

/**
 * A system call, or an operation of hawser's, that was refused. It has the shape of Node's system errors.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { SharedMemory, SystemError } from "hawser";
 *
 * try {
 *   SharedMemory.open("no-such-object");
 *   assert.fail("there is one");
 * } catch (error) {
 *   assert(error instanceof SystemError);
 *   assert.equal(error.code, "ENOENT");
 *   assert.equal(error.errno, -2);
 *   assert.equal(error.syscall, "openat");
 *   assert.equal(error.path, "/no-such-object");
 * }
 * ```
 */
export class SystemError extends Error {
  /** `"SystemError"`, also where several copies of hawser make `instanceof` useless. */
  override readonly name: string = "SystemError";
  /** The name of the error number, which is what to switch on: `"ENOENT"`. */
  readonly code: string;
  /** The error number, negative as the kernel returned it. */
  readonly errno: number;
  /** The man-page name of the call, or hawser's operation where no call was made. */
  readonly syscall: string;
  /** The path that was to be opened, or the name of the object with the slash that shm_open(3) puts before it. */
  readonly path?: string;

  /**
   * Makes the error; hawser throws it, programs only catch it.
   *
   * @param message What could not be done, and the state found.
   * @param details The error number (negative), the call, and the path if there is one.
   */
  constructor(message: string, details: { errno: number; syscall: string; path?: string }) {
    super(message);
    this.errno = details.errno;
    this.code = errnoName(details.errno);
    this.syscall = details.syscall;
    if (details.path !== undefined) this.path = details.path;
  }
}

/**
 * The name of an error number, also of those the runtimes can't name.
 *
 * @param errno The error number; its sign does not matter.
 * @returns The name, or `"E"` and the number where Linux has none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { errnoName } from "hawser/core";
 *
 * assert.equal(errnoName(-130), "EOWNERDEAD");
 * assert.equal(errnoName(43), "EIDRM");
 * ```
 */
export function errnoName(errno: number): string {
  return errnoNames[Math.abs(errno)] ?? `E${Math.abs(errno)}`;
}
