import { expect, test } from "vitest";
import { SharedMemory } from "../mod.ts";

test("smoke", () => {
  const n = `smoke-${process.pid}`;
  {
    using a = SharedMemory.openOrCreate(n, { size: 4096, temporary: true });
    using b = SharedMemory.open(n);
    using r = SharedMemory.open(n, { readonly: true });
    expect(() => SharedMemory.create(n, { size: 1 })).toThrow(expect.objectContaining({ code: "EEXIST", syscall: "linkat" }));
    a.bytes[1] = 9;
    expect(b.bytes[1]).toBe(9);
    expect(r.bytes[1]).toBe(9);
    r.bytes[1] = 3;
    expect(b.bytes[1]).toBe(9);
    const kept = a.bytes;
    const t = a.share();
    using c = SharedMemory.from(structuredClone(t));
    expect(c.bytes[1]).toBe(9);
    a.resize(100000);
    expect(kept.length).toBe(0);
    expect(a.bytes[1]).toBe(9);
    console.log(a, SharedMemory.list().filter((e) => e.name === n));
    const moved = structuredClone(b.buffer, { transfer: [b.buffer] });
    b.close();
    expect(new Uint8Array(moved)[1]).toBe(0);
  }
  expect(() => SharedMemory.open(n)).toThrow("ENOENT");
});
