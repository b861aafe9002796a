// The libraries as files: what they ask of a machine, and that the committed copies are what the sources make.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import * as aarch64 from "../../ffi/embedded/linux-aarch64.ts";
import * as x86_64 from "../../ffi/embedded/linux-x86_64.ts";
import { signatures } from "../../ffi/symbols.ts";
import { bin, root, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { tmpdir } from "../support/watchdog.ts";

const libraries = {
  "linux-x86_64": { machine: "Advanced Micro Devices X86-64", embedded: x86_64 },
  "linux-aarch64": { machine: "AArch64", embedded: aarch64 },
};
const path = (target: string) => `${root}ffi/native/${target}/libhawser.so`;
const readelf = (...args: string[]) => execFileSync("readelf", ["-W", ...args], { encoding: "utf8" });

for (const [target, { machine, embedded }] of Object.entries(libraries)) {
  describe(target, () => {
    test("is for that CPU, and at most 150 KB", (context) => {
      needs(context, "readelf");
      const header = readelf("-h", path(target));
      expect(header).toMatch(new RegExp(`Machine:\\s+${machine}`));
      expect(header).toMatch(/Class:\s+ELF64/);
      expect(header).toMatch(/Type:\s+DYN/);
      expect(readFileSync(path(target)).length).toBeLessThanOrEqual(150_000);
    });

    test("needs no other library, is never unloaded, and binds lazily", (context) => {
      needs(context, "readelf");
      const dynamic = readelf("-d", path(target));
      expect(dynamic).not.toMatch(/\(NEEDED\)|\(RPATH\)|\(RUNPATH\)|TEXTREL/);
      expect(dynamic).toMatch(/NODELETE/);
      expect(dynamic).not.toMatch(/BIND_NOW|FLAGS_1.*\bNOW\b/);
      expect(dynamic).toMatch(/SONAME.*libhawser\.so/);
      const segments = readelf("-l", path(target));
      expect(segments).not.toMatch(/INTERP/);
      expect(segments).not.toMatch(/^\s+TLS /m); // Runtimes' threads have no room for ours.
      expect(segments).toMatch(/GNU_STACK.*RW /); // Not executable.
      expect(segments).not.toMatch(/RWE/);
    });

    test("leaves nothing undefined but napi_*, and exports the table's functions and Node's two", (context) => {
      needs(context, "readelf");
      const rows = readelf("--dyn-syms", path(target)).split("\n").map((line) => line.trim().split(/\s+/))
        .filter((row) => row.length >= 8 && row[0] !== "Num:");
      const names = (wanted: boolean) =>
        rows.filter((row) => (row[6] === "UND") === wanted).map((row) => row[7]!).sort();
      expect(names(true).filter((name) => !name.startsWith("napi_"))).toEqual([]);
      const node = ["napi_register_module_v1", "node_api_module_get_api_version_v1"];
      expect(names(false)).toEqual([...Object.keys(signatures), ...node].sort());
    });

    test("is what the sources embed", () => {
      const library = readFileSync(path(target));
      expect(createHash("sha256").update(library).digest("hex")).toBe(embedded.sha256);
      expect(library.toString("base64") === embedded.data).toBe(true);
    });
  });
}

test("a build in another folder, with nothing cached, makes the committed files byte for byte", async () => {
  using folder = tmpdir();
  const sources = execFileSync("git", ["ls-files", "zig"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  for (const source of sources) {
    mkdirSync(dirname(folder.file(`elsewhere/${source}`)), { recursive: true });
    cpSync(root + source, folder.file(`elsewhere/${source}`));
  }
  await using zig = start([bin("zig"), "build"], {
    cwd: folder.file("elsewhere/zig"),
    env: { ZIG_GLOBAL_CACHE_DIR: folder.file("cache") },
    timeout: 120_000,
  });
  expect(await zig.ended()).toMatchObject({ status: 0 });
  const made = (path: string) => readFileSync(folder.file(`elsewhere/zig/zig-out/${path}`));
  for (const [target, { embedded }] of Object.entries(libraries)) {
    expect(made(`${target}/libhawser.so`).toString("base64") === embedded.data, target).toBe(true);
  }
  const table = execFileSync(folder.file("elsewhere/zig/zig-out/bin/bindings"));
  expect(table.equals(readFileSync(`${root}ffi/symbols.ts`))).toBe(true);
}, 120_000);
