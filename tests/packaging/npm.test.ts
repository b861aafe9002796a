// The package as strangers get it: the tarball of `npm pack` in projects of npm, Bun and Deno, bundled and compiled.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bin, type Lane, root, start } from "../support/lanes.ts";
import { tmpdir } from "../support/watchdog.ts";

const folder = tmpdir();
afterAll(() => folder[Symbol.dispose]());
const cpu = process.arch === "arm64" ? "aarch64" : "x86_64";
const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const subpaths = Object.keys(manifest.exports).filter((path) => !path.endsWith(".json"))
  .map((path) => path.replace(/^\./, "hawser"));

/** Keeps a record in memory, says so, and stays, so that its mappings can be looked at. */
const body = `
const memory = SharedMemory.anonymous(4096);
const Point = struct({ x: u32, y: u32 });
Point.write(memory.bytes, { x: 40, y: 2 });
const { x, y } = Point.read(memory.bytes);
console.log("read", x + y);
setInterval(() => {}, 1000);
`;
const program = `import { SharedMemory, struct, u32 } from "hawser";\n${body}`;

/** Where the program that `command` starts has the library from. */
async function libraryOf(command: readonly string[], cwd: string): Promise<string> {
  await using running = start(command, { cwd, timeout: 30_000, env: { DENO_DIR: folder.file("deno") } });
  await running.line("read 42");
  expect(running.output.stderr).toBe("");
  const maps = readFileSync(`/proc/${running.pid}/maps`, "utf8").split("\n");
  const found = maps.filter((line) => /libhawser\.so|hawser-[0-9a-f]{32}/.test(line)).map((line) => line.slice(73));
  expect(new Set(found).size).toBe(1);
  return found[0]!;
}

