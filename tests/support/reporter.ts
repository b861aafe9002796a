/**
 * What one lane tells tools/test.mjs: each test with its name, state, skip reason and error, as JSON.
 *
 * Vitest's own JSON report leaves out why a test was skipped and errors outside of tests.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import process from "node:process";
import type { Reporter, TestModule } from "vitest/node";

/** One test of a lane. */
export interface TestRow {
  file: string;
  name: string;
  state: string;
  reason: string;
}

/** What a lane leaves behind. */
export interface LaneReport {
  tests: TestRow[];
  /** Failures outside of tests: a file that does not load, a hook, an unhandled rejection. */
  errors: string[];
}

/** Writes a {@link LaneReport} when the run ends; a run that never ends leaves none, only what progress.ts wrote. */
export class LaneReporter implements Reporter {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    const report: LaneReport = { tests: [], errors: unhandled.map((error) => error.message) };
    for (const module of modules) {
      const file = relative(process.cwd(), module.moduleId);
      for (const error of module.errors()) report.errors.push(`${file}: ${error.message}`);
      for (const suite of module.children.allSuites()) {
        for (const error of suite.errors()) report.errors.push(`${file}: ${suite.fullName}: ${error.message}`);
      }
      let seen = 0;
      for (const test of module.children.allTests()) {
        const result = test.result();
        const reason = result.state === "skipped" ? result.note ?? "" : "";
        report.tests.push({ file, name: test.fullName, state: result.state, reason });
        seen++;
      }
      if (seen === 0 && module.errors().length === 0) report.errors.push(`${file}: no test in it`);
    }
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, JSON.stringify(report));
  }
}
