// The floors of the house (docs/design.md): each family imports only from lower ones, lib stands on ffi, and only ffi/
// asks which runtime it is in.
import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { root } from "./bins.mjs";
import { filesUnder } from "./setup.mjs";

/** A family may import families of a lower number. */
const floor = { core: 0, fd: 1, memory: 2, layout: 2, sync: 3, socket: 4, kernel: 4, netlink: 4, channel: 5 };

/** The files of ffi/ that belong to one runtime; load.ts chooses among them. */
const loaders = /^ffi\/(deno|bun|node|node_ffi|embedded|shim)(\/|\.ts$)/;

const asksRuntime =
  /\b(?:globalThis\.)?(?:Deno|Bun)\s*(?:\.|\[|\?\.)|["'`](?:Deno|Bun)["'`]\s+in\b|["'`]bun:|\bprocess\.(?:versions|version|release|isBun)\b|\bnavigator\.userAgent\b|typeof\s+(?:Deno|Bun)\b/;

/** The source without comments: examples in doc comments import what their code may not. */
export function withoutComments(text) {
  // A comment begins outside of strings; template literals here hold none that look like one.
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\/\*[^]*?\*\/|(^|[^:\\])\/\/[^\n]*/g,
    (whole, string, before) => string ?? whole.replace(/[^\n]/g, " ").replace(/^ /, before || " "),
  );
}

/** The module specifiers that a source names: [specifier, line]. */
export function specifiers(source) {
  const found = [];
  const pattern = /\b(?:from|import)\s*\(?\s*(["'])([^"'\n]+)\1/g;
  for (const match of source.matchAll(pattern)) {
    found.push([match[2], source.slice(0, match.index).split("\n").length]);
  }
  return found;
}

/** What is wrong with one file, by its path in the checkout and its text. */
export function floorErrorsOf(path, text) {
  const errors = [];
  const source = withoutComments(text);
  const place = path.split("/");
  const top = place[0];
  const family = top === "lib" ? place[1] : null;
  if (family !== null && !(family in floor)) errors.push(`${path}: lib/${family} has no floor in tools/floors.mjs`);
  for (const [specifier, line] of specifiers(source)) {
    const at = `${path}:${line}: `;
    if (specifier.startsWith("node:")) continue;
    if (specifier === "bun:ffi" && top === "ffi") continue;
    if (!specifier.startsWith(".")) {
      errors.push(`${at}imports ${specifier}: the core has no dependencies`);
      continue;
    }
    const target = posix.join(posix.dirname(path), specifier);
    if (!/\.ts$/.test(target)) errors.push(`${at}imports ${specifier}: sources name their .ts files`);
    const [to, toFamily] = target.split("/");
    if (top === "lib") {
      if (to === "ffi") {
        if (loaders.test(target)) errors.push(`${at}imports ${target}: a loader of one runtime is ffi's own`);
      } else if (to !== "lib") errors.push(`${at}imports ${target}: lib stands on ffi and on itself only`);
      else if (toFamily !== family && !(floor[toFamily] < floor[family])) {
        errors.push(`${at}imports ${target}: ${family} does not stand on ${toFamily}`);
      }
    }
    if (top === "ffi" && to !== "ffi") errors.push(`${at}imports ${target}: nothing is below ffi but the library`);
    if (path === "mod.ts" && to !== "lib") errors.push(`${at}imports ${target}: the public API is lib's`);
  }
  if (top !== "ffi") {
    source.split("\n").forEach((line, index) => {
      const asked = asksRuntime.exec(line);
      if (asked) errors.push(`${path}:${index + 1}: asks for the runtime (${asked[0].trim()}): only ffi/ may`);
    });
  }
  return errors;
}

/** What is wrong in the whole checkout. */
export function floorErrors() {
  const isSource = (path) => path.endsWith(".ts");
  const paths = [
    ...filesUnder("lib", isSource),
    ...filesUnder("ffi", isSource),
    ...(existsSync(`${root}mod.ts`) ? ["mod.ts"] : []),
  ];
  return paths.filter((path) => !path.startsWith("ffi/embedded/")).flatMap((path) =>
    floorErrorsOf(path, readFileSync(root + path, "utf8"))
  );
}
