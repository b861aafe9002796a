// Typed records on the oldest runtimes: each kind of field there and back, refusals that write nothing, and one record
// that each runtime of the lane reads and answers. `oldest_layout.ts --join NAME` is the other side.
import assert from "node:assert/strict";
import process from "node:process";
import {
  array,
  atomicI32,
  atomicU32,
  atomicU64,
  bool,
  bytes,
  enumeration,
  f32,
  f64,
  i16,
  i32,
  i64,
  i8,
  type Infer,
  struct,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  u64be,
  u8,
  utf8,
} from "../../lib/layout/mod.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { partners } from "../support/partners.ts";
import { unique } from "../support/watchdog.ts";

const Point = struct({ x: i16, y: f64 });
const Sample = struct({
  small: u8,
  signed: i8,
  half: u16,
  word: u32,
  signedWord: i32,
  wide: u64,
  signedWide: i64,
  load: f32,
  net16: u16be,
  net32: u32be,
  net64: u64be,
  on: bool,
  state: enumeration({ idle: 0, busy: 7 }),
  key: bytes(5),
  host: utf8(12),
  points: array(Point, 3),
  cores: array(f32, 4),
  hits: atomicU32,
  balance: atomicI32,
  total: atomicU64,
});
type Sample = Infer<typeof Sample>;

const sample: Sample = {
  small: 255,
  signed: -128,
  half: 65_535,
  word: 4_294_967_295,
  signedWord: -2_147_483_648,
  wide: 18_446_744_073_709_551_615n,
  signedWide: -9_223_372_036_854_775_808n,
  load: 0.5,
  net16: 0x1234,
  net32: 0x1234_5678,
  net64: 0x1234_5678_9abc_def0n,
  on: true,
  state: "busy",
  key: new Uint8Array([1, 2, 3, 4, 5]),
  host: "häwser 🚢",
  points: [{ x: -1, y: 1e300 }, { x: 2, y: -0.25 }, { x: 3, y: 0 }],
  cores: [0, 0.25, 0.5, 1],
  hits: 4_000_000_000,
  balance: -3,
  total: 1n << 63n,
};

function join(name: string): void {
  using memory = SharedMemory.open(name);
  assert.deepEqual(Sample.read(memory.bytes), sample);
  const live = Sample.view(memory.bytes);
  live.state = "idle";
  live.points[1]!.y = 42;
  live.host = "answered";
  live.balance.add(-4);
  live.hits.compareExchange(4_000_000_000, 1);
}

function alone(): void {
  const room = new Uint8Array(Sample.size);
  Sample.write(room, sample);
  assert.deepEqual(Sample.read(room), sample);
  const net = Sample.offsets.net32;
  assert.deepEqual([...room.subarray(net, net + 4)], [0x12, 0x34, 0x56, 0x78]);
  assert.deepEqual([Point.size, Point.align, Point.offsets.y], [16, 8, 8]);
  assert.match(Sample.toC("sample"), /uint32_t word;/);

  const before = room.slice();
  const refused: Record<string, unknown> = {
    small: 256,
    signed: -129,
    word: 1.5,
    wide: -1n,
    net16: 65_536,
    state: "asleep",
    key: new Uint8Array(6),
    host: "longer than twelve bytes",
    cores: [1, 2, 3],
  };
  for (const [field, value] of Object.entries(refused)) {
    assert.throws(() => Sample.write(room, { ...sample, word: 0, [field]: value } as Sample), RangeError, field);
    assert.deepEqual(room, before, field);
  }
  assert.throws(() => Sample.write(room, { ...sample, word: "1" as unknown as number }), TypeError);
  assert.throws(() => Sample.read(room.subarray(1)), RangeError);
}

async function together(): Promise<void> {
  for (const partner of partners()) {
    const name = unique("oldest");
    using memory = SharedMemory.create(name, { size: Sample.size, temporary: true });
    Sample.write(memory.bytes, sample);
    await partner.start(["--join", name]).ended;
    const answer: Sample = {
      ...sample,
      state: "idle",
      host: "answered",
      points: [sample.points[0]!, { x: 2, y: 42 }, sample.points[2]!],
      hits: 1,
      balance: -7,
    };
    assert.deepEqual(Sample.read(memory.bytes), answer, `the answer of ${partner.name}`);
  }
}

const [what, name] = process.argv.slice(2);
if (what === "--join") {
  join(name!);
} else {
  alone();
  await together();
  console.log("ok");
}
