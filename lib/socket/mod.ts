/**
 * Unix sockets: streams, packets and datagrams between processes, with descriptors and credentials.
 *
 * @module
 */
export { SystemError } from "../core/mod.ts";
export type { BlockOptions, WaitOptions } from "../core/mod.ts";
export { Fd } from "../fd/mod.ts";
export type { UnixAddress } from "./address.ts";
export type { Credentials, UnixMessage } from "./message.ts";
export { UnixListener } from "./unix_listener.ts";
export type { ListenOptions } from "./unix_listener.ts";
export type {
  ConnectOptions,
  ConnectParts,
  ConnectSyncOptions,
  ReceiveOptions,
  ReceiveParts,
  ReceiveSyncOptions,
  SendOptions,
  SendParts,
  SendSyncOptions,
  UnixKind,
} from "./options.ts";
export { socketPair, UnixSocket } from "./unix_socket.ts";
