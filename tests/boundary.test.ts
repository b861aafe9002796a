// Every function of the library, with every kind of wrong handle, descriptor, number and text in every position. The
// calls are made from the generated table, so a new export is tested from the day it is generated; one whose parameters
// nothing below knows an example for fails here and says so.
import { copyFileSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bun } from "../ffi/bun.ts";
import { deno } from "../ffi/deno.ts";
import { load, loadWith } from "../ffi/load.ts";
import { node } from "../ffi/node.ts";
import { type Core, errnoNames, type Kind, layouts, signatures } from "../ffi/symbols.ts";
import { errnoOf } from "../lib/core/_results.ts";
import { here, root, scenarioPath } from "./support/lanes.ts";
import { deferred, tmpdir, unique, watchdog } from "./support/watchdog.ts";

const native = load();
const core = native.core;
type Name = keyof Core;
type Value = number | Uint8Array;
const call = (name: Name, args: readonly unknown[]): number =>
  (core[name] as (...args: readonly unknown[]) => number)(...args);
const code = (result: number): string => result >= 0 ? String(result) : errnoNames[-errnoOf(result)] ?? String(result);

/** The parameters of every function, with the names that exports.zig gives them. */
interface Parameter {
  name: string;
  kind: Kind;
  /** The length of the buffer before it. */
  length: boolean;
}
const table = readFileSync(`${root}ffi/symbols.ts`, "utf8");
const parametersOf = (name: Name): Parameter[] => {
  const list = new RegExp(`^  ${name}\\(([^)]*)\\): number;`, "m").exec(table)?.[1];
  if (list === undefined) throw new Error(`ffi/symbols.ts has no prototype of ${name}`);
  const names = list.split(", ").filter(Boolean).map((parameter) => parameter.split(":")[0]!);
  const { args } = signatures[name];
  return names.map((name, i) => ({ name, kind: args[i]!, length: args[i - 1] === "buffer" }));
};
const functions = (Object.keys(signatures) as Name[]).map((name) => ({ name, parameters: parametersOf(name) }));

const text = (value: string) => new TextEncoder().encode(`${value}\0`);
/** What stands for nothing in this process: the file does not exist, and no object has the name. */
const absent = unique("boundary");

/** A good value by the name of the parameter; a name that is missing here must be given one. */
const examples: Record<string, () => Value> = {
  handle: () => objects.mapping,
  memory_handle: () => objects.mapping,
  bell: () => objects.bell,
  fd: () => objects.fd,
  least: () => 0,
  name: () => text(absent),
  path: () => text(`/nowhere/${absent}`),
  options: () => 0,
  mode: () => 0o600,
  owner: () => 0,
  size: () => 4096,
  offset: () => 0,
  expected: () => 1, // The word holds 0: nothing waits.
  timeout_ms: () => 0,
  count: () => 0,
  keep_range: () => 0,
  interruptible: () => 0,
  id: () => 0,
  one_by_one: () => 0,
  kind: () => 1,
  waited_ms: () => 0,
  timed_out: () => 0,
  token: () => 7,
  events: () => 1, // POLLIN.
  position: () => 0,
  bytes: () => new Uint8Array(8),
  fds: () => new Uint8Array(layouts.pollFd.size).fill(255), // Descriptor -1, which poll(2) skips.
  operation: () => 8, // LOCK_UN.
  pid: () => process.pid,
  signal: () => 0, // Only asks.
  status: () => new Uint8Array(layouts.pidStatus.size),
  capacity: () => 0,
  from: () => objects.fd,
  to: () => objects.fd,
  from_position: () => 0,
  to_position: () => 0,
  dir: () => -1,
  whence: () => 0,
  which: () => 0,
  wanted: () => 0,
  data_only: () => 0,
  here: () => 0,
  ends: () => new Uint8Array(layouts.pipeEnds.size),
  stat: () => new Uint8Array(layouts.stat.size),
  entries: () => new Uint8Array(layouts.memoryEntry.size),
  links: () => new Uint8Array(layouts.link.size),
  records: () => new Uint8Array(layouts.done.size),
  info: () => new Uint8Array(layouts.objectInfo.size),
  sleep: () => new Uint8Array(layouts.mutexSleep.size),
  holder: () => new Uint8Array(layouts.mutexOwner.size),
};
const texts = new Set(["name", "path"]);
/** Buffers that must be exactly one record. */
const records = new Set(["stat", "info", "sleep", "holder", "ends", "status"]);

function good(parameters: readonly Parameter[]): Value[] {
  const values: Value[] = [];
  for (const { name, length } of parameters) {
    if (length) values.push((values.at(-1) as Uint8Array).length);
    else values.push((examples[name] ?? missing(name))());
  }
  return values;
}

