/** Where a program of a crash harness stands still until it is to go on: see tests/crash/harness/_peers.ts. */
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Futex } from "../../lib/sync/mod.ts";

/** Two words for each program: whether it is to go on, and whether it stands still. */
export const postBytes = 8;

/** A program's own post. */
export class Post {
  readonly #words: Int32Array;
  readonly #going: Futex;
  readonly #at: number;

  /**
   * Takes a post.
   *
   * @param name The memory of all posts.
   * @param place Which is this program's.
   */
  constructor(name: string, place: number) {
    const memory = SharedMemory.open(name);
    this.#words = new Int32Array(memory.buffer);
    this.#at = place * postBytes / 4;
    this.#going = Futex.at(memory, place * postBytes);
  }

  /** Stands still while the program is not to go on: between two turns, with nothing in its hands. */
  pass(): void {
    if (Atomics.load(this.#words, this.#at) !== 0) return;
    Atomics.store(this.#words, this.#at + 1, 1);
    while (Atomics.load(this.#words, this.#at) === 0) this.#going.waitSync(0);
    Atomics.store(this.#words, this.#at + 1, 0);
  }
}
