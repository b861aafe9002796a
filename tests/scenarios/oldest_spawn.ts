// Programs, EventFd and PidFd on the oldest runtimes that are claimed.
import assert from "node:assert/strict";
import process from "node:process";
import { coprocess, EventFd, Fd, PidFd, pipeline, run, spawn } from "../../lib/fd/mod.ts";

using one = Fd.open("/etc/passwd");
using two = Fd.open("/dev/null");
const fds = { [one.number]: two, [two.number]: one };
const swapped = await run("readlink", [one, two].map(({ number }) => `/proc/self/fd/${number}`), { fds });
assert.equal(swapped.stdout, "/dev/null\n/etc/passwd\n");

assert.equal((await pipeline([["printf", "b\\na\\n"], ["sort"]], { timeout: 20_000 })).stdout, "a\nb\n");
await assert.rejects(run("/nowhere/x"), { name: "SystemError", code: "ENOENT", path: "/nowhere/x" });

using event = EventFd.create();
{
  const script = "printf '\\003\\0\\0\\0\\0\\0\\0\\0' >&7; exec sleep 60";
  await using child = await spawn("sh", ["-c", script], { fds: { 7: event.fd }, env: { PATH: process.env.PATH! } });
  assert.equal(await event.read({ timeout: 20_000 }), 3n);
  using pid = PidFd.open(child.pid);
  const exited = pid.exited({ timeout: 20_000 });
  assert(pid.kill("SIGKILL"));
  await exited;
  assert.deepEqual(await child.status, { code: null, signal: "SIGKILL" });
}

await using cat = await coprocess("cat");
await cat.writeLine("as it was");
assert.equal(await cat.readLine({ timeout: 20_000 }), "as it was");
await cat.end();
assert.deepEqual([await cat.readLine(), await cat.status], [null, { code: 0, signal: null }]);
console.log("ok");
