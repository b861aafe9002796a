//! Netlink: asks the kernel for its network interfaces and reads the answer.
//!
//! One datagram holds several messages, each padded to four bytes (netlink(7), rtnetlink(7)):
//!
//!     offset  field
//!     0       length u32, with this header and without the padding behind
//!     4       type u16, flags u16
//!     8       sequence u32, port u32
//!     16      body: for a link `ifinfomsg` of 16 bytes, then attributes
//!
//!     0       attribute: length u16, with this header; type u16
//!     4       payload, padded to four bytes
//!
//! We speak first: one RTM_GETLINK with NLM_F_DUMP. The kernel answers with RTM_NEWLINK messages over as many datagrams
//! as it needs, and NLMSG_DONE. Everything up to `links` works on bytes alone and believes no length in them.

const std = @import("std");
const assert = std.debug.assert;
const linux = std.os.linux;
const native = @import("builtin").cpu.arch.endian();
const sys = @import("sys.zig");

/// A network interface; 128 bytes, as TypeScript reads it.
pub const Link = extern struct {
    rx_bytes: u64 = 0,
    tx_bytes: u64 = 0,
    rx_packets: u64 = 0,
    tx_packets: u64 = 0,
    rx_errors: u64 = 0,
    tx_errors: u64 = 0,
    rx_dropped: u64 = 0,
    tx_dropped: u64 = 0,
    index: u32 = 0,
    /// IFF_*
    flags: u32 = 0,
    mtu: u32 = 0,
    /// ARPHRD_*
    type: u16 = 0,
    /// RFC 2863, IF_OPER_*
    operstate: u8 = 0,
    address_bytes: u8 = 0,
    /// Ends with a zero.
    name: [name_bytes_max]u8 = @splat(0),
    address: [address_bytes_max]u8 = @splat(0),

    comptime {
        assert(@sizeOf(Link) == 128);
        assert(@alignOf(Link) == 8);
        assert(@offsetOf(Link, "index") == 64);
        assert(@offsetOf(Link, "name") == 80);
        assert(@offsetOf(Link, "address") == 96);
    }
};

/// IFNAMSIZ, MAX_ADDR_LEN
const name_bytes_max = 16;
const address_bytes_max = 32;

const header_bytes = 16;
const ifinfomsg_bytes = 16;
const attribute_bytes = 4;

pub const Message = struct {
    type: u16,
    flags: u16,
    sequence: u32,
    body: []const u8,
};

/// Walks the messages of one datagram.
pub const Messages = struct {
    rest: []const u8,

    pub fn next(walk: *Messages) error{Malformed}!?Message {
        if (walk.rest.len == 0) return null;
        if (walk.rest.len < header_bytes) return error.Malformed;
        const length = read(u32, walk.rest, 0);
        if (length < header_bytes) return error.Malformed;
        if (length > walk.rest.len) return error.Malformed;
        defer walk.rest = walk.rest[@min(walk.rest.len, padded(length))..];
        return .{
            .type = read(u16, walk.rest, 4),
            .flags = read(u16, walk.rest, 6),
            .sequence = read(u32, walk.rest, 8),
            .body = walk.rest[header_bytes..length],
        };
    }
};

pub const Attribute = struct {
    type: u16,
    payload: []const u8,

    /// A number at the start of the payload; kernels may append to a structure, so more bytes than asked for are fine.
    fn number(attribute: Attribute, comptime T: type, offset: usize) error{Malformed}!T {
        if (attribute.payload.len < offset + @sizeOf(T)) return error.Malformed;
        return read(T, attribute.payload, offset);
    }
};

/// Walks the attributes of a message.
pub const Attributes = struct {
    rest: []const u8,

    pub fn next(walk: *Attributes) error{Malformed}!?Attribute {
        if (walk.rest.len == 0) return null;
        if (walk.rest.len < attribute_bytes) return error.Malformed;
        const length = read(u16, walk.rest, 0);
        if (length < attribute_bytes) return error.Malformed;
        if (length > walk.rest.len) return error.Malformed;
        defer walk.rest = walk.rest[@min(walk.rest.len, padded(length))..];
        return .{
            // The two highest bits say "nested" and "big-endian".
            .type = read(u16, walk.rest, 2) & 0x3fff,
            .payload = walk.rest[attribute_bytes..length],
        };
    }
};

