// npm run crash -- mutex: kills processes that take and release one mutex, at random and at every kill point, on mixed
// runtimes, sync and async. The holder writes its id, increments two plain counters and looks at its id again. After each
// kill the others go on; the next owner after a killed holder is told; nobody ever has the mutex with another.
import type { ChildProcess } from "node:child_process";
import process from "node:process";
import { parseArgs } from "node:util";
import { SharedMemory } from "../../../lib/memory/mod.ts";
import { Mutex } from "../../../lib/sync/mod.ts";
import { Random } from "../../random_layouts.ts";
import { killableLanes, killableTree, stopped } from "../../support/kill_points.ts";
import type { Running } from "../../support/lanes.ts";
import { unique, watchdog } from "../../support/watchdog.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "400" },
    seed: { type: "string", default: String(Date.now() >>> 0) },
    sabotage: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const random = new Random(Number(values.seed));
console.log(`seed ${values.seed}`);

const points = [
  "mutex_take.begun",
  "mutex_take.claimed",
  "mutex_take.linked",
  "mutex_wait.announced",
  "mutex_wait.woken",
  "mutex_release.begun",
  "mutex_release.unlinked",
  "mutex_release.freed",
  "mutex_release.woken",
  "memory_create.opened",
  "memory_create.grown",
  "memory_create.mapped",
  "memory_create.linked",
];

const sabotages: Record<string, { file: string; change: (text: string) => string }> = {
  // The lock that is being taken or released is not announced to the kernel.
  "no-pending": {
    file: "robust.zig",
    change: (text) => text.replace("head.pending = word + node_offset;", "head.pending = (word + node_offset) * 0;"),
  },
  // A lock that is held is not on the list.
  "no-list": { file: "robust.zig", change: (text) => text.replace("            head.list = held.node();\n", "") },
  // Who sleeps is not woken.
  "no-wake": {
    file: "mutex.zig",
    change: (text) => text.replace("if (word & robust.waiters != 0) wake(&lock.word, 1);", ""),
  },
  // Whoever finds the word free writes to it, without looking again.
  "plain-store": {
    file: "mutex.zig",
    change: (text) =>
      text.replace(
        "word = @cmpxchgWeak(u32, &place.lock.word, word, wanted, .acquire, .monotonic) orelse break;",
        `word = @atomicLoad(u32, &place.lock.word, .acquire);
            if (word == 0) {
                @atomicStore(u32, &place.lock.word, wanted, .release);
                break;
            }`,
      ),
  },
};
const edit = values.sabotage === undefined ? undefined : sabotages[values.sabotage];
if (values.sabotage !== undefined && edit === undefined) {
  console.error(`unknown sabotage: there is ${Object.keys(sabotages).join(", ")}`);
  process.exit(2);
}

// As mutex_crasher.ts has it.
const slots_max = 1000;
using memory = SharedMemory.create(unique("crash"), { size: 64 + 4 * (16 + slots_max), temporary: true });
const words = new Uint32Array(memory.buffer, 64);
const [first, doubled, unmarked, recovered, slots] = [1, 3, 4, 5, 16];
Mutex.at(memory, 0);
using tree = killableTree(edit);

interface Peer {
  readonly lane: string;
  readonly slot: number;
  readonly running: Running;
}

let started = 0;
function startPeer(way: "sync" | "async" | "create", point?: string, created: string[] = []): Peer {
  const lane = random.of(killableLanes);
  const slot = started++ % slots_max;
  const args = [memory.name!, String(slot), way, ...created];
  const running = tree.start(lane, "tests/scenarios/mutex_crasher.ts", args, point);
  children.add(running.child);
  running.child.on("exit", () => children.delete(running.child));
  return { lane, slot, running };
}
// Also where a round fails: they would run for ever.
const children = new Set<ChildProcess>();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));
const randomPeer = (point?: string) => startPeer(random.below(3) === 0 ? "async" : "sync", point);
const turns = (peer: Peer) => Atomics.load(words, slots + peer.slot);
const tick = () => new Promise((done) => setTimeout(done, 1));

async function busy(peer: Peer): Promise<void> {
  const before = turns(peer);
  while (turns(peer) === before) {
    if (peer.running.child.exitCode !== null) throw new Error(`it ended: ${peer.running.output.stderr}`);
    await tick();
  }
}

async function kill(peer: Peer): Promise<void> {
  peer.running.child.kill("SIGKILL");
  const ended = await peer.running.ended();
  if (ended.signal !== "SIGKILL") throw new Error(`it ended by itself: ${ended.status} ${ended.stderr}`);
}

