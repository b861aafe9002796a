import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import {
  copyFileRange,
  Fd,
  type FdFlags,
  type FdKind,
  type FdStat,
  Fifo,
  type OpenFd,
  type OpenFlag,
  type Pipe,
  pipe,
  pipeCapacity,
  poll,
  type PollResult,
  pollSync,
  pump,
  type Ready,
  ready,
  sendfile,
  splice,
  spliceSync,
  tee,
  teeSync,
  trySplice,
  tryTee,
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

expectType<Promise<number>>(fd.read([new Uint8Array(1), new Uint8Array(1)]));
expectType<number>(fd.writeSync([new Uint8Array(1)] as const));
expectError(fd.read(["x"]));
expectType<Promise<Uint8Array>>(fd.readAll({ timeout: 1 }));
expectType<Uint8Array>(fd.readAllSync());
expectError(fd.readAllSync({ signal: AbortSignal.abort() }));
expectType<Promise<void>>(fd.writeAll(new Uint8Array(1), { position: 0 }));
expectType<void>(fd.writeAllSync([new Uint8Array(1)]));
expectAssignable<ReadableStream<Uint8Array>>(fd.readable);
expectType<WritableStream<Uint8Array>>(fd.writable);
expectType<FdFlags>(fd.flags);
expectType<void>(fd.setFlags({ nonblock: true, closeOnExec: false }));
expectError(fd.setFlags({ access: "O_RDWR" }));
expectError(fd.setFlags({ nonblock: 1 }));
expectType<number>(fd.seek(-1, "end"));
expectError(fd.seek(1, "top"));
expectError(fd.seek(1n));
expectType<void>(fd.truncate(5));
expectType<Promise<void>>(fd.sync());
expectType<Promise<void>>(fd.datasync({ timeout: 1 }));
expectType<OpenFd[]>(Fd.list());
expectError(Fd.trace());

expectType<Pipe>(pipe());
expectAssignable<Disposable>(pipe({ capacity: 4096, packet: true }));
expectError(pipe(4096));
expectType<number>(pipeCapacity(fd, 1));

expectType<Fifo>(Fifo.make("x", { mode: 0o600, directory: fd }));
expectType<Promise<Fd>>(Fifo.open("x", "read", { timeout: 1 }));
expectType<Fd>(Fifo.openSync("x", "write", { timeout: 1 }));
expectError(Fifo.openSync("x", "write", { signal: AbortSignal.abort() }));
expectType<Fd | null>(Fifo.tryOpen("x", "both"));
expectError(Fifo.open("x", "append"));

expectType<Promise<number>>(splice(fd, fd, { count: 1 }));
expectType<number>(spliceSync(fd, fd));
expectType<number | null>(trySplice(fd, fd, 5));
expectType<Promise<number>>(tee(fd, fd));
expectType<number>(teeSync(fd, fd, { timeout: 1 }));
expectType<number | null>(tryTee(fd, fd));
expectType<Promise<number>>(sendfile(fd, fd, { position: 1 }));
expectType<Promise<number>>(copyFileRange(fd, fd, { fromPosition: 1, toPosition: 2 }));
expectType<Promise<number>>(pump(fd, fd, { signal: AbortSignal.abort() }));
expectError(pump(1, fd));
