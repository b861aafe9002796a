// Descriptors on the oldest runtimes: opened, asked, copied, handed over and closed, each refusal by its name, and
// nothing that a child process inherits.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { Fd, type OpenFlag } from "../../lib/fd/mod.ts";
import { tmpdir } from "../support/watchdog.ts";

using folder = tmpdir();
const path = folder.file("file");
const link = folder.file("link");
writeFileSync(path, "12345", { mode: 0o640 });
symlinkSync(path, link);

const linkOf = (fd: Fd) => readlinkSync(`/proc/self/fd/${fd.number}`);
const flagsOf = (fd: Fd) =>
  parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd.number}`, "utf8"))![1]!, 8);
const O_CLOEXEC = 0o2000000;

const kinds: [string, OpenFlag[], string][] = [
  [path, [], "file"],
  [folder.path, ["O_DIRECTORY"], "directory"],
  [link, ["O_PATH", "O_NOFOLLOW"], "symbolic link"],
  ["/dev/null", ["O_RDWR"], "character device"],
];
for (const [name, flags, kind] of kinds) {
  using fd = Fd.open(name, flags);
  assert.equal(fd.stat().kind, kind);
  assert.equal(linkOf(fd), name);
  assert(flagsOf(fd) & O_CLOEXEC, "close-on-exec from birth");
}

const refused: [string, OpenFlag[], string][] = [
  [`${path}-missing`, [], "ENOENT"],
  [`${path}/below`, [], "ENOTDIR"],
  [path, ["O_DIRECTORY"], "ENOTDIR"],
  [path, ["O_CREAT", "O_EXCL"], "EEXIST"],
  [folder.path, ["O_WRONLY"], "EISDIR"],
  [link, ["O_NOFOLLOW"], "ELOOP"],
];
for (const [name, flags, code] of refused) {
  assert.throws(() => Fd.open(name, flags), { name: "SystemError", code, path: name }, code);
}
assert.throws(() => Fd.open(path, "O_SOMETHING" as OpenFlag), RangeError);
assert.throws(() => Fd.open(7 as unknown as string), TypeError);
assert.throws(() => Fd.from(100_000), { code: "EBADF", errno: -9 });

{
  using fd = Fd.open(path);
  const { ino } = statSync(path, { bigint: true });
  const { kind, size, mode, links, inode } = fd.stat();
  assert.deepEqual([kind, size, mode, links, inode], ["file", 5, 0o640, 1, ino]);

  using above = Fd.open(folder.path);
  assert.equal(fd.stat().device, above.stat().device);

  using copy = fd.dup(100);
  assert(copy.number >= 100);
  assert(flagsOf(copy) & O_CLOEXEC);
  const number = copy.release();
  assert(copy.closed);
  assert.throws(() => copy.stat(), TypeError);
  using taken = Fd.from(number);
  fd.close();
  fd.close();
  assert.throws(() => fd.number, TypeError);
  assert.equal(taken.stat().inode, ino);

  // A child lists its own descriptors: no file of ours may be among them.
  const listed = await new Promise<string>((done, failed) =>
    execFile("/bin/ls", ["-l", "/proc/self/fd"], (error, stdout) => error ? failed(error) : done(stdout))
  );
  assert.match(listed, / 1 -> /);
  assert(!listed.includes(path), listed);
}
const open = readdirSync("/proc/self/fd").filter((fd) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.path);
  } catch {
    return false; // The listing's own.
  }
});
assert.deepEqual(open, []);
console.log("ok");
