// Programs that crash harnesses kill. They stand still at their posts (tests/scenarios/post.ts) until they are let go, so
// that none has to be started while it is measured how the others go on.
import process from "node:process";
import { SharedMemory } from "../../../lib/memory/mod.ts";
import { Futex } from "../../../lib/sync/mod.ts";
import { postBytes } from "../../scenarios/post.ts";
import type { KillableTree } from "../../support/kill_points.ts";
import type { Lane, Running } from "../../support/lanes.ts";
import { unique, until } from "../../support/watchdog.ts";

/** How many programs start at once. */
const batch = 12;

/** A program at a post. */
export interface Peer {
  readonly lane: Lane;
  readonly place: number;
  readonly running: Running;
}

/** All programs of a harness. */
export class Peers implements AsyncDisposable {
  readonly #tree: KillableTree;
  readonly #program: string;
  readonly #posts: SharedMemory;
  readonly #words: Int32Array;
  readonly #alive = new Set<Peer>();
  #places = 0;
  #kills = 0;

  /**
   * Makes their posts.
   *
   * @param tree What they are run from.
   * @param program Its path in the checkout; its first arguments are the name of the posts and its place.
   * @param most How many there will be.
   */
  constructor(tree: KillableTree, program: string, most: number) {
    this.#tree = tree;
    this.#program = program;
    this.#posts = SharedMemory.create(unique("posts"), { size: most * postBytes, temporary: true });
    this.#words = new Int32Array(this.#posts.buffer);
    // Also where a round fails: they would run for ever.
    process.on("exit", this.#killAll);
  }

  /** How many were killed. */
  get kills(): number {
    return this.#kills;
  }

  /** Starts one; it stands still when it is ready. */
  start(lane: Lane, args: readonly string[], point?: string): Peer {
    const place = this.#places++;
    const running = this.#tree.start(lane, this.#program, [this.#posts.name!, String(place), ...args], point);
    const peer = { lane, place, running };
    this.#alive.add(peer);
    return peer;
  }

  /** Lets them go on. */
  go(...peers: readonly Peer[]): void {
    for (const peer of peers) this.#tell(peer, 1);
  }

  /** Stops them at their posts, with nothing in their hands. */
  async halt(...peers: readonly Peer[]): Promise<void> {
    for (const peer of peers) this.#tell(peer, 0);
    await Promise.all(peers.map((peer) => this.standing(peer)));
  }

  /** Waits until one stands still. */
  async standing(peer: Peer): Promise<void> {
    const { child } = peer.running;
    await until(() => child.exitCode !== null || this.#look(peer) === 1, `${peer.lane} stands still`, 20_000);
    if (child.exitCode !== null) throw new Error(`${peer.lane} ended: ${(await peer.running.ended()).stderr}`);
  }

  /** Whether one has left its post. */
  left(peer: Peer): boolean {
    return this.#look(peer) === 0;
  }

  kill(peer: Peer): void {
    peer.running.child.kill("SIGKILL");
    this.#alive.delete(peer);
    this.#kills++;
  }

  /**
   * Goes through rounds whose programs are ready: a dozen of them at a time is prepared, and stands still before the
   * first of these rounds begins.
   */
  async *rounds<T extends { peer: Peer }>(count: number, prepare: (round: number) => T): AsyncGenerator<[number, T]> {
    for (let from = 0; from < count; from += batch) {
      const ready = Array.from({ length: Math.min(batch, count - from) }, (_, i) => prepare(from + i));
      await Promise.all(ready.map(({ peer }) => this.standing(peer)));
      for (const [i, one] of ready.entries()) yield [from + i, one];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#killAll();
    process.off("exit", this.#killAll);
    await Promise.all([...this.#alive].map((peer) => peer.running[Symbol.asyncDispose]()));
    this.#posts.close();
  }

  readonly #killAll = (): void => this.#alive.forEach((peer) => peer.running.child.kill("SIGKILL"));

  #tell(peer: Peer, going: number): void {
    Atomics.store(this.#words, peer.place * 2, going);
    Futex.at(this.#posts, peer.place * postBytes).wake();
  }

  #look(peer: Peer): number {
    return Atomics.load(this.#words, peer.place * 2 + 1);
  }
}
