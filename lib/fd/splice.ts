import { optionsObject } from "../core/_arguments.ts";
import { type BlockOptions, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { moveBlocking, moveWhenReady, moving, tryMove } from "./_move.ts";
import type { Fd } from "./fd.ts";

/**
 * Options of {@linkcode splice} and {@linkcode tee}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, splice, type SpliceOptions } from "hawser/fd";
 *
 * const two: SpliceOptions = { count: 2, timeout: 1000 };
 * using a = pipe();
 * using b = pipe();
 * a.writer.writeSync(new Uint8Array(5));
 * assert.equal(await splice(a.reader, b.writer, two), 2);
 * ```
 */
export interface SpliceOptions extends WaitOptions {
  /** The most bytes. A mebibyte by default. */
  readonly count?: number | undefined;
}

/**
 * Options of {@linkcode spliceSync} and {@linkcode teeSync}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, spliceSync, type SpliceSyncOptions } from "hawser/fd";
 *
 * const briefly: SpliceSyncOptions = { timeout: 1 };
 * using a = pipe();
 * using b = pipe();
 * assert.throws(() => spliceSync(a.reader, b.writer, briefly), { code: "ETIMEDOUT" });
 * ```
 */
export interface SpliceSyncOptions extends BlockOptions {
  /** The most bytes. A mebibyte by default. */
  readonly count?: number | undefined;
}

/**
 * Moves bytes from one descriptor to another without copying them to this program, splice(2), as soon as there are some and
 * room for them. One of the two must be a pipe or FIFO. {@linkcode pump} does so until the end.
 *
 * @param from Where they come from.
 * @param to Where they go: a pipe, a file, or what is O_NONBLOCK.
 * @param options How many at most, how long to wait, and who may call it off.
 * @returns How many were moved; zero at the end.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {SystemError} EINVAL if neither is a pipe or one can't do it; EPIPE if nobody reads `to`; ETIMEDOUT if the time is
 *   up; ECANCELED if one was closed meanwhile; EBADF.
 * @throws The signal's reason, if it was aborted before anything was moved.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd, pipe, splice } from "hawser/fd";
 *
 * using ends = pipe();
 * using file = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
 * ends.writer.writeSync(new TextEncoder().encode("hello"));
 * assert.equal(await splice(ends.reader, file), 5);
 * assert.equal(file.stat().size, 5);
 * ```
 */
export async function splice(from: Fd, to: Fd, options?: SpliceOptions): Promise<number> {
  const { count, ...waiting } = optionsObject(options, ["count", ...waitOptionNames]);
  return await moveWhenReady(moving("splice", from, to, count), waiting);
}

/**
 * Moves bytes from one descriptor to another, splice(2), and blocks the thread until there are some and room for them.
 *
 * @param from Where they come from.
 * @param to Where they go: a pipe, a file, or what is O_NONBLOCK.
 * @param options How many at most, how long to wait, and whether signals end it.
 * @returns How many were moved; zero at the end.
 * @throws {TypeError | SystemError} As {@linkcode splice} does; EINTR if a signal arrived and `interruptible` says so.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, spliceSync } from "hawser/fd";
 *
 * using a = pipe();
 * using b = pipe();
 * a.writer.writeSync(new Uint8Array(5));
 * assert.equal(spliceSync(a.reader, b.writer), 5);
 * ```
 */
export function spliceSync(from: Fd, to: Fd, options?: SpliceSyncOptions): number {
  const { count, ...waiting } = optionsObject(options, ["count", "timeout", "interruptible"]);
  return moveBlocking(moving("splice", from, to, count), waiting);
}

/**
 * Moves bytes from one descriptor to another, splice(2), if there are some and room for them.
 *
 * @param from Where they come from.
 * @param to Where they go: a pipe, a file, or what is O_NONBLOCK.
 * @param count The most bytes.
 * @returns How many were moved, zero at the end; null where it would have to wait.
 * @throws {TypeError | SystemError} As {@linkcode splice} does.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, trySplice } from "hawser/fd";
 *
 * using a = pipe();
 * using b = pipe();
 * assert.equal(trySplice(a.reader, b.writer), null);
 * ```
 */
export function trySplice(from: Fd, to: Fd, count?: number): number | null {
  return tryMove(moving("splice", from, to, count));
}

/**
 * Copies bytes from one pipe to another and leaves them in the first, tee(2), as soon as there are some and room for them.
 *
 * Only what is in the pipe can be copied: before the next call read or {@linkcode splice} as much away.
 *
 * @param from The pipe they stay in.
 * @param to The pipe they go to.
 * @param options How many at most, how long to wait, and who may call it off.
 * @returns How many were copied; zero at the end.
 * @throws {TypeError} If an argument has the wrong type, or a descriptor is closed.
 * @throws {SystemError} EINVAL if one is no pipe, or both are the same; EPIPE if nobody reads `to`; ETIMEDOUT if the time is
 *   up; ECANCELED if one was closed meanwhile.
 * @throws The signal's reason, if it was aborted before anything was copied.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, splice, tee } from "hawser/fd";
 *
 * using input = pipe();
 * using log = pipe();
 * using output = pipe();
 * input.writer.writeSync(new TextEncoder().encode("both"));
 * const count = await tee(input.reader, log.writer);
 * assert.equal(await splice(input.reader, output.writer, { count }), 4);
 * assert.equal(log.reader.tryRead(new Uint8Array(9)), 4);
 * ```
 */
export async function tee(from: Fd, to: Fd, options?: SpliceOptions): Promise<number> {
  const { count, ...waiting } = optionsObject(options, ["count", ...waitOptionNames]);
  return await moveWhenReady(moving("tee", from, to, count), waiting);
}

/**
 * Copies bytes from one pipe to another, tee(2), and blocks the thread until there are some and room for them.
 *
 * @param from The pipe they stay in.
 * @param to The pipe they go to.
 * @param options How many at most, how long to wait, and whether signals end it.
 * @returns How many were copied; zero at the end.
 * @throws {TypeError | SystemError} As {@linkcode tee} does; EINTR if a signal arrived and `interruptible` says so.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, teeSync } from "hawser/fd";
 *
 * using a = pipe();
 * using b = pipe();
 * a.writer.writeSync(new Uint8Array(5));
 * assert.equal(teeSync(a.reader, b.writer, { count: 3 }), 3);
 * ```
 */
export function teeSync(from: Fd, to: Fd, options?: SpliceSyncOptions): number {
  const { count, ...waiting } = optionsObject(options, ["count", "timeout", "interruptible"]);
  return moveBlocking(moving("tee", from, to, count), waiting);
}

/**
 * Copies bytes from one pipe to another, tee(2), if there are some and room for them.
 *
 * @param from The pipe they stay in.
 * @param to The pipe they go to.
 * @param count The most bytes.
 * @returns How many were copied, zero at the end; null where it would have to wait.
 * @throws {TypeError | SystemError} As {@linkcode tee} does.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pipe, tryTee } from "hawser/fd";
 *
 * using a = pipe();
 * using b = pipe();
 * assert.equal(tryTee(a.reader, b.writer), null);
 * ```
 */
export function tryTee(from: Fd, to: Fd, count?: number): number | null {
  return tryMove(moving("tee", from, to, count));
}
