// ThreadSanitizer: an order between threads that is left out in a copy of a source must be told.
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { bin, root } from "../bins.mjs";
import { work } from "../setup.mjs";
import { watched } from "../watched.mjs";

const copy = `${work}tsan/`;
const source = `${copy}zig/src/bell.zig`;
// Both, since either gives most records an order.
const orders = [["@intFromPtr(done), .release,", "@intFromPtr(done), .monotonic,"], [
  "&bell.pending, .Xchg, 1, .acq_rel",
  "&bell.pending, .Xchg, 1, .monotonic",
]];

const run = () =>
  watched([bin("zig"), "build", "test", "-Dtsan=true", "-Dfilter=many threads", "--color", "off"], {
    quiet: true,
    cwd: `${copy}zig`,
    seconds: 420,
  });

export default {
  name: "tsan: bell",
  what: "records that are handed to another thread with nothing to order them",
  async run() {
    rmSync(copy, { recursive: true, force: true });
    try {
      cpSync(`${root}zig`, `${copy}zig`, { recursive: true, filter: (path) => !/zig-out|[.]zig-cache/.test(path) });
      const control = await run();
      if (control.status !== 0) return { red: false, output: `The control is not green:\n${control.output}` };
      let text = readFileSync(source, "utf8");
      for (const [from, to] of orders) {
        if (!text.includes(from)) throw new Error(`bell.zig no longer says: ${from}`);
        text = text.replace(from, to);
      }
      writeFileSync(source, text);
      const { status, output } = await run();
      return { red: status !== 0 && /data race[^]*bell\.(drain|complete|oldestFirst|test)/.test(output), output };
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  },
};
