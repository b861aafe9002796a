/** Time limits that end a test instead of hanging its lane, and names and folders of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir as systemTmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/**
 * Waits for `promise`, but not for ever.
 *
 * @param promise What is waited for.
 * @param what The words for the error: what did not happen.
 * @param ms The limit.
 * @returns What `promise` resolves to.
 * @throws {Error} If the limit passes first.
 */
export async function watchdog<T>(promise: Promise<T>, what: string, ms = 10_000): Promise<T> {
  const late = deferred<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what}: nothing after ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Promise.withResolvers, which Node 20 lacks. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/**
 * Waits until `condition` is true, asking every few milliseconds: for states no event tells of.
 *
 * @param condition What must become true.
 * @param what The words for the error.
 * @param ms The limit.
 */
export async function until(condition: () => boolean, what: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not so after ${ms} ms`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** A folder of the test's own, removed when disposed. */
export interface TemporaryFolder extends Disposable {
  /** The folder's path. */
  readonly path: string;
  /** The path of `name` in it. */
  file(name: string): string;
}

/** Makes a {@link TemporaryFolder}. */
export function tmpdir(): TemporaryFolder {
  const path = mkdtempSync(join(systemTmpdir(), `hawser-test-${process.pid}-`));
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

let names = 0;

/**
 * A name no other test uses, for kernel objects. The leak listing knows by it which run made the object.
 *
 * @param what A word for the test.
 */
export function unique(what = "x"): string {
  return `${runToken()}-${what}-${process.pid}-${++names}`;
}

/** What every name made by {@link unique} begins with: one token for a lane, or for this process. */
export function runToken(): string {
  return process.env.HAWSER_RUN ?? `t${process.pid}`;
}
