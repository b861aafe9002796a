// EventFd: a counter that is waited for, in its three kinds of read, and what it refuses.
import { expect, test } from "vitest";
import { load } from "../ffi/load.ts";
import { EventFd, Fd, pipe, poll, ready } from "../lib/fd/mod.ts";
import { until, watchdog } from "./support/watchdog.ts";

const max = 2n ** 64n - 2n;
const noneLeft = () => until(() => load().core.hawser_poll_count() === 0, "No wait is left");

test("what was added is read at once, by each kind of read", async () => {
  using event = EventFd.create();
  event.add();
  event.add(2n);
  event.add(3);
  expect(event.tryRead()).toBe(6n);
  event.add(2n ** 63n);
  expect(event.readSync()).toBe(2n ** 63n);
  event.add(Number.MAX_SAFE_INTEGER);
  expect(await event.read()).toBe(2n ** 53n - 1n);
  expect(event.tryRead()).toBe(null);
});

test("in semaphore mode each read takes one", async () => {
  using tickets = EventFd.create({ value: 3, semaphore: true });
  expect([tickets.tryRead(), tickets.readSync(), await tickets.read(), tickets.tryRead()]).toEqual([1n, 1n, 1n, null]);
  const waits = [tickets.read(), tickets.read()];
  tickets.add(2);
  expect(await watchdog(Promise.all(waits), "Two tickets")).toEqual([1n, 1n]);
});

test("read() waits until something is added, and 0 is nothing", async () => {
  using event = EventFd.create();
  let settled = false;
  const taken = event.read().finally(() => (settled = true));
  event.add(0);
  await new Promise((done) => setTimeout(done, 20));
  expect(settled).toBe(false);
  event.add(5);
  expect(await watchdog(taken, "The five")).toBe(5n);
});

test("of several reads one takes all, and the others go on waiting", async () => {
  using event = EventFd.create();
  const values: bigint[] = [];
  const waits = [1, 2, 3].map(() => event.read().then((value) => values.push(value)));
  for (let round = 1; round <= 3; round++) {
    event.add(round);
    await until(() => values.length === round, `Read ${round}`);
  }
  await Promise.all(waits);
  expect(values).toEqual([1n, 2n, 3n]);
});

test("a full counter takes nothing more: EAGAIN, or false", () => {
  using event = EventFd.create({ value: max - 1n });
  expect(event.tryAdd(2)).toBe(false);
  expect(event.tryAdd(1)).toBe(true);
  expect(event.tryAdd(1n)).toBe(false);
  expect(() => event.add(7)).toThrow(expect.objectContaining({
    code: "EAGAIN",
    syscall: "write",
    message: "Cannot add 7 to the eventfd: the counter would overflow (EAGAIN)",
  }));
  expect(event.tryRead()).toBe(max);
  event.add(max);
  expect(event.readSync()).toBe(max);
});

