import { load } from "../../ffi/load.ts";
import {
  backlog_none,
  layouts,
  message_fds_max,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_ERROR,
  SO_PASSCRED,
  SO_PASSPIDFD,
  SO_PEERPIDFD,
  SO_RCVBUF,
  SO_SNDBUF,
} from "../../ffi/symbols.ts";
import { describe, fileMode, flag, integer, optionsObject } from "../core/_arguments.ts";
import { inspectAs } from "../core/_inspect.ts";
import { type Attempt, check, errnoOf, failure } from "../core/_results.ts";
import {
  type BlockOptions,
  checkBlock,
  checkWait,
  countdown,
  limitMs,
  wait,
  waitOptionNames,
} from "../core/_waiting.ts";
import type { SystemError } from "../core/errors.ts";
import { blockUntilReady, step, whenReady } from "../fd/_ready.ts";
import { type Fd, owned } from "../fd/fd.ts";
import { bindTo, nameOf, unbind } from "./_bind.ts";
import { checkCredentials, checkFds } from "./_envelope.ts";
import { checkKind, kindBits, kindOf } from "./_kinds.ts";
import { Receiving, scratch, Sending } from "./_transfer.ts";
import { Turns } from "./_turns.ts";
import { untilClosed } from "./_until_closed.ts";
import { encodeAddress, tellAddress, type UnixAddress } from "./address.ts";
import type { Credentials, UnixMessage } from "./message.ts";
import type {
  ConnectOptions,
  ConnectParts,
  ConnectSyncOptions,
  ReceiveOptions,
  ReceiveParts,
  ReceiveSyncOptions,
  SendOptions,
  SendParts,
  SendSyncOptions,
  UnixKind,
} from "./options.ts";

const partsNames: readonly (keyof SendParts)[] = ["fds", "credentials", "to"];
const sendNames: readonly (keyof SendOptions)[] = [...partsNames, ...waitOptionNames];
const roomNames: readonly (keyof ReceiveParts)[] = ["buffer", "maxBytes", "maxFds"];
const receiveNames: readonly (keyof ReceiveOptions)[] = [...roomNames, ...waitOptionNames];
const blockNames: readonly (keyof BlockOptions)[] = ["timeout", "interruptible"];
const sendSyncNames: readonly (keyof SendSyncOptions)[] = [...partsNames, ...blockNames];
const receiveSyncNames: readonly (keyof ReceiveSyncOptions)[] = [...roomNames, ...blockNames];
const connectNames: readonly (keyof ConnectParts)[] = ["kind", "local"];

const EAGAIN = 11;
const EBUSY = 16;
const ENOTCONN = 107;

/** What the constructor is called with from here, and from nowhere else. */
const inside = Symbol("UnixSocket");

/** A socket of a descriptor that hawser made or looked at. Not exported from the package. */
export let socketOf: (fd: Fd, kind: UnixKind) => UnixSocket;

/**
 * A unix socket: one end of a pair or a connection, or a datagram socket with an address or without. It sends bytes, and
 * with them descriptors and credentials, and receives them. unix(7).
 *
 * Sending and receiving wait without blocking the thread; `...Sync` blocks it; `try...` answers null where it would wait.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd } from "hawser/fd";
 * import { UnixListener, UnixSocket } from "hawser/socket";
 *
 * using listener = UnixListener.listen("autobind", { kind: "seqpacket" });
 * using client = await UnixSocket.connect(listener.getsockname()!, { kind: "seqpacket" });
 * using server = await listener.accept();
 *
 * using file = Fd.open("/etc/hostname");
 * await client.send(new TextEncoder().encode("read this"), { fds: [file] });
 *
 * using message = await server.receive({ maxFds: 1 });
 * assert.equal(new TextDecoder().decode(message.data), "read this");
 * assert.equal(message.fds[0]!.stat().inode, file.stat().inode);
 * ```
 */
