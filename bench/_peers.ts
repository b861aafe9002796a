// The file locks that the mutex is compared with: two of npm's (bench/peers/package.json), and flock(2) by the
// runtime's own FFI where fs-ext, an addon for V8, can't be loaded.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import process from "node:process";

const packages = createRequire(`${process.cwd()}/bench/peers/package.json`);

/** The parts of proper-lockfile this needs. */
export interface ProperLockfile {
  lockSync(file: string): () => void;
  lock(file: string): Promise<() => Promise<void>>;
}

export function properLockfile(): ProperLockfile {
  return packages("proper-lockfile") as ProperLockfile;
}

/** flock(2), as programs of this runtime call it. */
export interface Flock {
  readonly name: string;
  /** Takes the lock and gives it back. */
  turn(): void;
  /** Whether a second descriptor is refused while the first has the lock. */
  excludes(): boolean;
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** flock(2) on `file`; what has to be built for it goes to `folder`. */
export function flock(runtime: string, file: string, folder: string): Flock {
  const [own, other] = [openSync(file, "r+"), openSync(file, "r+")];
  const by = (name: string, call: (fd: number, flags: number) => number): Flock => ({
    name,
    turn() {
      call(own, LOCK_EX);
      call(own, LOCK_UN);
    },
    excludes() {
      call(own, LOCK_EX);
      const refused = call(other, LOCK_EX | LOCK_NB) !== 0;
      call(own, LOCK_UN);
      return refused && call(other, LOCK_EX | LOCK_NB) === 0 && call(other, LOCK_UN) === 0;
    },
  });
  if (runtime === "deno") {
    const { symbols } = Deno.dlopen("libc.so.6", { flock: { parameters: ["i32", "i32"], result: "i32" } });
    return by("flock(2) by Deno.dlopen", (fd, flags) => symbols.flock(fd, flags));
  }
  if (runtime === "bun") {
    const ffi = process.getBuiltinModule("bun:ffi") as unknown as {
      dlopen(path: string, symbols: object): { symbols: { flock(fd: number, flags: number): number } };
    };
    const { symbols } = ffi.dlopen("libc.so.6", { flock: { args: ["i32", "i32"], returns: "i32" } });
    return by("flock(2) by bun:ffi", (fd, flags) => symbols.flock(fd, flags));
  }
  const { flockSync } = fsExt(folder);
  const checked = by("fs-ext's flockSync", (fd, flags) => {
    try {
      flockSync(fd, flags);
      return 0;
    } catch {
      return -1;
    }
  });
  return {
    ...checked,
    turn() {
      flockSync(own, "ex");
      flockSync(own, "un");
    },
  };
}

/** The package is for one version of Node and is built when installed, by downloads; here by the headers that are there. */
function fsExt(folder: string): { flockSync(fd: number, flags: number | string): void } {
  const node = `${dirname(process.execPath)}/../include/node`;
  if (!existsSync(node)) throw new Error(`Cannot build fs-ext: there is no ${node}`);
  const source = dirname(packages.resolve("fs-ext"));
  const copy = `${folder}/fs-ext`;
  cpSync(source, copy, { recursive: true });
  mkdirSync(`${copy}/build/Release`, { recursive: true });
  const args = ["-O2", "-shared", "-fPIC", "-std=gnu++20", `-I${node}`, `-I${source}/../nan`];
  const names = ["-DNODE_GYP_MODULE_NAME=fs_ext", "-o", `${copy}/build/Release/fs_ext.node`, `${copy}/fs-ext.cc`];
  const built = spawnSync("g++", [...args, ...names], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`Cannot build fs-ext: ${built.error ?? built.stderr}`);
  return createRequire(`${copy}/package.json`)(`${copy}/fs-ext.js`) as ReturnType<typeof fsExt>;
}