/// Reads the body of an RTM_NEWLINK.
pub fn parseLink(body: []const u8) error{Malformed}!Link {
    if (body.len < ifinfomsg_bytes) return error.Malformed;
    var link: Link = .{ .type = read(u16, body, 2), .index = read(u32, body, 4), .flags = read(u32, body, 8) };
    var attributes: Attributes = .{ .rest = body[ifinfomsg_bytes..] };
    while (try attributes.next()) |attribute| {
        switch (@as(linux.IFLA, @enumFromInt(attribute.type))) {
            .IFNAME => {
                const text = std.mem.sliceTo(attribute.payload, 0);
                if (text.len >= name_bytes_max) return error.Malformed;
                link.name = @splat(0);
                @memcpy(link.name[0..text.len], text);
            },
            .ADDRESS => {
                const address = attribute.payload;
                if (address.len > address_bytes_max) return error.Malformed;
                link.address = @splat(0);
                link.address_bytes = @intCast(address.len);
                @memcpy(link.address[0..address.len], address);
            },
            .MTU => link.mtu = try attribute.number(u32, 0),
            .OPERSTATE => link.operstate = try attribute.number(u8, 0),
            .STATS64 => {
                link.rx_packets = try attribute.number(u64, @offsetOf(linux.rtnl_link_stats64, "rx_packets"));
                link.tx_packets = try attribute.number(u64, @offsetOf(linux.rtnl_link_stats64, "tx_packets"));
                link.rx_bytes = try attribute.number(u64, @offsetOf(linux.rtnl_link_stats64, "rx_bytes"));
                link.tx_bytes = try attribute.number(u64, @offsetOf(linux.rtnl_link_stats64, "tx_bytes"));
                link.rx_errors = try attribute.number(u64, @offsetOf(linux.rtnl_link_stats64, "rx_errors"));
                link.tx_errors = try attribute.number(u64, @offsetOf(linux.rtnl_link_stats64, "tx_errors"));
                link.rx_dropped = try attribute.number(u64, @offsetOf(linux.rtnl_link_stats64, "rx_dropped"));
                link.tx_dropped = try attribute.number(u64, @offsetOf(linux.rtnl_link_stats64, "tx_dropped"));
            },
            else => {},
        }
    }
    if (link.name[0] == 0) return error.Malformed; // The kernel has no interface without a name.
    return link;
}

/// Gathers the links of one dump, datagram by datagram.
pub const LinkDump = struct {
    out: []align(1) Link,
    sequence: u32,
    /// Links seen; the first `out.len` of them are in `out`.
    count: u32 = 0,
    interrupted: bool = false,

    pub const Verdict = union(enum) { more, done, failed: linux.E };

    /// Takes one datagram of the kernel's. What belongs to another request is passed over.
    pub fn feed(dump: *LinkDump, datagram: []const u8) error{Malformed}!Verdict {
        var messages: Messages = .{ .rest = datagram };
        while (try messages.next()) |message| {
            if (message.sequence != dump.sequence) continue;
            // The list changed while the kernel walked it: entries may be missing or doubled.
            if (message.flags & linux.NLM_F_DUMP_INTR != 0) dump.interrupted = true;
            switch (@as(linux.NetlinkMessageType, @enumFromInt(message.type))) {
                .RTM_NEWLINK => {
                    const link = try parseLink(message.body);
                    if (dump.count < dump.out.len) dump.out[dump.count] = link;
                    dump.count +|= 1;
                },
                .DONE => {
                    // The kernel appends the result of the dump; it is 0 or -errno.
                    if (message.body.len == 0) return .done;
                    const e = try errnoOf(message.body);
                    return if (e == .SUCCESS) .done else .{ .failed = e };
                },
                .ERROR => {
                    const e = try errnoOf(message.body);
                    if (e != .SUCCESS) return .{ .failed = e };
                },
                .OVERRUN => return .{ .failed = .NOBUFS },
                else => {},
            }
        }
        return .more;
    }

    fn errnoOf(body: []const u8) error{Malformed}!linux.E {
        if (body.len < 4) return error.Malformed;
        const result = read(i32, body, 0);
        if (result > 0) return error.Malformed;
        if (result <= -4096) return error.Malformed;
        return @enumFromInt(@as(u16, @intCast(-result)));
    }
};

