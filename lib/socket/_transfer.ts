// One message on its way, out or in: tried until there is room for it, or until it is there.

import { load } from "../../ffi/load.ts";
import { POLLIN, POLLOUT } from "../../ffi/symbols.ts";
import { type Attempt, check } from "../core/_results.ts";
import { lookAt, type Wanted } from "../fd/_ready.ts";
import { checkLength } from "../fd/_transfer.ts";
import { type Fd, owned } from "../fd/fd.ts";
import { envelope, fill, open, plain } from "./_envelope.ts";
import { kindBits } from "./_kinds.ts";
import type { Credentials, UnixMessage } from "./message.ts";
import type { UnixKind } from "./options.ts";

const EAGAIN = 11;

/** Where messages go that bring no buffer of their own, before they are copied at their length. */
export const scratch: Uint8Array = new Uint8Array(65_536);

/** A message on its way out: tried until it went. Closed at the end. */
export class Sending {
  /** How many bytes went so far. */
  sent = 0;
  readonly length: number;
  readonly room: Room;
  readonly step: () => number;
  readonly what: () => Attempt;

  constructor(
    fd: Fd,
    kind: UnixKind,
    data: Uint8Array,
    fds: readonly Fd[],
    credentials: Credentials | undefined,
    address: Uint8Array | undefined,
  ) {
    const { core } = load();
    const bare = fds.length === 0 && credentials === undefined && address === undefined;
    this.length = data.length;
    this.room = new Room(fd, address);
    this.what = () => ({ what: `send by a ${kind} socket`, operation: "socket_send", states: sendingStates });
    this.step = () => {
      const { number } = fd; // It may have been closed while this waited, and the number be another's.
      checkLength(data, this.length);
      if (this.sent === 0) {
        const parts = bare ? plain : fill(fds, credentials, address);
        const result = core.hawser_socket_send(number, data, data.length, parts, parts.length);
        if (result < data.length && result > 0 && kind === "stream") this.sent = result;
        else return result;
      } else {
        const rest = data.subarray(this.sent);
        const result = core.hawser_socket_send(number, rest, rest.length, plain, plain.length);
        if (result < 0) return result;
        this.sent += result;
        if (result === rest.length) return this.sent;
      }
      return -EAGAIN; // A part went, so there is no more room.
    };
  }

  close(): void {
    this.room.close();
  }
}

/**
 * What to wait for when there is no room: the socket's own, or at whom a datagram is for. poll(2) knows only the receiver
 * that a socket is connected to, so a second socket is connected to that one and waited for.
 */
class Room implements Wanted {
  readonly bits: number = POLLOUT;
  readonly #fd: Fd;
  readonly #address: Uint8Array | undefined;
  #probe: Fd | undefined;

  constructor(fd: Fd, address: Uint8Array | undefined) {
    this.#fd = fd;
    this.#address = address;
  }

  get number(): number {
    const { number } = this.#fd;
    const address = this.#address;
    if (address === undefined || lookAt([{ number, bits: POLLOUT }], 0, false)[0] === 0) return number;
    const { core } = load();
    const attempt = () => ({ what: "wait for the receiver of a datagram", operation: "socket_connect" });
    this.#probe ??= owned(check(core.hawser_socket_open(kindBits.datagram), attempt));
    const probe = this.#probe.number;
    // Each time: it may be another socket by now that has this address.
    check(core.hawser_socket_connect(probe, address, address.length, 0, 0), attempt);
    return probe;
  }

  close(): void {
    this.#probe?.close();
  }
}

/** A message that is waited for: the step that receives it also makes it, so that no descriptor is ever without owner. */
export class Receiving {
  message: UnixMessage | undefined;
  readonly wanted: Wanted;
  /** Tries; waits as long as it is told. */
  readonly step: (timeout_ms?: number, interruptible?: number) => number;
  readonly what: () => Attempt;

  constructor(fd: Fd, kind: UnixKind, buffer: Uint8Array | undefined, maxBytes: number, maxFds: number) {
    const { core } = load();
    const into = buffer ?? (maxBytes > scratch.length ? new Uint8Array(maxBytes) : scratch.subarray(0, maxBytes));
    this.wanted = { number: fd.number, bits: POLLIN };
    this.what = () => ({
      what: `receive by a ${kind} socket`,
      operation: "socket_receive",
      states: {
        EMSGSIZE: `more than the ${maxFds} descriptors came that maxFds allows`,
        EMFILE: "some descriptors could not be received: the limit of open descriptors is reached",
        ECONNRESET: "the other side is closed, and had not read everything",
      },
    });
    const { length } = into;
    this.step = (timeout_ms = 0, interruptible = 0) => {
      checkLength(into, length);
      const room = envelope.length;
      const count = core.hawser_socket_receive(
        fd.number,
        into,
        length,
        maxFds,
        envelope,
        room,
        timeout_ms,
        interruptible,
      );
      if (count >= 0) {
        const data = () =>
          into !== buffer ? into.slice(0, count) : count === into.length ? into : into.subarray(0, count);
        this.message = open(data, kind === "datagram");
      }
      return count;
    };
  }
}

const sendingStates: Readonly<Record<string, string>> = {
  EPIPE: "nobody receives it any more",
  ECONNREFUSED: "nobody has that address any more",
  ECONNRESET: "the other side is closed",
  EMSGSIZE: "it is longer than a packet may be",
  ETOOMANYREFS: "too many descriptors of this user are on their way",
  EBUSY: "an asynchronous send waits for its turn to end",
  ENOTCONN: "it is not connected, and no address is given",
  EDESTADDRREQ: "it is not connected, and no address is given",
  EPERM: "the credentials are another's, or the receiver is connected to another socket",
};
