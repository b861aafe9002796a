import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import {
  type Child,
  type Command,
  type Coprocess,
  coprocess,
  EventFd,
  type ExitStatus,
  type Fd,
  PidFd,
  pipeline,
  run,
  type RunResult,
  type SignalName,
  spawn,
  type Stdio,
} from "../../dist/lib/fd/mod.js";

const event = EventFd.create({ value: 1, semaphore: true });
expectType<EventFd>(event);
expectType<EventFd>(EventFd.create({ value: 2n ** 63n }));
expectType<EventFd>(EventFd.from(event.fd));
expectAssignable<Disposable>(event);
expectType<Fd>(event.fd);
expectType<Promise<bigint>>(event.read({ timeout: 1, signal: new AbortController().signal }));
expectType<bigint>(event.readSync({ interruptible: true }));
expectType<bigint | null>(event.tryRead());
expectType<void>(event.add());
expectType<boolean>(event.tryAdd(5n));
expectError(event.add("5"));
expectError(event.read({ position: 1 }));
expectError(event.readSync({ signal: new AbortController().signal }));
expectError(EventFd.from(3));
expectError(EventFd.create({ initial: 1 }));
expectError(event.fd = EventFd.create().fd);

const pid = PidFd.open(1);
expectType<PidFd>(pid);
expectType<PidFd>(PidFd.from(pid.fd));
expectType<number>(pid.pid);
expectType<boolean>(pid.alive);
expectType<Promise<ExitStatus>>(pid.exited({ timeout: 1 }));
expectType<ExitStatus>(pid.exitedSync());
expectType<ExitStatus | null>(pid.tryExited());
expectType<boolean>(pid.kill(40));
expectType<boolean>(pid.kill("SIGUSR1"));
expectError(pid.kill("USR1"));
expectError(PidFd.open("1"));
expectAssignable<SignalName>("SIGKILL");
expectNotAssignable<SignalName>("SIGPOLL"); // SIGIO's other name.

const child = await spawn("ls", ["-l"], {
  stdin: "null",
  stdout: "pipe",
  stderr: "stdout",
  fds: { 3: event.fd },
  env: { A: "1" },
  cwd: new URL("file:///"),
  detached: true,
  signal: new AbortController().signal,
  killSignal: "SIGINT",
});
expectType<Child>(child);
expectAssignable<AsyncDisposable>(child);
expectType<number>(child.pid);
expectType<Promise<ExitStatus>>(child.status);
expectType<Fd>(child.stdout);
expectType<boolean>(child.kill());
expectType<Promise<Child>>(spawn("ls"));
expectType<Promise<Child>>(spawn("ls", ["x"] as const, { fds: new Map([[3, event.fd]]) }));
expectAssignable<Stdio>("inherit");
expectNotAssignable<Stdio>("stdout");
expectError(spawn());
expectError(spawn(["ls"]));
expectError(spawn("ls", "-l"));
expectError(spawn("ls", [], { stdout: 1 }));
expectError(spawn("ls", [], { stdin: "ignore" }));
expectError(spawn("ls", [], { stdout: "stdout" }));
expectError(spawn("ls", [], { fds: { 3: 3 } }));
expectError(spawn("ls", [], { shell: true }));
expectError(child.kill(9));
expectError(child.pid = 1);

expectType<Promise<RunResult<string>>>(run("ls"));
expectType<Promise<RunResult<string>>>(run("ls", ["-l"], { input: "x", timeout: 1 }));
expectType<Promise<RunResult<Uint8Array>>>(run("ls", [], { bytes: true }));
expectType<Promise<RunResult<Uint8Array>>>(pipeline([["ls", "-l"], ["wc"]], { input: new Uint8Array(1), bytes: true }));
const { stdout, code, signal, statuses } = await pipeline([["ls"]]);
expectType<string>(stdout);
expectType<number | null>(code);
expectType<SignalName | number | null>(signal);
expectType<readonly ExitStatus[]>(statuses);
expectAssignable<Command>(["ls"]);
expectNotAssignable<Command>([]);
expectError(pipeline(["ls", "wc"]));
expectError(run("ls", [], { stdout: "null" }));
expectError(run("ls", [], { input: 1 }));

const talk = await coprocess("cat", [], { stderr: "null" });
expectType<Coprocess>(talk);
expectAssignable<Child>(talk);
expectType<AsyncIterable<string>>(talk.lines);
expectType<Promise<string | null>>(talk.readLine({ timeout: 1 }));
expectType<Promise<void>>(talk.writeLine("x", { signal: new AbortController().signal }));
expectType<Promise<void>>(talk.end());
expectType<Fd>(talk.stdin);
expectError(coprocess("cat", [], { stdin: "null" }));
expectError(talk.writeLine(new Uint8Array(1)));
