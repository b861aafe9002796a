// The types of hawser/socket, as programs see them.
import { expectAssignable, expectError, expectType } from "tsd";
import type { Fd } from "hawser/fd";
import {
  type Credentials,
  socketPair,
  type SystemError,
  type UnixAddress,
  type UnixKind,
  UnixListener,
  type UnixMessage,
  UnixSocket,
} from "hawser/socket";

declare const fd: Fd;
const data = new Uint8Array(1);

expectType<[UnixSocket, UnixSocket]>(socketPair());
expectType<[UnixSocket, UnixSocket]>(socketPair("datagram"));
expectError(socketPair("raw"));

expectAssignable<UnixAddress>({ path: "/run/x" });
expectAssignable<UnixAddress>({ abstract: "x" });
expectAssignable<UnixAddress>({ abstract: data });
expectError<UnixAddress>({ path: data });
expectError<UnixAddress>("/run/x");
expectError<UnixAddress>({});

const listener = UnixListener.listen({ path: "/run/x" }, { kind: "seqpacket", mode: 0o660, backlog: 1 });
expectType<UnixListener>(listener);
expectType<UnixListener>(UnixListener.listen("autobind"));
expectType<UnixListener>(UnixListener.from(fd));
expectError(UnixListener.listen("/run/x"));
expectError(UnixListener.listen({ abstract: "x" }, { kind: "datagram" }));
expectError(UnixListener.listen({ abstract: "x" }, { permissions: 0o600 }));
expectType<Promise<UnixSocket>>(listener.accept({ signal: AbortSignal.timeout(1), timeout: 1 }));
expectType<UnixSocket>(listener.acceptSync({ timeout: 1, interruptible: true }));
expectType<UnixSocket | null>(listener.tryAccept());
expectAssignable<AsyncIterable<UnixSocket>>(listener);
expectAssignable<Disposable>(listener);

const socket = UnixSocket.connectSync({ abstract: "x" }, { kind: "datagram", local: "autobind", interruptible: true });
expectType<Promise<UnixSocket>>(UnixSocket.connect({ path: "x" }, { timeout: 1 }));
expectError(UnixSocket.connectSync({ path: "x" }, { signal: AbortSignal.timeout(1) }));
expectType<UnixSocket>(UnixSocket.bind());
expectType<UnixSocket>(UnixSocket.bind({ path: "x" }, { mode: 0o600 }));
expectType<UnixSocket>(UnixSocket.from(fd));
expectError(UnixSocket.from(3));
expectType<Fd>(socket.fd);
expectType<UnixKind>(socket.kind);
expectError(socket.kind = "stream");

expectType<Promise<void>>(socket.send(data, { fds: [fd], to: { abstract: "x" }, timeout: 1 }));
expectType<void>(socket.sendSync(data, { credentials: { pid: 1, uid: 0, gid: 0 }, interruptible: true }));
expectType<number | null>(socket.trySend(data, { fds: [fd] }));
expectError(socket.send("text"));
expectError(socket.send(data, { fds: [3] }));
expectError(socket.trySend(data, { timeout: 1 }));
expectType<Promise<UnixMessage>>(socket.receive({ maxFds: 1, maxBytes: 10, signal: AbortSignal.timeout(1) }));
expectType<UnixMessage>(socket.receiveSync({ buffer: data, timeout: 1 }));
expectType<UnixMessage | null>(socket.tryReceive({ maxFds: 1 }));
expectError(socket.receiveSync({ fds: 1 }));
expectAssignable<AsyncIterable<UnixMessage>>(socket);
expectAssignable<AsyncIterable<UnixMessage>>(socket.messages({ maxFds: 1 }));

declare const message: UnixMessage;
expectType<Uint8Array>(message.data);
expectType<Fd[]>(message.fds);
expectType<Credentials | null>(message.credentials);
expectType<Fd | null>(message.pidfd);
expectType<UnixAddress | null>(message.from);
expectType<boolean>(message.end);
expectAssignable<Disposable>(message);

expectType<UnixAddress | null>(socket.getsockname());
expectType<UnixAddress | null>(socket.getpeername());
expectType<Credentials | null>(socket.peerCredentials());
expectType<Fd>(socket.peerPidfd());
expectType<SystemError | null>(socket.takeError());
expectType<ReadableStream<Uint8Array>>(socket.readable);
expectType<WritableStream<Uint8Array>>(socket.writable);
expectError(socket.shutdown("all"));
socket.passCredentials = true;
socket.sendBuffer = 1;
expectError(socket.passCredentials = 1);
