//! A mutual exclusion lock in shared memory that outlives its owners: glibc's robust process-shared mutex, and more.
//!
//!     offset  field          written by
//!     0       word           everybody: owner's thread id | OWNER_DIED | WAITERS
//!     4       waking         the owner that gives back WAITED: what the word was. C's `count`, which is 1 once C had it
//!     8       owner          the owner; C's. The last one while nobody holds the lock, where C has zero
//!     16      kind           whoever comes first, once
//!     24      previous,next  the owner, for the kernel (robust.zig)
//!     40      starved        a waiter: until when newcomers hold back
//!     44      pid_namespace  whoever comes first, once
//!
//! The word, and who moves it:
//!
//!     FREE    0              -> TAKEN    a taker; or WAITED if it has waited, or if `waking` says that others may sleep
//!     TAKEN   tid            -> WAITED   a waiter, before it sleeps
//!                            -> FREE     the owner
//!     WAITED  tid|WAITERS    -> FREE     the owner, who leaves it in `waking` and then wakes one
//!     DEAD    OWNER_DIED     -> TAKEN    a taker, who learns that it was abandoned; or WAITED as above, or if WAITERS is set
//!     TAKEN, WAITED          -> DEAD     the kernel, when the owner's thread dies; it wakes one
//!     TAKEN, WAITED          -> WAITED   the second line: a waiter that found no thread of the owner's id
//!
//! take:     BEGIN pending = lock; CLAIM the word moves; LINK on the list; END pending = none
//! release:  BEGIN pending = lock; UNLINK; FREE the word moves; WAKE one if it was WAITED, and CLEAR `waking` if nobody
//!           slept, unless another has set it since; END pending = none
//! wait:     ANNOUNCE the word becomes WAITED; SLEEP on it; then take with WAITERS set, since others may sleep too
//! no wake:  LOOK whether a thread of the owner's id exists; if none does, SEIZE the word
//!
//! models/mutex.pml has these names, and is searched for an interleaving that breaks what follows (npm run model).
//!
//! Invariants:
//! - at most one thread is between CLAIM and FREE;
//! - whoever sleeps on the word sleeps on WAITED, so the owner's release or death wakes one;
//! - who was woken takes the lock, or announces itself again, or wakes another: a wake is never swallowed. Who dies
//!   instead has the lock pending, and the kernel wakes another for a pending lock that is FREE. An asynchronous waiter
//!   does so when its thread gets to it; if that sleeps for a lock meanwhile, it looks often;
//! - somebody sleeps on the word only while WAITERS is set in it or `waking` is not zero. Both stand in 8 bytes that CLAIM
//!   and FREE move at once, so that there is no moment without: whoever barges in before a woken one that died, or before
//!   an owner that died ahead of its WAKE, wakes one of those who sleep, as does the kernel should it die too;
//! - whether this thread holds a lock is read from private memory, never from the word.
//!
//! A lock that is FREE is anybody's: takers barge in. A waiter that lost such races for 10 ms closes the gate: `starved`
//! holds the time until which newcomers do not try but sleep on `starved` itself. It is at most 40 ms away, so a waiter
//! that dies leaves no closed gate; who lives comes every 20 ms to move it on.
//!
//! C knows neither the gate nor `waking`: it barges in, and takes FREE without WAITERS. If a woken one dies meanwhile,
//! those who sleep do so until the next of us has come and gone, or until they look for themselves.
//!
//! The second line is for kernels that refuse robust lists and for lists that a peer has spoilt: waiters wake once a
//! second and ask whether a thread of the owner's id exists. Only if none does they take over. An id that is in use
//! again is waited out.

const std = @import("std");
const assert = std.debug.assert;
const kill_point = @import("kill_point.zig");
const memory = @import("memory.zig");
const object = @import("object.zig");
const robust = @import("robust.zig");
const sys = @import("sys.zig");

const Mapping = memory.Mapping;
const Thread = robust.Thread;

