import { adoptByNet } from "./door.ts";
import { type Loader, type Native, quickened } from "./native.ts";
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
  const { view, detach } = addon;
  return { core: quickened(addon), loader: "Node-API", view, detach, pins: false, adopt: adoptByNet };
}

/**
 * Opens the library from a private file that is gone again when this returns. A descriptor of it stays open, so that
 * later Workers of this process load the same file and not one each: a copy by the library's own hand, since Node closes
 * what a Worker opened when the Worker ends.
 */
function openBytes(bytes: Uint8Array, name: string): Native {
  const { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } = process.getBuiltinModule("node:fs");
  const temporary = process.getBuiltinModule("node:os").tmpdir();
  // One Worker makes the file, by the name of its folder; the others wait. Whoever waits in vain (the name is taken by
  // another user, or left behind) makes one all the same.
  let folder: string | undefined = `${temporary}/hawser-${process.pid}-${name.slice(-16)}`;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let rounds = 0;; rounds++) {
    const found = find(bytes, name);
    if (found !== undefined) return open(found);
    try {
      if (rounds < 200) mkdirSync(folder, { mode: 0o700 });
      else folder = mkdtempSync(`${temporary}/hawser-`);
      break;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
  try {
    const found = find(bytes, name); // Made and published between the search and the folder.
    if (found !== undefined) return open(found);
    writeFileSync(`${folder}/${name}.so`, bytes, { mode: 0o600 });
    const fd = openSync(`${folder}/${name}.so`, "r");
    try {
      // By its own path: dlopen() remembers that, and the number of `fd` will be another file's.
      const native = open(`${folder}/${name}.so`);
      native.core.hawser_fd_dup(fd, published);
      return native;
    } finally {
      closeSync(fd);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Descriptors that stay are put at this number and above. */
const published = 512;

/** The path of the file another Worker made. */
function find(bytes: Uint8Array, name: string): string | undefined {
  const { readdirSync, readFileSync, readlinkSync } = process.getBuiltinModule("node:fs");
  const own = `/${name}.so (deleted)`;
  let fds: string[];
  try {
    fds = readdirSync("/proc/self/fd");
  } catch {
    return undefined; // Without /proc each Worker makes its own.
  }
  for (const fd of fds) {
    // Below are those that come and go: its maker's own, and those of Workers that are comparing the bytes.
    if (Number(fd) < published) continue;
    const path = `/proc/self/fd/${fd}`;
    try {
      if (readlinkSync(path).endsWith(own) && readFileSync(path).equals(bytes)) return path;
    } catch {
      // Closed since the listing, as the listing's own descriptor is.
    }
  }
  return undefined;
}

/** Opens the library as a Node-API addon: the fastest way in Node, and the same in every version. */
export const node: Loader = { open, openBytes };
