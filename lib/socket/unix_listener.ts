import { load } from "../../ffi/load.ts";
import { layouts, POLLIN } from "../../ffi/symbols.ts";
import { fileMode, integer, optionsObject } from "../core/_arguments.ts";
import { inspectAs } from "../core/_inspect.ts";
import { type Attempt, check, errnoOf } from "../core/_results.ts";
import { type BlockOptions, waitOptionNames, type WaitOptions } from "../core/_waiting.ts";
import { blockUntilReady, type Wanted, whenReady } from "../fd/_ready.ts";
import { type Fd, owned } from "../fd/fd.ts";
import { bindTo, nameOf, unbind } from "./_bind.ts";
import { checkKind, kindOf } from "./_kinds.ts";
import { untilClosed } from "./_until_closed.ts";
import { encodeAddress, type UnixAddress } from "./address.ts";
import type { UnixKind } from "./options.ts";
import { socketOf, type UnixSocket } from "./unix_socket.ts";

/**
 * Options of {@linkcode UnixListener.listen}.
 *
 * @example
 * ```ts
 * import { type ListenOptions, UnixListener } from "hawser/socket";
 *
 * const forMyGroup: ListenOptions = { mode: 0o660, backlog: 16 };
 * using listener = UnixListener.listen({ path: `/tmp/example-${process.pid}.sock` }, forMyGroup);
 * ```
 */
export interface ListenOptions {
  /** What the connections transport. `"stream"` by default. */
  readonly kind?: "stream" | "seqpacket" | undefined;
  /** The permission bits of a path, exactly: who may write it may connect. 0o600 by default. */
  readonly mode?: number | undefined;
  /** How many connections may wait to be accepted; the kernel takes no more than net.core.somaxconn. 128 by default. */
  readonly backlog?: number | undefined;
}

/** What the constructor is called with from here, and from nowhere else. */
const inside = Symbol("UnixListener");
const EAGAIN = 11;

/**
 * A unix socket that listens, and accepts connections.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { UnixListener, UnixSocket } from "hawser/socket";
 *
 * using listener = UnixListener.listen({ path: `/tmp/example-${process.pid}.sock` });
 * const echo = (async () => {
 *   for await (const connection of listener) {
 *     using socket = connection;
 *     for await (const { data } of socket) await socket.send(data);
 *   }
 * })();
 *
 * using client = await UnixSocket.connect(listener.getsockname()!);
 * await client.send(new TextEncoder().encode("hello"));
 * assert.equal(new TextDecoder().decode((await client.receive()).data), "hello");
 * client.close();
 * listener.close();
 * await echo;
 * ```
 */
export class UnixListener implements AsyncIterable<UnixSocket>, Disposable {
  /** The descriptor: for `poll()`, and to be passed on. Whoever releases it takes the socket over, and its path with it. */
  readonly fd: Fd;
  /** What its connections transport. */
  readonly kind: UnixKind;
  readonly #bound: { readonly address: Uint8Array; readonly stat: Uint8Array } | undefined;

  private constructor(
    fd: Fd,
    kind: UnixKind,
    bound: { address: Uint8Array; stat: Uint8Array } | undefined,
    key: symbol,
  ) {
    if (key !== inside) {
      throw new TypeError("Cannot make a UnixListener by new: use UnixListener.listen() or UnixListener.from()");
    }
    this.fd = fd;
    this.kind = kind;
    this.#bound = bound;
  }

  /**
   * Makes a socket with an address and listens, bind(2) and listen(2).
   *
   * A path has its mode before anybody can connect. If it exists and no socket stands behind it any more, it is replaced,
   * under flock(2) of its folder; it is removed by {@linkcode UnixListener.close}.
   *
   * @param address A path or an abstract name; `"autobind"` for an abstract one that the kernel finds.
   * @param options The kind, the path's permission bits, and how many connections may wait.
   * @returns The listener.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the address is longer than 107 bytes, or an option is out of range.
   * @throws {SystemError} EADDRINUSE if another socket has the address, also one that does not listen, or the path is no
   *   socket; EBUSY if the lock of the folder was not to be had for a second; as bind(2) refuses: ENOENT, EACCES, EROFS ...
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { UnixListener } from "hawser/socket";
   *
   * using listener = UnixListener.listen({ path: `/tmp/example-${process.pid}.sock` }, { mode: 0o666 });
   * assert.throws(() => UnixListener.listen(listener.getsockname()!), { code: "EADDRINUSE" });
   * ```
   */
  static listen(address: UnixAddress | "autobind", options?: ListenOptions): UnixListener {
    const { kind = "stream", mode = 0o600, backlog = 128 } = optionsObject(options, ["kind", "mode", "backlog"]);
    checkKind(kind, ["stream", "seqpacket"]);
    fileMode(mode);
    integer(backlog, "backlog", 0, 0x7fff_ffff);
    const bytes = address === "autobind" ? new Uint8Array() : encodeAddress(address);
    const stat = new Uint8Array(layouts.stat.size);
    const number = bindTo(kind, address, bytes, mode, backlog, stat);
    return new UnixListener(owned(number), kind, { address: bytes, stat }, inside);
  }

