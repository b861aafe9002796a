// Lives and deaths around waits for descriptors; the first argument says which.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "../../ffi/load.ts";
import { closeWaiting } from "../../lib/core/_waiting.ts";
import { Fd, ready } from "../../lib/fd/mod.ts";
import { tmpdir } from "../support/watchdog.ts";

const kind = (isMainThread ? process.argv[2] : workerData) as string;

/** A FIFO nobody writes to yet, open for both. */
function fifo(): Fd {
  using folder = tmpdir();
  const path = folder.file("fifo");
  execFileSync("mkfifo", [path]);
  return Fd.open(path, ["O_RDWR", "O_NONBLOCK"]);
}

const say = (what: unknown): void => console.log(typeof what === "string" ? what : JSON.stringify(what));

const threads = (): number =>
  readdirSync("/proc/self/task").filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, "utf8") === "hawser\n";
    } catch {
      return false;
    }
  }).length;

const fds = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return /eventpoll|eventfd|socket/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;

async function until(good: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!good() && performance.now() < end) await new Promise((done) => setTimeout(done, 5));
}

const cases: Record<string, () => Promise<void> | void> = {
  async writes() {
    say("ready");
    await new Promise((done) => setTimeout(done, 50)); // Most often the other blocks by then; it need not.
    using fd = Fd.from(3);
    fd.writeSync(new Uint8Array(1));
  },

  async pending() {
    using fd = fifo();
    setTimeout(() => fd.writeSync(new Uint8Array(1)), 300).unref();
    const waited = ready(fd, "readable");
    say("waiting");
    await waited;
    say("ready");
  },

  exit() {
    ready(fifo(), "readable").then(() => say("ready"));
    setTimeout(() => process.exit(3), 10);
  },

  async aborted() {
    const controller = new AbortController();
    const waited = ready(fifo(), "readable", { signal: controller.signal });
    setTimeout(() => controller.abort("never mind"), 10);
    say(await waited.then(() => "ready", (reason) => reason));
  },

  async terminate() {
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(new URL(import.meta.url), { workerData: "waits" });
      await new Promise((done) => worker.once("message", done));
      await worker.terminate();
    }
    const { core } = load();
    // The next bell takes away those whose threads have ended.
    await until(() => (core.hawser_bell_close(core.hawser_bell_open()), core.hawser_poll_count() === 0));
    await until(() => threads() === 0);
    say({ waits: core.hawser_poll_count(), threads: threads() });
  },
  waits() {
    for (let i = 0; i < 5; i++) ready(fifo(), "readable").catch(() => {});
    parentPort!.postMessage("waiting");
  },

  async idle() {
    // What the runtime opens by itself comes with the first wait.
    const fd = fifo();
    await ready(fd, "readable", { timeout: 1 }).catch(() => {});
    closeWaiting();
    await until(() => threads() === 0);
    const before = fds();
    await ready(fd, "readable", { timeout: 1 }).catch(() => {});
    closeWaiting();
    await until(() => threads() === 0 && fds() <= before);
    say({ more: fds() > before, threads: threads() });
    fd.close();
  },
};

await cases[kind]!();
