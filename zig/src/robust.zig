//! The robust list of the calling thread: what the kernel walks when a thread dies, to mark the locks it held.
//!
//! libc registered a list for each thread, and its place in a lock is libc's too, so that C takes part:
//!
//!     head     list ------> lock B, +32 next ------> lock A, +32 next ------> head      (newest first)
//!              offset -32   lock B, +24 previous     lock A, +24 previous
//!              pending      the lock that is being taken or released
//!
//! The pages of a lock belong to everybody who maps them. So what stands in them is written for the kernel and for C, and
//! our own neighbours are read from `Held`, in private memory: a peer that scribbles over a lock must not steer a write
//! of ours.
//!
//! Robust locks of others may stand on the same list (C code in this thread, another copy of this library). They are
//! found where the list does not lead from our node to our next one, and touched through the kernel only
//! (process_vm_readv(2) and its twin), which answers EFAULT where we would fault, and only where both the lock word and
//! the link back say that they belong here.
//!
//! Invariants, at every instruction, since the thread may be killed at any:
//! - head.list leads through every lock that is linked, and back to head;
//! - a lock whose word holds our id is linked or pending.

const std = @import("std");
const linux = std.os.linux;
const assert = std.debug.assert;
const Lock = @import("lock.zig").Lock;
const memory = @import("memory.zig");
const sys = @import("sys.zig");

/// A lock's word: the owner's thread id, and two flags of the kernel's.
pub const waiters: u32 = 0x8000_0000;
pub const owner_died: u32 = 0x4000_0000;
pub const tid_mask: u32 = 0x3fff_ffff;

/// From the word to the link the list goes through.
pub const node_offset = 32;
/// What the kernel walks at most; further locks would not be marked.
pub const held_max = 2048;

/// struct robust_list_head.
const Head = extern struct {
    list: usize,
    futex_offset: isize,
    pending: usize,
};

/// A lock that the thread holds.
pub const Held = struct {
    /// The address of its word, which heads the lock.
    word: usize,
    mapping: *memory.Mapping,
    /// What was written to its `next`: what it leads to, unless a foreign lock right behind it was released since.
    next: usize,

    fn node(held: *const Held) usize {
        return held.word + node_offset;
    }
};

