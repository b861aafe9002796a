import { inspectAs } from "../core/_inspect.ts";
import type { Fd } from "../fd/fd.ts";
import type { UnixAddress } from "./address.ts";

/**
 * Who a process is, struct ucred. The kernel vouches for them: only a privileged process may give others than its own.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Credentials, socketPair } from "hawser/socket";
 *
 * const [a, b] = socketPair();
 * const peer: Credentials | null = a.peerCredentials();
 * assert.equal(peer?.pid, process.pid);
 * a.close();
 * b.close();
 * ```
 */
export interface Credentials {
  /** The process; 0 for one that this pid namespace does not see. */
  readonly pid: number;
  /** Its effective user. */
  readonly uid: number;
  /** Its effective group. */
  readonly gid: number;
}

/**
 * What was received: bytes, and what came with them. The descriptors are the receiver's; disposing the message closes those
 * that are still in it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Fd } from "hawser/fd";
 * import { socketPair, type UnixMessage } from "hawser/socket";
 *
 * const [a, b] = socketPair("seqpacket");
 * using hostname = Fd.open("/etc/hostname");
 * await a.send(new Uint8Array(1), { fds: [hostname, hostname] });
 *
 * function takeFirst(message: UnixMessage): Fd {
 *   using rest = message; // Closes the second one.
 *   return rest.fds.shift()!;
 * }
 * using taken = takeFirst(await b.receive({ maxFds: 2 }));
 * assert.equal(taken.stat().inode, hostname.stat().inode);
 * a.close();
 * b.close();
 * ```
 */
export class UnixMessage implements Disposable {
  /** The bytes; a part of the `buffer` that was given, or new. */
  readonly data: Uint8Array;
  /** The descriptors, close-on-exec. What is taken out of the array is no longer the message's to close. */
  readonly fds: Fd[];
  /** Who sent it, where `passCredentials` is set. */
  readonly credentials: Credentials | null;
  /** The process that sent it, as a pidfd, where `passPidfd` is set; null where descriptors were dropped in its place. */
  readonly pidfd: Fd | null;
  /** Where it came from, for a datagram; null if its sender has no name. */
  readonly from: UnixAddress | null;
  /** Whether the packet was longer than the room for it: the rest is lost. */
  readonly truncated: boolean;
  /** Whether descriptors came although `maxFds` was 0: they are closed. */
  readonly fdsDropped: boolean;
  /**
   * Whether the other side is closed, or has shut down writing, and everything was received. Empty packets that were sent
   * last, right before that, are not told from it.
   */
  readonly end: boolean;

  /** Made by receiving only. */
  constructor(parts: Omit<UnixMessage, typeof Symbol.dispose | "close">) {
    this.data = parts.data;
    this.fds = parts.fds;
    this.credentials = parts.credentials;
    this.pidfd = parts.pidfd;
    this.from = parts.from;
    this.truncated = parts.truncated;
    this.fdsDropped = parts.fdsDropped;
    this.end = parts.end;
  }

  /** Closes the descriptors that are still in it. Closing twice is fine. */
  close(): void {
    for (const fd of this.fds) fd.close();
    this.pidfd?.close();
  }

  /** The same as {@linkcode UnixMessage.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

inspectAs(UnixMessage, ({ data, fds, end }) => {
  if (end) return "UnixMessage (end)";
  return `UnixMessage of ${data.length} bytes${fds.length > 0 ? ` and ${fds.length} descriptors` : ""}`;
});
