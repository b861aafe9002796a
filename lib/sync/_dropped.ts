// Tells of guards that were dropped without release: their locks stay held, and somebody waits for ever.
//
// Registering each guard for finalization would cost more than ten locks. So a lock remembers its guard for a second, and
// only guards that are out longer are registered; the clock runs while locks are taken, and no further.

import { startIdleTimer } from "../../ffi/timer.ts";

/** What a guard is of. */
interface Watched {
  readonly label: string;
  /** The guard that is out; null also where it is on the registry, which must not be the one that keeps it alive. */
  guard: object | null;
  watched: boolean;
}

const registry = new FinalizationRegistry<string>((label) => {
  process.emitWarning(`The guard of ${label} was dropped without release(): it stays held until this thread ends`, {
    type: "HawserWarning",
    code: "HAWSER_GUARD_DROPPED",
  });
});

let recent: { lock: Watched; seen: object | null }[] = [];
const period_ms = 1000;

/** Has `lock.guard` looked after, as long as the lock is used. */
export function watchForDrop(lock: Watched): void {
  lock.watched = true;
  if (recent.push({ lock, seen: null }) === 1) startIdleTimer(look, period_ms);
}

/** Takes a guard off the registry. */
export function forget(guard: object): void {
  registry.unregister(guard);
}

function look(): void {
  recent = recent.filter((entry) => {
    const { lock, seen } = entry;
    const { guard } = lock;
    if (guard === null || guard === seen) {
      if (guard !== null) {
        registry.register(guard, lock.label, guard);
        lock.guard = null;
      }
      return lock.watched = false;
    }
    entry.seen = guard;
    return true;
  });
  if (recent.length > 0) startIdleTimer(look, period_ms);
}
