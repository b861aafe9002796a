// The record that goes with the bytes of a message across the boundary (zig/src/socket.zig, Envelope), and what it says.
//
// There is one for each JS thread: a call fills it and it is read before anything else runs.

import { load } from "../../ffi/load.ts";
import { layouts, message_fds_max, options } from "../../ffi/symbols.ts";
import { describe, integer, requiredOptions } from "../core/_arguments.ts";
import { Fd, owned } from "../fd/fd.ts";
import { type Credentials, UnixMessage } from "./message.ts";
import { decodeAddress } from "./address.ts";

const at = layouts.envelope;
const { envelopeFlags } = options;

/** What is sent with nothing but bytes. */
export const plain: Uint8Array = new Uint8Array(at.size);
/** What is sent or received with more. */
export const envelope: Uint8Array = new Uint8Array(at.size);
const view = new DataView(envelope.buffer);

/** Checks the descriptors of a message, each open, and not too many: a list that stays as it is while the message waits. */
export function checkFds(fds: readonly Fd[]): readonly Fd[] {
  if (!Array.isArray(fds)) throw new TypeError(`fds must be an array: got ${describe(fds)}`);
  if (fds.length > message_fds_max) {
    throw new RangeError(
      `fds must be at most ${message_fds_max}, which is all that a message carries: got ${fds.length}`,
    );
  }
  const list = [...fds];
  for (const fd of list) {
    if (!(fd instanceof Fd)) throw new TypeError(`fds must hold Fds: got ${describe(fd)}`);
    void fd.number; // Throws where it is closed.
  }
  return list;
}

/** Checks credentials that somebody gives as his. */
export function checkCredentials(credentials: Credentials): void {
  const { pid, uid, gid } = requiredOptions(credentials, ["pid", "uid", "gid"], "{ pid: 1, uid: 0, gid: 0 }");
  integer(pid, "pid", 0, 0x7fff_ffff);
  integer(uid, "uid", 0, 0xffff_fffe);
  integer(gid, "gid", 0, 0xffff_fffe);
}

/** Fills the envelope for sending, and returns it. The descriptors are open at this moment, or this throws. */
export function fill(
  fds: readonly Fd[],
  credentials: Credentials | undefined,
  address: Uint8Array | undefined,
): Uint8Array {
  view.setUint32(at.flags, credentials === undefined ? 0 : envelopeFlags.credentials, true);
  if (credentials !== undefined) {
    view.setUint32(at.pid, credentials.pid, true);
    view.setUint32(at.uid, credentials.uid, true);
    view.setUint32(at.gid, credentials.gid, true);
  }
  view.setUint32(at.address_bytes, address?.length ?? 0, true);
  if (address !== undefined) envelope.set(address, at.address);
  view.setUint32(at.fd_count, fds.length, true);
  // Not the error of a closed socket.
  if (fds.some((fd) => fd.closed)) throw new TypeError("Cannot send the descriptors: one was closed meanwhile");
  fds.forEach((fd, i) => view.setInt32(at.fds + 4 * i, fd.number, true));
  return envelope;
}

/** Makes a message of what was received. The descriptors are the message's, or closed where it can't be made. */
export function open(data: () => Uint8Array, named: boolean): UnixMessage {
  const flags = view.getUint32(at.flags, true);
  const count = view.getUint32(at.fd_count, true);
  const pidfd = view.getInt32(at.pidfd, true);
  const fds: Fd[] = [];
  let process: Fd | null = null;
  try {
    for (let i = 0; i < count; i++) fds.push(owned(view.getInt32(at.fds + 4 * i, true)));
    if (pidfd >= 0) process = owned(pidfd);
    const from = named ? envelope.subarray(at.address, at.address + view.getUint32(at.address_bytes, true)) : null;
    return new UnixMessage({
      data: data(),
      fds,
      credentials: (flags & envelopeFlags.credentials) === 0 ? null : {
        pid: view.getUint32(at.pid, true),
        uid: view.getUint32(at.uid, true),
        gid: view.getUint32(at.gid, true),
      },
      pidfd: process,
      from: from && decodeAddress(from),
      truncated: (flags & envelopeFlags.truncated) !== 0,
      fdsDropped: (flags & envelopeFlags.dropped) !== 0,
      end: (flags & envelopeFlags.end) !== 0,
    });
  } catch (error) {
    // Out of memory: by number, since some have no Fd.
    for (let i = 0; i < count; i++) load().core.hawser_fd_close(view.getInt32(at.fds + 4 * i, true));
    if (pidfd >= 0) load().core.hawser_fd_close(pidfd);
    throw error;
  }
}
