// The collector: reads the kernel's figures at each interval and publishes them.
import { links } from "../../lib/netlink/mod.ts";
import { busyBetween, cpuTicks, memoryFigures } from "./figures.ts";
import { linksMax } from "./record.ts";
import { Seat } from "./role.ts";

const noLink = {
  ...{ index: 0, mtu: 0, flags: 0, name: "", state: "", address: "" },
  ...{ rxBytes: 0n, txBytes: 0n, rxRate: 0, txRate: 0 },
};

const look = () => ({ at: performance.timeOrigin + performance.now(), cpu: cpuTicks(), links: links() });

{
  using seat = await Seat.join("collector");
  let before = look();
  while (await seat.pause()) {
    const now = look();
    const seconds = (now.at - before.at) / 1000;
    const rate = (bytes: bigint, bytesBefore = bytes) => Math.max(0, Number(bytes - bytesBefore) / seconds);
    const memory = memoryFigures();
    const shown = now.links.slice(0, linksMax).map((link) => {
      const last = before.links.find(({ index }) => index === link.index);
      return { ...link, rxRate: rate(link.rxBytes, last?.rxBytes), txRate: rate(link.txBytes, last?.txBytes) };
    });
    seat.record.sample.publish({
      at: now.at,
      cpus: now.cpu.cpus,
      cpuBusy: busyBetween(before.cpu, now.cpu),
      memoryTotal: memory.total,
      memoryAvailable: memory.available,
      linkCount: now.links.length,
      links: Array.from({ length: linksMax }, (_, i) => shown[i] ?? noLink),
    });
    before = now;
  }
}
