import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { struct, u32 } from "../lib/layout/mod.ts";
import { MappedFile, SharedMemory } from "../lib/memory/mod.ts";
import { Mutex, mutex as mutexLayout, MutexGuard } from "../lib/sync/mod.ts";
import { here, spawnLane, startLane } from "./support/lanes.ts";
import { tmpdir, unique, watchdog } from "./support/watchdog.ts";

const file = (name: string) => `/dev/shm/hawser.mutex.${name}`;
const coded = (code: string, syscall?: string) =>
  expect.objectContaining({ name: "SystemError", code, ...(syscall !== undefined && { syscall }) });

describe("Mutex.open()", () => {
  test("makes a mutex, and finds it again", () => {
    const name = unique("open");
    using first = Mutex.open(name, { temporary: true });
    using second = Mutex.open(name);
    expect([first.created, second.created]).toEqual([true, false]);
    using guard = first.acquireSync();
    expect(guard.abandoned).toBe(false);
    expect(second.tryAcquire()).toBeNull();
    expect(second.owner?.pid).toBe(process.pid);
  });

  test("makes a file of exactly the mode, with the common header", () => {
    const name = unique("mode");
    using _mutex = Mutex.open(name, { mode: 0o666, temporary: true });
    const stat = statSync(file(name));
    expect([stat.mode & 0o7777, stat.size]).toEqual([0o666, 64 + Mutex.bytes]);
    const header = readFileSync(file(name));
    const view = new DataView(header.buffer, header.byteOffset);
    expect(header.subarray(0, 8).toString("latin1")).toBe("hawser\0\n");
    expect([view.getUint32(8, true), view.getUint32(12, true)]).toEqual([1, 1]);
    expect(view.getBigUint64(16, true)).toBe(112n);
    expect([view.getUint32(24, true), view.getUint32(28, true)]).toEqual([process.pid, process.getuid!()]);
    const age = Date.now() - Number(view.getBigUint64(40, true) / 1_000_000n);
    expect(Math.abs(age)).toBeLessThan(60_000);
  });

  test("removes a temporary one when it is closed, and leaves others", () => {
    const [gone, kept] = [unique("gone"), unique("kept")];
    Mutex.open(gone, { temporary: true }).close();
    expect(existsSync(file(gone))).toBe(false);
    Mutex.open(kept).close();
    expect(existsSync(file(kept))).toBe(true);
    Mutex.unlink(kept);
    expect(existsSync(file(kept))).toBe(false);
  });

  test("finds only an existing one if told so", () => {
    expect(() => Mutex.open(unique("none"), { existing: true })).toThrow(coded("ENOENT"));
    expect(() => Mutex.unlink(unique("none"))).toThrow(coded("ENOENT"));
  });

  const damages: { name: string; code: string; bytes?: Uint8Array; at?: number; value?: number; message?: RegExp }[] = [
    { name: "an empty file", code: "EBADMSG", bytes: new Uint8Array(0) },
    { name: "a short file", code: "EBADMSG", bytes: new Uint8Array(10) },
    { name: "zeroes", code: "EBADMSG", bytes: new Uint8Array(112) },
    { name: "noise", code: "EBADMSG", bytes: new Uint8Array(112).fill(0xa5) },
    { name: "another magic", code: "EBADMSG", at: 0, value: 0 },
    { name: "another kind", code: "EBADMSG", at: 8, value: 2 },
    { name: "a newer layout", code: "EPROTO", at: 12, value: 2, message: /version 2.*knows version 1/ },
    { name: "another size", code: "EBADMSG", at: 16, value: 113 },
    {
      name: "another pid namespace",
      code: "EXDEV",
      at: 32,
      value: 12345,
      message: /pid namespace 12345, .* is in \d+/,
    },
    { name: "another kind of pthread mutex", code: "EBADMSG", at: 64 + 16, value: 1 },
    { name: "a lock of another pid namespace", code: "EXDEV", at: 64 + 44, value: 999, message: /pid namespace 999/ },
  ];
  for (const { name: what, code, bytes, at, value, message } of damages) {
    test(`refuses ${what} with ${code}`, () => {
      const name = unique("damaged");
      if (bytes !== undefined) writeFileSync(file(name), bytes);
      else {
        Mutex.open(name).close();
        const fd = openSync(file(name), "r+");
        writeSync(fd, Uint8Array.of(value! & 255, value! >> 8, 0, 0), 0, 4, at!);
        closeSync(fd);
      }
      try {
        expect(() => Mutex.open(name)).toThrow(coded(code));
        if (message !== undefined) expect(() => Mutex.open(name)).toThrow(message);
      } finally {
        Mutex.unlink(name);
      }
    });
  }

  test("refuses wrong arguments before anything is made", () => {
    for (const name of ["", ".", "..", "-x", "a/b", "a b", "x".repeat(81)]) {
      expect(() => Mutex.open(name)).toThrow(RangeError);
    }
    expect(() => Mutex.open(1 as never)).toThrow(TypeError);
    const name = unique("wrong");
    expect(() => Mutex.open(name, { mode: 0o10000 })).toThrow(RangeError);
    expect(() => Mutex.open(name, { temporary: 1 as never })).toThrow(TypeError);
    expect(() => Mutex.open(name, { timeout: 1 } as never)).toThrow(TypeError);
    expect(() => Mutex.open(name, { owner: -1 })).toThrow(RangeError);
    expect(existsSync(file(name))).toBe(false);
    using longest = Mutex.open(`${name}${"x".repeat(80 - name.length)}`, { temporary: true });
    expect(longest.created).toBe(true);
  });

  test("refuses another user's", () => {
    const name = unique("user");
    using _mutex = Mutex.open(name, { temporary: true });
    expect(() => Mutex.open(name, { owner: 54321 })).toThrow(coded("EPERM"));
  });
});

