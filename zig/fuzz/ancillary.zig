//! Fuzzes the parser of ancillary data: no bytes make it read out of bounds, and what it understood it can say again.

const std = @import("std");
const ancillary = @import("ancillary");
const options = @import("options");
const libfuzzer = @import("libfuzzer.zig");

pub const panic = std.debug.FullPanic(libfuzzer.panicFuzz);

comptime {
    _ = libfuzzer;
}

export fn LLVMFuzzerTestOneInput(data: [*]const u8, size: usize) c_int {
    const input = data[0..size];
    var found: ancillary.Found = .{};
    if (ancillary.parse(&found, input)) |_| {
        roundTrip(&found);
    } else |_| {
        // What came before the fault has to be closed, so it must be sound.
        if (found.count > found.fds.len) @panic("more descriptors than there is room for");
    }
    if (options.planted) planted(input);
    return 0;
}

fn roundTrip(found: *const ancillary.Found) void {
    // A fuzzer may put the room for headers to use for descriptors: more than a kernel sends in one message.
    const fds = found.fds[0..@min(found.count, ancillary.fds_max)];
    var buffer: [ancillary.bytes_max]u8 = undefined;
    const control = ancillary.build(&buffer, fds, found.credentials) catch @panic("they take more than the largest room");
    var again: ancillary.Found = .{};
    ancillary.parse(&again, control) catch @panic("what we built is malformed");
    if (!std.mem.eql(i32, fds, again.fds[0..again.count])) @panic("descriptors changed on the way");
    if (!std.meta.eql(found.credentials, again.credentials)) @panic("credentials changed on the way");
}

/// The bug that `fuzz -- self` has to find: behind a well-formed record of type 42, the byte after the payload.
fn planted(input: []const u8) void {
    var records: ancillary.Records = .{ .rest = input };
    while (records.next() catch null) |record| {
        if (record.type == 42) std.mem.doNotOptimizeAway(record.payload[record.payload.len]);
    }
}
