import process from "node:process";
import { defineConfig } from "vitest/config";

// One suite for every runtime. Bun's child_process lacks channel.unref, which the pool `forks` calls; Deno's
// worker_threads lack parentPort.removeAllListeners, which `threads` calls.
export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    pool: "Bun" in globalThis ? "threads" : "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    ...(process.env.HAWSER_REPORT && {
      reporters: ["default", "json"],
      outputFile: { json: process.env.HAWSER_REPORT },
    }),
  },
});
