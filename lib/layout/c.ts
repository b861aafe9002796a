// Layouts as C declarations. Whoever compiles them learns from the assertions whether their compiler agrees.
import type { Field } from "./field.ts";

/** Words that can't name a member: keywords of C and C++, and what the headers or gcc's GNU mode define as macros. */
const words = new Set(
  (
    // C, to C23.
    "alignas alignof auto bool break case char const constexpr continue default do double else enum extern false float " +
    "for goto if inline int long nullptr register restrict return short signed sizeof static static_assert struct switch " +
    "thread_local true typedef typeof typeof_unqual union unsigned void volatile while asm fortran " +
    // C++.
    "and and_eq bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield compl concept " +
    "const_cast consteval constinit decltype delete dynamic_cast explicit export friend mutable namespace new noexcept " +
    "not not_eq operator or or_eq private protected public reinterpret_cast requires static_cast template this throw " +
    "try typeid typename using virtual wchar_t xor xor_eq " +
    // Macros and type names.
    "NULL offsetof assert errno linux unix i386 size_t ptrdiff_t max_align_t"
  ).split(" "),
);

/** Whether C, C++ or their headers keep `name` for themselves. */
export function isReserved(name: string): boolean {
  return words.has(name) || /^_[_A-Z]/.test(name) || /^u?int[a-z0-9_]*_t$/.test(name) ||
    /^U?INT[A-Z0-9_]*_(C|MAX|MIN|WIDTH)$/.test(name) ||
    /^(PTRDIFF|SIG_ATOMIC|SIZE|WCHAR|WINT)_(MAX|MIN|WIDTH)$/.test(name);
}

interface CMember {
  readonly name: string;
  readonly field: Field<unknown, unknown>;
  readonly offset: number;
}

/** C text in the making: declarations in the order they need each other. */
export class CText {
  readonly #headers = new Set(["assert.h", "stddef.h", "stdint.h"]);
  readonly #declarations: string[] = [];
  readonly #assertions: string[] = [];
  readonly #tags = new Map<object, string>();
  readonly #taken = new Set<string>();
  /** The way to the struct whose members are being written. */
  #way = "";

  /** Asks for a header. */
  include(header: string): void {
    this.#headers.add(header);
  }

  /** Declares a struct, once, and returns its tag. */
  struct(layout: Field<unknown, unknown>, members: readonly CMember[], declarator: string): string {
    const known = this.#tags.get(layout);
    if (known !== undefined) return known;
    const tag = this.#tag(layout, declarator);
    const outer = this.#way;
    this.#way = tag;
    const taken = new Set(members.map(({ name }) => name).filter((name) => !isReserved(name)));
    const lines: string[] = [];
    const assertions = [`static_assert(sizeof(struct ${tag}) == ${layout.size}, "sizeof ${tag}");`];
    for (const { name, field, offset } of members) {
      const named = isReserved(name) ? free(name, taken) : name;
      const line = field.declare(this, named);
      lines.push(`  ${line}${named === name ? "" : ` /* ${name} */`}\n`);
      assertions.push(`static_assert(offsetof(struct ${tag}, ${named}) == ${offset}, "offsetof ${tag}.${named}");`);
    }
    this.#way = outer;
    this.#declarations.push(`struct ${tag} {\n${lines.join("")}};\n`);
    this.#assertions.push(...assertions);
    return tag;
  }

  /** Declares an enum, once, and returns its tag. */
  enumeration(layout: object, declarator: string, names: ReadonlyMap<number, string>): string {
    const known = this.#tags.get(layout);
    if (known !== undefined) return known;
    const tag = this.#tag(layout, declarator);
    const lines = [...names].map(([value, name]) => `  ${free(`${tag}_${name}`, this.#taken)} = ${value},\n`);
    this.#declarations.push(`enum ${tag} {\n${lines.join("")}};\n`);
    return tag;
  }

  /** All of it, as a header called `name` that may be included twice. */
  text(name: string): string {
    const headers = [...this.#headers].sort().map((header) => `#include <${header}>\n`).join("");
    const body = `${headers}\n${this.#declarations.join("\n")}\n${this.#assertions.join("\n")}\n`;
    const guard = `HAWSER_${name.toUpperCase()}_H`;
    return `#ifndef ${guard}\n#define ${guard}\n\n${body}\n#endif\n`;
  }

  #tag(layout: object, declarator: string): string {
    const name = declarator.replace(/\[.*$/, "");
    const tag = free(this.#way === "" ? name : `${this.#way}_${name}`, this.#taken);
    this.#tags.set(layout, tag);
    return tag;
  }
}

/** `name`, or with as many underscores as make it neither reserved nor taken; taken from now on. */
function free(name: string, taken: Set<string>): string {
  while (isReserved(name) || taken.has(name)) name += "_";
  taken.add(name);
  return name;
}