/// Writes one message: the header first, then body and attributes, then the length.
pub const Builder = struct {
    bytes: []u8,
    used: usize = 0,

    pub const Error = error{NoSpace};

    pub fn begin(builder: *Builder, kind: linux.NetlinkMessageType, flags: u16, sequence: u32) Error!void {
        try builder.append(u32, 0);
        try builder.append(u16, @intFromEnum(kind));
        try builder.append(u16, flags);
        try builder.append(u32, sequence);
        try builder.append(u32, 0); // Port: the kernel fills in ours.
    }

    pub fn append(builder: *Builder, comptime T: type, value: T) Error!void {
        try builder.write(&std.mem.toBytes(value));
    }

    pub fn attribute(builder: *Builder, kind: linux.IFLA, payload: []const u8) Error!void {
        if (payload.len > std.math.maxInt(u16) - attribute_bytes) return error.NoSpace;
        try builder.append(u16, @intCast(attribute_bytes + payload.len));
        try builder.append(u16, @intFromEnum(kind));
        try builder.write(payload);
        const zeroes: [3]u8 = @splat(0);
        try builder.write(zeroes[0 .. padded(payload.len) - payload.len]);
    }

    /// Ends the message and returns it.
    pub fn end(builder: *Builder) []u8 {
        assert(builder.used >= header_bytes);
        std.mem.writeInt(u32, builder.bytes[0..4], @intCast(builder.used), native);
        return builder.bytes[0..builder.used];
    }

    fn write(builder: *Builder, bytes: []const u8) Error!void {
        if (builder.bytes.len - builder.used < bytes.len) return error.NoSpace;
        @memcpy(builder.bytes[builder.used..][0..bytes.len], bytes);
        builder.used += bytes.len;
    }
};

const request_bytes = header_bytes + ifinfomsg_bytes;

fn request(buffer: *[request_bytes]u8, sequence: u32) []u8 {
    var builder: Builder = .{ .bytes = buffer };
    builder.begin(.RTM_GETLINK, linux.NLM_F_REQUEST | linux.NLM_F_DUMP, sequence) catch unreachable; // Its size is exact.
    builder.used = request_bytes; // ifinfomsg of zeroes: every family, every interface.
    @memset(buffer[header_bytes..], 0);
    return builder.end();
}

fn padded(length: usize) usize {
    return std.mem.alignForward(usize, length, 4);
}

/// Reads wherever the bytes lie: nothing in a hostile message has to be aligned.
fn read(comptime T: type, bytes: []const u8, offset: usize) T {
    return std.mem.readInt(T, bytes[offset..][0..@sizeOf(T)], native);
}

// ---- The calls -----------------------------------------------------------------------------------------------------

/// The kernel fills datagrams of a dump up to 32 KiB if the reader offers that much.
const datagram_bytes_max = 32 * 1024;
const attempts_max = 8;

/// Reads the interfaces of the calling thread's network namespace and returns how many there are.
///
/// Only the first `out.len` are written; a caller that is told a larger number comes again with more room.
/// EAGAIN: the list kept changing, no attempt saw a whole one.
pub fn links(failure: *sys.Failure, out: []align(1) Link) sys.Error!u32 {
    for (0..attempts_max) |attempt| {
        // Each dump has a socket of its own, so nobody else's answers are in its queue.
        const fd = try sys.socket(failure, linux.AF.NETLINK, linux.SOCK.RAW, linux.NETLINK.ROUTE);
        defer sys.closeQuietly(fd);
        var dump: LinkDump = .{ .out = out, .sequence = @intCast(attempt + 1) };
        try run(failure, fd, &dump);
        if (!dump.interrupted) return dump.count;
    }
    return failure.refuse(.AGAIN);
}