/// What is known of a JS thread.
pub const Thread = struct {
    /// Aligned to stand beside what each lock needs as well, before all of `held`.
    tid: u32 align(8),
    /// How many locks are held: the first of `held`, the newest last.
    count: u32 align(8),
    pointer: usize,
    /// The registered list; null where there is none that fits, and locks stand on the second line alone.
    head: ?*volatile Head,
    own: Head,
    /// The node of the lock that an asynchronous wait is for, the latest if there are several; else zero. It is pending
    /// while the thread does nothing else: who is killed after the wake came to its helper leaves it to the kernel.
    waited: usize,
    /// How long it usually pays to spin, in turns; see mutex.zig.
    spin: u32,
    spins: bool,
    pid_namespace: u32,
    next: ?*Thread,
    held: [held_max]Held,

    /// Announces the lock that is about to be taken or released, so that its word is looked at wherever we die.
    pub inline fn begin(thread: *Thread, word: usize) void {
        if (thread.head) |head| head.pending = word + node_offset;
        barrier();
    }

    pub inline fn end(thread: *Thread) void {
        barrier();
        if (thread.head) |head| head.pending = thread.waited;
    }

    /// Notes that an asynchronous wait for a lock begins, or has ended with it.
    pub fn wait(thread: *Thread, word: usize) void {
        thread.waited = word + node_offset;
    }

    pub fn unwait(thread: *Thread, word: usize) void {
        if (thread.waited == word + node_offset) thread.waited = 0;
    }

    /// Forgets a wait in memory that goes: the kernel would look at whatever comes there.
    pub fn leave(thread: *Thread, start: usize, bytes: u64) void {
        if (thread.waited -% start >= bytes) return;
        thread.waited = 0;
        thread.end();
    }

    /// Where the entry of a lock is that this thread holds.
    pub inline fn find(thread: *const Thread, word: usize) ?u32 {
        var at = thread.count;
        while (at > 0) {
            at -= 1;
            if (thread.held[at].word == word) return at;
        }
        return null;
    }

    /// Whether one more lock can be held.
    pub fn full(thread: *const Thread) bool {
        return thread.count == held_max;
    }

    /// How many locks in a mapping are held.
    pub fn heldIn(thread: *const Thread, mapping: *const memory.Mapping) u32 {
        var found: u32 = 0;
        for (thread.held[0..thread.count]) |held| found += @intFromBool(held.word -% mapping.address < mapping.bytes);
        return found;
    }

    /// Links a lock whose word holds our id.
    pub inline fn link(thread: *Thread, word: usize, mapping: *memory.Mapping) void {
        assert(!thread.full());
        const held = &thread.held[thread.count];
        held.word = word;
        held.mapping = mapping;
        if (thread.head) |head| {
            const first = head.list;
            held.next = first;
            setNext(held, first);
            setPrevious(held, @intFromPtr(head));
            if (first != @intFromPtr(head)) thread.precede(first, held);
            barrier(); // The kernel finds the way on from a node that it finds.
            head.list = held.node();
        }
        thread.count += 1;
    }

    /// Leads back from what was the first of the list.
    noinline fn precede(thread: *const Thread, first: usize, held: *const Held) void {
        if (thread.count > 0) {
            const older = &thread.held[thread.count - 1];
            if (first == older.node()) return setPrevious(older, held.node());
        }
        if (thread.foreign(first)) poke(address(first) - 8, held.node());
    }

    /// Unlinks the lock of an entry; its word still holds our id.
    pub inline fn unlink(thread: *Thread, at: u32) void {
        const held = &thread.held[at];
        if (thread.head) |head| {
            // Most are alone on the list.
            if (held.next == @intFromPtr(head) and head.list == held.node()) head.list = held.next else thread.skip(head, at);
        }
        thread.count -= 1;
        if (at != thread.count) thread.closeGap(at);
    }

    noinline fn closeGap(thread: *Thread, at: u32) void {
        std.mem.copyForwards(Held, thread.held[at..thread.count], thread.held[at + 1 .. thread.count + 1]);
    }

    noinline fn skip(thread: *Thread, head: *volatile Head, at: u32) void {
        const held = &thread.held[at];
        const newer = if (at + 1 < thread.count) &thread.held[at + 1] else null;
        const next = thread.successor(held);
        var previous: usize = @intFromPtr(head);
        if (head.list == held.node()) {
            head.list = next;
        } else if (newer != null and newer.?.next == held.node()) {
            previous = newer.?.node();
            newer.?.next = next;
            setNext(newer.?, next);
        } else if (thread.predecessor(head, held)) |node| {
            previous = node;
            if (thread.ours(node)) |entry| {
                entry.next = next;
                setNext(entry, next);
            } else poke(node, next);
        }
        if (thread.olderThan(held)) |older| if (next == older.node()) setPrevious(older, previous);
        if (thread.foreign(next)) poke(address(next) - 8, previous);
    }

    fn olderThan(thread: *Thread, held: *const Held) ?*Held {
        const at = held - &thread.held[0];
        return if (at > 0) &thread.held[at - 1] else null;
    }

    /// What the list leads to from one of our nodes.
    fn successor(thread: *Thread, held: *const Held) usize {
        const known = held.next;
        if (!thread.foreign(known)) return known;
        // It was foreign: released since, perhaps, and our link changed by its owner. Or by a peer.
        const found = @as(*const volatile usize, @ptrFromInt(held.node())).*;
        const fallback = if (thread.olderThan(held)) |older| older.node() else @intFromPtr(thread.head.?);
        if (found == fallback or !thread.foreign(found)) return fallback;
        if ((peek(usize, address(found) - 8) orelse 0) != held.node()) return fallback;
        if ((peek(u32, address(found) - node_offset) orelse 0) & tid_mask != thread.tid) return fallback;
        return found;
    }

    /// The node that leads to `held`, behind foreign ones: a bounded walk.
    fn predecessor(thread: *Thread, head: *volatile Head, held: *const Held) ?usize {
        var at = head.list;
        for (0..held_max) |_| {
            if (at == @intFromPtr(head)) return null;
            const next = if (thread.ours(at)) |entry| thread.successor(entry) else peek(usize, address(at)) orelse return null;
            if (next == held.node()) return address(at);
            at = next;
        }
        return null;
    }

    fn foreign(thread: *const Thread, node: usize) bool {
        return node != @intFromPtr(thread.head.?) and thread.find(node -% node_offset) == null;
    }

    fn ours(thread: *Thread, node: usize) ?*Held {
        return &thread.held[thread.find(node -% node_offset) orelse return null];
    }
};

fn setNext(held: *const Held, to: usize) void {
    @as(*volatile usize, @ptrFromInt(held.node())).* = to;
}