  /**
   * Takes over a unix socket that listens already: one that was inherited or received. Its path stays when it is closed.
   *
   * @param fd Its descriptor, which is the listener's from now on. It is made O_NONBLOCK.
   * @returns The listener.
   * @throws {TypeError} If it is no Fd, or closed.
   * @throws {SystemError} ENOTSOCK if it is no socket, EAFNOSUPPORT if it is none of unix, EINVAL if it does not listen.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { Fd } from "hawser/fd";
   * import { UnixListener } from "hawser/socket";
   *
   * using first = UnixListener.listen("autobind");
   * using second = UnixListener.from(first.fd.dup()); // Both accept.
   * assert.deepEqual(second.getsockname(), first.getsockname());
   * ```
   */
  static from(fd: Fd): UnixListener {
    return new UnixListener(fd, kindOf(fd, true), undefined, inside);
  }

  /**
   * Accepts a connection, accept(2), and waits for one without blocking the thread.
   *
   * @param options How long to wait, and who may call it off.
   * @returns The connection.
   * @throws {TypeError} If an option has the wrong type, or the listener is closed.
   * @throws {SystemError} ETIMEDOUT if the time is up, ECANCELED if the listener was closed meanwhile, EMFILE if there are too
   *   many descriptors: the connection waits on then.
   * @throws The signal's reason, if it was aborted before.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { UnixListener } from "hawser/socket";
   *
   * using listener = UnixListener.listen("autobind");
   * await assert.rejects(listener.accept({ timeout: 1 }), { code: "ETIMEDOUT" });
   * ```
   */
  async accept(options?: WaitOptions): Promise<UnixSocket> {
    const checked = optionsObject(options, waitOptionNames);
    return this.#taken(await whenReady(this.#wanted(), () => this.#step(), accepting, checked));
  }

  /**
   * The same, and blocks the thread.
   *
   * @param options How long to wait, and whether signals end it.
   * @returns The connection.
   * @throws {TypeError} If an option has the wrong type, or the listener is closed.
   * @throws {SystemError} As `accept()`; EINTR if a signal arrived and `interruptible` says so.
   *
   * @example
   * ```ts
   * import { UnixListener, UnixSocket } from "hawser/socket";
   *
   * using listener = UnixListener.listen("autobind");
   * using client = UnixSocket.connectSync(listener.getsockname()!);
   * using server = listener.acceptSync({ timeout: 1000 });
   * ```
   */
  acceptSync(options?: BlockOptions): UnixSocket {
    return this.#taken(blockUntilReady(this.#wanted(), () => this.#step(), accepting, options ?? {}));
  }

  /**
   * Accepts a connection if one waits.
   *
   * @returns The connection; null where there is none.
   * @throws {TypeError} If the listener is closed.
   * @throws {SystemError} EMFILE, ENFILE if there are too many descriptors.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { UnixListener } from "hawser/socket";
   *
   * using listener = UnixListener.listen("autobind");
   * assert.equal(listener.tryAccept(), null);
   * ```
   */
  tryAccept(): UnixSocket | null {
    const result = this.#step();
    return errnoOf(result) === -EAGAIN ? null : this.#taken(check(result, accepting));
  }

  /** The connections, one after the other, until the listener is closed here. */
  [Symbol.asyncIterator](): AsyncGenerator<UnixSocket, void, undefined> {
    return untilClosed(this.fd, () => this.accept());
  }

  /**
   * Where it listens, getsockname(2).
   *
   * @returns The address.
   * @throws {TypeError} If the listener is closed.
   *
   * @example
   * ```ts
   * import assert from "node:assert/strict";
   * import { UnixListener } from "hawser/socket";
   *
   * using listener = UnixListener.listen({ abstract: `example-${process.pid}` });
   * assert.deepEqual(listener.getsockname(), { abstract: `example-${process.pid}` });
   * ```
   */
  getsockname(): UnixAddress | null {
    return nameOf(this.fd, false);
  }

  /**
   * Stops to listen, and removes the path if it still is this socket's and this process may. Connections that were not
   * accepted are reset. Closing twice is fine, and after `fd.release()` it does nothing.
   */
  close(): void {
    if (this.fd.closed) return;
    // The path first: as long as the socket is open nobody takes it for stale.
    if (this.#bound !== undefined) unbind(this.#bound.address, this.#bound.stat);
    this.fd.close();
  }

  /** The same as {@linkcode UnixListener.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #wanted(): Wanted {
    return { number: this.fd.number, bits: POLLIN };
  }

  #step(): number {
    return load().core.hawser_socket_accept(this.fd.number);
  }

  #taken(number: number): UnixSocket {
    return socketOf(owned(number), this.kind);
  }
}

function accepting(): Attempt {
  return { what: "accept a connection", operation: "socket_accept" };
}

inspectAs(
  UnixListener,
  ({ fd, kind }) => `UnixListener (${fd.closed ? "closed" : `${kind}, descriptor ${fd.number}`})`,
);
