// What becomes of a process and its Workers while words in memory are waited for: `futex_waits.ts CASE NAME`, where NAME
// is shared memory of 64 bytes, whose first word is 0 until the test changes it. With HAWSER_ONE_BY_ONE each wait has a
// thread of its own, as where the kernel refuses futex_waitv(2).
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "../../ffi/load.ts";
import { closeWaiting, wait } from "../../lib/core/_waiting.ts";
import { mappings } from "../../lib/memory/_mapping.ts";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Futex } from "../../lib/sync/mod.ts";

const [kind, name, extra] = (isMainThread ? process.argv.slice(2) : workerData) as [string, string, string?];
const memory = SharedMemory.open(name);
const words = new Int32Array(memory.buffer);
const futexes = Array.from({ length: 16 }, (_, i) => Futex.at(memory, 4 * i));
const gate = futexes[0]!;

function say(what: unknown): void {
  console.log(typeof what === "string" ? what : JSON.stringify(what));
}

function change(at: number, value: number): number {
  Atomics.store(words, at, value);
  return futexes[at]!.wake();
}

/** Ids of the threads of the library. */
function threads(): string[] {
  return readdirSync("/proc/self/task").filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, "utf8") === "hawser\n";
    } catch {
      return false; // Ended since the listing.
    }
  });
}