export class UnixSocket implements AsyncIterable<UnixMessage>, Disposable {
  static {
    socketOf = (fd, kind) => new UnixSocket(fd, kind, inside);
  }

  /**
   * The descriptor: for `poll()`, and to be passed on. Whoever releases it takes the socket over.
   */
  readonly fd: Fd;
  /** What it transports. */
  readonly kind: UnixKind;
  readonly #sends = new Turns();
  #bound: { readonly address: Uint8Array; readonly stat: Uint8Array } | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  private constructor(fd: Fd, kind: UnixKind, key: symbol) {
    if (key !== inside) {
      throw new TypeError(
        "Cannot make a UnixSocket by new: use UnixSocket.connect(), bind() or from(), or socketPair()",
      );
    }
    this.fd = fd;
    this.kind = kind;
  }

  /**
   * Connects to a socket that listens, or gives a datagram socket somebody to send to, connect(2). Waits where the backlog
   * is full.
   *
   * @param address Where it listens.
   * @param options The kind, an address for this end, how long to wait, and who may call it off.
   * @returns The connection.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the address is longer than 107 bytes, or the kind is none.
   * @throws {SystemError} ECONNREFUSED if nobody listens there, ENOENT if there is no such path, EACCES if its mode forbids
   *   it, EPROTOTYPE if the path is of another kind, ETIMEDOUT if the time is up.
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import { UnixListener, UnixSocket } from "hawser/socket";
   *
   * using listener = UnixListener.listen("autobind");
   * using socket = await UnixSocket.connect(listener.getsockname()!, { timeout: 1000 });
   * ```
   */
  static async connect(address: UnixAddress, options?: ConnectOptions): Promise<UnixSocket> {
    const { kind, local, ...waiting } = optionsObject(options, [...connectNames, ...waitOptionNames]);
    const bytes = encodeAddress(address);
    checkWait(waiting);
    const socket = UnixSocket.#make(kind, local);
    try {
      const { number } = socket.fd;
      const tried = load().core.hawser_socket_connect(number, bytes, bytes.length, 0, 0);
      if (errnoOf(tried) !== -EAGAIN) {
        check(tried, () => connecting(address));
      } else {
        await wait(
          {
            start: (core, bell, token) => core.hawser_call_connect(bell, token, number, bytes, bytes.length),
            interrupt: (core, bell, token, id) => core.hawser_call_cancel(bell, token, id),
          },
          () => connecting(address),
          waiting,
        );
      }
      return socket;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /**
   * The same, and blocks the thread while the backlog is full.
   *
   * @param address Where it listens.
   * @param options The kind, an address for this end, how long to wait, and whether signals end it.
   * @returns The connection.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the address is longer than 107 bytes, or the kind is none.
   * @throws {SystemError} As `connect()`; EINTR if a signal arrived and `interruptible` says so.
   *
   * @example
   * ```ts
   * import { UnixListener, UnixSocket } from "hawser/socket";
   *
   * using listener = UnixListener.listen("autobind");
   * using socket = UnixSocket.connectSync(listener.getsockname()!);
   * ```
   */
  static connectSync(address: UnixAddress, options?: ConnectSyncOptions): UnixSocket {
    const { kind, local, ...blocking } = optionsObject(options, [...connectNames, ...blockNames]);
    const { limit, interruptible } = checkBlock(blocking);
    const bytes = encodeAddress(address);
    const socket = UnixSocket.#make(kind, local);
    try {
      const { core } = load();
      const { number } = socket.fd;
      let result = core.hawser_socket_connect(number, bytes, bytes.length, 0, 0);
      if (errnoOf(result) === -EAGAIN) {
        // Zero would only try once more, and say EAGAIN.
        const patience = limit === 0 ? Number.MIN_VALUE : limitMs(limit);
        result = core.hawser_socket_connect(number, bytes, bytes.length, patience, Number(interruptible));
      }
      check(result, () => connecting(address));
      return socket;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /**
   * Makes a datagram socket, bind(2): with an address, so that others can send to it, or without.
   *
   * A path gets exactly that mode; it is replaced if no socket stands behind it any more, and removed by
   * {@linkcode UnixSocket.close}.
   *
   * @param address A path or an abstract name; `"autobind"` for one that the kernel finds; without, it can only send.
   * @param options The permission bits of a path: who may write it may send. 0o600 by default.
   * @returns The socket.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the address is longer than 107 bytes, or the mode is out of range.
   * @throws {SystemError} EADDRINUSE if another socket has the address, or the path is no socket; EBUSY if the lock of the
   *   folder, which replacing takes, was not to be had for a second; as bind(2) refuses: ENOENT, EACCES, EROFS ...
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { UnixSocket } from "hawser/socket";
   *
   * using log = UnixSocket.bind({ path: `/tmp/example-${process.pid}.log` }, { mode: 0o622 });
   * using program = UnixSocket.bind();
   * await program.send(new TextEncoder().encode("started"), { to: log.getsockname()! });
   * assert.equal(new TextDecoder().decode((await log.receive()).data), "started");
   * ```
   */
  static bind(address?: UnixAddress | "autobind", options?: { readonly mode?: number | undefined }): UnixSocket {
    const { mode = 0o600 } = optionsObject(options, ["mode"]);
    return UnixSocket.#make("datagram", address, fileMode(mode));
  }

  /**
   * Takes over a unix socket that somebody else made and that does not listen: one that was inherited or received.
   *
   * @param fd Its descriptor, which is the socket's from now on.
   * @returns The socket.
   * @throws {TypeError} If it is no Fd, or closed.
   * @throws {SystemError} ENOTSOCK if it is no socket, EAFNOSUPPORT if it is none of unix, EINVAL if it listens.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair, UnixSocket } from "hawser/socket";
   *
   * const [a, b] = socketPair("seqpacket");
   * await a.send(new Uint8Array(1), { fds: [b.fd] }); // A socket may pass through itself.
   * const message = await b.receive({ maxFds: 1 });
   * using copy = UnixSocket.from(message.fds[0]!);
   * assert.equal(copy.kind, "seqpacket");
   * a.close();
   * b.close();
   * ```
   */
  static from(fd: Fd): UnixSocket {
    return new UnixSocket(fd, kindOf(fd, false), inside);
  }

  static #make(kind: UnixKind | undefined, local: UnixAddress | "autobind" | undefined, mode = 0o600): UnixSocket {
    const known = checkKind(kind ?? "stream", ["stream", "seqpacket", "datagram"]);
    if (local === undefined) {
      const result = load().core.hawser_socket_open(kindBits[known]);
      return new UnixSocket(
        owned(check(result, () => ({ what: "make a socket", operation: "socket_open" }))),
        known,
        inside,
      );
    }
    const address = local === "autobind" ? new Uint8Array() : encodeAddress(local);
    const stat = new Uint8Array(layouts.stat.size);
    const number = bindTo(known, local, address, mode, backlog_none, stat);
    const socket = new UnixSocket(owned(number), known, inside);
    socket.#bound = { address, stat };
    return socket;
  }

  /**
   * Sends bytes, and with them descriptors and credentials, sendmsg(2), and waits for room without blocking the thread.
   *
   * A packet goes whole. A stream's bytes go in parts and all of them, and what goes with them arrives with the first;
   * sends that overlap go one after the other. `data` and `fds` must stay as they are until it is done.
   *
   * @param data The bytes. Descriptors and credentials in a stream need one at least.
   * @param options What goes with them, how long to wait, and who may call it off.
   * @throws {TypeError} If an argument has the wrong type, or the socket or one of `fds` is closed.
   * @throws {RangeError} If there are more than 253 descriptors, or a stream's would go without a byte.
   * @throws {SystemError} EPIPE or ECONNREFUSED if nobody can receive it any more (never a fatal SIGPIPE), ETIMEDOUT if the
   *   time is up, ECANCELED if the socket was closed meanwhile, EMSGSIZE if a packet is too long, ETOOMANYREFS if too many
   *   descriptors of this user are on their way, EPERM if the credentials are somebody else's. Where a part of a stream was
   *   sent already, its writing half is shut down then, so that the other side sees it end.
   * @throws The signal's reason, if it was aborted before it was all sent.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * await a.send(new TextEncoder().encode("hello"));
   * assert.equal((await b.receive()).data.length, 5);
   * a.close();
   * b.close();
   * ```
   */
  async send(data: Uint8Array, options?: SendOptions): Promise<void> {
    const checked = optionsObject(options, sendNames);
    const { signal } = checked;
    const limit = checkWait(checked);
    const sending = this.#sending(data, checked);
    const left = countdown(limit);
    if (!this.#sends.tryTake()) await this.#sends.take(limit, signal, sending.what);
    try {
      // It may have been closed while this waited for its turn.
      await step(sending.what, () => whenReady(sending.room, sending.step, sending.what, { signal, timeout: left() }));
    } catch (error) {
      this.#cutShort(sending);
      throw error;
    } finally {
      sending.close();
      this.#sends.give();
    }
  }

  /**
   * The same, and blocks the thread until there is room.
   *
   * @param data The bytes.
   * @param options What goes with them, how long to wait, and whether signals end it.
   * @throws {TypeError} If an argument has the wrong type, or the socket or one of `fds` is closed.
   * @throws {RangeError} If there are more than 253 descriptors, or a stream's would go without a byte.
   * @throws {SystemError} As `send()`; EBUSY while an asynchronous send waits; EINTR if a signal arrived and `interruptible`
   *   says so.
   *
   * @example
   * ```ts
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair("datagram");
   * a.sendSync(new Uint8Array(100), { timeout: 1000 });
   * a.close();
   * b.close();
   * ```
   */
  sendSync(data: Uint8Array, options?: SendSyncOptions): void {
    const checked = optionsObject(options, sendSyncNames);
    const { timeout, interruptible } = checked;
    const sending = this.#sending(data, checked);
    if (this.#sends.busy) throw failure(-EBUSY, sending.what());
    try {
      blockUntilReady(sending.room, sending.step, sending.what, { timeout, interruptible });
    } catch (error) {
      this.#cutShort(sending);
      throw error;
    } finally {
      sending.close();
    }
  }

  /**
   * Sends if there is room.
   *
   * @param data The bytes.
   * @param parts What goes with them.
   * @returns How many bytes were sent: all of a packet, perhaps only the first of a stream, and with them what goes along;
   *   null where it would have to wait.
   * @throws {TypeError} If an argument has the wrong type, or the socket or one of `fds` is closed.
   * @throws {RangeError} If there are more than 253 descriptors, or a stream's would go without a byte.
   * @throws {SystemError} As `send()`.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * const chunk = new Uint8Array(65_536);
   * while (a.trySend(chunk) !== null);
   * assert.equal(a.trySend(chunk), null);
   * a.close();
   * b.close();
   * ```
   */
  trySend(data: Uint8Array, parts?: SendParts): number | null {
    const sending = this.#sending(data, optionsObject(parts, partsNames));
    if (this.#sends.busy) return null;
    const result = sending.step();
    if (errnoOf(result) !== -EAGAIN) return check(result, sending.what);
    return sending.sent > 0 ? sending.sent : null;
  }

  /**
   * Receives some bytes of a stream, or a packet, recvmsg(2), and waits for them without blocking the thread.
   *
   * @param options How much at most, how long to wait, and who may call it off.
   * @returns The bytes and what came with them. Its descriptors are the caller's to close.
   * @throws {TypeError} If an option has the wrong type, or the socket is closed.
   * @throws {RangeError} If `maxBytes` is 0, or `maxFds` more than 253.
   * @throws {SystemError} ETIMEDOUT if the time is up, ECANCELED if the socket was closed meanwhile; ECONNRESET if the other
   *   side was closed with bytes of ours unread. EMSGSIZE if more than `maxFds` descriptors came, and EMFILE if some could
   *   not be received since the limit of this process is reached: they are closed then, and what came with them is lost.
   * @throws The signal's reason, if it was aborted before anything came.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * a.close();
   * assert((await b.receive()).end);
   * b.close();
   * ```
   */
  async receive(options?: ReceiveOptions): Promise<UnixMessage> {
    const checked = optionsObject(options, receiveNames);
    const receiving = this.#receiving(checked);
    await whenReady(receiving.wanted, receiving.step, receiving.what, checked);
    return receiving.message!;
  }

  /**
   * The same, and blocks the thread until there is something.
   *
   * @param options How much at most, how long to wait, and whether signals end it.
   * @returns The bytes and what came with them. Its descriptors are the caller's to close.
   * @throws {TypeError} If an option has the wrong type, or the socket is closed.
   * @throws {RangeError} If `maxBytes` is 0, or `maxFds` more than 253.
   * @throws {SystemError} As `receive()`; EINTR if a signal arrived and `interruptible` says so.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * a.sendSync(new Uint8Array(3));
   * assert.equal(b.receiveSync({ timeout: 1000 }).data.length, 3);
   * a.close();
   * b.close();
   * ```
   */
  receiveSync(options?: ReceiveSyncOptions): UnixMessage {
    const checked = optionsObject(options, receiveSyncNames);
    const receiving = this.#receiving(checked);
    const { timeout, interruptible } = checked;
    blockUntilReady(receiving.wanted, receiving.step, receiving.what, { timeout, interruptible });
    return receiving.message!;
  }

  /**
   * Receives if there is something.
   *
   * @param room How much at most.
   * @returns The bytes and what came with them; null where it would have to wait.
   * @throws {TypeError} If an option has the wrong type, or the socket is closed.
   * @throws {RangeError} If `maxBytes` is 0, or `maxFds` more than 253.
   * @throws {SystemError} As `receive()`.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * assert.equal(b.tryReceive(), null);
   * a.close();
   * assert(b.tryReceive()?.end);
   * b.close();
   * ```
   */
  tryReceive(room?: ReceiveParts): UnixMessage | null {
    const receiving = this.#receiving(optionsObject(room, roomNames));
    const result = receiving.step();
    if (errnoOf(result) === -EAGAIN) return null;
    check(result, receiving.what);
    return receiving.message!;
  }

  /**
   * Everything that is received, until the end, or until the socket is closed here.
   *
   * @param options How much at most in each message, how long to wait for each, and who may call it off.
   * @returns The messages, without the last one, which says that it is the end.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair("seqpacket");
   * for (const length of [1, 2, 3]) await a.send(new Uint8Array(length), { fds: [a.fd] });
   * a.close();
   * const lengths = [];
   * for await (const message of b.messages({ maxFds: 1 })) {
   *   using received = message;
   *   lengths.push(received.data.length);
   *   if (lengths.length === 3) break; // The copies of `a` that went along keep the connection open.
   * }
   * assert.deepEqual(lengths, [1, 2, 3]);
   * b.close();
   * ```
   */
  async *messages(options?: ReceiveOptions): AsyncGenerator<UnixMessage, void, undefined> {
    for await (const message of untilClosed(this.fd, () => this.receive(options))) {
      if (message.end) return;
      yield message;
    }
  }

  /** The same as {@linkcode UnixSocket.messages} without options. */
  [Symbol.asyncIterator](): AsyncGenerator<UnixMessage, void, undefined> {
    return this.messages();
  }

  /**
   * The bytes of a stream that are received. Cancelling it shuts the reading half down.
   *
   * @throws {TypeError} If the socket is no stream.
   */
  get readable(): ReadableStream<Uint8Array> {
    this.#needStream("readable");
    return this.#readable ??= new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const { data, end } = await this.receive();
        if (end) controller.close();
        else controller.enqueue(data);
      },
      cancel: () => this.#end("read"),
    }, { highWaterMark: 0 });
  }

  /**
   * Sends the bytes that are written to it. Closing or aborting it shuts the writing half down.
   *
   * @throws {TypeError} If the socket is no stream.
   */
  get writable(): WritableStream<Uint8Array> {
    this.#needStream("writable");
    return this.#writable ??= new WritableStream<Uint8Array>({
      write: (chunk, controller) => this.send(chunk, { signal: controller.signal }),
      close: () => this.#end("write"),
      abort: () => this.#end("write"),
    });
  }

  /**
   * Ends one direction, or both, shutdown(2): who reads what this wrote finds the end.
   *
   * @param how What is over here.
   * @throws {TypeError} If the socket is closed.
   * @throws {RangeError} If `how` is none of the words.
   * @throws {SystemError} ENOTCONN if it is not connected.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * a.shutdown("write");
   * assert(b.receiveSync().end);
   * b.sendSync(new Uint8Array(1)); // The other direction goes on.
   * a.close();
   * b.close();
   * ```
   */
  shutdown(how: "read" | "write" | "both"): void {
    const { number } = this.fd;
    if (!Object.hasOwn(halves, how)) {
      throw new RangeError(`how must be "read", "write" or "both": got ${describe(how)}`);
    }
    check(load().core.hawser_socket_shutdown(number, halves[how]), () => ({
      what: `shut down a ${this.kind} socket`,
      operation: "socket_shutdown",
      states: { ENOTCONN: "it is not connected" },
    }));
  }

  /**
   * The address of this end, getsockname(2).
   *
   * @returns The address; null if it has none.
   * @throws {TypeError} If the socket is closed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * assert.equal(a.getsockname(), null);
   * a.close();
   * b.close();
   * ```
   */
  getsockname(): UnixAddress | null {
    return nameOf(this.fd, false);
  }

  /**
   * The address of the other end, getpeername(2).
   *
   * @returns The address; null if it has none.
   * @throws {TypeError} If the socket is closed.
   * @throws {SystemError} ENOTCONN if it is not connected.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { UnixListener, UnixSocket } from "hawser/socket";
   *
   * using listener = UnixListener.listen("autobind");
   * using socket = UnixSocket.connectSync(listener.getsockname()!);
   * assert.deepEqual(socket.getpeername(), listener.getsockname());
   * ```
   */
  getpeername(): UnixAddress | null {
    return nameOf(this.fd, true);
  }

  /**
   * Who the other side was when the connection or the pair was made, SO_PEERCRED: the process that called connect(2), or
   * listen(2).
   *
   * @returns Its credentials; null where there is no connection.
   * @throws {TypeError} If the socket is closed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { UnixListener, UnixSocket } from "hawser/socket";
   *
   * using listener = UnixListener.listen("autobind");
   * using client = UnixSocket.connectSync(listener.getsockname()!);
   * using server = listener.acceptSync();
   * assert.equal(server.peerCredentials()?.uid, process.geteuid!());
   * ```
   */
  peerCredentials(): Credentials | null {
    const { pid, uid, gid, size } = layouts.credentials;
    const record = new Uint8Array(size);
    check(load().core.hawser_socket_peer(this.fd.number, record, size), () => this.#asking("whose the other end is"));
    const view = new DataView(record.buffer);
    const found = { pid: view.getUint32(pid, true), uid: view.getUint32(uid, true), gid: view.getUint32(gid, true) };
    return found.uid === nobody ? null : found;
  }

  /**
   * The same process as a pidfd, SO_PEERPIDFD: it stays that process's when the number is given to another one.
   *
   * @returns The pidfd, which `ready(fd, "readable")` waits for the end of.
   * @throws {TypeError} If the socket is closed.
   * @throws {SystemError} ENOPROTOOPT before Linux 6.5; ENODATA where there is no connection; ESRCH if the process is gone,
   *   EINVAL on older kernels.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * try {
   *   using process = a.peerPidfd();
   *   assert(!process.closed);
   * } catch (error) {
   *   assert.equal((error as { code: string }).code, "ENOPROTOOPT"); // Before Linux 6.5.
   * }
   * a.close();
   * b.close();
   * ```
   */
  peerPidfd(): Fd {
    const result = load().core.hawser_socket_option(this.fd.number, SO_PEERPIDFD);
    return owned(check(result, () => this.#asking("for the other side's pidfd")));
  }

  /** Whether messages tell who sent them, SO_PASSCRED: set it before the other side sends. */
  get passCredentials(): boolean {
    return this.#option(SO_PASSCRED) !== 0;
  }
  set passCredentials(pass: boolean) {
    this.#setOption(SO_PASSCRED, Number(flag(pass, "passCredentials")));
  }

  /** Whether messages bring a pidfd of their sender, SO_PASSPIDFD. ENOPROTOOPT before Linux 6.5. */
  get passPidfd(): boolean {
    return this.#option(SO_PASSPIDFD) !== 0;
  }
  set passPidfd(pass: boolean) {
    this.#setOption(SO_PASSPIDFD, Number(flag(pass, "passPidfd")));
  }

  /** How many bytes may be on their way, SO_SNDBUF. The kernel doubles what is set, and counts more than the bytes. */
  get sendBuffer(): number {
    return this.#option(SO_SNDBUF);
  }
  set sendBuffer(bytes: number) {
    this.#setOption(SO_SNDBUF, integer(bytes, "sendBuffer", 1, 0x3fff_ffff));
  }

  /** The receiving end's twin, SO_RCVBUF, which unix sockets do not use: what is on its way counts for its sender. */
  get receiveBuffer(): number {
    return this.#option(SO_RCVBUF);
  }
  set receiveBuffer(bytes: number) {
    this.#setOption(SO_RCVBUF, integer(bytes, "receiveBuffer", 1, 0x3fff_ffff));
  }

  /**
   * Takes the error that waits at the socket, SO_ERROR, as after `ready()` told one.
   *
   * @returns The error, or null.
   * @throws {TypeError} If the socket is closed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { socketPair } from "hawser/socket";
   *
   * const [a, b] = socketPair();
   * a.sendSync(new Uint8Array(1));
   * b.close(); // Without having read it.
   * assert.equal(a.takeError()?.code, "ECONNRESET");
   * assert.equal(a.takeError(), null);
   * a.close();
   * ```
   */
  takeError(): SystemError | null {
    const errno = this.#option(SO_ERROR);
    return errno === 0 ? null : failure(-errno, { what: `use a ${this.kind} socket`, operation: "socket_error" });
  }

  /** Closes the socket, and removes its path if that still is its own and it may. Closing twice is fine. */
  close(): void {
    if (this.fd.closed) return;
    if (this.#bound !== undefined) unbind(this.#bound.address, this.#bound.stat);
    this.fd.close();
  }

  /** The same as {@linkcode UnixSocket.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #sending(data: Uint8Array, { fds = [], credentials, to }: SendParts): Sending {
    if (!(data instanceof Uint8Array)) throw new TypeError(`data must be a Uint8Array: got ${describe(data)}`);
    void this.fd.number;
    const list = checkFds(fds);
    if (credentials !== undefined) checkCredentials(credentials);
    const address = to && encodeAddress(to);
    if (to !== undefined && this.kind !== "datagram") {
      throw new TypeError(`Cannot send to an address by a ${this.kind} socket: only datagrams have one`);
    }
    const stream = this.kind === "stream";
    if (stream && data.length === 0 && (list.length > 0 || credentials !== undefined)) {
      throw new RangeError("data must not be empty: in a stream descriptors and credentials go with a byte");
    }
    return new Sending(this.fd, this.kind, data, list, credentials, address);
  }

  /** After a part of a stream whose rest will not come, nothing else may. */
  #cutShort(sending: Sending): void {
    if (this.kind === "stream" && sending.sent > 0 && sending.sent < sending.length) this.#end("write");
  }

  /** Shuts down what may be over already. */
  #end(how: "read" | "write"): void {
    if (this.fd.closed) return;
    const result = load().core.hawser_socket_shutdown(this.fd.number, halves[how]);
    if (errnoOf(result) !== -ENOTCONN) check(result, () => this.#asking(`to end the ${how} half`));
  }

  #receiving({ buffer, maxBytes = scratch.length, maxFds = 0 }: ReceiveParts): Receiving {
    void this.fd.number;
    if (buffer !== undefined && !(buffer instanceof Uint8Array)) {
      throw new TypeError(`buffer must be a Uint8Array: got ${describe(buffer)}`);
    }
    if (buffer?.length === 0) throw new RangeError("buffer must not be empty: nothing could be told from the end");
    integer(maxBytes, "maxBytes", 1, 0x7fff_f000);
    integer(maxFds, "maxFds", 0, message_fds_max);
    return new Receiving(this.fd, this.kind, buffer, maxBytes, maxFds);
  }

  #needStream(what: string): void {
    if (this.kind === "stream") return;
    throw new TypeError(`Cannot take .${what} of a ${this.kind} socket: packets are no stream of bytes`);
  }

  #option(option: number): number {
    return check(load().core.hawser_socket_option(this.fd.number, option), () => this.#asking("for an option"));
  }

  #setOption(option: number, value: number): void {
    check(
      load().core.hawser_socket_set_option(this.fd.number, option, value),
      () => ({ what: `set an option of a ${this.kind} socket`, operation: "socket_set_option" }),
    );
  }

  #asking(what: string): Attempt {
    return {
      what: `ask a ${this.kind} socket ${what}`,
      operation: "socket_option",
      states: { ENOPROTOOPT: "this kernel does not know the option" },
    };
  }
}

