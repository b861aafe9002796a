// Prints what links() finds as one line of JSON, by the names ip(8) uses; with --times N what N calls found.
import { parseArgs } from "node:util";
import { links } from "../../lib/netlink/mod.ts";

const { values } = parseArgs({ options: { times: { type: "string" } } });

if (values.times === undefined) {
  const found = links().map((link) => ({
    ifindex: link.index,
    ifname: link.name,
    flagNames: link.flagNames,
    mtu: link.mtu,
    operstate: link.state,
    address: link.address,
    rxBytes: String(link.rxBytes),
    txBytes: String(link.txBytes),
  }));
  console.log(JSON.stringify(found));
} else {
  const counts = new Set<number>();
  let doubled = 0;
  for (let i = 0; i < Number(values.times); i++) {
    const found = links();
    counts.add(found.length);
    if (new Set(found.map((link) => link.index)).size !== found.length) doubled++;
  }
  console.log(JSON.stringify({ counts: [...counts], doubled }));
}
