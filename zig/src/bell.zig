//! The doorbell of a JS thread: how native threads tell it that something was done.
//!
//! It is a pair of stream sockets. The runtime owns the read end and watches it like any other socket; one byte there
//! means "look at the queue", and carries nothing. The queue is a list in memory:
//!
//!     a native thread: puts its record on the list; sets `pending`; if that was clear, sends the byte
//!     the JS thread:   clears `pending`; takes the whole list
//!
//! So a burst costs one byte, and a record that the JS thread did not see has a byte on its way. Each record lives in
//! what was waited for (call.zig), which has to exist anyway: the list has no capacity, is never full and drops nothing.
//!
//! Native code never calls JavaScript, and never waits for it.

const std = @import("std");
const linux = std.os.linux;
const sys = @import("sys.zig");

/// One completion in the queue.
pub const Done = struct {
    next: ?*Done = null,
    token: u32,
    result: i32 = 0,
    /// Whether nobody will learn of it: the JS thread has ended.
    dropped: bool = false,
    /// Gives the record back to where it came from.
    free: *const fn (*Done) void,
};

/// One completion as TypeScript reads it.
pub const Record = extern struct {
    token: u32,
    result: i32,

    comptime {
        std.debug.assert(@sizeOf(Record) == 8);
    }
};

/// Stands for the list of a bell that nobody listens to any more. No record has this address.
const nobody: usize = 1;

pub const Bell = struct {
    /// The write end. Closed with the last reference and not before: another thread may be about to send to it, and the
    /// number would be somebody else's by then.
    fd: i32,
    /// The read end, and whether it is the runtime's by now.
    read_end: i32,
    given: bool,
    /// What tells the read end from whatever has its number later.
    inode: u64,
    /// The thread it belongs to, which may end without a word.
    owner_tid: i32,
    /// The owner's reference, and one for each completion that is still to come.
    references: u32,
    /// 1 while a byte is unread or on its way.
    pending: u32,
    /// The list, newest first.
    head: usize,
    /// What was taken from the list, oldest first, and not yet handed out. The owner's alone.
    taken: ?*Done,
};

/// Makes a doorbell.
pub fn open(failure: *sys.Failure) sys.Error!*Bell {
    const address = try sys.mmap(failure, @sizeOf(Bell), .{ .READ = true, .WRITE = true }, .{
        .TYPE = .PRIVATE,
        .ANONYMOUS = true,
    }, -1);
    errdefer unmap(address);
    const ends = try sys.socketpair(failure, linux.SOCK.STREAM | linux.SOCK.NONBLOCK);
    errdefer for (ends) |fd| sys.closeQuietly(fd);
    const stat = try sys.statx(failure, ends[0]);
    const bell: *Bell = @ptrFromInt(address);
    bell.* = .{
        .fd = ends[1],
        .read_end = ends[0],
        .given = false,
        .inode = stat.ino,
        .owner_tid = sys.gettid(),
        .references = 1,
        .pending = 0,
        .head = 0,
        .taken = null,
    };
    return bell;
}

/// The read end, which is the caller's from now on; null where it was taken before.
pub fn takeReadEnd(bell: *Bell) ?i32 {
    if (bell.given) return null;
    bell.given = true;
    return bell.read_end;
}

/// Notes that a completion will come, from whatever thread.
pub fn expect(bell: *Bell) void {
    _ = @atomicRmw(u32, &bell.references, .Add, 1, .monotonic);
}

/// Takes an expect() back: nothing was started.
pub fn unexpect(bell: *Bell) void {
    release(bell);
}

/// Delivers a completion that was expected. The record may be in use again when this returns.
pub fn complete(bell: *Bell, done: *Done, result: i32) void {
    done.result = result;
    var head = @atomicLoad(usize, &bell.head, .monotonic);
    while (head != nobody) {
        done.next = @ptrFromInt(head);
        // Pairs with the acquire in drain() and close(): whoever takes the record sees its result.
        head = @cmpxchgWeak(usize, &bell.head, head, @intFromPtr(done), .release, .monotonic) orelse {
            // Pairs with the exchange in drain(): either that one comes later and sees the record, or it finds no byte.
            if (@atomicRmw(u32, &bell.pending, .Xchg, 1, .acq_rel) == 0) ring(bell);
            break;
        };
    } else drop(done);
    release(bell);
}

