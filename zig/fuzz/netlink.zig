//! Fuzzes the netlink parser: no bytes make it read out of bounds, and what it understood it can say again.

const std = @import("std");
const netlink = @import("netlink");
const options = @import("options");
const libfuzzer = @import("libfuzzer.zig");

pub const panic = std.debug.FullPanic(libfuzzer.panicFuzz);

comptime {
    _ = libfuzzer;
}

const sequence = 0x01010101;

export fn LLVMFuzzerTestOneInput(data: [*]const u8, size: usize) c_int {
    const input = data[0..size];
    var out: [16]netlink.Link = undefined;
    var dump: netlink.LinkDump = .{ .out = &out, .sequence = sequence };
    _ = dump.feed(input) catch {};
    for (out[0..@min(out.len, dump.count)]) |*link| roundTrip(link);

    // The body of a message alone, so that not every input has to invent a header first.
    if (netlink.parseLink(input)) |link| roundTrip(&link) else |_| {}
    if (options.planted) planted(input);
    return 0;
}

fn roundTrip(link: *const netlink.Link) void {
    var buffer: [512]u8 = undefined;
    const message = netlink.buildLink(&buffer, link, 0, sequence) catch @panic("a link takes more than 512 bytes");
    const again = netlink.parseLink(message[16..]) catch @panic("a link we built is malformed");
    if (!std.meta.eql(link.*, again)) @panic("a link changed on the way");
}

/// The bug that `fuzz -- self` has to find: behind a well-formed attribute of a well-formed message, the byte after
/// the payload. The parsers' own bounds checks do not cover it, the slice's does.
fn planted(input: []const u8) void {
    var messages: netlink.Messages = .{ .rest = input };
    while (messages.next() catch null) |message| {
        var attributes: netlink.Attributes = .{ .rest = message.body };
        while (attributes.next() catch null) |attribute| {
            if (attribute.type == 42) std.mem.doNotOptimizeAway(attribute.payload[attribute.payload.len]);
        }
    }
}
