//! Ties a Zig object to libFuzzer: tells it where the coverage counters lie, which C compilers do on their own.

const std = @import("std");

const Pc = extern struct { address: usize, flags: usize };

extern fn __sanitizer_cov_8bit_counters_init(start: [*]u8, stop: [*]u8) void;
extern fn __sanitizer_cov_pcs_init(start: [*]const Pc, stop: [*]const Pc) void;

// The linker gives every section its bounds by these names.
extern var __start___sancov_cntrs: u8;
extern var __stop___sancov_cntrs: u8;
extern const __start___sancov_pcs1: Pc;
extern const __stop___sancov_pcs1: Pc;

var pcs: [1 << 14]Pc = undefined;

fn register() callconv(.c) void {
    const counters = @intFromPtr(&__stop___sancov_cntrs) - @intFromPtr(&__start___sancov_cntrs);
    const pc_bytes = @intFromPtr(&__stop___sancov_pcs1) - @intFromPtr(&__start___sancov_pcs1);
    __sanitizer_cov_8bit_counters_init(@ptrCast(&__start___sancov_cntrs), @ptrCast(&__stop___sancov_cntrs));

    // Zig 0.16 instruments twice and describes once, and libFuzzer ends the process when the two tables differ in
    // length. It only counts the entries, as covered edges, so describing each edge twice is good enough.
    if (counters > pcs.len) return;
    const described = @as([*]const Pc, @ptrCast(&__start___sancov_pcs1))[0 .. pc_bytes / @sizeOf(Pc)];
    if (described.len == 0) return;
    for (pcs[0..counters], 0..) |*pc, index| pc.* = described[index % described.len];
    __sanitizer_cov_pcs_init(&pcs, pcs[counters..].ptr);
}

/// Runs before main.
export const register_coverage: *const fn () callconv(.c) void linksection(".init_array") = &register;

/// Ends the process the way libFuzzer listens for; Zig's own panic would need a standard library with threads.
pub fn panicFuzz(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    _ = std.os.linux.write(2, message.ptr, message.len);
    _ = std.os.linux.write(2, "\n", 1);
    @trap();
}
