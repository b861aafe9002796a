// npm run crash -- memory: kills processes while they create shared memory, at random and at every kill point. After
// each kill every opener finds nothing, or the whole object; nobody hangs; nothing stays in /dev/shm.
import { readdirSync, statSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { SystemError } from "../../../lib/core/mod.ts";
import { SharedMemory } from "../../../lib/memory/mod.ts";
import { Random } from "../../random_layouts.ts";
import { killableLanes, killableTree, stopped } from "../../support/kill_points.ts";
import { unique, watchdog } from "../../support/watchdog.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() >>> 0) },
    sabotage: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const random = new Random(Number(values.seed));
console.log(`seed ${values.seed}`);

const size = 300_000;
const points = [
  "memory_create.opened",
  "memory_grow.reserved",
  "memory_create.grown",
  "memory_create.mapped",
  "memory_create.linked",
];

const sabotages: Record<string, { file: string; change: (text: string) => string }> = {
  // The name first and the pages afterwards.
  "link-first": {
    file: "memory.zig",
    change: (text) => {
      const link = "    try sys.linkFd(failure, fd, dir, name);\n";
      const grow = "    try grow(failure, fd, 0, bytes, options.sparse);\n    kill_point.here";
      return text.replace(link, "").replace(grow, `${link}${grow}`);
    },
  },
};
const edit = values.sabotage === undefined ? undefined : sabotages[values.sabotage];
if (values.sabotage !== undefined && edit === undefined) {
  console.error(`unknown sabotage: there is ${Object.keys(sabotages).join(", ")}`);
  process.exit(2);
}

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

const hits = new Map<string, number>(points.map((point) => [point, 0]));
const found = { none: 0, whole: 0 };
let randomKills = 0;
let insideCreate = 0;

async function round(tree: Disposable & ReturnType<typeof killableTree>, number: number): Promise<void> {
  const lane = random.of(killableLanes);
  const name = unique("crash");
  using progress = SharedMemory.create(unique("progress"), { size: 64, temporary: true });
  const word = new Int32Array(progress.buffer);
  const args = [name, progress.name!, String(size)];
  const point = number % 2 === 0 ? points[(number / 2) % points.length]! : undefined;
  const wanted = point && `${point}:${1 + random.below(20)}`;
  const told = `round ${number}, ${lane}, ${wanted ?? "at random"}`;
  try {
    await using victim = tree.start(lane, "tests/scenarios/memory_creator.ts", args, wanted);
    if (point !== undefined) {
      await stopped(victim, point);
      hits.set(point, hits.get(point)! + 1);
      // It stands still in the middle of it: another comes, finds nothing or all of it, and makes it if there is nothing.
      const there = look(name);
      if (there !== (point === "memory_create.linked" ? "whole" : "none")) {
        throw new Error(`found ${there} at the stop`);
      }
      using mine = SharedMemory.openOrCreate(name, { size });
      if (mine.created !== (there === "none")) throw new Error("openOrCreate() took the other way");
    } else {
      await victim.line("ready");
      // Others open it all the while.
      const kill = performance.now() + random.below(4000) / 1000;
      do found[look(name)]++; while (performance.now() < kill || Atomics.load(word, 1) === 0);
      randomKills++;
    }
    victim.child.kill("SIGKILL");
    const ended = await victim.ended();
    if (ended.signal !== "SIGKILL") throw new Error(`it ended by itself: ${ended.status} ${ended.stderr}`);
    if (point === undefined && Atomics.load(word, 0) === 1) insideCreate++;
    if (look(name) === "whole") {
      found.whole++;
      SharedMemory.unlink(name);
    } else found.none++;
    // The next one who comes is not kept from anything.
    using next = SharedMemory.create(name, { size, temporary: true });
    if (next.bytes[size - 1] !== 0) throw new Error("the next one's object is not empty");
  } catch (error) {
    throw new Error(`${told}: ${(error as Error).message} (replay: --seed ${values.seed})`, { cause: error });
  } finally {
    if (entries(name).length > 0) SharedMemory.unlink(name);
  }
  const left = entries(name);
  if (left.length > 0) throw new Error(`${told}: left in /dev/shm: ${left.join(", ")}`);
}

{
  using tree = killableTree(edit);
  for (let number = 0; number < rounds; number++) await watchdog(round(tree, number), `Round ${number}`, 60_000);
}

console.log(JSON.stringify({ rounds, points: Object.fromEntries(hits), randomKills, insideCreate, found }));
const least = Math.min(20, Math.floor(rounds / 2 / points.length));
for (const [point, times] of hits) {
  if (times < least) throw new Error(`${point} was hit ${times} times, which is fewer than ${least}`);
}
if (randomKills >= 20 && insideCreate < 0.15 * randomKills) {
  throw new Error(`only ${insideCreate} of ${randomKills} random kills fell into create()`);
}