function missing(name: string): never {
  throw new Error(`tests/boundary.test.ts knows no example for a parameter called ${name}: add one to examples`);
}

/** The same arguments with one replaced; a buffer brings its length. */
function withOne(parameters: readonly Parameter[], at: number, value: Value): Value[] {
  const values = good(parameters);
  values[at] = value;
  if (typeof value !== "number") values[at + 1] = value.length;
  return values;
}

/** Each position of a kind: which function, which argument. */
const positions = (wanted: (parameter: Parameter) => boolean) =>
  functions.flatMap(({ name, parameters }) =>
    parameters.flatMap((parameter, at) => wanted(parameter) ? [{ name, parameters, at, parameter }] : [])
  );

/** Live objects of this thread, as the right handle in the other positions. */
const objects = { mapping: -1, bell: -1, fd: -1 };

beforeAll(() => {
  objects.mapping = core.hawser_memory_anonymous(4096, 0);
  objects.bell = core.hawser_bell_open();
  objects.fd = core.hawser_fd_dup(core.hawser_memory_fd(objects.mapping), 0);
  for (const [name, value] of Object.entries(objects)) if (value < 0) throw new Error(`no ${name}: ${code(value)}`);
});

afterAll(() => {
  expect(core.hawser_bell_close(objects.bell)).toBe(0);
  expect(core.hawser_memory_close(objects.mapping, 0)).toBe(0);
  expect(core.hawser_fd_close(objects.fd)).toBe(0);
});

test("every parameter of every function has a good value here", () => {
  for (const { name, parameters } of functions) {
    expect(parameters.map(({ kind }) => kind), name).toEqual(signatures[name].args);
    expect(good(parameters), name).toHaveLength(parameters.length);
  }
  // The one thing a type can't tell: a handle must be given an object of its own kind.
  const handles = new Set(positions(({ kind }) => kind === "handle").map(({ parameter }) => parameter.name));
  expect([...handles].filter((name) => examples[name] === undefined)).toEqual([]);
});

/** Handles that stand for nothing here, by why. */
const wrongHandles: Record<string, () => number[] | Promise<number[]>> = {
  "a closed object's"() {
    const handle = core.hawser_memory_anonymous(4096, 0);
    expect(core.hawser_memory_close(handle, 0)).toBe(0);
    return [handle];
  },
  "a closed object's whose slot has a new object"() {
    const slot = (handle: number) => handle & 0x1ffff;
    const first = core.hawser_memory_anonymous(4096, 0);
    expect(core.hawser_memory_close(first, 0)).toBe(0);
    // Slots come round first in, first out: at the latest after one chunk of them.
    for (let i = 0; i < 2000; i++) {
      const handle = core.hawser_memory_anonymous(4096, 0);
      if (slot(handle) === slot(first)) {
        cleanUps.push(() => expect(core.hawser_memory_close(handle, 0)).toBe(0));
        return [first];
      }
      expect(core.hawser_memory_close(handle, 0)).toBe(0);
    }
    throw new Error("the slot never came round");
  },
  "a live object's of another generation": () =>
    [objects.mapping, objects.bell].flatMap((handle) =>
      Array.from({ length: 14 }, (_, bit) => handle ^ (1 << (17 + bit)))
    ),
  "a live object's with the top bit set": () => [(objects.mapping | 0x8000_0000) >>> 0],
  "beyond all slots": () => [0x1ffff, 0x3fff_ffff, 0x7fff_ffff],
  "negative": () => [-1, -2, -0x8000_0000].map((handle) => handle >>> 0),
  async "another thread's"() {
    const program = scenarioPath("handles");
    const path = here === "node20" ? `${root}.work/compiled/${program.replace(/\.ts$/, ".js")}` : root + program;
    const worker = new Worker(new URL(`file://${path}`));
    const opened = deferred<number[]>();
    const ended = deferred<void>();
    worker.on("message", opened.resolve);
    worker.on("error", opened.reject);
    worker.on("exit", () => ended.resolve());
    const handles = await watchdog(opened.promise, "A Worker's handles");
    cleanUps.push(async () => {
      worker.postMessage("close");
      await watchdog(ended.promise, "The end of a Worker");
    });
    expect(handles.length).toBeGreaterThan(0);
    return handles;
  },
  "made up"() {
    const seed = Number(process.env.HAWSER_SEED ?? Math.floor(Math.random() * 2 ** 32));
    console.log(`made-up handles: HAWSER_SEED=${seed}`);
    let state = seed >>> 0;
    const next = () => { // mulberry32
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return (t ^ (t >>> 14)) >>> 0;
    };
    const real = new Set([objects.mapping, objects.bell]);
    return Array.from({ length: 500 }, next).filter((handle) => !real.has(handle));
  },
};
const cleanUps: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