pub const Lock = extern struct {
    word: u32,
    waking: u32,
    owner: u32,
    users: u32,
    kind: u32,
    unused: u32,
    previous: usize,
    next: usize,
    starved: u32,
    pid_namespace: u32,

    comptime {
        assert(@sizeOf(Lock) == 48);
        assert(@offsetOf(Lock, "waking") == 4);
        assert(@offsetOf(Lock, "kind") == 16);
        assert(@offsetOf(Lock, "next") == robust.node_offset);
        assert(@offsetOf(Lock, "starved") == 40);
    }

    fn state(lock: *Lock) *State {
        return @ptrCast(lock);
    }
};

/// What CLAIM and FREE move at once.
const State = packed struct(u64) {
    word: u32,
    waking: u32,
};

/// What TypeScript reads of an owner.
pub const Owner = extern struct {
    tid: u32,
    pid: u32,
};

/// How a lock was found by who took it.
pub const Taken = enum(u1) { clean = 0, abandoned = 1 };

/// glibc's kinds: robust (16) and shared (128), and normal (0, or 512 if that was asked for), error-checking (2) or
/// adaptive (3).
const kind_ours = 128 + 16;
const kinds = [_]u32{ kind_ours, kind_ours + 512, kind_ours + 2, kind_ours + 3 };
/// glibc's `owner` where a C program gave the lock up for good.
const not_recoverable = 0x7fff_fffe;

const starving_after_ms = 10;
const gate_ms = 40;
/// The crash tests tell by its length who was woken from who came to look.
const look_again_ms = if (kill_point.enabled) 10_000 else 1_000;
const spin_max = 200;

/// Finds the lock at an offset of a mapping, makes it one where there are only zeroes, and gets this thread ready to hold
/// it. Why a lock is refused is left in `info`.
pub fn attach(failure: *sys.Failure, mapping: *Mapping, offset: u64, info: *align(1) object.Info) sys.Error!void {
    if (mapping.readonly) return failure.refuse(.ACCES);
    const lock = at(mapping, offset) orelse return failure.refuse(.INVAL);
    const thread = try robust.current(failure);
    var kind = @atomicLoad(u32, &lock.kind, .acquire);
    if (kind == 0 and untouched(lock)) {
        kind = @cmpxchgStrong(u32, &lock.kind, 0, kind_ours, .acq_rel, .acquire) orelse kind_ours;
        kill_point.here("mutex_attach.marked");
    } else if (kind == 0) {
        kind = @atomicLoad(u32, &lock.kind, .acquire); // Another made it a lock just now, and took it.
    }
    if (std.mem.findScalar(u32, &kinds, kind) == null) return failure.refuse(.BADMSG);
    const own = thread.pid_namespace;
    const found = @cmpxchgStrong(u32, &lock.pid_namespace, 0, own, .acq_rel, .acquire) orelse own;
    info.pid_namespace = found;
    info.pid_namespace_own = own;
    if (found != own and own != 0) return failure.refuse(.XDEV);
    mapping.thread = thread;
}

fn untouched(lock: *const Lock) bool {
    const bytes: *const [40]u8 = @ptrCast(lock);
    return std.mem.allEqual(u8, bytes, 0);
}

/// Takes the lock, or answers EBUSY.
pub fn tryTake(failure: *sys.Failure, mapping: *Mapping, offset: u64) sys.Error!Taken {
    const place = try placeOf(failure, mapping, offset);
    place.begin();
    defer place.thread.end();
    if (@atomicLoad(u32, &place.lock.starved, .monotonic) == 0) {
        if (place.claimFree()) return place.own(failure, .clean);
    }
    return place.trySlowly(failure);
}

/// Takes the lock, and blocks the thread while another has it. Signals are waited through unless `interruptible`.
pub fn take(
    failure: *sys.Failure,
    mapping: *Mapping,
    offset: u64,
    timeout_ms: f64,
    interruptible: bool,
) sys.Error!Taken {
    const place = try placeOf(failure, mapping, offset);
    place.begin();
    defer place.thread.end();
    if (@atomicLoad(u32, &place.lock.starved, .monotonic) == 0) {
        if (place.claimFree()) return place.own(failure, .clean);
    }
    return place.takeSlowly(failure, timeout_ms, interruptible);
}

