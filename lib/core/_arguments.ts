// Checks of what callers pass, before anything is called.

import { name_bytes_max } from "../../ffi/symbols.ts";

const encoder = new TextEncoder();

/** Says what a value is, for messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object") return value.constructor?.name ?? "object";
  return typeof value === "function" ? "function" : `${typeof value} ${String(value)}`;
}

/** A text as the library takes it: UTF-8 and a NUL byte. */
export function cString(value: unknown, what: string): Uint8Array {
  if (typeof value !== "string") throw new TypeError(`${what} must be a string: got ${describe(value)}`);
  if (value === "") throw new RangeError(`${what} must not be empty`);
  if (value.includes("\0")) throw new RangeError(`${what} must not hold a NUL character: got ${JSON.stringify(value)}`);
  return encoder.encode(`${value}\0`);
}

/** A path of the file system as text: a string, or a file: URL as node:fs takes it. */
export function filePath(value: unknown): string {
  if (!(value instanceof URL)) return value as string; // cString() says what is wrong with it.
  if (value.protocol !== "file:") throw new TypeError(`path must be a string or a file: URL: got ${value.href}`);
  return decodeURIComponent(value.pathname);
}

const namePattern = new RegExp(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,${name_bytes_max - 1}}$`);

/** The name of an object, as the library takes it. */
export function objectName(value: unknown): Uint8Array {
  const bytes = cString(value, "name");
  if ((value as string).startsWith("/") && namePattern.test((value as string).slice(1))) {
    throw new RangeError(`name must not begin with shm_open's slash: got ${describe(value)}`);
  }
  if (!namePattern.test(value as string)) {
    throw new RangeError(
      `name must be 1 to ${name_bytes_max} letters, digits, "_", "." or "-", not beginning with "." or "-": got ${
        describe(value)
      }`,
    );
  }
  return bytes;
}

/** A whole number within bounds. */
export function integer(value: unknown, what: string, least: number, most: number): number {
  if (typeof value !== "number") throw new TypeError(`${what} must be a number: got ${describe(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${what} must be a whole number from ${least} to ${most}: got ${value}`);
  }
  return value;
}

/** A size in bytes. */
export function byteSize(value: unknown, what: string, least: 0 | 1 = 1): number {
  return integer(value, what, least, Number.MAX_SAFE_INTEGER);
}

/** Permission bits. */
export function fileMode(value: unknown): number {
  return integer(value, "mode", 0, 0o7777);
}

/** A user id. */
export function userId(value: unknown, what: string): number {
  return integer(value, what, 0, 0xffff_fffe);
}

/** A flag of an options object. */
export function flag(value: unknown, what: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== "boolean") throw new TypeError(`${what} must be a boolean: got ${describe(value)}`);
  return value;
}

/** An options object, or none. Unknown members are refused: a misspelt option must not be ignored. */
export function optionsObject<T extends object>(value: T | undefined, known: readonly (keyof T & string)[]): T {
  return value === undefined ? {} as T : requiredOptions(value, known, "{}");
}

/** An options object that must be given, such as `example`. */
export function requiredOptions<T extends object>(value: T, known: readonly (keyof T & string)[], example: string): T {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`options must be an object, such as ${example}: got ${describe(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (!(known as readonly string[]).includes(key)) {
      throw new TypeError(`options has no member ${JSON.stringify(key)}`);
    }
  }
  return value;
}
