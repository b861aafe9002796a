// Imports hawser, then opens memory and keeps a record in it, and says on one line what came of it.
//
//   --import-only       says so instead of opening, and stays: importing must have loaded nothing
//   --platform=NAME --arch=NAME   pretends to be another machine
//   --node-ffi          through node:ffi instead of Node's own loader
import process from "node:process";
import { load, loadWith } from "../../ffi/load.ts";
import { nodeFfi } from "../../ffi/node_ffi.ts";
import { f64, SharedMemory, struct, u32, utf8 } from "../../mod.ts";

const option = (name: string) =>
  process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);
const flag = (name: string) => process.argv.includes(`--${name}`);
const record = struct({ at: u32, load: f64, name: utf8(8) });

/** The record through the public API; the buffer's own words where a loader is asked for that programs never choose. */
function use(): { via: string; loader: string; record: unknown } {
  if (flag("node-ffi")) {
    const { core, view, detach, via, loader } = loadWith(nodeFfi);
    const handle = core.hawser_memory_anonymous(4096, 0);
    const buffer = view(core.hawser_memory_address(handle), core.hawser_memory_size(handle));
    record.write(new Uint8Array(buffer), { at: 7, load: 0.5, name: "hé" });
    const read = record.read(new Uint8Array(buffer));
    detach(buffer);
    if (buffer.byteLength !== 0) throw new Error("not detached");
    const results = [core.hawser_memory_close(handle, 0), core.hawser_memory_close(handle, 0)];
    if (results.join() !== "0,-9") throw new Error(`memory_close: ${results}`);
    return { via, loader, record: read };
  }
  using memory = SharedMemory.anonymous(4096);
  record.write(memory.bytes, { at: 7, load: 0.5, name: "hé" });
  const { via, loader } = load();
  return { via, loader, record: record.read(memory.bytes) };
}

const platform = option("platform");
const arch = option("arch");
if (platform !== undefined || arch !== undefined) {
  Object.defineProperty(process, "platform", { value: platform ?? "linux" });
  Object.defineProperty(process, "arch", { value: arch ?? "x64" });
  if ("Deno" in globalThis) {
    const names: Record<string, string> = { x64: "x86_64", arm64: "aarch64" };
    const build = { ...Deno.build, os: platform ?? "linux", arch: names[arch ?? "x64"] ?? arch };
    Object.defineProperty(Deno, "build", { value: build });
  }
}

if (flag("import-only")) {
  console.log("imported");
  setInterval(() => {}, 1000);
} else {
  try {
    console.log(JSON.stringify(use()));
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    console.log(JSON.stringify({ name, code, message }));
  }
}
