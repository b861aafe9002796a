/**
 * Writes each test's start and end to REPORT.progress, for the lane that hangs or dies with its process.
 *
 * Vitest loads this file before each test file. It is written here, in the worker and at once: what the worker tells
 * vitest's own process it tells in batches, and a loop or a crash takes the last batch along.
 */
import { appendFileSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";
import { beforeEach, type TestContext } from "vitest";

const report = process.env.HAWSER_REPORT;

beforeEach((context) => {
  if (report === undefined) return;
  tell(context, "running");
  context.onTestFinished(() => tell(context, context.task.result?.state === "fail" ? "failed" : "passed"));
});

function tell({ task }: TestContext, state: string): void {
  const names = [task.name];
  for (let suite = task.suite; suite !== undefined; suite = suite.suite) names.unshift(suite.name);
  const row = { file: relative(process.cwd(), task.file.filepath), name: names.join(" > "), state };
  appendFileSync(`${report}.progress`, `${JSON.stringify(row)}\n`);
}
