// Addresses of sockets: giving one, taking its path away, and asking for it.

import { load } from "../../ffi/load.ts";
import { unix_address_max } from "../../ffi/symbols.ts";
import { check } from "../core/_results.ts";
import type { Fd } from "../fd/fd.ts";
import { kindBits } from "./_kinds.ts";
import { decodeAddress, tellAddress, type UnixAddress } from "./address.ts";
import type { UnixKind } from "./options.ts";

/** Makes a socket with an address: its descriptor's number. */
export function bindTo(
  kind: UnixKind,
  told: UnixAddress | "autobind",
  address: Uint8Array,
  mode: number,
  backlog: number,
  stat: Uint8Array,
): number {
  const result = load().core.hawser_socket_bind(
    kindBits[kind],
    address,
    address.length,
    mode,
    backlog,
    stat,
    stat.length,
  );
  return check(result, () => {
    const { text, path } = tellAddress(told);
    return {
      what: `bind a ${kind} socket to ${text}`,
      operation: "socket_bind",
      path,
      states: {
        EADDRINUSE: "it is in use",
        EBUSY: "somebody holds the lock of the folder",
      },
    };
  });
}

/** Removes the path of a socket if it still is that one, and this process may: else it stays as that of one killed. */
export function unbind(address: Uint8Array, stat: Uint8Array): void {
  load().core.hawser_socket_unlink_own(address, address.length, stat, stat.length);
}

/** The address of one end. */
export function nameOf(fd: Fd, peer: boolean): UnixAddress | null {
  const bytes = new Uint8Array(unix_address_max);
  const length = check(
    load().core.hawser_socket_name(fd.number, Number(peer), bytes, bytes.length),
    () => ({
      what: `ask a socket for ${peer ? "the other side's" : "its"} address`,
      operation: "socket_name",
      states: { ENOTCONN: "it is not connected" },
    }),
  );
  return decodeAddress(bytes.subarray(0, length));
}