const hits = new Map<string, number>(points.map((point) => [point, 0]));
const recoveries: number[] = [];
let holdersKilled = 0;
let randomKills = 0;
let randomHolders = 0;

/** Kills a peer, and waits until another has had the mutex. */
async function killAndRecover(peer: Peer): Promise<void> {
  const before = Atomics.load(words, recovered);
  const turns = Atomics.load(words, first);
  const start = performance.now();
  await kill(peer);
  while (Atomics.load(words, first) === turns) await tick();
  recoveries.push(performance.now() - start);
  if (Atomics.load(words, recovered) > before) holdersKilled++;
}

const peers: Peer[] = [randomPeer(), randomPeer(), randomPeer()];

async function round(number: number): Promise<void> {
  const point = number % 2 === 0 ? points[(number / 2) % points.length]! : undefined;
  const told = (peer: Peer) => `round ${number}, ${peer.lane}, ${point ?? "at random"}`;
  if (point === undefined) {
    const at = random.below(peers.length);
    const victim = peers[at]!;
    try {
      await busy(victim);
      const until = performance.now() + random.below(3000) / 1000;
      while (performance.now() < until);
      const marked = holdersKilled;
      await killAndRecover(victim);
      randomKills++;
      randomHolders += holdersKilled - marked;
    } catch (error) {
      throw new Error(`${told(victim)}: ${(error as Error).message} (replay: --seed ${values.seed})`, { cause: error });
    }
    peers[at] = randomPeer();
    return;
  }
  const creating = point.startsWith("memory_create");
  const name = unique("create");
  const wanted = `${point}:${1 + random.below(creating ? 20 : 200)}`;
  const victim = creating
    ? startPeer("create", wanted, [name])
    : point.startsWith("mutex_wait")
    ? startPeer("sync", wanted)
    : randomPeer(wanted);
  try {
    await stopped(victim.running, point);
    hits.set(point, hits.get(point)! + 1);
    if (creating) {
      // Another comes while it stands still, and is not kept from anything.
      using mutex = Mutex.open(name);
      if (mutex.created === (point === "memory_create.linked")) throw new Error("open() took the other way");
      mutex.acquireSync({ timeout: 1000 }).release();
      await kill(victim);
      mutex.acquireSync({ timeout: 1000 }).release();
      Mutex.unlink(name);
    } else await killAndRecover(victim);
  } catch (error) {
    throw new Error(`${told(victim)}: ${(error as Error).message} (replay: --seed ${values.seed})`, { cause: error });
  }
}

try {
  for (const peer of peers) await watchdog(busy(peer), "a peer's first turn", 20_000);
  for (let number = 0; number < rounds; number++) {
    await watchdog(round(number), `Round ${number}`, 20_000);
    if (Atomics.load(words, doubled) + Atomics.load(words, unmarked) > 0) break;
  }
} finally {
  for (const peer of peers) await kill(peer).catch(() => {});
}

const sum = words.subarray(slots).reduce((sum, turns) => sum + turns, 0);
// A holder that was killed may have counted and not written so down; whoever had the mutex with another lost a count.
const lost = Math.max(0, sum - words[first]!, words[first]! - sum - words[recovered]!);
recoveries.sort((a, b) => a - b);
const at = (share: number) => Math.round(recoveries[Math.floor(recoveries.length * share)] ?? 0);
const slowest = Math.round(recoveries.at(-1) ?? 0);
console.log(JSON.stringify({
  ...{
    rounds,
    kills: started,
    turns: words[first],
    holdersKilled,
    points: Object.fromEntries(hits),
    randomKills,
    randomHolders,
  },
  ...{ recovered: words[recovered], lost, unmarked: words[unmarked], doubled: words[doubled] },
  recovery_ms: { median: at(0.5), p90: at(0.9), slowest },
}));
const faults: string[] = [];
if (words[doubled]! > 0) faults.push(`${words[doubled]} times two had it at once`);
if (words[unmarked]! > 0) faults.push(`${words[unmarked]} times the next owner was not told of a death`);
if (lost > 0) faults.push(`${lost} turns were lost`);
if (slowest >= 1000) faults.push(`a recovery took ${slowest} ms`);
if (recoveries.length >= 10 && at(0.9) >= 150) faults.push(`a tenth of the recoveries took ${at(0.9)} ms or more`);
const least = Math.min(20, Math.floor(rounds / 2 / points.length));
for (const [point, times] of hits) {
  if (times < least) faults.push(`${point} was hit ${times} times, fewer than ${least}`);
}
if (randomKills >= 20 && randomHolders < 0.15 * randomKills) {
  faults.push(`only ${randomHolders} of ${randomKills} random kills hit a holder`);
}
if (faults.length > 0) throw new Error(faults.join("; "));
