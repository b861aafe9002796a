/**
 * Typed records over bytes, laid out as C lays them out, so that programs in any runtime and in C share them.
 *
 * A layout knows its size, alignment and offsets; `read` and `write` copy plain objects, `view` works on the bytes in
 * place. Types are inferred. Writing is whole or nothing.
 *
 * @example
 * ```ts
 * import { enumeration, f32, type Infer, struct, u64, utf8 } from "hawser/layout";
 * import assert from "node:assert/strict";
 *
 * const Sample = struct({ at: u64, cpu: f32, state: enumeration({ idle: 0, busy: 1 }), host: utf8(32) });
 * type Sample = Infer<typeof Sample>;
 *
 * const sample: Sample = { at: 1_700_000_000n, cpu: 0.5, state: "busy", host: "alpha" };
 * const bytes = new Uint8Array(Sample.size);
 * Sample.write(bytes, sample);
 * assert.deepEqual(Sample.read(bytes), sample);
 *
 * const live = Sample.view(bytes);
 * live.state = "idle";
 * assert.equal(Sample.read(bytes).state, "idle");
 * ```
 *
 * @module
 */
export { array, type ArrayView } from "./array.ts";
export { type Atomic, atomicI32, atomicU32, atomicU64 } from "./atomic.ts";
export type { Memory } from "./block.ts";
export { bool } from "./bool.ts";
export { bytes } from "./bytes.ts";
export { embedded, type Embedding } from "./embedded.ts";
export { enumeration } from "./enumeration.ts";
export type { Infer, Input, Layout, Part, ViewOf } from "./field.ts";
export { f32, f64, i16, i32, i64, i8, u16, u16be, u32, u32be, u64, u64be, u8 } from "./scalars.ts";
export { type Fields, type Struct, struct, type Values, type Views } from "./struct.ts";
export { utf8 } from "./text.ts";
