// Builds what is generated: the libraries (ffi/native/), their base64 modules for imports from a URL (ffi/embedded/),
// the table of the C ABI (ffi/symbols.ts), and dist/. The first is not committed, the next two are, and with --check
// nothing is written: a committed file that differs from a fresh build is named and fails the run.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bin, root } from "./bins.mjs";

export const targets = ["linux-x86_64", "linux-aarch64"];

function run(command, args, options = {}) {
  const { status, error, stdout } = spawnSync(command, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command.split("/").at(-1)} ${args.join(" ")}: exit ${status}`);
  return stdout;
}

/** The generated files that are committed, by path, as the Zig sources of this checkout make them. */
function generated() {
  const files = new Map([["ffi/symbols.ts", run(`${root}zig/zig-out/bin/bindings`, [])]]);
  for (const target of targets) {
    const library = readFileSync(`${root}zig/zig-out/${target}/libhawser.so`);
    const sha256 = createHash("sha256").update(library).digest("hex");
    const lines = [
      "// Written by tools/build.mjs from the Zig sources. Do not edit: `npm run build`.",
      "// deno-fmt-ignore-file",
      "",
      "/** SHA-256 of the library, in hexadecimal digits. */",
      `export const sha256: string = "${sha256}";`,
      "/** The library, in base64. */",
      `export const data: string = "${library.toString("base64")}";`,
      "",
    ];
    files.set(`ffi/embedded/${target}.ts`, Buffer.from(lines.join("\n")));
  }
  return files;
}

/** Builds the libraries and the table; with `check`, returns the committed files that are stale instead of writing. */
export function buildNative({ check = false } = {}) {
  run(bin("zig"), ["build"], { cwd: `${root}zig` });
  const stale = [];
  for (const [path, bytes] of generated()) {
    let old;
    try {
      old = readFileSync(root + path);
    } catch {
      old = undefined;
    }
    if (old?.equals(bytes)) continue;
    stale.push(path);
    if (!check) {
      mkdirSync(`${root}ffi/embedded`, { recursive: true });
      writeFileSync(root + path, bytes);
    }
  }
  for (const target of targets) {
    mkdirSync(`${root}ffi/native/${target}`, { recursive: true });
    // A new file, not new bytes in the old one: a running process may have the old one mapped.
    const path = `${root}ffi/native/${target}/libhawser.so`;
    rmSync(path, { force: true });
    cpSync(`${root}zig/zig-out/${target}/libhawser.so`, path);
  }
  return stale;
}

/**
 * Makes dist/: the JavaScript of each entry, bundled, since Bun takes 0.3 ms for every module and a family has 25; the
 * types one file each; the libraries beside the chunk that loads them. Aside first, then in place of the old.
 */
export async function buildDist() {
  const fresh = `${root}.work/dist-${process.pid}`;
  try {
    run(process.execPath, [
      `${root}node_modules/typescript/bin/tsc`,
      ...["-p", `${root}tsconfig.build.json`, "--emitDeclarationOnly", "--outDir", fresh],
    ], { stdio: ["ignore", 2, 2] });
    // Here, because set-up may only just have installed it.
    const { rolldown } = await import("rolldown");
    const { exports } = JSON.parse(readFileSync(`${root}deno.json`, "utf8"));
    const entries = Object.values(exports).map((path) => path.replace(/^\.\/|\.ts$/g, ""));
    const bundle = await rolldown({
      cwd: root,
      input: Object.fromEntries(entries.map((entry) => [entry, `${entry}.ts`])),
      platform: "neutral",
    });
    // Chunks go to ffi/, so that the loader's `./native/` is right in them too.
    await bundle.write({ dir: fresh, entryFileNames: "[name].js", chunkFileNames: "ffi/[name]-[hash].js" });
    await bundle.close();
    cpSync(`${root}ffi/native`, `${fresh}/ffi/native`, { recursive: true });
    rmSync(`${root}dist`, { recursive: true, force: true });
    renameSync(fresh, `${root}dist`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes("--check");
  const stale = buildNative({ check });
  for (const path of stale) console.error(check ? `stale: ${path} (run: npm run build)` : `wrote ${path}`);
  if (check) process.exit(stale.length === 0 ? 0 : 1);
  await buildDist();
}
