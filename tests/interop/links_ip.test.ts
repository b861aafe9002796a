/** links() against ip(8), in this network namespace and in one of the test's own with more links than fit at first. */
import { execFileSync, spawnSync } from "node:child_process";
import process from "node:process";
import { expect, test, type TestContext } from "vitest";
import { type Link, links } from "../../lib/netlink/mod.ts";
import { laneCommand, lanes, spawnLane, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";

interface Told {
  ifindex: number;
  ifname: string;
  flags: string[];
  mtu: number;
  operstate: string;
  address?: string;
  stats64: Record<"rx" | "tx", Record<"bytes" | "packets" | "errors" | "dropped", number>>;
}

const ip = (): Told[] => JSON.parse(execFileSync("ip", ["-j", "-d", "-s", "link"], { encoding: "utf8" }));

const counters = (link: Link) => ({
  rx: { bytes: link.rxBytes, packets: link.rxPackets, errors: link.rxErrors, dropped: link.rxDropped },
  tx: { bytes: link.txBytes, packets: link.txPackets, errors: link.txErrors, dropped: link.txDropped },
});

/** What ip prints for the same flags: it leaves RUNNING out and tells where it is missing. */
function flagsOf(link: Pick<Link, "flagNames">): string[] {
  const up = link.flagNames.includes("UP") && !link.flagNames.includes("RUNNING");
  return [...up ? ["NO-CARRIER"] : [], ...link.flagNames.filter((name) => name !== "RUNNING")];
}

const fixed = (link: Link) => ({
  ifindex: link.index,
  ifname: link.name,
  flags: flagsOf(link),
  mtu: link.mtu,
  operstate: link.state,
  address: link.address,
});

const fixedTold = ({ ifindex, ifname, flags, mtu, operstate, address = "" }: Told) => ({
  ifindex,
  ifname,
  flags: flags.filter((flag) => flag !== "M-DOWN"), // ip's own word for a peer that is down.
  mtu,
  operstate,
  address,
});

/** The command that runs another in a network namespace of its own; skips the test where none may be made. */
function namespaceOf(context: TestContext): string[] {
  needs(context, "unshare");
  const unshare = ["unshare", process.getuid?.() === 0 ? "-n" : "-rn"];
  const tried = spawnSync(unshare[0]!, [unshare[1]!, "true"], { encoding: "utf8" });
  if (tried.status !== 0) context.skip(`needs a network namespace: ${tried.stderr}`);
  return unshare;
}

test("links() equals ip -j -d -s link", (context) => {
  needs(context, "ip");
  const before = ip();
  const found = links();
  const after = ip();
  expect(found.map(fixed)).toEqual(after.map(fixedTold));
  for (const [i, link] of found.entries()) {
    for (const way of ["rx", "tx"] as const) {
      for (const what of ["bytes", "packets", "errors", "dropped"] as const) {
        const value = counters(link)[way][what];
        expect(value, `${link.name} ${way} ${what}`).toBeGreaterThanOrEqual(BigInt(before[i]!.stats64[way][what]));
        expect(value, `${link.name} ${way} ${what}`).toBeLessThanOrEqual(BigInt(after[i]!.stats64[way][what]));
      }
    }
  }
});

for (const lane of lanes) {
  test(`links() in a network namespace of its own with 84 links, on ${lane}`, async (context) => {
    needs(context, "ip");
    const unshare = namespaceOf(context);
    // Everything the program prints comes from inside the namespace, which goes when it ends.
    const program = laneCommand(lane, "tests/scenarios/links.ts").map((word) => `'${word}'`).join(" ");
    const script = `set -e
      ip link set lo up
      for i in $(seq 40); do ip link add a$i type veth peer name b$i; done
      ip link set a1 mtu 9000; ip link set a1 address 02:00:00:00:00:01; ip link set a1 up; ip link set b1 up
      ip link add bridge0 type bridge; ip link set a2 master bridge0; ip link set bridge0 up
      ip link add fifteen-letters type veth peer name x
      ip -j -d -s link; echo; exec ${program}`;
    await using running = start([...unshare, "sh", "-c", script]);
    const ended = await running.ended();
    expect(ended).toMatchObject({ status: 0, stderr: "" });
    const [told, ours] = ended.stdout.trim().split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    expect(ours.length).toBe(84);
    expect(ours.map((link: Told & Pick<Link, "flagNames">) => ({ ...link, flags: flagsOf(link) }))).toEqual(
      (told as Told[]).map((link) => expect.objectContaining(fixedTold(link))),
    );
  });
}

test("links() in a namespace without any traffic counts nothing", async (context) => {
  const unshare = namespaceOf(context);
  await using running = start([...unshare, ...laneCommand("node26", "tests/scenarios/links.ts")]);
  const ended = await running.ended();
  const found = JSON.parse(ended.stdout);
  const lo = found.find((link: Told) => link.ifname === "lo");
  expect(lo).toMatchObject({ operstate: "DOWN", flagNames: ["LOOPBACK"], rxBytes: "0", txBytes: "0" });
});

test("links() never lists an interface twice or none at all while others come and go", async (context) => {
  needs(context, "ip");
  const unshare = namespaceOf(context);
  const program = laneCommand("node26", "tests/scenarios/links.ts", ["--times", "400"]).map((word) => `'${word}'`);
  const script = `set -e
    for i in $(seq 60); do ip link add keep$i type veth peer name keep$i-x; done
    (while :; do ip link add churn type veth peer name churn-x; ip link del churn; done) & churn=$!
    ${program.join(" ")}; kill $churn; wait`;
  await using running = start([...unshare, "sh", "-c", script]);
  const ended = await running.ended();
  const { counts, doubled } = JSON.parse(ended.stdout);
  expect(doubled).toBe(0);
  // 121 that stay, and the two that come and go: seen in more than one state, else nothing was tried.
  expect(counts.length).toBeGreaterThan(1);
  for (const count of counts) expect([121, 122, 123]).toContain(count);
});

test("links() needs --allow-ffi of Deno and nothing else", async () => {
  const ended = await spawnLane("deno", "links", [], { flags: ["--allow-ffi"] });
  expect(ended).toMatchObject({ status: 0, stderr: "" });
});
