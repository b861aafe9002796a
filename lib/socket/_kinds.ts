// The kinds of socket, by their names and by the kernel's numbers.

import { load } from "../../ffi/load.ts";
import { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM } from "../../ffi/symbols.ts";
import { describe } from "../core/_arguments.ts";
import { check, failure } from "../core/_results.ts";
import { Fd } from "../fd/fd.ts";
import type { UnixKind } from "./options.ts";

/** The kernel's numbers. */
export const kindBits: Readonly<Record<UnixKind, number>> = {
  stream: SOCK_STREAM,
  seqpacket: SOCK_SEQPACKET,
  datagram: SOCK_DGRAM,
};

/** What is added to the number of one that listens. */
const listens = 16;
const EINVAL = 22;

/** Checks the name of a kind. */
export function checkKind<K extends UnixKind>(kind: K, known: readonly K[]): K {
  if (typeof kind !== "string") throw new TypeError(`kind must be a string: got ${describe(kind)}`);
  if (known.includes(kind)) return kind;
  const names = known.map((name) => JSON.stringify(name));
  throw new RangeError(`kind must be ${names.slice(0, -1).join(", ")} or ${names.at(-1)}: got ${describe(kind)}`);
}

/** Looks at a socket that is taken over: its kind. */
export function kindOf(fd: Fd, listening: boolean): UnixKind {
  if (!(fd instanceof Fd)) throw new TypeError(`fd must be an Fd: got ${describe(fd)}`);
  const { number } = fd;
  const attempt = () => ({
    what: `take over descriptor ${number} as a unix socket`,
    operation: "socket_adopt",
    states: {
      ENOTSOCK: "it is no socket",
      EAFNOSUPPORT: "it is a socket of another family",
      EINVAL: listening ? "it does not listen: use UnixSocket.from()" : "it listens: use UnixListener.from()",
    },
  });
  const found = check(load().core.hawser_socket_adopt(number), attempt);
  if ((found & listens) !== 0 !== listening) throw failure(-EINVAL, attempt());
  const kinds = Object.keys(kindBits) as UnixKind[];
  return kinds.find((kind) => kindBits[kind] === (found & ~listens))!;
}
