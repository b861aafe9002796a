// Programs that know nothing of hawser at the other end: C with sendmsg(2) and recvmsg(2), Python's socket module, socat,
// and ss, which lists what is there.
import { writeFileSync } from "node:fs";
import process from "node:process";
import { afterAll, expect, test } from "vitest";
import { Fd } from "../../lib/fd/mod.ts";
import { UnixListener, type UnixMessage, UnixSocket } from "../../lib/socket/mod.ts";
import { type Running, start } from "../support/lanes.ts";
import { needs } from "../support/needs.ts";
import { tmpdir, unique } from "../support/watchdog.ts";

const source = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* send KIND PATH TEXT FILE... sends descriptors; receive KIND PATH COUNT reads what they stand for and says who sent */
int main(int argc, char **argv) {
  if (argc < 5) return 9;
  int kind = argv[2][0] == 's' ? argv[2][1] == 't' ? SOCK_STREAM : SOCK_SEQPACKET : SOCK_DGRAM;
  int fd = socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  strncpy(un.sun_path, argv[3], sizeof un.sun_path - 1);
  if (connect(fd, (struct sockaddr *)&un, sizeof un) != 0) return perror("connect"), 1;

  char text[4096];
  union { char bytes[CMSG_SPACE(253 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))]; struct cmsghdr align; } control;
  struct iovec vector = { text, sizeof text };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control };
  if (strcmp(argv[1], "send") == 0) {
    int count = argc - 5;
    vector.iov_len = snprintf(text, sizeof text, "%s", argv[4]);
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (int i = 0; i < count; i++) {
      int opened = open(argv[5 + i], O_RDONLY);
      if (opened < 0) return perror(argv[5 + i]), 2;
      memcpy(CMSG_DATA(header) + i * sizeof(int), &opened, sizeof(int));
    }
    if (sendmsg(fd, &message, 0) != (ssize_t)vector.iov_len) return perror("sendmsg"), 3;
    return 0;
  }
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) return 4;
  if (write(fd, "ready", 5) != 5) return 5;
  message.msg_controllen = sizeof control;
  ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return perror("recvmsg"), 6;
  if (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) return 7;
  printf("%.*s", (int)got, text);
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_type == SCM_CREDENTIALS) {
      struct ucred who;
      memcpy(&who, CMSG_DATA(header), sizeof who);
      printf(" from %d %d %d", who.pid, who.uid, who.gid);
    } else if (header->cmsg_type == SCM_RIGHTS) {
      int count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      printf(" with %d:", count);
      if (count != atoi(argv[4])) return 8;
      for (int i = 0; i < count; i++) {
        int received;
        memcpy(&received, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        char content[100];
        ssize_t bytes = pread(received, content, sizeof content, 0);
        if (i < 3) printf(" %.*s", (int)bytes, content);
      }
    }
  }
  printf("\\n");
  return 0;
}
`;

const folder = tmpdir();
afterAll(() => folder[Symbol.dispose]());
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: UnixMessage) => new TextDecoder().decode(message.data);
const me = `${process.pid} ${process.geteuid!()} ${process.getegid!()}`;

async function run(command: readonly string[]) {
  await using running = start(command);
  return await running.ended();
}

async function finished(running: Running, stdout = ""): Promise<void> {
  expect(await running.ended()).toEqual({ status: 0, signal: null, stderr: "", stdout });
}

/** A file that holds a text. */
function fileOf(content: string): Fd {
  const fd = Fd.open("/tmp", ["O_RDWR", "O_TMPFILE"]);
  fd.writeSync(bytes(content), { position: 0 });
  return fd;
}

async function contentOf(fd: Fd): Promise<string> {
  const buffer = new Uint8Array(100);
  return new TextDecoder().decode(buffer.subarray(0, await fd.read(buffer, { position: 0 })));
}

let compiled: string | undefined;
async function compile(): Promise<string> {
  if (compiled !== undefined) return compiled;
  writeFileSync(folder.file("unix.c"), source);
  const flags = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2"];
  expect(await run(["gcc", ...flags, "-o", folder.file("unix"), folder.file("unix.c")])).toMatchObject({
    status: 0,
    stderr: "",
  });
  return compiled = folder.file("unix");
}

for (const kind of ["stream", "seqpacket", "datagram"] as const) {
  /** Where C connects to, and what hawser then talks with. */
  const listening = (path: string) => {
    if (kind === "datagram") {
      const socket = UnixSocket.bind({ path });
      return { accept: () => Promise.resolve(socket), [Symbol.dispose]: () => socket.close() };
    }
    return UnixListener.listen({ path }, { kind });
  };

  test(`C's descriptors and hawser's reach each other, ${kind}`, async (context) => {
    needs(context, "gcc");
    const program = await compile();
    const path = folder.file(`c-${kind}`);
    using listener = listening(path);
    writeFileSync(folder.file("one"), "first");
    writeFileSync(folder.file("two"), "second");
    const names = [folder.file("one"), folder.file("two")];
    {
      await using sender = start([program, "send", kind, path, "from C", ...names, ...names]);
      using socket = await listener.accept({ timeout: 10_000 });
      using message = await socket.receive({ maxFds: 4, timeout: 10_000 });
      expect(text(message)).toBe("from C");
      expect(await Promise.all(message.fds.map(contentOf))).toEqual(["first", "second", "first", "second"]);
      await finished(sender);
    }
    if (kind === "datagram") return; // C has no address to be answered at.
    for (const count of [1, 3, 253]) {
      await using receiver = start([program, "receive", kind, path, String(count)]);
      using socket = await listener.accept({ timeout: 10_000 });
      expect(socket.peerCredentials()!.pid).toBe(receiver.pid);
      expect(text(await socket.receive({ timeout: 10_000 }))).toBe("ready");
      const files = Array.from({ length: Math.min(3, count) }, (_, i) => fileOf(`file${i}`));
      const fds = Array.from({ length: count }, (_, i) => files[i % files.length]!);
      await socket.send(bytes("from hawser"), { fds });
      const read = files.map((_, i) => ` file${i}`).join("");
      await finished(receiver, `from hawser from ${me} with ${count}:${read}\n`);
      for (const file of files) file.close();
    }
  });
}

const python = `
import os, socket, sys
path, = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(path)
data, fds, flags, address = socket.recv_fds(s, 100, 10)
contents = [os.pread(fd, 100, 0).decode() for fd in fds]
print(data.decode(), contents, flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) == 0)
r, w = os.pipe()
socket.send_fds(s, [b"write here"], [w])
os.close(w)
print(os.read(r, 100).decode())
s.settimeout(10)
try:
    socket.send_fds(s, [b"two"], [r, r])
    print(s.recv(100).decode())