const handlePositions = positions(({ kind }) => kind === "handle");
for (const [kind, make] of Object.entries(wrongHandles)) {
  test(`every function refuses a handle that is ${kind}`, async () => {
    const before = core.hawser_handle_count();
    const handles = await make();
    for (const { name, parameters, at } of handlePositions) {
      for (const handle of handles) {
        const result = code(call(name, withOne(parameters, at, handle)));
        expect(result, `${name}, argument ${at} = 0x${handle.toString(16)}`).toBe("EBADF");
      }
    }
    // Nothing was opened or closed by it; what the making opened is still there.
    expect(core.hawser_handle_count()).toBeGreaterThanOrEqual(before);
    expect(core.hawser_memory_size(objects.mapping)).toBe(4096);
  });
}

test("every function refuses a live handle of another kind of object", () => {
  const others: Record<string, number> = { handle: objects.bell, memory_handle: objects.bell, bell: objects.mapping };
  for (const { name, parameters, at, parameter } of handlePositions) {
    const other = others[parameter.name];
    if (other === undefined) throw new Error(`what is no ${parameter.name}? add it to others`);
    expect(code(call(name, withOne(parameters, at, other))), name).toBe("EBADF");
  }
});

test("every function refuses a handle of another copy of the library", () => {
  using folder = tmpdir();
  const path = folder.file("libhawser.so");
  const cpu = process.arch === "arm64" ? "aarch64" : "x86_64";
  copyFileSync(`${root}ffi/native/linux-${cpu}/libhawser.so`, path);
  const loader = here === "deno" ? deno : here === "bun" ? bun : node;
  const { core: other } = loadWith(loader, path);
  const theirs = Array.from({ length: 40 }, () => other.hawser_memory_anonymous(4096, 0));
  const ours = Array.from({ length: 40 }, () => core.hawser_memory_anonymous(4096, 0));
  try {
    expect(other.hawser_handle_count()).toBe(40);
    const shared = new Set(ours);
    const foreign = theirs.filter((handle) => !shared.has(handle));
    expect(foreign).toHaveLength(40);
    for (const { name, parameters, at } of handlePositions) {
      for (const handle of foreign) {
        expect(code(call(name, withOne(parameters, at, handle))), `${name}, 0x${handle.toString(16)}`).toBe("EBADF");
      }
    }
  } finally {
    for (const handle of theirs) expect(other.hawser_memory_close(handle, 0)).toBe(0);
    for (const handle of ours) expect(core.hawser_memory_close(handle, 0)).toBe(0);
  }
});

test("every function refuses a descriptor that is not open", () => {
  // Above what anybody else is given, so that the number stays free.
  const closed = core.hawser_fd_dup(objects.fd, 900);
  expect(closed).toBeGreaterThanOrEqual(900);
  expect(core.hawser_fd_close(closed)).toBe(0);
  // -100 is AT_FDCWD, the working directory to calls that also take paths.
  const wrong = [closed, -1, -2, -100, -0x8000_0000, 0x7fff_ffff, 1 << 20];
  for (const { name, parameters, at } of positions(({ kind }) => kind === "fd")) {
    for (const fd of wrong) {
      expect(code(call(name, withOne(parameters, at, fd))), `${name}, argument ${at} = ${fd}`).toBe("EBADF");
    }
  }
});

test("every function refuses a size or offset that is no whole number", () => {
  const times = new Set(["timeout_ms"]);
  for (const { name, parameters, at, parameter } of positions(({ kind }) => kind === "f64")) {
    const wrong = times.has(parameter.name)
      ? [NaN]
      : [NaN, -1, -0.5, 0.5, 4096.25, Infinity, -Infinity, 2 ** 54, -(2 ** 31)];
    for (const value of wrong) {
      const result = code(call(name, withOne(parameters, at, value)));
      expect(result, `${name}, ${parameter.name} = ${value}`).toBe("EINVAL");
    }
  }
});

test("every function refuses a text that does not end with its only NUL", () => {
  const bytes = (value: string) => new TextEncoder().encode(value);
  const wrong = [bytes(""), bytes("name"), bytes("a\0b\0"), bytes("\0\0"), bytes("a\0b")];
  for (const { name, parameters, at, parameter } of positions(({ kind }) => kind === "buffer")) {
    if (!texts.has(parameter.name)) continue;
    const bad = parameter.name === "name"
      ? [...wrong, text(""), text("../x"), text("a/b"), text("n".repeat(81))]
      : wrong;
    for (const value of bad) {
      const result = code(call(name, withOne(parameters, at, value)));
      expect(result, `${name}, ${JSON.stringify(new TextDecoder().decode(value))}`).toBe("EINVAL");
    }
  }
});

