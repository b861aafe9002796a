/** What stands under the mutex of the crash harness, in 32-bit words behind the mutex itself. */
export const record = {
  /** Who is in the middle of a turn, by its place and one; zero where nobody is. */
  holder: 0,
  /** Two plain counters of turns, incremented one after the other. */
  first: 1,
  second: 2,
  /** What `first` and the holder's own count were before its turn, for who finds the turn unfinished. */
  before: 3,
  beforeOwn: 4,
  /** How often the holder found another's mark, or the counters apart. */
  doubled: 5,
  /** How often the next owner found an unfinished turn without being told. */
  unmarked: 6,
  /** How often it was told. */
  recovered: 7,
  /** How often each program had its turn. */
  turns: 16,
} as const;

/** Where the mutex and the words lie in the memory. */
export const recordOffset = 64;

/** Takes back a turn that its owner did not finish: what every next owner must be able to do. */
export function undo(words: Uint32Array): void {
  const dead = words[record.holder]!;
  if (dead === 0) return; // It died before its turn, or behind it.
  words[record.first] = words[record.second] = words[record.before]!;
  words[record.turns + dead - 1] = words[record.beforeOwn]!;
  Atomics.store(words, record.holder, 0);
}