/// What an asynchronous waiter is to do next: sleep on a word of the lock while it holds `expected`, at most `limit_ms`,
/// and come again.
pub const Sleep = extern struct {
    word_offset: u32,
    expected: u32,
    limit_ms: u32,
};

/// One turn of an asynchronous wait: takes the lock, or announces the waiter and returns null. `waited_ms` is how long it
/// has been waiting, zero at first; `timed_out` says that its last sleep was as long as it was to be.
pub fn step(
    failure: *sys.Failure,
    mapping: *Mapping,
    offset: u64,
    waited_ms: u32,
    timed_out: bool,
    next: *align(1) Sleep,
) sys.Error!?Taken {
    const place = try placeOf(failure, mapping, offset);
    const lock = place.lock;
    const newcomer = waited_ms == 0;
    if (newcomer) {
        const left = gateLeft(lock);
        if (left > 0) {
            const closed = @atomicLoad(u32, &lock.starved, .monotonic);
            next.* = .{ .word_offset = @offsetOf(Lock, "starved"), .expected = closed, .limit_ms = left };
            return null;
        }
    }
    if (!newcomer and !timed_out) kill_point.here("mutex_step.woken");
    place.begin();
    defer place.thread.end();
    const starving = waited_ms >= starving_after_ms;
    while (true) {
        const taken = try place.claim(failure, if (newcomer) 0 else robust.waiters) orelse
            (if (timed_out) try place.takeOver(failure) else null);
        if (taken) |how| {
            place.thread.unwait(@intFromPtr(lock));
            if (starving) openGate(lock);
            return how;
        }
        const word = place.announce() orelse continue;
        place.thread.wait(@intFromPtr(lock));
        const closed = starving and keepGate(lock, !timed_out);
        if (closed) kill_point.here("mutex_step.starving");
        kill_point.here("mutex_step.announced");
        next.* = .{ .word_offset = 0, .expected = word, .limit_ms = sleepMs(closed) };
        return null;
    }
}

/// Gives the lock back. EBADMSG means that somebody wrote to it meanwhile: it is not ours any more, and nothing was given.
pub inline fn release(failure: *sys.Failure, mapping: *Mapping, offset: u64) sys.Error!void {
    const lock = at(mapping, offset) orelse return failure.refuse(.INVAL);
    const thread = mapping.thread orelse return failure.refuse(.PERM);
    const held = thread.find(@intFromPtr(lock)) orelse return failure.refuse(.PERM);
    return giveBack(failure, thread, held, lock);
}

inline fn giveBack(failure: *sys.Failure, thread: *Thread, held: u32, lock: *Lock) sys.Error!void {
    thread.begin(@intFromPtr(lock));
    defer thread.end();
    kill_point.here("mutex_release.begun");
    thread.unlink(held);
    kill_point.here("mutex_release.unlinked");
    // Pairs with the acquire in claim(): the next owner sees what this one wrote.
    const taken: State = .{ .word = thread.tid, .waking = 0 };
    const found = @cmpxchgStrong(State, lock.state(), taken, .{ .word = 0, .waking = 0 }, .release, .monotonic);
    const waited = if (found) |state| try freeSlowly(failure, thread, lock, state) else 0;
    kill_point.here("mutex_release.freed");
    if (waited != 0 and wake(&lock.word, 1) == 0) {
        // Unless another's stands there by now. Nobody slept, so nobody's wake can be lost.
        _ = @cmpxchgStrong(u32, &lock.waking, waited, 0, .monotonic, .monotonic);
    }
    kill_point.here("mutex_release.woken");
}

