// npm run crash -- memory: kills processes while they create shared memory, at random and at every kill point. After
// each kill every opener finds nothing, or the whole object; nobody hangs; nothing stays in /dev/shm.
import { readdirSync, statSync } from "node:fs";
import { SystemError } from "../../../lib/core/mod.ts";
import { SharedMemory } from "../../../lib/memory/mod.ts";
import { killableTree, stopped } from "../../support/kill_points.ts";
import { lanes } from "../../support/lanes.ts";
import { unique, watchdog } from "../../support/watchdog.ts";
import { asked, finish, Points, told } from "./_crash.ts";
import { type Peer, Peers } from "./_peers.ts";

const ask = asked(200);
const { rounds, random } = ask;
const size = 300_000;
const points = new Points(ask, [
  "memory_create.opened",
  "memory_grow.reserved",
  "memory_create.grown",
  "memory_create.mapped",
  "memory_create.linked",
]);

/** Opens the object as anybody would: "none", or "whole"; throws where it is neither. */
function look(name: string): "none" | "whole" {
  try {
    using memory = SharedMemory.open(name);
    if (memory.size !== size) throw new Error(`it has ${memory.size} of ${size} bytes`);
    const { blocks, mode } = statSync(`/dev/shm/${name}`, { throwIfNoEntry: false }) ?? {};
    if (blocks !== undefined && blocks * 512 < size) throw new Error("its pages are not reserved");
    if (mode !== undefined && (mode & 0o7777) !== 0o600) throw new Error(`its mode is ${mode.toString(8)}`);
    const { bytes } = memory;
    for (let at = 1; at < size; at += 1000) if (bytes[at] !== 0) throw new Error(`byte ${at} is ${bytes[at]}`);
    return "whole";
  } catch (error) {
    if (error instanceof SystemError && error.code === "ENOENT") return "none";
    throw error;
  }
}

const entries = (prefix: string) => readdirSync("/dev/shm").filter((name) => name.startsWith(prefix));

const found = { none: 0, whole: 0 };
let randomKills = 0;
let insideCreate = 0;

interface Victim {
  readonly peer: Peer;
  readonly name: string;
  readonly word: Int32Array;
  readonly point: string | undefined;
  [Symbol.dispose](): void;
}

async function round({ peer, name, word, point }: Victim): Promise<void> {
  try {
    peers.go(peer);
    if (point !== undefined) {
      await stopped(peer.running, point);
      // It stands still in the middle of it: another comes, finds nothing or all of it, and makes it if there is nothing.
      const there = look(name);
      if (there !== (point === "memory_create.linked" ? "whole" : "none")) {
        throw new Error(`found ${there} at the stop`);
      }
      using mine = SharedMemory.openOrCreate(name, { size });
      if (mine.created !== (there === "none")) throw new Error("openOrCreate() took the other way");
      points.hit(point);
    } else {
      // Others open it all the while.
      const kill = performance.now() + random.below(4000) / 1000;
      do found[look(name)]++; while (performance.now() < kill || Atomics.load(word, 1) === 0);
      randomKills++;
    }
    peers.kill(peer);
    const ended = await peer.running.ended();
    if (ended.signal !== "SIGKILL") throw new Error(`it ended by itself: ${ended.status} ${ended.stderr}`);
    if (point === undefined && Atomics.load(word, 0) === 1) insideCreate++;
    if (look(name) === "whole") {
      found.whole++;
      SharedMemory.unlink(name);
    } else found.none++;
    // The next one who comes is not kept from anything.
    using next = SharedMemory.create(name, { size, temporary: true });
    if (next.bytes[size - 1] !== 0) throw new Error("the next one's object is not empty");
  } finally {
    if (entries(name).length > 0) SharedMemory.unlink(name);
  }
  const left = entries(name);
  if (left.length > 0) throw new Error(`left in /dev/shm: ${left.join(", ")}`);
}

using tree = killableTree();
await using peers = new Peers(tree, "tests/scenarios/memory_creator.ts", rounds);
const prepare = (round: number): Victim => {
  const point = points.of(round);
  const name = unique("crash");
  const progress = SharedMemory.create(unique("progress"), { size: 64, temporary: true });
  const args = [name, progress.name!, String(size)];
  return {
    ...{ name, point, word: new Int32Array(progress.buffer) },
    peer: peers.start(random.of(lanes), args, point && `${point}:${1 + random.below(20)}`),
    [Symbol.dispose]: () => progress.close(),
  };
};
for await (const [number, one] of peers.rounds(rounds, prepare)) {
  using victim = one;
  const what = `${victim.point ?? "at random"}, ${victim.peer.lane}`;
  await told(ask, number, what, () => watchdog(round(victim), "The round", 60_000));
}

const faults = points.faults(rounds);
if (randomKills >= 20 && insideCreate < 0.15 * randomKills) {
  faults.push(`only ${insideCreate} of ${randomKills} random kills fell into create()`);
}
finish({ rounds, points: points.hits, randomKills, insideCreate, found }, faults);
