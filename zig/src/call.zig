//! Blocking system calls off the JS thread, for what no descriptor stands for in the event loop: each runs on a thread of
//! its own, which ends with it, and its result goes to the doorbell of the JS thread that asked.
//!
//! A call works on descriptors of its own, duplicates of the caller's, so that whatever it works on may be closed
//! meanwhile: a mapping's pages are flushed although the mapping is gone, and no number is ever somebody else's.
//!
//! A call that may wait for ever can be called off: its thread leaves one signal open, which has an empty handler, and is
//! sent that until it answers, since the signal may come before the call. A call that was done all the same brings its
//! result: what was locked, or received, is not lost.
//!
//! At most `calls_max` calls exist at once in a process. A call exists until its result was drained, so that no result
//! ever needs room that is not there.

const std = @import("std");
const linux = std.os.linux;
const bell_ = @import("bell.zig");
const constants = @import("constants.zig");
const handle_ = @import("handle.zig");
const Lock = @import("lock.zig").Lock;
const socket = @import("socket.zig");
const sys = @import("sys.zig");
const thread = @import("thread.zig");

const Bell = bell_.Bell;

/// A system call that blocks. The descriptor is the call's own.
pub const Kind = union(enum) {
    fdatasync: struct { fd: i32 },
    flock: struct { fd: i32, operation: u32 },
    connect: struct { fd: i32, address: sys.UnixAddress },

    /// Whether a signal ends it. The disk can't be told to stop.
    fn interruptible(kind: Kind) bool {
        return switch (kind) {
            .fdatasync => false,
            .flock, .connect => true,
        };
    }

    fn fd(kind: Kind) i32 {
        return switch (kind) {
            inline else => |arguments| arguments.fd,
        };
    }
};

const Call = struct {
    done: bell_.Done,
    bell: *Bell,
    kind: Kind,
    tid: i32,
    /// Set by who calls it off.
    cancelled: bool,
    /// Whether the call was made: no signal is of any use then.
    made: bool,
};

var calls: [constants.calls_max]Call = undefined;
/// One bit for each call that exists.
var used: u64 = 0;

comptime {
    std.debug.assert(constants.calls_max == @bitSizeOf(@TypeOf(used)));
}

/// Starts a call, whose descriptor it takes over also where it fails: its id for cancel().
pub fn start(failure: *sys.Failure, bell: *Bell, token: u32, kind: Kind) sys.Error!u32 {
    errdefer sys.closeQuietly(kind.fd());
    const call = take() orelse blk: {
        // Calls of Workers that were terminated have nobody who drains them.
        handle_.sweep();
        break :blk take() orelse return failure.refuse(.AGAIN);
    };
    errdefer free(&call.done);
    call.* = .{
        .done = .{ .token = token, .free = free },
        .bell = bell,
        .kind = kind,
        .tid = 0,
        .cancelled = false,
        .made = false,
    };
    bell_.expect(bell);
    errdefer bell_.unexpect(bell);
    if (kind.interruptible()) interruption.prepare();
    call.tid = try thread.start(failure, run, call);
    return indexOf(call);
}

/// Calls a call off: whether its result is ECANCELED now, unless it was done already. Returns when the call was made.
pub fn cancel(bell: *const Bell, token: u32, id: u32) bool {
    if (id >= constants.calls_max or @atomicLoad(u64, &used, .acquire) >> @intCast(id) & 1 == 0) return false;
    const call = &calls[id];
    if (call.bell != bell or call.done.token != token or !call.kind.interruptible()) return false;
    const signal = interruption.signal orelse return false;
    @atomicStore(bool, &call.cancelled, true, .release);
    while (!@atomicLoad(bool, &call.made, .acquire)) {
        sys.signalThread(call.tid, signal);
        sys.pause(50 * std.time.ns_per_us);
    }
    return true;
}

/// The signal that ends calls: one that nobody else uses.
const interruption = struct {
    var lock: Lock = .{};
    var signal: ?linux.SIG = null;

    fn prepare() void {
        lock.acquire();
        defer lock.release();
        if (signal != null) return;
        // From the end of the real-time signals: libc's own are at their beginning.
        var number: u32 = 62;
        while (number > 40) : (number -= 1) {
            const candidate: linux.SIG = @enumFromInt(number);
            if (sys.takeSignal(candidate, handle)) {
                signal = candidate;
                return;
            }
        }
    }

    fn handle(_: linux.SIG) callconv(.c) void {}
};

