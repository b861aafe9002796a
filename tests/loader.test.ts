// How the library is found, opened and refused, and what is left of it in the process.
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bun } from "../ffi/bun.ts";
import { deno } from "../ffi/deno.ts";
import { NativeLibraryError } from "../ffi/errors.ts";
import { load, loadWith } from "../ffi/load.ts";
import { node } from "../ffi/node.ts";
import { abi } from "../ffi/symbols.ts";
import { bin, type Ended, here, laneCommand, root, start } from "./support/lanes.ts";
import { needs } from "./support/needs.ts";
import { copyTree } from "./support/trees.ts";
import { type TemporaryFolder, tmpdir, unique } from "./support/watchdog.ts";

const loader = here === "deno" ? deno : here === "bun" ? bun : node;
const loaderName = { deno: "Deno.dlopen", bun: "bun:ffi", node26: "Node-API", node20: "Node-API" }[here];
const cpu = process.arch === "arm64" ? "aarch64" : "x86_64";
const library = `${root}ffi/native/linux-${cpu}/libhawser.so`;
const scenario = "tests/scenarios/load.ts";
const record = { at: 7, load: 0.5, name: "hé" };

/** No permission. A program that Deno starts on Deno without any such flag it gives -A to. */
const nothing = "--allow-env=HAWSER_NOTHING";

/** The error that `run` throws. */
function refusal(run: () => unknown): NativeLibraryError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(NativeLibraryError);
    return error as NativeLibraryError;
  }
  throw new Error("it was not refused");
}

/** What a program said on its one line. */
async function said(command: readonly string[], cwd?: string): Promise<Record<string, unknown> & { ended: Ended }> {
  await using running = start(command, { timeout: 60_000, ...(cwd !== undefined && { cwd }) });
  const ended = await running.ended();
  if (ended.status !== 0) throw new Error(`exit ${ended.status}: ${ended.stdout}${ended.stderr}`);
  return { ...JSON.parse(ended.stdout), ended };
}

test("load() takes the file beside the sources, whose hash is the table's, and loads once", () => {
  const native = load();
  expect(native).toMatchObject({ via: "file", loader: loaderName });
  expect(native.core.hawser_abi()).toBe(abi);
  expect(load()).toBe(native);
});

describe("loadWith() refuses", () => {
  let folder: TemporaryFolder;
  let fake: string;
  beforeAll(async () => {
    folder = tmpdir();
    fake = folder.file("libhawser.so");
    const args = ["build-lib", "-dynamic", "-O", "ReleaseSmall", "-fallow-shlib-undefined", "-z", "lazy"];
    const caches = ["--cache-dir", folder.file("cache"), `-femit-bin=${fake}`];
    await using zig = start([bin("zig"), ...args, ...caches, `${root}tests/support/fake_library.zig`], {
      cwd: folder.path,
      timeout: 60_000,
    });
    expect(await zig.ended()).toMatchObject({ status: 0 });
  }, 60_000);
  afterAll(() => folder[Symbol.dispose]());

  test("a library of another version, naming it and both hashes", () => {
    const error = refusal(() => loadWith(loader, fake));
    expect(error.code).toBe("ERR_ABI");
    expect(error.message).toContain("libhawser.so");
    expect(error.message).toContain("0x12345678");
    expect(error.message).toContain(`0x${abi.toString(16).padStart(8, "0")}`);
    expect(error.message).toContain(loaderName);
  });

  const damaged: Record<string, (path: string) => void> = {
    "a text": (path) => writeFileSync(path, "not a library\n"),
    "an empty file": (path) => writeFileSync(path, ""),
    // Cut off later, dlopen() itself dies of SIGBUS.
    "a library cut off in its header": (path) => writeFileSync(path, readFileSync(library).subarray(0, 40)),
    "the other CPU's library": (path) =>
      copyFileSync(library.replace(cpu, cpu === "x86_64" ? "aarch64" : "x86_64"), path),
  };
  for (const [what, make] of Object.entries(damaged)) {
    test(`${what}`, () => {
      const path = folder.file(`${what.replace(/\W/g, "-")}.so`);
      make(path);
      expect(refusal(() => loadWith(loader, path))).toMatchObject({ code: "ERR_LOAD", cause: expect.anything() });
    });
  }

  if (here === "node26") {
    test("a library of another version through node:ffi too", async () => {
      const { nodeFfi } = await import("../ffi/node_ffi.ts");
      const error = refusal(() => loadWith(nodeFfi, fake));
      expect(error.code).toBe("ERR_ABI");
      expect(error.message).toContain("node:ffi");
    });
  }

  test("a path where nothing is, although there is an embedded copy", () => {
    expect(refusal(() => loadWith(loader, folder.file("nothing.so"))).code).toBe("ERR_LOAD");
  });
});

