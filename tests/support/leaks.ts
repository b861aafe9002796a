/**
 * The leak listing: descriptors, mappings, threads and kernel objects, before and after each test file.
 *
 * Vitest loads this file before each test file (setupFiles). What the file leaves behind fails it by an error in
 * afterAll.
 */
import { afterAll } from "vitest";
import { closeWaiting } from "../../lib/core/_waiting.ts";
import { leftBehind, snapshot, warmUp } from "./snapshot.ts";

await warmUp();
const before = snapshot();

// Registered first, so it runs last, after the file's own afterAll hooks.
afterAll(async () => {
  closeWaiting(); // The thread's doorbell stays for the next wait, and there is none.
  const left = await leftBehind(before);
  if (left.length > 0) throw new Error(`Left behind by this file:\n  ${left.join("\n  ")}`);
});
