//! Waits for descriptors: until something can be read, written, or has ended there.
//!
//! One thread sleeps in epoll_wait(2) on everything the process waits for, and tells the doorbell of whoever waits. It is
//! started by the first wait and ends a second after the last; its epoll instance ends with it.
//!
//!     the JS thread:  puts a wait on its list, under the lock; arms the descriptor
//!     the poller:     takes out the waits an event is for, under the lock; arms the descriptor for the rest; completes
//!     the doorbell:   brings each wait's result, once: what is ready, or that it was called off
//!
//! A descriptor is armed for one event (EPOLLONESHOT), with the union of what its waits want, and a number that tells
//! this arming from earlier ones: an event that was fetched before a descriptor was closed is for nobody, also where its
//! number is another's by then.
//!
//! What epoll(7) refuses (EPERM: files, directories) never makes anybody wait: it is ready.

const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;
const bell_ = @import("bell.zig");
const constants = @import("constants.zig");
const Lock = @import("lock.zig").Lock;
const Pool = @import("pool.zig").Pool;
const sys = @import("sys.zig");
const thread = @import("thread.zig");

const Bell = bell_.Bell;

/// What can be waited for, as poll(2) numbers it. The last two are told without being asked for.
pub const readable = constants.POLLIN;
pub const priority = constants.POLLPRI;
pub const writable = constants.POLLOUT;
const always = constants.POLLERR | constants.POLLHUP;
const askable = readable | priority | writable | constants.POLLRDHUP;

const canceled = (sys.Failure{ .errno = .CANCELED }).result();
/// How long the poller stays that has nothing to wait for.
const linger_ms = if (builtin.is_test) 50 else 1000;

const Wait = struct {
    done: bell_.Done,
    bell: *Bell,
    fd: i32,
    events: u32,
    /// The arming it is part of.
    arming: u32,
    /// Whether it is on a list; else it is over, or free.
    queued: bool,
    result: i32,
    /// On its list, or among those that are over.
    next: ?*Wait,
    index: u32,
    next_free: ?*Wait,
};

/// What an event carries.
const Tag = packed struct(u64) { fd: i32, arming: u32 };

/// Under the lock.
var lock: Lock = .{};
var waits: Pool(Wait, 1 << 17) = .{};
/// Waits by their descriptor's number.
var lists: [256]?*Wait = @splat(null);
var queued: u32 = 0;
var armings: u32 = 0;
/// The epoll instance and the poller's alarm, while it runs.
var epoll: i32 = -1;
var alarm: i32 = -1;

/// Starts to wait until one of `events` is to be had, or the end of either side: the wait's id for cancel(). The result
/// comes to the bell under `token`.
pub fn start(failure: *sys.Failure, bell: *Bell, token: u32, fd: i32, events: u32) sys.Error!u32 {
    if (events & ~@as(u32, askable) != 0) return failure.refuse(.INVAL);
    lock.acquire();
    const wait = begin(failure, bell, token, fd, events) catch |err| {
        lock.release();
        return err;
    };
    const index = wait.index;
    const waiting = wait.queued;
    lock.release();
    if (!waiting) bell_.complete(bell, &wait.done, wait.result);
    return index;
}

fn begin(failure: *sys.Failure, bell: *Bell, token: u32, fd: i32, events: u32) sys.Error!*Wait {
    if (epoll < 0) try startPoller(failure);
    const wait = try waits.take(failure);
    wait.done = .{ .token = token, .free = free };
    wait.bell = bell;
    wait.fd = fd;
    wait.events = events | always;
    put(wait);
    arm(failure, fd) catch |err| {
        remove(wait);
        if (queued == 0) wake();
        wait.result = @intCast(events);
        if (failure.errno != .PERM) {
            waits.give(wait);
            return err;
        }
    };
    bell_.expect(bell);
    return wait;
}

/// Calls a wait off: whether it was waiting. Then its result is ECANCELED.
pub fn cancel(bell: *const Bell, token: u32, id: u32) bool {
    lock.acquire();
    const wait = waits.find(id);
    if (wait == null or !wait.?.queued or wait.?.bell != bell or wait.?.done.token != token) {
        lock.release();
        return false;
    }
    const over = callOff(wait.?, null);
    lock.release();
    complete(over);
    return true;
}

