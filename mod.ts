/**
 * Typed inter-process communication for Deno, Bun and Node on Linux.
 *
 * Everything here is also exported by family, so that a program loads what it uses: `hawser/memory`, `hawser/layout`,
 * `hawser/sync`, `hawser/fd`, `hawser/socket`, `hawser/netlink`. `hawser/ffi` is the door to libraries of one's own.
 *
 * @module
 */
export * from "./lib/core/mod.ts";
export * from "./lib/fd/mod.ts";
export * from "./lib/memory/mod.ts";
export * from "./lib/layout/mod.ts";
export * from "./lib/sync/mod.ts";
export * from "./lib/socket/mod.ts";
export * from "./lib/netlink/mod.ts";
