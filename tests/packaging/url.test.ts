// Imports from a URL: a server that has what git tracks and nothing else, as a forge's raw files have.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bin, root, start } from "../support/lanes.ts";
import { tmpdir } from "../support/watchdog.ts";

const folder = tmpdir();
const tracked = execFileSync("git", ["ls-files", "mod.ts", "lib", "ffi"], { cwd: root, encoding: "utf8" }).trim().split(
  "\n",
);
const asked: string[] = [];
let server: Server;
let host: string;

const program = (specifier: string) => `
import { SharedMemory, struct, u32 } from "${specifier}";
using memory = SharedMemory.anonymous(4096);
const Point = struct({ x: u32, y: u32 });
Point.write(memory.bytes, { x: 40, y: 2 });
const { x, y } = Point.read(memory.bytes);
console.log("read", x + y);
if (Deno.args[0] === "--stay") setInterval(() => {}, 1000);
`;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url!.slice(1);
    asked.push(path);
    const known = path === "use.ts" ? program("./mod.ts") : tracked.includes(path) ? readFileSync(root + path) : null;
    if (known === null) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "application/typescript" }).end(known);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(folder.file("local.ts"), program(`http://${host}/mod.ts`));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  folder[Symbol.dispose]();
});

async function deno(...args: string[]): Promise<string> {
  const env = { DENO_DIR: folder.file("deno") };
  await using running = start([bin("deno"), ...args], { cwd: folder.path, env, timeout: 60_000 });
  const { status, stdout, stderr } = await running.ended();
  if (status !== 0) throw new Error(`deno ${args.join(" ")}: exit ${status}\n${stdout}${stderr}`);
  return stdout;
}

test("git tracks no library, and both embedded copies", () => {
  expect(tracked.filter((path) => path.endsWith(".so"))).toEqual([]);
  expect(tracked).toContain("ffi/embedded/linux-x86_64.ts");
  expect(tracked).toContain("ffi/embedded/linux-aarch64.ts");
});

for (const time of ["first", "from the cache"]) {
  test(`import from a URL with --allow-ffi, and --allow-import since the host is a strange one: ${time}`, async () => {
    const before = asked.length;
    const args = ["run", "--quiet", "--no-prompt", "--allow-ffi", `--allow-import=${host}`, "local.ts"];
    expect(await deno(...args)).toBe("read 42\n");
    expect(asked.length > before).toBe(time === "first");
  });
}

test("a remote main module with --allow-ffi alone; the library is the embedded copy", async () => {
  const args = ["run", "--quiet", "--no-prompt", "--allow-ffi", `http://${host}/use.ts`, "--stay"];
  await using running = start([bin("deno"), ...args], { env: { DENO_DIR: folder.file("deno") } });
  await running.line("read 42");
  const maps = readFileSync(`/proc/${running.pid}/maps`, "utf8");
  expect(maps).toMatch(/memfd:hawser-[0-9a-f]{32} \(deleted\)/);
});

test("without --allow-ffi the error names it", async () => {
  await expect(deno("run", "--quiet", "--no-prompt", `http://${host}/use.ts`)).rejects.toThrow(/--allow-ffi/);
});

test("deno check of a program that imports from the URL", async () => {
  await deno("check", "--quiet", `--allow-import=${host}`, "local.ts");
});

test("each module was there", () => {
  expect(asked.filter((path) => path !== "use.ts" && !tracked.includes(path))).toEqual([]);
});