fn setPrevious(held: *const Held, to: usize) void {
    @as(*volatile usize, @ptrFromInt(held.node() - 8)).* = to;
}

/// Links to a lock with priority inheritance have their lowest bit set.
fn address(node: usize) usize {
    return node & ~@as(usize, 1);
}

/// The kernel looks only when this thread is dead: the compiler alone has to keep the order.
fn barrier() void {
    asm volatile ("" ::: .{ .memory = true });
}

fn peek(comptime T: type, at: usize) ?T {
    var value: T = undefined;
    const local: [1]std.posix.iovec = .{.{ .base = @ptrCast(&value), .len = @sizeOf(T) }};
    return if (transfer(.process_vm_readv, @intFromPtr(&local), at, @sizeOf(T))) value else null;
}

fn poke(at: usize, value: usize) void {
    const local: [1]std.posix.iovec_const = .{.{ .base = @ptrCast(&value), .len = @sizeOf(usize) }};
    _ = transfer(.process_vm_writev, @intFromPtr(&local), at, @sizeOf(usize));
}

fn transfer(call: linux.SYS, local: usize, at: usize, bytes: usize) bool {
    const remote: [2]usize = .{ at, bytes }; // struct iovec
    return linux.syscall6(call, @intCast(linux.getpid()), local, 1, @intFromPtr(&remote), 1, 0) == bytes;
}

var threads: ?*Thread = null;
var lock: Lock = .{};

/// The record of the calling thread, made when first asked for. It stays: its list must outlive the thread.
pub fn current(failure: *sys.Failure) sys.Error!*Thread {
    const pointer = sys.threadPointer();
    const tid: u32 = @intCast(sys.gettid());
    lock.acquire();
    defer lock.release();
    var gone: ?*Thread = null;
    var entry = threads;
    while (entry) |thread| : (entry = thread.next) {
        if (thread.pointer == pointer and thread.tid == tid) return thread;
        if (gone == null and !sys.threadAlive(@intCast(thread.tid))) gone = thread;
    }
    const thread = gone orelse try make(failure);
    // One by one: the entries of locks are many, and none is looked at before it is filled.
    thread.pointer = pointer;
    thread.tid = tid;
    thread.count = 0;
    thread.waited = 0;
    thread.spin = 0;
    thread.spins = sys.cpuCount() > 1;
    thread.pid_namespace = sys.pidNamespace();
    thread.head = registered(thread);
    return thread;
}

fn make(failure: *sys.Failure) sys.Error!*Thread {
    const at = try sys.mmap(failure, @sizeOf(Thread), .{ .READ = true, .WRITE = true }, .{
        .TYPE = .PRIVATE,
        .ANONYMOUS = true,
        .NORESERVE = true,
    }, -1);
    const thread: *Thread = @ptrFromInt(at);
    thread.next = threads;
    threads = thread;
    return thread;
}

fn registered(thread: *Thread) ?*volatile Head {
    var head: ?*volatile Head = null;
    var bytes: usize = 0;
    const got = linux.syscall3(.get_robust_list, 0, @intFromPtr(&head), @intFromPtr(&bytes));
    if (linux.errno(got) != .SUCCESS) return null;
    if (head) |found| return if (found.futex_offset == -node_offset) found else null;
    // musl registers none before its first robust mutex.
    thread.own = .{ .list = @intFromPtr(&thread.own), .futex_offset = -node_offset, .pending = 0 };
    const set = linux.syscall2(.set_robust_list, @intFromPtr(&thread.own), @sizeOf(Head));
    return if (linux.errno(set) == .SUCCESS) &thread.own else null;
}

