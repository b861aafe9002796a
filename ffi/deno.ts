import { anonymousFile } from "./memfd.ts";
import { detachByTransfer, type Loader, type Native, type Table } from "./native.ts";
import { type Core, type Kind, signatures } from "./symbols.ts";

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

function open(path: string, table: Table = signatures): Native {
  const symbols: Record<string, Deno.ForeignFunction> = {};
  for (const [name, { args, returns }] of Object.entries(table)) {
    symbols[name] = { parameters: args.map((kind) => types[kind]), result: types[returns] };
  }
  return {
    core: Deno.dlopen(path, symbols).symbols as unknown as Core,
    loader: "Deno.dlopen",
    view(address, bytes) {
      const pointer = Deno.UnsafePointer.create(BigInt(address));
      if (pointer === null) throw new RangeError("Cannot view memory: the address is zero");
      return Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
    },
    detach: detachByTransfer,
  };
}

function openBytes(bytes: Uint8Array, name: string): Native {
  // A permission that names paths would make Deno look for "libc.so.6" in the working directory; ask for all of it.
  if (Deno.permissions.requestSync({ name: "ffi" }).state !== "granted") {
    throw new Deno.errors.NotCapable("Requires ffi access");
  }
  // musl answers to this name as well.
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
    memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
    pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
    readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
    write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  });
  const own = (view: Uint8Array) => view as Uint8Array<ArrayBuffer>;
  const path = anonymousFile(
    {
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
