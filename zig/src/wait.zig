//! Asynchronous waits for futex words: helper threads sleep on the words, and tell the doorbell of whoever waits.
//!
//! A helper sleeps on a vector of words, futex_waitv(2), the first of them its own: whoever changes what it waits for
//! changes that word. It is started by the first wait it is given, and ends a second after the last, so that nothing
//! runs while nothing is waited for. Where the kernel refuses vectors a helper sleeps on one word.
//!
//!     the JS thread:  puts a wait into a helper, under the lock; kicks the helper, or moves its sleep to the word
//!     the helper:     takes out what is over, under the lock; completes that; sleeps on the rest
//!     the doorbell:   brings each wait's result, once: its word was woken or differs, its time was up, or it was called
//!                     off
//!
//! Nobody but its helper takes a wait out: a wait that is called off is marked, and stays until the helper has seen the
//! mark. So whoever asks for words back (to unmap them) waits for the helpers, and a wake that reached a helper for a
//! wait that was called off is known to it, which passes it on to the next who sleeps on the word.
//!
//! To kick a helper for each wait that begins would cost a round of the scheduler, as much as all the rest. So its vector has
//! a spare place, a word of the helper's own that nobody wakes: who begins a wait moves that sleep to the wait's word
//! (FUTEX_CMP_REQUEUE), and looks at the word once more. A change after that look wakes the helper; before it, the look
//! tells, and the helper is kicked.
//!
//! Which words of a vector were woken the kernel does not tell, only the last of them; and a helper that looks at one
//! word sleeps on none. So a wait ends when its word differs, wake or no wake, and a wake that changes nothing may be
//! missed: whoever wakes changes the word first, as all locks do.

const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;
const bell_ = @import("bell.zig");
const kill_point = @import("kill_point.zig");
const Lock = @import("lock.zig").Lock;
const Pool = @import("pool.zig").Pool;
const sys = @import("sys.zig");
const thread = @import("thread.zig");

const Bell = bell_.Bell;

/// Waking a thread costs 1.2 µs with one word, 2.3 with 32, and 11 with the 128 that the kernel allows.
const words_max = 32;
/// How long a helper stays that has nothing to wait for.
const linger_ns = if (builtin.is_test) 50 * std.time.ns_per_ms else std.time.ns_per_s;

/// What is waited for.
pub const Word = struct {
    word: *const u32,
    /// The value to sleep on.
    expected: u32,
    deadline_ns: u64,
};

/// The result that is no failure: there is a reason to read the word again.
const woken = 0;
const canceled = (sys.Failure{ .errno = .CANCELED }).result();
const timed_out = (sys.Failure{ .errno = .TIMEDOUT }).result();

const Wait = struct {
    done: bell_.Done,
    bell: *Bell,
    word: Word,
    state: enum { free, queued, over },
    result: i32,
    /// Its helper takes it out when it next looks.
    cancelled: bool,
    helper: *Helper,
    /// Its place in the pool, which names it.
    index: u32,
    next_free: ?*Wait,
};

/// Under the lock, except where said.
const Helper = struct {
    /// What the helper's own word holds, which anybody may wake.
    control: u32,
    running: bool,
    /// Whether it will look at its waits before it sleeps again.
    kicked: bool,
    /// The word of its spare place.
    spare: u32,
    /// How many waits stand before the spare place; no_spare where there is none, or it was given away.
    spare_at: u32,
    /// Until when it sleeps.
    until_ns: u64,
    /// Whether it sleeps on a vector.
    vector: bool,
    /// Whether it is on the list of those with room.
    listed: bool,
    count: u32,
    waits: [words_max - 1]*Wait,
    next_roomy: ?*Helper,

    fn room(helper: *const Helper) u32 {
        return if (helper.vector) helper.waits.len else 1;
    }
};

const no_spare = std.math.maxInt(u32);