fn run(failure: *sys.Failure, fd: i32, dump: *LinkDump) sys.Error!void {
    // The kernel answers at once; a sandbox's imitation of it might not.
    const timeout: linux.timeval = .{ .sec = 2, .usec = 0 };
    try sys.setsockopt(failure, fd, linux.SOL.SOCKET, linux.SO.RCVTIMEO, std.mem.asBytes(&timeout));

    const kernel: linux.sockaddr.nl = .{ .pid = 0, .groups = 0 };
    var buffer: [request_bytes]u8 = undefined;
    try sys.sendto(failure, fd, request(&buffer, dump.sequence), std.mem.asBytes(&kernel));

    var datagram: [datagram_bytes_max]u8 = undefined;
    while (true) {
        var from: linux.sockaddr.nl = undefined;
        // MSG_TRUNC: the answer is the datagram's own size, even where it did not fit.
        const bytes = sys.recvfrom(failure, fd, &datagram, linux.MSG.TRUNC, std.mem.asBytes(&from)) catch |err| {
            if (failure.errno == .AGAIN) failure.errno = .TIMEDOUT;
            return err;
        };
        if (from.pid != 0) continue; // Not the kernel's: another process may write to our port.
        if (bytes > datagram.len) return failure.refuse(.MSGSIZE);
        const verdict = dump.feed(datagram[0..bytes]) catch return failure.refuse(.BADMSG);
        switch (verdict) {
            .more => {},
            .done => return,
            .failed => |errno| return failure.refuse(errno),
        }
    }
}

// ---- Tests ---------------------------------------------------------------------------------------------------------

const testing = std.testing;

/// Writes `link` as the kernel does; for tests and the fuzz target.
pub fn buildLink(buffer: []u8, link: *const Link, flags: u16, sequence: u32) Builder.Error![]u8 {
    var builder: Builder = .{ .bytes = buffer };
    try builder.begin(.RTM_NEWLINK, flags, sequence);
    try builder.append(u16, 0);
    try builder.append(u16, link.type);
    try builder.append(u32, link.index);
    try builder.append(u32, link.flags);
    try builder.append(u32, 0);
    try builder.attribute(.IFNAME, std.mem.sliceTo(&link.name, 0));
    try builder.attribute(.MTU, &std.mem.toBytes(link.mtu));
    try builder.attribute(.OPERSTATE, &.{link.operstate});
    try builder.attribute(.ADDRESS, link.address[0..link.address_bytes]);
    var stats = std.mem.zeroes(linux.rtnl_link_stats64);
    inline for (.{ "bytes", "packets", "errors", "dropped" }) |what| {
        @field(stats, "rx_" ++ what) = @field(link, "rx_" ++ what);
        @field(stats, "tx_" ++ what) = @field(link, "tx_" ++ what);
    }
    try builder.attribute(.STATS64, std.mem.asBytes(&stats));
    return builder.end();
}

fn buildResult(buffer: []u8, kind: linux.NetlinkMessageType, flags: u16, sequence: u32, result: i32) []u8 {
    var builder: Builder = .{ .bytes = buffer };
    builder.begin(kind, flags, sequence) catch unreachable;
    builder.append(i32, result) catch unreachable;
    return builder.end();
}

fn sample(random: std.Random) Link {
    var link: Link = .{};
    inline for (.{ "rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped" }) |field| {
        @field(link, field) = random.int(u64);
    }
    link.index = random.int(u32);
    link.flags = random.int(u32);
    link.mtu = random.int(u32);
    link.type = random.int(u16);
    link.operstate = random.int(u8);
    link.address_bytes = random.uintAtMost(u8, address_bytes_max);
    random.bytes(link.address[0..link.address_bytes]);
    for (link.name[0..random.intRangeAtMost(usize, 1, name_bytes_max - 1)]) |*byte| byte.* = random.intRangeAtMost(u8, 1, 255);
    return link;
}

test "request: RTM_GETLINK as a dump, 32 bytes" {
    var buffer: [request_bytes]u8 = undefined;
    const message = request(&buffer, 7);
    var messages: Messages = .{ .rest = message };
    const parsed = (try messages.next()).?;
    try testing.expectEqual(@intFromEnum(linux.NetlinkMessageType.RTM_GETLINK), parsed.type);
    try testing.expectEqual(linux.NLM_F_REQUEST | linux.NLM_F_DUMP, parsed.flags);
    try testing.expectEqual(7, parsed.sequence);
    try testing.expectEqual(ifinfomsg_bytes, parsed.body.len);
    try testing.expectEqual(null, try messages.next());
}

test "parseLink: what buildLink wrote" {
    var prng: std.Random.DefaultPrng = .init(0x6861777365720001);
    var buffer: [512]u8 = undefined;
    for (0..1000) |_| {
        const link = sample(prng.random());
        const message = try buildLink(&buffer, &link, 0, 1);
        try testing.expectEqual(link, try parseLink(message[header_bytes..]));
    }
}

