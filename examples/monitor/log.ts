// The log: lines for whoever opens the FIFO, as `cat` does. Each reader gets the latest lines first, and then what comes.
// Nobody needs to read, and nobody who stops reading holds the monitor up.
import { type Fd, Fifo, ready } from "../../lib/fd/mod.ts";

/** How many lines are kept for the next reader. They fit into a pipe. */
const linesMax = 100;

/** A log, and the name of its FIFO. */
export class Log implements Disposable {
  readonly #fifo: Fifo;
  readonly #lines: Uint8Array[] = [];
  readonly #closing = new AbortController();
  /** The way to the reader there is. */
  #writer: Fd | null = null;

  /**
   * Makes the FIFO.
   *
   * @param failed Is told if no more readers can be served.
   */
  constructor(path: string, failed: (error: Error) => void) {
    this.#fifo = Fifo.make(path);
    this.#serve().catch((error) => {
      if (!this.#closing.signal.aborted) failed(error);
    });
  }

  /** Adds a line. */
  add(text: string): void {
    const line = new TextEncoder().encode(`${new Date().toISOString()} ${text}\n`);
    this.#lines.push(line);
    if (this.#lines.length > linesMax) this.#lines.shift();
    this.#give(line);
  }

  /** One reader after the other: the kernel wakes us when one comes, and when it goes. */
  async #serve(): Promise<never> {
    const { signal } = this.#closing;
    for (;;) {
      using writer = await Fifo.open(this.#fifo.path, "write", { signal });
      this.#writer = writer;
      this.#lines.forEach((line) => this.#give(line));
      await ready(writer, "priority", { signal }); // A pipe never has priority data: what ends this is the reader's end.
      this.#writer = null;
    }
  }

  /** Gives the reader a line; short ones go whole or not at all. Where its pipe is full it loses that line. */
  #give(line: Uint8Array): void {
    try {
      this.#writer?.tryWrite(line);
    } catch {
      this.#writer = null; // EPIPE: it is gone, which #serve() is about to hear.
    }
  }

  /** Ends it for the reader too, and removes the name. */
  [Symbol.dispose](): void {
    this.#closing.abort();
    this.#writer?.close();
    this.#fifo.unlink();
  }
}