finally:
    s.close()
`;

test("Python's send_fds and recv_fds", async (context) => {
  needs(context, "python3");
  using listener = UnixListener.listen({ path: folder.file("python") }, { kind: "seqpacket" });
  await using program = start(["python3", "-c", python, folder.file("python")]);
  using socket = await listener.accept({ timeout: 15_000 });
  using one = fileOf("one");
  using two = fileOf("two");
  await socket.send(bytes("read these"), { fds: [one, two] });
  using message = await socket.receive({ maxFds: 1, timeout: 10_000 });
  expect(text(message)).toBe("write here");
  await message.fds[0]!.write(bytes("through its own pipe"));
  await expect(socket.receive({ maxFds: 1, timeout: 10_000 })).rejects.toMatchObject({ code: "EMSGSIZE" });
  await socket.send(bytes("too many"));
  await finished(program, "read these ['one', 'two'] True\nthrough its own pipe\ntoo many\n");
});

test("socat by path, by abstract name, and with a datagram", async (context) => {
  needs(context, "socat");
  using named = UnixListener.listen({ path: folder.file("socat") });
  const abstract = unique("socat");
  using hidden = UnixListener.listen({ abstract });
  for (
    const [listener, address] of [[named, `UNIX-CONNECT:${folder.file("socat")}`], [
      hidden,
      `ABSTRACT-CONNECT:${abstract}`,
    ]] as const
  ) {
    await using program = start(["socat", "-t10", "-", address], { input: "hello\n" });
    using socket = await listener.accept({ timeout: 10_000 });
    let heard = "";
    for await (const message of socket.messages({ timeout: 10_000 })) heard += text(message);
    expect(heard).toBe("hello\n");
    await socket.send(bytes("good day\n"));
    socket.close();
    await finished(program, "good day\n");
  }
  using datagrams = UnixSocket.bind({ path: folder.file("datagrams") });
  await using sender = start(["socat", "-u", "-", `UNIX-SENDTO:${folder.file("datagrams")}`], { input: "a datagram" });
  const message = await datagrams.receive({ timeout: 10_000 });
  expect([text(message), message.from]).toEqual(["a datagram", null]);
  await finished(sender);

  const path = folder.file("of-socat");
  await using server = start(["socat", "-d", "-d", `UNIX-LISTEN:${path}`, "PIPE"]);
  for (let tries = 0;; tries++) {
    try {
      using client = await UnixSocket.connect({ path });
      await client.send(bytes("echo"));
      expect(text(await client.receive({ timeout: 10_000 }))).toBe("echo");
      break;
    } catch (error) {
      // It needs a moment to start.
      expect(["ENOENT", "ECONNREFUSED"]).toContain((error as { code: string }).code);
      expect(tries).toBeLessThan(1000);
      await new Promise((done) => setTimeout(done, 10));
    }
  }
  expect(await server.ended()).toMatchObject({ status: 0 });
});

test("ss lists what listens, with its kind and backlog", async (context) => {
  needs(context, "ss");
  const abstract = unique("ss");
  using _stream = UnixListener.listen({ path: folder.file("ss") }, { backlog: 7 });
  using _packets = UnixListener.listen({ abstract }, { kind: "seqpacket", backlog: 9 });
  using _datagrams = UnixSocket.bind({ path: folder.file("ss-dgram") });
  const { stdout } = await run(["ss", "-xaH"]);
  const row = (name: string) => stdout.split("\n").find((line) => line.includes(` ${name} `))?.trim().split(/\s+/);
  expect(row(folder.file("ss"))?.slice(0, 4)).toEqual(["u_str", "LISTEN", "0", "7"]);
  expect(row(`@${abstract}`)?.slice(0, 4)).toEqual(["u_seq", "LISTEN", "0", "9"]);
  expect(row(folder.file("ss-dgram"))?.slice(0, 2)).toEqual(["u_dgr", "UNCONN"]);
  const listening = (await run(["ss", "-xlH"])).stdout;
  expect(listening).toContain(folder.file("ss"));
  expect(listening).toContain(`@${abstract}`);
});