/// FREE, where there is more to the word than our id: what was left in `waking`, where one is to be woken, or zero.
noinline fn freeSlowly(failure: *sys.Failure, thread: *const Thread, lock: *Lock, seen: State) sys.Error!u32 {
    var found = seen;
    while (found.word & robust.tid_mask == thread.tid) {
        const waited = found.word & robust.waiters != 0;
        const free: State = .{ .word = 0, .waking = if (waited) found.word else found.waking };
        found = @cmpxchgWeak(State, lock.state(), found, free, .release, .monotonic) orelse
            return if (waited) free.waking else 0;
    }
    return failure.refuse(.BADMSG);
}

/// Who holds the lock; null where nobody does, or a dead thread.
pub fn owner(failure: *sys.Failure, mapping: *Mapping, offset: u64) sys.Error!?Owner {
    const lock = at(mapping, offset) orelse return failure.refuse(.INVAL);
    const word = @atomicLoad(u32, &lock.word, .monotonic);
    const tid = word & robust.tid_mask;
    if (tid == 0 or word & robust.owner_died != 0 or !sys.threadExists(tid)) return null;
    return .{ .tid = tid, .pid = sys.processOf(tid) };
}

/// A lock, and the thread that wants it.
const Place = struct {
    lock: *Lock,
    mapping: *Mapping,
    offset: u64,
    thread: *Thread,

    fn begin(place: Place) void {
        place.thread.begin(@intFromPtr(place.lock));
        kill_point.here("mutex_take.begun");
    }

    /// CLAIM, where nobody has it and nobody waits: all there is to it most of the time.
    inline fn claimFree(place: Place) bool {
        const taken: State = .{ .word = place.thread.tid, .waking = 0 };
        // Pairs with the release in giveBack().
        return @cmpxchgStrong(State, place.lock.state(), .{ .word = 0, .waking = 0 }, taken, .acquire, .monotonic) == null;
    }

    noinline fn trySlowly(place: Place, failure: *sys.Failure) sys.Error!Taken {
        if (gateLeft(place.lock) > 0) return failure.refuse(.BUSY);
        if (try place.claim(failure, 0)) |taken| return taken;
        // Where nobody marks the dead, whoever only tries would never have the lock.
        if (place.thread.head == null) if (try place.takeOver(failure)) |taken| return taken;
        return failure.refuse(.BUSY);
    }

    noinline fn takeSlowly(place: Place, failure: *sys.Failure, timeout_ms: f64, interruptible: bool) sys.Error!Taken {
        if (@atomicLoad(u32, &place.lock.starved, .monotonic) == 0) {
            if (try place.claim(failure, 0)) |taken| return taken;
            if (try place.spin(failure, 0)) |taken| return taken;
        }
        const deadline_ns = sys.deadline(timeout_ms) orelse return failure.refuse(.INVAL);
        return place.wait(failure, deadline_ns, interruptible);
    }

    /// CLAIM and LINK, where nobody has it. Announced already: begin().
    fn claim(place: Place, failure: *sys.Failure, flags: u32) sys.Error!?Taken {
        var found: State = .{ .word = 0, .waking = 0 };
        while (true) {
            const waiters = flags | (if (found.waking != 0) robust.waiters else found.word & robust.waiters);
            const taken: State = .{ .word = place.thread.tid | waiters, .waking = found.waking };
            // Pairs with the release in release(), or with the kernel's write after the last owner's end.
            found = @cmpxchgWeak(State, place.lock.state(), found, taken, .acquire, .monotonic) orelse break;
            if (found.word & robust.owner_died == 0 and found.word & robust.tid_mask != 0) return null;
        }
        return try place.own(failure, if (found.word & robust.owner_died != 0) .abandoned else .clean);
    }

    /// LINK: the word holds our id.
    inline fn own(place: Place, failure: *sys.Failure, taken: Taken) sys.Error!Taken {
        kill_point.here("mutex_take.claimed");
        place.thread.link(@intFromPtr(place.lock), place.mapping);
        kill_point.here("mutex_take.linked");
        if (place.lock.owner != place.thread.tid) try place.sign(failure);
        return taken;
    }

    /// For C, and for debuggers. It stays when the lock is given back: whoever takes it again has less to write.
    noinline fn sign(place: Place, failure: *sys.Failure) sys.Error!void {
        if (place.lock.owner == not_recoverable) {
            // A lock that C gave up stays so.
            try giveBack(failure, place.thread, place.thread.count - 1, place.lock);
            return failure.refuse(.NOTRECOVERABLE);
        }
        place.lock.owner = place.thread.tid;
    }

    /// ANNOUNCE: what to sleep on, or null where the word moved.
    fn announce(place: Place) ?u32 {
        const word = @atomicLoad(u32, &place.lock.word, .monotonic);
        if (word & robust.tid_mask == 0 or word & robust.owner_died != 0) return null;
        if (word & robust.waiters != 0) return word;
        const waited = word | robust.waiters;
        return if (@cmpxchgStrong(u32, &place.lock.word, word, waited, .monotonic, .monotonic) == null) waited else null;
    }

    /// CLAIM within a short time, for about as long as it took before; a wake costs more.
    fn spin(place: Place, failure: *sys.Failure, flags: u32) sys.Error!?Taken {
        const thread = place.thread;
        if (!thread.spins) return null;
        const limit = @min(spin_max, 2 * thread.spin + 10);
        var turn: u32 = 0;
        defer thread.spin = (thread.spin * 7 + turn) / 8;
        while (turn < limit) : (turn += 1) {
            std.atomic.spinLoopHint();
            if (@atomicLoad(u32, &place.lock.word, .monotonic) & robust.tid_mask != 0) continue;
            if (try place.claim(failure, flags)) |taken| return taken;
        }
        return null;
    }

    fn wait(place: Place, failure: *sys.Failure, end: u64, interruptible: bool) sys.Error!Taken {
        const lock = place.lock;
        const start = sys.monotonic();
        var now = start;
        var flags: u32 = 0;
        var woken = false;
        var starving = false;
        // Also where it leaves without the lock: the gate is closed no longer than somebody starves.
        defer if (starving) openGate(lock);
        while (true) : (now = sys.monotonic()) {
            if (flags == 0) {
                const left_ms = gateLeft(lock);
                if (left_ms > 0) {
                    if (now >= end) return failure.refuse(.TIMEDOUT);
                    const closed = @atomicLoad(u32, &lock.starved, .monotonic);
                    const opened = now + @as(u64, left_ms) * std.time.ns_per_ms;
                    _ = try sleep(failure, &lock.starved, closed, @min(opened, end), interruptible);
                    continue;
                }
            }
            if (try place.claim(failure, flags)) |taken| return taken;
            if (woken) if (try place.spin(failure, flags)) |taken| return taken;
            const word = place.announce() orelse continue;
            if (word & robust.tid_mask == place.thread.tid) {
                return try place.takeOver(failure) orelse failure.refuse(.DEADLK);
            }
            // After ANNOUNCE: a wake that came for this waiter goes to another.
            if (now >= end) return failure.refuse(.TIMEDOUT);
            starving = now - start >= starving_after_ms * std.time.ns_per_ms and keepGate(lock, woken);
            if (starving) kill_point.here("mutex_wait.starving");
            flags = robust.waiters;
            kill_point.here("mutex_wait.announced");
            // A task of this thread waits, perhaps for this lock, also through another mapping: a wake may come to the
            // task, which can't take the lock while the thread sleeps here.
            const often = starving or place.thread.waited != 0;
            const limit_ns = @as(u64, sleepMs(often)) * std.time.ns_per_ms;
            woken = try sleep(failure, &lock.word, word, @min(now + limit_ns, end), interruptible);
            if (woken) kill_point.here("mutex_wait.woken");
            if (!woken) if (try place.takeOver(failure)) |taken| return taken;
        }
    }

    /// The second line: takes the lock of a thread that is no more and was not marked.
    fn takeOver(place: Place, failure: *sys.Failure) sys.Error!?Taken {
        const word = @atomicLoad(u32, &place.lock.word, .monotonic);
        const tid = word & robust.tid_mask;
        if (tid == 0 or word & robust.owner_died != 0) return null;
        if (tid == place.thread.tid) {
            // Not through this mapping, or placeOf() had refused. With a robust list nobody of our id dies unmarked: it is
            // this thread, through another mapping or by C code. Without one it may be whoever had the id before.
            if (place.thread.head != null or place.heldElsewhere()) return null;
        } else if (sys.threadExists(tid)) return null;
        const wanted = place.thread.tid | robust.waiters;
        if (@cmpxchgStrong(u32, &place.lock.word, word, wanted, .acquire, .monotonic) != null) return null;
        return try place.own(failure, .abandoned);
    }

    fn heldElsewhere(place: Place) bool {
        for (place.thread.held[0..place.thread.count]) |entry| {
            if (entry.word - entry.mapping.address != place.offset) continue;
            var ignored: sys.Failure = .{};
            const other = sys.statx(&ignored, entry.mapping.fd) catch return true;
            const own_file = sys.statx(&ignored, place.mapping.fd) catch return true;
            if (memory.Stat.of(other).sameFile(.of(own_file))) return true;
        }
        return false;
    }
};