/// How a sleep ended.
const Slept = union(enum) {
    /// The last word of the vector that was woken; those behind it were not. The first is the helper's own.
    last: u32,
    /// It did not: a word differed.
    nothing,
    /// Its time was up.
    late,
    /// The kernel refused the words.
    failed: i32,
};

var lock: Lock = .{};
/// Waits that are queued, or over and not yet drained.
var waits: Pool(Wait, 1 << 17) = .{};
/// How many helpers run.
var running: u32 = 0;
var roomy: ?*Helper = null;
/// Helpers that were never used, in the page that was mapped last.
var helpers_fresh: []Helper = &.{};
var vectors: enum { unknown, taken, refused } = .unknown;
/// A futex: counts how often helpers took waits out, while somebody looks.
var taken_out: u32 = 0;
var lookers: u32 = 0;

/// Starts a wait: its id for cancel(). The result comes to the bell under `token`.
pub fn start(failure: *sys.Failure, bell: *Bell, token: u32, word: Word) sys.Error!u32 {
    lock.acquire();
    defer lock.release();
    const wait = try waits.take(failure);
    errdefer freeWait(wait);
    const helper = try takeHelper(failure);
    if (!helper.running) try startHelper(failure, helper);
    wait.done = .{ .token = token, .free = free };
    wait.bell = bell;
    wait.word = word;
    wait.state = .queued;
    wait.cancelled = false;
    wait.helper = helper;
    bell_.expect(bell);
    const spare = !helper.kicked and helper.spare_at == helper.count and word.deadline_ns >= helper.until_ns;
    helper.waits[helper.count] = wait;
    helper.count += 1;
    if (helper.count == helper.room()) unlist(helper);
    if (!spare or !moveSpare(helper, word)) kick(helper);
    return wait.index;
}

/// Moves a helper's sleep on its spare place to the word of its newest wait: false where it is to be kicked, since it does
/// not sleep, or the word is another by now.
fn moveSpare(helper: *Helper, word: Word) bool {
    helper.spare_at = no_spare;
    if (sys.futexMove(&helper.spare, 0, word.word) == 0) return false;
    // After the move: whoever changes the word from here on finds the helper on it.
    return @atomicLoad(u32, word.word, .seq_cst) == word.expected;
}

/// What cancel() found.
pub const Cancelled = enum(u8) {
    /// No such wait: its result was drained.
    none,
    /// It was waiting, and its result will be ECANCELED.
    waiting,
    /// Its result is on the way already. If it is a wake, another one on the word was woken instead.
    over,
};

/// Calls a wait off. Its result is still to come, and is nobody's.
pub fn cancel(bell: *const Bell, token: u32, id: u32) Cancelled {
    {
        lock.acquire();
        defer lock.release();
        const wait = waits.find(id) orelse return .none;
        if (wait.state == .free or wait.bell != bell or wait.done.token != token or wait.cancelled) return .none;
        if (wait.state == .over) {
            wait.cancelled = true;
            if (wait.result == woken) passOn(wait);
            return .over;
        }
        callOff(wait);
        if (wait.helper.vector) return .waiting;
    }
    // The mark may have come before the helper slept.
    withdraw(.{ .wait = id });
    return .waiting;
}

/// Whose waits to call off.
pub const Which = union(enum) {
    /// Those for words in a range of addresses.
    range: struct { address: usize, bytes: u64 },
    /// Those of a JS thread.
    bell: *const Bell,
    /// The one of that id.
    wait: u32,

    fn has(which: Which, wait: *const Wait) bool {
        return switch (which) {
            .range => |range| @intFromPtr(wait.word.word) -% range.address < range.bytes,
            .bell => |bell| wait.bell == bell,
            .wait => |id| wait.index == id,
        };
    }
};

