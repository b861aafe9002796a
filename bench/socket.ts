// Unix sockets beside C's, and beside the runtime's own node:net. Both ends are in one process, on one core.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Fd } from "../lib/fd/mod.ts";
import { socketPair, UnixListener, UnixSocket } from "../lib/socket/mod.ts";
import type { Row, RowOptions } from "./row.ts";

export const group = "socket";

const median = (figures: number[]) => figures.sort((a, b) => a - b)[figures.length >> 1]!;

/** Times contestants in turns: what each says of itself, the median of 5 rounds. */
async function inTurns<N extends string>(
  contestants: Record<N, () => number | Promise<number>>,
): Promise<Record<N, number>> {
  const figures = {} as Record<N, number[]>;
  for (let round = 0; round < 6; round++) {
    for (const name of Object.keys(contestants) as N[]) {
      const figure = await contestants[name]();
      if (round > 0) (figures[name] ??= []).push(figure); // The first is for the compilers.
    }
  }
  return Object.fromEntries(
    (Object.keys(contestants) as N[]).map((name) => [name, median(figures[name])]),
  ) as Record<N, number>;
}

/** Nanoseconds for one of `count` times. */
async function each(count: number, body: () => unknown): Promise<number> {
  const start = performance.now();
  await body();
  return (performance.now() - start) * 1e6 / count;
}

