//! Ancillary data of unix sockets: descriptors and credentials beside the bytes (cmsg(3), unix(7)).
//!
//!     offset  field
//!     0       length u64, with this header and without the padding behind
//!     8       level i32, type i32
//!     16      payload, padded to eight bytes: descriptors i32 each, struct ucred, or a pidfd i32
//!
//! The kernel fills the buffer from what a peer sent. Everything here works on bytes alone and believes no length in them;
//! what a malformed buffer gave before it went wrong is told all the same, so that its descriptors can be closed.

const std = @import("std");
const assert = std.debug.assert;
const linux = std.os.linux;

/// struct ucred.
pub const Credentials = extern struct {
    pid: u32 = 0,
    uid: u32 = 0,
    gid: u32 = 0,
};

/// The most descriptors that one message carries, SCM_MAX_FD.
pub const fds_max = 253;

const header_bytes = 16;

/// The room for credentials, a pidfd and that many descriptors. The kernel puts them in this order, but for the last two.
pub fn room(fds: u32) usize {
    return space(@sizeOf(Credentials)) + space(@sizeOf(i32)) + if (fds == 0) 0 else space(fds * @sizeOf(i32));
}

/// The largest room: no more is read, and none of it is more descriptors than `Found` holds.
pub const bytes_max = room(fds_max);

fn space(payload_bytes: usize) usize {
    return header_bytes + std.mem.alignForward(usize, payload_bytes, 8);
}

pub const Record = struct {
    level: i32,
    type: i32,
    payload: []const u8,
};

/// Walks the records of a buffer.
pub const Records = struct {
    rest: []const u8,

    pub fn next(walk: *Records) error{Malformed}!?Record {
        if (walk.rest.len == 0) return null;
        if (walk.rest.len < header_bytes) return error.Malformed;
        const length = read(u64, walk.rest, 0);
        if (length < header_bytes) return error.Malformed;
        if (length > walk.rest.len) return error.Malformed;
        const end: usize = @intCast(length);
        // The last one's padding may be missing.
        defer walk.rest = walk.rest[@min(walk.rest.len, std.mem.alignForward(usize, end, 8))..];
        return .{
            .level = read(i32, walk.rest, 8),
            .type = read(i32, walk.rest, 12),
            .payload = walk.rest[header_bytes..end],
        };
    }
};

/// What a buffer holds.
pub const Found = struct {
    fds: [bytes_max / @sizeOf(i32)]i32 = undefined,
    count: usize = 0,
    credentials: ?Credentials = null,
    pidfd: ?i32 = null,

    fn take(found: *Found, fd: i32) void {
        assert(found.count < found.fds.len);
        found.fds[found.count] = fd;
        found.count += 1;
    }
};

/// Reads a buffer; `found` starts empty. Records of other kinds are left out.
pub fn parse(found: *Found, control: []const u8) error{Malformed}!void {
    if (control.len > bytes_max) return error.Malformed;
    var records: Records = .{ .rest = control };
    while (try records.next()) |record| {
        if (record.level != linux.SOL.SOCKET) continue;
        const payload = record.payload;
        switch (record.type) {
            linux.SCM.RIGHTS => {
                for (0..payload.len / @sizeOf(i32)) |i| found.take(read(i32, payload, i * @sizeOf(i32)));
                if (payload.len % @sizeOf(i32) != 0) return error.Malformed;
            },
            linux.SCM.CREDENTIALS => {
                if (payload.len != @sizeOf(Credentials)) return error.Malformed;
                found.credentials = .{ .pid = read(u32, payload, 0), .uid = read(u32, payload, 4), .gid = read(u32, payload, 8) };
            },
            linux.SCM.PIDFD => {
                if (payload.len != @sizeOf(i32)) return error.Malformed;
                const fd = read(i32, payload, 0);
                if (fd < 0) continue; // None could be made: an errno.
                if (found.pidfd != null) {
                    found.take(fd); // To be closed with the others.
                    return error.Malformed;
                }
                found.pidfd = fd;
            },
            else => {},
        }
    }
}

/// Writes the records for descriptors and credentials: the part of `buffer` that they take.
pub fn build(buffer: []u8, fds: []const i32, credentials: ?Credentials) error{TooSmall}![]u8 {
    var filled: usize = 0;
    if (credentials) |who| filled += try put(buffer, filled, linux.SCM.CREDENTIALS, std.mem.asBytes(&who));
    if (fds.len > 0) filled += try put(buffer, filled, linux.SCM.RIGHTS, std.mem.sliceAsBytes(fds));
    return buffer[0..filled];
}

fn put(buffer: []u8, at: usize, kind: i32, payload: []const u8) error{TooSmall}!usize {
    const bytes = space(payload.len);
    if (buffer.len - at < bytes) return error.TooSmall;
    const out = buffer[at..][0..bytes];
    @memset(out, 0);
    std.mem.writeInt(u64, out[0..8], header_bytes + payload.len, native);
    std.mem.writeInt(i32, out[8..12], linux.SOL.SOCKET, native);
    std.mem.writeInt(i32, out[12..16], kind, native);
    @memcpy(out[header_bytes..][0..payload.len], payload);
    return bytes;
}

