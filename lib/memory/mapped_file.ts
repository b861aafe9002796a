import { load } from "../../ffi/load.ts";
import { layouts, options as bits } from "../../ffi/symbols.ts";
import { byteSize, cString, describe, fileMode, filePath, flag, optionsObject } from "../core/_arguments.ts";
import { type Attempt, check } from "../core/_results.ts";
import { wait, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { inspectAs } from "../core/_inspect.ts";
import { readStat } from "../fd/_stat.ts";
import { Mapping, mappings } from "./_mapping.ts";

/**
 * Options of {@linkcode MappedFile.open}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { rmSync } from "node:fs";
 * import { MappedFile, type MappedFileOptions } from "hawser/memory";
 *
 * const table: MappedFileOptions = { create: true, size: 1000 };
 * const path = `/tmp/table-${process.pid}`;
 * using file = MappedFile.open(path, table);
 * assert.equal(file.size, 1000);
 * rmSync(path);
 * ```
 */
export interface MappedFileOptions {
  /**
   * How many bytes to map. A shorter file is grown to it, its new pages reserved, unless it is read-only. The whole
   * file by default.
   */
  readonly size?: number;
  /** Map it so that nothing written here reaches the file. False by default. */
  readonly readonly?: boolean;
  /** Make the file if there is none; `size` must be given. False by default. */
  readonly create?: boolean;
  /** The permission bits of a file that is made, before the umask. 0o600 by default. */
  readonly mode?: number;
}

const { memoryOptions } = bits;

/**
 * A file of the file system as memory, mmap(2): what is written to the bytes is in the file, and in the mappings of
 * every other process.
 *
 * Closing takes the pages away from the buffer first, as with shared memory. A file that somebody else truncates while
 * it is mapped makes the next touch of the missing pages kill the process (SIGBUS): map files of programs you trust.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { mkdtempSync, readFileSync, rmSync } from "node:fs";
 * import { MappedFile } from "hawser/memory";
 *
 * const dir = mkdtempSync("/tmp/mapped-");
 * {
 *   using file = MappedFile.open(`${dir}/counters`, { size: 8, create: true });
 *   new DataView(file.buffer).setUint32(0, 42, true);
 *   file.flushSync();
 * }
 * assert.equal(readFileSync(`${dir}/counters`).readUInt32LE(0), 42);
 * rmSync(dir, { recursive: true });
 * ```
 */
export class MappedFile implements Disposable {
  readonly #mapping: Mapping;
  /** The path it was opened by. */
  readonly path: string;

  private constructor(mapping: Mapping, path: string) {
    if (!(mapping instanceof Mapping)) throw new TypeError("Cannot make a MappedFile by new: use open()");
    this.#mapping = mapping;
    mappings.set(this, mapping);
    this.path = path;
  }

  /**
   * Opens and maps a file.
   *
   * @param file The path, or a file: URL.
   * @param options What differs from the defaults.
   * @returns The mapped file.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If an argument is out of range, or `create` comes without `size`.
   * @throws {SystemError} As open(2) refuses; ENODATA if the file is empty and no size is given; EOVERFLOW if it is
   *   read-only and shorter than `size`; ENOSPC if it can't grow; ENODEV if it is no regular file.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { MappedFile } from "hawser/memory";
   *
   * using file = MappedFile.open("/etc/passwd", { readonly: true });
   * assert(new TextDecoder().decode(file.bytes).includes("root:"));
   * ```
   */
  static open(file: string | URL, options?: MappedFileOptions): MappedFile {
    const path = filePath(file);
    const pathText = cString(path, "path");
    const { size, readonly, create, mode } = optionsObject(options, ["size", "readonly", "create", "mode"]);
    if (flag(create, "create") && size === undefined) throw new RangeError("size must be given with create");
    if (create === true && flag(readonly, "readonly")) throw new RangeError("create and readonly exclude each other");
    const bytes = size === undefined ? 0 : byteSize(size, "size");
    const word = (flag(readonly, "readonly") ? memoryOptions.readonly : 0) |
      (create === true ? memoryOptions.create : 0);

    const record = new Uint8Array(layouts.stat.size);
    const result = load().core.hawser_memory_open_file(
      pathText,
      pathText.length,
      bytes,
      fileMode(mode ?? 0o600),
      word,
      record,
      record.length,
    );
    const mapping = Mapping.of(result, () => {
      const found = readStat(record);
      return {
        what: `map the file ${describe(path)}`,
        operation: "memory_open_file",
        path,
        states: {
          ENODATA: "it is empty",
          EOVERFLOW: `it has ${found.size} bytes, fewer than the ${bytes} asked for`,
          ENODEV: `it is a ${found.kind}`,
          ENOSPC: `there is no room for ${bytes} bytes`,
        },
      };
    });
    return new MappedFile(mapping, path);
  }

  /**
   * The pages of the file.
   *
   * @throws {TypeError} If the file is closed.
   */
  get buffer(): ArrayBuffer {
    return this.#mapping.buffer;
  }

  /**
   * All of {@linkcode MappedFile.buffer} as bytes.
   *
   * @throws {TypeError} If the file is closed.
   */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#mapping.bytes;
  }

  /**
   * How many bytes are mapped.
   *
   * @throws {TypeError} If the file is closed.
   */
  get size(): number {
    return this.#mapping.size;
  }

  /**
   * Whether what is written here stays out of the file.
   *
   * @throws {TypeError} If the file is closed.
   */
  get readonly(): boolean {
    return this.#mapping.readonly;
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#mapping.closed;
  }

  /**
   * Grows the file, its new pages reserved. The buffer is replaced: views of the old one are empty, or throw.
   *
   * @param size The new size in bytes, at least the present one.
   * @throws {TypeError | RangeError | SystemError} As {@linkcode SharedMemory.resize} does.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { rmSync } from "node:fs";
   * import { MappedFile } from "hawser/memory";
   *
   * const path = `/tmp/grown-${process.pid}`;
   * using file = MappedFile.open(path, { size: 10, create: true });
   * file.resize(20);
   * assert.equal(file.size, 20);
   * rmSync(path);
   * ```
   */
  resize(size: number): void {
    this.#mapping.resize(size);
  }

  /**
   * Writes changed pages to the device and waits for it, msync(2). Handlers and timers do not run meanwhile.
   *
   * @throws {TypeError} If the file is closed.
   * @throws {SystemError} EIO, ENOSPC if they could not be written.
   *
   * @example
   * ```ts
   * import { rmSync } from "node:fs";
   * import { MappedFile } from "hawser/memory";
   *
   * const path = `/tmp/flushed-${process.pid}`;
   * using file = MappedFile.open(path, { size: 4096, create: true });
   * file.bytes.fill(1);
   * file.flushSync();
   * rmSync(path);
   * ```
   */
  flushSync(): void {
    const result = load().core.hawser_memory_flush(this.#mapping.handle("flush"));
    check(result, () => this.#flushAttempt());
  }

  /**
   * Writes changed pages to the device without stopping this thread. The file may be closed meanwhile: its pages are
   * written all the same.
   *
   * A flush that is called off goes on where it was; only the wait for it ends.
   *
   * @param options A signal that calls the wait off, and its longest time.
   * @returns A promise that resolves when the pages are on the device.
   * @throws {TypeError} If an option has the wrong type, or the file is closed.
   * @throws {RangeError} If `timeout` is negative.
   * @throws {SystemError} EIO, ENOSPC if they could not be written; ETIMEDOUT after `timeout`; EAGAIN if 64 calls of
   *   this process are waited for already.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { rmSync } from "node:fs";
   * import { MappedFile } from "hawser/memory";
   *
   * const path = `/tmp/flushed-async-${process.pid}`;
   * using file = MappedFile.open(path, { size: 4096, create: true });
   * file.bytes.fill(1);
   * await file.flush({ timeout: 60_000 });
   *
   * await assert.rejects(file.flush({ signal: AbortSignal.abort(new Error("no time")) }), /no time/);
   * rmSync(path);
   * ```
   */
  async flush(options?: WaitOptions): Promise<void> {
    const handle = this.#mapping.handle("flush");
    await wait(
      { start: (core, bell, token) => core.hawser_call_flush(bell, token, handle) },
      () => this.#flushAttempt(),
      optionsObject(options, waitOptionNames),
    );
  }

  #flushAttempt(): Attempt {
    return { what: `flush ${describe(this.path)}`, operation: "memory_flush", path: this.path };
  }

  /** Unmaps the file. What was written stays in it. Closing twice is fine. */
  close(): void {
    this.#mapping.close();
  }

  /** The same as {@linkcode MappedFile.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

inspectAs(
  MappedFile,
  (file) => `MappedFile ${JSON.stringify(file.path)} ${file.closed ? "(closed)" : `(${file.size} bytes)`}`,
);
