// One side of the tests between runtimes. The first argument says what to do; the rest belongs to it.
import assert from "node:assert/strict";
import process from "node:process";
import { MappedFile, SharedMemory } from "../../lib/memory/mod.ts";

const [verb, name, ...rest] = process.argv.slice(2) as [string, string, ...string[]];

/** What `who` writes: every value tells who wrote it and where. */
function pattern(bytes: Uint8Array, who: string): void {
  const seed = [...who].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0) | 0, 7);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (seed + i * 7 + (i >> 8)) & 255;
}

switch (verb) {
  case "write": {
    using memory = SharedMemory.open(name);
    pattern(memory.bytes, rest[0]!);
    break;
  }
  case "check": {
    using memory = SharedMemory.open(name, { readonly: true });
    const want = new Uint8Array(memory.size);
    pattern(want, rest[0]!);
    assert.deepEqual(memory.bytes, want);
    break;
  }
  // Makes it, says so, and waits until the other has written his own; then looks.
  case "converse": {
    const [me, other, size] = rest as [string, string, string];
    using memory = SharedMemory.openOrCreate(name, { size: Number(size), temporary: true });
    const words = new Int32Array(memory.buffer, 0, 16);
    const half = memory.size / 2;
    const [mine, theirs] = me < other
      ? [memory.bytes.subarray(64, half), memory.bytes.subarray(half)]
      : [memory.bytes.subarray(half), memory.bytes.subarray(64, half)];
    pattern(mine, me);
    Atomics.add(words, 0, 1);
    const end = performance.now() + 15_000;
    const wait = (at: number) => {
      while (Atomics.load(words, at) < 2) {
        if (performance.now() > end) throw new Error("the other does not come");
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    };
    wait(0);
    const want = new Uint8Array(theirs.length);
    pattern(want, other);
    assert.deepEqual(new Uint8Array(theirs), want);
    Atomics.add(words, 1, 1);
    wait(1);
    console.log(memory.created ? "created" : "opened");
    break;
  }
  // Takes part in creation races: all start a round at the same moment, and each says what it got.
  case "race": {
    const [me, racers, rounds] = rest.map(Number) as [number, number, number];
    using course = SharedMemory.open(name);
    const words = new Int32Array(course.buffer);
    const size = 8192;
    let created = 0;
    const meet = (until: number) => {
      Atomics.add(words, 0, 1);
      for (let i = 0; Atomics.load(words, 0) < until; i++) {
        if (i > 5000) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.05);
        if (Atomics.load(words, 2) !== 0) throw new Error("another one failed");
      }
    };
    try {
      for (let round = 0; round < rounds; round++) {
        meet((3 * round + 1) * racers);
        using memory = SharedMemory.openOrCreate(`${name}.${round % 2}`, { size });
        assert.equal(memory.size, size);
        const counter = new Int32Array(memory.buffer);
        Atomics.add(counter, size / 4 - 1, 1);
        if (memory.created) {
          created++;
          Atomics.add(words, 1, 1);
        }
        meet((3 * round + 2) * racers);
        // One object, in which everybody counted, and one creator.
        assert.equal(Atomics.load(counter, size / 4 - 1), racers, `round ${round}: not the same object`);
        assert.equal(Atomics.load(words, 1), round + 1, `round ${round}: not one creator`);
        if (memory.created) SharedMemory.unlink(`${name}.${round % 2}`);
        meet((3 * round + 3) * racers);
      }
    } catch (error) {
      Atomics.store(words, 2, 1);
      throw error;
    }
    console.log(JSON.stringify({ me, created }));
    break;
  }
  // On a file system of 1 MiB, mounted on /dev/shm and on a folder by whoever starts this.
  case "full": {
    const folder = rest[0]!;
    const { readdirSync, statfsSync, statSync } = await import("node:fs");
    const free = () => statfsSync("/dev/shm").bfree * 4096;
    const before = free();
    const enospc = (text: RegExp) => ({
      name: "SystemError",
      code: "ENOSPC",
      errno: -28,
      syscall: "fallocate",
      message: text,
    });
    for (let i = 0; i < 10; i++) {
      assert.throws(
        () => SharedMemory.create(name, { size: 4 << 20 }),
        enospc(/no room for 4194304 bytes \(ENOSPC\)$/),
      );
      assert.throws(() => SharedMemory.openOrCreate(name, { size: 4 << 20 }), enospc(/no room/));
    }
    assert.deepEqual([readdirSync("/dev/shm"), free()], [[], before]);
    {
      // What was accepted can be filled, to the last byte.
      using memory = SharedMemory.create(name, { size: 512 << 10, temporary: true });
      memory.bytes.fill(1);
      assert.throws(() => memory.resize(4 << 20), enospc(/not enough space/));
      assert.deepEqual([memory.size, memory.bytes[memory.size - 1], statSync(`/dev/shm/${name}`).size], [
        512 << 10,
        1,
        512 << 10,
      ]);
      assert.equal(free(), before - (512 << 10));
      memory.resize(768 << 10);
      memory.bytes.fill(2);
      using other = SharedMemory.open(name);
      assert.equal(other.size, 768 << 10);
    }
    {
      using sparse = SharedMemory.create(name, { size: 4 << 20, sparse: true, temporary: true });
      assert.equal(sparse.size, 4 << 20);
      sparse.bytes[100] = 1; // There is room for this one.
      sparse.resize(8 << 20);
      assert.equal(sparse.bytes[100], 1);
    }
    // Files of a full file system.
    const path = `${folder}/x`;
    assert.throws(() => MappedFile.open(path, { size: 4 << 20, create: true }), enospc(/no room for 4194304 bytes/));
    assert.deepEqual(readdirSync(folder), []);
    {
      using file = MappedFile.open(path, { size: 256 << 10, create: true });
      file.bytes.fill(3);
      assert.throws(() => file.resize(4 << 20), enospc(/./));
      assert.throws(() => MappedFile.open(path, { size: 4 << 20 }), enospc(/no room/));
      assert.equal(statSync(path).size, 256 << 10);
      assert.equal(file.bytes[(256 << 10) - 1], 3);
      file.resize(512 << 10);
      file.bytes.fill(4);
      file.flushSync();
    }
    console.log("done");
    break;
  }
  default:
    throw new Error(`unknown: ${verb}`);
}
