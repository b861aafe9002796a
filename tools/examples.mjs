// The lane `examples`: every ```ts block of README.md and docs/*.md and every @example of the exports runs as a
// program, on Deno, Bun and Node 26. `check` takes from here which exported symbols have no example.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { bin, root } from "./bins.mjs";
import { childEnv, filesUnder, work } from "./setup.mjs";
import { watched } from "./watched.mjs";

const usual = { folder: "examples", runtimes: ["deno", "bun", "node26"], seconds: 20 };

/** The entries of deno.json's exports that exist: { specifier, path }. */
export function entries() {
  const exported = JSON.parse(readFileSync(`${root}deno.json`, "utf8")).exports;
  return Object.entries(exported).map(([name, path]) => ({ specifier: `hawser${name.slice(1)}`, path: path.slice(2) }));
}

/** What `deno doc --json` says of all entries. */
function denoDoc() {
  const paths = entries().map(({ path }) => path);
  const missing = paths.filter((path) => !existsSync(root + path));
  if (missing.length > 0) throw new Error(`deno.json exports what is not there: ${missing.join(", ")}`);
  const run = spawnSync(bin("deno"), ["doc", "--quiet", "--json", ...paths], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: childEnv({ NO_COLOR: "1" }),
  });
  if (run.error || run.status !== 0) throw new Error(`deno doc: ${run.error?.message ?? run.stderr}`);
  return JSON.parse(run.stdout).nodes;
}