/// Calls waits off, and returns when no helper touches their words any more. Their results are ECANCELED.
pub fn withdraw(which: Which) void {
    if (waits.count() == 0) return;
    _ = @atomicRmw(u32, &lookers, .Add, 1, .seq_cst);
    defer _ = @atomicRmw(u32, &lookers, .Sub, 1, .monotonic);
    while (true) {
        const seen = @atomicLoad(u32, &taken_out, .seq_cst);
        if (!mark(which)) return;
        // Not for ever: who sleeps on one word may have begun to after it was kicked.
        _ = sys.futexSleep(&taken_out, seen, sys.monotonic() + std.time.ns_per_ms, true);
    }
}

/// How many waits are queued, or over and not yet drained. For tests.
pub fn count() u32 {
    return waits.count();
}

/// For tests: as if the kernel refused vectors, or not. False while helpers run, which stay as they are.
pub fn refuseVectors(refuse: bool) bool {
    lock.acquire();
    defer lock.release();
    if (running > 0) return false;
    vectors = if (refuse) .refused else .unknown;
    return true;
}

fn mark(which: Which) bool {
    lock.acquire();
    defer lock.release();
    var found = false;
    for (0..waits.made) |index| {
        const wait = waits.find(@intCast(index)).?;
        if (wait.state != .queued or !which.has(wait)) continue;
        found = true;
        callOff(wait);
    }
    return found;
}

/// Marks a wait for its helper. One that sleeps on a single word is woken there, along with everybody else on it.
fn callOff(wait: *Wait) void {
    wait.cancelled = true;
    kick(wait.helper);
    if (!wait.helper.vector) futexWake(wait.word.word, std.math.maxInt(i32));
}

/// Makes a helper look at its waits.
fn kick(helper: *Helper) void {
    if (helper.kicked) return;
    helper.kicked = true;
    _ = @atomicRmw(u32, &helper.control, .Add, 1, .monotonic);
    _ = linux.futex_3arg(&helper.control, .{ .cmd = .WAKE, .private = true }, 1);
}

/// A wake that came to a wait that is no more: for the next who sleeps on the word. Where that is unmapped by now
/// nobody sleeps there.
fn passOn(wait: *const Wait) void {
    futexWake(wait.word.word, 1);
}

fn futexWake(word: *const u32, limit: u32) void {
    var ignored: sys.Failure = .{};
    _ = sys.futexWake(&ignored, word, limit) catch {};
}

fn run(argument: *anyopaque) void {
    const helper: *Helper = @ptrCast(@alignCast(argument));
    var words: [words_max]sys.Waited = undefined;
    var asleep: []sys.Waited = words[0..0];
    var slept: Slept = .nothing;
    while (true) {
        var over: [words_max - 1]*Wait = undefined;
        lock.acquire();
        helper.kicked = false;
        const finished = takeOut(helper, slept, asleep.len, &over);
        if (helper.count == 0 and slept == .late and finished.len == 0) {
            helper.running = false;
            running -= 1;
            lock.release();
            return;
        }
        asleep = vectorOf(helper, &words);
        const deadline_ns = nearestDeadline(helper);
        helper.until_ns = deadline_ns;
        lock.release();
        if (finished.len > 0) kill_point.here("wait_helper.taken");
        for (finished) |wait| bell_.complete(wait.bell, &wait.done, wait.result);
        if (finished.len > 0) kill_point.here("wait_helper.told");
        if (finished.len > 0) tellLookers();
        slept = sleep(asleep, helper.vector, deadline_ns);
        if (slept == .last and slept.last > 0) kill_point.here("wait_helper.woken");
    }
}

