// A full file system and other users' files: what a machine may hold in store.
import { chmodSync, chownSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { laneCommand, lanes, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { asNobody, needsRoot, nobody } from "../support/nobody.ts";
import { tmpdir, unique } from "../support/watchdog.ts";

for (const lane of lanes) {
  test(`a file system of 1 MiB is ENOSPC when memory is made, and never a SIGBUS later, on ${lane}`, async (context) => {
    needs(context, "unshare", "mount");
    // Users may do so where the kernel gives them a user namespace.
    const unshare = process.getuid!() === 0 ? ["unshare", "-m"] : ["unshare", "-r", "-m"];
    await using probe = start([...unshare, "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]);
    if ((await probe.ended()).status !== 0) context.skip("needs to mount in a namespace");
    using folder = tmpdir();
    const script =
      `mount -t tmpfs -o size=1m tmpfs /dev/shm && mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"`;
    const command = laneCommand(lane, "tests/scenarios/memory_peer.ts", ["full", unique("full"), folder.path]);
    await using running = start([...unshare, "sh", "-c", script, "sh", folder.path, ...command]);
    expect(await running.ended()).toMatchObject({ status: 0, signal: null, stdout: "done\n", stderr: "" });
  });
}

const setting = "/proc/sys/fs/protected_regular";
for (const value of ["0", "2"]) {
  test(`with fs.protected_regular ${value} another user's file is told as his, and the option owner opens it`, async (context) => {
    needsRoot(context);
    const before = readFileSync(setting, "utf8").trim();
    try {
      writeFileSync(setting, value);
      onTestFinished(() => writeFileSync(setting, before));
    } catch {
      // In a container it may be read-only; what must hold holds with any value.
      console.log(`fs.protected_regular stays ${before}: it can't be set here`);
    }
    const [theirs, ours, closed] = [unique("theirs"), unique("ours"), unique("closed")];
    onTestFinished(() => [theirs, ours, closed].forEach((name) => unlinkSync(`/dev/shm/${name}`)));
    // Planted by nobody, for root to fall into.
    writeFileSync(`/dev/shm/${theirs}`, "planted", { mode: 0o666 });
    chmodSync(`/dev/shm/${theirs}`, 0o666);
    chownSync(`/dev/shm/${theirs}`, nobody, nobody);
    const text = new RegExp(`it belongs to user ${nobody}, not to this process's \\(EPERM\\)`);
    expect(() => SharedMemory.open(theirs)).toThrow(text);
    expect(() => SharedMemory.openOrCreate(theirs, { size: 4 })).toThrow(text);
    expect(() => SharedMemory.open(theirs, { owner: 0 })).toThrow(/not to user 0 \(EPERM\)/);
    expect(() => SharedMemory.create(theirs, { size: 4 })).toThrow("EEXIST");
    {
      using memory = SharedMemory.openOrCreate(theirs, { size: 4, owner: nobody });
      expect([memory.created, memory.bytes[0]]).toEqual([false, 112]);
    }

    SharedMemory.create(ours, { size: 64, mode: 0o666 }).close();
    SharedMemory.create(closed, { size: 64 }).close();
    using user = asNobody();
    const ended = await user.run(`
      const { SharedMemory } = hawser;
      const refuses = (run, code, message) => assert.throws(run, { name: "SystemError", code, message });
      const [ours, closed] = ${JSON.stringify([ours, closed])};
      refuses(() => SharedMemory.open(ours), "EPERM", /it belongs to user 0/);
      refuses(() => SharedMemory.openOrCreate(ours, { size: 64 }), "EPERM", /it belongs to user 0/);
      refuses(() => SharedMemory.open(closed), "EACCES", /permission denied/);
      refuses(() => SharedMemory.openOrCreate(closed, { size: 64, owner: 0 }), "EACCES", /permission denied/);
      const memory = SharedMemory.openOrCreate(ours, { size: 64, owner: 0 });
      memory.bytes[0] = 5;
      memory.close();
    `);
    expect(ended).toMatchObject({ status: 0, stdout: "done\n", stderr: "" });
    using memory = SharedMemory.open(ours);
    expect(memory.bytes[0]).toBe(5);
  });
}