/** The bodies of the ```ts blocks in a text, each with its line. */
function blocks(text) {
  const found = [];
  let open = null;
  text.split("\n").forEach((line, at) => {
    const fence = /^(\s*)(`{3,})\s*(\S*)/.exec(line);
    if (open === null && fence) {
      open = { ticks: fence[2], language: fence[3], line: at + 2, indent: fence[1].length, body: [] };
    } else if (open !== null && fence && fence[2].length >= open.ticks.length && fence[3] === "") {
      if (/^(ts|typescript)$/.test(open.language)) found.push({ line: open.line, text: `${open.body.join("\n")}\n` });
      open = null;
    } else open?.body.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
  });
  return found;
}

/** Calls `visit(jsDoc, path of names)` for every doc comment below a node. */
function docComments(node, names, visit) {
  if (node === null || typeof node !== "object") return;
  if (Array.isArray(node)) {
    for (const part of node) docComments(part, names, visit);
    return;
  }
  const own = typeof node.name === "string" ? [...names, node.name] : names;
  if (node.jsDoc) visit(node.jsDoc, own);
  for (const [key, part] of Object.entries(node)) if (key !== "jsDoc") docComments(part, own, visit);
}

/**
 * All examples, and all exported symbols.
 *
 * @returns {{ symbols: { name: string, where: string, examples: number }[],
 *   programs: { name: string, text: string }[] }}
 */
export function collect() {
  const programs = [];
  const symbols = new Map();
  const seen = new Set();
  for (const path of ["README.md", ...filesUnder("docs", (p) => p.endsWith(".md") && !p.startsWith("docs/api/"))]) {
    if (!existsSync(root + path)) continue;
    for (const block of blocks(readFileSync(root + path, "utf8"))) {
      programs.push({ name: `${path}:${block.line}`, text: block.text });
    }
  }
  const add = (jsDoc, name) => {
    let count = 0;
    for (const tag of jsDoc.tags ?? []) {
      if (tag.kind !== "example") continue;
      for (const block of blocks(tag.doc ?? "")) {
        count++;
        // One symbol is exported from several entries; its example runs once.
        const key = `${name}\0${block.text}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const same = programs.filter((program) => program.name.replace(/ #\d+$/, "") === name).length;
        programs.push({ name: same === 0 ? name : `${name} #${same + 1}`, text: block.text });
      }
    }
    return count;
  };
  for (const [url, module] of Object.entries(denoDoc())) {
    const file = url.slice(url.indexOf(root) + root.length);
    if (module.module_doc) add(module.module_doc, file);
    for (const symbol of module.symbols) {
      for (const declaration of symbol.declarations) {
        // A reference is a symbol that another entry documents.
        if (declaration.declarationKind !== "export" || declaration.kind === "reference") continue;
        const at = declaration.location;
        const source = at.filename.startsWith("file://")
          ? at.filename.slice(at.filename.indexOf(root) + root.length)
          : "";
        const where = `${source} ${symbol.name}`;
        const entry = symbols.get(where) ?? { name: symbol.name, where: `${source}:${at.line + 1}`, examples: 0 };
        symbols.set(where, entry);
        docComments(declaration, [`${source} ${symbol.name}`], (jsDoc, names) => {
          const count = add(jsDoc, names.join("."));
          // A member's example shows the member; the symbol wants one of its own.
          if (names.length === 1) entry.examples += count;
        });
      }
    }
  }
  return { symbols: [...symbols.values()], programs };
}

/** The program that runs a list of examples one after the other, each in a fresh module, and writes how each went. */
const runner = `// Written by tools/examples.mjs.
import { appendFileSync } from "node:fs";
import process from "node:process";
const [log, ...files] = process.argv.slice(2);
const tell = (line) => appendFileSync(log, JSON.stringify(line) + "\\n");
process.on("exit", () => tell({ over: true }));
for (const file of files) {
  tell({ start: file });
  try {
    await import(file);
    tell({ file, ok: true });
  } catch (error) {
    tell({ file, ok: false, error: String(error?.stack ?? error) });
  }
}
tell({ all: true });
process.exit(0);
`;

function write(programs, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files = new Map();
  programs.forEach((program, at) => {
    const slug = program.name.replace(/[^A-Za-z0-9]+/g, "_").slice(-60);
    const file = `${String(at + 1).padStart(3, "0")}_${slug}.ts`;
    files.set(file, program.name);
    // \`export {}\` makes a module of a program without imports, so that await stands.
    writeFileSync(folder + file, `// ${program.name}\n${program.text}export {};\n`);
  });
  writeFileSync(`${folder}run.mjs`, runner);
  const imports = Object.fromEntries(entries().map(({ specifier, path }) => [specifier, `../../${path}`]));
  writeFileSync(`${folder}import_map.json`, JSON.stringify({ imports }, null, 2));
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: { noEmit: true, allowImportingTsExtensions: true, rewriteRelativeImportExtensions: false },
    include: ["*.ts"],
  };
  writeFileSync(`${folder}tsconfig.json`, JSON.stringify(config));
  return files;
}

async function runIn(runtime, files, out, folder, seconds) {
  const log = `${folder}${runtime}.log`;
  const flags = runtime === "deno" ? ["run", "-A", "--quiet", `--import-map=${folder}import_map.json`] : [];
  let rest = [...files.keys()];
  while (rest.length > 0) {
    rmSync(log, { force: true });
    const command = [bin(runtime), ...flags, `${folder}run.mjs`, log, ...rest.map((file) => folder + file)];
    // One hanging example costs its limit; the others get theirs in the next round.
    const run = await watched(command, { quiet: true, seconds: seconds + rest.length });
    const said = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").map((line) => JSON.parse(line)) : [];
    const done = new Set();
    for (const line of said) {
      if (line.file === undefined) continue;
      const file = line.file.slice(folder.length);
      done.add(file);
      if (line.ok) out.passed++;
      else out.failed.push(`${files.get(file)} on ${runtime}: ${line.error.split("\n").slice(0, 6).join("\n      ")}`);
    }
    const started = said.filter((line) => line.start).at(-1)?.start.slice(folder.length);
    if (started !== undefined && !done.has(started)) {
      done.add(started);
      const how = run.why || "it ended the process";
      out.failed.push(
        `${files.get(started)} on ${runtime}: ${how}\n      ${
          run.output.trim().split("\n").slice(-6).join("\n      ")
        }`,
      );
    } else if (!said.some((line) => line.all) || run.why) {
      out.failed.push(
        `the examples on ${runtime}: ${run.why || "the process ended in the middle"}\n      ${
          run.output.trim().slice(-600)
        }`,
      );
      if (done.size === 0) return;
    }
    rest = rest.filter((file) => !done.has(file));
  }
}

/** Runs all examples and adds what came of them to `out`, as tools/test.mjs counts. */
export function runExamples(out) {
  return runPrograms(out, collect().programs);
}

/** Runs a list of programs, each as one test for each runtime; sabotage gives its own list and limits. */
export async function runPrograms(out, programs, options = {}) {
  const start = performance.now();
  const { runtimes, seconds } = { ...usual, ...options };
  const folder = `${work}${options.folder ?? usual.folder}/`;
  const files = write(programs, folder);
  const tsc = spawnSync(
    process.execPath,
    [`${root}node_modules/typescript/bin/tsc`, "-p", folder, "--pretty", "false"],
    {
      cwd: folder,
      encoding: "utf8",
    },
  );
  const wrong = new Map();
  for (const line of tsc.stdout.split("\n")) {
    const file = /^([^(\s]+\.ts)\(/.exec(line)?.[1];
    if (files.has(file)) wrong.set(file, `${wrong.get(file) ?? ""}\n      ${line}`);
  }
  for (const [file, text] of wrong) out.failed.push(`${files.get(file)}: types: ${text}`);
  for (const runtime of runtimes) {
    const before = { passed: out.passed, failed: out.failed.length };
    await runIn(runtime, files, out, folder, seconds);
    console.log(
      `${runtime}: ${out.passed - before.passed} examples passed, ${out.failed.length - before.failed} failed`,
    );
  }
  if (programs.length === 0) out.failed.push("the lane itself: no example found");
  out.seconds = (performance.now() - start) / 1000;
  return out;
}
