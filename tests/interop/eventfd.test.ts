// An EventFd, and chosen descriptors, between every two runtimes; and with programs that know nothing of hawser.
import { writeFileSync } from "node:fs";
import { expect, test, type TestContext } from "vitest";
import { EventFd, run, spawn } from "../../lib/fd/mod.ts";
import { pairs, spawnLane } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { tmpdir, watchdog } from "../support/watchdog.ts";

for (const [a, b] of pairs) {
  test(`${b} counts with the EventFd that ${a} gave it`, async () => {
    const { stdout, stderr, status } = await spawnLane(a, "spawn", ["counting", b], { timeout: 60_000 });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    expect(JSON.parse(stdout)).toEqual({ counted: "15", code: 0, signal: null, left: "null" });
  });
}

const source = `
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Waits for 3 five times, and says what came; answers each by 1 at 4, and the end by more. */
int main(void) {
  struct pollfd there = { .fd = 3, .events = POLLIN };
  eventfd_t value;
  printf("ready\\n");
  fflush(stdout);
  for (int i = 0; i < 5; i++) {
    if (poll(&there, 1, 20000) != 1) return 2;
    if (eventfd_read(3, &value) != 0) return perror("eventfd_read"), 3;
    printf("%llu\\n", (unsigned long long)value);
    fflush(stdout);
    if (eventfd_write(4, 1) != 0) return perror("eventfd_write"), 4;
  }
  return eventfd_write(4, 7ull << 40) == 0 ? 0 : 5;
}
`;

test("C reads and adds with eventfd(2)", async (context: TestContext) => {
  needs(context, "gcc");
  using folder = tmpdir();
  writeFileSync(folder.file("event.c"), source);
  const flags = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2"];
  const gcc = await run("gcc", [...flags, "-o", folder.file("event"), folder.file("event.c")]);
  expect(gcc).toMatchObject({ code: 0, stderr: "" });
  using there = EventFd.create();
  using back = EventFd.create();
  await using child = await spawn(folder.file("event"), [], { stdout: "pipe", fds: { 3: there.fd, 4: back.fd } });
  const buffer = new Uint8Array(100);
  const said = async () => new TextDecoder().decode(buffer.subarray(0, await child.stdout.read(buffer)));
  expect(await watchdog(said(), "C's word")).toBe("ready\n");
  for (const value of [1n, 2n ** 63n, 5n, 2n ** 64n - 2n, 3n]) {
    there.add(value);
    expect(await watchdog(said(), "C's word")).toBe(`${value}\n`);
  }
  expect(await watchdog(child.status, "C's end")).toEqual({ code: 0, signal: null });
  expect(back.tryRead()).toBe(5n + (7n << 40n));
});

test("Python waits with select and reads, the shell adds with printf", async (context: TestContext) => {
  needs(context, "python3");
  using event = EventFd.create();
  using back = EventFd.create({ semaphore: true });
  const program = "import os, select; select.select([3], [], [], 20); os.eventfd_write(4, os.eventfd_read(3) * 2)";
  await using python = await spawn("python3", ["-c", program], { fds: { 3: event.fd, 4: back.fd } });
  await using shell = await spawn("sh", ["-c", "printf '\\005\\0\\0\\0\\0\\0\\0\\0' >&9"], { fds: { 9: event.fd } });
  for (let i = 0; i < 10; i++) expect(await watchdog(back.read(), "Python's answer", 20_000)).toBe(1n);
  expect(back.tryRead()).toBe(null);
  expect([await python.status, await shell.status]).toEqual([{ code: 0, signal: null }, { code: 0, signal: null }]);
});
