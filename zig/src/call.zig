//! Blocking system calls off the JS thread, for what no descriptor stands for in the event loop: each runs on a thread of
//! its own, which ends with it, and its result goes to the doorbell of the JS thread that asked.
//!
//! A call works on descriptors of its own, duplicates of the caller's, so that whatever it works on may be closed
//! meanwhile: a mapping's pages are flushed although the mapping is gone, and no number is ever somebody else's.
//!
//! A call that may wait for ever can be called off: its thread leaves one signal open, which has an empty handler, and is
//! sent that until it answers, since the signal may come before the call. A call that was done all the same brings its
//! result: what was locked, or opened, is not lost. A descriptor that nobody is left to be given to is closed. Those of a JS
//! thread that ends are called off.
//!
//! At most `calls_max` calls exist at once in a process. A call exists until its result was drained, so that no result
//! ever needs room that is not there.

const std = @import("std");
const linux = std.os.linux;
const bell_ = @import("bell.zig");
const constants = @import("constants.zig");
const fd_ = @import("fd.zig");
const handle_ = @import("handle.zig");
const Lock = @import("lock.zig").Lock;
const socket = @import("socket.zig");
const sys = @import("sys.zig");
const thread = @import("thread.zig");

const Bell = bell_.Bell;

/// A system call that blocks. The descriptors are the call's own; a negative one is none.
pub const Kind = union(enum) {
    fdatasync: struct { fd: i32 },
    fsync: struct { fd: i32 },
    flock: struct { fd: i32, operation: u32 },
    /// A FIFO, which waits for its other end. Its descriptor is O_NONBLOCK then. The path is the caller's: start() copies it.
    open: struct { dir: i32, path: [:0]const u8, options: fd_.OpenOptions },
    /// From a file, so that it waits for disks and for nobody: `to` is a file too, or O_NONBLOCK.
    copy: struct { from: i32, from_at: ?u64, to: i32, to_at: ?u64, range: bool, bytes: u32 },
    /// Reads a part of a file into the page cache.
    prefetch: struct { fd: i32, at: u64, bytes: u32 },
    connect: struct { fd: i32, address: sys.UnixAddress },

    /// Whether a signal ends it. The disk can't be told to stop.
    fn interruptible(kind: Kind) bool {
        return switch (kind) {
            .fdatasync, .fsync, .copy, .prefetch => false,
            .flock, .open, .connect => true,
        };
    }

    fn closeOwn(kind: Kind) void {
        const own: [2]i32 = switch (kind) {
            .open => |open| .{ open.dir, -1 },
            .copy => |copy| .{ copy.from, copy.to },
            inline else => |arguments| .{ arguments.fd, -1 },
        };
        for (own) |fd| if (fd >= 0) sys.closeQuietly(fd);
    }
};

/// What of a copy is given.
pub const CopyOptions = packed struct(u32) {
    /// copy_file_range(2), else sendfile(2).
    range: bool = false,
    from_position: bool = false,
    to_position: bool = false,
    _: u29 = 0,
};

const Call = struct {
    done: bell_.Done,
    /// Null where the JS thread itself waits, and while there is no call.
    bell: ?*Bell,
    kind: Kind,
    tid: i32,
    /// Set by who calls it off.
    cancelled: bool,
    /// Whether the call was made: no signal is of any use then. A word to sleep on, for now().
    made: u32,
};

var calls: [constants.calls_max]Call = undefined;
/// One bit for each call that exists.
var used: u64 = 0;
/// The paths of those that open.
var paths: [constants.calls_max][linux.PATH_MAX]u8 = undefined;

comptime {
    std.debug.assert(constants.calls_max == @bitSizeOf(@TypeOf(used)));
}

/// Starts a call, whose descriptors it takes over also where it fails: its id for cancel().
pub fn start(failure: *sys.Failure, bell: *Bell, token: u32, kind: Kind) sys.Error!u32 {
    bell_.expect(bell);
    errdefer bell_.unexpect(bell);
    return indexOf(try begin(failure, bell, token, kind));
}

/// Makes a call, and blocks the calling thread until `deadline_ns`: its result. Waits through signals, unless
/// `interruptible`.
pub fn now(failure: *sys.Failure, kind: Kind, deadline_ns: u64, interruptible: bool) sys.Error!i32 {
    const call = try begin(failure, null, 0, kind);
    defer free(&call.done);
    while (@atomicLoad(u32, &call.made, .acquire) == 0) {
        const errno: linux.E = switch (sys.futexSleep(&call.made, 0, deadline_ns, true)) {
            .TIMEDOUT => .TIMEDOUT,
            .INTR => if (interruptible) .INTR else continue,
            else => continue,
        };
        interrupt(call);
        if (call.done.result == canceled) return failure.refuse(errno);
    }
    if (call.done.result >= 0) return call.done.result;
    failure.* = .of(call.done.result);
    return error.Failed;
}