/// Hands out what was completed, oldest first: how many records were filled. Fewer than there is room for means all.
pub fn drain(bell: *Bell, records: []align(1) Record) u32 {
    // First, so that what is completed from here on rings again.
    _ = @atomicRmw(u32, &bell.pending, .Xchg, 0, .acq_rel);
    var filled: u32 = 0;
    while (filled < records.len) : (filled += 1) {
        if (bell.taken == null) bell.taken = oldestFirst(@atomicRmw(usize, &bell.head, .Xchg, 0, .acquire));
        const done = bell.taken orelse break;
        bell.taken = done.next;
        records[filled] = .{ .token = done.token, .result = done.result };
        done.free(done);
    }
    return filled;
}

/// Ends the doorbell of a thread that has ended without doing so, as terminated Workers do. Deno leaves the read end of
/// such a Worker open; Node and Bun close it, and its number may be another descriptor's.
pub fn abandon(bell: *Bell) void {
    if (bell.given) {
        var ignored: sys.Failure = .{};
        if (sys.statx(&ignored, bell.read_end)) |stat| {
            // No device has to be compared: the inodes of sockets are counted for the whole system, and mode tells one.
            if (stat.ino == bell.inode and linux.S.ISSOCK(stat.mode)) sys.closeQuietly(bell.read_end);
        } else |_| {}
    }
    close(bell);
}

/// Ends a doorbell: what was completed and not handed out is dropped, as is what is still to come.
pub fn close(bell: *Bell) void {
    dropAll(bell.taken);
    bell.taken = null;
    dropAll(@ptrFromInt(@atomicRmw(usize, &bell.head, .Xchg, nobody, .acquire)));
    if (takeReadEnd(bell)) |fd| sys.closeQuietly(fd);
    release(bell);
}

fn release(bell: *Bell) void {
    // Every use of the bell happens before its end.
    if (@atomicRmw(u32, &bell.references, .Sub, 1, .acq_rel) != 1) return;
    sys.closeQuietly(bell.fd);
    unmap(@intFromPtr(bell));
}

fn unmap(address: usize) void {
    var ignored: sys.Failure = .{};
    sys.munmap(&ignored, address, @sizeOf(Bell)) catch {};
}

/// Sends the byte. Where it can't be sent nobody needs it: a full socket has unread bytes, a broken one no reader.
fn ring(bell: *Bell) void {
    while (true) {
        var failure: sys.Failure = .{};
        sys.sendByte(&failure, bell.fd) catch switch (failure.errno) {
            .INTR => continue,
            // The kernel has no memory at the moment. Without the byte the JS thread would sleep on.
            .NOBUFS, .NOMEM => {
                sys.pause(std.time.ns_per_ms);
                continue;
            },
            else => {},
        };
        return;
    }
}

fn dropAll(first: ?*Done) void {
    var rest = first;
    while (rest) |done| {
        rest = done.next;
        drop(done);
    }
}

fn drop(done: *Done) void {
    done.dropped = true;
    done.free(done);
}

fn oldestFirst(head: usize) ?*Done {
    var rest: ?*Done = @ptrFromInt(head);
    var reversed: ?*Done = null;
    while (rest) |done| {
        rest = done.next;
        done.next = reversed;
        reversed = done;
    }
    return reversed;
}

const Counted = struct {
    done: Done,
    freed: u32 = 0,

    fn init(token: u32) Counted {
        return .{ .done = .{ .token = token, .free = count } };
    }

    fn count(done: *Done) void {
        const self: *Counted = @fieldParentPtr("done", done);
        self.freed += 1;
    }
};

fn unread(fd: i32) usize {
    var bytes: [16]u8 = undefined;
    const rc = linux.recvfrom(fd, &bytes, bytes.len, linux.MSG.DONTWAIT, null, null);
    return if (linux.errno(rc) == .SUCCESS) rc else 0;
}

