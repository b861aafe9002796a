import type { Door } from "./door.ts";
import { anonymousFile, type Libc } from "./memfd.ts";
import { detachByTransfer, lazily, type Loader, type Native } from "./native.ts";
import type { Kind, Signature } from "./symbols.ts";

const types = { u32: "u32", i32: "i32", f64: "f64", handle: "u32", fd: "i32", buffer: "ptr" } as const satisfies Record<
  Kind,
  string
>;

/** The part of bun:ffi this needs; other runtimes can't import the module for its types. */
interface BunFfi {
  dlopen(
    path: string,
    symbols: Record<string, { args: readonly string[]; returns: string }>,
  ): { symbols: Record<string, (...args: never[]) => unknown> };
  toArrayBuffer(address: number, offset: number, bytes: number): ArrayBuffer;
}

function bunFfi(): BunFfi {
  // Synchronous, and no specifier that another runtime or a bundler would try to resolve.
  return process.getBuiltinModule("bun:ffi") as unknown as BunFfi;
}

/** The part of Bun's sockets this needs. */
interface BunSocket {
  ref(): void;
  unref(): void;
  terminate(): void;
}

interface BunSockets {
  connect(options: {
    fd: number;
    socket: {
      open(socket: BunSocket): void;
      data(): void;
      error(socket: BunSocket, error: Error): void;
      close(): void;
    };
  }): Promise<unknown>;
}

/** node:net takes such a descriptor here and stays silent; Bun.connect() hears it. */
function adopt(fd: number, wake: () => void): Door {
  const { connect } = (globalThis as unknown as { Bun: BunSockets }).Bun;
  let socket: BunSocket | undefined;
  let held = false;
  let closed = false;
  const uncaught = (error: unknown) =>
    queueMicrotask(() => {
      throw error;
    });
  // Until open() runs the attempt itself keeps the program running, so that nothing is missed.
  connect({
    fd,
    socket: {
      open(opened) {
        if (closed) return opened.terminate();
        socket = opened;
        if (!held) opened.unref();
      },
      data() {
        try {
          wake();
        } catch (error) {
          uncaught(error); // Bun would take it to the handler of the socket's errors.
        }
      },
      error() {}, // A bell that ended has nothing more to say.
      close() {},
    },
  }).catch(uncaught);
  return {
    ref() {
      held = true;
      socket?.ref();
    },
    unref() {
      held = false;
      socket?.unref();
    },
    close() {
      closed = true;
      socket?.terminate();
    },
  };
}

function open(path: string): Native {
  const { dlopen, toArrayBuffer } = bunFfi();
  const lookUp = (name: string, { args, returns }: Signature) => {
    const definition = { args: args.map((kind) => types[kind]), returns: types[returns] };
    try {
      return dlopen(path, { [name]: definition }).symbols[name]!;
    } catch (error) {
      // Bun 1.2 does not say why it can't open a library, and a missing file is what load() goes on after.
      if (process.getBuiltinModule("node:fs").existsSync(path)) throw error;
      throw new Error(`Cannot open ${path}: no such file`, { cause: error });
    }
  };
  return {
    core: lazily(lookUp),
    loader: "bun:ffi",
    view: (address, bytes) => toArrayBuffer(address, 0, bytes),
    detach: detachByTransfer,
    pins: true,
    adopt,
  };
}

function openBytes(bytes: Uint8Array, name: string): Native {
  // musl answers to this name as well.
  const { symbols } = bunFfi().dlopen("libc.so.6", {
    close: { args: ["i32"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
    memfd_create: { args: ["ptr", "u32"], returns: "i32" },
    pread: { args: ["i32", "ptr", "usize", "i64"], returns: "isize" },
    readlink: { args: ["ptr", "ptr", "usize"], returns: "isize" },
    write: { args: ["i32", "ptr", "usize"], returns: "isize" },
  });
  const libc = symbols as unknown as Libc;
  const path = anonymousFile(
    {
      close: libc.close,
      fcntl: libc.fcntl,
      memfd_create: libc.memfd_create,
      pread: (fd, buffer, size, offset) => Number(libc.pread(fd, buffer, size, offset)),
      readlink: (link, buffer, size) => Number(libc.readlink(link, buffer, size)),
      write: (fd, buffer, size) => Number(libc.write(fd, buffer, size)),
    },
    bytes,
    name,
  );
  return open(path);
}

/** Opens the library with `bun:ffi`. */
export const bun: Loader = { open, openBytes };
