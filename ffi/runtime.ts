// Which runtime this is. Only ffi/ asks; what lies above it is the same everywhere.

/** The runtimes hawser runs on. */
export type Runtime = "deno" | "bun" | "node";

/**
 * Tells which runtime runs this code.
 *
 * Deno and Bun come first, since both also answer to the names Node is known by.
 *
 * @returns The runtime's name.
 * @throws {Error} If it is none of the three, in a browser for instance.
 */
export function detectRuntime(): Runtime {
  const names = globalThis as {
    Deno?: { version?: unknown };
    Bun?: unknown;
    process?: { versions?: { node?: string } };
  };
  if (names.Deno?.version !== undefined) return "deno";
  if (names.Bun !== undefined) return "bun";
  if (names.process?.versions?.node !== undefined) return "node";
  throw new Error("Cannot load native code: this is none of Deno, Bun and Node");
}

/**
 * The platform, as in the names of the library's folders.
 *
 * Deno's own words for it, since its `process` takes 12 ms to load.
 *
 * @returns `linux-x86_64`, say; names hawser has no library for are the runtime's.
 */
export function detectPlatform(): string {
  if (detectRuntime() === "deno") return `${Deno.build.os}-${Deno.build.arch}`;
  const cpus: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };
  return `${process.platform}-${cpus[process.arch] ?? process.arch}`;
}