test "a burst costs one byte and arrives in order" {
    var failure: sys.Failure = .{};
    const bell = try open(&failure);
    const fd = takeReadEnd(bell).?;
    defer sys.closeQuietly(fd);
    var sources: [10]Counted = undefined;
    for (&sources, 0..) |*source, i| {
        source.* = .init(@intCast(i));
        expect(bell);
        complete(bell, &source.done, -@as(i32, @intCast(i)));
    }
    try std.testing.expectEqual(1, unread(fd));
    var records: [7]Record = undefined;
    try std.testing.expectEqual(7, drain(bell, &records));
    for (records, 0..) |record, i| {
        try std.testing.expectEqual(Record{ .token = @intCast(i), .result = -@as(i32, @intCast(i)) }, record);
    }
    try std.testing.expectEqual(3, drain(bell, &records));
    try std.testing.expectEqual(9, records[2].token);
    try std.testing.expectEqual(0, drain(bell, &records));
    for (sources) |source| try std.testing.expectEqual(1, source.freed);

    sources[0] = .init(11);
    expect(bell);
    complete(bell, &sources[0].done, 0);
    try std.testing.expectEqual(1, unread(fd));
    close(bell);
    try std.testing.expectEqual(1, sources[0].freed);
}

test "close() drops what came and what comes, and frees each record once" {
    var failure: sys.Failure = .{};
    const bell = try open(&failure);
    const fd = bell.read_end;
    var sources: [4]Counted = undefined;
    for (&sources, 0..) |*source, i| {
        source.* = .init(@intCast(i));
        expect(bell);
    }
    for (sources[0..3]) |*source| complete(bell, &source.done, 0);
    var records: [1]Record = undefined;
    try std.testing.expectEqual(1, drain(bell, &records));
    const write_end = bell.fd;
    close(bell);
    for (sources[0..3]) |source| try std.testing.expectEqual(1, source.freed);
    // The read end nobody took is closed; the write end waits for the last completion.
    try std.testing.expectError(error.Failed, sys.statx(&failure, fd));
    _ = try sys.statx(&failure, write_end);
    complete(bell, &sources[3].done, 0);
    try std.testing.expectEqual(1, sources[3].freed);
    try std.testing.expectError(error.Failed, sys.statx(&failure, write_end));
}

test "abandon() closes the read end, unless its number is another descriptor's" {
    var failure: sys.Failure = .{};
    const left = try open(&failure);
    const left_fd = takeReadEnd(left).?;
    abandon(left);
    try std.testing.expectError(error.Failed, sys.statx(&failure, left_fd));

    const closed = try open(&failure);
    const fd = takeReadEnd(closed).?;
    sys.closeQuietly(fd);
    const other = try sys.socketpair(&failure, linux.SOCK.STREAM);
    defer for (other) |end| sys.closeQuietly(end);
    try std.testing.expectEqual(fd, other[0]);
    abandon(closed);
    _ = try sys.statx(&failure, other[0]);
}

test "ringing where the read end is gone kills nobody" {
    var failure: sys.Failure = .{};
    const bell = try open(&failure);
    sys.closeQuietly(takeReadEnd(bell).?);
    try std.testing.expectEqual(null, takeReadEnd(bell));
    var source: Counted = .init(1);
    expect(bell);
    complete(bell, &source.done, 0); // SIGPIPE would end this process.
    close(bell);
    try std.testing.expectEqual(1, source.freed);
}

test "no completion of many threads is lost or doubled" {
    const per_thread = 2_000;
    const Ringer = struct {
        fn run(bell: *Bell, sources: []Counted) void {
            for (sources) |*source| complete(bell, &source.done, 7);
        }
    };
    var failure: sys.Failure = .{};
    const bell = try open(&failure);
    const fd = takeReadEnd(bell).?;
    defer sys.closeQuietly(fd);
    const sources = try std.testing.allocator.alloc(Counted, 3 * per_thread);
    defer std.testing.allocator.free(sources);
    for (sources, 0..) |*source, i| {
        source.* = .init(@intCast(i));
        expect(bell);
    }
    var threads: [3]std.Thread = undefined;
    for (&threads, 0..) |*thread, i| {
        thread.* = try std.Thread.spawn(.{}, Ringer.run, .{ bell, sources[i * per_thread ..][0..per_thread] });
    }
    var seen: usize = 0;
    while (seen < sources.len) {
        // As a runtime does: sleep until the byte, read it, drain.
        var polled: [1]linux.pollfd = .{.{ .fd = fd, .events = linux.POLL.IN, .revents = 0 }};
        try std.testing.expectEqual(1, linux.poll(&polled, 1, 10_000));
        _ = unread(fd);
        var records: [16]Record = undefined;
        while (true) {
            const filled = drain(bell, &records);
            seen += filled;
            if (filled < records.len) break;
        }
    }
    for (threads) |thread| thread.join();
    for (sources) |source| try std.testing.expectEqual(1, source.freed);
    close(bell);
}
