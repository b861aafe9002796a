// What a test of tests/hostile.test.ts runs where the machine is not as it should be: `limit`, `no-proc`, `no-shm`.
import assert from "node:assert/strict";
import process from "node:process";
import { SharedMemory } from "../../lib/memory/mod.ts";

const [what, name] = process.argv.slice(2) as [string, string];
const size = 1 << 26;
switch (what) {
  case "limit": {
    const refused = { code: "EFBIG", syscall: "fallocate" };
    assert.throws(() => SharedMemory.create(name, { size }), refused);
    assert.throws(() => SharedMemory.create(name, { size, sparse: true }), refused);
    assert.throws(() => SharedMemory.anonymous(size), refused);
    using small = SharedMemory.create(name, { size: 10, temporary: true });
    assert.throws(() => small.resize(size), refused);
    assert.equal(small.size, 10);
    break;
  }
  case "no-proc": {
    using made = SharedMemory.create(name, { size: 10, temporary: true });
    made.bytes[0] = 7;
    using seen = SharedMemory.open(name);
    assert.equal(seen.bytes[0], 7);
    break;
  }
  case "no-shm": {
    const refused = { code: "ENOENT", message: /there is no \/dev\/shm/ };
    assert.throws(() => SharedMemory.create(name, { size: 10 }), refused);
    assert.throws(() => SharedMemory.openOrCreate(name, { size: 10 }), refused);
    assert.throws(() => SharedMemory.list(), refused);
    assert.throws(() => SharedMemory.open(name), { code: "ENOENT" });
    using anonymous = SharedMemory.anonymous(10);
    assert.equal(anonymous.size, 10);
    break;
  }
  default:
    throw new Error(what);
}
console.log("done");
