//! Kill points: named places inside a protocol step where the crash harness stops a process to kill it there.
//!
//! Only the library that `zig build -Dkill_points=true` makes has them (its root is killable.zig); in every other build
//! `here` is nothing. The process names the place in its environment before it starts: HAWSER_KILL_POINT=memory_create.grown,
//! or memory_create.grown:3 for the third time it comes by. It stops itself there (SIGSTOP), which the harness sees in
//! /proc and answers with SIGKILL.

const std = @import("std");
const linux = std.os.linux;
const root = @import("root");

pub const enabled = @hasDecl(root, "kill_points");

var passed: u32 = 0;
/// Whether the environment names no place: then nothing is looked up again, which would slow a protocol down.
var unwanted: bool = false;

/// The process may be stopped here.
pub inline fn here(comptime name: []const u8) void {
    if (enabled) reached(name);
}

/// Not in the function that asks: the stacks of helpers are small.
noinline fn reached(name: []const u8) void {
    if (@atomicLoad(bool, &unwanted, .monotonic)) return;
    var buffer: [32768]u8 = undefined;
    const wanted = variable(&buffer, "HAWSER_KILL_POINT=") orelse return @atomicStore(bool, &unwanted, true, .monotonic);
    const colon = std.mem.findScalar(u8, wanted, ':') orelse wanted.len;
    if (!std.mem.eql(u8, wanted[0..colon], name)) return;
    const count = if (colon == wanted.len) 1 else std.fmt.parseInt(u32, wanted[colon + 1 ..], 10) catch return;
    if (@atomicRmw(u32, &passed, .Add, 1, .monotonic) + 1 == count) stop();
}

/// Stops the process at this very instruction: a signal to the process might reach another thread first.
fn stop() void {
    _ = linux.tgkill(linux.getpid(), linux.gettid(), .STOP);
}

/// A variable of the environment this process was started with: there is no libc to ask.
pub fn variable(buffer: []u8, prefix: []const u8) ?[]const u8 {
    const fd = linux.open("/proc/self/environ", .{ .CLOEXEC = true }, 0);
    if (linux.errno(fd) != .SUCCESS) return null;
    defer _ = linux.close(@intCast(fd));
    var filled: usize = 0;
    while (filled < buffer.len) {
        const rc = linux.read(@intCast(fd), buffer[filled..].ptr, buffer.len - filled);
        if (linux.errno(rc) != .SUCCESS or rc == 0) break;
        filled += rc;
    }
    var entries = std.mem.splitScalar(u8, buffer[0..filled], 0);
    while (entries.next()) |entry| if (std.mem.startsWith(u8, entry, prefix)) return entry[prefix.len..];
    return null;
}
