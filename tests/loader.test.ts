import { expect, test } from "vitest";
import { load } from "../ffi/load.ts";

test("smoke", () => {
  const { core, view, detach, via, loader } = load();
  const h = core.hawser_memory_anonymous(65536, 8);
  expect(h).toBeGreaterThanOrEqual(0);
  const buffer = view(core.hawser_memory_address(h), 65536);
  const words = new Int32Array(buffer);
  Atomics.add(words, 3, 7);
  expect(words[3]).toBe(7);
  detach(buffer);
  expect(buffer.byteLength).toBe(0);
  expect(core.hawser_memory_close(h, 0)).toBe(0);
  expect(core.hawser_memory_close(h, 0)).toBe(-9);
  console.log(via, loader);
});
