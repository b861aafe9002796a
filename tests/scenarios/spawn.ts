// Parents with children; the first argument says which.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import process from "node:process";
import { coprocess, EventFd, Fd, spawn } from "../../lib/fd/mod.ts";
import { type Lane, laneCommand } from "../support/lanes.ts";

async function narrow(): Promise<{ refused: number; started: number }> {
  await (await spawn("true")).status;
  using wanted = Fd.open("/dev/null");
  const held: Fd[] = [];
  let refused = 0;
  let started = 0;
  try {
    for (;;) held.push(wanted.dup());
  } catch (error) {
    assert.equal((error as { code: string }).code, "EMFILE");
  }
  for (let free = 0; free < 24; free++) {
    try {
      const child = await spawn("true", [], { stdin: "pipe", stdout: "pipe", stderr: "null", fds: { 3: wanted } });
      await child[Symbol.asyncDispose]();
      started++;
    } catch (error) {
      const { name, code } = error as { name: string; code: string };
      assert.deepEqual({ name, code, free }, { name: "SystemError", code: "EMFILE", free });
      refused++;
    }
    held.pop()?.close();
  }
  for (const fd of held) fd.close();
  return { refused, started };
}

const cases: Record<string, () => Promise<void>> = {
  async inherit() {
    await using child = await spawn("sh", ["-c", "echo to stdout; echo to stderr >&2"]);
    assert.deepEqual(await child.status, { code: 0, signal: null });
  },

  // Its child says who it is when 3 has ended, and by then this has ended, too.
  async detached() {
    using go = Fd.from(3);
    using told = Fd.from(4);
    const script = 'read x <&3; set -- $(cat /proc/$$/stat); echo "$1 $4 $5 $6" >&4';
    await using child = await spawn("sh", ["-c", script], { fds: { 3: go, 4: told }, detached: true });
    console.log(child.pid);
  },

  // Starts children with pipes while few descriptors are left, fewer and fewer of them taken.
  async emfile() {
    // A leak of ours grows each time. What a runtime opens at its first trouble (Deno: a pair of sockets) stays, but once.
    let left = Infinity;
    let refused = 0;
    let started = 0;
    for (let round = 0; round < 3; round++) {
      const before = readdirSync("/proc/self/fd").length;
      ({ refused, started } = await narrow());
      left = Math.min(left, Math.max(0, readdirSync("/proc/self/fd").length - before));
    }
    console.log(JSON.stringify({ refused, started, left }));
  },

  // To be killed: its coprocess says at 3 when its input has ended.
  async parent() {
    using told = Fd.from(3);
    await using child = await coprocess("sh", ["-c", "while read x; do echo $x; done; echo ended >&3"], {
      fds: { 3: told },
    });
    told.close();
    await child.writeLine("hello");
    console.log(await child.readLine());
    await child.readLine(); // For ever.
  },

  // Gives a counter to another runtime, and counts with it.
  async counting() {
    using there = EventFd.create({ semaphore: true });
    using back = EventFd.create();
    const [command, ...args] = laneCommand(process.argv[3] as Lane, "tests/scenarios/spawn.ts", ["counter"]);
    await using child = await spawn(command!, args, { fds: { 3: there.fd, 4: back.fd } });
    there.add(5);
    let counted = 0n;
    while (counted < 15n) counted += await back.read({ timeout: 20_000 });
    const status = await child.status;
    console.log(JSON.stringify({ counted: String(counted), ...status, left: String(there.tryRead()) }));
  },

  async counter() {
    using there = EventFd.from(Fd.from(3));
    using back = EventFd.from(Fd.from(4));
    for (let i = 1; i <= 5; i++) {
      assert.equal(i % 2 === 0 ? there.readSync({ timeout: 20_000 }) : await there.read({ timeout: 20_000 }), 1n);
      back.add(i);
    }
  },
};

await cases[process.argv[2]!]!();