fn begin(failure: *sys.Failure, bell: ?*Bell, token: u32, asked: Kind) sys.Error!*Call {
    var kind = asked;
    errdefer kind.closeOwn();
    if (kind == .open and kind.open.path.len >= linux.PATH_MAX) return failure.refuse(.NAMETOOLONG);
    const call = take() orelse blk: {
        // Calls of Workers that were terminated have nobody who drains them.
        handle_.sweep();
        break :blk take() orelse return failure.refuse(.AGAIN);
    };
    errdefer free(&call.done);
    if (kind == .open) {
        const copy = &paths[indexOf(call)];
        @memcpy(copy[0 .. kind.open.path.len + 1], kind.open.path.ptr[0 .. kind.open.path.len + 1]);
        kind.open.path = copy[0..kind.open.path.len :0];
    }
    call.* = .{
        .done = .{ .token = token, .free = free },
        .bell = bell,
        .kind = kind,
        .tid = 0,
        .cancelled = false,
        .made = 0,
    };
    if (kind.interruptible()) interruption.prepare();
    call.tid = try thread.start(failure, run, call);
    return call;
}

/// Calls a call off: whether its result is ECANCELED now, unless it was done already. Returns when the call was made.
pub fn cancel(bell: *const Bell, token: u32, id: u32) bool {
    if (id >= constants.calls_max or @atomicLoad(u64, &used, .acquire) >> @intCast(id) & 1 == 0) return false;
    const call = &calls[id];
    if (call.bell != bell or call.done.token != token or !call.kind.interruptible()) return false;
    if (interruption.signal == null) return false;
    interrupt(call);
    return true;
}

/// Calls off all calls of a JS thread that ends: a FIFO that nobody opens would keep them for ever. Before its bell is
/// closed, so that none of them is free, and another's, meanwhile.
pub fn withdraw(bell: *const Bell) void {
    if (interruption.signal == null) return;
    for (&calls, 0..) |*call, index| {
        if (@atomicLoad(u64, &used, .acquire) >> @intCast(index) & 1 == 0) continue;
        if (@atomicLoad(?*Bell, &call.bell, .acquire) == bell and call.kind.interruptible()) interrupt(call);
    }
}

/// Ends a call; returns when it was made. Where every signal is somebody's it can only be waited for.
fn interrupt(call: *Call) void {
    @atomicStore(bool, &call.cancelled, true, .release);
    while (@atomicLoad(u32, &call.made, .acquire) == 0) {
        if (interruption.signal) |signal| sys.signalThread(call.tid, signal);
        sys.pause(50 * std.time.ns_per_us);
    }
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
    // Before the result: who awaits it finds no descriptor of ours.
    call.kind.closeOwn();
    const bell = call.bell;
    if (bell == null) call.done.result = result;
    @atomicStore(u32, &call.made, 1, .release);
    if (bell) |found| return bell_.complete(found, &call.done, result);
    // The call may be another's by now: its waiter then looks once more, for nothing.
    sys.futexWakePrivate(&call.made);
}

fn make(call: *const Call) i32 {
    while (!@atomicLoad(bool, &call.cancelled, .acquire)) {
        var failure: sys.Failure = .{};
        const made = switch (call.kind) {
            .fdatasync => |sync| nothing(sys.fdatasync(&failure, sync.fd)),
            .fsync => |sync| nothing(sys.fsync(&failure, sync.fd)),
            .flock => |lock| nothing(sys.flock(&failure, lock.fd, lock.operation)),
            .open => |open| openFifo(&failure, fd_.directory(open.dir), open.path, open.options),
            .copy => |copy| counted(if (copy.range)
                sys.copyFileRange(&failure, copy.from, copy.from_at, copy.to, copy.to_at, copy.bytes)
            else
                sys.sendfile(&failure, copy.from, copy.to, copy.from_at, copy.bytes)),
            .prefetch => |part| nothing(prefetch(&failure, part.fd, part.at, part.bytes)),
            .connect => |*connect| nothing(socket.connectBlocking(&failure, connect.fd, &connect.address)),
        };
        return made catch if (failure.errno == .INTR) continue else failure.result();
    }
    return canceled;
}

const canceled = (sys.Failure{ .errno = .CANCELED }).result();

fn nothing(made: sys.Error!void) sys.Error!i32 {
    try made;
    return 0;
}

fn counted(made: sys.Error!usize) sys.Error!i32 {
    return @intCast(try made);
}

