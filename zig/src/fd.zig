//! Descriptors: opening, copying and asking what they are. Close-on-exec from birth.

const std = @import("std");
const linux = std.os.linux;
const sys = @import("sys.zig");

/// open(2)'s flags by name, since their numbers differ between CPUs.
pub const OpenOptions = packed struct(u32) {
    read: bool = false,
    write: bool = false,
    append: bool = false,
    create: bool = false,
    exclusive: bool = false,
    truncate: bool = false,
    directory: bool = false,
    nofollow: bool = false,
    nonblock: bool = false,
    path: bool = false,
    tmpfile: bool = false,
    sync: bool = false,
    _: u20 = 0,

    pub fn flags(options: OpenOptions) linux.O {
        return .{
            .ACCMODE = if (options.read and options.write) .RDWR else if (options.write) .WRONLY else .RDONLY,
            .APPEND = options.append,
            .CREAT = options.create,
            .EXCL = options.exclusive,
            .TRUNC = options.truncate,
            .DIRECTORY = options.directory or options.tmpfile,
            .NOFOLLOW = options.nofollow,
            .NONBLOCK = options.nonblock,
            .PATH = options.path,
            .TMPFILE = options.tmpfile,
            .SYNC = options.sync,
            .NOCTTY = true, // A library must not give its program a terminal.
        };
    }
};

/// open(2).
pub fn open(failure: *sys.Failure, path: [*:0]const u8, options: OpenOptions, mode: u32) sys.Error!i32 {
    return sys.openat(failure, linux.AT.FDCWD, path, options.flags(), mode);
}

/// Copies a descriptor to the lowest free number that is at least `least`.
pub fn dup(failure: *sys.Failure, fd: i32, least: u32) sys.Error!i32 {
    return sys.fcntl(failure, fd, linux.F.DUPFD_CLOEXEC, least);
}

/// Takes a descriptor somebody else opened: checks that it is open and sets close-on-exec.
pub fn adopt(failure: *sys.Failure, fd: i32) sys.Error!void {
    const flags = try sys.fcntl(failure, fd, linux.F.GETFD, 0);
    if (flags & linux.FD_CLOEXEC != 0) return;
    _ = try sys.fcntl(failure, fd, linux.F.SETFD, @intCast(flags | linux.FD_CLOEXEC));
}

/// read(2) that waits until `deadline_ns`.
pub fn read(failure: *sys.Failure, fd: i32, bytes: []u8, deadline_ns: u64, interruptible: bool) sys.Error!usize {
    while (true) return sys.readNow(failure, fd, bytes, null) catch |err| {
        if (failure.errno != .AGAIN) return err;
        try sys.untilReady(failure, fd, linux.POLL.IN, deadline_ns, interruptible);
        continue;
    };
}

/// fcntl(2)'s flags by name.
pub const Flags = packed struct(u32) {
    read: bool = false,
    write: bool = false,
    path: bool = false,
    append: bool = false,
    nonblock: bool = false,
    packet: bool = false,
    close_on_exec: bool = false,
    _: u25 = 0,
};

/// fcntl(2) F_GETFL and F_GETFD.
pub fn flagsOf(failure: *sys.Failure, fd: i32) sys.Error!Flags {
    const status: linux.O = @bitCast(try sys.fcntl(failure, fd, linux.F.GETFL, 0));
    const own = try sys.fcntl(failure, fd, linux.F.GETFD, 0);
    return .{
        .read = !status.PATH and status.ACCMODE != .WRONLY,
        .write = !status.PATH and status.ACCMODE != .RDONLY,
        .path = status.PATH,
        .append = status.APPEND,
        .nonblock = status.NONBLOCK,
        .packet = status.DIRECT,
        .close_on_exec = own & linux.FD_CLOEXEC != 0,
    };
}

/// fcntl(2) F_SETFL and F_SETFD: sets those flags of `which` that can be set to what they are in `wanted`.
pub fn setFlags(failure: *sys.Failure, fd: i32, which: Flags, wanted: Flags) sys.Error!void {
    var status: linux.O = @bitCast(try sys.fcntl(failure, fd, linux.F.GETFL, 0));
    if (which.append or which.nonblock or which.packet) {
        if (which.append) status.APPEND = wanted.append;
        if (which.nonblock) status.NONBLOCK = wanted.nonblock;
        if (which.packet) status.DIRECT = wanted.packet;
        _ = try sys.fcntl(failure, fd, linux.F.SETFL, @as(u32, @bitCast(status)));
    }
    // The descriptor's only other flag is none.
    const own: usize = if (wanted.close_on_exec) linux.FD_CLOEXEC else 0;
    if (which.close_on_exec) _ = try sys.fcntl(failure, fd, linux.F.SETFD, own);
}

/// The descriptor of a folder for the calls that take paths; a negative number stands for the working directory.
pub fn directory(dir: i32) i32 {
    return if (dir < 0) linux.AT.FDCWD else dir;
}

test "adopt() sets close-on-exec on what came without" {
    var failure: sys.Failure = .{};
    const opened = try open(&failure, "/dev/null", .{ .read = true }, 0);
    defer sys.closeQuietly(opened);
    const bare: i32 = @intCast(linux.dup(opened)); // dup(2) clears the flag.
    defer sys.closeQuietly(bare);
    try std.testing.expectEqual(0, try sys.fcntl(&failure, bare, linux.F.GETFD, 0));
    try adopt(&failure, bare);
    try std.testing.expectEqual(linux.FD_CLOEXEC, try sys.fcntl(&failure, bare, linux.F.GETFD, 0));
    try adopt(&failure, bare);
}
