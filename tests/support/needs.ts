/** Programs that a test wants from the machine. Without one the test is skipped by name; in CI it fails instead. */
import { accessSync, constants } from "node:fs";
import process from "node:process";
import type { TestContext } from "vitest";

/** The path of a program, or null. */
export function which(program: string): string | null {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    if (folder === "") continue;
    try {
      accessSync(`${folder}/${program}`, constants.X_OK);
      return `${folder}/${program}`;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/**
 * Skips the test when a program is missing, with the reason in the run's summary.
 *
 * In CI nothing is skipped like that: the test fails there, since set-up installs what tools/packages.json names.
 *
 * @param context The test's context: `test("...", (context) => { needs(context, "gcc"); ... })`.
 * @param programs Names looked for on PATH, or absolute paths.
 */
export function needs(context: Pick<TestContext, "skip">, ...programs: string[]): void {
  const missing = programs.filter((program) => program.startsWith("/") ? !exists(program) : which(program) === null);
  if (missing.length === 0) return;
  const reason = `needs ${missing.join(", ")}`;
  if (inCI()) throw new Error(`${reason}: set-up should have installed it in CI`);
  context.skip(reason);
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether CI runs the tests. */
export function inCI(): boolean {
  return !["", "0", "false"].includes(process.env.CI ?? "");
}
