import type { BlockOptions, WaitOptions } from "../core/_waiting.ts";
import type { Fd } from "../fd/fd.ts";
import type { UnixAddress } from "./address.ts";
import type { Credentials } from "./message.ts";

/**
 * What a unix socket transports: a `"stream"` of bytes; packets in order over a connection, `"seqpacket"`; or packets to
 * whoever they are addressed to, `"datagram"`. None of them loses or reorders anything.
 *
 * @example
 * ```ts
 * import { socketPair, type UnixKind } from "hawser/socket";
 *
 * const kinds: UnixKind[] = ["stream", "seqpacket", "datagram"];
 * for (const kind of kinds) for (const socket of socketPair(kind)) socket.close();
 * ```
 */
export type UnixKind = "stream" | "seqpacket" | "datagram";

/**
 * What is sent beside the bytes.
 *
 * @example
 * ```ts
 * import { Fd } from "hawser/fd";
 * import { type SendParts, socketPair } from "hawser/socket";
 *
 * using fd = Fd.open("/dev/null");
 * const parts: SendParts = { fds: [fd] };
 * const [a, b] = socketPair("seqpacket");
 * a.sendSync(new Uint8Array(), parts);
 * b.receiveSync({ maxFds: 1 }).close();
 * a.close();
 * b.close();
 * ```
 */
export interface SendParts {
  /** Descriptors that the receiver gets copies of, at most 253, SCM_RIGHTS. They stay the sender's, open until it is sent. */
  readonly fds?: readonly Fd[] | undefined;
  /** Who sends it, SCM_CREDENTIALS; a receiver with `passCredentials` is told without this, too. */
  readonly credentials?: Credentials | undefined;
  /** Whom a datagram is for; by default whom the socket is connected to. */
  readonly to?: UnixAddress | undefined;
}

/**
 * Options of {@linkcode UnixSocket.send}.
 *
 * @example
 * ```ts
 * import { type SendOptions, UnixSocket } from "hawser/socket";
 *
 * using socket = UnixSocket.bind("autobind");
 * const toMyself: SendOptions = { to: socket.getsockname()!, timeout: 1000 };
 * await socket.send(new Uint8Array(3), toMyself);
 * ```
 */
export interface SendOptions extends SendParts, WaitOptions {}

/**
 * Options of {@linkcode UnixSocket.sendSync}.
 *
 * @example
 * ```ts
 * import { type SendSyncOptions, UnixSocket } from "hawser/socket";
 *
 * using socket = UnixSocket.bind("autobind");
 * const toMyself: SendSyncOptions = { to: socket.getsockname()!, interruptible: true };
 * socket.sendSync(new Uint8Array(3), toMyself);
 * ```
 */
export interface SendSyncOptions extends SendParts, BlockOptions {}

/**
 * How much a call receives at most.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ReceiveParts, socketPair } from "hawser/socket";
 *
 * const [a, b] = socketPair();
 * const little: ReceiveParts = { maxBytes: 2 };
 * a.sendSync(new Uint8Array(3));
 * assert.equal(b.receiveSync(little).data.length, 2);
 * a.close();
 * b.close();
 * ```
 */
export interface ReceiveParts {
  /** Where the bytes go. By default each message gets new bytes. */
  readonly buffer?: Uint8Array | undefined;
  /** How many bytes at most, without `buffer`. 65,536 by default. */
  readonly maxBytes?: number | undefined;
  /** How many descriptors at most, up to 253. By default none: those that come are closed. */
  readonly maxFds?: number | undefined;
}

/**
 * Options of {@linkcode UnixSocket.receive}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ReceiveOptions, socketPair } from "hawser/socket";
 *
 * const [a, b] = socketPair();
 * const soon: ReceiveOptions = { maxFds: 1, timeout: 1 };
 * await assert.rejects(a.receive(soon), { code: "ETIMEDOUT" });
 * a.close();
 * b.close();
 * ```
 */
export interface ReceiveOptions extends ReceiveParts, WaitOptions {}

/**
 * Options of {@linkcode UnixSocket.receiveSync}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ReceiveSyncOptions, socketPair } from "hawser/socket";
 *
 * const [a, b] = socketPair();
 * const soon: ReceiveSyncOptions = { timeout: 1 };
 * assert.throws(() => a.receiveSync(soon), { code: "ETIMEDOUT" });
 * a.close();
 * b.close();
 * ```
 */
export interface ReceiveSyncOptions extends ReceiveParts, BlockOptions {}

/**
 * What kind of socket is connected, and from where.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ConnectParts, UnixSocket } from "hawser/socket";
 *
 * using server = UnixSocket.bind("autobind");
 * const named: ConnectParts = { kind: "datagram", local: "autobind" };
 * using client = UnixSocket.connectSync(server.getsockname()!, named);
 * client.sendSync(new Uint8Array(1));
 * assert.deepEqual(server.receiveSync().from, client.getsockname());
 * ```
 */
export interface ConnectParts {
  /** The kind, which must be the other side's. `"stream"` by default. */
  readonly kind?: UnixKind | undefined;
  /** An address for this end, so that datagrams can be answered. None by default. */
  readonly local?: UnixAddress | "autobind" | undefined;
}

/**
 * Options of {@linkcode UnixSocket.connect}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ConnectOptions, UnixSocket } from "hawser/socket";
 *
 * const patient: ConnectOptions = { kind: "seqpacket", timeout: 1000 };
 * await assert.rejects(UnixSocket.connect({ abstract: "example-nobody" }, patient), { code: "ECONNREFUSED" });
 * ```
 */
export interface ConnectOptions extends ConnectParts, WaitOptions {}

/**
 * Options of {@linkcode UnixSocket.connectSync}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type ConnectSyncOptions, UnixSocket } from "hawser/socket";
 *
 * const patient: ConnectSyncOptions = { timeout: 1000 };
 * assert.throws(() => UnixSocket.connectSync({ abstract: "example-nobody" }, patient), { code: "ECONNREFUSED" });
 * ```
 */
export interface ConnectSyncOptions extends ConnectParts, BlockOptions {}
