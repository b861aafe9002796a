// Pipes and FIFOs between every two runtimes, with four writers at once, with programs that know nothing of hawser, and with
// ends that are killed.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Fd, Fifo, pipe } from "../../lib/fd/mod.ts";
import { type Ended, type Lane, laneCommand, lanes, pairs, scenarioPath, start, startLane } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { tmpdir, watchdog } from "../support/watchdog.ts";

/** What the scenario `fifo` writes, and what it says of that when it has read it. */
const all = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
const told = `${JSON.stringify({ length: all.length, sum: all.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7) })}\n`;

/** Starts a scenario with a descriptor at number 3. */
function startWith(lane: Lane, args: readonly string[], fd: Fd) {
  return start(laneCommand(lane, scenarioPath("fifo"), args), {
    stdio: ["ignore", "pipe", "pipe", fd.number],
    timeout: 60_000,
  });
}

for (const [a, b] of pairs) {
  test(`${a} writes a pipe and a FIFO that ${b} reads`, { timeout: 60_000 }, async () => {
    using folder = tmpdir();
    using fifo = Fifo.make(folder.file("fifo"));
    await using reader = startLane(b, "fifo", { args: ["read", fifo.path], timeout: 30_000 });
    await using writer = startLane(a, "fifo", { args: ["write", fifo.path], timeout: 30_000 });
    expect(await writer.ended()).toMatchObject({ status: 0, stderr: "" });
    expect(await reader.ended()).toMatchObject({ status: 0, stdout: told, stderr: "" });

    using ends = pipe({ capacity: 4096 });
    await using taker = startWith(b, ["take", ""], ends.reader);
    await using giver = startWith(a, ["give", ""], ends.writer);
    ends[Symbol.dispose]();
    expect(await giver.ended()).toMatchObject({ status: 0, stderr: "" });
    expect(await taker.ended()).toMatchObject({ status: 0, stdout: told, stderr: "" });
  });
}

/** Has the four runtimes write 200 records each at the same time: how many of them came whole, and how many turns there were. */
async function fourWriters(size: number): Promise<{ whole: number; turns: number; bytes: number }> {
  using ends = pipe();
  using gate = pipe();
  const writers = lanes.map((lane, i) =>
    start(laneCommand(lane, scenarioPath("fifo"), ["letters", "abcd"[i]!, String(size)]), {
      stdio: ["ignore", "pipe", "pipe", ends.writer.number, gate.reader.number],
      timeout: 60_000,
    })
  );
  try {
    ends.writer.close();
    for (const writer of writers) await writer.line("ready");
    gate.writer.writeSync(new Uint8Array(writers.length));
    const got = await ends.reader.readAll({ timeout: 50_000 });
    for (const writer of writers) expect(await writer.ended()).toMatchObject({ status: 0, stderr: "" });
    let whole = 0;
    let turns = 0;
    for (let at = 0; at < got.length; at += size) {
      const record = got.subarray(at, at + size);
      if (record.every((byte) => byte === record[0])) whole++;
      if (at > 0 && got[at - 1] !== record[0]) turns++;
    }
    return { whole, turns, bytes: got.length };
  } finally {
    for (const writer of writers) await writer[Symbol.asyncDispose]();
  }
}

test("records of PIPE_BUF bytes by four writers on four runtimes are never mixed", { timeout: 90_000 }, async () => {
  const { whole, turns, bytes } = await fourWriters(4096);
  expect({ whole, bytes }).toEqual({ whole: 800, bytes: 800 * 4096 });
  // Where each wrote after the other nothing could have been mixed.
  expect(turns).toBeGreaterThan(3);
  console.log(`800 records whole, in ${turns + 1} turns`);
});

test("larger records are mixed: the test before sees it where it happens", { timeout: 90_000 }, async () => {
  const { whole, bytes } = await fourWriters(30_000);
  expect(bytes).toBe(800 * 30_000);
  expect(whole).toBeLessThan(800);
});

async function run(command: readonly string[]): Promise<Ended> {
  await using running = start(command);
  return await running.ended();
}

test("cat, dd and sh are at the other end of a FIFO", async () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  {
    await using cat = start(["cat", fifo.path]);
    using writer = await Fifo.open(fifo.path, "write", { timeout: 10_000 });
    await writer.writeAll(new TextEncoder().encode("one\ntwo\n"));
    writer.close();
    expect(await cat.ended()).toMatchObject({ status: 0, stdout: "one\ntwo\n" });
  }
  {
    await using dd = start(["dd", "if=/dev/zero", `of=${fifo.path}`, "bs=1000", "count=300"]);
    using reader = await Fifo.open(fifo.path, "read", { timeout: 10_000 });
    expect((await reader.readAll({ timeout: 10_000 })).length).toBe(300_000);
    expect(await dd.ended()).toMatchObject({ status: 0 });
  }
  {
    await using sh = start(["sh", "-c", 'while read line; do echo "got $line"; done < "$0"', fifo.path]);
    using writer = Fifo.openSync(fifo.path, "write", { timeout: 10_000 });
    writer.writeAllSync(new TextEncoder().encode("a\nb\n"));
    writer.close();
    expect(await sh.ended()).toMatchObject({ status: 0, stdout: "got a\ngot b\n" });
  }
});