/** Runs a command to its end and returns what it said. */
async function run(command: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  await using running = start(command, { cwd, timeout: 90_000, env: { DENO_DIR: folder.file("deno"), ...env } });
  const { status, stdout, stderr } = await running.ended();
  if (status !== 0) throw new Error(`${command.join(" ")}: exit ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

function project(name: string, files: Record<string, string>): string {
  const path = folder.file(name);
  mkdirSync(path);
  for (const [file, text] of Object.entries(files)) writeFileSync(`${path}/${file}`, text);
  return realpathSync(path);
}

const tarball = folder.file(`hawser-${manifest.version}.tgz`);
const flags: Record<Lane, string[]> = {
  deno: ["run", "--quiet", "--no-prompt", "--allow-ffi"],
  bun: [],
  node26: [],
  node20: [],
};
const embedded = /memfd:hawser-[0-9a-f]{32} \(deleted\)|\/hawser-[0-9a-f]{32}\.so \(deleted\)/;

let installed: string;
beforeAll(async () => {
  await run(["npm", "pack", "--silent", "--pack-destination", folder.path], root);
  installed = project("npm", {
    "package.json": `{ "type": "module" }\n`,
    "use.mjs": program,
    "use.cjs": `const { SharedMemory, struct, u32 } = require("hawser");\n${body}`,
    "all.mjs": subpaths.map((path, i) => `import * as m${i} from "${path}";\n`).join("") +
      `console.log([${subpaths.map((_, i) => `Object.keys(m${i}).length > 0`)}].every(Boolean));\n`,
  });
  // --offline: it brings all it needs.
  await run(["npm", "install", "--offline", "--no-audit", "--no-fund", "--silent", tarball], installed);
}, 90_000);

const inPackage = () => `${installed}/node_modules/hawser/dist/ffi/native/linux-${cpu}/libhawser.so`;

test("the tarball holds both CPUs' libraries, no script and no dependency", () => {
  const list = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
  expect(list).toContain("package/dist/ffi/native/linux-x86_64/libhawser.so");
  expect(list).toContain("package/dist/ffi/native/linux-aarch64/libhawser.so");
  expect(list).toContain("package/LICENSE");
  expect(list.filter((path) => !/^package\/(dist\/.*\.(js|d\.ts|so)|package\.json|[A-Z]+(\.md)?)$/.test(path))).toEqual(
    [],
  );
  const packed = JSON.parse(execFileSync("tar", ["-xzOf", tarball, "package/package.json"], { encoding: "utf8" }));
  for (const key of ["dependencies", "optionalDependencies", "bundledDependencies", "gypfile"]) {
    expect(packed[key]).toBeUndefined();
  }
  const runByInstall = ["preinstall", "install", "postinstall", "prepublish", "prepare"];
  expect(Object.keys(packed.scripts).filter((name) => runByInstall.includes(name))).toEqual([]);
});

describe("installed by npm", () => {
  for (const lane of ["node20", "node26", "bun", "deno"] as const) {
    test(`import "hawser" on ${lane}`, async () => {
      expect(await libraryOf([bin(lane), ...flags[lane], "use.mjs"], installed)).toBe(inPackage());
    });
    test(`every subpath on ${lane}`, async () => {
      expect(await run([bin(lane), ...flags[lane], "all.mjs"], installed)).toBe("true\n");
    });
  }
  for (const lane of ["node20", "node26", "bun"] as const) {
    test(`require("hawser") on ${lane}`, async () => {
      const own = lane === "node20" ? ["--no-warnings"] : [];
      expect(await libraryOf([bin(lane), ...own, "use.cjs"], installed)).toBe(inPackage());
    });
  }
  test("publint and attw have nothing to say", async () => {
    const tool = (path: string) => [bin("node26"), `${root}node_modules/${path}`];
    await run([...tool("publint/src/cli.js"), "run", "--strict", `${installed}/node_modules/hawser`], installed);
    await run([...tool("@arethetypeswrong/cli/dist/index.js"), tarball, "--profile", "esm-only"], installed);
  });
});

test("a damaged library in node_modules is told, not papered over", async () => {
  const path = inPackage();
  renameSync(path, `${path}.whole`);
  try {
    writeFileSync(path, "damaged");
    await expect(run([bin("node26"), "use.mjs"], installed)).rejects.toThrow(/ERR_LOAD/);
    rmSync(path);
    // A file that is missing is another matter: packers leave out what they don't know.
    expect(await libraryOf([bin("node26"), "use.mjs"], installed)).toMatch(embedded);
  } finally {
    renameSync(`${path}.whole`, path);
  }
});

describe("users' TypeScript without any @types", () => {
  const source = `
import { SharedMemory, struct, SystemError, u32, utf8, type Infer } from "hawser";
import { Fd } from "hawser/fd";
import { f64 } from "hawser/layout";
const Point = struct({ x: f64, at: u32, name: utf8(8) });
const point: Infer<typeof Point> = { x: 1, at: 2, name: "a" };
using memory = SharedMemory.anonymous(4096);
Point.write(memory.bytes, point);
const name: string = Point.read(memory.bytes).name;
// @ts-expect-error: a number is no text
const wrong: number = Point.read(memory.bytes).name;
export const all: unknown[] = [name, wrong, Fd, SystemError];
`;
  for (const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    test(`module ${module}, moduleResolution ${moduleResolution}`, async () => {
      const imports = subpaths.map((path, i) => `import * as m${i} from "${path}";\nexport { m${i} };\n`).join("");
      writeFileSync(`${installed}/${module}.mts`, source + imports);
      const compilerOptions = {
        module,
        moduleResolution,
        target: "es2022",
        lib: ["es2023", "esnext.disposable", "dom"],
        types: [],
        strict: true,
        skipLibCheck: false,
        noEmit: true,
      };
      writeFileSync(
        `${installed}/tsconfig.${module}.json`,
        JSON.stringify({ compilerOptions, files: [`${module}.mts`] }),
      );
      await run([bin("node26"), `${root}node_modules/typescript/bin/tsc`, "-p", `tsconfig.${module}.json`], installed);
    });
  }
});

describe("Bun's own ways", () => {
  let own: string;
  beforeAll(async () => {
    own = project("bun", { "package.json": "{}\n", "use.ts": program });
    await run([bin("bun"), "add", tarball], own, { BUN_INSTALL_CACHE_DIR: folder.file("bun-cache") });
  }, 60_000);

  test("bun add TARBALL", async () => {
    expect(await libraryOf([bin("bun"), "use.ts"], own)).toMatch(/node_modules\/hawser\/dist\/.*libhawser\.so$/);
  });

  test("bun build --compile, also where node_modules is gone", async () => {
    const elsewhere = project("compiled", {});
    await run([bin("bun"), "build", "--compile", "use.ts", "--outfile", `${elsewhere}/use`], own);
    expect(await libraryOf([`${elsewhere}/use`], elsewhere)).toMatch(embedded);
    renameSync(`${own}/node_modules`, `${own}/gone`);
    try {
      expect(await libraryOf([`${elsewhere}/use`], elsewhere)).toMatch(embedded);
    } finally {
      renameSync(`${own}/gone`, `${own}/node_modules`);
      rmSync(`${elsewhere}/use`);
    }
  }, 60_000);

  test("bun build --target=node makes one file that Node runs", async () => {
    const elsewhere = project("bundled", {});
    await run([bin("bun"), "build", "--target=node", "use.ts", "--outfile", `${elsewhere}/use.mjs`], own);
    expect(readdirSync(elsewhere)).toEqual(["use.mjs"]);
    for (const lane of ["node20", "node26"] as const) {
      expect(await libraryOf([bin(lane), "use.mjs"], elsewhere)).toMatch(embedded);
    }
  });
});

test("Deno links an unpacked package", async () => {
  const unpacked = project("unpacked", {});
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", unpacked]);
  const own = project("linked", {
    "deno.json": JSON.stringify({
      links: ["../unpacked"],
      nodeModulesDir: "auto",
      imports: { hawser: `npm:hawser@${manifest.version}` },
    }),
    "use.ts": program,
  });
  // Deno asks the registry for the name all the same; one that knows nothing will do.
  const registry = createServer((_, response) => void response.writeHead(404).end());
  await once(registry.listen(0, "127.0.0.1"), "listening");
  const { port } = registry.address() as AddressInfo;
  try {
    // Making node_modules is told on stderr, the first time.
    await run([bin("deno"), "install", "--quiet"], own, { NPM_CONFIG_REGISTRY: `http://127.0.0.1:${port}/` });
  } finally {
    registry.close();
  }
  expect(await libraryOf([bin("deno"), ...flags.deno, "use.ts"], own)).toMatch(/libhawser\.so$/);
});
