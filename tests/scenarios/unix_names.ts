// What the whole process decides about a unix socket's path: its umask, and its working directory.
import assert from "node:assert/strict";
import { existsSync, lstatSync, readdirSync } from "node:fs";
import process from "node:process";
import { Fd } from "../../lib/fd/mod.ts";
import { UnixListener, UnixSocket } from "../../lib/socket/mod.ts";

const folder = process.argv[2]!;
const path = `${folder}/s`;
const modeOf = (file: string) => lstatSync(file).mode & 0o7777;

process.umask(0o077);
for (const mode of [0o600, 0o666, 0o660, 0o000, 0o1777]) {
  using listener = UnixListener.listen({ path }, { mode });
  assert.equal(modeOf(path), mode);
  assert(lstatSync(path).isSocket());
  assert.deepEqual(listener.getsockname(), { path });
  listener.close();
  assert(!existsSync(path));
  listener.close();
  using datagram = UnixSocket.bind({ path }, { mode });
  assert.equal(modeOf(path), mode);
  assert.deepEqual(datagram.getsockname(), { path });
}
process.umask(0);
{
  using _listener = UnixListener.listen({ path });
  assert.equal(modeOf(path), 0o600);
}

process.chdir(folder);
const stale = UnixListener.listen({ path: "s" });
Fd.from(stale.fd.release()).close();
{
  using listener = UnixListener.listen({ path: "s" });
  assert.deepEqual(listener.getsockname(), { path: "s" });
  assert.deepEqual(readdirSync(folder), ["s"]);
}
assert.deepEqual(readdirSync(folder), []);
console.log("ok");
