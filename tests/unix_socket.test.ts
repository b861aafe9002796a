// Unix sockets: the three kinds, as pairs and by addresses, with what goes along.
import { execFile } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, expect, test, vi } from "vitest";
import { load } from "../ffi/load.ts";
import { Fd, pollSync, ready } from "../lib/fd/mod.ts";
import {
  type ListenOptions,
  socketPair,
  type UnixAddress,
  type UnixKind,
  UnixListener,
  type UnixMessage,
  UnixSocket,
} from "../lib/socket/mod.ts";
import { here, spawnLane } from "./support/lanes.ts";
import { asNobody, needsRoot } from "./support/nobody.ts";
import { tmpdir, unique, until, watchdog } from "./support/watchdog.ts";

const kinds: UnixKind[] = ["stream", "seqpacket", "datagram"];
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: UnixMessage | null) => new TextDecoder().decode(message!.data);
const failing = (code: string, rest: object = {}) => expect.objectContaining({ name: "SystemError", code, ...rest });

/** Both ends, closed at the end. */
function pair(kind: UnixKind = "stream"): { a: UnixSocket; b: UnixSocket } & Disposable {
  const [a, b] = socketPair(kind);
  return { a, b, [Symbol.dispose]: () => (a.close(), b.close()) };
}

/** How many descriptors this process has, without those of event loops: ours ends a second after its last wait. */
function openFds(): number {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // The listing's own.
    }
  });
  return targets.filter((target) => target !== "" && !target.startsWith("anon_inode:[event")).length;
}

/** Sends until there is no more room: how many bytes. */
function fillUp(socket: UnixSocket, chunk = new Uint8Array(32_768)): number {
  let sent = 0;
  for (let count; (count = socket.trySend(chunk)) !== null;) sent += count;
  return sent;
}

/** What a wait that was called off leaves is drained. */
async function quiet(): Promise<void> {
  const { core } = load();
  await until(() => core.hawser_poll_count() === 0 && core.hawser_call_count() === 0, "The end of all waits");
}

