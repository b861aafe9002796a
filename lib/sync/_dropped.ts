// Tells of guards that were dropped without release: their locks stay held, and somebody waits for ever.
//
// Registering each guard for finalization would cost more than ten locks. So a lock remembers its guard for a second, and
// only guards that are out longer are registered; the clock runs while locks are taken, and no further.

import { startIdleTimer } from "../../ffi/timer.ts";

/** What a guard is of. */
interface Watched {
  readonly label: string;
  /** The guard that is out; null also where it is on the registry, which must not be the one that keeps it alive. */
  readonly out: { guard: object | null };
  /** Tells it that it is not looked after any more. */
  unwatched(): void;
}

const registry = new FinalizationRegistry<string>((label) => {
  process.emitWarning(`The guard of ${label} was dropped without release(): it stays held until this thread ends`, {
    type: "HawserWarning",
    code: "HAWSER_GUARD_DROPPED",
  });
});

/** What is looked after, each with the guard that was out when last looked at. */
const recent = new Map<Watched, object | null>();
const period_ms = 1000;

/** Has `lock.out.guard` looked after, as long as the lock is used. */
export function watchForDrop(lock: Watched): void {
  if (recent.has(lock)) return;
  if (recent.size === 0) startIdleTimer(look, period_ms);
  recent.set(lock, null);
}

/** Takes a guard off the registry. */
export function forget(guard: object): void {
  registry.unregister(guard);
}

function look(): void {
  for (const [lock, seen] of recent) {
    const { guard } = lock.out;
    if (guard !== null && guard !== seen) {
      recent.set(lock, guard);
      continue;
    }
    if (guard !== null) {
      registry.register(guard, lock.label, guard);
      lock.out.guard = null;
    }
    recent.delete(lock);
    lock.unwatched();
  }
  if (recent.size > 0) startIdleTimer(look, period_ms);
}