/// How many calls exist.
pub fn count() u32 {
    return @popCount(@atomicLoad(u64, &used, .monotonic));
}

fn run(argument: *anyopaque) void {
    const call: *Call = @ptrCast(@alignCast(argument));
    if (call.kind.interruptible()) if (interruption.signal) |signal| sys.openSignal(signal);
    const result = make(call);
    @atomicStore(bool, &call.made, true, .release);
    // Before the result: who awaits it finds no descriptor of ours.
    sys.closeQuietly(call.kind.fd());
    bell_.complete(call.bell, &call.done, result);
}

fn make(call: *const Call) i32 {
    while (!@atomicLoad(bool, &call.cancelled, .acquire)) {
        var failure: sys.Failure = .{};
        const made = switch (call.kind) {
            .fdatasync => |sync| sys.fdatasync(&failure, sync.fd),
            .flock => |lock| sys.flock(&failure, lock.fd, lock.operation),
            .connect => |*connect| socket.connectBlocking(&failure, connect.fd, &connect.address),
        };
        if (made) |_| return 0 else |_| if (failure.errno != .INTR) return failure.result();
    }
    return (sys.Failure{ .errno = .CANCELED }).result();
}

fn indexOf(call: *const Call) u6 {
    return @intCast((@intFromPtr(call) - @intFromPtr(&calls)) / @sizeOf(Call));
}

fn take() ?*Call {
    var bits = @atomicLoad(u64, &used, .monotonic);
    while (bits != std.math.maxInt(u64)) {
        const index: u6 = @intCast(@ctz(~bits));
        // Pairs with the release in free(): the last user of the call is done with it.
        bits = @cmpxchgWeak(u64, &used, bits, bits | @as(u64, 1) << index, .acquire, .monotonic) orelse return &calls[index];
    }
    return null;
}

fn free(done: *bell_.Done) void {
    const call: *Call = @fieldParentPtr("done", done);
    _ = @atomicRmw(u64, &used, .And, ~(@as(u64, 1) << indexOf(call)), .release);
}

/// Drains, and where there is nothing waits for the byte first, as a runtime does.
fn next(bell: *Bell, fd: i32, records: []bell_.Record) !u32 {
    while (true) {
        const filled = bell_.drain(bell, records);
        if (filled > 0) return filled;
        var polled: [1]linux.pollfd = .{.{ .fd = fd, .events = linux.POLL.IN, .revents = 0 }};
        try std.testing.expectEqual(1, linux.poll(&polled, 1, 10_000));
        var bytes: [16]u8 = undefined;
        _ = linux.recvfrom(fd, &bytes, bytes.len, linux.MSG.DONTWAIT, null, null);
    }
}

test "a call's result arrives under its token, and a failure as a result" {
    var failure: sys.Failure = .{};
    const bell = try bell_.open(&failure);
    const read_end = bell_.takeReadEnd(bell).?;
    defer sys.closeQuietly(read_end);
    const file = try sys.memfdCreate(&failure, "hawser-test", linux.MFD.CLOEXEC);
    var records: [4]bell_.Record = undefined;

    _ = try start(&failure, bell, 5, .{ .fdatasync = .{ .fd = file } });
    try std.testing.expectEqual(1, try next(bell, read_end, &records));
    try std.testing.expectEqual(bell_.Record{ .token = 5, .result = 0 }, records[0]);
    // It was the call's own.
    try std.testing.expectError(error.Failed, sys.statx(&failure, file));

    const ends = try sys.socketpair(&failure, linux.SOCK.STREAM);
    defer sys.closeQuietly(ends[1]);
    _ = try start(&failure, bell, 6, .{ .fdatasync = .{ .fd = ends[0] } });
    try std.testing.expectEqual(1, try next(bell, read_end, &records));
    var expected: sys.Failure = .{ .errno = .INVAL, .call = .fdatasync };
    try std.testing.expectEqual(bell_.Record{ .token = 6, .result = expected.result() }, records[0]);
    try std.testing.expectEqual(0, count());
    bell_.close(bell);
}