/// Takes out what is over: it is completed when the lock is free again.
fn takeOut(helper: *Helper, slept: Slept, asleep: usize, over: *[words_max - 1]*Wait) []*Wait {
    const last = if (slept == .last) slept.last else 0;
    var now: u64 = 0;
    var finished: usize = 0;
    var left: u32 = 0;
    for (helper.waits[0..helper.count], 1..) |wait, place| {
        if (wait.word.deadline_ns != sys.never and now == 0) now = sys.monotonic();
        const result: i32 = if (wait.cancelled)
            canceled
        else if (place == last or @atomicLoad(u32, wait.word.word, .acquire) != wait.word.expected)
            woken
        else if (slept == .failed and place < asleep)
            slept.failed
        else if (now >= wait.word.deadline_ns)
            timed_out
        else {
            helper.waits[left] = wait;
            left += 1;
            continue;
        };
        finish(wait, result, place <= last);
        over[finished] = wait;
        finished += 1;
    }
    helper.count = left;
    if (finished > 0) list(helper);
    return over[0..finished];
}

/// Notes a result. A wake that may have been meant for the wait, and that nobody will learn of, goes to the next.
fn finish(wait: *Wait, result: i32, touched: bool) void {
    const nobody = wait.cancelled or !sys.threadAlive(wait.bell.owner_tid);
    wait.result = if (nobody and result == woken) canceled else result;
    if (nobody and touched) passOn(wait);
    wait.state = .over;
}

/// What to sleep on: the helper's own word, those of its waits, and its spare place; or only one of the former.
fn vectorOf(helper: *Helper, words: *[words_max]sys.Waited) []sys.Waited {
    words[0] = sys.waited(&helper.control, @atomicLoad(u32, &helper.control, .monotonic), true);
    for (helper.waits[0..helper.count], words[1..][0..helper.count]) |wait, *word| {
        word.* = sys.waited(wait.word.word, wait.word.expected, false);
    }
    const used = 1 + helper.count;
    helper.spare_at = if (helper.vector and used < words_max) helper.count else no_spare;
    if (helper.spare_at == no_spare) return words[0..used];
    words[used] = sys.waited(&helper.spare, 0, false);
    return words[0 .. used + 1];
}

fn nearestDeadline(helper: *const Helper) u64 {
    if (helper.count == 0) return sys.monotonic() + linger_ns;
    var nearest: u64 = sys.never;
    for (helper.waits[0..helper.count]) |wait| nearest = @min(nearest, wait.word.deadline_ns);
    return nearest;
}

fn sleep(words: []const sys.Waited, vector: bool, deadline_ns: u64) Slept {
    const last: u32 = @intCast(words.len - 1);
    const answer = if (vector) sys.futexSleepAny(words, deadline_ns) else sys.futexSleepOn(words[last], deadline_ns);
    return switch (answer) {
        .woken => |place| .{ .last = if (vector) place else last },
        .errno => |errno| switch (errno) {
            .AGAIN, .INTR => .nothing,
            .TIMEDOUT => .late,
            else => {
                sys.pause(std.time.ns_per_ms); // The kernel may have no memory at the moment, and it can't be told.
                if (errno == .NOMEM) return .nothing;
                const failure: sys.Failure = .{ .errno = errno, .call = if (vector) .futex_waitv else .futex };
                return .{ .failed = failure.result() };
            },
        },
    };
}

fn tellLookers() void {
    // Both in one order with their partners in withdraw(): either the looker is seen here, or it sees the count.
    _ = @atomicRmw(u32, &taken_out, .Add, 1, .seq_cst);
    if (@atomicLoad(u32, &lookers, .seq_cst) == 0) return;
    _ = linux.futex_3arg(&taken_out, .{ .cmd = .WAKE, .private = true }, std.math.maxInt(i32));
}

fn free(done: *bell_.Done) void {
    const wait: *Wait = @fieldParentPtr("done", done);
    lock.acquire();
    defer lock.release();
    if (done.dropped and wait.result == woken and !wait.cancelled) passOn(wait);
    freeWait(wait);
}

fn freeWait(wait: *Wait) void {
    wait.state = .free;
    waits.give(wait);
}