/// Whose waits to call off: those for a descriptor, or those of a JS thread.
pub const Which = union(enum) {
    fd: i32,
    bell: *const Bell,
};

/// Calls waits off. Their results are ECANCELED.
pub fn withdraw(which: Which) void {
    if (waits.count() == 0) return;
    lock.acquire();
    var over: ?*Wait = null;
    switch (which) {
        .fd => |fd| while (find(fd)) |wait| {
            over = callOff(wait, over);
        },
        .bell => |bell| for (0..waits.made) |index| {
            const wait = waits.find(@intCast(index)).?;
            if (wait.queued and wait.bell == bell) over = callOff(wait, over);
        },
    }
    lock.release();
    complete(over);
}

/// How many waits there are, with those whose result was not drained. For tests.
pub fn count() u32 {
    return waits.count();
}

fn callOff(wait: *Wait, over: ?*Wait) *Wait {
    remove(wait);
    var ignored: sys.Failure = .{};
    arm(&ignored, wait.fd) catch {};
    if (queued == 0) wake();
    wait.result = canceled;
    wait.next = over;
    return wait;
}

fn complete(first: ?*Wait) void {
    var rest = first;
    while (rest) |wait| {
        rest = wait.next; // The record may be in use again when this returns.
        bell_.complete(wait.bell, &wait.done, wait.result);
    }
}

fn listOf(fd: i32) *?*Wait {
    return &lists[@as(u32, @bitCast(fd)) % lists.len];
}

fn put(wait: *Wait) void {
    const list = listOf(wait.fd);
    wait.next = list.*;
    list.* = wait;
    wait.queued = true;
    queued += 1;
}

fn remove(wait: *Wait) void {
    var link = listOf(wait.fd);
    while (link.*.? != wait) link = &link.*.?.next;
    link.* = wait.next;
    wait.queued = false;
    queued -= 1;
}

/// A wait for a descriptor.
fn find(fd: i32) ?*Wait {
    var at = listOf(fd).*;
    while (at) |wait| : (at = wait.next) if (wait.fd == fd) return wait;
    return null;
}

/// Arms a descriptor for all its waits, or disarms it where there is none.
fn arm(failure: *sys.Failure, fd: i32) sys.Error!void {
    armings +%= 1;
    var events: u32 = 0;
    var at = listOf(fd).*;
    while (at) |wait| : (at = wait.next) if (wait.fd == fd) {
        events |= wait.events;
        wait.arming = armings;
    };
    if (events == 0) return sys.epollControl(failure, epoll, linux.EPOLL.CTL_DEL, fd, 0, 0);
    const tag: u64 = @bitCast(Tag{ .fd = fd, .arming = armings });
    // It stays in the set, disarmed, when its event came: to arm it again is cheaper than to add it.
    sys.epollControl(failure, epoll, linux.EPOLL.CTL_MOD, fd, events | linux.EPOLL.ONESHOT, tag) catch {
        if (failure.errno != .NOENT) return error.Failed;
        try sys.epollControl(failure, epoll, linux.EPOLL.CTL_ADD, fd, events | linux.EPOLL.ONESHOT, tag);
    };
}

fn startPoller(failure: *sys.Failure) sys.Error!void {
    epoll = try sys.epollCreate(failure);
    errdefer {
        sys.closeQuietly(epoll);
        epoll = -1;
    }
    alarm = try sys.eventfd(failure, 0, linux.EFD.NONBLOCK);
    errdefer sys.closeQuietly(alarm);
    const tag: u64 = @bitCast(Tag{ .fd = -1, .arming = 0 });
    try sys.epollControl(failure, epoll, linux.EPOLL.CTL_ADD, alarm, linux.EPOLL.IN | linux.EPOLL.ET, tag);
    _ = try thread.start(failure, run, &lock);
}

/// Makes the poller look whether there is anything left to wait for.
fn wake() void {
    const one: u64 = 1;
    _ = linux.write(alarm, std.mem.asBytes(&one), @sizeOf(u64));
}

