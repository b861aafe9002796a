// A model is of use while it is of the code it is named after: models/NAME.pml has the names of states and steps that
// stand in capitals in the head of zig/src/NAME.zig.

/** What of the two has no counterpart: lines to print, none if they agree. */
export function driftOf(zig, model) {
  const head = zig.split("\n").filter((line) => line.startsWith("//!")).join("\n");
  const code = model.replace(/\/\*[^]*?\*\//g, "");
  const capitals = (text) => new Set(text.match(/\b[A-Z][A-Z_]+\b/g) ?? []);
  const names = capitals([...code.matchAll(/^mtype = \{([^}]*)\}/gm)].map((match) => match[1]).join());
  const [inZig, inModel] = [capitals(head), capitals(code)];
  return [
    ...[...inZig].filter((name) => !inModel.has(name)).map((name) => `the model has no ${name}`),
    ...[...names].filter((name) => !inZig.has(name)).map((name) => `the head of the Zig file has no ${name}`),
    ...(names.size === 0 ? ["the model names no states and steps (mtype)"] : []),
  ];
}
