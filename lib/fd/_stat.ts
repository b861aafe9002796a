import { layouts } from "../../ffi/symbols.ts";
import type { FdKind, FdStat } from "./types.ts";

const kinds: Readonly<Record<number, FdKind>> = {
  0o010000: "fifo",
  0o020000: "character device",
  0o040000: "directory",
  0o060000: "block device",
  0o100000: "file",
  0o120000: "symbolic link",
  0o140000: "socket",
};

/** Reads the library's Stat record. */
export function readStat(record: Uint8Array): FdStat {
  const { mode, bytes, uid, gid, links, inode, device } = layouts.stat;
  const view = new DataView(record.buffer, record.byteOffset);
  const bits = view.getUint32(mode, true);
  return {
    kind: kinds[bits & 0o170000] ?? "anonymous",
    size: Number(view.getBigUint64(bytes, true)),
    mode: bits & 0o7777,
    uid: view.getUint32(uid, true),
    gid: view.getUint32(gid, true),
    links: view.getUint32(links, true),
    inode: view.getBigUint64(inode, true),
    device: view.getBigUint64(device, true),
  };
}
