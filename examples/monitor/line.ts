// The line between the parent and a child: a socketpair, and small messages over it, each in a packet of its own. What no
// message can say, that the other process is gone, the end of the socket does: even for one that was killed.
import { Fd } from "../../lib/fd/mod.ts";
import { SystemError, UnixSocket } from "../../lib/socket/mod.ts";

/** What is said. */
export type Message =
  /** To a child: it is time to leave. */
  | { leave: true }
  /** To a child, how many milliseconds there are between two samples from now on; to the parent, what somebody wants. */
  | { interval: number }
  /** To the parent: a line for the log. */
  | { log: string };

/** One end. */
export class Line implements Disposable {
  readonly #socket: UnixSocket;

  constructor(socket: UnixSocket) {
    this.#socket = socket;
  }

  /** A child's end, which the parent put at descriptor 3. */
  static toParent(): Line {
    return new Line(UnixSocket.from(Fd.from(3)));
  }

  /** The user who made the line, as the kernel says: the parent's. */
  get owner(): number {
    return this.#socket.peerCredentials()!.uid;
  }

  /** Sends a message. False means that it is lost: the other process is gone, or has not read for long. */
  send(message: Message): boolean {
    if (this.#socket.fd.closed) return false;
    try {
      return this.#socket.trySend(new TextEncoder().encode(JSON.stringify(message))) !== null;
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
  }

  /** What the other end says, until it is gone or this one is closed. */
  async *messages(): AsyncGenerator<Message> {
    try {
      for await (const { data } of this.#socket) yield JSON.parse(new TextDecoder().decode(data));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error; // It was killed before it had read everything.
    }
  }

  /** Closes this end. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
