// The copy of the library inside the sources, on the oldest runtimes: found where the file is missing, as in a program
// made by a bundler or imported from a URL.
import assert from "node:assert/strict";
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { tmpdir } from "../support/watchdog.ts";

using folder = tmpdir();
// The sources, or what tsc made of them.
const ending = import.meta.url.slice(import.meta.url.lastIndexOf("."));
for (const part of ["ffi", "lib"]) {
  const from = fileURLToPath(new URL(`../../${part}`, import.meta.url));
  cpSync(from, folder.file(part), { recursive: true, filter: (path) => !path.endsWith("/native") });
}
assert(!existsSync(folder.file("ffi/native")));
writeFileSync(folder.file("package.json"), `{ "type": "module" }\n`);
const url = (path: string) => pathToFileURL(folder.file(`${path}${ending}`)).href;

const { load } = await import(url("ffi/load")) as typeof import("../../ffi/load.ts");
const { SharedMemory } = await import(url("lib/memory/mod")) as typeof import("../../lib/memory/mod.ts");
using memory = SharedMemory.anonymous(4096);
memory.bytes[4095] = 1;
memory.resize(8192);
assert.deepEqual([memory.size, memory.bytes[4095], load().via], [8192, 1, "embedded"]);
console.log("ok");
