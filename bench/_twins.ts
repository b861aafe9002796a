// Programs of bench/programs that talk to each other: hawser's and node:net's in this runtime, and C's twin of them.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { type Fd, pipe, spawn } from "../lib/fd/mod.ts";
import { socketPair, type UnixKind } from "../lib/socket/mod.ts";
import { sure } from "./row.ts";

export const mode = "median of 5 interleaved rounds";

/** The CPU of the second program where each shall have its own. */
const second = availableParallelism() > 1 ? 1 : 0;

type Ends = [Record<number, Fd>, Record<number, Fd>];

/** Ways for bytes: what each of two programs finds at its descriptors. */
export const ends = {
  socket: (kind: UnixKind) => (): Ends => {
    const [a, b] = socketPair(kind);
    return [{ 3: a.fd }, { 3: b.fd }];
  },
  pipes: (): Ends => {
    const [there, back] = [pipe(), pipe()];
    return [{ 3: back.reader, 4: there.writer }, { 3: there.reader, 4: back.writer }];
  },
  pipe: (): Ends => {
    const { reader, writer } = pipe();
    return [{ 3: reader }, { 3: writer }];
  },
  none: (): Ends => [{}, {}],
};

export class Twins implements Disposable {
  readonly folder: string = mkdtempSync("/dev/shm/hawser-bench-");
  readonly #c: string = `${this.folder}/socket`;
  readonly #runtime: string;
  #paths = 0;

  constructor(runtime: string) {
    this.#runtime = runtime;
    const gcc = spawnSync("gcc", ["-O2", "-o", this.#c, "bench/programs/socket.c"], { encoding: "utf8" });
    if (gcc.status !== 0) throw new Error(`gcc: ${gcc.error ?? gcc.stderr}`);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }

  /** A path that no socket had before. */
  path(): string {
    return `${this.folder}/${this.#paths++}`;
  }

  /** Runs a program, C's or one of this runtime, on one CPU: what it printed. */
  async run(program: string, args: readonly string[], cpu: number, fds: Record<number, Fd> = {}): Promise<string> {
    const flags = this.#runtime === "deno" ? ["run", "-A", "--no-check", "--quiet"] : [];
    const command = program === "c" ? [this.#c] : [process.execPath, ...flags, `bench/programs/${program}.mjs`];
    // C's wait in their calls.
    if (program === "c") { for (const fd of Object.values(fds)) fd.setFlags({ nonblock: false }); }
    await using child = await spawn("taskset", ["-c", `${cpu}`, ...command, ...args], { stdout: "pipe", fds });
    for (const fd of Object.values(fds)) fd.close();
    const output = new TextDecoder().decode(await child.stdout.readAll());
    const { code, signal } = await child.status;
    if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${signal ?? `exit ${code}`}`);
    return output;
  }

  /** Microseconds for there and back, by a program's way; both programs have one CPU. */
  turns(program: "turns" | "c", way: string, made: () => Ends, count: number): () => Promise<number> {
    return async () => {
      const [here, there] = made();
      const path = way === "net" ? [this.path()] : [];
      const turns = (role: string, fds: Record<number, Fd>) =>
        this.run(program, [way, role, `${count}`, ...path], 0, fds);
      const [printed] = await Promise.all([turns("ping", here), turns("pong", there)]);
      const { ns, turns: had } = JSON.parse(printed) as { ns: number; turns: number };
      sure(`${program} ${way}: each turn was answered`, had === count);
      return ns / 1000;
    };
  }

  /** MB/s that flow by a program's way; each program has a CPU of its own. */
  flow(program: "flow" | "c", way: string, made: () => Ends, chunk: number, bytes: number): () => Promise<number> {
    return async () => {
      const [here, there] = made();
      const path = way === "net" ? [this.path()] : [];
      const words = program === "c" ? ["flow"] : [way];
      const side = (role: string, cpu: number, fds: Record<number, Fd>) =>
        this.run(program, [...words, role, `${bytes}`, `${chunk}`, ...path], cpu, fds);
      const [printed] = await Promise.all([side("take", 0, here), side("give", second, there)]);
      const { ns, bytes: came } = JSON.parse(printed) as { ns: number; bytes: number };
      sure(`${program} ${way}: all bytes came`, came === bytes);
      return came * 1000 / ns;
    };
  }

  /** Connections accepted a second. */
  accepts(way: "hawser" | "net", count: number): () => Promise<number> {
    return async () => {
      const path = this.path();
      const server = this.run("accept", [way, `${count}`, path], 0);
      const [printed] = await Promise.all([server, this.run("c", ["connect", `${count}`, path], second)]);
      const { ns, accepted } = JSON.parse(printed) as { ns: number; accepted: number };
      sure(`${way}: each connection was accepted`, accepted === count);
      return (accepted - 1) * 1e9 / ns;
    };
  }
}