fn run(_: *anyopaque) void {
    var events: [64]linux.epoll_event = undefined;
    var idle = false;
    while (true) {
        const filled = sys.epollWait(epoll, &events, if (idle) linger_ms else -1);
        lock.acquire();
        if (idle and filled == 0 and queued == 0) {
            // Under the lock: the next wait starts another poller.
            sys.closeQuietly(alarm);
            sys.closeQuietly(epoll);
            epoll = -1;
            lock.release();
            return;
        }
        var over: ?*Wait = null;
        for (events[0..filled]) |event| over = takeOut(@bitCast(event.data.u64), event.events, over);
        idle = queued == 0;
        lock.release();
        complete(over);
    }
}

/// Takes out the waits that an event is for, and arms the descriptor for the others.
fn takeOut(tag: Tag, events: u32, already: ?*Wait) ?*Wait {
    var over = already;
    var left = false;
    var link = listOf(tag.fd);
    while (link.*) |wait| {
        if (wait.fd != tag.fd or wait.arming != tag.arming) {
            link = &wait.next;
        } else if (events & wait.events == 0) {
            left = true;
            link = &wait.next;
        } else {
            link.* = wait.next;
            wait.queued = false;
            queued -= 1;
            wait.result = @intCast(events & wait.events);
            wait.next = over;
            over = wait;
        }
    }
    if (!left) return over;
    var failure: sys.Failure = .{};
    arm(&failure, tag.fd) catch while (find(tag.fd)) |wait| {
        remove(wait);
        wait.result = failure.result();
        wait.next = over;
        over = wait;
    };
    return over;
}

fn free(done: *bell_.Done) void {
    const wait: *Wait = @fieldParentPtr("done", done);
    lock.acquire();
    defer lock.release();
    waits.give(wait);
}

/// A bell with its read end.
const Listener = struct {
    bell: *Bell,
    fd: i32,

    fn open() !Listener {
        var failure: sys.Failure = .{};
        const bell = try bell_.open(&failure);
        return .{ .bell = bell, .fd = bell_.takeReadEnd(bell).? };
    }

    fn close(listener: Listener) void {
        withdraw(.{ .bell = listener.bell });
        bell_.close(listener.bell);
        sys.closeQuietly(listener.fd);
    }

    fn next(listener: Listener) !bell_.Record {
        var records: [1]bell_.Record = undefined;
        while (bell_.drain(listener.bell, &records) == 0) {
            var polled: [1]linux.pollfd = .{.{ .fd = listener.fd, .events = linux.POLL.IN, .revents = 0 }};
            try std.testing.expectEqual(1, linux.poll(&polled, 1, 10_000));
            var bytes: [16]u8 = undefined;
            _ = linux.recvfrom(listener.fd, &bytes, bytes.len, linux.MSG.DONTWAIT, null, null);
        }
        return records[0];
    }

    fn expect(listener: Listener, token: u32, result: i32) !void {
        try std.testing.expectEqual(bell_.Record{ .token = token, .result = result }, try listener.next());
    }
};

fn send(fd: i32) !void {
    try std.testing.expectEqual(1, linux.write(fd, "x", 1));
}

test "waits end with what they wanted, each once, also several for one descriptor" {
    var failure: sys.Failure = .{};
    const listener: Listener = try .open();
    defer listener.close();
    const ends = try sys.socketpair(&failure, linux.SOCK.STREAM);
    defer for (ends) |end| sys.closeQuietly(end);
    _ = try start(&failure, listener.bell, 1, ends[0], readable);
    _ = try start(&failure, listener.bell, 2, ends[0], writable);
    try listener.expect(2, writable);
    _ = try start(&failure, listener.bell, 3, ends[0], readable | writable);
    try listener.expect(3, writable);
    try send(ends[1]);
    try listener.expect(1, readable);
    // It is armed for nothing now: no event comes of what is there to be read.
    _ = try start(&failure, listener.bell, 4, ends[0], priority);
    _ = try start(&failure, listener.bell, 5, ends[0], readable);
    try listener.expect(5, readable);
    try std.testing.expectEqual(1, count());
    withdraw(.{ .fd = ends[0] });
    try listener.expect(4, canceled);
    try std.testing.expectEqual(0, count());
}

