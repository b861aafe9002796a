//! Handles: how native objects are named across the boundary.
//!
//!     bit 30 .. 17   generation, so that a handle of a closed object is not taken for its successor's
//!     bit 16 .. 0    index of the slot
//!
//! A handle belongs to the JS thread that opened it, known by its thread pointer: looking it up costs a few loads and no
//! system call. Every other handle (closed, another thread's, another copy's of the library, made up) is EBADF.
//!
//! Slots live in chunks that are mapped when first needed and never moved or unmapped, so a lookup takes no lock: only
//! the owner of a slot changes it while it is in use. The lock guards the list of free slots, which is first in, first
//! out: a slot rests as long as possible before its generations come round.

const std = @import("std");
const assert = std.debug.assert;
const sys = @import("sys.zig");
const bell_ = @import("bell.zig");
const Lock = @import("lock.zig").Lock;
const poll = @import("poll.zig");
const call = @import("call.zig");
const wait = @import("wait.zig");
const Mapping = @import("memory.zig").Mapping;

/// A native object as TypeScript names it.
pub const Handle = enum(u32) { _ };

/// What a handle can stand for.
pub const Object = union(enum) {
    none,
    mapping: Mapping,
    bell: *bell_.Bell,
};

const index_bits = 17;
const generation_bits = 31 - index_bits;
const slots_max = 1 << index_bits;
const chunk_slots = 512;
const no_slot = std.math.maxInt(u32);

const Slot = struct {
    /// The thread pointer of the owner, zero while the slot is free.
    owner: usize,
    owner_tid: i32,
    generation: u32,
    next_free: u32,
    object: Object,
};

const Chunk = [chunk_slots]Slot;

var chunks: [slots_max / chunk_slots]?*Chunk = @splat(null);
var slots_made: u32 = 0;
var free_first: u32 = no_slot;
var free_last: u32 = no_slot;
var lock: Lock = .{};

/// Names `object` for the calling thread.
pub fn add(failure: *sys.Failure, object: Object) sys.Error!Handle {
    lock.acquire();
    defer lock.release();
    const index = try take(failure);
    const slot = slotAt(index);
    slot.object = object;
    slot.owner_tid = sys.gettid();
    // Pairs with the acquire in find(): whoever sees the owner sees the object.
    @atomicStore(usize, &slot.owner, sys.threadPointer(), .release);
    return @enumFromInt(slot.generation << index_bits | index);
}

/// The object of a handle, or null when the calling thread has no such handle.
pub fn find(handle: Handle) ?*Object {
    const bits: u32 = @intFromEnum(handle);
    if (bits >> 31 != 0) return null;
    const index = bits & (slots_max - 1);
    const chunk = @atomicLoad(?*Chunk, &chunks[index / chunk_slots], .acquire) orelse return null;
    const slot = &chunk[index % chunk_slots];
    // Pairs with the release in add(). The pointer is the caller's own only if the caller stored it.
    if (@atomicLoad(usize, &slot.owner, .acquire) != sys.threadPointer()) return null;
    if (slot.generation != bits >> index_bits) return null;
    return &slot.object;
}

/// Forgets a handle that find() answered for; its object is the caller's to end.
pub fn remove(handle: Handle) void {
    lock.acquire();
    defer lock.release();
    assert(find(handle) != null);
    free(@intFromEnum(handle) & (slots_max - 1));
}

/// Registers the calling thread: takes away what an ended thread with the same thread pointer left behind.
///
/// The mappings of a Worker that ended without closing them stay, since a buffer over them may have been transferred to
/// another thread; their descriptors are closed.
pub fn attach() void {
    lock.acquire();
    defer lock.release();
    const thread = sys.threadPointer();
    const tid = sys.gettid();
    for (0..slots_made) |index| {
        const slot = slotAt(@intCast(index));
        if (slot.owner != thread or slot.owner_tid == tid) continue;
        switch (slot.object) {
            .none => {},
            .mapping => |mapping| sys.closeQuietly(mapping.fd),
            .bell => |bell| abandon(bell),
        }
        free(@intCast(index));
    }
    sweepLocked();
}

/// Closes the bells of threads that have ended: terminated Workers closed nothing. Their mappings wait for attach().
pub fn sweep() void {
    lock.acquire();
    defer lock.release();
    sweepLocked();
}

fn sweepLocked() void {
    for (0..slots_made) |index| {
        const slot = slotAt(@intCast(index));
        if (slot.owner == 0 or slot.object != .bell or sys.threadAlive(slot.owner_tid)) continue;
        abandon(slot.object.bell);
        free(@intCast(index));
    }
}

