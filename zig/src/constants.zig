//! Numbers that Zig and TypeScript both need. bindings.zig writes every one of them to ffi/symbols.ts.

/// Where shm_open(3) keeps its objects, in glibc and musl.
pub const memory_directory = "/dev/shm";
/// The longest name of an object, in bytes.
pub const name_bytes_max = 80;
/// How many bytes every named object begins with, whatever it is.
pub const object_header_bytes = 64;
/// What a named object is.
pub const object_mutex = 1;
/// The mode that stands for none: open only what there is.
pub const object_existing = 0xffff_ffff;
/// A mutex in memory: C's pthread_mutex_t, and more.
pub const mutex_bytes = 48;
pub const mutex_align = 8;
/// How many blocking calls a process can have running on threads of the library.
pub const calls_max = 64;

/// The owner that stands for the effective user of this process.
pub const user_any = 0xffff_ffff;

pub const F_ADD_SEALS = 1033;
pub const F_GET_SEALS = 1034;
pub const F_SEAL_SEAL = 0x1;
pub const F_SEAL_SHRINK = 0x2;
pub const F_SEAL_GROW = 0x4;
pub const F_SEAL_WRITE = 0x8;

pub const LOCK_SH = 1;
pub const LOCK_EX = 2;
pub const LOCK_NB = 4;
pub const LOCK_UN = 8;

pub const POLLIN = 0x001;
pub const POLLPRI = 0x002;
pub const POLLOUT = 0x004;
pub const POLLERR = 0x008;
pub const POLLHUP = 0x010;
pub const POLLNVAL = 0x020;
pub const POLLRDHUP = 0x2000;

/// The kinds of socket.
pub const SOCK_STREAM = 1;
pub const SOCK_DGRAM = 2;
pub const SOCK_SEQPACKET = 5;
/// Options of a socket.
pub const SO_ERROR = 4;
pub const SO_SNDBUF = 7;
pub const SO_RCVBUF = 8;
pub const SO_PASSCRED = 16;
pub const SO_PASSPIDFD = 76;
pub const SO_PEERPIDFD = 77;
pub const SHUT_RD = 0;
pub const SHUT_WR = 1;
pub const SHUT_RDWR = 2;
/// The longest address of a unix socket: a path, or a name with the NUL before it.
pub const unix_address_max = 108;
/// The most descriptors that one message carries.
pub const message_fds_max = 253;
/// The backlog of a socket that does not listen.
pub const backlog_none = 0xffff_ffff;
