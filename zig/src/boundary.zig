//! What crosses the boundary, told from the declarations of exports.zig at compile time.

const std = @import("std");
const bell = @import("bell.zig");
const call = @import("call.zig");
const exports = @import("exports.zig");
const constants = @import("constants.zig");
const eventfd = @import("eventfd.zig");
const fd = @import("fd.zig");
const handle = @import("handle.zig");
const memory = @import("memory.zig");
const mutex = @import("mutex.zig");
const netlink = @import("netlink.zig");
const object = @import("object.zig");
const pidfd = @import("pidfd.zig");
const pipe = @import("pipe.zig");
const sys = @import("sys.zig");

/// The kinds of argument and result. A loader translates each to its runtime's notation.
pub const Kind = enum { u32, i32, f64, handle, fd, buffer };

/// Structures TypeScript reads or fills: their fields' offsets and sizes are written to symbols.ts.
pub const layouts = .{
    .{ "stat", memory.Stat },
    .{ "memoryEntry", memory.Entry },
    .{ "link", netlink.Link },
    .{ "done", bell.Record },
    .{ "pollFd", sys.PollFd },
    .{ "pipeEnds", pipe.Ends },
    .{ "objectInfo", object.Info },
    .{ "mutexOwner", mutex.Owner },
    .{ "mutexSleep", mutex.Sleep },
    .{ "pidStatus", pidfd.Status },
};

/// Option words TypeScript fills: their flags' bits are written to symbols.ts.
pub const options = .{
    .{ "openOptions", fd.OpenOptions },
    .{ "memoryOptions", memory.Options },
    .{ "pipeOptions", pipe.Options },
    .{ "fdFlags", fd.Flags },
    .{ "copyOptions", call.CopyOptions },
    .{ "eventOptions", eventfd.Options },
};

pub const Function = struct {
    name: [:0]const u8,
    args: []const Kind,
    returns: Kind,
};

/// Every exported function, in the order of exports.zig.
pub const functions: []const Function = blk: {
    @setEvalBranchQuota(100_000);
    var list: []const Function = &.{};
    for (std.meta.declarations(exports)) |decl| {
        const info = @typeInfo(@TypeOf(@field(exports, decl.name))).@"fn";
        if (!info.calling_convention.eql(.c)) @compileError(decl.name ++ " is public and no C function");
        var args: []const Kind = &.{};
        for (info.params, 0..) |param, i| {
            const kind = kindOf(param.type.?);
            // The N-API wrapper checks the length against the array it was given.
            if (kind == .buffer and (i + 1 == info.params.len or info.params[i + 1].type.? != u32)) {
                @compileError(decl.name ++ ": a buffer is followed by its length");
            }
            args = args ++ .{kind};
        }
        list = list ++ .{Function{ .name = decl.name, .args = args, .returns = kindOf(info.return_type.?) }};
    }
    break :blk list;
};

/// A hash of every signature, layout, option and constant: a library and a table that differ in one refuse each other.
pub const abi_hash: u32 = blk: {
    @setEvalBranchQuota(1_000_000);
    var hash = std.hash.Fnv1a_32.init();
    for (functions) |function| {
        hash.update(function.name);
        for (function.args) |kind| hash.update(@tagName(kind) ++ ",");
        hash.update("->" ++ @tagName(function.returns) ++ ";");
    }
    for (layouts) |layout| for (std.meta.fields(layout[1])) |field| {
        hash.update(std.fmt.comptimePrint("{s}.{s}@{d}+{d};", .{
            layout[0], field.name, @offsetOf(layout[1], field.name), @sizeOf(field.type),
        }));
    };
    for (options) |option| for (std.meta.fields(option[1])) |field| {
        hash.update(std.fmt.comptimePrint("{s}.{s}@{d};", .{
            option[0], field.name, @bitOffsetOf(option[1], field.name),
        }));
    };
    for (std.meta.declarations(constants)) |decl| {
        const value = @field(constants, decl.name);
        const format = if (isText(@TypeOf(value))) "{s}={s};" else "{s}={d};";
        hash.update(std.fmt.comptimePrint(format, .{ decl.name, value }));
    }
    for (std.meta.fieldNames(sys.Call)) |name| hash.update(name ++ ";");
    break :blk hash.final();
};

pub fn kindOf(comptime T: type) Kind {
    return switch (T) {
        u32 => .u32,
        i32 => .i32,
        f64 => .f64,
        handle.Handle => .handle,
        sys.Fd => .fd,
        ?[*]u8, ?[*]const u8 => .buffer,
        else => @compileError(@typeName(T) ++ " does not cross the boundary"),
    };
}

pub fn isText(comptime T: type) bool {
    return @typeInfo(T) == .pointer;
}
