// Normal exit, as far as a runtime tells of it: the end of the program, process.exit() and Deno.exit(). No signal.

const tasks = new Set<() => void>();
let installed = false;

/** Runs `task` at normal exit, once, unless it is taken back before. */
export function atExit(task: () => void): Disposable {
  if (!installed) {
    installed = true;
    process.on("exit", () => tasks.forEach((task) => task()));
  }
  tasks.add(task);
  return { [Symbol.dispose]: () => void tasks.delete(task) };
}
