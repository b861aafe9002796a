// Node >= 26.1: node:ffi. It ignores keys of a signature that it does not know, so { args, returns } handed on as it
// is would make functions that take and return nothing: the words here are `arguments` and `return`.
import { messageOf, MissingSymbol, type Native, type RawFunction, type Readable, type Signature } from "./native.ts";
import type { Bytes } from "./types.ts";

interface NodeSignature {
  arguments: string[];
  return: string;
}

interface NodeLibrary {
  getFunction(name: string, signature: NodeSignature): RawFunction;
  registerCallback(signature: NodeSignature, run: RawFunction): bigint;
  unregisterCallback(address: bigint): void;
  close(): void;
}

interface NodeFfi extends Record<string, unknown> {
  DynamicLibrary: new (path: string | null) => NodeLibrary;
  getRawPointer(source: unknown): bigint;
  toArrayBuffer(address: bigint, length: number, copy: boolean): ArrayBuffer;
}

// By number of FFIType.
// deno-fmt-ignore
const names = [
  "int8", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float64", "float32", "uint8",
  "pointer", "void", "pointer", "int64", "uint64", "pointer", "", "", "pointer", "uint64",
];

const getters: Record<Readable, string> = {
  u8: "getUint8",
  i8: "getInt8",
  u16: "getUint16",
  i16: "getInt16",
  u32: "getUint32",
  i32: "getInt32",
  u64: "getUint64",
  i64: "getInt64",
  f32: "getFloat32",
  f64: "getFloat64",
};

function translate({ args, returns }: Signature): NodeSignature {
  return { arguments: args.map((type) => names[type]!), return: names[returns]! };
}

/** node:ffi speaks of ArrayBuffers and views only, so a SharedArrayBuffer goes in as a view of it. */
function asView(bytes: Bytes): Bytes {
  return ArrayBuffer.isView(bytes) || bytes instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
}

/** Node's FFI. */
export function openNode(): Native {
  const process = (globalThis as unknown as {
    process: { versions: { node: string }; getBuiltinModule?(name: string): unknown };
  }).process;
  const { node: version } = process.versions;
  const ffi = process.getBuiltinModule?.("node:ffi") as NodeFfi | undefined;
  if (ffi === undefined) {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const known = major > 26 || (major === 26 && minor >= 1);
    throw new Error(
      known
        ? `Cannot use hawser/ffi: this Node ${version} has no node:ffi (built without it, or started with --no-experimental-ffi)`
        : `Cannot use hawser/ffi: it wants Node >= 26.1 for node:ffi, Deno or Bun, and this is Node ${version}`,
    );
  }
  // Callbacks belong to a library here; the process itself is one that is never closed.
  let self: NodeLibrary | undefined;

  return {
    open(path, signatures) {
      const library = new ffi.DynamicLibrary(path);
      const functions: RawFunction[] = [];
      for (const signature of signatures) {
        try {
          functions.push(library.getFunction(signature.name, translate(signature)));
        } catch (error) {
          library.close();
          throw messageOf(error).startsWith("dlsym") ? new MissingSymbol(signature.name, error) : error;
        }
      }
      return { functions, close: () => library.close() };
    },
    pointer: (value) => typeof value === "number" ? BigInt(value) : typeof value === "bigint" ? value : asView(value),
    buffer: (value) => value,
    wide: (value) => typeof value === "number" ? BigInt(value) : value,
    holds: false,
    address: (bytes) => ffi.getRawPointer(asView(bytes)),
    memory: (address, length) => ffi.toArrayBuffer(BigInt(address), length, false),
    read: (type, address) =>
      (ffi[getters[type]] as (address: bigint, offset: number) => number | bigint)(BigInt(address), 0),
    callback(signature, run, threadsafe) {
      if (threadsafe) {
        throw new Error("Cannot make a threadsafe callback: node:ffi takes calls on the thread that made it only");
      }
      self ??= new ffi.DynamicLibrary(null);
      const library = self;
      const address = library.registerCallback(translate(signature), run);
      return {
        address,
        close(running) {
          // Freed under a running call it takes the process down.
          if (running) setTimeout(() => library.unregisterCallback(address), 0);
          else library.unregisterCallback(address);
        },
      };
    },
  };
}
