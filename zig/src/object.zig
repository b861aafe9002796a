//! Named objects: files of kind and name where shared memory lives, all with the same header.
//!
//!     offset  field
//!     0       magic            "hawser\x00\n"
//!     8       kind             what the object is
//!     12      version          of the kind's layout
//!     16      bytes            the whole file
//!     24      creator_pid
//!     28      creator_uid
//!     32      pid_namespace    where process ids mean what they meant to the creator
//!     36      reserved
//!     40      created_ns       since 1970
//!     48      reserved
//!     64      the object
//!
//! Written by the creator, once, before the file has a name: an object appears whole or not at all.

const std = @import("std");
const linux = std.os.linux;
const assert = std.debug.assert;
const constants = @import("constants.zig");
const kill_point = @import("kill_point.zig");
const memory = @import("memory.zig");
const sys = @import("sys.zig");

/// What an object can be. The names stand in those of the files.
pub const Kind = enum(u32) {
    mutex = constants.object_mutex,

    /// Of the layout behind the header.
    fn version(kind: Kind) u32 {
        return switch (kind) {
            .mutex => 1,
        };
    }
};

const magic = std.mem.readInt(u64, "hawser\x00\n", .little);

pub const Header = extern struct {
    magic: u64,
    kind: u32,
    version: u32,
    bytes: u64,
    creator_pid: u32,
    creator_uid: u32,
    pid_namespace: u32,
    reserved: u32 = 0,
    created_ns: u64,
    reserved_more: [16]u8 = @splat(0),

    comptime {
        assert(@sizeOf(Header) == constants.object_header_bytes);
        assert(@offsetOf(Header, "created_ns") == 40);
    }
};

/// What was found, for the message of an error, and who made it.
pub const Info = extern struct {
    stat: memory.Stat,
    version: u32,
    version_own: u32,
    pid_namespace: u32,
    pid_namespace_own: u32,
    created: u32,
    padding: u32 = 0,
};

/// The name of the file.
pub const Path = struct {
    buffer: [constants.name_bytes_max + 32:0]u8,

    pub fn of(kind: Kind, name: []const u8) Path {
        var path: Path = .{ .buffer = undefined };
        _ = std.fmt.bufPrintSentinel(&path.buffer, "hawser.{t}.{s}", .{ kind, name }, 0) catch unreachable;
        return path;
    }

    pub fn text(path: *const Path) [*:0]const u8 {
        return &path.buffer;
    }
};

/// Opens an object of `bytes` bytes behind its header, or makes it where there is none: of several that do so at once one
/// makes it, and all get the same. `mode` object_existing makes none. What stands behind the header is not looked at.
pub fn open(
    failure: *sys.Failure,
    kind: Kind,
    name: []const u8,
    bytes: u64,
    mode: u32,
    owner: u32,
    info: *align(1) Info,
) sys.Error!memory.Mapping {
    const path: Path = .of(kind, name);
    const own = sys.pidNamespace();
    var stat: memory.Stat = info.stat;
    defer info.stat = stat;
    info.version_own = kind.version();
    info.pid_namespace_own = own;
    // Somebody may make it after we looked, or remove it after we failed to make it; not for ever.
    for (0..100) |_| {
        if (memory.open(failure, path.text(), owner, 0, .{}, &stat)) |mapping| {
            errdefer memory.closeQuietly(mapping);
            try check(failure, &mapping, kind, @sizeOf(Header) + bytes, info);
            return mapping;
        } else |err| switch (failure.errno) {
            .NOENT => if (mode == constants.object_existing) return err,
            .NODATA => return failure.refuse(.BADMSG), // An empty file is none of ours: those appear whole.
            else => return err,
        }
        const header: Header = .{
            .magic = magic,
            .kind = @intFromEnum(kind),
            .version = kind.version(),
            .bytes = @sizeOf(Header) + bytes,
            .creator_pid = @intCast(linux.getpid()),
            .creator_uid = sys.geteuid(),
            .pid_namespace = own,
            .created_ns = sys.realtime(),
        };
        if (memory.createWith(failure, path.text(), header.bytes, mode, .{}, std.mem.asBytes(&header))) |mapping| {
            info.created = 1;
            return mapping;
        } else |err| if (failure.errno != .EXIST) return err;
    }
    return failure.refuse(.AGAIN);
}

/// Removes a name; whoever has the object open keeps it.
pub fn unlink(failure: *sys.Failure, kind: Kind, name: []const u8) sys.Error!void {
    const path: Path = .of(kind, name);
    return memory.unlink(failure, path.text());
}

/// Removes a name if it still stands for this mapping's file, and not for a successor's.
pub fn unlinkOwn(failure: *sys.Failure, mapping: *const memory.Mapping, kind: Kind, name: []const u8) sys.Error!void {
    const path: Path = .of(kind, name);
    return memory.unlinkOwn(failure, mapping, path.text());
}

fn check(failure: *sys.Failure, mapping: *const memory.Mapping, kind: Kind, bytes: u64, info: *align(1) Info) sys.Error!void {
    if (mapping.bytes < @sizeOf(Header)) return failure.refuse(.BADMSG);
    // Read once: others can write to it.
    const header = @as(*const volatile Header, @ptrFromInt(mapping.address)).*;
    info.version = header.version;
    info.pid_namespace = header.pid_namespace;
    if (header.magic != magic or header.kind != @intFromEnum(kind)) return failure.refuse(.BADMSG);
    if (header.version != kind.version()) return failure.refuse(.PROTO);
    if (header.bytes != bytes or mapping.bytes != bytes) return failure.refuse(.BADMSG);
    if (header.pid_namespace != info.pid_namespace_own and header.pid_namespace != 0 and info.pid_namespace_own != 0) {
        return failure.refuse(.XDEV);
    }
}

const Race = struct {
    var round: u32 = 0;
    var inodes: [4]u64 = @splat(0);
    var made: u32 = 0;
    var done: u32 = 0;
    /// With our id in it: tests of another checkout may run at the same time.
    var name_buffer: [32]u8 = undefined;
    var name: []const u8 = undefined;

    fn run(index: usize) void {
        for (1..201) |number| {
            while (@atomicLoad(u32, &round, .acquire) < number) std.atomic.spinLoopHint();
            var failure: sys.Failure = .{};
            var info: Info = std.mem.zeroes(Info);
            const mapping = open(&failure, .mutex, name, 48, 0o600, constants.user_any, &info) catch unreachable;
            inodes[index] = (sys.statx(&failure, mapping.fd) catch unreachable).ino;
            _ = @atomicRmw(u32, &made, .Add, info.created, .monotonic);
            memory.closeQuietly(mapping);
            _ = @atomicRmw(u32, &done, .Add, 1, .release);
        }
    }
};

test "of several that open an object at once one makes it, and all get the same" {
    var failure: sys.Failure = .{};
    Race.name = try std.fmt.bufPrint(&Race.name_buffer, "zig-test-race-{d}", .{std.os.linux.getpid()});
    var threads: [4]std.Thread = undefined;
    for (&threads, 0..) |*thread, i| thread.* = try std.Thread.spawn(.{}, Race.run, .{i});
    for (1..201) |number| {
        @atomicStore(u32, &Race.round, @intCast(number), .release);
        while (@atomicLoad(u32, &Race.done, .acquire) < 4 * number) std.Thread.yield() catch {};
        for (Race.inodes) |inode| try std.testing.expectEqual(Race.inodes[0], inode);
        try std.testing.expectEqual(number, @atomicLoad(u32, &Race.made, .monotonic));
        try unlink(&failure, .mutex, Race.name);
    }
    for (threads) |thread| thread.join();
}
