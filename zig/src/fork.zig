//! After fork(2) a child has one thread, copies of locks that others may have held, and a share of everything the parent
//! owns: every function of the library answers EPERM there, until exec. No runtime forks and goes on; C hosts do.
//!
//! What tells a child is a page that the kernel empties in it. To look costs two loads.

const std = @import("std");
const linux = std.os.linux;
const boundary = @import("boundary.zig");
const exports = @import("exports.zig");
const sys = @import("sys.zig");

const magic: u32 = 0x68777372;

/// Where there is no page yet, or can't be one: never empty.
const stand_in: u32 = magic;
var page: *const u32 = &stand_in;

/// Maps the page; once in a process, before any thread or handle of the library's is there to be inherited.
pub fn prepare() void {
    if (@atomicLoad(*const u32, &page, .monotonic) != &stand_in) return;
    var ignored: sys.Failure = .{};
    const bytes = std.heap.page_size_min;
    const flags: linux.MAP = .{ .TYPE = .PRIVATE, .ANONYMOUS = true };
    const address = sys.mmap(&ignored, bytes, .{ .READ = true, .WRITE = true }, flags, -1) catch return;
    const word: *u32 = @ptrFromInt(address);
    word.* = magic;
    // Pairs with the load in forked(): whoever sees the page sees what is on it.
    const used = if (sys.madvise(&ignored, address, bytes, linux.MADV.WIPEONFORK))
        @cmpxchgStrong(*const u32, &page, &stand_in, word, .release, .monotonic) == null
    else |_|
        false; // Kernels of sandboxes.
    if (!used) sys.munmap(&ignored, address, bytes) catch {};
}

inline fn forked() bool {
    return @atomicLoad(*const u32, &page, .acquire).* != magic;
}

/// An exported function as the outside calls it.
pub fn guarded(comptime function: boundary.Function) *const @TypeOf(@field(exports, function.name)) {
    const inner = @field(exports, function.name);
    const info = @typeInfo(@TypeOf(inner)).@"fn";
    const R = info.return_type.?;
    // What counts things has no negative numbers; the library's hash becomes nobody's.
    const refusal: R = if (R == u32) 0 else -@as(R, @intFromEnum(sys.E.PERM));
    const A = struct {
        fn at(comptime place: usize) type {
            return info.params[place].type.?;
        }
    }.at;
    // A function's parameters can't be made by a loop.
    return switch (info.params.len) {
        0 => &struct {
            fn call() callconv(.c) R {
                return if (forked()) refusal else inner();
            }
        }.call,
        1 => &struct {
            fn call(a: A(0)) callconv(.c) R {
                return if (forked()) refusal else inner(a);
            }
        }.call,
        2 => &struct {
            fn call(a: A(0), b: A(1)) callconv(.c) R {
                return if (forked()) refusal else inner(a, b);
            }
        }.call,
        3 => &struct {
            fn call(a: A(0), b: A(1), c: A(2)) callconv(.c) R {
                return if (forked()) refusal else inner(a, b, c);
            }
        }.call,
        4 => &struct {
            fn call(a: A(0), b: A(1), c: A(2), d: A(3)) callconv(.c) R {
                return if (forked()) refusal else inner(a, b, c, d);
            }
        }.call,
        5 => &struct {
            fn call(a: A(0), b: A(1), c: A(2), d: A(3), e: A(4)) callconv(.c) R {
                return if (forked()) refusal else inner(a, b, c, d, e);
            }
        }.call,
        6 => &struct {
            fn call(a: A(0), b: A(1), c: A(2), d: A(3), e: A(4), f: A(5)) callconv(.c) R {
                return if (forked()) refusal else inner(a, b, c, d, e, f);
            }
        }.call,
        7 => &struct {
            fn call(a: A(0), b: A(1), c: A(2), d: A(3), e: A(4), f: A(5), g: A(6)) callconv(.c) R {
                return if (forked()) refusal else inner(a, b, c, d, e, f, g);
            }
        }.call,
        8 => &struct {
            fn call(a: A(0), b: A(1), c: A(2), d: A(3), e: A(4), f: A(5), g: A(6), h: A(7)) callconv(.c) R {
                return if (forked()) refusal else inner(a, b, c, d, e, f, g, h);
            }
        }.call,
        9 => &struct {
            fn call(a: A(0), b: A(1), c: A(2), d: A(3), e: A(4), f: A(5), g: A(6), h: A(7), i: A(8)) callconv(.c) R {
                return if (forked()) refusal else inner(a, b, c, d, e, f, g, h, i);
            }
        }.call,
        else => @compileError(function.name ++ ": add functions of so many parameters here"),
    };
}

test "a forked child is told, its parent is not" {
    prepare();
    const bytes = std.heap.page_size_min;
    const flags: linux.MAP = .{ .TYPE = .PRIVATE, .ANONYMOUS = true };
    const address = linux.mmap(null, bytes, .{ .READ = true, .WRITE = true }, flags, -1, 0);
    defer _ = linux.munmap(@ptrFromInt(address), bytes);
    const probe: *volatile u32 = @ptrFromInt(address);
    probe.* = 1;
    _ = linux.madvise(@ptrFromInt(address), bytes, linux.MADV.WIPEONFORK);

    try std.testing.expect(!forked());
    const child = linux.fork();
    if (child == 0) linux.exit_group(@as(i32, @intFromBool(forked())) + if (probe.* == 0) @as(i32, 2) else 0);
    var status: u32 = 0;
    _ = linux.waitpid(@intCast(child), &status, 0);
    // qemu takes the advice and does not follow it: nothing tells a child there.
    const emptied = linux.W.EXITSTATUS(status) & 2 != 0;
    try std.testing.expectEqual(emptied, linux.W.EXITSTATUS(status) & 1 != 0);
    try std.testing.expect(emptied or @import("builtin").cpu.arch != .x86_64);
    try std.testing.expect(!forked());
}