fn openFifo(failure: *sys.Failure, dir: i32, path: [*:0]const u8, options: fd_.OpenOptions) sys.Error!i32 {
    const opened = try sys.openatWaiting(failure, dir, path, options.flags());
    errdefer sys.closeQuietly(opened);
    try fd_.setFlags(failure, opened, .{ .nonblock = true }, .{ .nonblock = true });
    return opened;
}

fn prefetch(failure: *sys.Failure, fd: i32, at: u64, bytes: u32) sys.Error!void {
    var scratch: [16 * 1024]u8 = undefined;
    var done: u32 = 0;
    while (done < bytes) {
        const part = scratch[0..@min(scratch.len, bytes - done)];
        const filled = try sys.pread(failure, fd, part, at + done);
        if (filled == 0) return;
        done += @intCast(filled);
    }
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
    if (done.dropped and call.kind == .open and done.result >= 0) sys.closeQuietly(done.result);
    // Before another can take it: withdraw() would take it for its own.
    @atomicStore(?*Bell, &call.bell, null, .release);
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

fn untilNone() !void {
    for (0..10_000) |_| {
        if (count() == 0) return;
        sys.pause(std.time.ns_per_ms);
    }
    return error.StillThere;
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
    try untilNone();
}

/// A FIFO of this process's own; the caller unlinks it.
fn testFifo(comptime name: []const u8, buffer: []u8) ![:0]const u8 {
    var failure: sys.Failure = .{};
    const path = try std.fmt.bufPrintSentinel(buffer, "/dev/shm/hawser-test-{d}-" ++ name, .{linux.getpid()}, 0);
    sys.unlinkat(&failure, linux.AT.FDCWD, path) catch {};
    try sys.mkfifoat(&failure, linux.AT.FDCWD, path, 0o600);
    return path;
}

test "a FIFO is opened when its other end is, and what nobody can be given is closed" {
    var failure: sys.Failure = .{};
    var buffer: [64]u8 = undefined;
    const path = try testFifo("open", &buffer);
    defer sys.unlinkat(&failure, linux.AT.FDCWD, path) catch {};
    const bell = try bell_.open(&failure);
    const read_end = bell_.takeReadEnd(bell).?;
    defer sys.closeQuietly(read_end);
    const reading: Kind = .{ .open = .{ .dir = -1, .path = path, .options = .{ .read = true } } };
    const writing: Kind = .{ .open = .{ .dir = -1, .path = path, .options = .{ .write = true } } };

    _ = try start(&failure, bell, 1, reading);
    const writer = try now(&failure, writing, sys.never, false);
    var records: [4]bell_.Record = undefined;
    try std.testing.expectEqual(1, try next(bell, read_end, &records));
    const reader = records[0].result;
    for ([_]i32{ reader, writer }) |fd| {
        try std.testing.expectEqual(fd_.Flags{
            .read = fd == reader,
            .write = fd == writer,
            .nonblock = true,
            .close_on_exec = true,
        }, try fd_.flagsOf(&failure, fd));
    }
    sys.closeQuietly(reader);
    sys.closeQuietly(writer);

    // Opened, and the bell closed before anybody drained it: the writer finds no reader any more.
    _ = try start(&failure, bell, 2, reading);
    const lonely = try now(&failure, writing, sys.never, false);
    withdraw(bell);
    bell_.close(bell);
    try untilNone();
    try std.testing.expectError(error.Failed, sys.writeNow(&failure, lonely, "x", null));
    try std.testing.expectEqual(sys.E.PIPE, failure.errno);
    sys.closeQuietly(lonely);
}

test "the opening of a FIFO ends with its time, its bell, or its caller" {
    var failure: sys.Failure = .{};
    var buffer: [64]u8 = undefined;
    const path = try testFifo("end", &buffer);
    defer sys.unlinkat(&failure, linux.AT.FDCWD, path) catch {};
    const reading: Kind = .{ .open = .{ .dir = -1, .path = path, .options = .{ .read = true } } };
    try std.testing.expectError(error.Failed, now(&failure, reading, sys.deadline(5).?, false));
    try std.testing.expectEqual(sys.E.TIMEDOUT, failure.errno);
    try std.testing.expectEqual(0, count());

    const bell = try bell_.open(&failure);
    for (0..constants.calls_max) |token| _ = try start(&failure, bell, @intCast(token), reading);
    try std.testing.expectError(error.Failed, now(&failure, reading, sys.never, false));
    try std.testing.expectEqual(sys.Failure{ .errno = .AGAIN }, failure);
    withdraw(bell);
    bell_.close(bell);
    try untilNone();
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
