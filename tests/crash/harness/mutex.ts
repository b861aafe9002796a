// npm run crash -- mutex: kills processes that take and release one mutex, at random and at every kill point, on mixed
// runtimes, sync and async. The holder writes its id, increments two plain counters and looks at its id again. After each
// kill every other one has its turn; the next owner after a killed holder is told; nobody ever has the mutex with
// another; no turn is lost.
import { readdirSync, readFileSync } from "node:fs";
import { SharedMemory } from "../../../lib/memory/mod.ts";
import { Mutex } from "../../../lib/sync/mod.ts";
import { record, recordOffset, undo } from "../../scenarios/mutex_record.ts";
import { killableTree, processState, stopped } from "../../support/kill_points.ts";
import { lanes } from "../../support/lanes.ts";
import { unique, until, watchdog } from "../../support/watchdog.ts";
import { asked, finish, Points, Recoveries, told } from "./_crash.ts";
import { type Peer, Peers } from "./_peers.ts";

type Way = "sync" | "async" | "attach" | "create";

/**
 * How a victim comes to a kill point: in the storm of the others, after up to so many passes; handed the mutex while all
 * others sleep; the same, and another barges in before it dies; passed over until it closes the gate; making a mutex.
 */
interface Course {
  readonly how: "storm" | "handed" | "barged" | "starved" | "made";
  readonly way?: Way;
  readonly passes?: number;
}
const storm = { how: "storm", passes: 200 } as const;
const making = { how: "made", way: "create", passes: 20 } as const;
const courses: Record<string, Course> = {
  // Handed, since in the storm one may starve, who looks every 20 ms whether the owner lives.
  "turn.held": { how: "handed" }, // The program itself stops, in the middle of its turn.
  "mutex_take.begun": storm,
  "mutex_take.claimed": { how: "handed" },
  "mutex_take.linked": storm,
  "mutex_release.begun": storm,
  "mutex_release.unlinked": storm,
  "mutex_release.freed": storm,
  "mutex_release.woken": storm,
  "mutex_wait.announced": { ...storm, way: "sync", passes: 10 },
  "mutex_wait.woken": { how: "barged", way: "sync" },
  "mutex_wait.starving": { how: "starved", way: "sync" },
  "mutex_step.announced": { ...storm, way: "async", passes: 10 },
  "mutex_step.woken": { how: "handed", way: "async" },
  "mutex_step.starving": { how: "starved", way: "async" },
  "wait_helper.woken": { how: "handed", way: "async" },
  "wait_helper.taken": { how: "handed", way: "async" },
  "wait_helper.told": { how: "handed", way: "async" },
  "mutex_attach.marked": { how: "made", way: "attach" },
  "memory_create.opened": making,
  "memory_grow.reserved": making,
  "memory_create.grown": making,
  "memory_create.mapped": making,
  "memory_create.linked": making,
};

const ask = asked(2000);
const { rounds, random } = ask;
const points = new Points(ask, Object.keys(courses));
const recoveries = new Recoveries();
/** How long the others may wait for their turns: until then, one that sleeps on was not woken. Its own limit is 10 s. */
const patience_ms = 5_000;

using tree = killableTree();
const residents_max = 3;
const places = 2 * rounds + residents_max; // Some rounds take two.
using memory = SharedMemory.create(unique("crash"), {
  size: recordOffset + 4 * (record.turns + places),
  temporary: true,
});
const words = new Uint32Array(memory.buffer, recordOffset);
const mutex = Mutex.at(memory, 0);
await using peers = new Peers(tree, "tests/scenarios/mutex_crasher.ts", places);

interface Worker extends Peer {
  readonly way: Way;
  /** What a maker makes. */
  readonly made: string;
}

function start(way: Way | undefined, point?: string): Worker {
  const chosen = way ?? (random.below(3) === 0 ? "async" : "sync");
  const made = unique("made");
  return { ...peers.start(random.of(lanes), [memory.name!, chosen, made], point), way: chosen, made };
}

