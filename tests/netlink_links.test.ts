import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { links } from "../lib/netlink/mod.ts";

test("links() lists loopback with what every Linux says of it", () => {
  const loopback = links().find((link) => link.name === "lo");
  expect(loopback).toMatchObject({ index: 1, type: 772, address: "00:00:00:00:00:00" });
  expect(loopback?.flagNames).toContain("LOOPBACK");
  expect(loopback!.flags & 8).toBe(8);
});

test("links() lists what /proc/net/dev lists, and counters that only grow", () => {
  const counters = () =>
    new Map(
      readFileSync("/proc/net/dev", "utf8").trim().split("\n").slice(2).map((line) => {
        const [name, ...fields] = line.trim().split(/[:\s]+/);
        return [name!, fields.map(BigInt)] as const;
      }),
    );
  const before = counters();
  const found = links();
  const after = counters();
  expect(found.map((link) => link.name)).toEqual([...before.keys()]);
  for (const link of found) {
    const [low, high] = [before.get(link.name)!, after.get(link.name)!];
    // rx: bytes packets errs drop ..., tx from the ninth on.
    for (
      const [field, at] of [["rxBytes", 0], ["rxPackets", 1], ["rxErrors", 2], ["txBytes", 8], ["txPackets", 9], [
        "txErrors",
        10,
      ]] as const
    ) {
      expect(link[field], `${link.name} ${field}`).toBeGreaterThanOrEqual(low[at]!);
      expect(link[field], `${link.name} ${field}`).toBeLessThanOrEqual(high[at]!);
    }
  }
});

test("links() leaves no descriptor behind, call after call", () => {
  // The leak listing of tests/support/leaks.ts counts them when this file ends; 2,000 would be past the usual limit.
  for (let i = 0; i < 2_000; i++) links();
});