test("C and Python write FIFOs that hawser made, and read what it writes", async (context) => {
  needs(context, "gcc", "python3");
  using folder = tmpdir();
  writeFileSync(
    folder.file("x.c"),
    `#include <fcntl.h>
#include <unistd.h>
int main(int argc, char **argv) {
  int fd = open(argv[argc - 1], O_WRONLY);
  for (int i = 0; i < 100; i++) if (write(fd, "0123456789", 10) != 10) return 1;
  return close(fd);
}
`,
  );
  expect(await run(["gcc", "-Wall", "-Werror", "-o", folder.file("x"), folder.file("x.c")])).toMatchObject({
    status: 0,
  });
  using fifo = Fifo.make(folder.file("fifo"));
  {
    await using program = start([folder.file("x"), fifo.path]);
    using reader = await Fifo.open(fifo.path, "read", { timeout: 10_000 });
    expect(new TextDecoder().decode(await reader.readAll())).toBe("0123456789".repeat(100));
    expect(await program.ended()).toMatchObject({ status: 0 });
  }
  const program = `
import os, stat, sys
assert stat.S_ISFIFO(os.stat(sys.argv[1]).st_mode)
with open(sys.argv[1], "rb") as fifo: print(len(fifo.read()))
`;
  await using python = start(["python3", "-c", program, fifo.path]);
  using writer = await Fifo.open(fifo.path, "write", { timeout: 10_000 });
  await writer.writeAll(all);
  writer.close();
  expect(await python.ended()).toMatchObject({ status: 0, stdout: "200000\n", stderr: "" });
});

test("/proc tells of both ends what lsof would: kind, access, and no more of them than there are", async () => {
  using folder = tmpdir();
  using fifo = Fifo.make(folder.file("fifo"));
  const child = spawn("sleep", ["60"]);
  try {
    const reading = Fifo.open(fifo.path, "read");
    using writer = await Fifo.open(fifo.path, "write");
    using reader = await watchdog(reading, "The reader");
    const flagsOf = (fd: Fd) =>
      Number.parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd.number}`, "utf8"))![1]!, 8);
    // O_CLOEXEC, O_NONBLOCK, and the access.
    expect([flagsOf(reader), flagsOf(writer)].map((flags) => flags & 0o2004003)).toEqual([0o2004000, 0o2004001]);
    // A child that was started before has none of them, and neither has one that is started now.
    const targets = readdirSync(`/proc/${child.pid}/fd`).map((fd) => readlinkSync(`/proc/${child.pid}/fd/${fd}`));
    expect(targets).not.toContain(fifo.path);
    await using ls = start(["sh", "-c", "ls -l /proc/self/fd"]);
    expect((await ls.ended()).stdout).not.toContain(fifo.path);
  } finally {
    child.kill("SIGKILL");
  }
});

for (const lane of lanes) {
  test(`a writer on ${lane} that is killed in the middle of its writing is the end for its reader`, async () => {
    using folder = tmpdir();
    using fifo = Fifo.make(folder.file("fifo"));
    await using writer = startLane(lane, "fifo", { args: ["flood", fifo.path] });
    using reader = await Fifo.open(fifo.path, "read", { timeout: 20_000 });
    await writer.line("writing");
    const buffer = new Uint8Array(70_000);
    for (let read = 0; read < 300_000;) read += await reader.read(buffer, { timeout: 10_000 });
    writer.child.kill("SIGKILL");
    const rest = await reader.readAll({ timeout: 10_000 });
    expect(rest.every((byte) => byte === 0x61)).toBe(true);
    expect((await writer.ended()).signal).toBe("SIGKILL");
  });

  test(`a writer on ${lane} whose reader is killed gets EPIPE and lives on to say so`, async () => {
    using folder = tmpdir();
    using fifo = Fifo.make(folder.file("fifo"));
    await using cat = start(["cat", fifo.path]);
    await using writer = startLane(lane, "fifo", { args: ["flood", fifo.path] });
    await writer.line("writing");
    cat.child.kill("SIGKILL");
    const ended = await writer.ended();
    expect(ended.signal).toBe(null);
    expect(ended.stderr).toContain("EPIPE");
  });
}