test("every function refuses a record of another size", () => {
  for (const { name, parameters, at, parameter } of positions(({ kind }) => kind === "buffer")) {
    if (!records.has(parameter.name)) continue;
    const size = (examples[parameter.name]!() as Uint8Array).length;
    for (const length of [0, 1, size - 1, size + 1]) {
      expect(code(call(name, withOne(parameters, at, new Uint8Array(length)))), `${name}, ${length} bytes`).toBe(
        "EINVAL",
      );
    }
  }
});

test("every function refuses a kind of object that there is none of", () => {
  for (const { name, parameters, at } of positions(({ name }) => name === "kind")) {
    for (const kind of [0, 99, 0xffff_ffff]) {
      expect(code(call(name, withOne(parameters, at, kind))), `${name}, ${kind}`).toBe("EINVAL");
    }
  }
});

test("every function for locks refuses an offset that is beyond the memory, or not a lock's", () => {
  for (const { name, parameters, at } of positions(({ name }) => name === "offset")) {
    if (!name.startsWith("hawser_mutex_")) continue;
    for (const offset of [1, 2, 4, 4096 - 8, 4096, 2 ** 31, 2 ** 53]) {
      expect(code(call(name, withOne(parameters, at, offset))), `${name}, ${offset}`).toBe("EINVAL");
    }
  }
});

test("lists fill whole records only, and say how many there are", () => {
  const before = new Uint8Array(layouts.link.size - 1).fill(0xaa);
  const found = core.hawser_netlink_links(before, before.length);
  expect(found).toBeGreaterThan(0); // The loopback interface at least.
  expect(before.every((byte) => byte === 0xaa)).toBe(true);
});

// Deno and Bun check and convert arguments themselves; the Node-API wrappers are ours.
if (here.startsWith("node")) {
  describe("Node-API wrappers", () => {
    const notNumbers = ["1", null, undefined, {}, 1n, true, Symbol("x"), new Uint8Array(4)];
    const notBytes = [
      "text",
      1,
      null,
      undefined,
      {},
      [1],
      new ArrayBuffer(8),
      new Uint16Array(8),
      new DataView(new ArrayBuffer(8)),
    ];
    const refused = (name: Name, args: readonly unknown[], what: string) => {
      let error: unknown;
      try {
        call(name, args);
      } catch (thrown) {
        error = thrown;
      }
      expect(error, `${name}, ${what}`).toBeInstanceOf(TypeError);
      expect((error as Error).message, what).toMatch(new RegExp(`^${name}: wrong argument \\d$`));
    };

    for (const { name, parameters } of functions) {
      if (parameters.length === 0) continue;
      test(`${name} refuses arguments of the wrong type, and too few`, () => {
        parameters.forEach(({ kind }, at) => {
          for (const value of kind === "buffer" ? notBytes : notNumbers) {
            const args: unknown[] = good(parameters);
            args[at] = value;
            refused(name, args, `argument ${at} = ${String(value)}`);
          }
          refused(name, good(parameters).slice(0, at), `${at} arguments`);
        });
      });
    }

    test("every length is checked against its array", () => {
      for (const { name, parameters, at } of positions(({ kind }) => kind === "buffer")) {
        const args = good(parameters);
        const length = (args[at] as Uint8Array).length;
        for (const longer of [length + 1, 0x7fff_ffff, 0xffff_ffff]) {
          refused(name, args.with(at + 1, longer), `length ${longer} of ${length}`);
        }
        const detached = new Uint8Array(8);
        structuredClone(detached.buffer, { transfer: [detached.buffer] });
        refused(name, args.with(at, detached).with(at + 1, 1), "a detached array");
        // A part of a larger array: what lies behind it is not the callee's.
        const part = new Uint8Array(64).subarray(8, 16);
        refused(name, args.with(at, part).with(at + 1, 9), "beyond a subarray");
      }
    });

    test("view() and detach() refuse what is no memory", () => {
      const view = native.view as (...args: unknown[]) => unknown;
      const address = core.hawser_memory_address(objects.mapping);
      for (
        const args of [
          [],
          [address],
          ["1", 1],
          [0, 1],
          [address, 0],
          [-1, 1],
          [address, -1],
          [NaN, 1],
          [address, NaN],
          [2 ** 53, 1],
          [address, Infinity],
          [1n, 1],
        ]
      ) {
        expect(() => view(...args), `view(${args.join(", ")})`).toThrow(TypeError);
      }
      const detach = native.detach as (...args: unknown[]) => unknown;
      for (const value of [undefined, null, 1, "x", {}, new Uint8Array(4), new SharedArrayBuffer(8)]) {
        expect(() => detach(value)).toThrow(TypeError);
      }
    });
  });
}
