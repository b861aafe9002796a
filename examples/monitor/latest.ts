// The latest value of something: one process writes it, any number read it, and it is whole at every moment.
//
// It has two slots. The writer fills the one that nobody was told of and publishes its number last, so the newest whole
// value stays readable however the writer ends. Who waits for another value sleeps on that number.
import { array, type Atomic, atomicU32, type Fields, type Input, struct } from "../../lib/layout/mod.ts";
import type { Struct, Values } from "../../lib/layout/mod.ts";
import type { SharedMemory } from "../../lib/memory/mod.ts";
import { Futex } from "../../lib/sync/mod.ts";

/** How it lies in a record. */
export const latest = <F extends Fields>(value: Struct<F>) => struct({ published: atomicU32, slots: array(value, 2) });

/** One at a place in memory. */
export class Latest<F extends Fields> {
  readonly #bytes: Uint8Array;
  readonly #value: Struct<F>;
  /** How many values were published. The newest stands in slot `published & 1`. */
  readonly #published: Atomic<number>;
  readonly #word: Futex;
  readonly #slots: number;

  constructor(memory: SharedMemory, value: Struct<F>, offset: number) {
    const { offsets } = latest(value);
    this.#bytes = memory.bytes;
    this.#value = value;
    this.#published = atomicU32.view(memory.bytes, offset + offsets.published);
    this.#word = Futex.at(memory, offset + offsets.published);
    this.#slots = offset + offsets.slots;
  }

  #slot(sequence: number): number {
    return this.#slots + (sequence & 1) * this.#value.size;
  }

  /** Publishes a value and wakes whoever waits for one. */
  publish(value: Input<Values<F>>): void {
    const sequence = this.#published.load() + 1;
    this.#value.write(this.#bytes, value, this.#slot(sequence));
    this.#published.store(sequence);
    this.#word.wake();
  }

  /** Reads the newest value whole, with its sequence number; null before the first. */
  read(): { sequence: number; value: Values<F> } | null {
    for (;;) {
      const sequence = this.#published.load();
      if (sequence === 0) return null;
      const value = this.#value.read(this.#bytes, this.#slot(sequence));
      // The writer returns to a slot only after it published the other one, so an unchanged number proves the copy.
      if (this.#published.load() === sequence) return { sequence, value };
    }
  }

  /** Sleeps until another value than number `seen` is published, or until the signal calls that off. */
  async changed(seen: number, signal: AbortSignal): Promise<void> {
    await this.#word.wait(seen, { signal });
  }
}