inspectAs(UnixSocket, ({ fd, kind }) => `UnixSocket (${fd.closed ? "closed" : `${kind}, descriptor ${fd.number}`})`);

/**
 * Makes two sockets that are connected to each other, socketpair(2).
 *
 * @param kind What they transport; `"stream"` by default.
 * @returns Both ends.
 * @throws {RangeError} If the kind is none.
 * @throws {SystemError} EMFILE, ENFILE if there are too many descriptors.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { socketPair } from "hawser/socket";
 *
 * const [a, b] = socketPair("seqpacket");
 * await a.send(new TextEncoder().encode("one"));
 * await a.send(new TextEncoder().encode("two"));
 * assert.equal(new TextDecoder().decode((await b.receive()).data), "one");
 * a.close();
 * b.close();
 * ```
 */
export function socketPair(kind: UnixKind = "stream"): [UnixSocket, UnixSocket] {
  const known = checkKind(kind, ["stream", "seqpacket", "datagram"]);
  const { first, second, size } = layouts.socketPair;
  const record = new Uint8Array(size);
  const view = new DataView(record.buffer);
  check(
    load().core.hawser_socket_pair(kindBits[known], record, size),
    () => ({ what: "make a pair of sockets", operation: "socket_pair" }),
  );
  const at = (offset: number) => socketOf(owned(view.getInt32(offset, true)), known);
  return [at(first), at(second)];
}

const halves = { read: SHUT_RD, write: SHUT_WR, both: SHUT_RDWR } as const;

/** The user id of nobody at all: (uid_t)-1, which SO_PEERCRED gives where there is no connection. */
const nobody = 0xffff_ffff;

function connecting(address: UnixAddress): Attempt {
  const { text, path } = tellAddress(address);
  return {
    what: `connect to ${text}`,
    operation: "socket_connect",
    path,
    states: {
      ECONNREFUSED: "nobody listens there",
      EPROTOTYPE: "it is a socket of another kind",
      EAGAIN: "its backlog is full",
    },
  };
}
