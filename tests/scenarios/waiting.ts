// What becomes of a process and its Workers while something is waited for: `waiting.ts CASE FILE`. The wait is flock(2),
// which ends when its holder, often the test itself, gives the lock up.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import process from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "../../ffi/load.ts";
import { LOCK_EX, LOCK_SH } from "../../ffi/symbols.ts";
import { closeWaiting, wait } from "../../lib/core/_waiting.ts";
import { MappedFile } from "../../lib/memory/mod.ts";

const [kind, path] = (isMainThread ? process.argv.slice(2) : workerData) as [string, string];

function flock(fd: number, operation: number): Promise<number> {
  return wait(
    { start: (core, bell, token) => core.hawser_call_flock(bell, token, fd, operation) },
    () => ({ what: "lock the file", operation: "call_flock" }),
  );
}

function say(what: unknown): void {
  console.log(typeof what === "string" ? what : JSON.stringify(what));
}

/** Descriptors that are sockets, and threads of the library: what waiting can leave behind. */
function held(): { sockets: number; threads: number } {
  const names = (folder: string, name: (entry: string) => string) =>
    readdirSync(folder).map((entry) => {
      try {
        return name(`${folder}/${entry}`);
      } catch {
        return ""; // Gone since the listing.
      }
    });
  return {
    sockets: names("/proc/self/fd", (entry) => readlinkSync(entry)).filter((name) => name.startsWith("socket:")).length,
    threads:
      names("/proc/self/task", (entry) => readFileSync(`${entry}/comm`, "utf8")).filter((name) => name === "hawser\n")
        .length,
  };
}

/** Until what `now` gives is what is wanted: ended threads and Workers take a moment to vanish. */
async function settled<T>(now: () => T, good: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 10_000;
  for (;;) {
    const value = now();
    if (good(value) || performance.now() > end) return value;
    await new Promise((done) => setTimeout(done, 5));
  }
}

function worker(what: string): { worker: Worker; message: Promise<string>; exit: Promise<number> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: [what, path] });
  return {
    worker,
    message: new Promise((done, failed) => worker.once("message", done).once("error", failed)),
    exit: new Promise((done) => worker.once("exit", done)),
  };
}