test "parseLink: refuses every cut through an attribute" {
    var prng: std.Random.DefaultPrng = .init(0x6861777365720002);
    var buffer: [512]u8 = undefined;
    const link = sample(prng.random());
    const body = (try buildLink(&buffer, &link, 0, 1))[header_bytes..];
    for (0..body.len) |cut| {
        // Where the cut falls between two attributes the rest is a shorter message; else it is an error.
        const parsed = parseLink(body[0..cut]) catch continue;
        try testing.expectEqualSlices(u8, &link.name, &parsed.name);
    }
    try testing.expectError(error.Malformed, parseLink(body[0 .. body.len - 1]));
}

test "parseLink: refuses hostile attributes" {
    const refused = [_]struct { kind: linux.IFLA, payload: []const u8 }{
        .{ .kind = .IFNAME, .payload = "" },
        .{ .kind = .IFNAME, .payload = "\x00" },
        .{ .kind = .IFNAME, .payload = "sixteen letters!" },
        .{ .kind = .IFNAME, .payload = &@as([4096]u8, @splat('x')) },
        .{ .kind = .ADDRESS, .payload = &@as([33]u8, @splat(1)) },
        .{ .kind = .MTU, .payload = "" },
        .{ .kind = .MTU, .payload = "\x00\x00\x00" },
        .{ .kind = .OPERSTATE, .payload = "" },
        .{ .kind = .STATS64, .payload = &@as([63]u8, @splat(0)) },
    };
    for (refused) |case| {
        var buffer: [8192]u8 = undefined;
        var builder: Builder = .{ .bytes = &buffer };
        try builder.begin(.RTM_NEWLINK, 0, 1);
        for (0..4) |_| try builder.append(u32, 0);
        if (case.kind != .IFNAME) try builder.attribute(.IFNAME, "eth0");
        try builder.attribute(case.kind, case.payload);
        try testing.expectError(error.Malformed, parseLink(builder.end()[header_bytes..]));
    }
}

test "Attributes: refuses hostile lengths and masks the flag bits" {
    const refused = [_][]const u8{ "\x00\x00\x03\x00", "\x03\x00\x03\x00", "\x05\x00\x03\x00", "\xff\xff\x03\x00abcd", "\x04\x00\x03" };
    for (refused) |bytes| {
        var attributes: Attributes = .{ .rest = bytes };
        try testing.expectError(error.Malformed, attributes.next());
    }
    // Five bytes with the padding missing at the end, at an odd address.
    var attributes: Attributes = .{ .rest = "?\x05\x00\x03\xc0a"[1..] };
    const attribute = (try attributes.next()).?;
    try testing.expectEqual(3, attribute.type);
    try testing.expectEqualStrings("a", attribute.payload);
    try testing.expectEqual(null, try attributes.next());
}

test "Messages: refuses hostile lengths" {
    for ([_]u32{ 0, 1, 15, 33, 0x7fff_ffff, 0xffff_fff0, 0xffff_ffff }) |length| {
        var bytes: [32]u8 = @splat(0);
        std.mem.writeInt(u32, bytes[0..4], length, native);
        var messages: Messages = .{ .rest = &bytes };
        try testing.expectError(error.Malformed, messages.next());
    }
    for (1..header_bytes) |size| {
        var messages: Messages = .{ .rest = (&@as([header_bytes]u8, @splat(0)))[0..size] };
        try testing.expectError(error.Malformed, messages.next());
    }
}

test "LinkDump: several datagrams, strangers passed over, more links than room" {
    var prng: std.Random.DefaultPrng = .init(0x6861777365720003);
    const first = sample(prng.random());
    const second = sample(prng.random());
    var buffer: [1024]u8 = undefined;
    var out: [1]Link = undefined;
    var dump: LinkDump = .{ .out = &out, .sequence = 5 };

    try testing.expectEqual(.more, try dump.feed(try buildLink(&buffer, &second, linux.NLM_F_DUMP_INTR, 4)));
    try testing.expectEqual(0, dump.count);
    try testing.expectEqual(.more, try dump.feed(buildResult(&buffer, .DONE, 0, 4, 0)));
    try testing.expectEqual(.more, try dump.feed(""));
    try testing.expect(!dump.interrupted);

    // Two messages in one datagram.
    const one = try buildLink(&buffer, &first, linux.NLM_F_MULTI, 5);
    const two = try buildLink(buffer[padded(one.len)..], &second, linux.NLM_F_MULTI, 5);
    try testing.expectEqual(.more, try dump.feed(buffer[0 .. padded(one.len) + two.len]));
    try testing.expectEqual(.done, try dump.feed(buildResult(&buffer, .DONE, linux.NLM_F_MULTI, 5, 0)));
    try testing.expectEqual(2, dump.count);
    try testing.expectEqual(first, out[0]);
}