inline fn placeOf(failure: *sys.Failure, mapping: *Mapping, offset: u64) sys.Error!Place {
    const lock = at(mapping, offset) orelse return failure.refuse(.INVAL);
    const thread = mapping.thread orelse return failure.refuse(.INVAL);
    if (thread.find(@intFromPtr(lock)) != null) return failure.refuse(.DEADLK);
    if (thread.full()) return failure.refuse(.NOLCK);
    return .{ .lock = lock, .mapping = mapping, .offset = offset, .thread = thread };
}

inline fn at(mapping: *const Mapping, offset: u64) ?*Lock {
    if (offset % @alignOf(Lock) != 0 or offset > mapping.bytes) return null;
    if (mapping.bytes - offset < @sizeOf(Lock)) return null;
    return @ptrFromInt(mapping.address + offset);
}

/// Sleeps on a word: false when the time is up.
fn sleep(failure: *sys.Failure, word: *const u32, expected: u32, until_ns: u64, interruptible: bool) sys.Error!bool {
    sys.futexWait(failure, word, expected, until_ns, interruptible) catch |err| {
        if (failure.errno == .TIMEDOUT) return false;
        return err;
    };
    return true;
}

/// How many were woken.
fn wake(word: *const u32, count: u32) u32 {
    var ignored: sys.Failure = .{};
    return sys.futexWake(&ignored, word, count) catch 0;
}

