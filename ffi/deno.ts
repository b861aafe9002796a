import { adoptByNet } from "./door.ts";
import { NativeLibraryError } from "./errors.ts";
import { anonymousFile } from "./memfd.ts";
import { type Callable, detachByTransfer, lazily, type Loader, type Native } from "./native.ts";
import type { Kind, Signature } from "./symbols.ts";

const types = {
  u32: "u32",
  i32: "i32",
  f64: "f64",
  handle: "u32",
  fd: "i32",
  buffer: "buffer",
} as const satisfies Record<
  Kind,
  Deno.NativeType
>;

/** Deno opens a library that --allow-ffi=PATH names, but makes pointers only for those whom --allow-ffi lets do all. */
function pointerTo(address: number): Deno.PointerValue {
  try {
    return Deno.UnsafePointer.create(BigInt(address));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new NativeLibraryError("Cannot use native memory: run Deno with --allow-ffi, without a path", {
      code: "ERR_PERMISSION",
      cause: error,
    });
  }
}

function open(path: string): Native {
  const lookUp = (name: string, { args, returns }: Signature) => {
    const definition = { parameters: args.map((kind) => types[kind]), result: types[returns] };
    return Deno.dlopen(path, { [name]: definition }).symbols[name] as Callable;
  };
  return {
    core: lazily(lookUp),
    loader: "Deno.dlopen",
    view(address, bytes) {
      const pointer = pointerTo(address);
      if (pointer === null) throw new RangeError("Cannot view memory: the address is zero");
      return Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
    },
    detach: detachByTransfer,
    pins: false,
    adopt: adoptByNet,
  };
}

function openBytes(bytes: Uint8Array, name: string): Native {
  // A permission that names paths would make Deno look for "libc.so.6" in the working directory; ask for all of it.
  if (Deno.permissions.requestSync({ name: "ffi" }).state !== "granted") {
    throw new Deno.errors.NotCapable("Requires ffi access");
  }
  // musl answers to this name as well.
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    close: { parameters: ["i32"], result: "i32" },
    fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
    memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
    pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
    readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
    write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  });
  const own = (view: Uint8Array) => view as Uint8Array<ArrayBuffer>;
  const path = anonymousFile(
    {
      close: (fd) => libc.close(fd),
      fcntl: (fd, command, argument) => libc.fcntl(fd, command, argument),
      memfd_create: (text, flags) => libc.memfd_create(own(text), flags),
      pread: (fd, buffer, size, offset) => Number(libc.pread(fd, own(buffer), BigInt(size), BigInt(offset))),
      readlink: (link, buffer, size) => Number(libc.readlink(own(link), own(buffer), BigInt(size))),
      write: (fd, buffer, size) => Number(libc.write(fd, own(buffer), BigInt(size))),
    },
    bytes,
    name,
  );
  return open(path);
}

/** Opens the library with `Deno.dlopen`, which needs --allow-ffi. */
export const deno: Loader = { open, openBytes };