/// A helper with room for one more, first on the list of those.
fn takeHelper(failure: *sys.Failure) sys.Error!*Helper {
    if (roomy) |helper| return helper;
    if (helpers_fresh.len == 0) {
        const helpers: [*]Helper = @ptrFromInt(try mapped(failure, std.heap.page_size_min));
        helpers_fresh = helpers[0 .. std.heap.page_size_min / @sizeOf(Helper)];
    }
    const helper = &helpers_fresh[0];
    helpers_fresh = helpers_fresh[1..];
    helper.* = .{
        .control = 0,
        .running = false,
        .kicked = false,
        .spare = 0,
        .spare_at = no_spare,
        .until_ns = 0,
        .vector = false,
        .listed = false,
        .count = 0,
        .waits = undefined,
        .next_roomy = null,
    };
    list(helper);
    return helper;
}

fn startHelper(failure: *sys.Failure, helper: *Helper) sys.Error!void {
    if (vectors == .unknown) vectors = if (sys.futexSleepsAny()) .taken else .refused;
    helper.vector = vectors == .taken;
    helper.kicked = true; // It looks before it sleeps.
    helper.spare_at = no_spare;
    _ = try thread.start(failure, run, helper);
    helper.running = true;
    running += 1;
}

fn list(helper: *Helper) void {
    if (helper.listed) return;
    helper.listed = true;
    helper.next_roomy = roomy;
    roomy = helper;
}

/// Takes the first off the list of those with room.
fn unlist(helper: *Helper) void {
    std.debug.assert(roomy == helper);
    helper.listed = false;
    roomy = helper.next_roomy;
}

fn mapped(failure: *sys.Failure, bytes: u64) sys.Error!usize {
    return sys.mmap(failure, bytes, .{ .READ = true, .WRITE = true }, .{ .TYPE = .PRIVATE, .ANONYMOUS = true }, -1);
}

/// A bell, its read end, and what it brought: for the tests.
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

    fn wait(listener: Listener, token: u32, word: *const u32, expected: u32, timeout_ms: f64) !u32 {
        var failure: sys.Failure = .{};
        return start(&failure, listener.bell, token, .{
            .word = word,
            .expected = expected,
            .deadline_ns = sys.deadline(timeout_ms).?,
        });
    }

    /// What a wait ends with.
    fn expect(listener: Listener, token: u32, result: i32) !void {
        var records: [1]bell_.Record = undefined;
        while (bell_.drain(listener.bell, &records) == 0) try listener.sleep(10_000);
        try std.testing.expectEqual(bell_.Record{ .token = token, .result = result }, records[0]);
    }

    fn expectWoken(listener: Listener, token: u32, word: *const u32) !void {
        try wakeOne(word);
        try listener.expect(token, woken);
    }

    fn sleep(listener: Listener, limit_ms: i32) !void {
        var polled: [1]linux.pollfd = .{.{ .fd = listener.fd, .events = linux.POLL.IN, .revents = 0 }};
        try std.testing.expectEqual(1, linux.poll(&polled, 1, limit_ms));
        var bytes: [16]u8 = undefined;
        _ = linux.recvfrom(listener.fd, &bytes, bytes.len, linux.MSG.DONTWAIT, null, null);
    }
};

fn helpersRunning() u32 {
    lock.acquire();
    defer lock.release();
    return running;
}

/// Wakes until somebody was woken: a helper may still be on its way to sleep.
fn wakeOne(word: *const u32) !void {
    var failure: sys.Failure = .{};
    for (0..10_000) |_| {
        if (try sys.futexWake(&failure, word, 1) == 1) return;
        sys.pause(std.time.ns_per_ms);
    }
    return error.NobodySleeps;
}

/// How many threads sleep on a word: to move them all to where they are wakes nobody, and counts them.
fn sleepers(word: *const u32) usize {
    const op: linux.FUTEX_OP = .{ .cmd = .REQUEUE, .private = false };
    return linux.futex(word, op, 0, .{ .val2 = std.math.maxInt(i32) }, word, 0);
}

