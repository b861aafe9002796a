/** Runs small programs as the user nobody, to whom limits and permissions apply, which root never meets. */
import { chmodSync, copyFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import type { TestContext } from "vitest";
import { type Ended, here, start } from "./lanes.ts";
import { needs } from "./needs.ts";
import { copyTree } from "./trees.ts";

/** The user id of nobody. */
export const nobody = 65534;

/** Skips the test where this process may not become another user. */
export function needsRoot(context: Pick<TestContext, "skip">, ...programs: string[]): void {
  if (process.getuid!() !== 0) context.skip("needs root");
  needs(context, "setpriv", ...programs);
}

/** A place where nobody can run programs: a copy of the sources, and of the runtime if that lies in a private folder. */
export interface Nobody extends Disposable {
  /** A folder that only nobody can write to. */
  readonly home: string;
  /**
   * Runs JavaScript as nobody in the runtime of this test.
   *
   * @param program An ES module; `hawser` is the whole API, `assert` node:assert/strict, and top-level await works.
   * @param prefix A command that starts the rest, as `["unshare", "-m"]`.
   */
  run(program: string, prefix?: readonly string[]): Promise<Ended>;
}

/** Makes one. */
export function asNobody(): Nobody {
  const tree = copyTree();
  for (let path = tree.path; path.length > 1; path = dirname(path)) {
    if ((statSync(path).mode & 0o005) !== 0o005) chmodSync(path, 0o755);
  }
  const home = tree.file("home");
  mkdirSync(home, { mode: 0o777 });
  chmodSync(home, 0o777);
  const command = tree.command("program.mjs");
  if (!reachable(command[0]!)) {
    copyFileSync(command[0]!, tree.file("runtime"));
    chmodSync(tree.file("runtime"), 0o755);
    command[0] = tree.file("runtime");
  }
  return {
    home,
    async run(program, prefix = []) {
      writeFileSync(
        tree.program("program.mjs"),
        `import assert from "node:assert/strict";\nimport process from "node:process";\n` +
          `import * as hawser from "./mod.${here === "node20" ? "js" : "ts"}";\n${program}\nconsole.log("done");\n`,
      );
      const user = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
      await using running = start([...prefix, ...user, ...command], {
        cwd: home,
        env: { HOME: home, DENO_DIR: `${home}/deno`, XDG_CACHE_HOME: `${home}/cache` },
      });
      return await running.ended();
    },
    [Symbol.dispose]: () => tree[Symbol.dispose](),
  };
}

function reachable(path: string): boolean {
  for (let part = path; part !== "/"; part = dirname(part)) if ((statSync(part).mode & 0o001) === 0) return false;
  return true;
}