test "LinkDump: results and interruptions" {
    var buffer: [64]u8 = undefined;
    const cases = [_]struct { kind: linux.NetlinkMessageType, result: i32, verdict: error{Malformed}!LinkDump.Verdict }{
        .{ .kind = .DONE, .result = 0, .verdict = .done },
        .{ .kind = .DONE, .result = -105, .verdict = .{ .failed = .NOBUFS } },
        .{ .kind = .ERROR, .result = 0, .verdict = .more },
        .{ .kind = .ERROR, .result = -1, .verdict = .{ .failed = .PERM } },
        .{ .kind = .ERROR, .result = -4095, .verdict = .{ .failed = @enumFromInt(4095) } },
        .{ .kind = .ERROR, .result = 1, .verdict = error.Malformed },
        .{ .kind = .ERROR, .result = -4096, .verdict = error.Malformed },
        .{ .kind = .DONE, .result = std.math.minInt(i32), .verdict = error.Malformed },
        .{ .kind = .OVERRUN, .result = 0, .verdict = .{ .failed = .NOBUFS } },
        .{ .kind = .NOOP, .result = 0, .verdict = .more },
        .{ .kind = .RTM_NEWADDR, .result = 0, .verdict = .more },
    };
    for (cases) |case| {
        var dump: LinkDump = .{ .out = &.{}, .sequence = 1 };
        try testing.expectEqual(case.verdict, dump.feed(buildResult(&buffer, case.kind, 0, 1, case.result)));
    }
    var dump: LinkDump = .{ .out = &.{}, .sequence = 1 };
    try testing.expectEqual(.done, try dump.feed(buildResult(&buffer, .DONE, linux.NLM_F_DUMP_INTR, 1, 0)));
    try testing.expect(dump.interrupted);
}

test "LinkDump: random bytes never reach past the end" {
    var prng: std.Random.DefaultPrng = .init(0x6861777365720004);
    const random = prng.random();
    var whole: [512]u8 = undefined;
    for (0..20_000) |_| {
        const link = sample(random);
        const message = try buildLink(&whole, &link, 0, 1);
        for (0..random.uintLessThan(usize, 8)) |_| message[random.uintLessThan(usize, message.len)] = random.int(u8);
        var out: [4]Link = undefined;
        var dump: LinkDump = .{ .out = &out, .sequence = 1 };
        // The slice ends where the bytes end, so a read past them is a panic here.
        _ = dump.feed(message[0..random.uintAtMost(usize, message.len)]) catch continue;
    }
}

test "Builder: says when the room is used up" {
    var buffer: [request_bytes - 1]u8 = undefined;
    for (0..header_bytes) |size| {
        var builder: Builder = .{ .bytes = buffer[0..size] };
        try testing.expectError(error.NoSpace, builder.begin(.NOOP, 0, 0));
    }
    var builder: Builder = .{ .bytes = &buffer };
    try builder.begin(.NOOP, 0, 0);
    try testing.expectError(error.NoSpace, builder.attribute(.MTU, &@as([12]u8, @splat(0))));
}

test "links: loopback has index 1" {
    var failure: sys.Failure = .{};
    var out: [64]Link = undefined;
    const count = try links(&failure, &out);
    try testing.expect(count >= 1);
    for (out[0..@min(count, out.len)]) |link| {
        if (std.mem.eql(u8, std.mem.sliceTo(&link.name, 0), "lo")) {
            try testing.expectEqual(1, link.index);
            try testing.expectEqual(772, link.type); // ARPHRD_LOOPBACK
            break;
        }
    } else return error.NoLoopback;
    try testing.expectEqual(count, try links(&failure, &.{}));
}