fn nowMs() u32 {
    return @truncate(sys.monotonic() / std.time.ns_per_ms);
}

/// How long newcomers are still to hold back. A time further away than anybody sets was set by nobody.
fn gateLeft(lock: *const Lock) u32 {
    const until = @atomicLoad(u32, &lock.starved, .monotonic);
    if (until == 0) return 0;
    const left = until -% nowMs();
    return if (left <= gate_ms) left else 0;
}

/// Closes the gate for who was woken in vain, and keeps it closed while the next owner holds on: whether it is.
fn keepGate(lock: *Lock, in_vain: bool) bool {
    if (!in_vain and gateLeft(lock) == 0) return false;
    closeGate(lock);
    return true;
}

/// How long to sleep at most: who keeps the gate comes again before it opens.
fn sleepMs(often: bool) u32 {
    return if (often) gate_ms / 2 else look_again_ms;
}

fn closeGate(lock: *Lock) void {
    // Zero means open.
    @atomicStore(u32, &lock.starved, @max(1, nowMs() +% gate_ms), .monotonic);
}

fn openGate(lock: *Lock) void {
    if (@atomicRmw(u32, &lock.starved, .Xchg, 0, .monotonic) != 0) _ = wake(&lock.starved, std.math.maxInt(i32));
}

const Test = struct {
    mapping: Mapping,
    info: object.Info = undefined,

    fn open() !Test {
        var failure: sys.Failure = .{};
        var self: Test = .{ .mapping = try memory.anonymous(&failure, 4096, .{}) };
        try attach(&failure, &self.mapping, 64, &self.info);
        return self;
    }

    fn close(self: *Test) void {
        var failure: sys.Failure = .{};
        memory.close(&failure, self.mapping, false) catch unreachable;
    }

    fn lock(self: *Test) *Lock {
        return at(&self.mapping, 64).?;
    }
};