const cases: Record<string, () => Promise<void> | void> = {
  // Nothing but the wait keeps the program running.
  async pending() {
    const locked = flock(openSync(path, "r"), LOCK_EX);
    say("waiting");
    await locked;
    say("locked");
  },

  // The bell is open, and nothing is waited for.
  async idle() {
    await flock(openSync(path, "r"), LOCK_SH);
    say("locked");
  },

  exit() {
    flock(openSync(path, "r"), LOCK_EX).then(() => say("locked"));
    setTimeout(() => process.exit(3), 1);
  },

  throw() {
    flock(openSync(path, "r"), LOCK_EX).then(() => say("locked"));
    setTimeout(() => {
      throw new Error("on purpose");
    }, 1);
  },

  // An abort takes the wait away, so nothing keeps the program running although the call still runs.
  async abandoned() {
    const controller = new AbortController();
    const locked = wait(
      { start: (core, bell, token) => core.hawser_call_flock(bell, token, openSync(path, "r"), LOCK_EX) },
      () => ({ what: "lock the file", operation: "call_flock" }),
      { signal: controller.signal },
    );
    controller.abort("never mind");
    say(await locked.then(() => "locked", (reason) => reason));
  },

  // What the handler throws is uncaught, and the bell goes on.
  handler() {
    const { core, adopt } = load();
    const bell = core.hawser_bell_open();
    let rung = 0;
    process.on("uncaughtException", (error) => {
      say(error.message);
      next();
    });
    const door = adopt(core.hawser_bell_fd(bell), () => {
      rung++;
      const records = new Uint8Array(8);
      core.hawser_bell_drain(bell, records, records.length);
      throw new Error(`from the handler ${rung}`);
    });
    door.ref();
    const fd = openSync(path, "r");
    const next = () => {
      if (rung < 3) return core.hawser_call_flock(bell, rung, fd, LOCK_SH);
      core.hawser_bell_close(bell);
      door.close();
      closeSync(fd);
    };
    next();
  },

  // A Worker's own bell.
  async worker() {
    const fd = openSync(path, "r");
    await flock(fd, LOCK_EX);
    const { message, exit, worker: thread } = worker("worker-waits");
    thread.once("message", () => closeSync(fd));
    say(await message);
    await new Promise<void>((done) => thread.once("message", (text) => (say(text), done())));
    say(`exit ${await exit}`);
  },
  async "worker-waits"() {
    const locked = flock(openSync(path, "r"), LOCK_EX);
    parentPort!.postMessage("waiting");
    await locked;
    parentPort!.postMessage("locked");
  },

  // Workers terminated with calls running: their bells and their places among the calls come back.
  async terminate() {
    const fd = openSync(path, "r");
    await flock(fd, LOCK_EX);
    const before = held();
    for (let i = 0; i < 5; i++) {
      const { message, worker: thread } = worker("worker-terminated");
      await message;
      await thread.terminate();
    }
    // The next bell takes away those whose threads have ended, which may be after terminate(), and calls their calls off:
    // the lock they wait for is still held.
    const { core } = load();
    const swept = <T>(look: () => T) => () => (core.hawser_bell_close(core.hawser_bell_open()), look());
    const calls = await settled(swept(() => core.hawser_call_count()), (count) => count === 0);
    closeSync(fd);
    closeWaiting();
    // Shared: Bun leaves the descriptors of a terminated Worker open, and their locks with them.
    await flock(openSync(path, "r"), LOCK_SH);
    const { sockets, threads } = await settled(
      swept(held),
      ({ sockets, threads }) =>
        // Deno opens a pair of its own when it likes.
        threads === 0 && [0, ...("Deno" in globalThis ? [2] : [])].includes(sockets - before.sockets),
    );
    say({ sockets: sockets - before.sockets, threads, calls });
  },
  "worker-terminated"() {
    for (let i = 0; i < 5; i++) flock(openSync(path, "r"), LOCK_SH).catch(() => {});
    parentPort!.postMessage("waiting");
  },

  async "worker-exit"() {
    const fd = openSync(path, "r");
    await flock(fd, LOCK_EX);
    const { message, exit } = worker("worker-exits");
    say(await message);
    say(`exit ${await exit}`);
    closeSync(fd);
  },
  "worker-exits"() {
    flock(openSync(path, "r"), LOCK_EX).catch(() => {});
    parentPort!.postMessage("waiting");
    setTimeout(() => process.exit(4), 1);
  },

  // 1,000 flushes, as many at once as can be; nothing is left but the bell.
  async thousand() {
    using file = MappedFile.open(`${path}.mapped`, { size: 4096, create: true });
    await file.flush();
    const before = held();
    let done = 0;
    let begun = 0;
    await Promise.all(Array.from({ length: 64 }, async () => {
      for (; begun < 1_000; done++) {
        begun++;
        await file.flush();
      }
    }));
    const after = await settled(held, ({ threads }) => threads === 0);
    say({
      done,
      calls: load().core.hawser_call_count(),
      sockets: after.sockets - before.sockets,
      threads: after.threads,
    });
    rmSync(`${path}.mapped`);
  },

  // Asks for no permission but the library's.
  async flush() {
    using file = MappedFile.open(path, { size: 64, create: true });
    file.bytes[0] = 1;
    await file.flush();
    say("flushed");
  },

  // 30 Workers, one after the other, each with a bell and a flush.
  async workers() {
    const before = held();
    for (let i = 0; i < 30; i++) {
      const { message, exit } = worker("worker-flushes");
      if (await message !== "flushed") say("not flushed");
      await exit;
    }
    // Deno opens a pair of sockets of its own at some time.
    const after = await settled(held, ({ sockets }) => sockets <= before.sockets + 2);
    say({ few: after.sockets <= before.sockets + 2, threads: after.threads });
  },
  async "worker-flushes"() {
    const name = `${path}.${process.pid}`;
    {
      using file = MappedFile.open(name, { size: 64, create: true });
      file.bytes[0] = 1;
      await file.flush();
    }
    rmSync(name, { force: true });
    parentPort!.postMessage("flushed");
  },
};

await cases[kind]!();
