// npm run docs: the API's pages as HTML, in docs/api/.
import { rmSync } from "node:fs";
import process from "node:process";
import { bin, root } from "./bins.mjs";
import { entries } from "./examples.mjs";
import { command, setup } from "./setup.mjs";

await setup({ native: false, dist: false });
rmSync(`${root}docs/api`, { recursive: true, force: true });
const paths = entries().map(({ path }) => path);
try {
  command(bin("deno"), ["doc", "--quiet", "--html", "--name=hawser", "--output=docs/api", ...paths]);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
console.log("docs/api/index.html");
