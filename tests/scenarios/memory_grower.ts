// Grows an object that exists, and says how large it is afterwards, here and for everybody.
import process from "node:process";
import { SharedMemory } from "../../lib/memory/mod.ts";

const [name, size, sparse] = process.argv.slice(2) as [string, string, string];
using memory = SharedMemory.create(name, { size: 1000, sparse: sparse === "sparse" });
memory.resize(Number(size));
memory.bytes.fill(1);
using again = SharedMemory.open(name);
console.log(memory.size, again.size);
