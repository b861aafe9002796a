// Lives and deaths around a FIFO: `fifo.ts CASE PATH`.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "../../ffi/load.ts";
import { Fd, Fifo } from "../../lib/fd/mod.ts";
import { until } from "../support/watchdog.ts";

const [kind, path] = (isMainThread ? process.argv.slice(2) : workerData) as [string, string];

const threads = (): number =>
  readdirSync("/proc/self/task").filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, "utf8") === "hawser\n";
    } catch {
      return false;
    }
  }).length;

const fifos = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;

/** Has Workers wait for a writer, ends them, and says what is left. */
async function workers(end: (worker: Worker) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: [`${kind}-worker`, path] });
    await new Promise((done) => worker.once("message", done));
    await end(worker);
  }
  const { core } = load();
  // The next bell takes away those whose threads have ended.
  await until(
    () => (core.hawser_bell_close(core.hawser_bell_open()), core.hawser_call_count() === 0),
    "no call is left",
  );
  await until(() => threads() === 0, "no thread is left");
  console.log(JSON.stringify({ calls: core.hawser_call_count(), threads: threads(), fifos: fifos() }));
}

function pending(): void {
  for (let i = 0; i < 5; i++) Fifo.open(path, "read").catch(() => {});
  parentPort!.postMessage("waiting");
}

const cases: Record<string, () => Promise<void> | void> = {
  terminate: () => workers((worker) => worker.terminate()),
  "terminate-worker": pending,
  exit: () =>
    workers((worker) => {
      const ended = new Promise((done) => worker.once("exit", done));
      worker.postMessage("exit");
      return ended;
    }),
  "exit-worker"() {
    parentPort!.once("message", () => process.exit());
    pending();
  },

  die() {
    Fifo.open(path, "read").then(() => console.log("opened"));
    setTimeout(() => process.exit(3), 20);
  },

  async abort() {
    const controller = new AbortController();
    const opening = Fifo.open(path, "read", { signal: controller.signal });
    setTimeout(() => controller.abort("off"), 20);
    console.log(await opening.then(() => "opened", (reason) => reason));
  },

  async interrupt() {
    process.on("SIGUSR2", () => console.log("handled"));
    const worker = new Worker(new URL(import.meta.url), { workerData: ["kill", path] });
    await new Promise((done) => worker.once("message", done));
    try {
      Fifo.openSync(path, "read", { interruptible: true, timeout: 20_000 });
    } catch (error) {
      console.log((error as { code: string }).code);
    }
    await new Promise((done) => setTimeout(done, 50));
    await worker.terminate();
    process.exit(0);
  },
  kill() {
    parentPort!.postMessage("ready");
    // Until the other blocks: a signal before that is handled at once, and another comes.
    setInterval(() => process.kill(process.pid, "SIGUSR2"), 100);
  },

  /** Reads all there is and says how much, and a sum of it. */
  async read() {
    using fd = await Fifo.open(path, "read", { timeout: 20_000 });
    const all = await fd.readAll({ timeout: 20_000 });
    console.log(JSON.stringify({ length: all.length, sum: all.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7) }));
  },
  /** Writes 200,000 bytes. */
  async write() {
    using fd = await Fifo.open(path, "write", { timeout: 20_000 });
    await fd.writeAll(Uint8Array.from({ length: 200_000 }, (_, i) => i % 251), { timeout: 20_000 });
  },
  /** The same, into the descriptor 3 that it was given. */
  async give() {
    using fd = Fd.from(3);
    await fd.writeAll(Uint8Array.from({ length: 200_000 }, (_, i) => i % 251), { timeout: 20_000 });
  },
  async take() {
    using fd = Fd.from(3);
    const all = await fd.readAll({ timeout: 20_000 });
    console.log(JSON.stringify({ length: all.length, sum: all.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7) }));
  },
  /** Writes 200 records of a size that all say who wrote them, when it is told to: PATH is the letter. */
  async letters() {
    const size = Number(process.argv[4]);
    using fd = Fd.from(3);
    using gate = Fd.from(4);
    const record = new TextEncoder().encode(path.repeat(size));
    console.log("ready");
    await gate.read(new Uint8Array(1));
    for (let i = 0; i < 200; i++) {
      const written = i % 2 === 0
        ? await fd.write(record)
        : fd.writeSync([record.subarray(0, 1000), record.subarray(1000)]);
      if (written < size) await fd.writeAll(record.subarray(written)); // Only where it is too large to go whole.
      if (written < size && size <= 4096) throw new Error(`${written} of ${size} bytes were written`);
    }
  },
  /** Writes for ever. */
  async flood() {
    using fd = await Fifo.open(path, "write", { timeout: 20_000 });
    console.log("writing");
    for (;;) await fd.write(new Uint8Array(100_000).fill(0x61));
  },
};

await cases[kind]!();
