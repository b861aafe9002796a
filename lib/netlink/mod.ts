/**
 * The kernel's network objects, asked for through netlink: no program is started and no text is parsed.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { links } from "hawser/netlink";
 *
 * const loopback = links().find((link) => link.flagNames.includes("LOOPBACK"));
 * assert.equal(loopback?.name, "lo");
 * ```
 *
 * @module
 */
export { SystemError } from "../core/mod.ts";
export { type Link, type LinkFlag, links, type LinkState } from "./links.ts";
