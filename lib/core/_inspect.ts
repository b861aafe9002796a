const custom = Symbol.for("nodejs.util.inspect.custom");

/** Makes `console.log` show objects of a class as a text of theirs, in Node, Deno and Bun. */
export function inspectAs<T>(type: { readonly prototype: T }, text: (object: T) => string): void {
  Object.defineProperty(type.prototype, custom, {
    value(this: T) {
      return text(this);
    },
  });
}