test "a mutex is taken once, and given back once" {
    var failure: sys.Failure = .{};
    var one: Test = try .open();
    defer one.close();
    try std.testing.expectEqual(.clean, try tryTake(&failure, &one.mapping, 64));
    try std.testing.expectEqual(1, one.mapping.locks());
    try std.testing.expectEqual(@as(u32, @intCast(sys.gettid())), (try owner(&failure, &one.mapping, 64)).?.tid);
    try std.testing.expectError(error.Failed, take(&failure, &one.mapping, 64, -1, false));
    try std.testing.expectEqual(.DEADLK, failure.errno);
    try release(&failure, &one.mapping, 64);
    try std.testing.expectError(error.Failed, release(&failure, &one.mapping, 64));
    try std.testing.expectEqual(.PERM, failure.errno);
    try std.testing.expectEqual(0, one.mapping.locks());
    try std.testing.expectEqual(null, try owner(&failure, &one.mapping, 64));
}

test "a thread that ends with the mutex leaves it abandoned" {
    var failure: sys.Failure = .{};
    var one: Test = try .open();
    defer one.close();
    const Other = struct {
        fn run(mapping: Mapping) void {
            var own = mapping;
            var ignored: sys.Failure = .{};
            var info: object.Info = undefined;
            attach(&ignored, &own, 64, &info) catch return;
            _ = take(&ignored, &own, 64, -1, false) catch return;
        }
    };
    const thread = try std.Thread.spawn(.{}, Other.run, .{one.mapping});
    thread.join();
    try std.testing.expectEqual(.abandoned, try take(&failure, &one.mapping, 64, 10_000, false));
    try release(&failure, &one.mapping, 64);
    try std.testing.expectEqual(.clean, try take(&failure, &one.mapping, 64, 10_000, false));
    try release(&failure, &one.mapping, 64);
}

test "a word that was overwritten is no longer ours, and its owner that never was is found out" {
    var failure: sys.Failure = .{};
    var one: Test = try .open();
    defer one.close();
    _ = try tryTake(&failure, &one.mapping, 64);
    one.lock().word = 0x3fff_fff0;
    try std.testing.expectError(error.Failed, release(&failure, &one.mapping, 64));
    try std.testing.expectEqual(.BADMSG, failure.errno);
    try std.testing.expectEqual(.abandoned, try take(&failure, &one.mapping, 64, 10_000, false));
    try release(&failure, &one.mapping, 64);
}

test "newcomers hold back while the gate is closed, which nobody closes for long" {
    var failure: sys.Failure = .{};
    var one: Test = try .open();
    defer one.close();
    closeGate(one.lock());
    try std.testing.expectError(error.Failed, tryTake(&failure, &one.mapping, 64));
    try std.testing.expectEqual(.BUSY, failure.errno);
    try std.testing.expectError(error.Failed, take(&failure, &one.mapping, 64, 5, false));
    try std.testing.expectEqual(.TIMEDOUT, failure.errno);
    var next: Sleep = undefined;
    try std.testing.expectEqual(null, try step(&failure, &one.mapping, 64, 0, false, &next));
    try std.testing.expectEqual(@offsetOf(Lock, "starved"), next.word_offset);
    // Who has waited is no newcomer.
    try std.testing.expectEqual(.clean, (try step(&failure, &one.mapping, 64, 1, false, &next)).?);
    try release(&failure, &one.mapping, 64);
    const before = sys.monotonic();
    try std.testing.expectEqual(.clean, try take(&failure, &one.mapping, 64, -1, false));
    try std.testing.expect(sys.monotonic() - before < 10 * gate_ms * std.time.ns_per_ms);
    try release(&failure, &one.mapping, 64);
    one.lock().starved = nowMs() +% 10 * gate_ms; // Not by us.
    try std.testing.expectEqual(.clean, try tryTake(&failure, &one.mapping, 64));
    try release(&failure, &one.mapping, 64);
}