const native = @import("builtin").cpu.arch.endian();

fn read(comptime T: type, bytes: []const u8, offset: usize) T {
    return std.mem.readInt(T, bytes[offset..][0..@sizeOf(T)], native);
}

fn expectParsed(control: []const u8, fds: []const i32, credentials: ?Credentials) !void {
    var found: Found = .{};
    try parse(&found, control);
    try std.testing.expectEqualSlices(i32, fds, found.fds[0..found.count]);
    try std.testing.expectEqual(credentials, found.credentials);
}

test "parse() reads what build() wrote" {
    var buffer: [bytes_max]u8 = undefined;
    const who: Credentials = .{ .pid = 1, .uid = 2, .gid = 3 };
    var fds: [fds_max]i32 = undefined;
    for (&fds, 0..) |*fd, i| fd.* = @intCast(i);
    try expectParsed(try build(&buffer, &.{}, null), &.{}, null);
    try expectParsed(try build(&buffer, &.{7}, null), &.{7}, null);
    try expectParsed(try build(&buffer, fds[0..2], who), fds[0..2], who);
    try expectParsed(try build(&buffer, &fds, who), &fds, who);
    try std.testing.expectError(error.TooSmall, build(buffer[0..23], &.{7}, null));
    try std.testing.expectError(error.TooSmall, build(buffer[0..32], &.{7}, who));
}

test "parse() takes a last record without its padding, several of a kind, and leaves others out" {
    var buffer: [128]u8 = undefined;
    const one = try build(&buffer, &.{5}, null);
    try expectParsed(one[0..20], &.{5}, null);
    const two = try build(buffer[one.len..], &.{ 6, 7 }, null);
    try expectParsed(buffer[0 .. one.len + two.len], &.{ 5, 6, 7 }, null);
    std.mem.writeInt(i32, buffer[8..12], 41, native); // Another level.
    try expectParsed(buffer[0 .. one.len + two.len], &.{ 6, 7 }, null);
    std.mem.writeInt(i32, buffer[8..12], linux.SOL.SOCKET, native);
    std.mem.writeInt(i32, buffer[12..16], linux.SCM.SECURITY, native);
    try expectParsed(buffer[0 .. one.len + two.len], &.{ 6, 7 }, null);
}

test "parse() believes no length, and tells what it found before" {
    var buffer: [bytes_max + 8]u8 = @splat(0);
    const sound = (try build(&buffer, &.{5}, null)).len;
    const wrong = [_]u64{ 0, 15, sound + 1, std.math.maxInt(u64), std.math.maxInt(u64) - 6, 1 << 63 };
    for (wrong) |length| {
        var second: [24]u8 = @splat(0);
        std.mem.writeInt(u64, second[0..8], length, native);
        @memcpy(buffer[sound..][0..second.len], &second);
        var found: Found = .{};
        try std.testing.expectError(error.Malformed, parse(&found, buffer[0 .. sound + second.len]));
        try std.testing.expectEqualSlices(i32, &.{5}, found.fds[0..found.count]);
    }
    for (1..sound) |cut| {
        if (cut >= 20) continue; // Only padding is missing.
        var found: Found = .{};
        try std.testing.expectError(error.Malformed, parse(&found, buffer[0..cut]));
    }
    var found: Found = .{};
    try std.testing.expectError(error.Malformed, parse(&found, &buffer));
}

test "parse() refuses payloads of another size, and a second pidfd" {
    var buffer: [96]u8 = undefined;
    const cases = [_]struct { type: i32, bytes: usize, fds: usize }{
        .{ .type = linux.SCM.RIGHTS, .bytes = 7, .fds = 1 },
        .{ .type = linux.SCM.CREDENTIALS, .bytes = 11, .fds = 0 },
        .{ .type = linux.SCM.CREDENTIALS, .bytes = 16, .fds = 0 },
        .{ .type = linux.SCM.PIDFD, .bytes = 3, .fds = 0 },
        .{ .type = linux.SCM.PIDFD, .bytes = 8, .fds = 0 },
    };
    const payload: [16]u8 = @splat(1);
    for (cases) |case| {
        const filled = try put(&buffer, 0, case.type, payload[0..case.bytes]);
        var found: Found = .{};
        try std.testing.expectError(error.Malformed, parse(&found, buffer[0..filled]));
        try std.testing.expectEqual(case.fds, found.count);
    }
    var filled = try put(&buffer, 0, linux.SCM.PIDFD, &.{ 9, 0, 0, 0 });
    filled += try put(&buffer, filled, linux.SCM.PIDFD, &.{ 255, 255, 255, 255 });
    var found: Found = .{};
    try parse(&found, buffer[0..filled]);
    try std.testing.expectEqual(9, found.pidfd);
    filled += try put(&buffer, filled, linux.SCM.PIDFD, &.{ 8, 0, 0, 0 });
    found = .{};
    try std.testing.expectError(error.Malformed, parse(&found, buffer[0..filled]));
    try std.testing.expectEqual(9, found.pidfd);
    try std.testing.expectEqualSlices(i32, &.{8}, found.fds[0..found.count]);
}
