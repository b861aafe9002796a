// links() on the oldest runtimes, against what the kernel says of the same interfaces in /proc and /sys.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { links } from "../../lib/netlink/mod.ts";

interface Told {
  name: string;
  rx: bigint;
  tx: bigint;
}

function told(): Told[] {
  return readFileSync("/proc/net/dev", "utf8").trim().split("\n").slice(2).map((line) => {
    const [name, numbers] = line.split(/:(.*)/) as [string, string];
    const fields = numbers.trim().split(/\s+/);
    return { name: name.trim(), rx: BigInt(fields[0]!), tx: BigInt(fields[8]!) };
  });
}

const sys = (name: string, what: string) => readFileSync(`/sys/class/net/${name}/${what}`, "utf8").trim();

// IFF_UP, BROADCAST, LOOPBACK, POINTOPOINT, NOARP, MULTICAST: what netlink adds or counts otherwise is left out.
const settable = 0x109b;

const before = new Map(told().map((link) => [link.name, link]));
const found = links();
const after = new Map(told().map((link) => [link.name, link]));

assert.deepEqual(found.map(({ name }) => name).sort(), [...after.keys()].sort());
for (const link of found) {
  const { name } = link;
  assert.deepEqual(
    [link.index, link.mtu, link.type, link.flags & settable],
    [
      Number(sys(name, "ifindex")),
      Number(sys(name, "mtu")),
      Number(sys(name, "type")),
      Number(sys(name, "flags")) & settable,
    ],
    name,
  );
  assert.equal(link.address, link.flagNames.includes("LOOPBACK") ? "00:00:00:00:00:00" : sys(name, "address"));
  assert.equal(link.state.toLowerCase(), sys(name, "operstate").toLowerCase());
  // Traffic goes on while we look: the counters stand between the two readings.
  assert(before.get(name)!.rx <= link.rxBytes && link.rxBytes <= after.get(name)!.rx, `rx of ${name}`);
  assert(before.get(name)!.tx <= link.txBytes && link.txBytes <= after.get(name)!.tx, `tx of ${name}`);
}
const lo = found.find(({ name }) => name === "lo");
assert(lo?.flagNames.includes("LOOPBACK") && lo.type === 772);
console.log("ok");
