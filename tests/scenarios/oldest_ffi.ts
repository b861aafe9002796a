// hawser/ffi on the oldest runtimes: the C library called from Bun and Deno, and one clear error on a Node that has no
// FFI of its own.
import assert from "node:assert/strict";
import process from "node:process";
import { CString, dlopen, JSCallback, ptr, read, suffix, toArrayBuffer } from "../../ffi/mod.ts";

const path = `libc.${suffix}.6`;
const encoder = new TextEncoder();

if (!("Deno" in globalThis) && !("Bun" in globalThis)) {
  const wanted = new RegExp(`wants Node >= 26\\.1 .*this is Node ${process.versions.node.replaceAll(".", "\\.")}`);
  assert.throws(() => dlopen(path, { getpid: { returns: "i32" } }), wanted);
  assert.throws(() => ptr(new Uint8Array(1)), wanted);
} else {
  const pid = dlopen(path, { getpid: { returns: "i32" } });
  assert.equal(pid.symbols.getpid(), process.pid);
  pid.close();
  pid.close();
  assert.throws(() => pid.symbols.getpid(), /closed/);

  using libc = dlopen(path, {
    abs: { args: ["i32"], returns: "i32" },
    labs: { args: ["i64"], returns: "i64" },
    ldexp: { args: ["f64", "i32"], returns: "f64" },
    ldexpf: { args: ["f32", "i32"], returns: "f32" },
    strlen: { args: ["cstring"], returns: "usize" },
    strtoull: { args: ["cstring", "ptr", "i32"], returns: "u64" },
    strchr: { args: ["ptr", "i32"], returns: "ptr" },
    strerror: { args: ["i32"], returns: "cstring" },
    time: { args: ["ptr"], returns: "i64" },
    memcpy: { args: ["ptr", "ptr", "usize"], returns: "ptr" },
    calloc: { args: ["usize", "usize"], returns: "ptr" },
    free: { args: ["ptr"], returns: "void" },
    qsort: { args: ["ptr", "usize", "usize", "fn"], returns: "void" },
  });
  const c = libc.symbols;
  assert.equal(c.abs(-2_147_483_647), 2_147_483_647);
  assert.equal(c.labs(-(2n ** 62n)), 2n ** 62n);
  assert.deepEqual([c.ldexp(0.75, 3), c.ldexpf(0.75, -2)], [6, 0.1875]);
  assert.equal(c.strlen("häwser"), 7n);
  assert.equal(c.strtoull("18446744073709551615", null, 10), 18_446_744_073_709_551_615n);
  assert.equal(String(c.strerror(2)), "No such file or directory");
  assert(Math.abs(Number(c.time(null)) - Date.now() / 1000) < 60);

  // Foreign memory: an address goes out and comes in, and none is null.
  const text = encoder.encode("shared\0");
  assert.equal(c.strchr(text, "x".charCodeAt(0)), null);
  assert.equal(Number(c.strchr(text, "r".charCodeAt(0))) - ptr(text), 3);
  const address = c.calloc(1, 64)!;
  assert.equal(Number(c.memcpy(address, text, text.length)), Number(address));
  const bytes = new Uint8Array(toArrayBuffer(address, 0, 64));
  assert.deepEqual([...bytes.subarray(0, 8)], [...text, 0]);
  bytes[0] = "S".charCodeAt(0);
  assert.deepEqual([read.u8(address), read.u32(address, 8)], [0x53, 0]);
  assert.equal(String(new CString(address)), "Shared");
  c.free(address);

  // C calls back.
  const words = new Int32Array([5, -7, 3, 100, 0]);
  let calls = 0;
  {
    using compare = new JSCallback((a: number, b: number) => {
      calls++;
      return read.i32(a) - read.i32(b);
    }, { args: ["ptr", "ptr"], returns: "i32" });
    c.qsort(words, words.length, 4, compare);
  }
  assert.deepEqual([...words, calls >= 4], [-7, 0, 3, 5, 100, true]);

  assert.throws(() => c.abs("1" as unknown as number), TypeError);
  assert.throws(() => (c.abs as (...numbers: number[]) => number)(1, 2), TypeError);
  assert.throws(() => dlopen(path, { no_such_function: { returns: "i32" } }), TypeError);
  assert.throws(() => dlopen("/no/such/library.so", { abs: { args: ["i32"], returns: "i32" } }), /Cannot open/);
}
console.log("ok");
