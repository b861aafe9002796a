// Typed records beside what one would do without them: a DataView by hand, and JSON.
import { bool, f32, f64, i32, type Infer, struct, u16, u32, u64, u8, utf8 } from "../lib/layout/mod.ts";
import { interleave, type Row, type RowOptions } from "./row.ts";

/** The name of this group. */
export const group = "layout";

const Sample = struct({
  sequence: u32,
  at: u64,
  cpu: f32,
  memory: f64,
  threads: u16,
  priority: u8,
  healthy: bool,
  delta: i32,
  host: utf8(32),
  status: utf8(32),
});
type Sample = Infer<typeof Sample>;

/** Several, so that no engine and no cache may take a text for the one it saw last. */
const samples: readonly Sample[] = Array.from({ length: 8 }, (_, i) => ({
  sequence: i * 1000,
  at: 1_700_000_000_000_000_000n + BigInt(i),
  cpu: i / 8,
  memory: i * 1e9,
  threads: 10 + i,
  priority: i,
  healthy: i % 2 === 0,
  delta: -i,
  host: `host-${i}.example`,
  status: `worker ${i} is running fine`,
}));

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The same bytes as Sample's, by hand, as one would write them for speed; nothing is checked. */
class ByHand {
  readonly #data: DataView;
  readonly #bytes: Uint8Array;
  readonly #host: Uint8Array;
  readonly #status: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#host = bytes.subarray(48, 80);
    this.#status = bytes.subarray(80, 112);
  }

  write(sample: Sample): void {
    const data = this.#data;
    data.setUint32(0, sample.sequence, true);
    data.setBigUint64(8, sample.at, true);
    data.setFloat32(16, sample.cpu, true);
    data.setFloat64(24, sample.memory, true);
    data.setUint16(32, sample.threads, true);
    data.setUint8(34, sample.priority);
    data.setUint8(35, sample.healthy ? 1 : 0);
    data.setInt32(36, sample.delta, true);
    this.#host.fill(0, encoder.encodeInto(sample.host, this.#host).written);
    this.#status.fill(0, encoder.encodeInto(sample.status, this.#status).written);
  }

  read(): Sample {
    const data = this.#data;
    return {
      sequence: data.getUint32(0, true),
      at: data.getBigUint64(8, true),
      cpu: data.getFloat32(16, true),
      memory: data.getFloat64(24, true),
      threads: data.getUint16(32, true),
      priority: data.getUint8(34),
      healthy: data.getUint8(35) !== 0,
      delta: data.getInt32(36, true),
      host: this.#text(48),
      status: this.#text(80),
    };
  }

  #text(at: number): string {
    let end = at;
    while (end < at + 32 && this.#bytes[end] !== 0) end++;
    return decoder.decode(this.#bytes.subarray(at, end));
  }
}

/** JSON has no bigint: its record carries the time as a number, which loses digits and is faster. */
const loose = samples.map((sample) => ({ ...sample, at: Number(sample.at) }));

/** Keeps engines from leaving out work whose result nobody uses. */
let sum = 0;

function use(sample: { sequence: number; at: bigint | number; cpu: number; memory: number; threads: number }): void {
  sum += sample.sequence + Number(sample.at) + sample.cpu + sample.memory + sample.threads;
}

function useRest(
  sample: { priority: number; healthy: boolean; delta: number; host: string; status: string },
): void {
  sum += sample.priority + (sample.healthy ? 1 : 0) + sample.delta + sample.host.length + sample.status.length;
}

/** All contestants, each against memory of its own; every one touches all ten fields of a new record each time. */
function contestants(): { write: Contestants; read: Contestants } {
  const bytes = Array.from(samples, () => new Uint8Array(512));
  const texts = bytes.map(() => new Uint8Array(512));
  const lengths = texts.map((text, i) => encoder.encodeInto(JSON.stringify(loose[i]), text).written);
  samples.forEach((sample, i) => Sample.write(bytes[i]!, sample));
  const views = bytes.map((memory) => Sample.view(memory));
  const hands = bytes.map((memory) => new ByHand(memory));
  return {
    write: {
      view(count) {
        for (let i = 0; i < count; i++) {
          const view = views[i & 7]!;
          const sample = samples[i & 7]!;
          view.sequence = sample.sequence;
          view.at = sample.at;
          view.cpu = sample.cpu;
          view.memory = sample.memory;
          view.threads = sample.threads;
          view.priority = sample.priority;
          view.healthy = sample.healthy;
          view.delta = sample.delta;
          view.host = sample.host;
          view.status = sample.status;
        }
      },
      object(count) {
        for (let i = 0; i < count; i++) Sample.write(bytes[i & 7]!, samples[i & 7]!);
      },
      DataView(count) {
        for (let i = 0; i < count; i++) hands[i & 7]!.write(samples[i & 7]!);
      },
      JSON(count) {
        for (let i = 0; i < count; i++) {
          lengths[i & 7] = encoder.encodeInto(JSON.stringify(loose[i & 7]), texts[i & 7]!).written;
        }
      },
    },
    read: {
      view(count) {
        for (let i = 0; i < count; i++) {
          const view = views[i & 7]!;
          use(view);
          useRest(view);
        }
      },
      object(count) {
        for (let i = 0; i < count; i++) {
          const sample = Sample.read(bytes[i & 7]!);
          use(sample);
          useRest(sample);
        }
      },
      DataView(count) {
        for (let i = 0; i < count; i++) {
          const sample = hands[i & 7]!.read();
          use(sample);
          useRest(sample);
        }
      },
      JSON(count) {
        for (let i = 0; i < count; i++) {
          const sample = JSON.parse(decoder.decode(texts[i & 7]!.subarray(0, lengths[i & 7]))) as typeof loose[number];
          use(sample);
          useRest(sample);
        }
      },
    },
  };
}

type Contestants = Readonly<Record<"view" | "object" | "DataView" | "JSON", (count: number) => void>>;

/**
 * Measures writing and reading a record of ten fields, two of them texts.
 *
 * @param options How much, and where.
 * @returns A row for the live view and one for plain objects, each way.
 */
// deno-lint-ignore require-await -- every group has this form
export async function rows(options: RowOptions): Promise<Row[]> {
  const found: Row[] = [];
  const { write, read } = contestants();
  for (const [way, group_] of [["write", write], ["read", read]] as const) {
    const ns = interleave(group_, options.quick ? 4_000 : 40_000);
    for (const form of ["view", "object"] as const) {
      found.push({
        group,
        case: `typed field ${way}, ${form === "view" ? "live view" : "plain object"}`,
        runtime: options.runtime,
        mode: "median of 5 interleaved rounds",
        unit: "ns",
        hawser: ns[form]!,
        peers: { "DataView by hand": ns.DataView!, "JSON and TextEncoder": ns.JSON! },
        must: null,
        note: "10 fields, 2 of them texts; hawser checks every value, by hand nothing is checked",
      });
    }
  }
  if (Number.isNaN(sum)) throw new Error("Cannot measure layout: the sum of what was read is not a number");
  return found;
}
