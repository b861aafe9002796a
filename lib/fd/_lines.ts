import type { WaitOptions } from "../core/_waiting.ts";
import { step } from "./_ready.ts";
import type { Fd } from "./fd.ts";

/** Lines out of a descriptor, without their newlines. What a wait that is called off had read stays for the next. */
export class LineReader {
  readonly #fd: Fd;
  /** What was read and not given out: whole lines or the beginning of one. */
  #rest = new Uint8Array(0);
  /** How much of it is known to hold no newline. */
  #seen = 0;
  #busy = false;

  constructor(fd: Fd) {
    this.#fd = fd;
  }

  /** The next line; null at the end. The last need not end with a newline. */
  async next(options: WaitOptions): Promise<string | null> {
    const { number } = this.#fd; // Throws where it is closed.
    if (this.#busy) throw new TypeError("Cannot read a line: another read waits for one");
    this.#busy = true;
    const what = () => ({ what: `read a line of descriptor ${number}`, operation: "fd_read" });
    try {
      for (;;) {
        const end = this.#rest.indexOf(newline, this.#seen);
        if (end >= 0) return this.#take(end, end + 1);
        this.#seen = this.#rest.length;
        const part = new Uint8Array(16_384);
        const count = await step(what, () => this.#fd.read(part, options));
        if (count === 0) return this.#rest.length === 0 ? null : this.#take(this.#rest.length, this.#rest.length);
        this.#append(part.subarray(0, count));
      }
    } finally {
      this.#busy = false;
    }
  }

  #take(end: number, next: number): string {
    const line = decoder.decode(this.#rest.subarray(0, end));
    this.#rest = this.#rest.subarray(next);
    this.#seen = 0;
    return line;
  }

  /** Room doubles, so that a long line costs no more than twice its bytes in copies. */
  #append(part: Uint8Array): void {
    const { buffer, byteOffset, length } = this.#rest;
    const end = byteOffset + length;
    if (buffer.byteLength - end >= part.length && length > 0) {
      this.#rest = new Uint8Array(buffer, byteOffset, length + part.length);
    } else {
      const larger = new Uint8Array(Math.max(2 * length, length + part.length));
      larger.set(this.#rest);
      this.#rest = larger.subarray(0, length + part.length);
    }
    this.#rest.set(part, length);
  }
}

const newline = 10;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