test "start() refuses the call after the last, and takes it when one was drained" {
    var failure: sys.Failure = .{};
    const bell = try bell_.open(&failure);
    const read_end = bell_.takeReadEnd(bell).?;
    defer sys.closeQuietly(read_end);
    const file = try sys.memfdCreate(&failure, "hawser-test", linux.MFD.CLOEXEC);
    defer sys.closeQuietly(file);
    for (0..constants.calls_max) |i| {
        const own = try sys.fcntl(&failure, file, linux.F.DUPFD_CLOEXEC, 0);
        _ = try start(&failure, bell, @intCast(i), .{ .fdatasync = .{ .fd = own } });
    }
    const refused = try sys.fcntl(&failure, file, linux.F.DUPFD_CLOEXEC, 0);
    try std.testing.expectError(error.Failed, start(&failure, bell, 64, .{ .fdatasync = .{ .fd = refused } }));
    try std.testing.expectEqual(sys.Failure{ .errno = .AGAIN }, failure);
    try std.testing.expectError(error.Failed, sys.statx(&failure, refused));

    var seen: u64 = 0;
    while (seen != std.math.maxInt(u64)) {
        var records: [16]bell_.Record = undefined;
        for (records[0..try next(bell, read_end, &records)]) |record| {
            const bit = @as(u64, 1) << @intCast(record.token);
            try std.testing.expectEqual(0, seen & bit);
            seen |= bit;
        }
    }
    try std.testing.expectEqual(0, count());
    bell_.close(bell);
}

test "calls of a closed bell are freed when they end" {
    var failure: sys.Failure = .{};
    const bell = try bell_.open(&failure);
    const path = "/proc/self/exe";
    const holder = try sys.openat(&failure, linux.AT.FDCWD, path, .{}, 0);
    const waiter = try sys.openat(&failure, linux.AT.FDCWD, path, .{}, 0);
    try sys.flock(&failure, holder, constants.LOCK_EX);
    _ = try start(&failure, bell, 1, .{ .flock = .{ .fd = waiter, .operation = constants.LOCK_EX } });
    bell_.close(bell);
    try std.testing.expectEqual(1, count());
    sys.closeQuietly(holder);
    for (0..10_000) |_| {
        if (count() == 0) return;
        sys.pause(std.time.ns_per_ms);
    }
    return error.StillThere;
}

test "a call that waits is called off, and one that is done brings its result" {
    var failure: sys.Failure = .{};
    const bell = try bell_.open(&failure);
    const read_end = bell_.takeReadEnd(bell).?;
    defer sys.closeQuietly(read_end);
    const path = "/proc/self/exe";
    const holder = try sys.openat(&failure, linux.AT.FDCWD, path, .{}, 0);
    try sys.flock(&failure, holder, constants.LOCK_EX);
    var records: [4]bell_.Record = undefined;
    for (0..200) |round| {
        const token: u32 = @intCast(round);
        const waiter = try sys.openat(&failure, linux.AT.FDCWD, path, .{}, 0);
        const id = try start(&failure, bell, token, .{ .flock = .{ .fd = waiter, .operation = constants.LOCK_EX } });
        if (round % 2 == 0) sys.pause(100 * std.time.ns_per_us);
        try std.testing.expect(!cancel(bell, token + 1, id));
        try std.testing.expect(!cancel(bell, token, id + 64));
        try std.testing.expect(cancel(bell, token, id));
        try std.testing.expectEqual(1, try next(bell, read_end, &records));
        const canceled = (sys.Failure{ .errno = .CANCELED }).result();
        try std.testing.expectEqual(bell_.Record{ .token = token, .result = canceled }, records[0]);
        try std.testing.expect(!cancel(bell, token, id));
    }
    sys.closeQuietly(holder);
    const waiter = try sys.openat(&failure, linux.AT.FDCWD, path, .{}, 0);
    const id = try start(&failure, bell, 1, .{ .flock = .{ .fd = waiter, .operation = constants.LOCK_EX } });
    sys.pause(20 * std.time.ns_per_ms);
    try std.testing.expect(cancel(bell, 1, id));
    try std.testing.expectEqual(1, try next(bell, read_end, &records));
    try std.testing.expectEqual(bell_.Record{ .token = 1, .result = 0 }, records[0]);
    bell_.close(bell);
}
