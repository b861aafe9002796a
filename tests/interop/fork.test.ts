// A C host that forks: no runtime does, and the library has to be safe all the same.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { signatures } from "../../ffi/symbols.ts";
import { root, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { tmpdir } from "../support/watchdog.ts";

test("in a forked child every function answers EPERM, until exec; its parent goes on", async (context) => {
  needs(context, "gcc");
  using folder = tmpdir();
  const host = folder.file("fork_host");
  const source = `${root}tests/interop/c/fork_host.c`;
  const gcc = spawnSync("gcc", ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2", "-o", host, source, "-ldl"]);
  expect(String(gcc.stderr)).toBe("");

  const cpu = process.arch === "arm64" ? "aarch64" : "x86_64";
  const kinds: Record<string, string> = { handle: "i32", fd: "i32" };
  const functions = Object.entries(signatures).map(([name, { returns }]) => `${kinds[returns] ?? returns}:${name}`);
  expect(functions.length).toBeGreaterThan(30);
  await using running = start([host, `${root}ffi/native/linux-${cpu}/libhawser.so`, ...functions]);
  expect(await running.ended()).toMatchObject({
    stdout: `child: ${functions.length} refused\nafter exec: fine\nparent: child 0, fine\n`,
    stderr: "",
    status: 0,
  });
});
