// A process that uses a mutex as it is told: `ACTION PLACE [ARGUMENT]`. A place is the name of a mutex, or NAME@OFFSET in
// shared memory. It says on stdout what it does.
import { readFileSync } from "node:fs";
import process from "node:process";
import { SharedMemory } from "../../lib/memory/mod.ts";
import { Mutex } from "../../lib/sync/mod.ts";

const [action, place, argument, limit] = process.argv.slice(2) as [string, string, string?, string?];
const [name, offset] = place.split("@") as [string, string?];
const memory = offset === undefined ? undefined : SharedMemory.open(name);

/** Says something and waits until it is out: whoever reads it may kill this process. */
const say = (text: string) => new Promise<void>((done) => void process.stdout.write(`${text}\n`, () => done()));
const told = () => {
  const alive = setInterval(() => {}, 60_000);
  return new Promise<void>((done) => process.on("SIGTERM", () => (clearInterval(alive), done())));
};

try {
  using mutex = memory === undefined ? Mutex.open(name) : Mutex.at(memory, Number(offset));
  switch (action) {
    // Until SIGTERM.
    case "hold": {
      const enough = told();
      using guard = mutex.acquireSync({ timeout: 20_000 });
      await say(`held ${guard.abandoned}`);
      await enough;
      break;
    }
    case "wait":
    case "block": {
      await say(mutex.tryAcquire() === null ? "waiting" : "free");
      const start = performance.now();
      using guard = action === "wait"
        ? await mutex.acquire({ timeout: 20_000 })
        : mutex.acquireSync({ timeout: 20_000 });
      await say(`taken ${guard.abandoned} ${Math.round(performance.now() - start)}`);
      break;
    }
    // Takes it again as soon as it gave it back and holds it for ARGUMENT milliseconds, until it is killed.
    case "hog": {
      const turns = new Int32Array(memory!.buffer, Number(offset) + 64);
      mutex.acquireSync().release();
      await say("hogging");
      for (;;) {
        using _guard = mutex.acquireSync();
        Atomics.add(turns, 0, 1);
        const start = performance.now();
        while (performance.now() - start < Number(argument));
      }
    }
    // Takes it ARGUMENT times from a hog, and says how often that one had it meanwhile; no more than LIMIT times.
    case "sync-guest":
    case "async-guest": {
      const turns = new Int32Array(memory!.buffer, Number(offset) + 64);
      await say("coming");
      let passed = 0;
      for (let i = 0; i < Number(argument) && passed < Number(limit); i++) {
        while ((mutex.owner?.pid ?? process.pid) === process.pid) await new Promise((done) => setTimeout(done, 1));
        const before = Atomics.load(turns, 0);
        using _guard = action === "sync-guest" ? mutex.acquireSync() : await mutex.acquire();
        passed += Atomics.load(turns, 0) - before;
      }
      await say(`passed ${passed}`);
      break;
    }
    // A signal that is handled ends the wait if ARGUMENT says so.
    case "signal": {
      process.on("SIGUSR2", () => {});
      // Deno installs the handler a little later; until then the signal would end this process.
      while (!caught(12)) await new Promise((done) => setTimeout(done, 1));
      await say("waiting");
      using guard = mutex.acquireSync({ timeout: 20_000, interruptible: argument === "interruptible" });
      await say(`taken ${guard.abandoned}`);
      break;
    }
    // Increments the two plain counters behind the mutex, which must be in memory.
    case "count": {
      const counters = new Uint32Array(memory!.buffer, Number(offset) + 48, 2);
      for (let i = 0; i < Number(argument); i++) {
        using _guard = i % 4 === 0 ? await mutex.acquire() : mutex.acquireSync();
        counters[0]! += 1;
        counters[1]! += 1;
      }
      await say("counted");
      break;
    }
    // Holds it for 100 µs, again and again, until the word behind it says so; says how often.
    case "sync":
    case "async": {
      const words = new Int32Array(memory!.buffer, Number(offset) + 64);
      Atomics.add(words, 0, 1);
      let turns = 0;
      while (Atomics.load(words, 1) === 0) {
        using _guard = action === "async" ? await mutex.acquire() : mutex.acquireSync();
        const start = performance.now();
        while (performance.now() - start < 0.1);
        turns++;
      }
      await say(`turns ${turns}`);
      break;
    }
    default:
      throw new Error(`unknown action ${action}`);
  }
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  await say(`error ${code} ${message}`);
}
memory?.close();

/** Whether a signal has a handler by now. */
function caught(signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
  return (BigInt(`0x${mask}`) >> BigInt(signal - 1) & 1n) === 1n;
}