const tick = () => new Promise((done) => setTimeout(done, 1));
const turns = (peer: Peer) => Atomics.load(words, record.turns + peer.place);

/** Waits until each has had a turn, and says when the first had. */
async function served(those: readonly Peer[], what: string): Promise<number> {
  const before = those.map(turns);
  let first: number | undefined;
  const end = performance.now() + patience_ms;
  for (let waiting = those; waiting.length > 0; await tick()) {
    waiting = those.filter((peer, i) => turns(peer) === before[i]);
    const now = performance.now();
    if (waiting.length < those.length) first ??= now;
    for (const peer of waiting) {
      if (peer.running.child.exitCode !== null) throw new Error(`it ended: ${(await peer.running.ended()).stderr}`);
      if (now <= end) continue;
      const doubled = words[record.doubled]! > 0 ? "two had it at once, and " : "";
      throw new Error(`${what}: ${doubled}${waiting.length} of ${those.length} sleep on, not woken`);
    }
  }
  return first!;
}

/** Whether a worker sleeps on a word of the mutex. */
function asleep(worker: Worker): boolean {
  const on = (task: string | number, what: string) =>
    readFileSync(`/proc/${worker.running.pid}/task/${task}/wchan`, "utf8").includes(what);
  if (!peers.left(worker)) return false;
  if (worker.way === "sync") return on(worker.running.pid, "futex");
  // Its helper does, when its own thread has begun to wait for the helper.
  const tasks = readdirSync(`/proc/${worker.running.pid}/task`);
  return on(worker.running.pid, "poll") && tasks.some((task) => {
    const name = readFileSync(`/proc/${worker.running.pid}/task/${task}/comm`, "utf8");
    return name === "hawser\n" && on(task, "futex");
  });
}

const residents = Array.from({ length: residents_max }, () => start(undefined));
let holdersKilled = 0;
let randomKills = 0;
let randomHolders = 0;

/** Kills one, and waits until each of the others has had the mutex: whether the victim held it. */
async function killed(victim: Worker, what: string, then?: () => Promise<void> | void): Promise<boolean> {
  const before = words[record.recovered]!;
  const others = residents.filter((peer) => peer !== victim);
  let start = performance.now();
  peers.kill(victim);
  if (then !== undefined) {
    await then();
    start = performance.now();
  }
  recoveries.add(await served(others, "after the kill") - start, `${what}, ${victim.lane}, ${victim.way}`);
  await peers.halt(...others);
  const held = words[record.recovered]! > before;
  if (held) holdersKilled++;
  return held;
}

/** A maker is killed: another finds no mutex, or a whole one, and is not kept from anything. */
async function made(victim: Worker, point: string): Promise<void> {
  const attaching = victim.way === "attach";
  using fresh = attaching ? SharedMemory.create(victim.made, { size: 64, temporary: true }) : undefined;
  const take = (mutex: Mutex) => mutex.acquireSync({ timeout: 1000 }).release();
  peers.go(victim);
  await stopped(victim.running, point);
  using mutex = fresh === undefined ? Mutex.open(victim.made) : undefined;
  if (mutex?.created === (point === "memory_create.linked")) throw new Error("open() took the other way");
  take(mutex ?? Mutex.at(fresh!, 0));
  peers.kill(victim);
  await victim.running.ended();
  take(mutex ?? Mutex.at(fresh!, 0));
  if (fresh === undefined) Mutex.unlink(victim.made);
}

/** Lets a victim wait for the mutex, and the others behind it; hands it the mutex. Nobody else is awake. */
async function handOver(victim: Worker, point: string): Promise<void> {
  const guard = mutex.acquireSync({ timeout: 1000 });
  peers.go(victim);
  await until(() => asleep(victim), "The victim waits");
  peers.go(...residents);
  await until(() => residents.every(asleep), "The others wait");
  guard.release();
  await stopped(victim.running, point);
}