describe("taking and giving back", () => {
  test("acquireSync() on a mutex this thread holds is EDEADLK, by whatever way it was opened", () => {
    const name = unique("deadlock");
    using mutex = Mutex.open(name, { temporary: true });
    using again = Mutex.open(name);
    using guard = mutex.acquireSync();
    for (const other of [mutex, again]) {
      expect(() => other.acquireSync()).toThrow(coded("EDEADLK"));
      expect(() => other.acquireSync({ timeout: 0 })).toThrow(coded("EDEADLK"));
      expect(other.tryAcquire()).toBeNull();
    }
    expect(guard.released).toBe(false);
  });

  test("a guard gives the mutex back once, and not for a later owner", () => {
    using mutex = Mutex.open(unique("once"), { temporary: true });
    const first = mutex.acquireSync();
    first.release();
    const second = mutex.acquireSync();
    first.release();
    first[Symbol.dispose]();
    expect([first.released, second.released]).toEqual([true, false]);
    expect(mutex.tryAcquire()).toBeNull();
    second.release();
    expect(mutex.owner).toBeNull();
  });

  test("mutexes are given back in any order", () => {
    using memory = SharedMemory.anonymous(4096);
    const mutexes = Array.from({ length: 20 }, (_, i) => Mutex.at(memory, i * 48));
    const guards = mutexes.map((mutex) => mutex.acquireSync());
    for (let i = 0; i < 20; i++) guards[i * 7 % 20]!.release();
    for (const mutex of mutexes) expect(mutex.owner).toBeNull();
  });

  test("withLock() gives it back however it ends", async () => {
    using mutex = Mutex.open(unique("with"), { temporary: true });
    expect(await mutex.withLock((guard) => [guard instanceof MutexGuard, guard.released])).toEqual([true, false]);
    await expect(mutex.withLock(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(mutex.withLock(() => {
      throw new Error("neither");
    })).rejects.toThrow("neither");
    await expect(mutex.withLock(1 as never)).rejects.toThrow(TypeError);
    expect(mutex.owner).toBeNull();
  });

  test("tasks of one thread get it in the order in which they asked", async () => {
    using mutex = Mutex.open(unique("order"), { temporary: true });
    const order: number[] = [];
    const first = mutex.acquireSync();
    const tasks = Array.from({ length: 50 }, async (_, i) => {
      using _guard = await mutex.acquire();
      await new Promise((done) => setTimeout(done, i % 3));
      order.push(i);
    });
    first.release();
    await watchdog(Promise.all(tasks), "50 tasks");
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test("waiting ends with ETIMEDOUT, and the others go on", async () => {
    using mutex = Mutex.open(unique("late"), { temporary: true });
    using other = Mutex.from(mutex.share());
    const guard = mutex.acquireSync();
    const before = performance.now();
    await expect(mutex.acquire({ timeout: 30 })).rejects.toThrow(coded("ETIMEDOUT"));
    await expect(other.acquire({ timeout: 30 })).rejects.toThrow(coded("ETIMEDOUT"));
    await expect(mutex.acquire({ timeout: 0 })).rejects.toThrow(coded("ETIMEDOUT"));
    expect(performance.now() - before).toBeGreaterThan(58);
    const late = mutex.acquire({ timeout: 20 });
    const patient = mutex.acquire({ timeout: 10_000 });
    await expect(late).rejects.toThrow(coded("ETIMEDOUT"));
    guard.release();
    (await patient).release();
    using free = await mutex.acquire({ timeout: 0 });
    expect(free.abandoned).toBe(false);
  });

  test("an aborted wait rejects with the reason, wherever it stood", async () => {
    using mutex = Mutex.open(unique("abort"), { temporary: true });
    using other = Mutex.from(mutex.share());
    const guard = mutex.acquireSync();
    const reason = new Error("enough");
    await expect(mutex.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const waits = [mutex, other, mutex, other].map((which) => which.acquire({ signal: abort.signal }));
    const patient = other.acquire();
    setTimeout(() => abort.abort(reason), 10);
    for (const wait of waits) await expect(wait).rejects.toBe(reason);
    guard.release();
    (await watchdog(patient, "the one that waits on")).release();
    expect(mutex.owner).toBeNull();
  });

  test("an abort after the release, before the task came to take it, is in time and leaves the mutex to others", async () => {
    using mutex = Mutex.open(unique("abort-late"), { temporary: true });
    using other = Mutex.from(mutex.share());
    for (const which of [mutex, other]) {
      const guard = mutex.acquireSync();
      const abort = new AbortController();
      const waited = which.acquire({ signal: abort.signal });
      guard.release();
      abort.abort("after all");
      await expect(waited).rejects.toBe("after all");
      expect(mutex.owner).toBeNull();
      (await watchdog(other.acquire(), "the next")).release();
    }
  });

  test("a thread that blocks while a task of it waits looks often: the wake may come to the task", async () => {
    using mutex = Mutex.open(unique("both"), { temporary: true });
    using other = Mutex.open(mutex.name!);
    await using holder = startLane(here, "mutex_peer", { args: ["hold", mutex.name!] });
    await holder.line("held false");
    const switches = () =>
      Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync("/proc/thread-self/status", "utf8"))![1]);
    const block = () => {
      const before = switches();
      expect(() => mutex.acquireSync({ timeout: 800 })).toThrow(coded("ETIMEDOUT"));
      return switches() - before;
    };
    expect(block()).toBeLessThan(5);
    const waited = other.acquire();
    await new Promise((done) => setTimeout(done)); // By then it has found the mutex taken.
    expect(block()).toBeGreaterThanOrEqual(5);
    holder.child.kill("SIGTERM");
    (await watchdog(waited, "the task")).release();
  });

  test("aborts that race with releases lose no wake", async () => {
    using mutex = Mutex.open(unique("race"), { temporary: true });
    using other = Mutex.from(mutex.share());
    let taken = 0, aborted = 0;
    for (let round = 0; round < 300; round++) {
      const guard = mutex.acquireSync();
      const abort = new AbortController();
      const impatient = other.acquire({ signal: abort.signal }).then(
        (guard) => (guard.release(), taken++),
        () => aborted++,
      );
      const patient = other.acquire().then((guard) => guard.release());
      setTimeout(() => abort.abort(), round % 4);
      setTimeout(() => guard.release(), (round >> 2) % 4);
      await watchdog(Promise.all([impatient, patient]), `round ${round}`);
    }
    expect(taken + aborted).toBe(300);
    expect(Math.min(taken, aborted)).toBeGreaterThan(15);
  });

  test("wrong options are refused", async () => {
    using mutex = Mutex.open(unique("options"), { temporary: true });
    await expect(mutex.acquire({ timeout: -1 })).rejects.toThrow(RangeError);
    await expect(mutex.acquire({ timeout: "1" as never })).rejects.toThrow(TypeError);
    await expect(mutex.acquire({ signal: {} as never })).rejects.toThrow(TypeError);
    await expect(mutex.acquire({ patience: 1 } as never)).rejects.toThrow(TypeError);
    expect(() => mutex.acquireSync({ timeout: NaN })).toThrow(RangeError);
    expect(() => mutex.acquireSync({ interruptible: 1 as never })).toThrow(TypeError);
    expect(() => mutex.acquireSync({ signal: AbortSignal.abort() } as never)).toThrow(TypeError);
    expect(mutex.owner).toBeNull();
  });
});

describe("closing", () => {
  test("is EBUSY while the mutex is held here, and its memory too", () => {
    const name = unique("busy");
    const mutex = Mutex.open(name, { temporary: true });
    const guard = mutex.acquireSync();
    expect(() => mutex.close()).toThrow(coded("EBUSY"));
    expect([mutex.closed, existsSync(file(name))]).toEqual([false, true]);
    guard.release();
    mutex.close();
    mutex.close();
    expect([mutex.closed, existsSync(file(name))]).toEqual([true, false]);

    const memory = SharedMemory.create(name, { size: 4096, temporary: true });
    const held = Mutex.at(memory, 0).acquireSync();
    expect(() => memory.close()).toThrow(coded("EBUSY"));
    expect(() => memory.resize(8192)).toThrow(coded("EBUSY"));
    expect([memory.closed, memory.size]).toEqual([false, 4096]);
    held.release();
    memory.resize(8192);
    using after = Mutex.at(memory, 0).acquireSync();
    expect(after.abandoned).toBe(false);
    after.release();
    memory.close();
  });

  test("ends the waits of its tasks with ECANCELED", async () => {
    using mutex = Mutex.open(unique("cancel"), { temporary: true });
    const other = Mutex.from(mutex.share());
    using _guard = mutex.acquireSync();
    const waits = [other.acquire(), other.acquire()];
    await new Promise((done) => setTimeout(done, 20));
    other.close();
    for (const wait of waits) await expect(wait).rejects.toThrow(coded("ECANCELED"));
  });

  test("leaves nothing to use", async () => {
    const mutex = Mutex.open(unique("closed"), { temporary: true });
    mutex.close();
    expect(() => mutex.acquireSync()).toThrow(TypeError);
    expect(() => mutex.tryAcquire()).toThrow(TypeError);
    expect(() => mutex.owner).toThrow(TypeError);
    expect(() => mutex.share()).toThrow(TypeError);
    await expect(mutex.acquire()).rejects.toThrow(TypeError);
    const memory = SharedMemory.anonymous(64);
    const inside = Mutex.at(memory, 0);
    memory.close();
    expect(inside.closed).toBe(true);
    expect(() => inside.acquireSync()).toThrow(TypeError);
    expect(() => Mutex.at(memory, 0)).toThrow(TypeError);
  });
});

describe("in memory", () => {
  test("Mutex.at() makes one of zeroes, and finds it in another mapping", () => {
    using memory = SharedMemory.anonymous(256);
    using same = SharedMemory.from(memory.share());
    const [here, there] = [Mutex.at(memory, 64), Mutex.at(same, 64)];
    using guard = here.acquireSync();
    expect(there.tryAcquire()).toBeNull();
    expect(() => there.acquireSync()).toThrow(coded("EDEADLK"));
    expect(guard.released).toBe(false);
  });

  test("Mutex.at() takes a mapped file", () => {
    using folder = tmpdir();
    using mapped = MappedFile.open(folder.file("locks"), { create: true, size: 4096 });
    using guard = Mutex.at(mapped, 0).acquireSync();
    expect(guard.abandoned).toBe(false);
  });

  test("Mutex.at() refuses what is no place for one", () => {
    using memory = SharedMemory.anonymous(256);
    for (const offset of [4, 1, 209, 256, 2 ** 40, -8, 0.5]) expect(() => Mutex.at(memory, offset)).toThrow(RangeError);
    expect(() => Mutex.at(memory, "0" as never)).toThrow(TypeError);
    expect(() => Mutex.at({} as never, 0)).toThrow(TypeError);
    memory.bytes.fill(7, 0, 48);
    expect(() => Mutex.at(memory, 0)).toThrow(coded("EBADMSG"));
    memory.bytes.fill(0, 0, 48);
    memory.bytes[0] = 1;
    expect(() => Mutex.at(memory, 0)).toThrow(coded("EBADMSG"));
    const name = unique("readonly");
    using _named = SharedMemory.create(name, { size: 64, temporary: true });
    using readonly = SharedMemory.open(name, { readonly: true });
    expect(() => Mutex.at(readonly, 0)).toThrow(coded("EACCES"));
  });

  test("a record has one, which writing the record leaves alone", () => {
    const Account = struct({ lock: mutexLayout, balance: u32 });
    expect([Account.size, Account.offsets.lock, Mutex.bytes, Mutex.align]).toEqual([56, 0, 48, 8]);
    using memory = SharedMemory.anonymous(Account.size * 2);
    const account = Account.view(memory.buffer, Account.size);
    {
      using _guard = account.lock.acquireSync();
      Account.write(memory.buffer, { balance: 7 }, Account.size);
      expect(account.lock.tryAcquire()).toBeNull();
      expect(Mutex.at(memory, Account.size).tryAcquire()).toBeNull();
    }
    expect(account.balance).toBe(7);
    expect(() => Account.view(new Uint8Array(Account.size)).lock).toThrow(TypeError);
  });
});

describe("a hostile peer", () => {
  test("that scribbles over the held mutex 10,000 times makes release() answer or throw EBADMSG", () => {
    using memory = SharedMemory.anonymous(4096);
    using peer = SharedMemory.from(memory.share());
    const seed = Number(process.env.HAWSER_SEED ?? Date.now() % 2 ** 31);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor(state / 2 ** 32 * below);
    };
    const outcomes = { released: 0, EBADMSG: 0 };
    const others = [Mutex.at(memory, 1024), Mutex.at(memory, 2048)];
    const mutex = Mutex.at(memory, 0);
    const pristine = memory.bytes.slice(0, 48);
    for (let round = 0; round < 10_000; round++) {
      const before = others[round % 2]!.acquireSync();
      const guard = mutex.acquireSync();
      const after = others[(round + 1) % 2]!.acquireSync();
      const start = random(48);
      const bytes = 1 + random(48 - start);
      for (let i = start; i < start + bytes; i++) peer.bytes[i] = random(256);
      if (round % 3 === 0) peer.bytes.set(pristine.subarray(0, 4), 0);
      try {
        guard.release();
        outcomes.released++;
      } catch (error) {
        if ((error as { code?: string }).code !== "EBADMSG") throw new Error(`seed ${seed}`, { cause: error });
        outcomes.EBADMSG++;
      }
      expect(guard.released).toBe(true);
      after.release();
      before.release();
      peer.bytes.set(pristine, 0);
    }
    expect(outcomes.released, `seed ${seed}`).toBeGreaterThan(100);
    expect(outcomes.EBADMSG, `seed ${seed}`).toBeGreaterThan(1000);
    for (const other of others) expect(other.owner).toBeNull();
  });

  test("that writes any word makes acquire() wait at most its time", async () => {
    using memory = SharedMemory.anonymous(64);
    const mutex = Mutex.at(memory, 0);
    const word = new Uint32Array(memory.buffer, 0, 1);
    const alive = process.ppid;
    for (const value of [alive, alive + 2 ** 31, 2 ** 31, 2 ** 30, 2 ** 30 + alive]) {
      word[0] = value;
      const free = value === 2 ** 31 || value >= 2 ** 30 && value < 2 ** 31;
      const sync = () => Promise.resolve().then(() => mutex.acquireSync({ timeout: 20 }));
      for (const take of [() => mutex.acquire({ timeout: 20 }), sync]) {
        if (free) {
          (await take()).release();
          word[0] = value;
        } else await expect(take()).rejects.toThrow(coded("ETIMEDOUT"));
      }
    }
    word[0] = 0x3fff_fff0; // Nobody's id, and so high that it never will be.
    using guard = await watchdog(mutex.acquire(), "the second line");
    expect(guard.abandoned).toBe(true);
    guard.release();
    word[0] = 0x3fff_fff0;
    using sync = mutex.acquireSync({ timeout: 10_000 });
    expect(sync.abandoned).toBe(true);
    sync.release();
    new Uint32Array(memory.buffer, 40, 1)[0] = 0xffff_fff0; // The gate, closed for longer than anybody closes it.
    using barged = mutex.tryAcquire();
    expect(barged).not.toBeNull();
  });
});

test("Workers exclude each other, and one that is terminated with the mutex leaves it abandoned", async () => {
  const ended = await spawnLane(here, "mutex_workers", [unique("workers")]);
  expect(ended).toEqual({ stdout: "done\n", stderr: "", status: 0, signal: null });
});

test("a guard that is dropped is told of, and one that was released is not", async () => {
  const flags = here === "deno" ? ["-A", "--v8-flags=--expose-gc"] : here === "bun" ? [] : ["--expose-gc"];
  const ended = await spawnLane(here, "mutex_drop", [unique("drop")], { flags });
  expect(ended.stdout).toMatch(
    /^released: 0\ndropped: 1 HawserWarning: The guard of the mutex ".*" was dropped .*\nheld: true\n$/,
  );
  expect(ended.status).toBe(0);
}, 30_000);