/// Locks in private pages, and what C does with one of its own on the same list, as glibc's ENQUEUE and DEQUEUE do.
const Bench = struct {
    words: [8][6]usize align(64) = @splat(@splat(0)),
    mapping: memory.Mapping = .{ .address = 0, .bytes = 0, .fd = -1, .readonly = false, .sparse = false },
    thread: *Thread,

    var thread_own: Thread = undefined;

    /// On a list that is not registered: qemu knows none.
    fn init() Bench {
        const thread = &thread_own;
        thread.tid = @intCast(sys.gettid());
        thread.own = .{ .list = @intFromPtr(&thread.own), .futex_offset = -node_offset, .pending = 0 };
        thread.head = &thread.own;
        thread.count = 0;
        thread.waited = 0;
        return .{ .thread = thread };
    }

    fn word(bench: *Bench, i: usize) usize {
        return @intFromPtr(&bench.words[i]);
    }

    fn take(bench: *Bench, i: usize) void {
        bench.words[i][0] = bench.thread.tid;
        bench.thread.link(bench.word(i), &bench.mapping);
    }

    fn give(bench: *Bench, i: usize) void {
        bench.thread.unlink(bench.thread.find(bench.word(i)).?);
        bench.words[i][0] = 0;
    }

    fn takeInC(bench: *Bench, i: usize) void {
        const head = bench.thread.head.?;
        const node = bench.word(i) + node_offset;
        bench.words[i][0] = bench.thread.tid;
        bench.words[i][4] = head.list;
        bench.words[i][3] = @intFromPtr(head);
        if (head.list != @intFromPtr(head)) @as(*usize, @ptrFromInt(head.list - 8)).* = node;
        head.list = node;
    }

    fn giveInC(bench: *Bench, i: usize) void {
        const next = bench.words[i][4];
        const previous = bench.words[i][3];
        if (next != @intFromPtr(bench.thread.head.?)) @as(*usize, @ptrFromInt(next - 8)).* = previous;
        @as(*usize, @ptrFromInt(previous)).* = next;
        bench.words[i][0] = 0;
    }

    /// What the kernel would find.
    fn expect(bench: *Bench, locks: []const usize) !void {
        const head = bench.thread.head.?;
        var at = head.list;
        for (locks) |i| {
            try std.testing.expectEqual(bench.word(i) + node_offset, at);
            at = @as(*const usize, @ptrFromInt(at)).*;
        }
        try std.testing.expectEqual(@intFromPtr(head), at);
    }
};

test "locks are released in any order" {
    var bench: Bench = .init();
    for (0..4) |i| bench.take(i);
    try bench.expect(&.{ 3, 2, 1, 0 });
    bench.give(2);
    bench.give(3);
    try bench.expect(&.{ 1, 0 });
    bench.give(0);
    bench.give(1);
    try bench.expect(&.{});
}

test "locks of others on the list stay there, whoever comes and goes between" {
    const known: usize = 7;
    // qemu has no process_vm_readv(2): what others link is not read there, and the list is ours alone.
    const readable = peek(usize, @intFromPtr(&known)) != null;
    var prng = std.Random.DefaultPrng.init(std.testing.random_seed);
    var bench: Bench = .init();
    var order: [8]usize = undefined; // Newest last.
    var held: usize = 0;
    for (0..10_000) |_| {
        const i = prng.random().uintLessThan(usize, 8);
        const in_c = readable and i % 2 == 1;
        if (std.mem.findScalar(usize, order[0..held], i)) |at| {
            if (in_c) bench.giveInC(i) else bench.give(i);
            std.mem.copyForwards(usize, order[at .. held - 1], order[at + 1 .. held]);
            held -= 1;
        } else {
            if (in_c) bench.takeInC(i) else bench.take(i);
            order[held] = i;
            held += 1;
        }
        var newest_first: [8]usize = undefined;
        for (0..held) |n| newest_first[n] = order[held - 1 - n];
        bench.expect(newest_first[0..held]) catch |err| {
            std.debug.print("seed {d}\n", .{std.testing.random_seed});
            return err;
        };
    }
    while (held > 0) : (held -= 1) {
        const i = order[held - 1];
        if (readable and i % 2 == 1) bench.giveInC(i) else bench.give(i);
    }
}

test "links that a peer scribbled over steer nothing" {
    var prng = std.Random.DefaultPrng.init(std.testing.random_seed);
    var bench: Bench = .init();
    for (0..10_000) |round| {
        for (0..4) |i| if (i == 1) bench.takeInC(i) else bench.take(i);
        for ([_]usize{ 0, 2, 3 }) |i| {
            bench.words[i][3] = prng.random().int(usize);
            bench.words[i][4] = switch (round % 3) {
                0 => prng.random().int(usize),
                1 => @intFromPtr(&bench) + prng.random().uintLessThan(usize, 256),
                else => 8,
            };
        }
        const before = bench.words[4..8].*;
        for ([_]usize{ 2, 0, 3 }) |i| bench.give(i);
        try std.testing.expectEqual(before, bench.words[4..8].*);
        bench.thread.head.?.list = @intFromPtr(bench.thread.head.?); // The foreign one may be lost: its owner was scribbled over.
        bench.words[1][0] = 0;
    }
}
