//! Unix sockets: addresses, and messages with descriptors and credentials.
//!
//! Every socket made here is close-on-exec and O_NONBLOCK from birth. Sending and receiving try once and never wait.
//!
//! A path is bound at its own name, under the mode asked for less the umask, gets that mode exactly, and listens last: so
//! nobody connects before. Where a name is taken, a datagram socket is connected to it: ECONNREFUSED says that no socket
//! stands behind it, and EPROTOTYPE or success that one does, also one that does not listen yet; no listener hears of it.
//! A stale name is replaced under flock(2) of its directory, so that of two who found it stale only one removes it.

const std = @import("std");
const linux = std.os.linux;
const ancillary = @import("ancillary.zig");
const constants = @import("constants.zig");
const kill_point = @import("kill_point.zig");
const memory = @import("memory.zig");
const sys = @import("sys.zig");

const Address = sys.UnixAddress;

/// What a socket transports.
pub const Kind = enum(u32) {
    stream = constants.SOCK_STREAM,
    datagram = constants.SOCK_DGRAM,
    seqpacket = constants.SOCK_SEQPACKET,
};

/// The two ends of a pair.
pub const Pair = extern struct {
    first: i32,
    second: i32,
};

pub const Flags = packed struct(u32) {
    /// Sent with, or received with: pid, uid and gid are filled.
    credentials: bool = false,
    /// The packet was longer than the room for it.
    truncated: bool = false,
    /// Descriptors came that nobody wanted, and were closed.
    dropped: bool = false,
    /// Nothing more will come.
    end: bool = false,
    _: u28 = 0,
};

/// What goes with the bytes of a message, either way.
pub const Envelope = extern struct {
    flags: Flags,
    fd_count: u32,
    pid: u32,
    uid: u32,
    gid: u32,
    /// Of the sender, or -1.
    pidfd: i32,
    /// Of the receiver or the sender; without one it is that of the connection, or unnamed.
    address_bytes: u32,
    address: [constants.unix_address_max]u8,
    fds: [constants.message_fds_max]i32,

    comptime {
        std.debug.assert(@sizeOf(Envelope) == 28 + 108 + 1012);
        std.debug.assert(ancillary.fds_max == constants.message_fds_max);
    }
};

/// socket(2).
pub fn open(failure: *sys.Failure, kind: Kind) sys.Error!i32 {
    return sys.socket(failure, linux.AF.UNIX, @intFromEnum(kind) | linux.SOCK.NONBLOCK, 0);
}

/// socketpair(2).
pub fn pair(failure: *sys.Failure, kind: Kind) sys.Error!Pair {
    const ends = try sys.socketpair(failure, @intFromEnum(kind) | linux.SOCK.NONBLOCK);
    return .{ .first = ends[0], .second = ends[1] };
}

/// The address that bytes from TypeScript stand for, or null.
pub fn addressOf(bytes: []const u8) ?Address {
    if (bytes.len > constants.unix_address_max) return null;
    if (bytes.len > 0 and bytes[0] != 0 and std.mem.findScalar(u8, bytes, 0) != null) return null;
    var address: Address = .{ .bytes = @intCast(bytes.len) };
    @memcpy(address.un.path[0..bytes.len], bytes);
    return address;
}

/// Looks at a socket that somebody else made: its kind. One that listens must not block in accept(2).
pub fn adopt(failure: *sys.Failure, fd: i32) sys.Error!struct { kind: Kind, listens: bool } {
    if (try integer(failure, fd, linux.SO.DOMAIN) != linux.AF.UNIX) return failure.refuse(.AFNOSUPPORT);
    const number = try integer(failure, fd, linux.SO.TYPE);
    const kind = std.enums.fromInt(Kind, @as(u32, @bitCast(number))) orelse return failure.refuse(.SOCKTNOSUPPORT);
    const listens = try integer(failure, fd, linux.SO.ACCEPTCONN) != 0;
    if (listens) try setBlocking(failure, fd, false);
    return .{ .kind = kind, .listens = listens };
}

/// An option that is a number.
pub fn integer(failure: *sys.Failure, fd: i32, option: u32) sys.Error!i32 {
    var value: [@sizeOf(i32)]u8 = @splat(0);
    _ = try sys.getsockopt(failure, fd, option, &value);
    return @bitCast(value);
}

