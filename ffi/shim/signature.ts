// Signatures, checked before the runtime sees them: each runtime has its own way of answering a wrong one, and
// node:ffi's is silence.
import type { Signature } from "./native.ts";
import { FFIType } from "./types.ts";

const known = new Set(["args", "returns", "threadsafe"]);
const numbers = new Set<unknown>(Object.values(FFIType));

/** The number of a type given by name or number. */
function typeOf(type: unknown, what: string): number {
  if (typeof type === "string" && Object.hasOwn(FFIType, type)) return FFIType[type as keyof typeof FFIType];
  if (numbers.has(type)) return type as number;
  throw new TypeError(`${what}: ${typeof type === "string" ? JSON.stringify(type) : String(type)} is no FFIType`);
}

function refuseNapi(type: number, what: string): void {
  if (type !== FFIType.napi_env && type !== FFIType.napi_value) return;
  throw new TypeError(`${what}: napi_env and napi_value are for cc() of bun:ffi only`);
}

/**
 * Checks one signature.
 *
 * @param what How the message begins, `Cannot open add` for instance.
 */
export function checkSignature(name: string, definition: unknown, what: string): Signature {
  if (typeof definition !== "object" || definition === null) {
    throw new TypeError(`${what}: its signature is no object but ${definition === null ? "null" : typeof definition}`);
  }
  for (const key of Object.keys(definition)) {
    if (known.has(key)) continue;
    throw new TypeError(`${what}: its signature has the key ${JSON.stringify(key)}, which is none of args and returns`);
  }
  const { args, returns } = definition as { args?: unknown; returns?: unknown };
  if (args !== undefined && !Array.isArray(args)) throw new TypeError(`${what}: args is no array`);
  const kinds = ((args ?? []) as unknown[]).map((type, index) => {
    const number = typeOf(type, `${what}: argument ${index + 1}`);
    refuseNapi(number, `${what}: argument ${index + 1}`);
    if (number === FFIType.void) throw new TypeError(`${what}: argument ${index + 1}: void is for results only`);
    return number;
  });
  const result = returns === undefined ? FFIType.void : typeOf(returns, `${what}: the result`);
  refuseNapi(result, `${what}: the result`);
  if (result === FFIType.buffer || result === FFIType.buffer_length) {
    throw new TypeError(`${what}: the result: buffer is for arguments only, since nothing tells its length`);
  }
  return { name, args: kinds, returns: result };
}
