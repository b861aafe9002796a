// The network interfaces, by an RTM_GETLINK dump (zig/src/netlink.zig). Names and words are those of ip(8).
import { load } from "../../ffi/load.ts";
import { layouts } from "../../ffi/symbols.ts";
import { type Attempt, check } from "../core/_results.ts";

/**
 * What an interface can do at the moment (RFC 2863), in the words of ip(8).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { links, type LinkState } from "hawser/netlink";
 *
 * const usable: LinkState[] = ["UP", "UNKNOWN"]; // UNKNOWN: a driver without states, loopback for instance.
 * assert.ok(links().some((link) => usable.includes(link.state)));
 * ```
 */
export type LinkState = "UNKNOWN" | "NOTPRESENT" | "DOWN" | "LOWERLAYERDOWN" | "TESTING" | "DORMANT" | "UP";

// In the order of IF_OPER_*.
const states: readonly LinkState[] = [
  "UNKNOWN",
  "NOTPRESENT",
  "DOWN",
  "LOWERLAYERDOWN",
  "TESTING",
  "DORMANT",
  "UP",
];

/**
 * A flag of an interface: the kernel's IFF_ name without the prefix.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type LinkFlag, links } from "hawser/netlink";
 *
 * const wanted: LinkFlag = "LOOPBACK";
 * assert.equal(links().filter((link) => link.flagNames.includes(wanted)).length, 1);
 * ```
 */
export type LinkFlag =
  | "LOOPBACK"
  | "BROADCAST"
  | "POINTOPOINT"
  | "MULTICAST"
  | "NOARP"
  | "ALLMULTI"
  | "PROMISC"
  | "MASTER"
  | "SLAVE"
  | "DEBUG"
  | "DYNAMIC"
  | "AUTOMEDIA"
  | "PORTSEL"
  | "NOTRAILERS"
  | "UP"
  | "RUNNING"
  | "LOWER_UP"
  | "DORMANT"
  | "ECHO";

// The bits of IFF_*, in the order ip(8) prints them; of RUNNING ip only tells where it is missing.
const flagBits: Readonly<Record<LinkFlag, number>> = {
  LOOPBACK: 1 << 3,
  BROADCAST: 1 << 1,
  POINTOPOINT: 1 << 4,
  MULTICAST: 1 << 12,
  NOARP: 1 << 7,
  ALLMULTI: 1 << 9,
  PROMISC: 1 << 8,
  MASTER: 1 << 10,
  SLAVE: 1 << 11,
  DEBUG: 1 << 2,
  DYNAMIC: 1 << 15,
  AUTOMEDIA: 1 << 14,
  PORTSEL: 1 << 13,
  NOTRAILERS: 1 << 5,
  UP: 1 << 0,
  RUNNING: 1 << 6,
  LOWER_UP: 1 << 16,
  DORMANT: 1 << 17,
  ECHO: 1 << 18,
};

const flagList = Object.entries(flagBits) as [LinkFlag, number][];

/**
 * A network interface as it was at one moment.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Link, links } from "hawser/netlink";
 *
 * const traffic = (link: Link): bigint => link.rxBytes + link.txBytes;
 * for (const link of links()) assert.ok(traffic(link) >= 0n);
 * ```
 */
export interface Link {
  /** The kernel's number for it. */
  readonly index: number;
  /** Its name, `eth0` for instance. */
  readonly name: string;
  /** The hardware type, ARPHRD_*: 1 is Ethernet, 772 loopback. */
  readonly type: number;
  /** The largest packet in bytes. */
  readonly mtu: number;
  /** Every flag, as bits. */
  readonly flags: number;
  /** The flags that have a name. */
  readonly flagNames: readonly LinkFlag[];
  /** What it can do at the moment. */
  readonly state: LinkState;
  /** The hardware address, `02:fc:00:00:00:01` for instance; empty where it has none. */
  readonly address: string;
  /** Bytes received since it was made. */
  readonly rxBytes: bigint;
  /** Bytes sent. */
  readonly txBytes: bigint;
  /** Packets received. */
  readonly rxPackets: bigint;
  /** Packets sent. */
  readonly txPackets: bigint;
  /** Packets that came in damaged. */
  readonly rxErrors: bigint;
  /** Packets that could not be sent. */
  readonly txErrors: bigint;
  /** Packets received and dropped for want of room. */
  readonly rxDropped: bigint;
  /** Packets dropped before they were sent. */
  readonly txDropped: bigint;
}

const at = layouts.link;
const nameBytes = at.address - at.name;
const decoder = new TextDecoder();

/**
 * Lists the network interfaces of the network namespace that this thread is in.
 *
 * @returns The interfaces, in the kernel's order.
 * @throws {SystemError} If the kernel refuses, or (EAGAIN) if the list changed again and again while it was read.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { links } from "hawser/netlink";
 *
 * for (const { name, state, mtu, rxBytes, txBytes } of links()) {
 *   console.log(`${name} is ${state}, mtu ${mtu}, received ${rxBytes} bytes, sent ${txBytes}`);
 * }
 * assert.ok(links().some((link) => link.name === "lo"));
 * ```
 */
export function links(): Link[] {
  const { core } = load();
  for (let room = 16;;) {
    const bytes = new Uint8Array(room * at.size);
    const count = check(core.hawser_netlink_links(bytes, bytes.length), attempt);
    if (count <= room) return Array.from({ length: count }, (_, i) => read(bytes, i * at.size));
    room = count + 8; // Some may be added before we come again.
  }
}

const attempt = (): Attempt => ({
  what: "list the network interfaces",
  operation: "netlink_links",
  states: {
    EAGAIN: "they changed each time while they were read",
    ETIMEDOUT: "the kernel did not answer",
    EBADMSG: "the kernel's answer is malformed",
    EAFNOSUPPORT: "this system has no netlink",
  },
});

function read(bytes: Uint8Array, start: number): Link {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, at.size);
  const u64 = (offset: number) => view.getBigUint64(offset, true);
  const flags = view.getUint32(at.flags, true);
  const name = bytes.subarray(start + at.name, start + at.name + nameBytes);
  const address = bytes.subarray(start + at.address, start + at.address + view.getUint8(at.address_bytes));
  return {
    index: view.getUint32(at.index, true),
    name: decoder.decode(name.subarray(0, name.indexOf(0))),
    type: view.getUint16(at.type, true),
    mtu: view.getUint32(at.mtu, true),
    flags,
    flagNames: flagList.filter(([, bit]) => (flags & bit) !== 0).map(([flag]) => flag),
    state: states[view.getUint8(at.operstate)] ?? "UNKNOWN",
    address: Array.from(address, (byte) => byte.toString(16).padStart(2, "0")).join(":"),
    rxBytes: u64(at.rx_bytes),
    txBytes: u64(at.tx_bytes),
    rxPackets: u64(at.rx_packets),
    txPackets: u64(at.tx_packets),
    rxErrors: u64(at.rx_errors),
    txErrors: u64(at.tx_errors),
    rxDropped: u64(at.rx_dropped),
    txDropped: u64(at.tx_dropped),
  };
}