/// Who was at the other end when the connection was made, SO_PEERCRED.
pub fn peer(failure: *sys.Failure, fd: i32) sys.Error!ancillary.Credentials {
    var value: [@sizeOf(ancillary.Credentials)]u8 = @splat(0);
    _ = try sys.getsockopt(failure, fd, linux.SO.PEERCRED, &value);
    return @bitCast(value);
}

/// Makes a socket with an address. `mode` and `stat` are a path's; it listens unless `backlog` is backlog_none.
pub fn bind(
    failure: *sys.Failure,
    kind: Kind,
    address: *const Address,
    mode: u32,
    backlog: u32,
    stat: *memory.Stat,
) sys.Error!i32 {
    const fd = try open(failure, kind);
    errdefer sys.closeQuietly(fd);
    const named = address.bytes > 0 and address.un.path[0] != 0;
    if (named) try bindPath(failure, fd, address, mode, stat) else try sys.bindUnix(failure, fd, address);
    // Failed calls leave what they say in `failure`, which the way out must not change.
    errdefer if (named) {
        var ignored: sys.Failure = .{};
        unlinkOwn(&ignored, address, stat) catch {};
    };
    if (backlog != constants.backlog_none) try sys.listen(failure, fd, backlog);
    return fd;
}

fn bindPath(failure: *sys.Failure, fd: i32, address: *const Address, mode: u32, stat: *memory.Stat) sys.Error!void {
    try sys.fchmod(failure, fd, mode);
    sys.bindUnix(failure, fd, address) catch |err| {
        if (failure.errno != .ADDRINUSE) return err;
        try replace(failure, fd, address);
    };
    var text: Text = undefined;
    const path = terminated(address, &text);
    // Needs no descriptor: at their limit, too, a name that was made can be removed.
    stat.* = .of(try sys.statxAt(failure, linux.AT.FDCWD, path));
    errdefer {
        var ignored: sys.Failure = .{};
        unlinkOwn(&ignored, address, stat) catch {};
    }
    const made = try sys.openat(failure, linux.AT.FDCWD, path, .{ .PATH = true, .NOFOLLOW = true }, 0);
    defer sys.closeQuietly(made);
    // The umask took bits away, unless it is somebody else's already.
    const opened: memory.Stat = .of(try sys.statx(failure, made));
    const ours = opened.sameFile(stat.*) and isSocket(opened.mode) and opened.uid == sys.geteuid();
    if (ours and opened.mode & 0o7777 != mode) try sys.chmodPath(failure, made, mode);
}

/// Binds where a name is taken, if no socket stands behind it.
fn replace(failure: *sys.Failure, fd: i32, address: *const Address) sys.Error!void {
    var path_text: Text = undefined;
    const path = terminated(address, &path_text);
    var folder_text: Text = undefined;
    const slash = std.mem.findScalarLast(u8, path, '/');
    const folder_bytes = if (slash) |at| @max(at, 1) else 1;
    @memcpy(folder_text[0..folder_bytes], if (slash == null) "." else path[0..folder_bytes]);
    folder_text[folder_bytes] = 0;
    const taken: sys.Failure = failure.*;

    const folder = try sys.openat(failure, linux.AT.FDCWD, folder_text[0..folder_bytes :0], .{ .DIRECTORY = true }, 0);
    defer sys.closeQuietly(folder);
    try lockFolder(failure, folder);
    // Twice: in the meantime somebody may have removed it, or bound it without the lock.
    for (0..2) |_| {
        if (try isStale(failure, path, address)) try sys.unlinkat(failure, linux.AT.FDCWD, path);
        if (sys.bindUnix(failure, fd, address)) |_| return else |err| if (failure.errno != .ADDRINUSE) return err;
    }
    failure.* = taken;
    return error.Failed;
}

/// The lock is held for a few system calls: who holds it longer does so on purpose.
fn lockFolder(failure: *sys.Failure, folder: i32) sys.Error!void {
    for (0..1000) |_| {
        if (sys.flock(failure, folder, constants.LOCK_EX | constants.LOCK_NB)) |_| return else |err| switch (failure.errno) {
            .AGAIN, .INTR => sys.pause(std.time.ns_per_ms),
            else => return err,
        }
    }
    return failure.refuse(.BUSY);
}

