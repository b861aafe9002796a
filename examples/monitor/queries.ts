// What the aggregator answers, over a unix socket of its own, to other programs of the same user:
//
//     echo summary | socat - ABSTRACT-CONNECT:NAME
//
// Each line asks something, and is answered by a line of JSON. The address is in the control state and in each snapshot.
import { SystemError, type UnixListener, type UnixSocket } from "../../lib/socket/mod.ts";
import { isInterval } from "./control.ts";
import type { Seat } from "./role.ts";

/** How many may ask at once, so that those who never end leave descriptors for the rest. */
const askersMax = 64;

/** Answers whoever connects, until the listener is closed. */
export async function answerAll(listener: UnixListener, seat: Seat): Promise<void> {
  let askers = 0;
  for await (const socket of listener) {
    const { uid } = socket.peerCredentials()!; // The kernel vouches for it.
    if (uid !== 0 && uid !== seat.line.owner) refuse(socket, `user ${uid} may not ask`);
    else if (askers === askersMax) refuse(socket, "too many ask at once");
    else {
      askers++;
      answer(socket, seat).finally(() => askers--);
    }
  }
}

const json = (value: unknown) =>
  new TextEncoder().encode(`${JSON.stringify(value, (_, v) => typeof v === "bigint" ? Number(v) : v)}\n`);

function refuse(socket: UnixSocket, error: string): void {
  using _ = socket;
  try {
    socket.trySend(json({ error }));
  } catch {
    // It did not wait for that.
  }
}

async function answer(socket: UnixSocket, seat: Seat): Promise<void> {
  using _ = socket;
  const { leave: signal } = seat;
  try {
    for await (const query of lines(socket, signal)) await socket.send(json(reply(query, seat)), { signal });
  } catch (error) {
    if (!(error instanceof SystemError || signal.aborted)) throw error; // Else the asker is gone, or we leave.
  }
}

async function* lines(socket: UnixSocket, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const { data } of socket.messages({ signal })) {
    const parts = (rest + decoder.decode(data, { stream: true })).split("\n");
    rest = parts.pop()!.slice(0, 100); // No query is longer.
    yield* parts;
  }
  if (rest !== "") yield rest;
}

/** The answer to one line: figures as they stand in the record. */
function reply(query: string, { record, line }: Seat): unknown {
  const [what, value = ""] = query.trim().split(/\s+/);
  switch (what) {
    case "summary":
      return record.summary.read()?.value ?? null;
    case "sample": {
      const found = record.sample.read();
      if (found === null) return null;
      const { sequence, value: { links, ...sample } } = found;
      return { sequence, ...sample, links: links.slice(0, sample.linkCount) };
    }
    case "roles": {
      const { parent, collector, aggregator, viewer } = record.control.read();
      return { parent, collector, aggregator, viewer };
    }
    case "interval":
      if (!isInterval(value)) return { error: `${JSON.stringify(value)} is no time in ms` };
      // The parent tells everybody.
      return line.send({ interval: Number(value) }) ? { interval: Number(value) } : { error: "ask again" };
    default:
      return { error: "ask for summary, sample, roles or interval MS" };
  }
}