/** How often a thread gave up the processor, or lost it. */
function switches(task: string): number {
  const status = readFileSync(`/proc/self/task/${task}/status`, "utf8");
  return [...status.matchAll(/ctxt_switches:\s*(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
}

function sockets(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch {
      return false;
    }
  }).length;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so: ${what}`);
    await new Promise((done) => setTimeout(done, 2));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

function worker(what: string): { worker: Worker; message: () => Promise<string>; exit: Promise<number> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: [what, name, extra] });
  return {
    worker,
    message: () => new Promise((done, failed) => worker.once("message", done).once("error", failed)),
    exit: new Promise((done) => worker.once("exit", done)),
  };
}

/** Answers each change of word 2 in word 3, as fast as the loop of events goes. */
async function echo(turns: number): Promise<void> {
  for (let seen = 0; seen < turns;) {
    await futexes[2]!.wait(seen);
    const now = Atomics.load(words, 2);
    if (now === seen) continue;
    seen = now;
    change(3, seen);
  }
}

/** Changes word 2 `turns` times, at gaps of 2 µs; each fiftieth must be answered before the next. */
function flood(turns: number): void {
  for (let turn = 1; turn <= turns; turn++) {
    change(2, turn);
    if (turn % 50 === 0 || turn === turns) {
      for (let seen = Atomics.load(words, 3); seen !== turn; seen = Atomics.load(words, 3)) {
        futexes[3]!.waitSync(seen, { timeout: 10_000 });
      }
    }
    for (const end = performance.now() + 0.002; performance.now() < end;);
  }
}

const cases: Record<string, () => Promise<void> | void> = {
  // Nothing but the wait keeps the program running.
  async pending() {
    const waited = gate.wait(0);
    say("waiting");
    say(await waited);
  },

  // Nothing is waited for any more; a thread of the library's is still there.
  async idle() {
    const waited = futexes[1]!.wait(0);
    change(1, 1);
    await waited;
    say(threads().length);
  },

  // A wait that was called off keeps nothing running.
  async abandoned() {
    const controller = new AbortController();
    const waited = gate.wait(0, { signal: controller.signal });
    controller.abort("never mind");
    say(await waited.catch((reason) => reason));
  },

  async "exit-idle"() {
    const waited = futexes[1]!.wait(0);
    change(1, 1);
    await waited;
    process.exit(3);
  },

  // In the middle of waits, wakes and results.
  async "exit-load"() {
    for (let i = 4; i < 16; i++) futexes[i]!.wait(0);
    const { message } = worker("floods");
    await message();
    echo(Infinity);
    setTimeout(() => process.exit(3), 20);
  },
  floods() {
    parentPort!.postMessage("begins");
    flood(1_000_000);
  },

  throw() {
    gate.wait(0);
    setTimeout(() => {
      throw new Error("on purpose");
    }, 1);
  },

  // 30,000 changes of one word by another thread: each is seen, or one after it.
  async events() {
    const { exit } = worker("event-source");
    await echo(30_000);
    say(`${Atomics.load(words, 3)} seen, exit ${await exit}`);
  },
  "event-source"() {
    flood(30_000);
  },

  // The same, the other way round: the Worker waits.
  async "worker-events"() {
    const { exit, message } = worker("event-sink");
    await message();
    flood(5_000);
    say(`${Atomics.load(words, 3)} seen, exit ${await exit}`);
  },
  async "event-sink"() {
    parentPort!.postMessage("begins");
    await echo(5_000);
  },

  // Workers terminated in the middle of waits, wakes and results: what they waited with comes back, and a wake that was
  // theirs wakes the next.
  async terminate() {
    await futexes[15]!.wait(0, { timeout: 1 }).catch(() => {});
    const before = sockets();
    for (let round = 0; round < 5; round++) {
      Atomics.store(words, 2, 0);
      const { worker: thread, message } = worker("event-victim");
      await message();
      for (let turn = 1; turn < 500; turn++) change(2, turn);
      await thread.terminate();
    }
    // The waits of the dead came before ours, and are the first to be woken.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), 10_000);
    const mine = futexes[4]!.wait(0, { signal: late.signal }).catch(() => "not woken");
    await pause(100);
    Atomics.store(words, 4, 1);
    futexes[4]!.wake(1);
    say(await mine);
    clearTimeout(timer);
    const { core } = load();
    // The next bell takes away those whose threads have ended.
    await until(() => {
      core.hawser_bell_close(core.hawser_bell_open());
      return core.hawser_wait_count() === 0;
    }, "no wait is left");
    await until(() => threads().length === 0, "no thread is left");
    closeWaiting();
    await until(() => sockets() <= before, "no socket is left");
    say("nothing left");
  },
  "event-victim"() {
    for (let i = 4; i < 16; i++) futexes[i]!.wait(0).catch(() => {});
    echo(Infinity);
    parentPort!.postMessage("waiting");
  },

  async "worker-exit"() {
    const { exit, message } = worker("event-leaver");
    await message();
    say(`exit ${await exit}`);
  },
  "event-leaver"() {
    gate.wait(0);
    parentPort!.postMessage("waiting");
    setTimeout(() => process.exit(4), 1);
  },

  // A signal while the thread is blocked: the handler runs afterwards, unless the wait is interruptible.
  async signal() {
    let handled = "";
    process.on("SIGUSR2", () => handled = "handled");
    await pause(50); // Deno hears signals from the next turn on.
    const run = (interruptible: boolean) => {
      say("blocked");
      const begin = performance.now();
      try {
        return gate.waitSync(0, { timeout: 400, interruptible });
      } catch (error) {
        return `${(error as { code: string }).code} ${performance.now() - begin >= 399 ? "late" : "early"}`;
      }
    };
    say(`${run(false)} ${handled}`);
    await pause(50);
    say(`then ${handled}`);
    handled = "";
    say(`${run(true)} ${handled}`);
    await pause(50);
    say(`then ${handled}`);
    process.exit(0);
  },

  // How often the library's threads run: nothing is waited for, then one thing.
  async quiet() {
    const waited = futexes[1]!.wait(0);
    change(1, 1);
    await waited;
    await until(() => threads().length === 0, "no thread");
    await pause(10_000);
    say({ idle: threads().length });
  },
  async patient() {
    const waited = gate.wait(0, { timeout: 60_000 });
    await until(() => threads().length === 1, "a thread");
    await pause(100); // It goes to sleep.
    const [task] = threads() as [string];
    const before = switches(task);
    await pause(3_000);
    say({ switches: switches(task) - before });
    change(0, 1);
    await waited;
    process.exit(0);
  },

  // Wakes and aborts at once, 10,000 times: see there.
  async race() {
    await race(Number(extra));
  },
  // The one who must not miss a wake: sleeps until word 4 changes, and says so in word 5.
  "race-sleeper"() {
    for (let seen = 0; seen >= 0;) {
      Atomics.store(words, 5, seen);
      const now = Atomics.load(words, 4);
      if (now === seen) futexes[4]!.waitSync(seen, { timeout: 10_000 });
      seen = now;
    }
  },
};

/**
 * Each round one wait of ours and another thread sleep on word 4. It is changed, and one of the two is woken: if it was
 * ours, and we are called off, the other one must be woken by what ours got.
 */
async function race(seed: number): Promise<void> {
  const rounds = 10_000;
  const { core } = load();
  const random = (below: number) => {
    seed = Math.imul(seed, 1_103_515_245) + 12_345 & 0x7fff_ffff;
    return (seed >> 8) % below;
  };
  const spin = (us: number) => {
    for (const end = performance.now() + us / 1000; performance.now() < end;);
  };
  const fell = { before: 0, queued: 0, woken: 0, done: 0 };
  const places = Object.keys(fell) as (keyof typeof fell)[];
  let settled = 0;
  const { worker: thread } = worker("race-sleeper");
  const handle = memoryHandle();
  for (let round = 0; round < rounds; round++) {
    const controller = new AbortController();
    const { signal } = controller;
    let found = -1;
    let ended: string | undefined;
    // What was rare so far is aimed at, and hit or not.
    const aim = places[random(5)] ?? places.reduce((a, b) => fell[b] < fell[a] ? b : a);
    if (aim === "before") controller.abort("off");
    const aborted = signal.aborted;
    const waited = wait(
      {
        timed: true,
        start: (core, bell, token, limit) => core.hawser_wait_futex(bell, token, handle, 16, round, limit),
        cancel: (core, bell, token, id) => void (found = core.hawser_wait_cancel(bell, token, id)),
      },
      () => ({ what: "wait", operation: "wait_futex" }),
      { signal },
    ).then(() => ended = "ok", (reason) => ended = reason as string).then(() => settled++);
    if (random(2) === 0) spin(random(60));
    if (aim === "queued" && random(2) === 0) controller.abort("off");
    Atomics.store(words, 4, round + 1);
    futexes[4]!.wake(aim === "woken" || aim === "done" ? 1 + random(2) : 1);
    if (aim === "woken") spin(random(400));
    if (aim === "done") {
      for (let turns = 0; turns < 20 && ended === undefined; turns++) await new Promise((turn) => setImmediate(turn));
    }
    controller.abort("off");
    await waited;
    if (aborted) fell.before++;
    else if (found === 1) fell.queued++;
    else if (found === 2) fell.woken++;
    else if (ended === "ok") fell.done++;
    else throw new Error(`round ${round}: cancel said ${found}, the promise ${ended}`);
    // Whoever got the wake has seen the change, and wakes the next: so does every lock.
    if (ended === "ok") futexes[4]!.wake(1);
    for (const end = performance.now() + 5_000; Atomics.load(words, 5) !== round + 1;) {
      if (performance.now() > end) throw new Error(`round ${round}: the other one sleeps on; ${JSON.stringify(fell)}`);
    }
  }
  Atomics.store(words, 4, -1);
  futexes[4]!.wake();
  await until(() => core.hawser_wait_count() === 0, "no wait is left");
  say({ settled, fell });
  await thread.terminate();
  process.exit(0);
}

function memoryHandle(): number {
  return mappings.get(memory)!.handle("wait in");
}

if (process.env.HAWSER_ONE_BY_ONE) load().core.hawser_wait_one_by_one(1);
await cases[kind]!();
