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