/// Whether a name is a socket's that nobody has any more.
fn isStale(failure: *sys.Failure, path: [*:0]const u8, address: *const Address) sys.Error!bool {
    const found = sys.statxAt(failure, linux.AT.FDCWD, path) catch |err| return if (failure.errno == .NOENT) false else err;
    if (!isSocket(found.mode)) return false;
    const probe = try open(failure, .datagram);
    defer sys.closeQuietly(probe);
    sys.connectUnix(failure, probe, address) catch return failure.errno == .CONNREFUSED;
    return false;
}

/// Removes a path if it still is the socket that was bound there.
pub fn unlinkOwn(failure: *sys.Failure, address: *const Address, stat: *const memory.Stat) sys.Error!void {
    if (address.bytes == 0 or address.un.path[0] == 0) return;
    var text: Text = undefined;
    const path = terminated(address, &text);
    const found = sys.statxAt(failure, linux.AT.FDCWD, path) catch |err| return if (failure.errno == .NOENT) {} else err;
    if (!isSocket(found.mode) or !memory.Stat.of(found).sameFile(stat.*)) return;
    sys.unlinkat(failure, linux.AT.FDCWD, path) catch |err| return if (failure.errno == .NOENT) {} else err;
}

fn isSocket(mode: u32) bool {
    return mode & linux.S.IFMT == linux.S.IFSOCK;
}

const Text = [constants.unix_address_max + 1]u8;

fn terminated(address: *const Address, text: *Text) [:0]const u8 {
    @memcpy(text[0..address.bytes], address.un.path[0..address.bytes]);
    text[address.bytes] = 0;
    return text[0..address.bytes :0];
}

/// connect(2) until `deadline_ns`: EAGAIN where the backlog is full and there is no time, ETIMEDOUT when it is over. Waits
/// through signals, unless `interruptible`: then their arrival is EINTR.
pub fn connect(
    failure: *sys.Failure,
    fd: i32,
    address: *const Address,
    deadline_ns: u64,
    interruptible: bool,
) sys.Error!void {
    while (true) {
        const left_us = (deadline_ns -| sys.monotonic()) / std.time.ns_per_us;
        // Zero would be no limit.
        const limit: extern struct { sec: i64, usec: i64 } = if (deadline_ns == sys.never) .{ .sec = 0, .usec = 0 } else .{
            .sec = @intCast(left_us / std.time.us_per_s),
            .usec = @intCast(@max(1, left_us % std.time.us_per_s)),
        };
        try sys.setsockopt(failure, fd, linux.SOL.SOCKET, linux.SO.SNDTIMEO, std.mem.asBytes(&limit));
        defer {
            var ignored: sys.Failure = .{};
            sys.setsockopt(&ignored, fd, linux.SOL.SOCKET, linux.SO.SNDTIMEO, &@as([16]u8, @splat(0))) catch {};
        }
        connectBlocking(failure, fd, address) catch |err| switch (failure.errno) {
            .INTR => if (interruptible) return err else continue,
            .AGAIN => if (deadline_ns <= sys.monotonic()) return failure.refuse(.TIMEDOUT) else continue,
            else => return err,
        };
        return;
    }
}

/// connect(2) that waits for room in the backlog, for which there is no poll(2).
pub fn connectBlocking(failure: *sys.Failure, fd: i32, address: *const Address) sys.Error!void {
    try setBlocking(failure, fd, true);
    defer {
        var ignored: sys.Failure = .{};
        setBlocking(&ignored, fd, false) catch {};
    }
    try sys.connectUnix(failure, fd, address);
}

fn setBlocking(failure: *sys.Failure, fd: i32, blocking: bool) sys.Error!void {
    const nonblock: i32 = @bitCast(linux.O{ .NONBLOCK = true });
    const flags = try sys.fcntl(failure, fd, linux.F.GETFL, 0);
    const wanted = if (blocking) flags & ~nonblock else flags | nonblock;
    if (wanted != flags) _ = try sys.fcntl(failure, fd, linux.F.SETFL, @intCast(wanted));
}

