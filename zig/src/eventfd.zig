//! Counters that wake whoever waits for them, eventfd(2).

const std = @import("std");
const linux = std.os.linux;
const sys = @import("sys.zig");

/// eventfd(2)'s flags by name.
pub const Options = packed struct(u32) {
    semaphore: bool = false,
    _: u31 = 0,
};

/// A counter at zero. O_NONBLOCK: without it a write that would overflow blocks, and poll(2) can't tell so before.
pub fn open(failure: *sys.Failure, options: Options) sys.Error!i32 {
    const semaphore: u32 = if (options.semaphore) linux.EFD.SEMAPHORE else 0;
    return sys.eventfd(failure, 0, linux.EFD.NONBLOCK | semaphore);
}

test "open() makes a counter at zero that neither waits nor is inherited" {
    var failure: sys.Failure = .{};
    const fd = try open(&failure, .{ .semaphore = true });
    defer sys.closeQuietly(fd);
    try std.testing.expectEqual(linux.FD_CLOEXEC, try sys.fcntl(&failure, fd, linux.F.GETFD, 0));
    var value: [8]u8 = undefined;
    try std.testing.expectEqual(.AGAIN, linux.errno(linux.read(fd, &value, 8)));
    try std.testing.expectEqual(8, linux.write(fd, &.{ 2, 0, 0, 0, 0, 0, 0, 0 }, 8));
    for (0..2) |_| {
        try std.testing.expectEqual(8, linux.read(fd, &value, 8));
        try std.testing.expectEqual(1, std.mem.readInt(u64, &value, .little));
    }
    try std.testing.expectEqual(.AGAIN, linux.errno(linux.read(fd, &value, 8)));
}
