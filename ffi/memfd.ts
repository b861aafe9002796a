// The embedded library as an anonymous file: nothing is written to disk, and Deno needs --allow-ffi alone.
//
// The descriptor stays open for good, since dlopen() knows a library by its path: a later file under the same number
// would get the first library back. Workers look for it before they make one of their own, by the name that
// memfd_create() gave it, and believe it only when it is sealed and holds the very same bytes: a descriptor of that name
// may also have come from another process. Several may look at once, find nothing, and each make one: the lowest number
// wins, and the rest close theirs.

/** The functions of libc that this needs, whatever the runtime's notation. Sizes are `usize`, results numbers. */
export interface Libc {
  close(fd: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  memfd_create(name: Uint8Array, flags: number): number;
  pread(fd: number, buffer: Uint8Array, bytes: number, offset: number): number;
  readlink(path: Uint8Array, buffer: Uint8Array, bytes: number): number;
  write(fd: number, buffer: Uint8Array, bytes: number): number;
}

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_DUPFD_CLOEXEC = 1030;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
/** F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE: the bytes are final. */
const seals = 0xf;

/** Where the descriptor is put: above most others, so that it is soon found and the numbers tell who came first. */
const least = 512;

/** The path of an anonymous file that holds `bytes`: one per process, where the first can be found. */
export function anonymousFile(libc: Libc, bytes: Uint8Array, name: string): string {
  const fd = find(libc, bytes, name) ?? publish(libc, bytes, name);
  return `/proc/self/fd/${fd}`;
}

function publish(libc: Libc, bytes: Uint8Array, name: string): number {
  const made = make(libc, bytes, name);
  const fd = libc.fcntl(made, F_DUPFD_CLOEXEC, least);
  if (fd < 0) return made; // The limit of descriptors is lower than that.
  libc.close(made);
  // The kernel gives out the lowest number that is free, so whoever was here before is found below.
  const first = find(libc, bytes, name) ?? fd;
  if (first !== fd) libc.close(fd);
  return first;
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function find(libc: Libc, bytes: Uint8Array, name: string): number | undefined {
  const wanted = new TextEncoder().encode(`/memfd:${name} (deleted)`);
  const target = new Uint8Array(256);
  // Below `least` are those that are about to be closed. Numbers are given lowest first, so a long gap ends the search;
  // missing the file costs a second copy, no more.
  for (let fd = least, misses = 0; misses < 64; fd++) {
    const length = libc.readlink(text(`/proc/self/fd/${fd}`), target, target.length);
    misses = length < 0 ? misses + 1 : 0;
    if (length !== wanted.length || !wanted.every((byte, i) => byte === target[i])) continue;
    if (sealed(libc, fd) && holds(libc, fd, bytes)) return fd;
  }
  return undefined;
}

/** Where vm.memfd_noexec is set the kernel adds a seal of its own, which keeps dlopen() from nothing. */
function sealed(libc: Libc, fd: number): boolean {
  const found = libc.fcntl(fd, F_GET_SEALS, 0);
  return found >= 0 && (found & seals) === seals;
}

function holds(libc: Libc, fd: number, bytes: Uint8Array): boolean {
  const found = new Uint8Array(bytes.length + 1);
  return libc.pread(fd, found, found.length, 0) === bytes.length && bytes.every((byte, i) => byte === found[i]);
}

function make(libc: Libc, bytes: Uint8Array, name: string): number {
  const fd = libc.memfd_create(text(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw new Error("memfd_create failed");
  for (let at = 0; at < bytes.length;) {
    const written = libc.write(fd, bytes.subarray(at), bytes.length - at);
    if (written <= 0) throw new Error("write to a memfd failed");
    at += written;
  }
  if (libc.fcntl(fd, F_ADD_SEALS, seals) !== 0) throw new Error("sealing a memfd failed");
  return fd;
}