test "who keeps the gate closed moves it on, and who only sleeps long closes none" {
    var one: Test = try .open();
    defer one.close();
    const lock = one.lock();
    try std.testing.expect(!keepGate(lock, false));
    try std.testing.expectEqual(0, gateLeft(lock));
    try std.testing.expect(keepGate(lock, true));
    lock.starved = nowMs() +% 5;
    try std.testing.expect(keepGate(lock, false));
    try std.testing.expect(gateLeft(lock) > gate_ms / 2);
    try std.testing.expect(sleepMs(true) < gate_ms and sleepMs(false) == look_again_ms);
}

test "who barges in before one who was woken leaves a wake for the others" {
    var failure: sys.Failure = .{};
    var one: Test = try .open();
    defer one.close();
    const lock = one.lock();
    for ([_]u32{ robust.waiters | 4711, 1 }) |left| {
        lock.waking = left; // As an owner leaves it that gives back WAITED, and as C does.
        try std.testing.expectEqual(.clean, try tryTake(&failure, &one.mapping, 64));
        try std.testing.expect(lock.word & robust.waiters != 0);
        try std.testing.expectEqual(left, lock.waking);
        try release(&failure, &one.mapping, 64);
        try std.testing.expectEqual(0, lock.waking); // Nobody slept.
        try std.testing.expectEqual(.clean, try tryTake(&failure, &one.mapping, 64));
        try std.testing.expectEqual(0, lock.word & robust.waiters);
        try release(&failure, &one.mapping, 64);
        try std.testing.expectEqual(0, lock.waking);
    }
}

test "what is no mutex is refused" {
    var failure: sys.Failure = .{};
    var one: Test = try .open();
    defer one.close();
    for ([_]u32{ 1, 128, 16, 128 + 16 + 1, 128 + 16 + 32, 0xffff_ffff }) |kind| {
        one.lock().kind = kind;
        try std.testing.expectError(error.Failed, attach(&failure, &one.mapping, 64, &one.info));
        try std.testing.expectEqual(.BADMSG, failure.errno);
    }
    one.lock().* = std.mem.zeroes(Lock);
    one.lock().users = 1;
    try std.testing.expectError(error.Failed, attach(&failure, &one.mapping, 64, &one.info));
    try std.testing.expectEqual(.BADMSG, failure.errno);
    for ([_]u64{ 4, 4096 - 40, 4096, 1 << 60 }) |offset| {
        try std.testing.expectError(error.Failed, attach(&failure, &one.mapping, offset, &one.info));
        try std.testing.expectEqual(.INVAL, failure.errno);
    }
}

test "four threads exclude each other" {
    const Counter = struct {
        fn run(mapping: Mapping, counters: *[2]u64) void {
            var own = mapping;
            var failure: sys.Failure = .{};
            var info: object.Info = undefined;
            attach(&failure, &own, 64, &info) catch unreachable;
            for (0..20_000) |_| {
                _ = take(&failure, &own, 64, -1, false) catch unreachable;
                counters[0] += 1;
                counters[1] = counters[0];
                release(&failure, &own, 64) catch unreachable;
            }
        }
    };
    var one: Test = try .open();
    defer one.close();
    var counters: [2]u64 = .{ 0, 0 };
    var threads: [4]std.Thread = undefined;
    for (&threads) |*thread| thread.* = try std.Thread.spawn(.{}, Counter.run, .{ one.mapping, &counters });
    for (threads) |thread| thread.join();
    try std.testing.expectEqual([2]u64{ 80_000, 80_000 }, counters);
}
