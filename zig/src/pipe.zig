//! Pipes: bytes, or packets, from one descriptor to another. Both ends are close-on-exec and O_NONBLOCK from birth.

const std = @import("std");
const linux = std.os.linux;
const sys = @import("sys.zig");

pub const Options = packed struct(u32) {
    /// Each write is read by itself (O_DIRECT), up to PIPE_BUF bytes.
    packet: bool = false,
    _: u31 = 0,
};

/// What a new pipe is, for TypeScript.
pub const Ends = extern struct {
    reader: i32,
    writer: i32,
    /// How many bytes it holds.
    capacity: u32,
};

const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;

/// pipe2(2). The kernel rounds a capacity up to a power of two of pages; zero is its default.
pub fn open(failure: *sys.Failure, capacity: u32, options: Options) sys.Error!Ends {
    const ends = try sys.pipe(failure, .{ .NONBLOCK = true, .DIRECT = options.packet });
    errdefer for (ends) |end| sys.closeQuietly(end);
    const got = try setCapacity(failure, ends[0], capacity);
    return .{ .reader = ends[0], .writer = ends[1], .capacity = @intCast(got) };
}

/// How many bytes a pipe holds, after it was told to hold `capacity`, if that is not zero.
pub fn setCapacity(failure: *sys.Failure, fd: i32, capacity: u32) sys.Error!i32 {
    if (capacity == 0) return sys.fcntl(failure, fd, F_GETPIPE_SZ, 0);
    return sys.fcntl(failure, fd, F_SETPIPE_SZ, capacity);
}

test "open() makes two ends that neither wait nor are inherited" {
    var failure: sys.Failure = .{};
    const ends = try open(&failure, 5000, .{ .packet = true });
    defer for ([_]i32{ ends.reader, ends.writer }) |end| sys.closeQuietly(end);
    try std.testing.expectEqual(std.math.ceilPowerOfTwo(u32, @intCast(@max(5000, std.heap.pageSize()))), ends.capacity);
    for ([_]i32{ ends.reader, ends.writer }) |end| {
        try std.testing.expectEqual(linux.FD_CLOEXEC, try sys.fcntl(&failure, end, linux.F.GETFD, 0));
        const flags: sys.O = @bitCast(try sys.fcntl(&failure, end, linux.F.GETFL, 0));
        try std.testing.expect(flags.NONBLOCK);
        // Whether a packet ends is the writer's to say.
        try std.testing.expectEqual(end == ends.writer, flags.DIRECT);
    }
}

test "open() leaves no descriptor where the capacity is refused" {
    var failure: sys.Failure = .{};
    const before = try sys.fcntl(&failure, 0, linux.F.DUPFD_CLOEXEC, 0);
    sys.closeQuietly(before);
    try std.testing.expectError(error.Failed, open(&failure, 0xffff_ffff, .{}));
    try std.testing.expectEqual(sys.Failure{ .errno = .INVAL, .call = .fcntl }, failure);
    const after = try sys.fcntl(&failure, 0, linux.F.DUPFD_CLOEXEC, 0);
    sys.closeQuietly(after);
    try std.testing.expectEqual(before, after);
}
