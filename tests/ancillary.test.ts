// Random messages with descriptors and credentials against an obvious model: what was sent arrives, in order, with what
// belongs to it, whatever the receiver asks for; and every descriptor that came is closed or the receiver's.
import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { expect, test } from "vitest";
import { Fd } from "../lib/fd/mod.ts";
import { type ReceiveParts, socketPair, type UnixMessage, type UnixSocket } from "../lib/socket/mod.ts";

const seed = Number(process.env.HAWSER_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** mulberry32: whole numbers below a bound. */
function generator(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Files that can be told from each other. */
const files = () => Array.from({ length: 5 }, () => Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]));
const inodes = (fds: readonly Fd[]) => fds.map((fd) => fd.stat().inode);

/** Descriptors that a message could have brought: files without a name. */
function unnamedFiles(): number {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return targets.filter((target) => /^\/tmp\/#\d+ \(deleted\)$/.test(target)).length;
}

async function receive(socket: UnixSocket, parts: ReceiveParts, how: number): Promise<UnixMessage> {
  if (how === 0) return socket.receiveSync({ ...parts, timeout: 10_000 });
  return how === 1 ? socket.tryReceive(parts)! : await socket.receive({ ...parts, timeout: 10_000 });
}

for (const kind of ["seqpacket", "datagram"] as const) {
  test(`packets as the model says, ${kind}`, async () => {
    console.log(`ancillary, ${kind}: HAWSER_SEED=${seed}`);
    const random = generator(seed);
    const all = files();
    const [a, b] = socketPair(kind);
    const me = { pid: process.pid, uid: process.geteuid!(), gid: process.getegid!() };
    for (let round = 0; round < 150; round++) {
      const pass = random(2) === 1;
      b.passCredentials = pass;
      const sent = Array.from({ length: 1 + random(4) }, () => {
        const length = [0, 1, 3, 64, 1000, 20_000][random(6)]!;
        const count = [0, 0, 1, 2, 3, 7, 60, 253][random(8)]!;
        return {
          data: new Uint8Array(length).map(() => random(256)),
          fds: Array.from({ length: count }, () => all[random(all.length)]!),
        };
      });
      for (const { data, fds } of sent) {
        await a.send(data, { fds, ...(random(3) === 0 && { credentials: me }) });
      }
      for (const { data, fds } of sent) {
        const maxBytes = [1, 2, 64, 999, 30_000][random(5)]!;
        const maxFds = [0, 1, 2, 3, 6, 59, 60, 252, 253][random(9)]!;
        const room = random(2) === 0 ? { buffer: new Uint8Array(maxBytes) } : { maxBytes };
        const told = `round ${round}: ${data.length} bytes, ${fds.length} fds for ${maxBytes}, ${maxFds}`;
        if (maxFds > 0 && fds.length > maxFds) {
          await expect(receive(b, { ...room, maxFds }, random(3) === 0 ? 0 : 2), told).rejects.toMatchObject({
            code: "EMSGSIZE",
          });
        } else {
          using message = await receive(b, { ...room, maxFds }, random(3));
          expect(message.data, told).toEqual(data.subarray(0, maxBytes));
          expect(message, told).toMatchObject({
            truncated: data.length > maxBytes,
            fdsDropped: maxFds === 0 && fds.length > 0,
            end: false,
            credentials: pass ? me : null,
          });
          expect(inodes(message.fds), told).toEqual(maxFds === 0 ? [] : inodes(fds));
        }
        expect(unnamedFiles(), told).toBe(all.length);
      }
      expect(b.tryReceive()).toBe(null);
    }
    for (const one of [...all, a, b]) one.close();
    expect(unnamedFiles()).toBe(0);
  });
}

test("a stream's bytes in order, and its descriptors in order", async () => {
  console.log(`ancillary, stream: HAWSER_SEED=${seed}`);
  const random = generator(seed);
  const all = files();
  const [a, b] = socketPair();
  const sent = Array.from({ length: 200 }, () => ({
    data: new Uint8Array([1, 2, 100, 5000, 100_000][random(5)]!).map(() => random(256)),
    fds: Array.from({ length: [0, 0, 1, 2, 40][random(5)]! }, () => all[random(all.length)]!),
  }));
  const sending = (async () => {
    const pending: Promise<void>[] = [];
    for (const { data, fds } of sent) {
      pending.push(a.send(data, { fds }));
      if (random(4) === 0) await Promise.all(pending.splice(0));
    }
    await Promise.all(pending);
    a.shutdown("write");
  })();
  const asked = generator(seed + 1);
  const bytes: Uint8Array[] = [];
  const got: bigint[] = [];
  for (;;) {
    using message = await b.receive({ maxBytes: 1 + asked(80_000), maxFds: 40, timeout: 10_000 });
    if (message.end) break;
    bytes.push(message.data);
    got.push(...inodes(message.fds));
  }
  await sending;
  const joined = (parts: readonly Uint8Array[]) => Buffer.concat(parts);
  expect(Buffer.compare(joined(bytes), joined(sent.map(({ data }) => data)))).toBe(0);
  expect(got).toEqual(sent.flatMap(({ fds }) => inodes(fds)));
  expect(unnamedFiles()).toBe(all.length);
  for (const one of [...all, a, b]) one.close();
});
