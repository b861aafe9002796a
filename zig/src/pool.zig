//! Records of one kind that are taken and given back all the time, named by small numbers: what waits are kept in.
//!
//! They live in chunks that are mapped when first needed, and never moved or unmapped, so a number stays good for a look.
//! The caller holds a lock of its own.

const std = @import("std");
const sys = @import("sys.zig");

const chunk_records = 512;

/// A pool of at most `records_max` records. Each has the fields `index: u32`, its number, and `next_free: ?*T`.
pub fn Pool(comptime T: type, comptime records_max: u32) type {
    return struct {
        const Self = @This();
        const Chunk = [chunk_records]T;

        chunks: [records_max / chunk_records]?*Chunk = @splat(null),
        made: u32 = 0,
        free: ?*T = null,
        /// How many are out. Read without the lock, too.
        used: u32 = 0,

        /// The record of a number, whether it is out or not.
        pub fn find(pool: *const Self, index: u32) ?*T {
            if (index >= pool.made) return null;
            return &pool.chunks[index / chunk_records].?[index % chunk_records];
        }

        /// Takes a record, whose fields but `index` are as they were left.
        pub fn take(pool: *Self, failure: *sys.Failure) sys.Error!*T {
            const record = pool.free orelse try pool.make(failure);
            pool.free = record.next_free;
            _ = @atomicRmw(u32, &pool.used, .Add, 1, .monotonic);
            return record;
        }

        pub fn give(pool: *Self, record: *T) void {
            record.next_free = pool.free;
            pool.free = record;
            _ = @atomicRmw(u32, &pool.used, .Sub, 1, .monotonic);
        }

        /// How many are out.
        pub fn count(pool: *const Self) u32 {
            return @atomicLoad(u32, &pool.used, .monotonic);
        }

        fn make(pool: *Self, failure: *sys.Failure) sys.Error!*T {
            if (pool.made == records_max) return failure.refuse(.NOMEM);
            if (pool.made % chunk_records == 0) {
                const address = try sys.mmap(failure, @sizeOf(Chunk), .{ .READ = true, .WRITE = true }, .{
                    .TYPE = .PRIVATE,
                    .ANONYMOUS = true,
                }, -1);
                pool.chunks[pool.made / chunk_records] = @ptrFromInt(address);
            }
            pool.made += 1;
            const record = pool.find(pool.made - 1).?;
            record.index = pool.made - 1;
            record.next_free = null;
            return record;
        }
    };
}

const Numbered = struct {
    index: u32,
    next_free: ?*Numbered,
};

test "records keep their numbers, and the last is refused" {
    var pool: Pool(Numbered, 2 * chunk_records) = .{};
    var failure: sys.Failure = .{};
    var taken: [2 * chunk_records]*Numbered = undefined;
    for (&taken, 0..) |*record, i| {
        record.* = try pool.take(&failure);
        try std.testing.expectEqual(i, record.*.index);
        try std.testing.expectEqual(record.*, pool.find(@intCast(i)).?);
    }
    try std.testing.expectError(error.Failed, pool.take(&failure));
    try std.testing.expectEqual(sys.E.NOMEM, failure.errno);
    try std.testing.expectEqual(null, pool.find(2 * chunk_records));
    pool.give(taken[7]);
    try std.testing.expectEqual(2 * chunk_records - 1, pool.count());
    try std.testing.expectEqual(taken[7], try pool.take(&failure));
    for (taken) |record| pool.give(record);
    try std.testing.expectEqual(0, pool.count());
}
