// Takes over the socket at number 3 and answers what comes there.
import { Fd } from "../../lib/fd/mod.ts";
import { UnixSocket } from "../../lib/socket/mod.ts";

using socket = UnixSocket.from(Fd.from(3));
using message = await socket.receive({ maxFds: 1, timeout: 15_000 });
const said = new TextDecoder().decode(message.data);
await socket.send(new TextEncoder().encode(`${socket.kind}, ${said}, ${message.fds.length} descriptor`));
