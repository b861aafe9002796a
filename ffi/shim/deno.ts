// Deno: Deno.dlopen. Addresses cross as u64, which the C ABI passes like a pointer and which, unlike Deno's pointer
// objects, costs no allocation.
import { messageOf, MissingSymbol, type Native, type RawFunction, type Readable, type Signature } from "./native.ts";
import type { Bytes } from "./types.ts";

interface DenoSignature {
  parameters: string[];
  result: string;
}

interface DenoCallback {
  pointer: object;
  close(): void;
  unref(): void;
}

interface DenoFfi {
  dlopen(path: string, symbols: Record<string, DenoSignature>): {
    symbols: Record<string, RawFunction>;
    close(): void;
  };
  UnsafePointer: {
    create(address: bigint): object | null;
    of(view: unknown): object | null;
    value(pointer: object | null): number | bigint;
  };
  UnsafePointerView: {
    new (pointer: object): Record<string, () => number | bigint>;
    getArrayBuffer(pointer: object, length: number): ArrayBuffer;
  };
  UnsafeCallback: {
    new (signature: DenoSignature, run: RawFunction): DenoCallback;
    threadSafe(signature: DenoSignature, run: RawFunction): DenoCallback;
  };
}

// By number of FFIType.
// deno-fmt-ignore
const names = [
  "i8", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f64", "f32", "u8", "u64", "void", "u64", "i64",
  "u64", "u64", "", "", "buffer", "u64",
];

const getters: Record<Readable, string> = {
  u8: "getUint8",
  i8: "getInt8",
  u16: "getUint16",
  i16: "getInt16",
  u32: "getUint32",
  i32: "getInt32",
  u64: "getBigUint64",
  i64: "getBigInt64",
  f32: "getFloat32",
  f64: "getFloat64",
};

function translate({ args, returns }: Signature): DenoSignature {
  return { parameters: args.map((type) => names[type]!), result: names[returns]! };
}

/** Deno's FFI. */
export function openDeno(): Native {
  const deno = (globalThis as unknown as { Deno: DenoFfi }).Deno;
  const { UnsafePointer, UnsafePointerView, UnsafeCallback } = deno;

  function address(bytes: Bytes): number | bigint {
    // V8 keeps small arrays in the moving heap until somebody asks for their buffer, so ask first.
    const view = ArrayBuffer.isView(bytes) ? bytes : new Uint8Array(bytes);
    void view.buffer;
    return UnsafePointer.value(UnsafePointer.of(view));
  }

  return {
    open(path, signatures) {
      const table = Object.fromEntries(signatures.map((signature) => [signature.name, translate(signature)]));
      try {
        const library = deno.dlopen(path, table);
        return { functions: signatures.map(({ name }) => library.symbols[name]!), close: () => library.close() };
      } catch (error) {
        const missing = /^Failed to register symbol (.*?): /.exec(messageOf(error));
        throw missing ? new MissingSymbol(missing[1]!, error) : error;
      }
    },
    pointer(value, hold) {
      if (typeof value === "number" || typeof value === "bigint") return value;
      // Only the address crosses: nothing but `hold` keeps the bytes if a callback lets the collector run.
      hold(value);
      return value.byteLength === 0 ? 0 : address(value);
    },
    buffer: (value) => value,
    wide: (value) => value,
    holds: true,
    address,
    memory: (at, length) => UnsafePointerView.getArrayBuffer(UnsafePointer.create(BigInt(at))!, length),
    read: (type, at) => new UnsafePointerView(UnsafePointer.create(BigInt(at))!)[getters[type]]!(),
    callback(signature, run, threadsafe) {
      const callback = threadsafe
        ? UnsafeCallback.threadSafe(translate(signature), run)
        : new UnsafeCallback(translate(signature), run);
      // As in Bun, an idle callback does not hold the process.
      if (threadsafe) callback.unref();
      return {
        address: UnsafePointer.value(callback.pointer),
        close(running) {
          // Freed under a running call it takes the process down. This thread is out of it after the current task;
          // when another thread is out of it nobody knows, so that trampoline stays, a few hundred bytes.
          if (!running) callback.close();
          else if (!threadsafe) setTimeout(() => callback.close(), 0);
        },
      };
    },
  };
}
