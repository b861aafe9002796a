// Runs a command as a process group of its own under a time limit, and sweeps what it leaves running.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { root } from "./bins.mjs";
import { childEnv } from "./setup.mjs";

const groups = new Set();

const killGroup = (pid, signal) => {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in it.
  }
};

// The groups are no longer the terminal's, so its Ctrl-C must be handed on.
for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
  process.on(signal, () => {
    for (const pid of groups) killGroup(pid, "SIGKILL");
    process.exit(status);
  });
}

/** The living members of a process group, as "pid name". */
function members(group) {
  const found = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(pgrp) !== group || state === "Z" || state === "X") continue;
      found.push(`${pid} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim().slice(0, 160)}`);
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

/**
 * Runs `command` to its end or its limit.
 *
 * @param {string[]} command Path and arguments.
 * @param {{ env?: object, cwd?: string, seconds?: number, quiet?: boolean, capture?: boolean, input?: "inherit" }} [options]
 *   `capture` keeps the output and also passes it on, unless `quiet`.
 * @returns {Promise<{ status: number | null, signal: string | null, late: boolean, left: string[], output: string,
 *   seconds: number, why: string }>} `why` is empty when it exited 0 in time and left no process behind.
 */
export async function watched(command, options = {}) {
  const start = performance.now();
  const limit = options.seconds ?? 300;
  const keep = options.capture || options.quiet;
  const child = spawn(command[0], command.slice(1), {
    cwd: options.cwd ?? root,
    env: childEnv(options.env),
    detached: true,
    stdio: ["ignore", keep ? "pipe" : "inherit", keep ? "pipe" : "inherit"],
  });
  let output = "";
  for (const [from, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
    from?.setEncoding("utf8").on("data", (text) => {
      output += text;
      if (!options.quiet) to.write(text);
    });
  }
  if (child.pid) groups.add(child.pid);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child.pid, "SIGKILL");
  }, limit * 1000);
  let cannot = "";
  const [status, signal] = await new Promise((done) => {
    child.on("error", (error) => {
      cannot = error.message;
      done([null, null]);
    });
    child.on("exit", (...how) => done(how));
  });
  clearTimeout(timer);
  let left = [];
  if (child.pid) {
    // What ends by itself in a moment is no leak; what stays is told and killed.
    for (let round = 0; round < 40 && !late; round++) {
      left = members(child.pid);
      if (left.length === 0) break;
      await new Promise((done) => setTimeout(done, 50));
    }
    killGroup(child.pid, "SIGKILL");
    groups.delete(child.pid);
  }
  // Pipes may still hold text after the exit; the group is dead, so they end.
  await Promise.all([child.stdout, child.stderr].map((from) => from && !from.closed && streamEnd(from)));
  const seconds = (performance.now() - start) / 1000;
  const why = cannot
    ? `cannot start: ${cannot}`
    : late
    ? `hung: killed after ${limit} s`
    : signal
    ? `killed by ${signal}`
    : status !== 0
    ? `exit ${status}`
    : left.length > 0
    ? `left processes running: ${left.join("; ")}`
    : "";
  return { status, signal, late, left, output, seconds, why };
}

function streamEnd(stream) {
  return new Promise((done) => {
    stream.once("close", done);
    // A process that left the group may hold the pipe open for ever.
    setTimeout(done, 1000).unref();
  });
}