fn abandon(bell: *bell_.Bell) void {
    wait.withdraw(.{ .bell = bell });
    poll.withdraw(.{ .bell = bell });
    call.withdraw(bell);
    bell_.abandon(bell);
}

/// How many handles are in use, over all threads.
pub fn count() u32 {
    lock.acquire();
    defer lock.release();
    var used: u32 = 0;
    for (0..slots_made) |index| used += @intFromBool(slotAt(@intCast(index)).owner != 0);
    return used;
}

fn slotAt(index: u32) *Slot {
    return &chunks[index / chunk_slots].?[index % chunk_slots];
}

fn take(failure: *sys.Failure) sys.Error!u32 {
    // A slot that was closed a moment ago rests while there are fresh ones in its chunk.
    if (slots_made % chunk_slots != 0 or free_first == no_slot) {
        if (slots_made == slots_max) return failure.refuse(.MFILE);
        if (slots_made % chunk_slots == 0) {
            const address = try sys.mmap(failure, @sizeOf(Chunk), .{ .READ = true, .WRITE = true }, .{
                .TYPE = .PRIVATE,
                .ANONYMOUS = true,
            }, -1);
            // Pairs with the acquire in find(). The pages are zero: no slot has an owner.
            @atomicStore(?*Chunk, &chunks[slots_made / chunk_slots], @ptrFromInt(address), .release);
        }
        const chunk = chunks[slots_made / chunk_slots].?;
        // Generations begin where the chunk lies: elsewhere in another copy of the library in this process, so that the
        // first handle of one is not the first of the other.
        chunk[slots_made % chunk_slots].generation = @intCast(@intFromPtr(chunk) >> 12 & (1 << generation_bits) - 1);
        slots_made += 1;
        return slots_made - 1;
    }
    const index = free_first;
    free_first = slotAt(index).next_free;
    if (free_first == no_slot) free_last = no_slot;
    return index;
}

fn free(index: u32) void {
    const slot = slotAt(index);
    @atomicStore(usize, &slot.owner, 0, .release);
    slot.object = .none;
    slot.generation = (slot.generation + 1) & ((1 << generation_bits) - 1);
    slot.next_free = no_slot;
    if (free_last == no_slot) free_first = index else slotAt(free_last).next_free = index;
    free_last = index;
}

test "a handle finds its object until it is removed, and never again" {
    var failure: sys.Failure = .{};
    const handle = try add(&failure, .none);
    try std.testing.expect(find(handle) != null);
    remove(handle);
    try std.testing.expectEqual(null, find(handle));
    for (0..3 * chunk_slots) |_| {
        const other = try add(&failure, .none);
        try std.testing.expect(other != handle);
        remove(other);
    }
    try std.testing.expectEqual(null, find(handle));
}

test "made-up handles find nothing" {
    var prng = std.Random.DefaultPrng.init(std.testing.random_seed);
    for (0..10_000) |_| try std.testing.expectEqual(null, find(@enumFromInt(prng.random().int(u32) | 1 << 30)));
}

test "another thread's handle finds nothing" {
    var failure: sys.Failure = .{};
    const handle = try add(&failure, .none);
    defer remove(handle);
    const Other = struct {
        fn run(stolen: Handle, found: *bool) void {
            found.* = find(stolen) != null;
        }
    };
    var found = true;
    const thread = try std.Thread.spawn(.{}, Other.run, .{ handle, &found });
    thread.join();
    try std.testing.expect(!found);
}

test "attach() takes away the handles of an ended thread with the same thread pointer" {
    var failure: sys.Failure = .{};
    const handle = try add(&failure, .none);
    attach();
    try std.testing.expect(find(handle) != null);
    slotAt(@intFromEnum(handle) & (slots_max - 1)).owner_tid = -1;
    attach();
    try std.testing.expectEqual(null, find(handle));
}

test "sweep() takes away the bells of ended threads, and no other" {
    var failure: sys.Failure = .{};
    const Worker = struct {
        fn run(handle: *?Handle) void {
            var ignored: sys.Failure = .{};
            const bell = bell_.open(&ignored) catch return;
            handle.* = add(&ignored, .{ .bell = bell }) catch null;
        }
    };
    const own = try add(&failure, .{ .bell = try bell_.open(&failure) });
    var left: ?Handle = null;
    const thread = try std.Thread.spawn(.{}, Worker.run, .{&left});
    thread.join();
    const before = count();
    // join() returns a moment before the kernel forgets the thread.
    for (0..10_000) |_| {
        sweep();
        if (count() < before) break;
        sys.pause(std.time.ns_per_ms);
    }
    try std.testing.expectEqual(before - 1, count());
    const bell = find(own).?.bell;
    remove(own);
    bell_.close(bell);
}
