import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import {
  Fd,
  type FdKind,
  type FdStat,
  type OpenFlag,
  poll,
  type PollResult,
  pollSync,
  type Ready,
  ready,
} from "../../dist/lib/fd/mod.js";

expectType<Fd>(Fd.open("/dev/null"));
expectType<Fd>(Fd.open("/dev/null", "O_RDWR"));
expectType<Fd>(Fd.open("/dev/null", ["O_WRONLY", "O_CREAT"] as const, 0o600));
expectError(Fd.open());
expectError(Fd.open(3));
expectType<Fd>(Fd.open(new URL("file:///")));
expectError(Fd.open("/dev/null", 2));
expectError(Fd.open("/dev/null", "r"));
expectError(Fd.open("/dev/null", "O_CLOEXEC")); // Always set.
expectError(Fd.open("/dev/null", ["O_RDWR", "w"]));
expectError(Fd.open("/dev/null", "O_RDWR", "600"));

expectType<Fd>(Fd.from(3));
expectError(Fd.from("3"));
expectError(Fd.from(3n));
expectError(Fd.from());

const fd = Fd.open("/dev/null");
expectAssignable<Disposable>(fd);
expectType<number>(fd.number);
expectType<boolean>(fd.closed);
expectType<number>(fd.release());
expectType<Fd>(fd.dup());
expectType<Fd>(fd.dup(10));
expectError(fd.dup("10"));
expectError(fd.number = 3);
expectError(fd.closed = true);
expectType<void>(fd.close());
expectNotAssignable<Fd>({ number: 3, closed: false }); // Only Fd makes one.

const stat = fd.stat();
expectType<FdStat>(stat);
expectType<FdKind>(stat.kind);
expectType<number>(stat.size);
expectType<bigint>(stat.inode);
expectType<bigint>(stat.device);
expectError(stat.size = 5);
expectAssignable<FdKind>("character device");
expectNotAssignable<FdKind>("pipe");
expectAssignable<OpenFlag>("O_TMPFILE");
expectNotAssignable<OpenFlag>("O_FOO");

expectType<Promise<number>>(
  fd.read(new Uint8Array(1), { position: 1, timeout: 1, signal: new AbortController().signal }),
);
expectType<number>(fd.readSync(new Uint8Array(1), { interruptible: true }));
expectType<number | null>(fd.tryRead(new Uint8Array(1)));
expectType<Promise<number>>(fd.write(new Uint8Array(1)));
expectType<number>(fd.writeSync(new Uint8Array(1), { position: 1 }));
expectType<number | null>(fd.tryWrite(new Uint8Array(1)));
expectError(fd.read("x"));
expectError(fd.readSync(new Uint8Array(1), { signal: new AbortController().signal }));
expectError(fd.read(new Uint8Array(1), { interruptible: true }));
expectError(fd.tryRead(new Uint8Array(1), { position: 1 }));
expectError(fd.write(new Uint16Array(1)));

expectType<Promise<Ready>>(ready(fd, "readable"));
expectType<Promise<Ready>>(ready(fd, ["readable", "priority"], { timeout: 1 }));
expectError(ready(fd, "read"));
expectError(ready(3, "readable"));
expectType<Promise<PollResult[]>>(poll([{ fd, events: "writable" }]));
expectType<PollResult[]>(pollSync([{ fd, events: ["writable"] }], { timeout: 0 }));
expectError(pollSync([{ fd, events: "writable" }], { signal: new AbortController().signal }));
expectError(poll([{ fd }]));