export async function rows({ quick, runtime }: RowOptions): Promise<Row[]> {
  const folder = mkdtempSync("/tmp/hawser-bench-");
  try {
    const c = `${folder}/socket`;
    const gcc = spawnSync("gcc", ["-O2", "-o", c, "bench/programs/socket.c"], { encoding: "utf8" });
    if (gcc.status !== 0) throw new Error(`gcc: ${gcc.error ?? gcc.stderr}`);
    const row = (
      what: string,
      unit: string,
      hawser: number,
      peers: Row["peers"],
      must: string | null,
      note = "",
    ): Row => ({
      group,
      case: what,
      runtime,
      mode: "median of 5 rounds",
      unit,
      hawser,
      peers,
      must,
      note,
    });
    return [
      ...await messages(c, quick, row),
      ...await roundTrips(folder, quick, row),
      ...await streams(folder, quick, row),
      await accepting(folder, quick, row),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type MakeRow = (
  what: string,
  unit: string,
  hawser: number,
  peers: Row["peers"],
  must: string | null,
  note?: string,
) => Row;

async function messages(c: string, quick: boolean, row: MakeRow): Promise<Row[]> {
  const count = quick ? 2000 : 20_000;
  const data = new Uint8Array(64);
  const buffer = new Uint8Array(64);
  using file = Fd.open("/dev/null");
  const found: Row[] = [];
  const kinds = [["seqpacket", 5, false], ["datagram", 2, false], ["seqpacket", 5, true]] as const;
  for (const [kind, number, passing] of kinds) {
    const [a, b] = socketPair(kind);
    const { sync, C } = await inTurns({
      sync: () =>
        each(count, () => {
          for (let i = 0; i < count; i++) {
            a.sendSync(data, passing ? { fds: [file] } : undefined);
            b.receiveSync(passing ? { buffer, maxFds: 1 } : { buffer }).close();
          }
        }),
      C: () =>
        Number(spawnSync(c, [String(number), String(count * 5), passing ? "1" : "0"], { encoding: "utf8" }).stdout),
    });
    a.close();
    b.close();
    const what = passing ? "a descriptor there, sync" : `64 bytes there by ${kind}, sync`;
    found.push(row(what, "ns", sync, { C }, passing ? "<= 2 x C" : null));
  }
  return found;
}

/** A connection of node:net's, both ends here. */
async function netPair(folder: string): Promise<{ client: Socket; served: Socket; server: Server }> {
  const server = createServer();
  const path = `${folder}/net`;
  await new Promise<void>((done) => server.listen(path, done));
  const accepted = new Promise<Socket>((done) => server.once("connection", done));
  const client = connect(path);
  await new Promise((done) => client.once("connect", done));
  return { client, served: await accepted, server };
}

async function roundTrips(folder: string, quick: boolean, row: MakeRow): Promise<Row[]> {
  const count = quick ? 500 : 5000;
  const data = new Uint8Array(64);
  using file = Fd.open("/dev/null");
  const [a, b] = socketPair("seqpacket");
  const { client, served, server } = await netPair(folder);
  served.on("data", (chunk) => served.write(chunk));
  const trips = (passing: boolean) => () =>
    each(count, async () => {
      const parts = passing ? { fds: [file] } : {};
      const room = passing ? { maxFds: 1 } : {};
      const echo = (async () => {
        for (let i = 0; i < count; i++) {
          using message = await b.receive(room);
          await b.send(message.data, passing ? { fds: message.fds } : {});
        }
      })();
      for (let i = 0; i < count; i++) {
        await a.send(data, parts);
        (await a.receive(room)).close();
      }
      await echo;
    });
  const figures = await inTurns({
    bytes: trips(false),
    descriptors: trips(true),
    net: () =>
      each(count, () =>
        new Promise<void>((done) => {
          let left = count;
          client.removeAllListeners("data").on("data", () => --left > 0 ? client.write(data) : done());
          client.write(data);
        })),
  });
  a.close();
  b.close();
  client.destroy();
  served.destroy();
  server.close();
  const peers = { "node:net": figures.net };
  return [
    row("round trip, async", "ns", figures.bytes, peers, null),
    row("round trip with a descriptor, async", "ns", figures.descriptors, peers, "<= 1.5 x node:net"),
  ];
}

async function streams(folder: string, quick: boolean, row: MakeRow): Promise<Row[]> {
  const found: Row[] = [];
  for (const size of [1024, 65_536, 1_048_576]) {
    const bytes = Math.max(size, quick ? 2 ** 21 : 2 ** 24);
    const chunk = new Uint8Array(size);
    const [a, b] = socketPair();
    const { client, served, server } = await netPair(folder);
    const perSecond = async (body: () => Promise<void>) => {
      const start = performance.now();
      await body();
      return bytes / 1024 / 1024 / ((performance.now() - start) / 1000);
    };
    const figures = await inTurns({
      hawser: () =>
        perSecond(async () => {
          const buffer = new Uint8Array(65_536);
          const reading = (async () => {
            for (let left = bytes; left > 0;) left -= (await b.receive({ buffer })).data.length;
          })();
          for (let sent = 0; sent < bytes; sent += size) await a.send(chunk);
          await reading;
        }),
      net: () =>
        perSecond(async () => {
          const reading = new Promise<void>((done) => {
            let left = bytes;
            served.removeAllListeners("data").on("data", (part) => {
              left -= part.length;
              if (left <= 0) done();
            });
          });
          for (let sent = 0; sent < bytes; sent += size) {
            if (!client.write(chunk)) await new Promise((done) => client.once("drain", done));
          }
          await reading;
        }),
    });
    a.close();
    b.close();
    client.destroy();
    served.destroy();
    server.close();
    const what = `a stream in pieces of ${size / 1024} KiB`;
    found.push(row(what, "MiB/s, more is better", figures.hawser, { "node:net": figures.net }, ">= 0.9 x node:net"));
  }
  return found;
}

async function accepting(folder: string, quick: boolean, row: MakeRow): Promise<Row> {
  const count = quick ? 100 : 1000;
  using listener = UnixListener.listen({ path: `${folder}/own` });
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => server.listen(`${folder}/net`, done));
  const figures = await inTurns({
    hawser: () =>
      each(count, async () => {
        for (let i = 0; i < count; i++) {
          using client = await UnixSocket.connect({ path: `${folder}/own` });
          using _server = await listener.accept();
          client.close();
        }
      }),
    net: () =>
      each(count, async () => {
        for (let i = 0; i < count; i++) {
          const client = connect(`${folder}/net`);
          await new Promise((done) => client.once("close", done).resume());
        }
      }),
  });
  server.close();
  return row("connect, accept and close", "ns", figures.hawser, { "node:net": figures.net }, "<= 1 x node:net");
}
