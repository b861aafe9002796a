//! A known race, which ThreadSanitizer must report before its silence about the rest means anything: `zig build test
//! -Dtsan=true` runs this program first.

const std = @import("std");

var counter: u32 = 0;

fn count() void {
    for (0..1000) |_| counter += 1;
}

pub fn main() !void {
    const other = try std.Thread.spawn(.{}, count, .{});
    count();
    other.join();
}