const machines = [["darwin", "arm64"], ["win32", "x64"], ["linux", "riscv64"], ["freebsd", "x64"]] as const;
for (const [platform, arch] of machines) {
  test(`on ${platform} and ${arch} hawser can be imported, and opening names both`, async () => {
    const args = [`--platform=${platform}`, `--arch=${arch}`];
    const { name, code, message } = await said(laneCommand(here, scenario, args));
    expect({ name, code }).toEqual({ name: "NativeLibraryError", code: "ERR_PLATFORM" });
    expect(message).toContain(platform);
    expect(message).toMatch({ arm64: /aarch64/, x64: /x86_64/, riscv64: /riscv64/ }[arch]);
  });
}

test("without the file the embedded copy is loaded, and leaves no file behind", async () => {
  using tree = copyTree({ native: false });
  using temporary = tmpdir();
  await using running = start(tree.command(scenario), { env: { TMPDIR: temporary.path } });
  const { status, stdout, stderr } = await running.ended();
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({ via: "embedded", loader: loaderName, record });
  expect(readdirSync(temporary.path)).toEqual([]);
});

test("a table of another version refuses the file and the embedded copy, by both hashes", async () => {
  for (const native of [true, false]) {
    using tree = copyTree({ native });
    const path = tree.program("ffi/symbols.ts");
    const text = readFileSync(path, "utf8");
    const changed = text.replace(/^(export const abi(?:: number)? =) 0x[0-9a-f]+;/m, "$1 0x0badc0de;");
    expect(changed).not.toBe(text);
    writeFileSync(path, changed);
    const { code, message } = await said(tree.command(scenario));
    expect(code).toBe("ERR_ABI");
    expect(message).toMatch(/libhawser\.so.*0x[0-9a-f]{8}.*0x0badc0de/);
  }
});

test("two copies of hawser in one program share named memory, and not their handles", async () => {
  using one = copyTree({ native: false });
  using two = copyTree();
  writeFileSync(
    one.file("both.mjs"),
    `
import * as one from ${JSON.stringify(one.program("./mod.ts"))};
import * as two from ${JSON.stringify(two.program("./mod.ts"))};
import { load as loadOne } from ${JSON.stringify(one.program("./ffi/load.ts"))};
import { load as loadTwo } from ${JSON.stringify(two.program("./ffi/load.ts"))};
import { readFileSync } from "node:fs";
const a = one.SharedMemory.create(${JSON.stringify(unique("copies"))}, { size: 64 });
try {
  const b = two.SharedMemory.open(a.name);
  a.bytes[7] = 42;
  const maps = readFileSync("/proc/self/maps", "utf8").split("\\n");
  const copies = maps.filter((line) => /libhawser|hawser-[0-9a-f]{32}/.test(line) && line.split(" ")[1].includes("x")).length;
  console.log(JSON.stringify({
    read: b.bytes[7],
    copies,
    via: [loadOne().via, loadTwo().via],
    handles: [loadOne().core.hawser_handle_count(), loadTwo().core.hawser_handle_count()],
  }));
  b.close();
} finally {
  one.SharedMemory.unlink(a.name);
  a.close();
}
`,
  );
  const flags = here === "deno" ? ["run", "-A", "--quiet"] : [];
  const { ended: _, ...rest } = await said([bin(here), ...flags, one.file("both.mjs")]);
  expect(rest).toEqual({ read: 42, copies: 2, via: ["embedded", "file"], handles: [1, 1] });
});

test("a damaged embedded copy is refused by its hash", async () => {
  using tree = copyTree({ native: false });
  const path = tree.program(`ffi/embedded/linux-${cpu}.ts`);
  const text = readFileSync(path, "utf8");
  const at = text.indexOf("data") + 20_000;
  writeFileSync(path, text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1));
  const { name, code, message } = await said(tree.command(scenario));
  expect({ name, code }).toEqual({ name: "NativeLibraryError", code: "ERR_HASH" });
  expect(message).toMatch(/install hawser again/);
});

