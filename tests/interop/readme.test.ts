// The README's first example, run as it stands there by one runtime after the other.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bin, root } from "../../tools/bins.mjs";

test("the README's first example is one record for three runtimes", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const program = /```ts\n(.*?)```/s.exec(readme)?.[1];
  expect(program).toContain("hawser-visits");
  const dir = mkdtempSync(join(root, ".work/readme-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  onTestFinished(() => rmSync("/dev/shm/hawser-visits", { force: true }));
  rmSync("/dev/shm/hawser-visits", { force: true });
  writeFileSync(join(dir, "visits.ts"), program!);
  writeFileSync(join(dir, "map.json"), JSON.stringify({ imports: { hawser: join(root, "mod.ts") } }));

  const run = (command: string, ...args: string[]) =>
    execFileSync(command, [...args, join(dir, "visits.ts")], { encoding: "utf8", timeout: 30_000 });
  expect(run(bin("deno"), "run", "--no-prompt", "--allow-ffi", "--import-map", join(dir, "map.json")))
    .toBe("The first visit\n");
  expect(run(bin("bun"))).toMatch(/^Visit 2, after Deno\/\d/);
  expect(run(bin("node26"))).toMatch(/^Visit 3, after Bun\/\d/);
});