/// Sends bytes, and what goes with them: how many bytes went. EAGAIN where there is no room.
pub fn send(failure: *sys.Failure, fd: i32, bytes: []const u8, envelope: *align(1) const Envelope) sys.Error!usize {
    const count = envelope.fd_count;
    if (count > ancillary.fds_max or envelope.address_bytes > envelope.address.len) return failure.refuse(.INVAL);
    const to = addressOf(envelope.address[0..envelope.address_bytes]) orelse return failure.refuse(.INVAL);
    const who: ?ancillary.Credentials = if (envelope.flags.credentials)
        .{ .pid = envelope.pid, .uid = envelope.uid, .gid = envelope.gid }
    else
        null;
    var fds: [ancillary.fds_max]i32 = undefined;
    for (fds[0..count], envelope.fds[0..count]) |*own, fd_sent| own.* = fd_sent;
    var buffer: [ancillary.bytes_max]u8 align(8) = undefined;
    const control = ancillary.build(&buffer, fds[0..count], who) catch return failure.refuse(.INVAL);
    return sys.sendmsg(failure, fd, bytes, control, if (to.bytes == 0) null else &to);
}

/// Receives bytes, and fills the envelope with what came along: how many bytes came. EAGAIN where there is nothing.
///
/// More than `fds_max` descriptors are EMSGSIZE, and fewer than were sent EMFILE, since then the limit of this process is
/// reached; those that came are closed, and the bytes are lost. With `fds_max` 0 they are closed and that is told.
pub fn receive(
    failure: *sys.Failure,
    fd: i32,
    bytes: []u8,
    fds_max: u32,
    envelope: *align(1) Envelope,
) sys.Error!usize {
    if (fds_max > ancillary.fds_max) return failure.refuse(.INVAL);
    var control: [ancillary.bytes_max]u8 align(8) = undefined;
    const got = try sys.recvmsg(failure, fd, bytes, control[0..ancillary.room(fds_max)]);
    kill_point.here("socket_receive.delivered");

    var found: ancillary.Found = .{};
    errdefer closeAll(&found);
    ancillary.parse(&found, control[0..got.control_bytes]) catch return failure.refuse(.BADMSG);
    const cut = got.flags & linux.MSG.CTRUNC != 0;
    const dropped = fds_max == 0 and (cut or found.count > 0);
    if (dropped) {
        for (found.fds[0..found.count]) |unwanted| sys.closeQuietly(unwanted);
        found.count = 0;
    } else if (found.count > fds_max or (cut and found.count == fds_max)) {
        return failure.refuse(.MSGSIZE);
    } else if (cut) {
        return failure.refuse(.MFILE);
    }

    const who = found.credentials orelse ancillary.Credentials{};
    envelope.flags = .{
        .credentials = found.credentials != null,
        .truncated = got.flags & linux.MSG.TRUNC != 0,
        .dropped = dropped,
        .end = got.bytes == 0 and found.count == 0 and bytes.len > 0 and atEnd(fd),
    };
    envelope.fd_count = @intCast(found.count);
    envelope.pid = who.pid;
    envelope.uid = who.uid;
    envelope.gid = who.gid;
    envelope.pidfd = found.pidfd orelse -1;
    envelope.address_bytes = got.from.bytes;
    envelope.address = got.from.un.path;
    for (envelope.fds[0..found.count], found.fds[0..found.count]) |*out, own| out.* = own;
    return got.bytes;
}

/// receive() that waits until `deadline_ns`: ETIMEDOUT when it is over. Waits through signals, unless `interruptible`.
pub fn receiveUntil(
    failure: *sys.Failure,
    fd: i32,
    bytes: []u8,
    fds_max: u32,
    envelope: *align(1) Envelope,
    deadline_ns: u64,
    interruptible: bool,
) sys.Error!usize {
    while (true) return receive(failure, fd, bytes, fds_max, envelope) catch |err| {
        if (failure.errno != .AGAIN) return err;
        try sys.untilReady(failure, fd, linux.POLL.IN, deadline_ns, interruptible);
        continue;
    };
}

/// Whether the other side sends no more, and nothing waits: no bytes may also be an empty packet.
fn atEnd(fd: i32) bool {
    var failure: sys.Failure = .{};
    var asked: [1]sys.PollFd = .{.{ .fd = fd, .events = constants.POLLRDHUP, .revents = 0 }};
    const told = sys.poll(&failure, &asked, 0, false) catch return false;
    return told > 0 and asked[0].revents & constants.POLLRDHUP != 0 and sys.bytesWaiting(fd) == 0;
}

