// Programs that know nothing of hawser: C with shm_open(3), and Python's multiprocessing.shared_memory.
import { existsSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { type Ended, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { tmpdir, unique } from "../support/watchdog.ts";

const source = `
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* make NAME SIZE | add NAME OFFSET COUNT | unlink NAME */
int main(int argc, char **argv) {
  char name[100];
  if (argc < 3) return 9;
  snprintf(name, sizeof name, "/%s", argv[2]);
  if (strcmp(argv[1], "unlink") == 0) return shm_unlink(name) == 0 ? 0 : 1;
  int made = strcmp(argv[1], "make") == 0;
  int fd = shm_open(name, O_RDWR | (made ? O_CREAT | O_EXCL : 0), 0600);
  if (fd < 0) return perror("shm_open"), 2;
  if (made && ftruncate(fd, atol(argv[3])) != 0) return perror("ftruncate"), 3;
  struct stat st;
  if (fstat(fd, &st) != 0) return 4;
  unsigned char *bytes = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) return perror("mmap"), 5;
  if (made) {
    for (long i = 0; i < st.st_size; i++) bytes[i] = (unsigned char)(i * 3);
    return 0;
  }
  int *word = (int *)(bytes + atol(argv[3]));
  for (long i = atol(argv[4]); i > 0; i--) __atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
  printf("%ld %d %d\\n", (long)st.st_size, bytes[0], __atomic_load_n(word, __ATOMIC_SEQ_CST));
  return 0;
}
`;

async function run(command: readonly string[]): Promise<Ended> {
  await using running = start(command);
  return await running.ended();
}

async function compile(folder: ReturnType<typeof tmpdir>): Promise<string> {
  writeFileSync(folder.file("shm.c"), source);
  const flags = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2"];
  const gcc = await run(["gcc", ...flags, "-o", folder.file("shm"), folder.file("shm.c"), "-lrt"]);
  expect(gcc).toMatchObject({ status: 0, stderr: "" });
  return folder.file("shm");
}

test("C's shm_open sees the same bytes under the same name, both ways", async (context) => {
  needs(context, "gcc");
  using folder = tmpdir();
  const shm = await compile(folder);

  // Ours, opened by C.
  using mine = SharedMemory.create(unique("c"), { size: 5000, temporary: true });
  mine.bytes[0] = 77;
  const words = new Int32Array(mine.buffer);
  const adding = run([shm, "add", mine.name!, "4", "200000"]);
  let added = 0;
  // Both count at once, and nothing is lost.
  while (Atomics.load(words, 1) < 1000 + added || added < 200_000) {
    Atomics.add(words, 1, 1);
    if (++added >= 200_000) break;
    if (added % 1000 === 0) await new Promise((done) => setImmediate(done));
  }
  const ended = await adding;
  expect(ended).toMatchObject({ status: 0, stderr: "" });
  expect(ended.stdout).toMatch(/^5000 77 \d+\n$/);
  expect(Atomics.load(words, 1)).toBe(200_000 + added);

  // C's, opened by us.
  const name = unique("c");
  expect(await run([shm, "make", name, "3000"])).toMatchObject({ status: 0, stderr: "" });
  {
    using theirs = SharedMemory.open(name);
    expect(theirs.size).toBe(3000);
    expect(theirs.bytes.every((byte, i) => byte === ((i * 3) & 255))).toBe(true);
    expect(() => SharedMemory.create(name, { size: 1 })).toThrow("EEXIST");
    expect(SharedMemory.list().find((entry) => entry.name === name)?.size).toBe(3000);
    theirs.resize(6000);
    expect(statSync(`/dev/shm/${name}`).size).toBe(6000);
  }
  expect(await run([shm, "make", name, "1"])).toMatchObject({ status: 2 });
  expect(await run([shm, "unlink", name])).toMatchObject({ status: 0 });
  expect(() => SharedMemory.open(name)).toThrow("ENOENT");
  const last = SharedMemory.create(name, { size: 10 });
  last.close();
  SharedMemory.unlink(name);
  expect(await run([shm, "unlink", name])).toMatchObject({ status: 1 });
});

test("Python's multiprocessing.shared_memory sees the same bytes under the same name, both ways", async (context) => {
  needs(context, "python3");
  // Python's resource tracker unlinks at exit what a process only attached to, and complains: it is told not to.
  const prelude = `
from multiprocessing import shared_memory, resource_tracker
import sys
name = sys.argv[1]
def forget(memory):
    resource_tracker.unregister(memory._name, "shared_memory")
`;
  using mine = SharedMemory.create(unique("py"), { size: 5000, temporary: true });
  mine.bytes.set([1, 2, 3]);
  const attached = await run([
    "python3",
    "-c",
    `${prelude}
memory = shared_memory.SharedMemory(name)
forget(memory)
print(memory.size, bytes(memory.buf[:3]).hex())
memory.buf[4999] = 200
memory.close()
`,
    mine.name!,
  ]);
  expect(attached).toEqual({ stdout: "5000 010203\n", stderr: "", status: 0, signal: null });
  expect(mine.bytes[4999]).toBe(200);
  expect(existsSync(`/dev/shm/${mine.name}`)).toBe(true);

  const name = unique("py");
  const made = await run([
    "python3",
    "-c",
    `${prelude}
memory = shared_memory.SharedMemory(name, create=True, size=7000)
forget(memory)
memory.buf[:4] = b"snek"
memory.close()
`,
    name,
  ]);
  expect(made).toMatchObject({ status: 0, stderr: "" });
  {
    using theirs = SharedMemory.open(name);
    expect(theirs.size).toBe(7000);
    expect(new TextDecoder().decode(theirs.bytes.subarray(0, 4))).toBe("snek");
  }
  SharedMemory.unlink(name);
  const gone = await run([
    "python3",
    "-c",
    `${prelude}
try:
    shared_memory.SharedMemory(name)
except FileNotFoundError:
    print("gone")
`,
    name,
  ]);
  expect(gone).toMatchObject({ stdout: "gone\n", status: 0 });
  if (existsSync(`/dev/shm/${name}`)) unlinkSync(`/dev/shm/${name}`);
});
