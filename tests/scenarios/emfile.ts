// Opens descriptors until there are none left, and tries everything that needs one. Run it under a low `ulimit -n`.
import assert from "node:assert/strict";
import process from "node:process";
import { Fd } from "../../lib/fd/mod.ts";
import { MappedFile, SharedMemory } from "../../lib/memory/mod.ts";

const name = process.argv[2]!;
using memory = SharedMemory.anonymous(4096);
using first = Fd.open("/dev/null");
const held: Fd[] = [];
const fill = () => {
  for (;;) held.push(Fd.open("/dev/null"));
};
assert.throws(fill, { name: "SystemError", code: "EMFILE", errno: -24, syscall: "openat", path: "/dev/null" });
assert(held.length > 10);
const emfile = (syscall: string) => ({ name: "SystemError", code: "EMFILE", errno: -24, syscall });
const token = memory.share();
for (let i = 0; i < 100; i++) {
  assert.throws(() => first.dup(), emfile("fcntl"));
  assert.throws(() => memory.fd(), emfile("fcntl"));
  assert.throws(() => SharedMemory.anonymous(4096), emfile("memfd_create"));
  assert.throws(() => SharedMemory.create(name, { size: 4096 }), emfile("openat"));
  assert.throws(() => SharedMemory.open(name), emfile("openat"));
  assert.throws(() => SharedMemory.openOrCreate(name, { size: 4096 }), emfile("openat"));
  assert.throws(() => SharedMemory.from(first), { code: "ENODEV" });
  assert.throws(() => SharedMemory.from(token), emfile("fcntl"));
  assert.throws(() => MappedFile.open("/etc/passwd", { readonly: true }), emfile("openat"));
}
// One left: creating needs two, and what it opened first must not stay.
held.pop()!.close();
for (let i = 0; i < 100; i++) assert.throws(() => SharedMemory.create(name, { size: 4096 }), emfile("openat"));
held.push(Fd.open("/dev/null"));
assert.throws(() => first.dup(), emfile("fcntl"));

for (const fd of held) fd.close();
SharedMemory.create(name, { size: 4096, temporary: true }).close();
console.log("done");