/// Waits until one thread sleeps on a word.
fn untilAsleep(word: *const u32) !void {
    for (0..10_000) |_| {
        if (sleepers(word) == 1) return;
        sys.pause(std.time.ns_per_ms);
    }
    return error.NobodySleeps;
}

/// Runs a test with vectors and without.
fn bothWays(comptime body: fn () anyerror!void) !void {
    for ([_]bool{ false, true }) |refuse| {
        for (0..10_000) |_| {
            if (refuseVectors(refuse)) break;
            sys.pause(std.time.ns_per_ms);
        } else return error.HelpersRun;
        try body();
    }
}

test "a wait ends with a wake, a change, or its time" {
    try bothWays(struct {
        fn body() !void {
            const listener: Listener = try .open();
            defer listener.close();
            var word: u32 = 7;
            _ = try listener.wait(1, &word, 7, -1);
            try wakeOne(&word);
            try listener.expect(1, woken);
            _ = try listener.wait(2, &word, 8, -1);
            try listener.expect(2, woken);
            const before = sys.monotonic();
            _ = try listener.wait(3, &word, 7, 20);
            try listener.expect(3, timed_out);
            try std.testing.expect(sys.monotonic() - before >= 20 * std.time.ns_per_ms);
            _ = try listener.wait(4, &word, 7, 0);
            try listener.expect(4, timed_out);
            try std.testing.expectEqual(0, count());
        }
    }.body);
}

test "a wait that is called off brings ECANCELED once, and a wake goes to the next" {
    try bothWays(struct {
        fn body() !void {
            const listener: Listener = try .open();
            defer listener.close();
            var word: u32 = 0;
            const id = try listener.wait(1, &word, 0, -1);
            try std.testing.expectEqual(.none, cancel(listener.bell, 2, id));
            try std.testing.expectEqual(.none, cancel(listener.bell, 1, id + 1));
            try std.testing.expectEqual(.none, cancel(listener.bell, 1, std.math.maxInt(u32)));
            try std.testing.expectEqual(.waiting, cancel(listener.bell, 1, id));
            try std.testing.expectEqual(.none, cancel(listener.bell, 1, id));
            try listener.expect(1, canceled);
            try std.testing.expectEqual(.none, cancel(listener.bell, 1, id));

            // The first is woken, and called off before its result is drained.
            const first = try listener.wait(3, &word, 0, -1);
            try wakeOne(&word);
            // Not one sleep: a byte of the wait before may have come after its result.
            while (@atomicLoad(usize, &listener.bell.head, .monotonic) == 0) try listener.sleep(10_000);
            _ = try listener.wait(4, &word, 0, -1);
            try untilAsleep(&word);
            try std.testing.expectEqual(.over, cancel(listener.bell, 3, first));
            try listener.expect(3, woken);
            try listener.expect(4, woken);
        }
    }.body);
}

test "a wait that begins while its helper sleeps needs no look of the helper's" {
    const listener: Listener = try .open();
    defer listener.close();
    var words: [2]u32 = .{ 0, 0 };
    const id = try listener.wait(1, &words[0], 0, -1);
    try untilAsleep(&words[0]);
    const helper = waits.find(id).?.helper;
    if (!helper.vector) return listener.expectWoken(1, &words[0]); // qemu has none.
    for (2..100) |token| {
        const looks = @atomicLoad(u32, &helper.control, .monotonic);
        _ = try listener.wait(@intCast(token), &words[1], 0, -1);
        // At once: the sleep was moved.
        try std.testing.expectEqual(1, sleepers(&words[1]));
        try std.testing.expectEqual(looks, @atomicLoad(u32, &helper.control, .monotonic));
        try listener.expectWoken(@intCast(token), &words[1]);
        try untilAsleep(&helper.spare);
    }
    // One that is to end sooner is told to the helper, as is one for a word that has changed.
    _ = try listener.wait(100, &words[1], 0, 5);
    try listener.expect(100, timed_out);
    try untilAsleep(&helper.spare);
    _ = try listener.wait(101, &words[1], 7, -1);
    try listener.expect(101, woken);
    try listener.expectWoken(1, &words[0]);
}

