// The door to the native library: finds it, opens it once per JS thread, and refuses one that does not fit.

import { bun } from "./bun.ts";
import { deno } from "./deno.ts";
import { embeddedLibrary } from "./embedded.ts";
import { NativeLibraryError } from "./errors.ts";
import type { Loader, Native } from "./native.ts";
import { node } from "./node.ts";
import { detectPlatform, detectRuntime } from "./runtime.ts";
import { abi } from "./symbols.ts";

const loaders = { bun, deno, node };

/** The loaded library and the copy it came from. */
export interface Loaded extends Native {
  /** `file`: the library beside this module; `embedded`: the copy inside the sources. */
  readonly via: "file" | "embedded";
}

let loaded: Loaded | undefined;

/**
 * The native library, loaded on the first call of this JS thread.
 *
 * @returns The library.
 * @throws {NativeLibraryError} If this platform has none, or a permission is missing, or it does not fit.
 */
export function load(): Loaded {
  return loaded ??= loadWith(loaders[detectRuntime()]);
}

/** Loads the library by a certain loader, from a certain path if one is given. For tests; programs call load(). */
export function loadWith(loader: Loader, path?: string): Loaded {
  const target = checkPlatform(detectPlatform());
  try {
    const native = open(loader, target, path);
    native.core.hawser_attach();
    return native;
  } catch (error) {
    throw explain(error);
  }
}

function open(loader: Loader, target: string, path: string | undefined): Loaded {
  const url = new URL(`./native/${target}/libhawser.so`, import.meta.url);
  if (path !== undefined || url.protocol === "file:") {
    try {
      return { ...check(loader.open(path ?? decodeURIComponent(url.pathname))), via: "file" };
    } catch (error) {
      // Only a file that is missing is a reason to go on; every other failure is an answer.
      if (path !== undefined || !/no such file/i.test((error as Error).message)) throw error;
    }
  }
  const { bytes, name } = embeddedLibrary(target);
  return { ...check(loader.openBytes(bytes, name)), via: "embedded" };
}

function checkPlatform(platform: string): string {
  if (platform === "linux-x86_64" || platform === "linux-aarch64") return platform;
  throw new NativeLibraryError(
    `Cannot load the native library: hawser runs on Linux on x86-64 and aarch64, and this is ${platform}`,
    { code: "ERR_PLATFORM" },
  );
}

/**
 * Calls the first function, which is when some loaders open the file, and compares the hash: a library and a table of
 * different making would call each other's functions with the wrong arguments.
 */
function check(native: Native): Native {
  const { core, loader } = native;
  const hash = core.hawser_abi();
  if (hash === abi) return native;
  throw new NativeLibraryError(
    `Cannot use libhawser.so: its ABI hash is ${hex(hash)} and ffi/symbols.ts has ${hex(abi)} (loaded by ${loader}); ` +
      "install hawser again, or in a checkout run `npm run build`",
    { code: "ERR_ABI" },
  );
}

function hex(hash: unknown): string {
  return typeof hash === "number" ? `0x${hash.toString(16).padStart(8, "0")}` : String(hash);
}

/** Says what to do about the refusals users meet. */
function explain(error: unknown): Error {
  if (error instanceof NativeLibraryError) return error;
  const { name, code, message } = error as Error & { code?: string };
  if (name === "NotCapable" || name === "PermissionDenied") {
    return new NativeLibraryError("Cannot load the native library: run Deno with --allow-ffi, without a path", {
      code: "ERR_PERMISSION",
      cause: error,
    });
  }
  if (code === "ERR_DLOPEN_DISABLED") {
    return new NativeLibraryError("Cannot load the native library: run node --permission with --allow-addons", {
      code: "ERR_PERMISSION",
      cause: error,
    });
  }
  if (code === "ERR_ACCESS_DENIED") {
    const flags = "--allow-addons, --allow-fs-read=* and --allow-fs-write=*";
    return new NativeLibraryError(
      `Cannot load the native library from its embedded copy: run node --permission with ${flags}`,
      { code: "ERR_PERMISSION", cause: error },
    );
  }
  // What dlopen(3) says of a mapping that mmap(2) refuses.
  const noexec = /failed to map segment/.test(message) ? "; its folder may be mounted noexec" : "";
  return new NativeLibraryError(`Cannot load the native library: ${message}${noexec}`, {
    code: "ERR_LOAD",
    cause: error,
  });
}