if (here === "deno" || here === "bun") {
  const forgeries = {
    "of other bytes, sealed": "os.write(fd, b'x' * len(library)); fcntl.fcntl(fd, 1033, 15)",
    "of the same bytes, which its maker may change": "os.write(fd, library)",
    "of no bytes": "pass",
  };
  for (const [what, fill] of Object.entries(forgeries)) {
    test(`a descriptor from outside with the library's name is not believed: ${what}`, async (context) => {
      needs(context, "python3");
      using tree = copyTree({ native: false });
      const { sha256 } = await import(`../ffi/embedded/linux-${cpu}.ts`);
      const forge = `
import fcntl, os, sys
library = open(sys.argv[1], "rb").read()
for number in (40, 520):
    fd = os.memfd_create("hawser-${sha256.slice(0, 32)}", os.MFD_ALLOW_SEALING)
    ${fill}
    os.dup2(fd, number, inheritable=True)
os.execv(sys.argv[2], sys.argv[2:])`;
      const command = ["python3", "-c", forge, library, ...tree.command(scenario)];
      const { ended: _, ...rest } = await said(command);
      expect(rest).toEqual({ via: "embedded", loader: loaderName, record });
    });
  }
} else {
  test("the folder of a process that was killed while it loaded keeps nobody from loading", async () => {
    using tree = copyTree({ native: false });
    using temporary = tmpdir();
    const program = `
import { mkdirSync } from "node:fs";
import { sha256 } from ${JSON.stringify(tree.program(`./ffi/embedded/linux-${cpu}.ts`))};
import { load } from ${JSON.stringify(tree.program("./ffi/load.ts"))};
mkdirSync(\`${temporary.path}/hawser-\${process.pid}-\${sha256.slice(0, 32).slice(-16)}\`);
console.log(JSON.stringify({ via: load().via }));
`;
    writeFileSync(tree.file("late.mjs"), program);
    await using running = start([bin(here), tree.file("late.mjs")], { env: { TMPDIR: temporary.path } });
    expect(await running.ended()).toMatchObject({ status: 0, stdout: '{"via":"embedded"}\n' });
    expect(readdirSync(temporary.path)).toHaveLength(1);
  });
}

test("a damaged file is refused, although the embedded copy is whole", async () => {
  using tree = copyTree();
  const path = tree.file(`ffi/native/linux-${cpu}/libhawser.so`);
  rmSync(path);
  writeFileSync(path, "not a library\n");
  expect(await said(tree.command(scenario))).toMatchObject({ name: "NativeLibraryError", code: "ERR_LOAD" });
});

test("a library that is replaced after it was loaded is not loaded a second time", () => {
  using folder = tmpdir();
  const path = folder.file("libhawser.so");
  copyFileSync(library, path);
  const { core } = loadWith(loader, path);
  const handle = core.hawser_memory_anonymous(4096, 0);
  rmSync(path);
  copyFileSync(library, path);
  // Functions are looked up when they are first called: in the copy that opened the handle, and in no other.
  expect(core.hawser_memory_size(handle)).toBe(4096);
  expect(core.hawser_memory_close(handle, 0)).toBe(0);
  const copies = readFileSync("/proc/self/maps", "utf8").split("\n").filter((line) =>
    line.includes(folder.path) && line.split(" ")[1]!.includes("x")
  );
  expect(copies).toHaveLength(1);
});

describe("importing loads nothing and asks for nothing", () => {
  const exports: string[] = Object.values(JSON.parse(readFileSync(`${root}deno.json`, "utf8")).exports);
  for (const path of exports) {
    test(path, async () => {
      using tree = copyTree();
      writeFileSync(
        tree.file("only.mjs"),
        `import ${JSON.stringify(tree.program(path))};\nconsole.log("imported");\nsetInterval(() => {}, 1000);\n`,
      );
      // Node's permission model would refuse to read the sources.
      const flags = here === "deno" ? ["run", "--quiet", "--no-prompt", nothing] : [];
      await using running = start([bin(here), ...flags, tree.file("only.mjs")]);
      await running.line("imported");
      const maps = readFileSync(`/proc/${running.pid}/maps`, "utf8");
      expect(maps.split("\n").filter((line) => /libhawser|hawser-[0-9a-f]{32}/.test(line))).toEqual([]);
      expect(running.output.stderr).toBe("");
    });
  }
});