describe.each(kinds)("a pair, %s", (kind) => {
  test("what one end sends the other receives, by each kind of call, both ways", async () => {
    using ends = pair(kind);
    expect(ends.a.kind).toBe(kind);
    for (const [from, to] of [[ends.a, ends.b], [ends.b, ends.a]] as const) {
      expect(from.trySend(bytes("one"))).toBe(3);
      expect(text(to.tryReceive())).toBe("one");
      from.sendSync(bytes("two"));
      expect(text(to.receiveSync())).toBe("two");
      await from.send(bytes("three"));
      const message = await to.receive();
      expect(text(message)).toBe("three");
      expect(message).toMatchObject({
        fds: [],
        credentials: null,
        pidfd: null,
        from: null,
        truncated: false,
        fdsDropped: false,
        end: false,
      });
    }
  });

  test("where there is nothing, or no room, trying says so and waiting waits", async () => {
    using ends = pair(kind);
    const { a, b } = ends;
    expect(b.tryReceive()).toBe(null);
    expect(() => b.receiveSync({ timeout: 5 })).toThrow(failing("ETIMEDOUT", { syscall: "socket_receive" }));
    await expect(b.receive({ timeout: 5 })).rejects.toMatchObject({ code: "ETIMEDOUT", syscall: "socket_receive" });
    const receiving = b.receive();
    a.trySend(bytes("x"));
    expect(text(await watchdog(receiving, "The byte"))).toBe("x");

    const sent = fillUp(a);
    expect(sent).toBeGreaterThan(0);
    expect(a.trySend(bytes("x"))).toBe(null);
    expect(() => a.sendSync(bytes("x"), { timeout: 5 })).toThrow(failing("ETIMEDOUT", { syscall: "socket_send" }));
    await expect(a.send(bytes("x"), { timeout: 5 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
    const sending = a.send(bytes("last"));
    expect(() => a.sendSync(bytes("x"))).toThrow(failing("EBUSY", { syscall: "socket_send" }));
    expect(a.trySend(bytes("x"))).toBe(null);
    let received = 0;
    while (received < sent) received += (await b.receive({ maxBytes: Math.min(sent - received, 65_536) })).data.length;
    await watchdog(sending, "The room");
    expect(text(await watchdog(b.receive(), "The last"))).toBe("last");
  });

  test("sends that wait go in their order, and one that is called off leaves no hole", async () => {
    using ends = pair(kind);
    const { a, b } = ends;
    const sent = fillUp(a);
    const reason = new Error("never mind");
    const controller = new AbortController();
    const texts = Array.from({ length: 20 }, (_, i) => `<${i}>`);
    const sends = texts.map((one, i) => a.send(bytes(one), i === 7 || i === 0 ? { signal: controller.signal } : {}));
    const late = a.send(bytes("late"), { timeout: 1 });
    controller.abort(reason);
    await expect(sends[7]).rejects.toBe(reason);
    await expect(sends[0]).rejects.toBe(reason);
    await expect(late).rejects.toMatchObject({ code: "ETIMEDOUT", syscall: "socket_send" });
    let received = 0;
    while (received < sent) received += (await b.receive({ maxBytes: Math.min(sent - received, 65_536) })).data.length;
    const kept = texts.filter((_, i) => i !== 7 && i !== 0);
    let got = "";
    while (got.length < kept.join("").length) got += text(await watchdog(b.receive(), `The rest after ${got}`));
    expect(got).toBe(kept.join(""));
    await Promise.allSettled(sends);
    await quiet();
  });

  test("descriptors arrive as owned ones, close-on-exec, of the same file", async () => {
    using ends = pair(kind);
    using file = Fd.open("/etc/passwd");
    using folder = Fd.open("/tmp");
    const before = openFds();
    for (const count of [1, 2, 3, 252, 253]) {
      const fds = Array.from({ length: count }, (_, i) => i % 2 === 0 ? file : folder);
      await ends.a.send(bytes("x"), { fds });
      const message = await ends.b.receive({ maxFds: count });
      expect(message.fds.length).toBe(count);
      expect(new Set([...message.fds.map((fd) => fd.number), file.number, folder.number]).size).toBe(count + 2);
      expect(message.fds.map((fd) => fd.stat().inode)).toEqual(fds.map((fd) => fd.stat().inode));
      const info = readFileSync(`/proc/self/fdinfo/${message.fds[0]!.number}`, "utf8");
      expect(parseInt(/flags:\s+(\d+)/.exec(info)![1]!, 8) & 0o2000000).not.toBe(0);
      message.close();
      message.close();
      expect(message.fds.every((fd) => fd.closed)).toBe(true);
    }
    expect(openFds()).toBe(before);
  });

  test("too many descriptors, closed ones, and what is none are refused before any call", async () => {
    using ends = pair(kind);
    const { a, b } = ends;
    using file = Fd.open("/dev/null");
    const closed = Fd.open("/dev/null");
    closed.close();
    const wrong: [fds: unknown, error: typeof RangeError | typeof TypeError][] = [
      [Array.from({ length: 254 }, () => file), RangeError],
      [[file, closed], TypeError],
      [[3], TypeError],
      [[null], TypeError],
      [file, TypeError],
      ["x", TypeError],
    ];
    for (const [fds, error] of wrong) {
      const options = { fds } as { fds: Fd[] };
      await expect(a.send(bytes("x"), options)).rejects.toThrow(error);
      expect(() => a.sendSync(bytes("x"), options)).toThrow(error);
      expect(() => a.trySend(bytes("x"), options)).toThrow(error);
    }
    expect(b.tryReceive()).toBe(null);
    expect(() => a.trySend("x" as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => a.trySend(bytes("x"), { what: 1 } as object)).toThrow(TypeError);
    expect(() => b.tryReceive({ maxFds: 254 })).toThrow(RangeError);
    expect(() => b.tryReceive({ maxBytes: 0 })).toThrow(RangeError);
    expect(() => b.tryReceive({ buffer: new Uint8Array() })).toThrow(RangeError);
    expect(() => b.tryReceive({ buffer: [] as unknown as Uint8Array })).toThrow(TypeError);
  });

  test("a descriptor that is closed while its message waits makes the send fail, and nothing is sent", async () => {
    using ends = pair(kind);
    fillUp(ends.a);
    const fd = Fd.open("/dev/null");
    const sending = ends.a.send(bytes("x"), { fds: [fd] });
    fd.close();
    const refused = expect(watchdog(sending, "The send")).rejects.toThrow(TypeError);
    while (ends.b.tryReceive({ maxFds: 1 }) !== null);
    await refused;
    expect(ends.b.tryReceive()).toBe(null);
  });

  test("descriptors that nobody wants are closed: told by default, an error where fewer are wanted", async () => {
    using ends = pair(kind);
    using file = Fd.open("/dev/null");
    const before = openFds();
    for (const count of [1, 2, 20, 253]) {
      const fds = Array.from({ length: count }, () => file);
      ends.a.sendSync(bytes("abc"), { fds });
      const message = ends.b.receiveSync();
      expect(message).toMatchObject({ fdsDropped: true, fds: [] });
      expect(text(message)).toBe("abc");
    }
    ends.b.passCredentials = true; // There is room for something beside the bytes now.
    for (const count of [1, 2, 20, 253]) {
      ends.a.sendSync(bytes("abc"), { fds: Array.from({ length: count }, () => file) });
      expect(ends.b.receiveSync()).toMatchObject({ fdsDropped: true, fds: [], credentials: { pid: process.pid } });
    }
    for (const [sent, wanted] of [[2, 1], [3, 1], [20, 1], [253, 252], [100, 99], [101, 99]] as const) {
      const fds = Array.from({ length: sent }, () => file);
      const error = failing("EMSGSIZE", {
        syscall: "socket_receive",
        message: expect.stringContaining(`${wanted} desc`),
      });
      ends.a.sendSync(bytes("x"), { fds });
      expect(() => ends.b.receiveSync({ maxFds: wanted })).toThrow(error);
      ends.a.sendSync(bytes("x"), { fds });
      await expect(ends.b.receive({ maxFds: wanted })).rejects.toEqual(error);
      ends.a.sendSync(bytes("x"), { fds });
      expect(() => ends.b.tryReceive({ maxFds: wanted })).toThrow(error);
    }
    expect(openFds()).toBe(before);
    ends.a.sendSync(bytes("after"));
    expect(text(ends.b.receiveSync({ maxFds: 5 }))).toBe("after");
  });

  test("whoever has the socket's last descriptor has what is still in it", () => {
    const before = openFds();
    {
      using ends = pair(kind);
      using file = Fd.open("/dev/null");
      for (let i = 0; i < 5; i++) ends.a.sendSync(bytes("x"), { fds: [file, ends.a.fd, ends.b.fd] });
    }
    expect(openFds()).toBe(before);
  });

  test("waits are called off by a signal, and by closing", async () => {
    using ends = pair(kind);
    const reason = new Error("never mind");
    const controller = new AbortController();
    const aborted = ends.b.receive({ signal: controller.signal });
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await expect(ends.b.receive({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(ends.a.send(bytes("x"), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(ends.b.tryReceive()).toBe(null);
    fillUp(ends.a);
    const sends = [ends.a.send(bytes("x")), ends.a.send(bytes("y"))];
    const receiving = ends.a.receive();
    const settled = Promise.allSettled([...sends, receiving]);
    ends.a.close();
    const errors = (await watchdog(settled, "The end of the waits")).map((one) =>
      (one as PromiseRejectedResult).reason
    );
    expect(errors[0]).toMatchObject({ code: "ECANCELED" });
    expect(errors[1]).toMatchObject({ code: "ECANCELED" }); // It was not its turn yet.
    expect(errors[2]).toMatchObject({ code: "ECANCELED", message: expect.stringContaining("it was closed") });
    await expect(ends.a.receive()).rejects.toThrow(TypeError);
    await expect(ends.a.send(bytes("x"))).rejects.toThrow(TypeError);
    expect(() => ends.a.passCredentials).toThrow(TypeError);
    expect(() => ends.a.getsockname()).toThrow(TypeError);
    expect(() => ends.a.shutdown("both")).toThrow(TypeError);
    await quiet();
  });

  test("nobody at the other end is EPIPE, ECONNRESET or ECONNREFUSED for the sender, and never a signal", async () => {
    using ends = pair(kind);
    ends.b.close();
    const code = kind === "datagram" ? "ECONNREFUSED" : "EPIPE";
    expect(() => ends.a.sendSync(bytes("x"))).toThrow(failing(code, { syscall: "sendmsg" }));
    const after = kind === "datagram" ? "ENOTCONN" : code; // A datagram socket forgets whom it was connected to.
    await expect(ends.a.send(bytes("x"))).rejects.toMatchObject({ code: after });
    expect(() => ends.a.trySend(bytes("x"))).toThrow(failing(after));

    using waiting = pair(kind);
    fillUp(waiting.a);
    const sending = waiting.a.send(bytes("x"));
    waiting.b.close();
    const broken = { stream: "EPIPE", seqpacket: "EPIPE", datagram: "ECONNREFUSED" }[kind];
    await expect(watchdog(sending, "The end")).rejects.toMatchObject({
      code: expect.stringMatching(`${broken}|ECONNRESET`),
    });
  });

  test("credentials come with each message where they are asked for", async () => {
    using ends = pair(kind);
    expect(ends.b.passCredentials).toBe(false);
    ends.b.passCredentials = true;
    expect(ends.b.passCredentials).toBe(true);
    const me = { pid: process.pid, uid: process.geteuid!(), gid: process.getegid!() };
    await ends.a.send(bytes("x"));
    expect((await ends.b.receive()).credentials).toEqual(me);
    using file = Fd.open("/dev/null");
    await ends.a.send(bytes("x"), { credentials: me, fds: [file, file, file] });
    using both = await ends.b.receive({ maxFds: 3 });
    expect([both.credentials, both.fds.length]).toEqual([me, 3]);
    if (process.getuid!() === 0) {
      await ends.a.send(bytes("x"), { credentials: { pid: 1, uid: 12, gid: 34 } });
      expect((await ends.b.receive()).credentials).toEqual({ pid: 1, uid: 12, gid: 34 });
    }
    expect(ends.a.peerCredentials()).toEqual(kind === "datagram" ? me : me);
    for (
      const credentials of [{ pid: -1, uid: 0, gid: 0 }, { pid: 1, uid: 2 ** 32, gid: 0 }, { pid: 1, uid: 1, gid: 0.5 }]
    ) {
      expect(() => ends.a.sendSync(bytes("x"), { credentials })).toThrow(RangeError);
    }
    expect(() => ends.a.sendSync(bytes("x"), { credentials: { pid: 1 } as never })).toThrow(TypeError);
    ends.b.passCredentials = false;
    await ends.a.send(bytes("x"));
    expect((await ends.b.receive()).credentials).toBe(null);
  });

  test("pidfds tell who sent, and who is at the other end", async (context) => {
    using ends = pair(kind);
    try {
      ends.b.passPidfd = true;
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOPROTOOPT" });
      context.skip("needs Linux 6.5");
    }
    expect(ends.b.passPidfd).toBe(true);
    using file = Fd.open("/dev/null");
    await ends.a.send(bytes("x"), { fds: [file] });
    using message = await ends.b.receive({ maxFds: 1 });
    expect(message.fds.length).toBe(1);
    const pidOf = (fd: Fd) => /^Pid:\s+(-?\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd.number}`, "utf8"))?.[1];
    expect(pidOf(message.pidfd!)).toBe(String(process.pid));
    using peer = ends.a.peerPidfd();
    expect(pidOf(peer)).toBe(String(process.pid));
    ends.b.passCredentials = true;
    await ends.a.send(bytes("x"), { fds: Array.from({ length: 253 }, () => file) });
    using full = await ends.b.receive({ maxFds: 253 });
    expect([full.fds.length, full.credentials?.pid, full.pidfd === null]).toEqual([253, process.pid, false]);
    await ends.a.send(bytes("x"), { fds: [file] });
    using dropped = await ends.b.receive();
    expect([dropped.fdsDropped, dropped.credentials?.pid]).toEqual([true, process.pid]);
  });

  test("options are read and set", () => {
    using ends = pair(kind);
    ends.a.sendBuffer = 10_000;
    expect(ends.a.sendBuffer).toBe(20_000);
    ends.a.receiveBuffer = 10_000;
    expect(ends.a.receiveBuffer).toBe(20_000);
    expect(ends.a.takeError()).toBe(null);
    for (const wrong of [0, -1, 0.5, 2 ** 31]) expect(() => ends.a.sendBuffer = wrong).toThrow(RangeError);
    expect(() => ends.a.passCredentials = 1 as unknown as boolean).toThrow(TypeError);
  });

  test("it is taken over by its descriptor", () => {
    using ends = pair(kind);
    using copy = UnixSocket.from(ends.a.fd.dup());
    expect(copy.kind).toBe(kind);
    copy.sendSync(bytes("x"));
    expect(text(ends.b.receiveSync())).toBe("x");
    expect(String(Object.getOwnPropertySymbols(UnixSocket.prototype).length)).toBe("3");
  });
});

describe("what changes while a message waits", () => {
  const transfer = (array: Uint8Array) => structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });

  test.each(kinds)("the list of descriptors may, %s", async (kind) => {
    using ends = pair(kind);
    fillUp(ends.a);
    using file = Fd.open("/dev/null");
    const fds = [file];
    const sending = ends.a.send(bytes("last"), { fds });
    fds.length = 0;
    for (;;) {
      using message = await watchdog(ends.b.receive({ maxFds: 1 }), "The messages");
      if (message.fds.length === 0) continue;
      expect(text(message)).toMatch(/last$/);
      break;
    }
    await sending;
  });

  test.each(kinds)("a buffer that is transferred is refused, %s", async (kind) => {
    using ends = pair(kind);
    const into = new Uint8Array(8);
    const receiving = ends.b.receive({ buffer: into });
    transfer(into);
    ends.a.sendSync(bytes("kept"));
    await expect(watchdog(receiving, "The end")).rejects.toThrow("their buffer was transferred or resized meanwhile");
    expect(text(ends.b.tryReceive())).toBe("kept");
    fillUp(ends.a);
    const data = bytes("never");
    const sending = ends.a.send(data);
    transfer(data);
    const settled = Promise.allSettled([sending]);
    await until(() => ends.b.tryReceive() === null, "All is read");
    expect(await watchdog(settled, "The end")).toEqual([{ status: "rejected", reason: expect.any(TypeError) }]);
    await quiet();
  });

  test("a stream whose rest was transferred ends there", async () => {
    using ends = pair();
    const data = new Uint8Array(5_000_000);
    const sending = ends.a.send(data);
    transfer(data);
    const settled = Promise.allSettled([sending]);
    let last: UnixMessage;
    do last = await watchdog(ends.b.receive(), "More of it"); while (!last.end);
    expect(await settled).toEqual([{ status: "rejected", reason: expect.any(TypeError) }]);
  });

  test("a socket that is closed is ECANCELED, also between its readiness and the next try", async () => {
    const closing = (socket: { close(): void }) =>
      ({
        aborted: false,
        throwIfAborted() {},
        addEventListener() {},
        removeEventListener: () => socket.close(),
      }) as unknown as AbortSignal;
    const waits = () => until(() => load().core.hawser_poll_count() > 0, "It waits");
    for (const kind of kinds) {
      using receiver = pair(kind);
      const receiving = receiver.b.receive({ signal: closing(receiver.b) });
      await waits();
      receiver.a.sendSync(bytes("x"));
      await expect(watchdog(receiving, "The end")).rejects.toThrow(failing("ECANCELED"));
      using sender = pair(kind);
      fillUp(sender.a);
      const sending = sender.a.send(bytes("x"), { signal: closing(sender.a) });
      await waits();
      while (sender.b.tryReceive() !== null);
      await expect(watchdog(sending, "The end")).rejects.toThrow(failing("ECANCELED"));
    }
    using listener = UnixListener.listen("autobind");
    const accepting = listener.accept({ signal: closing(listener) });
    await waits();
    using _client = UnixSocket.connectSync(listener.getsockname()!);
    await expect(watchdog(accepting, "The end")).rejects.toThrow(failing("ECANCELED"));
    await quiet();
  });
});

describe("a stream", () => {
  test("takes more than there is room for in parts, and all of it arrives", async () => {
    using ends = pair();
    using file = Fd.open("/dev/null");
    const data = new Uint8Array(5_000_000).map((_, i) => i * 7 + (i >> 8));
    const sending = ends.a.send(data, { fds: [file] });
    const second = ends.a.send(bytes("end"));
    const got = new Uint8Array(data.length + 3);
    let filled = 0;
    let fds = 0;
    while (filled < got.length) {
      using message = await watchdog(ends.b.receive({ buffer: got.subarray(filled), maxFds: 1 }), "More of it");
      if (filled === 0) expect(message.fds.length).toBe(1);
      fds += message.fds.length;
      filled += message.data.length;
    }
    await Promise.all([sending, second]);
    expect(fds).toBe(1);
    expect(Buffer.compare(got.subarray(0, data.length), data)).toBe(0);
    expect(text({ data: got.subarray(data.length) } as UnixMessage)).toBe("end");
  });

  test("that is called off in the middle of a message ends there", async () => {
    using ends = pair();
    const controller = new AbortController();
    const sending = ends.a.send(new Uint8Array(5_000_000), { signal: controller.signal });
    const reason = new Error("never mind");
    controller.abort(reason);
    await expect(sending).rejects.toBe(reason);
    let received = 0;
    for await (const { data } of ends.b) received += data.length;
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThan(5_000_000);
    await expect(ends.a.send(bytes("x"))).rejects.toMatchObject({ code: "EPIPE" });

    using other = pair();
    expect(() => other.a.sendSync(new Uint8Array(5_000_000), { timeout: 5 })).toThrow(failing("ETIMEDOUT"));
    for await (const { data } of other.b) expect(data.length).toBeGreaterThan(0);
  });

  test("ends at the close or the shutdown of the other side, after everything was read", async () => {
    using ends = pair();
    ends.a.sendSync(bytes("last words"));
    ends.a.shutdown("write");
    expect(text(ends.b.receiveSync({ maxBytes: 4 }))).toBe("last");
    expect(text(ends.b.receiveSync())).toBe(" words");
    expect(ends.b.receiveSync()).toMatchObject({ end: true, data: new Uint8Array() });
    expect((await ends.b.receive()).end).toBe(true);
    expect(ends.b.tryReceive()?.end).toBe(true);
    ends.b.sendSync(bytes("still"));
    expect(text(ends.a.receiveSync())).toBe("still");
    expect(() => ends.a.shutdown("all" as "both")).toThrow(RangeError);
  });

  test("whose other side closes in the middle of a message brings what came, and the end", async () => {
    using ends = pair();
    const sending = ends.a.send(new Uint8Array(5_000_000));
    sending.catch(() => {});
    expect((await ends.b.receive()).data.length).toBeGreaterThan(0);
    ends.a.close();
    await expect(sending).rejects.toMatchObject({ code: "ECANCELED" });
    let rest = 0;
    for await (const { data } of ends.b) rest += data.length;
    expect(rest).toBeGreaterThan(0);
    using reset = pair();
    reset.a.sendSync(bytes("unread"));
    reset.b.close();
    expect(() => reset.a.receiveSync()).toThrow(failing("ECONNRESET", { syscall: "recvmsg" }));
    expect(reset.a.receiveSync().end).toBe(true);
  });

  test("needs a byte for descriptors and credentials", () => {
    using ends = pair();
    using file = Fd.open("/dev/null");
    expect(() => ends.a.trySend(new Uint8Array(), { fds: [file] })).toThrow(RangeError);
    expect(() => ends.a.sendSync(new Uint8Array(), { credentials: { pid: 1, uid: 1, gid: 1 } })).toThrow(RangeError);
    ends.a.sendSync(new Uint8Array());
    expect(ends.b.tryReceive()).toBe(null);
  });

  test("is a pair of Web streams", async () => {
    using ends = pair();
    const data = new Uint8Array(1_000_000).map((_, i) => i * 3);
    const writing = new Blob([data]).stream().pipeTo(ends.a.writable);
    const got = new Uint8Array(
      await new Response(ends.b.readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer(),
    );
    await writing;
    expect(Buffer.compare(got, data)).toBe(0);
    expect(ends.a.writable).toBe(ends.a.writable);
    const reader = ends.a.readable.getReader();
    const pending = reader.read();
    await reader.cancel();
    expect(await watchdog(pending, "The cancelled read")).toMatchObject({ done: true });
    expect(() => ends.b.sendSync(bytes("x"))).toThrow(failing("EPIPE"));

    using other = pair();
    const writer = other.a.writable.getWriter();
    const written = Promise.allSettled([writer.write(new Uint8Array(5_000_000))]);
    await writer.abort(new Error("no more"));
    expect((await watchdog(written, "The aborted write"))[0]!.status).toBe("rejected");
    for await (const { data } of other.b) expect(data.length).toBeGreaterThan(0);
    using packets = pair("seqpacket");
    expect(() => packets.a.readable).toThrow(TypeError);
    expect(() => packets.a.writable).toThrow(TypeError);
  });
});

describe.each(["seqpacket", "datagram"] as const)("packets, %s", (kind) => {
  test("keep their bounds, empty ones too, and what does not fit is told", () => {
    using ends = pair(kind);
    for (const one of ["a", "", "bcd"]) ends.a.sendSync(bytes(one));
    expect(text(ends.b.receiveSync())).toBe("a");
    expect(ends.b.receiveSync()).toMatchObject({ data: new Uint8Array(), end: false });
    const buffer = new Uint8Array(2);
    const cut = ends.b.receiveSync({ buffer });
    expect(cut.data.buffer).toBe(buffer.buffer);
    expect(text(cut)).toBe("bc");
    expect(cut.truncated).toBe(true);
    expect(ends.b.tryReceive()).toBe(null);
    using file = Fd.open("/dev/null");
    ends.a.sendSync(new Uint8Array(), { fds: [file] });
    using empty = ends.b.receiveSync({ maxFds: 1 });
    expect([empty.fds.length, empty.end, empty.truncated]).toEqual([1, false, false]);
    const large = new Uint8Array(100_000).fill(7);
    ends.a.sendSync(large);
    expect(ends.b.receiveSync()).toMatchObject({ truncated: true, data: { length: 65_536 } });
    ends.a.sendSync(large);
    expect(ends.b.receiveSync({ maxBytes: 100_000 }).data).toEqual(large);
    expect(() => ends.a.sendSync(new Uint8Array(10_000_000))).toThrow(failing("EMSGSIZE", { syscall: "sendmsg" }));
  });

  test("come one by one", async () => {
    using ends = pair(kind);
    const texts = Array.from({ length: 100 }, (_, i) => `packet ${i}`);
    const sending = (async () => {
      for (const one of texts) await ends.a.send(bytes(one), { fds: [ends.a.fd] });
    })();
    const got: string[] = [];
    for await (const message of ends.b.messages({ maxFds: 1 })) {
      using received = message;
      expect(received.fds.length).toBe(1);
      if (got.push(text(received)) === texts.length) break;
    }
    expect(got).toEqual(texts);
    await sending;
    const rest = (async () => {
      for await (const _ of ends.b) throw new Error("there is nothing more");
    })();
    ends.b.close();
    await watchdog(rest, "The end of the loop");
  });
});

test("a seqpacket connection ends, and empty packets before other ones do not end it", async () => {
  using ends = pair("seqpacket");
  for (const one of ["", "", "x"]) ends.a.sendSync(bytes(one));
  ends.a.close();
  const got: string[] = [];
  for await (const message of ends.b) got.push(text(message));
  expect(got).toEqual(["", "", "x"]);
});

describe("addresses", () => {
  test("a path has exactly its mode, whatever the umask, is relative to the working directory, and goes at the end", async () => {
    using folder = tmpdir();
    expect(await spawnLane(here, "unix_names", [folder.path])).toMatchObject({ status: 0, stderr: "", stdout: "ok\n" });
  });

  test("a path that is in use is refused, a dead one replaced, another's left alone at the end", async () => {
    using folder = tmpdir();
    const path = folder.file("s");
    const first = UnixListener.listen({ path });
    for (const options of [{}, { kind: "seqpacket" }] as ListenOptions[]) {
      expect(() => UnixListener.listen({ path }, options)).toThrow(
        failing("EADDRINUSE", { syscall: "bind", path, message: expect.stringContaining(JSON.stringify(path)) }),
      );
    }
    expect(() => UnixSocket.bind({ path })).toThrow(failing("EADDRINUSE"));
    const inode = lstatSync(path).ino;
    Fd.from(first.fd.release()).close(); // As if its process had been killed.
    first.close();
    expect(lstatSync(path).ino).toBe(inode);
    await expect(UnixSocket.connect({ path })).rejects.toMatchObject({
      code: "ECONNREFUSED",
      syscall: "connect",
      path,
    });

    const second = UnixListener.listen({ path });
    using client = await UnixSocket.connect({ path });
    expect(client.getpeername()).toEqual({ path });
    expect(second.tryAccept()?.close()).toBe(undefined);
    expect(second.tryAccept()).toBe(null); // Nobody else came: not those who looked whether it is stale either.

    // Somebody removes it and takes its place: it is not the first one's to remove.
    (await import("node:fs")).rmSync(path);
    using third = UnixListener.listen({ path });
    second.close();
    expect(existsSync(path)).toBe(true);
    third.close();
    expect(existsSync(path)).toBe(false);
  });

  test("a path that is no socket is never replaced", () => {
    using folder = tmpdir();
    const path = folder.file("file");
    writeFileSync(path, "precious");
    symlinkSync(folder.file("nowhere"), folder.file("link"));
    for (const taken of [path, folder.file("link"), folder.path]) {
      expect(() => UnixListener.listen({ path: taken })).toThrow(failing("EADDRINUSE"));
      expect(() => UnixSocket.bind({ path: taken })).toThrow(failing("EADDRINUSE"));
    }
    expect(readFileSync(path, "utf8")).toBe("precious");
    expect(() => UnixListener.listen({ path: folder.file("no/where") })).toThrow(
      failing("ENOENT", { syscall: "bind" }),
    );
    expect(() => UnixListener.listen({ path: `${path}/x` })).toThrow(failing("ENOTDIR"));
  });

  test("names of 107 bytes are the longest", async () => {
    using folder = tmpdir();
    const path = folder.file("x".repeat(107 - folder.path.length - 1));
    const abstract = unique("n").padEnd(107, "x");
    const longest: UnixAddress[] = [{ path }, { abstract }, { abstract: bytes(abstract) }];
    for (const address of longest) {
      using listener = UnixListener.listen(address);
      using client = await UnixSocket.connect(address);
      using server = listener.acceptSync();
      expect(client.getpeername()).toEqual("path" in address ? address : { abstract });
      expect(server.getsockname()).toEqual(client.getpeername());
      expect([client.getsockname(), server.getpeername()]).toEqual([null, null]);
    }
    const wrong: [unknown, typeof RangeError | typeof TypeError][] = [
      [{ path: `${path}x` }, RangeError],
      [{ path: "é".repeat(54) }, RangeError],
      [{ abstract: `${abstract}x` }, RangeError],
      [{ abstract: new Uint8Array(108) }, RangeError],
      [{ path: "" }, RangeError],
      [{ abstract: "" }, RangeError],
      [{ abstract: new Uint8Array() }, RangeError],
      [{ path: "a\0b" }, RangeError],
      [{}, TypeError],
      [{ path: "x", abstract: "x" }, TypeError],
      [{ path: 1 }, TypeError],
      [{ abstract: 1 }, TypeError],
      [{ port: 1 }, TypeError],
      ["x", TypeError],
      [null, TypeError],
    ];
    for (const [address, error] of wrong) {
      expect(() => UnixListener.listen(address as UnixAddress), JSON.stringify(address)).toThrow(error);
      expect(() => UnixSocket.connectSync(address as UnixAddress), JSON.stringify(address)).toThrow(error);
      await expect(UnixSocket.connect(address as UnixAddress), JSON.stringify(address)).rejects.toThrow(error);
    }
  });

  test("abstract names hold any bytes, are the kind's own, and are gone with their socket", async () => {
    const name = bytes(`${unique("any")}\0\xff`);
    name[name.length - 1] = 0xff; // No UTF-8.
    for (let round = 0; round < 2; round++) {
      using listener = UnixListener.listen({ abstract: name }, { kind: "seqpacket" });
      expect(listener.getsockname()).toEqual({ abstract: name });
      expect(() => UnixListener.listen({ abstract: name }, { kind: "seqpacket" })).toThrow(failing("EADDRINUSE"));
      UnixListener.listen({ abstract: name }).close();
      using client = await UnixSocket.connect({ abstract: name }, { kind: "seqpacket" });
      expect(client.getpeername()).toEqual({ abstract: name });
    }
    await expect(UnixSocket.connect({ abstract: name })).rejects.toMatchObject({
      code: "ECONNREFUSED",
      syscall: "connect",
    });
  });

  test("autobind finds a name, and no two the same", () => {
    const listeners = Array.from({ length: 50 }, () => UnixListener.listen("autobind"));
    const names = listeners.map((one) => (one.getsockname() as { abstract: string }).abstract);
    expect(new Set(names).size).toBe(50);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{5}$/);
    for (const one of listeners) one.close();
  });
});

describe("datagrams", () => {
  test("go to an address, tell where they come from, and are answered", async () => {
    using folder = tmpdir();
    using server = UnixSocket.bind({ path: folder.file("server") });
    const names = [{ path: folder.file("client") }, { abstract: unique("client") }, "autobind", undefined] as const;
    for (const address of names) {
      using client = UnixSocket.bind(address);
      await client.send(bytes("question"), { to: { path: folder.file("server") } });
      const message = await server.receive();
      expect(text(message)).toBe("question");
      expect(message.from).toEqual(client.getsockname());
      if (message.from === null) continue;
      await server.send(bytes("answer"), { to: message.from });
      expect(text(await client.receive())).toBe("answer");
    }
    using connected = await UnixSocket.connect(server.getsockname()!, { kind: "datagram", local: "autobind" });
    connected.sendSync(bytes("x"));
    expect(server.receiveSync().from).toEqual(connected.getsockname());
    expect(connected.peerCredentials()).toBe(null);
  });

  test("to a receiver that is full wait until it reads, whoever they are from", async () => {
    using server = UnixSocket.bind("autobind");
    const to = server.getsockname()!;
    using connected = await UnixSocket.connect(to, { kind: "datagram" });
    using free = UnixSocket.bind();
    let sent = 0;
    while (free.trySend(bytes("x"), { to }) !== null) sent++;
    expect(sent).toBeGreaterThan(5);
    expect(connected.trySend(bytes("x"))).toBe(null);
    expect(() => free.sendSync(bytes("x"), { to, timeout: 5 })).toThrow(failing("ETIMEDOUT"));
    await expect(free.send(bytes("x"), { to, timeout: 5 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
    const spy = vi.spyOn(load().core, "hawser_socket_send");
    const sends = [free.send(bytes("free"), { to }), connected.send(bytes("connected"))];
    await new Promise((done) => setTimeout(done, 200)); // A wait that is none would try again and again.
    expect(spy.mock.calls.length).toBeGreaterThanOrEqual(2);
    expect(spy.mock.calls.length).toBeLessThan(6);
    spy.mockRestore();
    const got: string[] = [];
    while (got.length < sent + 2) got.push(text(await watchdog(server.receive(), "One more")));
    await watchdog(Promise.all(sends), "The room");
    expect(got.slice(sent).sort()).toEqual(["connected", "free"]);

    // It closes meanwhile.
    while (free.trySend(bytes("x"), { to }) !== null);
    const late = free.send(bytes("x"), { to });
    server.close();
    await expect(watchdog(late, "The end")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await quiet();
  });

  test("need somebody to go to", () => {
    using socket = UnixSocket.bind();
    expect(() => socket.sendSync(bytes("x"))).toThrow(failing("ENOTCONN", { syscall: "sendmsg" }));
    expect(() => socket.getpeername()).toThrow(failing("ENOTCONN", { syscall: "getpeername" }));
    expect(() => socket.shutdown("write")).not.toThrow();
    using ends = pair("seqpacket");
    expect(() => ends.a.trySend(bytes("x"), { to: { abstract: "x" } })).toThrow(TypeError);
  });
});

describe("connections", () => {
  for (const kind of ["stream", "seqpacket"] as const) {
    test(`are accepted by each kind of call, ${kind}`, async () => {
      using listener = UnixListener.listen({ abstract: unique("accept") }, { kind });
      const address = listener.getsockname()!;
      expect(listener.tryAccept()).toBe(null);
      expect(() => listener.acceptSync({ timeout: 5 })).toThrow(failing("ETIMEDOUT", { syscall: "socket_accept" }));
      await expect(listener.accept({ timeout: 5 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
      const accepting = listener.accept();
      using client = await UnixSocket.connect(address, { kind });
      using server = await watchdog(accepting, "The connection");
      expect(server.kind).toBe(kind);
      client.sendSync(bytes("x"));
      expect(text(server.receiveSync())).toBe("x");
      expect(server.peerCredentials()).toEqual({
        pid: process.pid,
        uid: process.geteuid!(),
        gid: process.getegid!(),
      });
      using second = UnixSocket.connectSync(address, { kind });
      expect((await ready(listener.fd, "readable")).readable).toBe(true);
      using _accepted = listener.tryAccept()!;
      expect(second.getpeername()).toEqual(address);
      using folder = tmpdir();
      const path = folder.file("s");
      using _named = UnixListener.listen({ path }, { kind });
      await expect(UnixSocket.connect({ path }, { kind: kind === "stream" ? "seqpacket" : "stream" })).rejects
        .toMatchObject({ code: "EPROTOTYPE", syscall: "connect", path });
      expect(() => UnixSocket.connectSync(address, { kind: "raw" as "stream" })).toThrow(RangeError);
    });
  }

  test("wait for room in the backlog, and are called off", async () => {
    using listener = UnixListener.listen("autobind", { backlog: 0 });
    const address = listener.getsockname()!;
    using _first = await UnixSocket.connect(address);
    const before = openFds();
    expect(() => UnixSocket.connectSync(address, { timeout: 20 })).toThrow(failing("ETIMEDOUT"));
    expect(() => UnixSocket.connectSync(address, { timeout: 0 })).toThrow(failing("ETIMEDOUT"));
    await expect(UnixSocket.connect(address, { timeout: 20 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
    const reason = new Error("never mind");
    const controller = new AbortController();
    const aborted = UnixSocket.connect(address, { signal: controller.signal });
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await quiet();
    expect(openFds()).toBe(before);
    const connecting = UnixSocket.connect(address);
    listener.acceptSync().close();
    using second = await watchdog(connecting, "The connection");
    using accepted = await watchdog(listener.accept(), "The second one");
    await second.send(bytes("x"));
    expect(text(await accepted.receive())).toBe("x");
    expect(accepted.tryReceive()).toBe(null); // It blocks nobody.
    expect(second.tryReceive()).toBe(null);

    using _third = await UnixSocket.connect(address);
    const refused = UnixSocket.connect(address);
    listener.close();
    await expect(watchdog(refused, "The end")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await quiet();
  });

  test("come one by one until the listener is closed", async () => {
    using listener = UnixListener.listen("autobind");
    const address = listener.getsockname()!;
    const served = (async () => {
      let count = 0;
      for await (const connection of listener) {
        using socket = connection;
        for await (const { data } of socket) await socket.send(data);
        count++;
      }
      return count;
    })();
    for (let i = 0; i < 10; i++) {
      using client = await UnixSocket.connect(address);
      await client.send(bytes(`hello ${i}`));
      expect(text(await client.receive())).toBe(`hello ${i}`);
    }
    listener.close();
    expect(await watchdog(served, "The end of the loop")).toBe(10);
    await expect(listener.accept()).rejects.toThrow(TypeError);
    expect(() => listener.tryAccept()).toThrow(TypeError);
    const closing = UnixListener.listen("autobind");
    const waiting = closing.accept();
    closing.close();
    await expect(waiting).rejects.toMatchObject({ code: "ECANCELED" });
    await quiet();
  });

  test("what is closed when it is ready, and this thread has not heard of that yet, is called off", async () => {
    await quiet();
    using ends = pair("seqpacket");
    const receiving = Promise.allSettled([ends.b.receive()]);
    ends.a.sendSync(bytes("x"));
    using other = pair();
    pollSync([{ fd: other.a.fd, events: "readable" }], { timeout: 100 }); // The library's thread hears of it. Ours can't.
    ends.b.close();
    expect(await receiving).toMatchObject([
      { reason: { code: "ECANCELED", message: "Cannot receive by a seqpacket socket: it was closed (ECANCELED)" } },
    ]);
  });

  test("10,000 opened and closed leave nothing, and 1,000 are open at once", { timeout: 60_000 }, async () => {
    using folder = tmpdir();
    using listener = UnixListener.listen({ path: folder.file("s") }, { backlog: 1024 });
    const address = listener.getsockname()!;
    const before = openFds();
    for (let i = 0; i < 10_000; i++) {
      using client = UnixSocket.connectSync(address);
      using server = listener.acceptSync();
      if (i % 100 !== 0) continue;
      client.sendSync(bytes("x"), { fds: [server.fd] });
      using message = await server.receive({ maxFds: 1 });
      expect(message.fds.length).toBe(1);
    }
    expect(openFds()).toBe(before);

    const accepting = (async () => {
      const sockets: UnixSocket[] = [];
      for await (const socket of listener) if (sockets.push(socket) === 1000) return sockets;
      throw new Error("the listener was closed");
    })();
    const clients = await Promise.all(Array.from({ length: 1000 }, () => UnixSocket.connect(address)));
    const servers = await watchdog(accepting, "The thousandth connection");
    const echoes = servers.map(async (server) => await server.send((await server.receive()).data));
    await Promise.all(clients.map((client, i) => client.send(bytes(`client ${i}`))));
    const answers = await watchdog(Promise.all(clients.map((client) => client.receive())), "All the answers", 30_000);
    expect(answers.map(text)).toEqual(clients.map((_, i) => `client ${i}`));
    await Promise.all(echoes);
    for (const socket of [...clients, ...servers]) socket.close();
    expect(openFds()).toBe(before);
    await quiet();
  });
});

describe("taking over", () => {
  test("what is no unix socket, or one of the other sort, is refused and stays the caller's", () => {
    using file = Fd.open("/dev/null");
    using listener = UnixListener.listen("autobind");
    using ends = pair();
    expect(() => UnixSocket.from(file)).toThrow(failing("ENOTSOCK"));
    expect(() => UnixListener.from(file)).toThrow(failing("ENOTSOCK"));
    expect(() => UnixSocket.from(listener.fd)).toThrow(failing("EINVAL", { syscall: "socket_adopt" }));
    expect(() => UnixListener.from(ends.a.fd)).toThrow(
      failing("EINVAL", { message: expect.stringContaining("not listen") }),
    );
    expect(() => UnixSocket.from(3 as unknown as Fd)).toThrow(TypeError);
    expect(() => new (UnixSocket as unknown as new () => unknown)()).toThrow(TypeError);
    expect(() => new (UnixListener as unknown as new () => unknown)()).toThrow(TypeError);
    expect([file.closed, listener.fd.closed, ends.a.fd.closed]).toEqual([false, false, false]);
  });

  test("a listener that was passed on accepts, and its path stays with whoever bound it", async () => {
    using folder = tmpdir();
    using ends = pair();
    using first = UnixListener.listen({ path: folder.file("s") });
    await ends.a.send(bytes("take it"), { fds: [first.fd] });
    const message = await ends.b.receive({ maxFds: 1 });
    using second = UnixListener.from(message.fds.shift()!);
    Fd.from(first.fd.release()).close();
    using client = await UnixSocket.connect({ path: folder.file("s") });
    using server = await second.accept();
    client.sendSync(bytes("x"));
    expect(text(server.receiveSync())).toBe("x");
    expect(pollSync([{ fd: server.fd, events: "readable" }], { timeout: 0 })).toEqual([]);
    second.close();
    expect(existsSync(folder.file("s"))).toBe(true);
  });
});

test("as nobody: limits and permissions", { timeout: 60_000 }, async (context) => {
  needsRoot(context);
  using folder = tmpdir();
  using closed = UnixListener.listen({ path: folder.file("closed") }, { mode: 0o600 });
  using open = UnixListener.listen({ path: folder.file("open") }, { mode: 0o666 });
  (await import("node:fs")).chmodSync(folder.path, 0o755);
  expect(closed.kind).toBe("stream");
  using nobody = asNobody();
  const ended = await nobody.run(
    `
    const { Fd, UnixListener, UnixSocket, socketPair } = hawser;
    const { existsSync, readdirSync } = await import("node:fs");
    const folder = ${JSON.stringify(folder.path)};
    const code = (code, rest = {}) => ({ name: "SystemError", code, ...rest });
    assert.throws(() => UnixSocket.connectSync({ path: folder + "/closed" }), code("EACCES", { syscall: "connect" }));
    await assert.rejects(UnixSocket.connect({ path: folder + "/closed" }), code("EACCES"));
    assert.throws(() => UnixListener.listen({ path: folder + "/closed" }), code("EADDRINUSE"));
    assert.throws(() => UnixListener.listen({ path: folder + "/mine" }), code("EACCES", { syscall: "bind" }));
    const allowed = UnixSocket.connectSync({ path: folder + "/open" });
    assert.equal(allowed.peerCredentials().uid, 0);
    allowed.close();

    const [a, b] = socketPair("seqpacket");
    a.passCredentials = true;
    assert.throws(() => b.sendSync(new Uint8Array(1), { credentials: { pid: 1, uid: 0, gid: 0 } }), code("EPERM"));
    b.sendSync(new Uint8Array(1));
    assert.deepEqual(a.receiveSync().credentials, { pid: process.pid, uid: 65534, gid: 65534 });

    // More on their way than this user may have open.
    const limit = Number(/Max open files\\s+(\\d+)/.exec((await import("node:fs")).readFileSync("/proc/self/limits", "utf8"))[1]);
    const many = Array.from({ length: 250 }, () => a.fd);
    let sent = 0;
    assert.throws(() => {
      for (;; sent += many.length) if (b.trySend(new Uint8Array(1), { fds: many }) === null) throw new Error("no room");
    }, code("ETOOMANYREFS", { syscall: "sendmsg" }));
    assert(sent > limit - 250 && sent <= limit + 250, sent + " of " + limit);
    while (a.tryReceive() !== null);

    // No room for what comes.
    const before = readdirSync("/proc/self/fd").length;
    const file = Fd.open("/dev/null");
    const taken = [];
    b.sendSync(new Uint8Array(1), { fds: Array.from({ length: 100 }, () => file) });
    b.sendSync(new Uint8Array(1), { fds: [file] });
    try {
      for (;;) taken.push(file.dup());
    } catch (error) {
      assert.equal(error.code, "EMFILE");
    }
    for (const one of taken.splice(0, 50)) one.close();
    assert.throws(() => a.receiveSync({ maxFds: 100 }), code("EMFILE", { syscall: "socket_receive" }));
    const kept = taken.length;
    while (taken.length < kept + 50) taken.push(file.dup()); // As many as before: none of those that came is open.
    assert.throws(() => file.dup(), code("EMFILE"));
    assert.throws(() => socketPair(), code("EMFILE", { syscall: "socketpair" }));
    assert.throws(() => UnixListener.listen("autobind"), code("EMFILE", { syscall: "socket" }));
    taken.pop().close(); // Enough for the socket, and for nothing else.
    const path = "/tmp/hawser-limit-" + process.pid;
    assert.throws(() => UnixListener.listen({ path }), code("EMFILE", { syscall: "openat", path }));
    assert(!existsSync(path)); // Not left behind, dead.
    taken.push(file.dup());
    assert.throws(() => a.receiveSync({ maxFds: 1 }), code("EMFILE"));
    for (const one of taken) one.close();
    file.close();
    a.close();
    b.close();
    `,
    ["prlimit", "--nofile=600:600"],
  );
  expect(ended, ended.stderr).toMatchObject({ status: 0, stdout: "done\n" });
  using accepted = open.acceptSync();
  expect(accepted.peerCredentials()).toMatchObject({ uid: 65534, gid: 65534 });
});

test("the lock of a folder that somebody keeps is EBUSY, and only where a dead path is to be replaced", async () => {
  using folder = tmpdir();
  const path = folder.file("s");
  const stale = UnixListener.listen({ path });
  Fd.from(stale.fd.release()).close();
  const holder = execFile("flock", [folder.path, "sh", "-c", "echo held; read line"]);
  await new Promise((done) => holder.stdout!.once("data", done));
  try {
    expect(() => UnixListener.listen({ path })).toThrow(failing("EBUSY", { syscall: "socket_bind", path }));
    UnixListener.listen({ path: folder.file("other") }).close();
  } finally {
    const ended = new Promise((done) => holder.once("close", done));
    holder.stdin!.end("\n");
    await ended;
  }
  UnixListener.listen({ path }).close();
});

test("consoles show what they are", async () => {
  const { inspect } = await import("node:util");
  using ends = pair("seqpacket");
  using listener = UnixListener.listen("autobind");
  expect(inspect(ends.a)).toBe(`UnixSocket (seqpacket, descriptor ${ends.a.fd.number})`);
  expect(inspect(listener)).toBe(`UnixListener (stream, descriptor ${listener.fd.number})`);
  ends.a.sendSync(bytes("abc"), { fds: [ends.a.fd] });
  using message = ends.b.receiveSync({ maxFds: 1 });
  expect(inspect(message)).toBe("UnixMessage of 3 bytes and 1 descriptors");
  ends.a.close();
  listener.close();
  expect([inspect(ends.a), inspect(listener)]).toEqual(["UnixSocket (closed)", "UnixListener (closed)"]);
});
