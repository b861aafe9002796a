// The C that toC() writes, as compilers see it: same sizes, same offsets, same values.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  array,
  atomicU32,
  bool,
  bytes,
  embedded,
  enumeration,
  f32,
  f64,
  i64,
  type Infer,
  type Input,
  struct,
  u16,
  u16be,
  u32be,
  u64,
  u64be,
  u8,
  utf8,
} from "../../lib/layout/mod.ts";
import { bin } from "../../tools/bins.mjs";
import { needs } from "../support/needs.ts";
import { Random, randomStruct, seed } from "../random_layouts.ts";

const structs = 200;
let folder: string;

beforeAll(() => {
  console.log(`layout_gcc: HAWSER_SEED=${seed}`);
  folder = mkdtempSync(join(tmpdir(), "hawser-layout-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Compiles and returns the program's path. */
function compile(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(`${path}.c`, source);
  const gcc = spawnSync("gcc", ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o", path, `${path}.c`], {
    encoding: "utf8",
  });
  expect(gcc.stderr, `gcc; replay with HAWSER_SEED=${seed}`).toBe("");
  expect(gcc.status).toBe(0);
  return path;
}

/** The name a field has in C. */
function memberOf(text: string, tag: string, name: string): string {
  const body = text.slice(text.indexOf(`struct ${tag} {\n`));
  const lines = body.slice(0, body.indexOf("\n};")).split("\n");
  const renamed = lines.find((line) => line.endsWith(`; /* ${name} */`) || line.endsWith(` */ /* ${name} */`));
  return renamed?.match(/([A-Za-z0-9_]+)(\[\d+\])*;/)?.[1] ?? name;
}

/** toC() of many random structs, and a program that prints what the compiler makes of them. */
function randomProgram(): { source: string; declarations: string; expected: string[] } {
  const random = new Random(seed);
  const expected: string[] = [];
  const prints: string[] = [];
  const texts: string[] = [];
  for (let i = 0; i < structs; i++) {
    const tag = `s${i}`;
    const { layout } = randomStruct(random, 12, 3);
    const text = layout.toC(tag);
    texts.push(text);
    expected.push(`${tag} ${layout.size} ${layout.align}`);
    prints.push(`printf("${tag} %zu %zu\\n", sizeof(struct ${tag}), _Alignof(struct ${tag}));`);
    for (const [name, offset] of Object.entries(layout.offsets)) {
      const member = memberOf(text, tag, name);
      expected.push(`${tag}.${name} ${offset} ${layout.fields[name]!.size}`);
      prints.push(
        `printf("${tag}.${name} %zu %zu\\n", offsetof(struct ${tag}, ${member}), sizeof(((struct ${tag} *)0)->${member}));`,
      );
    }
  }
  const declarations = texts.join("\n");
  return {
    declarations,
    expected,
    source: `${declarations}\n#include <stdio.h>\nint main(void) {\n${prints.join("\n")}\n}\n`,
  };
}

test(`toC() of ${structs} random structs has the same sizes and offsets for gcc`, (context) => {
  needs(context, "gcc");
  const { source, expected } = randomProgram();
  // Without our own assertions, which would speak first: here the compiler's figures are asked for.
  const program = compile("random", source.replace(/^static_assert\(.*$/gm, ""));
  const run = spawnSync(program, { encoding: "utf8", maxBuffer: 1 << 26 });
  expect(run.stdout.trimEnd().split("\n"), `replay with HAWSER_SEED=${seed}`).toEqual(expected);
  expect(expected.length).toBeGreaterThan(structs * 2);
}, 120_000);

for (const target of ["x86_64-linux-gnu", "aarch64-linux-gnu", "aarch64-linux-musl"]) {
  test(`toC() of ${structs} random structs passes its own assertions for ${target}`, () => {
    const path = join(folder, `${target}.c`);
    writeFileSync(path, randomProgram().declarations);
    const cc = spawnSync(bin("zig"), ["cc", "-target", target, "-std=c11", "-Werror", "-c", "-o", `${path}.o`, path], {
      encoding: "utf8",
    });
    expect(cc.stderr, `replay with HAWSER_SEED=${seed}`).toBe("");
    expect(cc.status).toBe(0);
  }, 120_000);
}

test("the assertions of toC() fail where the layout is another", () => {
  const path = join(folder, "i386.c");
  // On i386 a 64-bit integer is aligned to 4.
  writeFileSync(path, struct({ a: u8, b: u64 }).toC("sample"));
  const cc = spawnSync(bin("zig"), ["cc", "-target", "x86-linux-musl", "-c", "-o", `${path}.o`, path], {
    encoding: "utf8",
  });
  expect(cc.status).not.toBe(0);
  expect(cc.stderr).toContain("sizeof sample");
}, 120_000);

test("toC() may be included twice", (context) => {
  needs(context, "gcc");
  writeFileSync(join(folder, "twice.h"), struct({ a: u8, state: enumeration({ idle: 0 }) }).toC("twice"));
  compile("twice", `#include "twice.h"\n#include "twice.h"\nint main(void) { return twice_state_idle; }\n`);
}, 120_000);

test("toC() is C++ too, atomic fields aside", (context) => {
  needs(context, "g++");
  const path = join(folder, "sample.cpp");
  const Sample = struct({ class: u8, this: u64, state: enumeration({ new: 0, delete: 1 }), ok: bool, name: utf8(9) });
  writeFileSync(path, `${Sample.toC("sample")}\nint main() { return sample_state_new; }\n`);
  const cc = spawnSync("g++", ["-std=c++17", "-Wall", "-Werror", "-fsyntax-only", path], {
    encoding: "utf8",
  });
  expect(cc.stderr).toBe("");
  expect(cc.status).toBe(0);
}, 120_000);

const lock = embedded({ name: "lock", size: 40, align: 8, open: () => null });
const Record_ = struct({
  small: u8,
  wide: u64,
  signed: i64,
  port: u16be,
  address: u32be,
  stamp: u64be,
  ratio: f32,
  exact: f64,
  yes: bool,
  state: enumeration({ idle: 0, busy: 7 }),
  mood: enumeration({ bad: -1, good: 1 }),
  tiny: enumeration({ off: 0, on: 1 }, u8),
  name: utf8(8),
  raw: bytes(3),
  grid: array(array(u16, 2), 3),
  lock,
  inner: struct({ hits: atomicU32, int: f64 }),
});

const sent: Input<Infer<typeof Record_>> = {
  small: 200,
  wide: 2n ** 63n + 5n,
  signed: -(2n ** 62n),
  port: 8080,
  address: 0x7f000001,
  stamp: 0x0102030405060708n,
  ratio: 0.25,
  exact: -1e300,
  yes: true,
  state: "busy",
  mood: "bad",
  tiny: "on",
  name: "häwser!",
  raw: Uint8Array.of(1, 2, 3),
  grid: [[1, 2], [3, 4], [5, 60_000]],
  inner: { hits: 42, int: 1.5 },
};

test("C reads what write() wrote, and read() reads what C wrote", (context) => {
  needs(context, "gcc");
  const program = compile(
    "record",
    `${Record_.toC("record")}
#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>
#define CHECK(e) do { if (!(e)) { fprintf(stderr, "not true in C: %s\\n", #e); return 1; } } while (0)
int main(void) {
  struct record r;
  CHECK(fread(&r, sizeof r, 1, stdin) == 1);
  CHECK(r.small == 200);
  CHECK(r.wide == UINT64_C(9223372036854775813));
  CHECK(r.signed_ == -INT64_C(4611686018427387904));
  CHECK(ntohs(r.port) == 8080);
  CHECK(ntohl(r.address) == 0x7f000001);
  CHECK(be64toh(r.stamp) == UINT64_C(0x0102030405060708));
  CHECK(r.ratio == 0.25f);
  CHECK(r.exact == -1e300);
  CHECK(r.yes);
  CHECK(r.state == record_state_busy);
  CHECK((int)r.mood == record_mood_bad);
  CHECK(r.tiny == record_tiny_on);
  CHECK(memcmp(r.name, "h\\303\\244wser!", 8) == 0);
  CHECK(r.raw[0] == 1 && r.raw[2] == 3);
  CHECK(r.grid[0][1] == 2 && r.grid[2][1] == 60000);
  CHECK(r.inner.hits == 42);
  CHECK(r.inner.int_ == 1.5);
  r.small = 1;
  r.wide = 2;
  r.signed_ = -3;
  r.port = htons(4);
  r.address = htonl(5);
  r.stamp = htobe64(6);
  r.ratio = 7.5f;
  r.exact = 8.25;
  r.yes = false;
  r.state = record_state_idle;
  r.mood = record_mood_good;
  r.tiny = record_tiny_off;
  memset(r.name, 'x', sizeof r.name);
  strcpy(r.name, "c");
  memset(r.raw, 9, sizeof r.raw);
  memset(r.grid, 0, sizeof r.grid);
  r.grid[1][0] = 10;
  r.inner.hits += 1;
  r.inner.int_ = 11;
  return fwrite(&r, sizeof r, 1, stdout) == 1 ? 0 : 1;
}
`,
  );
  const memory = new Uint8Array(Record_.size);
  Record_.write(memory, sent);
  const run = spawnSync(program, { input: memory });
  expect(run.stderr.toString()).toBe("");
  expect(run.status).toBe(0);
  expect(Record_.read(run.stdout)).toEqual({
    small: 1,
    wide: 2n,
    signed: -3n,
    port: 4,
    address: 5,
    stamp: 6n,
    ratio: 7.5,
    exact: 8.25,
    yes: false,
    state: "idle",
    mood: "good",
    tiny: "off",
    name: "c",
    raw: Uint8Array.of(9, 9, 9),
    grid: [[0, 0], [10, 0], [0, 0]],
    inner: { hits: 43, int: 11 },
  });
}, 120_000);