test "1,000 waits on as many words, woken in another order" {
    try bothWays(struct {
        fn body() !void {
            const listener: Listener = try .open();
            defer listener.close();
            var words: [1000]u32 = @splat(0);
            for (&words, 0..) |*word, token| _ = try listener.wait(@intCast(token), word, 0, -1);
            try std.testing.expectEqual(1000, count());
            for (0..1000) |i| {
                const word = &words[i * 7 % 1000];
                @atomicStore(u32, word, 1, .release);
                futexWake(word, 1);
            }
            var seen: [1000]bool = @splat(false);
            var total: usize = 0;
            while (total < 1000) {
                var records: [64]bell_.Record = undefined;
                const filled = bell_.drain(listener.bell, &records);
                for (records[0..filled]) |record| {
                    try std.testing.expect(!seen[record.token]);
                    seen[record.token] = true;
                    try std.testing.expect(record.result == woken);
                }
                total += filled;
                if (filled == 0) try listener.sleep(10_000);
            }
            try std.testing.expectEqual(0, count());
        }
    }.body);
}

test "withdraw() returns when nobody sleeps on the words, and leaves the others" {
    try bothWays(struct {
        fn body() !void {
            const listener: Listener = try .open();
            defer listener.close();
            var failure: sys.Failure = .{};
            const page = try mapped(&failure, std.heap.page_size_max);
            var other: u32 = 0;
            _ = try listener.wait(100, &other, 0, -1);
            for (0..50) |i| _ = try listener.wait(@intCast(i), @ptrFromInt(page + 4 * i), 0, -1);
            withdraw(.{ .range = .{ .address = page, .bytes = std.heap.page_size_max } });
            try sys.munmap(&failure, page, std.heap.page_size_max);
            for (0..50) |_| {
                var records: [1]bell_.Record = undefined;
                while (bell_.drain(listener.bell, &records) == 0) try listener.sleep(10_000);
                try std.testing.expectEqual(canceled, records[0].result);
                try std.testing.expect(records[0].token < 50);
            }
            try wakeOne(&other);
            try listener.expect(100, woken);
        }
    }.body);
}

test "the waits of a closed bell are dropped, and a wake for one goes to the next" {
    try bothWays(struct {
        fn body() !void {
            const listener: Listener = try .open();
            const left: Listener = try .open();
            const gone: Listener = try .open();
            var words: [2]u32 = .{ 0, 0 };
            _ = try left.wait(1, &words[0], 0, -1);
            try wakeOne(&words[0]);
            try left.sleep(10_000);
            _ = try listener.wait(2, &words[0], 0, -1);
            try untilAsleep(&words[0]);
            left.close();
            try listener.expect(2, woken);

            for (0..40) |i| _ = try gone.wait(@intCast(i), &words[i % 2], 0, -1);
            gone.close();
            listener.close();
            // A helper may still be giving the dropped ones back.
            for (0..10_000) |_| {
                if (count() == 0) return;
                sys.pause(std.time.ns_per_ms);
            }
            return error.StillThere;
        }
    }.body);
}

test "helpers end when nothing is waited for" {
    try bothWays(struct {
        fn body() !void {
            const listener: Listener = try .open();
            defer listener.close();
            var word: u32 = 0;
            _ = try listener.wait(1, &word, 1, -1);
            try listener.expect(1, woken);
            try std.testing.expectEqual(1, helpersRunning());
            for (0..3_000) |_| {
                if (helpersRunning() == 0) return;
                sys.pause(std.time.ns_per_ms);
            }
            return error.StillThere;
        }
    }.body);
}
