// Bun: a thin layer over bun:ffi, which is where the shim's names come from.
import { messageOf, MissingSymbol, type Native, type RawFunction, type Readable, type Signature } from "./native.ts";

interface BunSignature {
  args: string[];
  returns: string;
  threadsafe?: boolean;
}

interface BunFfi {
  dlopen(path: string, symbols: Record<string, BunSignature>): {
    symbols: Record<string, RawFunction>;
    close(): void;
  };
  ptr(view: unknown): number;
  toArrayBuffer(address: number | bigint, offset: number, length: number): ArrayBuffer;
  read: Record<Readable, (address: number | bigint, offset: number) => number | bigint>;
  JSCallback: new (run: RawFunction, signature: BunSignature) => { ptr: number; close(): void };
}

// By number of FFIType. A bool crosses as the byte it is; text is decoded by the shim, since what Bun makes of bytes
// that are no UTF-8 changed between its versions.
// deno-fmt-ignore
const names = [
  "i8", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f64", "f32", "u8", "ptr", "void", "ptr", "i64_fast",
  "u64_fast", "ptr", "", "", "ptr", "u64",
];

function translate({ args, returns }: Signature): BunSignature {
  return { args: args.map((type) => names[type]!), returns: names[returns]! };
}

/** Bun's FFI. */
export function openBun(): Native {
  // Asked for by name at run time: a static import of bun:ffi would not load in the other runtimes.
  const bun = (globalThis as unknown as { process: { getBuiltinModule(name: string): unknown } }).process
    .getBuiltinModule("bun:ffi") as BunFfi;
  return {
    open(path, signatures) {
      const table = Object.fromEntries(signatures.map((signature) => [signature.name, translate(signature)]));
      try {
        const library = bun.dlopen(path, table);
        return { functions: signatures.map(({ name }) => library.symbols[name]!), close: () => library.close() };
      } catch (error) {
        const missing = /^Symbol "(.*?)" not found/.exec(messageOf(error));
        throw missing ? new MissingSymbol(missing[1]!, error) : error;
      }
    },
    // Bun reads the address off a view itself and keeps the view for the call.
    pointer(value) {
      // Bun 1.2 takes null for NULL and a number for the rest, and misreads 0 and bigints.
      if (typeof value === "number") return value === 0 ? null : value;
      if (typeof value === "bigint") {
        return value === 0n ? null : value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
      }
      if (ArrayBuffer.isView(value)) void value.buffer; // C may keep the address: see below.
      return value.byteLength === 0 ? null : value;
    },
    buffer(value) {
      void value.buffer;
      return value.byteLength === 0 ? null : value;
    },
    wide: (value) => value,
    holds: false,
    address(bytes) {
      // JSC keeps small arrays elsewhere until somebody asks for their buffer, and moves the bytes then: an address
      // taken before that would be stale. So ask first.
      if (ArrayBuffer.isView(bytes)) void bytes.buffer;
      return bun.ptr(bytes);
    },
    memory: (address, length) => bun.toArrayBuffer(address, 0, length),
    read: (type, address) => bun.read[type](address, 0),
    callback(signature, run, threadsafe) {
      const callback = new bun.JSCallback(run, { ...translate(signature), threadsafe });
      return { address: callback.ptr, close: () => callback.close() };
    },
  };
}