fn closeAll(found: *const ancillary.Found) void {
    for (found.fds[0..found.count]) |fd| sys.closeQuietly(fd);
    if (found.pidfd) |fd| sys.closeQuietly(fd);
}

fn emptyEnvelope() Envelope {
    var envelope = std.mem.zeroes(Envelope);
    envelope.pidfd = -1;
    return envelope;
}

fn isOpen(fd: i32) bool {
    var failure: sys.Failure = .{};
    _ = sys.fcntl(&failure, fd, linux.F.GETFD, 0) catch return false;
    return true;
}

test "a descriptor arrives close-on-exec, and is the receiver's own" {
    var failure: sys.Failure = .{};
    for ([_]Kind{ .stream, .datagram, .seqpacket }) |kind| {
        const ends = try pair(&failure, kind);
        defer sys.closeQuietly(ends.first);
        defer sys.closeQuietly(ends.second);
        var envelope = emptyEnvelope();
        envelope.fd_count = 2;
        envelope.fds[0] = ends.first;
        envelope.fds[1] = ends.second;
        try std.testing.expectEqual(3, try send(&failure, ends.first, "abc", &envelope));
        var bytes: [8]u8 = undefined;
        envelope = emptyEnvelope();
        try std.testing.expectEqual(3, try receive(&failure, ends.second, &bytes, 2, &envelope));
        try std.testing.expectEqual(2, envelope.fd_count);
        for (envelope.fds[0..2]) |fd| {
            try std.testing.expectEqual(linux.FD_CLOEXEC, try sys.fcntl(&failure, fd, linux.F.GETFD, 0));
            sys.closeQuietly(fd);
        }
        try std.testing.expectError(error.Failed, receive(&failure, ends.second, &bytes, 2, &envelope));
        try std.testing.expectEqual(sys.Failure{ .errno = .AGAIN, .call = .recvmsg }, failure);
    }
}

test "descriptors beyond what is wanted are closed" {
    var failure: sys.Failure = .{};
    const ends = try pair(&failure, .seqpacket);
    defer sys.closeQuietly(ends.first);
    defer sys.closeQuietly(ends.second);
    const free: i32 = @intCast(linux.dup(ends.first));
    sys.closeQuietly(free);
    for ([_]u32{ 0, 1, 2, 3, 100 }) |wanted| for ([_]u32{ 1, 2, 3, 4, 20, 101, 253 }) |sent| {
        var envelope = emptyEnvelope();
        envelope.fd_count = sent;
        for (envelope.fds[0..sent]) |*fd| fd.* = ends.first;
        _ = try send(&failure, ends.first, "x", &envelope);
        var bytes: [8]u8 = undefined;
        envelope = emptyEnvelope();
        const result = receive(&failure, ends.second, &bytes, wanted, &envelope);
        if (wanted == 0) {
            try std.testing.expectEqual(1, try result);
            try std.testing.expect(envelope.flags.dropped and envelope.fd_count == 0);
        } else if (sent > wanted) {
            try std.testing.expectError(error.Failed, result);
            try std.testing.expectEqual(sys.Failure{ .errno = .MSGSIZE }, failure);
        } else {
            try std.testing.expectEqual(1, try result);
            for (envelope.fds[0..envelope.fd_count]) |fd| sys.closeQuietly(fd);
            try std.testing.expectEqual(sent, envelope.fd_count);
        }
        try std.testing.expect(!isOpen(free));
    };
}

test "the end is told from an empty packet" {
    var failure: sys.Failure = .{};
    for ([_]Kind{ .stream, .seqpacket }) |kind| {
        const ends = try pair(&failure, kind);
        defer sys.closeQuietly(ends.second);
        var bytes: [8]u8 = undefined;
        var envelope = emptyEnvelope();
        if (kind == .seqpacket) {
            _ = try send(&failure, ends.first, "", &envelope);
            _ = try send(&failure, ends.first, "x", &envelope);
        }
        sys.closeQuietly(ends.first);
        if (kind == .seqpacket) {
            try std.testing.expectEqual(0, try receive(&failure, ends.second, &bytes, 0, &envelope));
            try std.testing.expect(!envelope.flags.end);
            try std.testing.expectEqual(1, try receive(&failure, ends.second, &bytes, 0, &envelope));
        }
        try std.testing.expectEqual(0, try receive(&failure, ends.second, &bytes, 0, &envelope));
        try std.testing.expect(envelope.flags.end);
    }
}

