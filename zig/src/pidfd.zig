//! Processes by descriptor, pidfd_open(2): what it stands for is one process for ever, also when that has ended and its
//! number was given to another.

const std = @import("std");
const linux = std.os.linux;
const sys = @import("sys.zig");

/// How a process ended, for TypeScript. One of the two is -1.
pub const Status = extern struct {
    code: i32,
    signal: i32,
};

/// How a process ended; null where that can't be known: somebody else's child, and a kernel before 6.15. EAGAIN while it
/// runs. The child stays to be waited for: its parent may be the runtime, which wants to know, too.
pub fn status(failure: *sys.Failure, fd: i32) sys.Error!?Status {
    if (try running(failure, fd)) return failure.refuse(.AGAIN);
    if (try sys.waitid(failure, fd)) |child| return .{
        .code = if (child.exited) child.value else -1,
        .signal = if (child.exited) -1 else child.value,
    };
    const word = sys.exitOf(fd) orelse return null;
    const signal: i32 = @intCast(word & 0x7f);
    return .{ .code = if (signal == 0) @intCast(word >> 8 & 0xff) else -1, .signal = if (signal == 0) -1 else signal };
}

/// Whether it has not ended. The kernel calls a pidfd readable from the end of its process on.
fn running(failure: *sys.Failure, fd: i32) sys.Error!bool {
    var asked: [1]sys.PollFd = .{.{ .fd = fd, .events = linux.POLL.IN, .revents = 0 }};
    if (fd < 0) return failure.refuse(.BADF); // poll(2) skips it.
    return try sys.poll(failure, &asked, 0, false) == 0;
}

/// The number of the process, as this process counts; ESRCH when it has ended and was waited for.
pub fn pid(failure: *sys.Failure, fd: i32) sys.Error!i32 {
    var buffer: [1024]u8 = undefined;
    const info = try sys.fdinfo(failure, fd, &buffer);
    const at = std.mem.find(u8, info, "\nPid:\t") orelse return failure.refuse(.BADF);
    const number = std.fmt.parseInt(i32, std.mem.sliceTo(info[at + 6 ..], '\n'), 10) catch return failure.refuse(.BADF);
    return if (number > 0) number else failure.refuse(.SRCH);
}

test "a child's pid, and how it ended, as often as asked" {
    for ([_]Status{ .{ .code = 7, .signal = -1 }, .{ .code = -1, .signal = 9 } }) |expected| {
        var failure: sys.Failure = .{};
        const child: i32 = @intCast(linux.fork());
        if (child == 0) {
            if (expected.code >= 0) linux.exit(expected.code);
            while (true) sys.pause(1_000_000_000);
        }
        const fd = try sys.pidfdOpen(&failure, @intCast(child));
        defer sys.closeQuietly(fd);
        try std.testing.expectEqual(child, try pid(&failure, fd));
        if (expected.signal >= 0) {
            try std.testing.expectError(error.Failed, status(&failure, fd));
            try std.testing.expectEqual(sys.E.AGAIN, failure.errno);
            try sys.pidfdSendSignal(&failure, fd, @intCast(expected.signal));
        }
        var asked: [1]sys.PollFd = .{.{ .fd = fd, .events = linux.POLL.IN, .revents = 0 }};
        try std.testing.expectEqual(1, try sys.poll(&failure, &asked, sys.never, false));
        for (0..2) |_| try std.testing.expectEqual(expected, try status(&failure, fd));
        var word: u32 = 0;
        try std.testing.expectEqual(@as(usize, @intCast(child)), linux.waitpid(child, &word, 0));
        // Where the kernel remembers it, it says the same.
        if (try status(&failure, fd)) |remembered| try std.testing.expectEqual(expected, remembered);
        try std.testing.expectError(error.Failed, pid(&failure, fd));
        try std.testing.expectEqual(sys.E.SRCH, failure.errno);
        try std.testing.expectError(error.Failed, sys.pidfdSendSignal(&failure, fd, 9));
        try std.testing.expectEqual(sys.E.SRCH, failure.errno);
    }
}

test "what is no pidfd is refused" {
    var failure: sys.Failure = .{};
    const fd = try sys.eventfd(&failure, 1, 0);
    defer sys.closeQuietly(fd);
    try std.testing.expectError(error.Failed, pid(&failure, fd));
    try std.testing.expectEqual(sys.E.BADF, failure.errno);
    try std.testing.expectError(error.Failed, status(&failure, fd));
    try std.testing.expectEqual(sys.E.BADF, failure.errno);
    try std.testing.expectError(error.Failed, sys.pidfdSendSignal(&failure, fd, 9));
    try std.testing.expectEqual(sys.E.BADF, failure.errno);
}
