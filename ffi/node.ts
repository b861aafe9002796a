import type { Loader, Native } from "./native.ts";
import type { Core } from "./symbols.ts";

/** The library as an addon: its functions, and what other runtimes have of their own. */
interface Addon extends Core {
  view(address: number, bytes: number): ArrayBuffer;
  detach(buffer: ArrayBuffer): void;
}

function open(path: string): Native {
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, path);
  const addon = module.exports as Addon;
  return { core: addon, loader: "Node-API", view: addon.view, detach: addon.detach };
}

/**
 * Opens the library from a private file that is gone again when this returns; its descriptor stays open, so that later
 * Workers of this process load the same file and not one each.
 */
function openBytes(bytes: Uint8Array, name: string): Native {
  const { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } = process
    .getBuiltinModule("node:fs");
  const own = `/${name}.so (deleted)`;
  for (const fd of readdirSync("/proc/self/fd")) {
    const path = `/proc/self/fd/${fd}`;
    try {
      if (readlinkSync(path).endsWith(own) && readFileSync(path).equals(bytes)) return open(path);
    } catch {
      // Closed since the listing, as the listing's own descriptor is.
    }
  }
  const dir = mkdtempSync(`${process.getBuiltinModule("node:os").tmpdir()}/hawser-`);
  try {
    writeFileSync(`${dir}/${name}.so`, bytes, { mode: 0o600 });
    const fd = openSync(`${dir}/${name}.so`, "r");
    try {
      return open(`/proc/self/fd/${fd}`);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Opens the library as a Node-API addon: the fastest way in Node, and the same in every version. */
export const node: Loader = { open, openBytes };