type Body = (victim: Worker, point: string, barger?: Worker) => Promise<unknown>;
const bodies: Record<Course["how"], Body> = {
  async storm(victim, point) {
    peers.go(victim, ...residents);
    await stopped(victim.running, point);
    await killed(victim, point);
  },

  async handed(victim, point) {
    await handOver(victim, point);
    await killed(victim, point);
  },

  // The kernel wakes nobody for the dead one, since the mutex is another's by then.
  async barged(victim, point, barger) {
    await handOver(victim, point);
    peers.go(barger!);
    await stopped(barger!.running, "turn.held");
    await killed(victim, point, async () => {
      await victim.running.ended();
      barger!.running.child.kill("SIGCONT");
    });
    await peers.halt(barger!);
    peers.kill(barger!);
  },

  // It is woken, and comes too late, again and again; the others come when it has closed the gate.
  async starved(victim, point) {
    let guard = mutex.acquireSync({ timeout: 1000 });
    peers.go(victim);
    while (processState(victim.running.pid) !== "T") {
      guard.release();
      guard = mutex.tryAcquire() ?? mutex.acquireSync({ timeout: 1000 });
      await tick();
    }
    await stopped(victim.running, point);
    peers.go(...residents);
    await killed(victim, point, () => guard.release());
  },

  made,
};

async function atRandom(successor: Worker): Promise<void> {
  const place = random.below(residents.length);
  const victim = residents[place]!;
  peers.go(...residents);
  await served([victim], "before the kill");
  const kill = performance.now() + random.below(3000) / 1000;
  while (performance.now() < kill);
  const held = await killed(victim, "a kill at random");
  randomKills++;
  if (held) randomHolders++;
  residents[place] = successor;
}

await Promise.all(residents.map((peer) => peers.standing(peer)));
const prepare = (round: number) => {
  const point = points.of(round);
  if (point === undefined) return { peer: start(undefined), point, barger: undefined };
  const { how, way, passes = 1 } = courses[point]!;
  const peer = start(way, `${point}:${1 + random.below(passes)}`);
  return { peer, point, ...(how === "barged" && { barger: start(undefined, "turn.held:1") }) };
};
for await (const [round, { peer, point, barger }] of peers.rounds(rounds, prepare)) {
  const body = async () => {
    if (point === undefined) return await atRandom(peer);
    await bodies[courses[point]!.how](peer, point, barger);
    points.hit(point);
  };
  const what = `${point ?? "at random"}, ${peer.lane}, ${peer.way}`;
  await told(ask, round, what, () => watchdog(body(), "The round", 60_000));
  if (words[record.doubled]! + words[record.unmarked]! > 0) break;
}

{
  using guard = mutex.acquireSync({ timeout: 1000 });
  if (guard.abandoned) undo(words);
}
const sum = words.subarray(record.turns).reduce((sum, turns) => sum + turns, 0);
const lost = Math.abs(sum - words[record.first]!);
const [doubled, unmarked, recovered] = [words[record.doubled]!, words[record.unmarked]!, words[record.recovered]!];
const { summary } = recoveries;
const faults = points.faults(rounds);
if (doubled > 0) faults.push(`${doubled} times two had it at once`);
if (unmarked > 0) faults.push(`${unmarked} times the next owner was not told of a death`);
if (lost > 0) faults.push(`${lost} turns were lost`);
if (summary.slowest >= 1000) faults.push(`a recovery took ${summary.slowest} ms`);
if (recovered < holdersKilled) faults.push(`${holdersKilled} holders were killed, and ${recovered} told of`);
if (randomKills >= 20 && randomHolders < 0.15 * randomKills) {
  faults.push(`only ${randomHolders} of ${randomKills} random kills hit a holder`);
}
finish({
  ...{ rounds, kills: peers.kills, turns: words[record.first], holdersKilled, randomKills, randomHolders },
  ...{ points: points.hits, recovered, lost, doubleHeld: doubled, unmarked, recovery_ms: summary },
}, faults);
