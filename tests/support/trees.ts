/** Copies of the sources in folders of their own, to be damaged, cut down, or run as they stand. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { bin, here, root } from "./lanes.ts";
import { type TemporaryFolder, tmpdir } from "./watchdog.ts";

/** A copy of mod.ts, lib/, ffi/ and tests/scenarios/, as the runtime of this test runs them. */
export interface Tree extends TemporaryFolder {
  /** The path of a file of the checkout in the copy: for the host's Node, of what it was compiled to. */
  program(path: string): string;
  /** The command that runs a file of the checkout from the copy. */
  command(path: string, args?: readonly string[], flags?: readonly string[]): string[];
}

/**
 * Copies the sources.
 *
 * @param options `native: false` leaves out the libraries, as in an import from a URL. `compiled: true` takes what was
 *   made for the host's Node in every Node, which then need not read TypeScript again in each Worker.
 */
export function copyTree(options: { native?: boolean; compiled?: boolean } = {}): Tree {
  const { native = true } = options;
  const folder = tmpdir();
  const compiled = here === "node20" || (here === "node26" && options.compiled === true);
  const from = compiled ? `${root}.work/compiled/` : root;
  const extension = compiled ? "js" : "ts";
  for (const path of [`mod.${extension}`, "lib", "ffi", "tests/scenarios"]) {
    cpSync(from + path, folder.file(path), { recursive: true, filter: (path) => !/\/ffi\/native($|\/)/.test(path) });
  }
  if (native) cpSync(`${root}ffi/native`, folder.file("ffi/native"), { recursive: true });
  mkdirSync(folder.file("tests/scenarios"), { recursive: true });
  writeFileSync(folder.file("package.json"), `{ "type": "module" }\n`);
  const program = (path: string) => folder.file(path.replace(/\.ts$/, `.${extension}`));
  return {
    ...folder,
    program,
    command(path, args = [], flags = here === "deno" ? ["-A"] : []) {
      return [bin(here), ...(here === "deno" ? ["run", "--quiet"] : []), ...flags, program(path), ...args];
    },
  };
}
