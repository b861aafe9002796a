// dlopen: a library's functions with the checks around them.
import { failure, rethrow, running } from "./callback.ts";
import { native } from "./choose.ts";
import { explain, messageOf, MissingSymbol, type Native, type RawFunction, type Signature } from "./native.ts";
import { checkSignature } from "./signature.ts";
import type { FFIFunction, Library, SymbolsOf } from "./types.ts";
import { type Decoder, decoderOf, type Encoder, encoderOf } from "./values.ts";

/**
 * Whether a library is open; its functions look here last, since a call into unloaded code is a crash, and a getter of
 * an argument may close it.
 */
interface State {
  open: boolean;
}

// What must live until the calls under way are over, the innermost call's last.
const held: object[] = [];
const hold = (value: object): void => void held.push(value);

/** Says why a call was refused before it was made. */
function refuse(name: string, state: State, wanted: number, got: number): never {
  if (!state.open) throw new Error(`Cannot call ${name}: the library is closed`);
  throw new TypeError(`Cannot call ${name}: it takes ${wanted} argument${wanted === 1 ? "" : "s"}, not ${got}`);
}

/** Puts the checks around a raw function. The short signatures are written out: spreading costs more than the call. */
function wrap(name: string, raw: RawFunction, encoders: Encoder[], decode: Decoder | undefined, state: State) {
  const [first, second, third] = encoders as [Encoder, Encoder, Encoder];
  const finish: Decoder = decode ?? ((wire) => wire);
  switch (encoders.length) {
    case 0:
      return function (): unknown {
        if (!state.open || arguments.length !== 0) refuse(name, state, 0, arguments.length);
        const wire = raw();
        if (failure.thrown !== undefined) rethrow();
        return finish(wire);
      };
    case 1:
      return function (a: unknown): unknown {
        if (arguments.length !== 1) refuse(name, state, 1, arguments.length);
        const x = first(a);
        if (!state.open) refuse(name, state, 1, 1);
        const wire = raw(x);
        if (failure.thrown !== undefined) rethrow();
        return finish(wire);
      };
    case 2:
      return function (a: unknown, b: unknown): unknown {
        if (arguments.length !== 2) refuse(name, state, 2, arguments.length);
        const x = first(a);
        const y = second(b);
        if (!state.open) refuse(name, state, 2, 2);
        const wire = raw(x, y);
        if (failure.thrown !== undefined) rethrow();
        return finish(wire);
      };
    case 3:
      return function (a: unknown, b: unknown, c: unknown): unknown {
        if (arguments.length !== 3) refuse(name, state, 3, arguments.length);
        const x = first(a);
        const y = second(b);
        const z = third(c);
        if (!state.open) refuse(name, state, 3, 3);
        const wire = raw(x, y, z);
        if (failure.thrown !== undefined) rethrow();
        return finish(wire);
      };
    default:
      return function (...args: unknown[]): unknown {
        const { length } = encoders;
        if (args.length !== length) refuse(name, state, length, args.length);
        for (let index = 0; index < length; index++) args[index] = encoders[index]!(args[index]);
        if (!state.open) refuse(name, state, length, length);
        const wire = raw(...args);
        if (failure.thrown !== undefined) rethrow();
        return finish(wire);
      };
  }
}

/** Keeps what the encoders hold until the call is over. */
function holding(call: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  return (...args) => {
    const { length } = held;
    try {
      return call(...args);
    } finally {
      held.length = length;
    }
  };
}

// The types that may pass bytes: ptr, cstring.
const carriers = new Set([12, 14]);

function bind(signature: Signature, raw: RawFunction, runtime: Native, state: State): (...args: unknown[]) => unknown {
  const { name, args, returns } = signature;
  const encoders = args.map((type, index) => {
    return encoderOf(type, `Cannot call ${name}: argument ${index + 1}`, runtime, hold);
  });
  const call = wrap(name, raw, encoders, decoderOf(returns), state) as (...args: unknown[]) => unknown;
  const bound = runtime.holds && args.some((type) => carriers.has(type)) ? holding(call) : call;
  return Object.defineProperty(bound, "name", { value: name });
}

/** The file behind a path or file: URL. */
function pathOf(path: unknown): string {
  const what = "Cannot open a library";
  if (path instanceof URL) {
    if (path.protocol !== "file:") throw new TypeError(`${what}: ${path.href} is no file: URL`);
    return decodeURIComponent(path.pathname);
  }
  if (typeof path !== "string") throw new TypeError(`${what}: its path must be a string or a URL`);
  // The empty path means the process itself to some runtimes, and nothing to others.
  if (path === "") throw new TypeError(`${what}: its path is empty`);
  if (path.includes("\0")) throw new TypeError(`${what}: its path holds a NUL`);
  return path;
}

/**
 * Opens a shared library and binds functions of it.
 *
 * Signatures are taken on trust: where they do not match the C code, a call may crash the process.
 *
 * @param path The library's file, or a name such as `libc.so.6` that the system's loader finds.
 * @param symbols The functions by name, each with its signature.
 * @returns The functions, and how to close the library.
 * @throws {TypeError} If a signature is wrong, or the library lacks a function.
 * @throws {Error} If the library cannot be opened, or this runtime cannot do it at all.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { dlopen, FFIType } from "hawser/ffi";
 *
 * using libc = dlopen("libc.so.6", {
 *   abs: { args: [FFIType.int], returns: FFIType.int },
 *   strlen: { args: ["cstring"], returns: "usize" },
 * });
 * assert.equal(libc.symbols.abs(-3), 3);
 * assert.equal(libc.symbols.strlen("häwser"), 7n);
 * ```
 */
export function dlopen<const Fns extends Readonly<Record<string, FFIFunction>>>(
  path: string | URL,
  symbols: Fns,
): Library<Fns> {
  const runtime = native();
  const file = pathOf(path);
  const what = `Cannot open ${JSON.stringify(file)}`;
  if (typeof symbols !== "object" || symbols === null) throw new TypeError(`${what}: no functions are named`);
  const names = Object.keys(symbols);
  if (names.length === 0) throw new TypeError(`${what}: no functions are named`);
  const signatures = names.map((name) => checkSignature(name, symbols[name], `Cannot bind ${name}`));

  let opened: ReturnType<Native["open"]>;
  try {
    opened = runtime.open(file, signatures);
  } catch (error) {
    if (error instanceof MissingSymbol) {
      throw new TypeError(`Cannot bind ${error.symbol}: ${JSON.stringify(file)} has no such function`, {
        cause: error.cause,
      });
    }
    const explained = explain(error, what);
    throw explained !== error ? explained : new Error(`${what}: ${messageOf(error)}`, { cause: error });
  }

  const state: State = { open: true };
  const functions = signatures.map((signature, index) => [
    signature.name,
    bind(signature, opened.functions[index]!, runtime, state),
  ]);
  const close = () => {
    if (!state.open) return;
    state.open = false;
    // Unloaded under a callback, C would return into nothing. After the current task this thread is out of it.
    if (running.count === 0) opened.close();
    else setTimeout(() => opened.close(), 0);
  };
  return {
    symbols: Object.freeze(Object.fromEntries(functions)) as SymbolsOf<Fns>,
    close,
    [Symbol.dispose]: close,
  };
}
