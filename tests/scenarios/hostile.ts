// What a test of tests/hostile.test.ts runs in a process of its own: where the machine is not as it should be (`limit`,
// `no-proc`, `no-shm`), and what may end it (`closing` with the path of a library, `signal` with that of a file).
import assert from "node:assert/strict";
import process from "node:process";
import { dlopen, JSCallback } from "../../ffi/mod.ts";
import { MappedFile, SharedMemory } from "../../lib/memory/mod.ts";

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
  case "signal": {
    const throwing = {
      aborted: false,
      throwIfAborted() {},
      addEventListener() {
        throw new Error("not today");
      },
      removeEventListener() {},
    };
    using file = MappedFile.open(name, { size: 1, create: true });
    await assert.rejects(file.flush({ signal: throwing as unknown as AbortSignal, timeout: 1 }), /not today/);
    await new Promise((done) => setTimeout(done, 10)); // The time is up by now.
    await file.flush(); // Node and Deno would end here, with nothing left to do.
    break;
  }
  case "closing": {
    const symbols = {
      call_times: { args: ["function", "i32"], returns: "i32" },
      sum: { args: ["ptr", "u64"] },
    } as const;
    const closed = /the library is closed/;
    const first = dlopen(name, symbols);
    using closing = new JSCallback(() => (first.close(), 1), { args: ["i32"], returns: "i32" });
    assert.equal(first.symbols.call_times(closing, 3), 3);
    assert.throws(() => first.symbols.call_times(closing, 3), closed);
    await new Promise((done) => setTimeout(done, 1)); // By now it is unloaded.

    const second = dlopen(name, symbols);
    const getter = {
      get ptr() {
        second.close();
        return closing.ptr;
      },
    };
    assert.throws(() => second.symbols.call_times(getter as JSCallback, 1), closed);
    break;
  }
  default:
    throw new Error(what);
}
console.log("done");