test "a wait that is called off brings ECANCELED once, and leaves the others of its descriptor" {
    var failure: sys.Failure = .{};
    const listener: Listener = try .open();
    defer listener.close();
    const ends = try sys.socketpair(&failure, linux.SOCK.STREAM);
    defer for (ends) |end| sys.closeQuietly(end);
    const first = try start(&failure, listener.bell, 1, ends[0], readable);
    _ = try start(&failure, listener.bell, 2, ends[0], readable);
    try std.testing.expect(!cancel(listener.bell, 2, first));
    try std.testing.expect(!cancel(listener.bell, 1, std.math.maxInt(u32)));
    try std.testing.expect(cancel(listener.bell, 1, first));
    try std.testing.expect(!cancel(listener.bell, 1, first));
    try listener.expect(1, canceled);
    try send(ends[1]);
    try listener.expect(2, readable);
}

test "a closed peer is told whatever was asked for, and a wrong descriptor at once" {
    var failure: sys.Failure = .{};
    const listener: Listener = try .open();
    defer listener.close();
    const ends = try sys.socketpair(&failure, linux.SOCK.STREAM);
    _ = try start(&failure, listener.bell, 1, ends[0], priority);
    sys.closeQuietly(ends[1]);
    try listener.expect(1, linux.POLL.HUP);
    sys.closeQuietly(ends[0]);
    try std.testing.expectError(error.Failed, start(&failure, listener.bell, 2, ends[0], readable));
    try std.testing.expectEqual(sys.E.BADF, failure.errno);
    try std.testing.expectError(error.Failed, start(&failure, listener.bell, 2, listener.fd, 1 << 20));
    try std.testing.expectEqual(sys.E.INVAL, failure.errno);
}

test "a file is always ready" {
    var failure: sys.Failure = .{};
    const listener: Listener = try .open();
    defer listener.close();
    const file = try sys.memfdCreate(&failure, "hawser-test", linux.MFD.CLOEXEC);
    defer sys.closeQuietly(file);
    _ = try start(&failure, listener.bell, 1, file, readable | writable);
    try listener.expect(1, readable | writable);
}

test "a number that is another descriptor's by now gets none of the old one's events" {
    var failure: sys.Failure = .{};
    const listener: Listener = try .open();
    defer listener.close();
    for (0..500) |round| {
        const old = try sys.socketpair(&failure, linux.SOCK.STREAM);
        _ = try start(&failure, listener.bell, 1, old[0], readable);
        try send(old[1]);
        withdraw(.{ .fd = old[0] });
        const ended = try listener.next();
        try std.testing.expect(ended.result == canceled or ended.result == readable);
        sys.closeQuietly(old[0]);
        const new = try sys.socketpair(&failure, linux.SOCK.STREAM);
        try std.testing.expectEqual(old[0], new[0]);
        const token: u32 = @intCast(2 + round);
        const id = try start(&failure, listener.bell, token, new[0], readable);
        sys.pause(10_000);
        try std.testing.expect(cancel(listener.bell, token, id));
        try listener.expect(token, canceled);
        for ([_]i32{ old[1], new[0], new[1] }) |fd| sys.closeQuietly(fd);
    }
}

test "200 waits on as many descriptors, and the poller ends when there are none" {
    var failure: sys.Failure = .{};
    const listener: Listener = try .open();
    defer listener.close();
    var pairs: [200][2]i32 = undefined;
    for (&pairs, 0..) |*pair, token| {
        pair.* = try sys.socketpair(&failure, linux.SOCK.STREAM);
        _ = try start(&failure, listener.bell, @intCast(token), pair[0], readable);
    }
    for (0..pairs.len) |i| try send(pairs[i * 7 % pairs.len][1]);
    var seen: [pairs.len]bool = @splat(false);
    for (0..pairs.len) |_| {
        const record = try listener.next();
        try std.testing.expect(!seen[record.token]);
        seen[record.token] = true;
        try std.testing.expectEqual(readable, record.result);
    }
    for (pairs) |pair| for (pair) |end| sys.closeQuietly(end);
    for (0..3_000) |_| {
        lock.acquire();
        const ended = epoll < 0;
        lock.release();
        if (ended) return;
        sys.pause(std.time.ns_per_ms);
    }
    return error.StillThere;
}
