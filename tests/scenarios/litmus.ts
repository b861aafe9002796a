// One side of the litmus tests. Two processes run through the same thousand cells at the same time and look afterwards
// at what each of them saw. The arguments: the memory's name, which side (0 or 1), what to do the promised part with
// ("atomics", or "plain" to see that the test notices), and how many batches. Side 0 says what was counted.
//
//     0       arrived, word 0 of side 0, word 16 of side 1; word 32: no more batches; word 48: the counter
//     4096    x, a cell for each cache line
//     68096   y
//     132096  what side 0 saw, then what side 1 saw
//
// Each batch writes its own number, which no cell has held before, so nothing is cleared in between.
import process from "node:process";
import { futexWait, futexWake } from "../../lib/memory/_futex.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";

export const cells = 1000;
export const size: number = 132_096 + 2 * 4 * cells;
const step = 16;

type Words = Int32Array;
/** Writes `own[i]`, then reads `other[i]`, for each cell. */
type Run = (own: Words, other: Words, seen: Words, value: number) => void;

// Each in both ways, as functions of their own: an engine compiles what it saw.
const storeLoad: Record<string, Run> = {
  atomics(own, other, seen, value) {
    for (let i = 0; i < cells; i++) {
      Atomics.store(own, i * step, value);
      seen[i] = Atomics.load(other, i * step);
    }
  },
  plain(own, other, seen, value) {
    for (let i = 0; i < cells; i++) {
      own[i * step] = value;
      seen[i] = other[i * step]!;
    }
  },
};
const publish: Record<string, (data: Words, flag: Words, value: number) => void> = {
  atomics(data, flag, value) {
    for (let i = 0; i < cells; i++) {
      Atomics.store(data, i * step, value);
      Atomics.store(flag, i * step, value);
    }
  },
  plain(data, flag, value) {
    for (let i = 0; i < cells; i++) {
      data[i * step] = value;
      flag[i * step] = value;
    }
  },
};
/** Notes 1 where the flag was seen, plus 2 where the data was. */
const observe: Record<string, (data: Words, flag: Words, seen: Words, value: number) => void> = {
  atomics(data, flag, seen, value) {
    for (let i = 0; i < cells; i++) {
      const flagged = Atomics.load(flag, i * step) === value ? 1 : 0;
      seen[i] = flagged | (Atomics.load(data, i * step) === value ? 2 : 0);
    }
  },
  plain(data, flag, seen, value) {
    for (let i = 0; i < cells; i++) {
      const flagged = flag[i * step] === value ? 1 : 0;
      seen[i] = flagged | (data[i * step] === value ? 2 : 0);
    }
  },
};
const count: Record<string, (words: Words, at: number) => void> = {
  atomics(words, at) {
    for (let i = 0; i < cells; i++) {
      let old = Atomics.load(words, at);
      for (let found; (found = Atomics.compareExchange(words, at, old, old + 1)) !== old;) old = found;
    }
  },
  plain(words, at) {
    for (let i = 0; i < cells; i++) words[at] = words[at]! + 1;
  },
};

function side(name: string, me: 0 | 1, how: string, batches: number, patience: number): void {
  using memory = SharedMemory.open(name);
  const words = new Int32Array(memory.buffer);
  const part = (at: number, length: number) => new Int32Array(memory.buffer, at, length);
  const lines = [part(4096, cells * step), part(4096 + 64 * cells, cells * step)] as const;
  const [own, other] = me === 0 ? lines : [lines[1], lines[0]];
  const seen = [part(132_096, cells), part(132_096 + 4 * cells, cells)] as const;
  const [stop, counter] = [32, 48];

  let meetings = 0;
  /** Waits until the other side is here too: awake, as both shall go on at the same moment, and asleep if it takes long. */
  const meet = () => {
    meetings++;
    Atomics.store(words, me * step, meetings);
    futexWake(memory, me * step * 4);
    const there = (1 - me) * step;
    for (let i = 0; i < 20_000; i++) if (Atomics.load(words, there) >= meetings) return;
    for (let at; (at = Atomics.load(words, there)) < meetings;) {
      if (!futexWait(memory, there * 4, at, 20_000)) throw new Error("the other side does not come");
    }
  };

  let value = 0;
  /** Runs batches until side 0 has enough; `check` returns whether it has. */
  const repeat = (run: (value: number, batch: number) => void, check: (value: number, batch: number) => boolean) => {
    for (let batch = 1;; batch++) {
      value++;
      meet();
      meet(); // The first woke whoever slept; now both are awake.
      if (Atomics.load(words, stop) === 1) break;
      run(value, batch);
      meet();
      if (me === 0 && check(value, batch)) Atomics.store(words, stop, 1);
    }
    meet();
    if (me === 0) Atomics.store(words, stop, 0);
    meet();
  };

  const buffering = (how: string, enough: (forbidden: number, batch: number) => boolean) => {
    const counts = { cells: 0, both: 0, one: 0, forbidden: 0 };
    repeat((value) => storeLoad[how]!(own, other, seen[me], value), (value, batch) => {
      for (let i = 0; i < cells; i++) {
        const found = Number(seen[0][i] === value) + Number(seen[1][i] === value);
        counts.cells++;
        if (found === 2) counts.both++;
        else if (found === 1) counts.one++;
        else counts.forbidden++;
      }
      return enough(counts.forbidden, batch);
    });
    return counts;
  };

  const passing = (how: string, batches: number) => {
    const counts = { cells: 0, seen: 0, unseen: 0, forbidden: 0 };
    repeat((value, batch) => {
      // They take turns at writing.
      if (batch % 2 === me) publish[how]!(...lines, value);
      else observe[how]!(...lines, seen[0], value);
    }, (_, batch) => {
      for (let i = 0; i < cells; i++) {
        counts.cells++;
        if (seen[0][i] === 1) counts.forbidden++;
        else if (seen[0][i] === 3) counts.seen++;
        else counts.unseen++;
      }
      return batch === batches;
    });
    return counts;
  };

  const counting = (how: string, batches: number) => {
    repeat(() => count[how]!(words, counter), (_, batch) => batch === batches);
    return { cells: 2 * cells * batches, forbidden: 2 * cells * batches - Atomics.load(words, counter) };
  };

  const told = {
    "store buffering": buffering(how, (_, batch) => batch >= batches / 2),
    "message passing": passing(how, batches / 4),
    counters: counting(how, batches / 4),
    // The same with plain stores, until it goes wrong once: processors do reorder those, so if it never does, the two
    // sides were not running at the same time, and what is above proves nothing.
    control: (() => {
      const end = performance.now() + patience;
      return buffering("plain", (forbidden) => forbidden > 0 || performance.now() > end);
    })(),
  };
  if (me === 0) console.log(JSON.stringify(told));
}

if (process.argv.length > 2) {
  const [name, me, how, batches] = process.argv.slice(2) as [string, string, string, string];
  side(name, me === "0" ? 0 : 1, how, Number(batches), 20_000);
}