if (here === "deno") {
  describe("Deno's permissions", () => {
    const command = (tree: { program(path: string): string }, ...flags: string[]) => [
      bin("deno"),
      ...["run", "--quiet", "--no-prompt", nothing, ...flags],
      tree.program(scenario),
    ];
    const checkout = { program: (path: string) => root + path };

    test("--allow-ffi is enough, for the file and for the embedded copy", async () => {
      expect(await said(command(checkout, "--allow-ffi"))).toMatchObject({ via: "file", record });
      using tree = copyTree({ native: false });
      expect(await said(command(tree, "--allow-ffi"))).toMatchObject({ via: "embedded", record });
    });

    const refused = {
      name: "NativeLibraryError",
      code: "ERR_PERMISSION",
      message: expect.stringContaining("--allow-ffi"),
    };
    test("without it the error names it", async () => {
      expect(await said(command(checkout))).toMatchObject(refused);
      expect(await said(command(checkout, "--allow-read", "--allow-env"))).toMatchObject(refused);
      expect(await said(command(checkout, "--allow-ffi=/nowhere"))).toMatchObject(refused);
      expect(await said(command(checkout, "--deny-ffi"))).toMatchObject(refused);
      using tree = copyTree({ native: false });
      expect(await said(command(tree))).toMatchObject(refused);
      expect(await said(command(tree, `--allow-ffi=${tree.path}`))).toMatchObject(refused);
    });

    test("with --allow-ffi=PATH of the file the library opens, and the error says that memory needs all of it", async () => {
      // Deno makes no pointer for a permission that names paths.
      const more = { ...refused, message: expect.stringMatching(/memory.*--allow-ffi, without a path/) };
      expect(await said(command(checkout, `--allow-ffi=${library}`))).toMatchObject(more);
      expect(await said(command(checkout, `--allow-ffi=${root}ffi/native`))).toMatchObject(more);
    });
  });
}

if (here.startsWith("node")) {
  describe("Node's permission model", () => {
    const permission = here === "node26" ? "--permission" : "--experimental-permission";
    const flags = [permission, "--allow-fs-read=*"];
    const refused = {
      name: "NativeLibraryError",
      code: "ERR_PERMISSION",
      message: expect.stringContaining("--allow-addons"),
    };

    test("without --allow-addons the error names it", async () => {
      expect(await said(laneCommand(here, scenario, [], flags))).toMatchObject(refused);
    });
    test("with --allow-addons it works", async () => {
      expect(await said(laneCommand(here, scenario, [], [...flags, "--allow-addons"]))).toMatchObject({
        via: "file",
        record,
      });
    });
    test("the embedded copy also needs files, and the error names that", async () => {
      using tree = copyTree({ native: false });
      const { name, code, message } = await said(tree.command(scenario, [], [...flags, "--allow-addons"]));
      expect({ name, code }).toEqual({ name: "NativeLibraryError", code: "ERR_PERMISSION" });
      expect(message).toContain("--allow-fs-write");
      const all = [...flags, "--allow-addons", "--allow-fs-write=*"];
      expect(await said(tree.command(scenario, [], all))).toMatchObject({ via: "embedded", record });
    });
  });
}

if (here === "node26") {
  test("node:ffi serves memory and records as well", async () => {
    const { ended, ...rest } = await said(laneCommand(here, scenario, ["--node-ffi"]));
    expect(rest).toEqual({ via: "file", loader: "node:ffi", record });
    expect(ended.stderr).toMatch(/ExperimentalWarning/); // Why it is not the loader of choice.
  });
  test("node:ffi refuses what is no library", async () => {
    const { nodeFfi } = await import("../ffi/node_ffi.ts");
    using folder = tmpdir();
    writeFileSync(folder.file("text.so"), "not a library\n");
    expect(refusal(() => loadWith(nodeFfi, folder.file("text.so"))).code).toBe("ERR_LOAD");
  });
}

describe("200 Workers leave at most one descriptor and one mapping of the library, and no thread", () => {
  const workers = "tests/scenarios/workers.ts";
  interface Counts {
    descriptors: number;
    copies: number;
    threads: number;
    all: number;
  }
  for (const via of ["file", "embedded"]) {
    test(`via ${via}`, async () => {
      using tree = copyTree({ native: via === "file", compiled: true });
      const counted = await said(tree.command(workers, ["200", "4"]));
      const [early, late] = [counted.early as Counts, counted.late as Counts];
      expect(counted).toMatchObject({ workers: 200, via });
      expect(late.descriptors).toBeLessThanOrEqual(via === "file" ? 0 : 1);
      expect(late.copies).toBe(1);
      // A pool of the runtime's may start a thread late; 180 Workers that left one each would be far more.
      expect(late.threads).toBeLessThanOrEqual(early.threads + 2);
      // Half of them were terminated with memory open; a few of those descriptors wait for the next Worker.
      expect(late.all).toBeLessThanOrEqual(early.all + 20);
    }, 90_000);
  }

  test("also when all of them open it at once", async () => {
    using tree = copyTree({ native: false });
    const { late } = await said(tree.command(workers, ["12", "12"]));
    expect(late).toMatchObject({ descriptors: 1, copies: 1 });
  }, 60_000);
});
