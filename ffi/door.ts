// The doorbell's read end, in the hands of the runtime's event loop.

/** A doorbell the event loop listens to. Whether it keeps the program running is up to ref() and unref(). */
export interface Door {
  /** Keeps the program running while the door is open. */
  ref(): void;
  /** Lets the program end although the door is open: so it begins. */
  unref(): void;
  /** Closes the descriptor; `wake` is not called any more. */
  close(): void;
}

/**
 * Gives a stream socket to node:net, which closes it at the end: Node's way, and Deno's.
 *
 * @param fd The socket. It is node:net's from here on, except where this throws.
 * @param wake Called when bytes arrived, which are read and dropped. What it throws is an uncaught exception.
 */
export function adoptByNet(fd: number, wake: () => void): Door {
  // Here and not at the top of the module: Deno takes several milliseconds for node:net, and few programs wait.
  const { Socket } = process.getBuiltinModule("node:net");
  const socket = new Socket({
    fd,
    readable: true,
    writable: false,
    // Events of the stream would cost three times as much as this.
    onread: {
      buffer: new Uint8Array(64),
      callback: () => {
        wake();
        return true;
      },
    },
  });
  socket.on("error", () => {}); // A bell that ended has nothing more to say.
  socket.resume();
  socket.unref();
  return { ref: () => void socket.ref(), unref: () => void socket.unref(), close: () => void socket.destroy() };
}
