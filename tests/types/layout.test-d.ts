import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import {
  array,
  type ArrayView,
  type Atomic,
  atomicU32,
  atomicU64,
  bool,
  bytes,
  embedded,
  enumeration,
  f32,
  type Infer,
  type Input,
  type Layout,
  type Part,
  struct,
  u16be,
  u32,
  u64,
  u8,
  utf8,
  type ViewOf,
} from "../../dist/lib/layout/mod.js";

const lock = embedded({ name: "lock", size: 8, align: 8, open: () => new Date() });
const Sample = struct({
  at: u64,
  cpu: f32,
  host: utf8(32),
  healthy: bool,
  port: u16be,
  raw: bytes(4),
  state: enumeration({ idle: 0, busy: 1 }),
  cores: array(f32, 8),
  inner: struct({ x: u8, names: array(utf8(4), 2) }),
  slots: array(struct({ id: u32 }), 3),
  hits: atomicU32,
  total: atomicU64,
  lock,
});
type Sample = Infer<typeof Sample>;
declare const memory: Uint8Array;
declare const sample: Sample;

// The plain object: mutable, without what has no value.
expectType<{
  at: bigint;
  cpu: number;
  host: string;
  healthy: boolean;
  port: number;
  raw: Uint8Array;
  state: "idle" | "busy";
  cores: number[];
  inner: { x: number; names: string[] };
  slots: { id: number }[];
  hits: number;
  total: bigint;
}>(sample);
expectType<Sample>(Sample.read(memory));
expectType<bigint>(u64.read(memory));
expectType<"idle" | "busy">(enumeration({ idle: 0, busy: 1 }).read(memory));
expectError(sample.lock);

// Memory.
Sample.read(new ArrayBuffer(8));
Sample.read(new DataView(new ArrayBuffer(8)), 4);
Sample.read(new SharedArrayBuffer(8));
expectError(Sample.read([1, 2, 3]));
expectError(Sample.read("bytes"));
expectError(Sample.read(memory, "4"));

// Writing.
Sample.write(memory, sample);
Sample.write(memory, { ...sample, cores: Float32Array.of(1), state: "busy" }, 8);
Sample.write(memory, { ...sample, cores: [1, 2] as const, inner: { x: 1, names: ["a"] } as const });
expectError(Sample.write(memory, { ...sample, at: 5 }));
expectError(Sample.write(memory, { ...sample, cpu: 1n }));
expectError(Sample.write(memory, { ...sample, cpu: "1" }));
expectError(Sample.write(memory, { ...sample, host: 1 }));
expectError(Sample.write(memory, { ...sample, healthy: 1 }));
expectError(Sample.write(memory, { ...sample, raw: [1, 2, 3, 4] }));
expectError(Sample.write(memory, { ...sample, state: "gone" }));
expectError(Sample.write(memory, { ...sample, cores: ["1"] }));
expectError(Sample.write(memory, { ...sample, cores: 1 }));
expectError(Sample.write(memory, { ...sample, inner: { x: 1 } }));
expectError(Sample.write(memory, { ...sample, slots: [{ id: 1n }] }));
expectError(Sample.write(memory, { ...sample, unknown: 1 }));
expectError(Sample.write(memory, { ...sample, lock: new Date() }));
expectError(Sample.write(memory, { at: 1n }));
expectError(Sample.write(memory));
expectError(u64.write(memory, 1));
expectError(u32.write(memory, 1n));
expectError(utf8(4).write(memory, 4));
expectError(enumeration({ idle: 0 }).write(memory, "busy"));
expectError(array(u8, 2).write(memory, "ab"));

// The live view.
const view = Sample.view(memory);
expectType<bigint>(view.at);
expectType<number>(view.cpu);
expectType<"idle" | "busy">(view.state);
expectType<Uint8Array>(view.raw);
expectType<Atomic<number>>(view.hits);
expectType<Atomic<bigint>>(view.total);
expectType<Date>(view.lock);
expectType<ArrayView<number>>(view.cores);
expectType<number>(view.cores.get(0));
expectType<number>(view.inner.x);
expectType<string>(view.inner.names.get(0));
expectType<number>(view.slots.get(0).id);
expectType<bigint>(view.total.add(1n));
for (const core of view.cores) expectType<number>(core);
view.cpu = 0.5;
view.state = "busy";
view.raw = new Uint8Array(4);
view.cores[3] = 0.5;
view.cores.assign([1, 2]);
view.inner.x = 5;
view.slots.get(1).id = 7;
view.slots.set(1, { id: 7 });
expectError(view.at = 5);
expectError(view.cpu = "x");
expectError(view.host = 5);
expectError(view.state = "gone");
expectError(view.cores = [1, 2]);
expectError(view.inner = { x: 1, names: ["a", "b"] });
expectError(view.hits = 5);
expectError(view.lock = new Date());
expectError(view.unknown);
expectError(view.cores.set(0, "1"));
expectError(view.cores[0] = "1");
expectError(view.hits.store(1n));
expectError(view.total.store(1));
expectError(view.slots.set(1, { id: "7" }));

// The layout itself.
expectType<number>(Sample.size);
expectType<number>(Sample.offsets.cpu);
expectType<string>(Sample.toC("sample"));
expectType<typeof u64>(Sample.fields.at);
expectType<{ x: number; names: string[] }>(Sample.fields.inner.copy(view.inner));
expectError(Sample.size = 4);
expectError(Sample.offsets.cpu = 4);
expectError(Sample.offsets.unknown);
expectError(Sample.fields.at = u64);
expectError(Sample.toC());
expectError(Sample.fields.inner.assign(view, { x: 1, names: ["a"] }));
Sample.fields.inner.assign(view.inner, { x: 1, names: ["a", "b"] });
expectError(u8.view(memory));
expectError(utf8(4).view(memory));

// Making one.
expectError(struct({ a: 5 }));
expectError(struct({ a: "u8" }));
expectError(struct());
expectError(array(u8));
expectError(array(5, 2));
expectError(utf8());
expectError(enumeration({ a: "0" }));
expectError(enumeration({ a: 0 }, u64));
expectError(embedded({ name: "lock", size: 8, align: 8 }));

// For those who write functions about layouts.
expectAssignable<Layout<number>>(u8);
expectAssignable<Layout<unknown>>(Sample);
expectAssignable<Part<unknown, unknown>>(Sample);
expectAssignable<Part<never, Date>>(lock);
expectNotAssignable<Layout<number>>(u64);
expectNotAssignable<Part<unknown, unknown>>(u8);
expectType<never>(array(lock, 2).read(memory));
expectType<Date>(array(lock, 2).view(memory).get(0));
expectType<number>({} as ViewOf<typeof u8>);
expectAssignable<Input<Sample>>(sample);
expectAssignable<ViewOf<typeof Sample>>(view);