test("reads end with their timeout, their signal's reason, or the descriptor", async () => {
  const event = EventFd.create();
  await expect(event.read({ timeout: 5 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  expect(() => event.readSync({ timeout: 5 })).toThrow(expect.objectContaining({ code: "ETIMEDOUT" }));
  const reason = new Error("never mind");
  const controller = new AbortController();
  const aborted = event.read({ signal: controller.signal });
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  await expect(event.read({ signal: controller.signal })).rejects.toBe(reason);
  const closed = event.read();
  event.close();
  await expect(closed).rejects.toMatchObject({ code: "ECANCELED" });
  event.close();
  await noneLeft();
});

test("its descriptor is waited for with others", async () => {
  using event = EventFd.create();
  using ends = pipe();
  const found = poll([{ fd: ends.reader, events: "readable" }, { fd: event.fd, events: "readable" }]);
  event.add();
  expect((await watchdog(found, "The event")).map(({ fd }) => fd)).toEqual([event.fd]);
  expect(await ready(event.fd, "writable")).toMatchObject({ writable: true });
  await noneLeft();
});

test("from() takes over a copy, which is the same counter", () => {
  using event = EventFd.create({ semaphore: true });
  const copy = event.fd.dup();
  using same = EventFd.from(copy);
  expect(same.fd).toBe(copy);
  same.add(2);
  expect([event.tryRead(), same.tryRead(), event.tryRead()]).toEqual([1n, 1n, null]);
});

test("console.log shows the descriptor", () => {
  const custom = Symbol.for("nodejs.util.inspect.custom");
  const event = EventFd.create();
  const show = () => (event as unknown as Record<symbol, () => string>)[custom]!();
  expect(show()).toBe(`EventFd ${event.fd.number}`);
  event.close();
  expect(show()).toBe("EventFd (closed)");
});

const refused: { name: string; run: (event: EventFd) => unknown; error: unknown }[] = [
  { name: "new", run: () => new (EventFd as never as new () => EventFd)(), error: TypeError },
  { name: "a text to begin with", run: () => EventFd.create({ value: "1" as never }), error: TypeError },
  { name: "less than nothing to begin with", run: () => EventFd.create({ value: -1 }), error: RangeError },
  { name: "more than the counter holds", run: () => EventFd.create({ value: 2n ** 64n - 1n }), error: RangeError },
  { name: "a number for semaphore", run: () => EventFd.create({ semaphore: 1 as never }), error: TypeError },
  { name: "an unknown option", run: () => EventFd.create({ initial: 1 } as never), error: TypeError },
  { name: "half of one", run: (event) => event.add(0.5), error: RangeError },
  { name: "minus one", run: (event) => event.add(-1n), error: RangeError },
  { name: "a number that is not exact", run: (event) => event.tryAdd(2 ** 53), error: RangeError },
  { name: "NaN", run: (event) => event.add(NaN), error: RangeError },
  { name: "all ones", run: (event) => event.tryAdd(2n ** 64n - 1n), error: RangeError },
  { name: "null", run: (event) => event.add(null as never), error: TypeError },
  { name: "a position to read at", run: (event) => event.read({ position: 1 } as never), error: TypeError },
  {
    name: "a signal where none is heard",
    run: (event) => event.readSync({ signal: AbortSignal.abort() } as never),
    error: TypeError,
  },
  { name: "a negative timeout", run: (event) => event.read({ timeout: -1 }), error: RangeError },
  { name: "to add when closed", run: (event) => (event.close(), event.add()), error: TypeError },
  { name: "to read when closed", run: (event) => (event.close(), event.read()), error: TypeError },
  { name: "to try when closed", run: (event) => (event.close(), event.tryRead()), error: TypeError },
  { name: "a number for an Fd", run: (event) => EventFd.from(event.fd.number as never), error: TypeError },
  { name: "a closed Fd", run: (event) => (event.close(), EventFd.from(event.fd)), error: TypeError },
  {
    name: "a pipe",
    run: () => {
      using ends = pipe();
      return EventFd.from(ends.reader);
    },
    error: expect.objectContaining({ code: "EINVAL", message: expect.stringContaining("it is a fifo") }),
  },
  {
    name: "a file",
    run: () => {
      using fd = Fd.open("/etc/passwd");
      return EventFd.from(fd);
    },
    error: expect.objectContaining({ code: "EINVAL", syscall: "eventfd_from" }),
  },
];
for (const { name, run, error } of refused) {
  test(`refuses ${name}`, async () => {
    using event = EventFd.create();
    await expect(new Promise((done) => done(run(event)))).rejects.toThrow(error as Error);
    await noneLeft();
  });
}

test("2,000 aborts race what is added: nothing is taken by a read that was called off", async () => {
  using event = EventFd.create();
  let taken = 0n;
  let aborted = 0;
  for (let round = 0; round < 2000; round++) {
    const controller = new AbortController();
    const read = event.read({ signal: controller.signal }).then((value) => (taken += value), () => aborted++);
    event.add();
    for (let turns = round % 4; turns > 0; turns--) await new Promise((done) => setImmediate(done));
    controller.abort();
    await watchdog(read, `Round ${round}`);
  }
  expect(taken + (event.tryRead() ?? 0n)).toBe(2000n);
  expect(aborted).toBeGreaterThan(0);
  await noneLeft();
});
