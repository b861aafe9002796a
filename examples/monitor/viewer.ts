// The viewer: shows what the record holds, as a live table or as one JSON snapshot.
import process from "node:process";
import Table from "cli-table3";
import { createLogUpdate } from "log-update";
import { roleNames, Seat } from "./role.ts";
import { type Snapshot, snapshotOf } from "./snapshot.ts";

const percent = (part: number) => `${(part * 100).toFixed(1)} %`;

/** 1536 is 1.5 KiB. */
function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = Math.min(units.length - 1, count < 1024 ? 0 : Math.floor(Math.log2(count) / 10));
  return `${(count / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

const perSecond = (count: number) => `${bytes(count)}/s`;

/** The snapshot as text for a terminal of that width. */
function draw(snapshot: Snapshot): string {
  const style = { head: ["bold"], border: ["gray"], compact: true };
  const figures = new Table({ head: ["", "now", "min", "max"], colAligns: ["left", "right", "right", "right"], style });
  const { cpu, memory, traffic } = snapshot;
  figures.push(
    [`CPU busy (${cpu.count})`, percent(cpu.busy), percent(cpu.min), percent(cpu.max)],
    [`memory used of ${bytes(memory.total)}`, bytes(memory.used), bytes(memory.min), bytes(memory.max)],
    ["received", perSecond(traffic.rx.now), perSecond(traffic.rx.min), perSecond(traffic.rx.max)],
    ["sent", perSecond(traffic.tx.now), perSecond(traffic.tx.min), perSecond(traffic.tx.max)],
  );
  const colAligns: ("left" | "right")[] = ["left", "left", "right", "right", "right", "right", "right"];
  const head = ["interface", "state", "MTU", "received", "sent", "in", "out"];
  const links = new Table({ head, colAligns, style });
  for (const { name, state, mtu, rxBytes, txBytes, rxRate, txRate } of snapshot.links) {
    links.push([name, state, mtu, bytes(rxBytes), bytes(txBytes), perSecond(rxRate), perSecond(txRate)]);
  }
  const more = snapshot.linkCount - snapshot.links.length;
  const roles = (["parent", ...roleNames] as const).map((role) => {
    const { runtime, version, pid, since, restarts, endedBy } = snapshot[role];
    const who = `${role.padEnd(10)} ${`${runtime} ${version} (${pid})`.padEnd(24)} since ${since.slice(11, 19)}`;
    return restarts === 0 ? who : `${who}, restarts: ${restarts} (${endedBy})`;
  });
  return [
    `${snapshot.at}  sample ${snapshot.sequence}`,
    figures.toString(),
    links.toString() + (more > 0 ? `\nand ${more} more` : ""),
    ...roles,
    `cat ${snapshot.log}`,
    `echo summary | socat - ABSTRACT-CONNECT:${snapshot.queries}    Ctrl-C ends it`,
  ].join("\n");
}

const { stdout } = process;
/** The terminal; one that says it has no size, as those of supervisors and serial lines do, is taken for 80 by 24. */
const terminal = {
  isTTY: stdout.isTTY === true,
  write: (text: string) => stdout.write(text),
  get columns() {
    return stdout.columns || 80;
  },
  get rows() {
    return stdout.rows || 24;
  },
};

stdout.on("error", () => process.exit(0)); // Nobody reads it any more.

{
  using seat = await Seat.join("viewer");
  const { once } = seat.record.control.read();
  const live = !once && terminal.isTTY;
  const screen = createLogUpdate(terminal as unknown as NodeJS.WritableStream);
  // The summary comes last of a round, so all parts are there when a new one is.
  for await (const _ of seat.follow(seat.record.summary)) {
    const snapshot = snapshotOf(seat);
    if (snapshot === null) continue;
    if (live) {
      screen(draw(snapshot));
    } else {
      await new Promise<void>((written) => stdout.write(`${JSON.stringify(snapshot)}\n`, () => written()));
    }
    if (once) break;
  }
  if (live) screen.done();
}