test "a stale path is replaced, one in use is not, and neither is what is no socket" {
    var failure: sys.Failure = .{};
    const path = "/tmp/hawser-zig-socket-test";
    _ = linux.unlink(path);
    const address = addressOf(path).?;
    var stat: memory.Stat = undefined;
    for ([_]Kind{ .stream, .seqpacket, .datagram }) |kind| {
        const first = try bind(&failure, kind, &address, 0o640, constants.backlog_none, &stat);
        const found = try sys.statxAt(&failure, linux.AT.FDCWD, path);
        try std.testing.expectEqual(0o640, found.mode & 0o7777);
        // It does not listen yet, and is in use all the same.
        for ([_]Kind{ .stream, .seqpacket, .datagram }) |other| {
            var ignored: memory.Stat = undefined;
            const refused = bind(&failure, other, &address, 0o600, constants.backlog_none, &ignored);
            try std.testing.expectError(error.Failed, refused);
            try std.testing.expectEqual(sys.Failure{ .errno = .ADDRINUSE, .call = .bind }, failure);
        }
        sys.closeQuietly(first);
        const second = try bind(&failure, kind, &address, 0o600, constants.backlog_none, &stat);
        sys.closeQuietly(second);
    }
    var other = stat;
    other.inode +%= 1;
    try unlinkOwn(&failure, &address, &other);
    _ = try sys.statxAt(&failure, linux.AT.FDCWD, path);
    try unlinkOwn(&failure, &address, &stat);
    try unlinkOwn(&failure, &address, &stat);
    try std.testing.expectError(error.Failed, sys.statxAt(&failure, linux.AT.FDCWD, path));

    const file = try sys.openat(&failure, linux.AT.FDCWD, path, .{ .CREAT = true, .ACCMODE = .WRONLY }, 0o600);
    defer _ = linux.unlink(path);
    sys.closeQuietly(file);
    try std.testing.expectError(error.Failed, bind(&failure, .stream, &address, 0o600, 1, &stat));
    try std.testing.expectEqual(sys.Failure{ .errno = .ADDRINUSE, .call = .bind }, failure);
}

test "connect() waits for room in the backlog, and not longer than asked" {
    var failure: sys.Failure = .{};
    var stat: memory.Stat = undefined;
    const listener = try bind(&failure, .stream, &addressOf("").?, 0, 0, &stat);
    defer sys.closeQuietly(listener);
    const address = try sys.nameOf(&failure, listener, false);
    try std.testing.expectEqual(6, address.bytes);
    const first = try open(&failure, .stream);
    defer sys.closeQuietly(first);
    try sys.connectUnix(&failure, first, &address);
    const second = try open(&failure, .stream);
    defer sys.closeQuietly(second);
    try std.testing.expectError(error.Failed, sys.connectUnix(&failure, second, &address));
    try std.testing.expectEqual(sys.Failure{ .errno = .AGAIN, .call = .connect }, failure);
    try std.testing.expectError(error.Failed, connect(&failure, second, &address, sys.monotonic() + 1000, false));
    try std.testing.expectEqual(sys.E.TIMEDOUT, failure.errno);
    sys.closeQuietly(try sys.accept(&failure, listener));
    try connect(&failure, second, &address, sys.never, false);
    const flags = try sys.fcntl(&failure, second, linux.F.GETFL, 0);
    try std.testing.expect(flags & @as(i32, @bitCast(linux.O{ .NONBLOCK = true })) != 0);
}

test "addressOf() refuses what is too long, and a path with a NUL" {
    try std.testing.expect(addressOf("x" ** 108) != null);
    try std.testing.expectEqual(null, addressOf("x" ** 109));
    try std.testing.expectEqual(null, addressOf("x\x00"));
    try std.testing.expect(addressOf("\x00x\x00y") != null);
}
