//! Memory other processes see too: named (shm_open's files), anonymous (sealed memfd) and mapped files.
//!
//! A named object appears whole or not at all: it is made as a file without a name (O_TMPFILE), given its mode, size and
//! pages, and linked last. Opening never creates, so fs.protected_regular and planted files make no difference, and a
//! creator killed at any step leaves nothing.

const std = @import("std");
const linux = std.os.linux;
const sys = @import("sys.zig");
const constants = @import("constants.zig");
const kill_point = @import("kill_point.zig");
const robust = @import("robust.zig");
const wait = @import("wait.zig");

const page_bytes = std.heap.page_size_min;
const dir_path = constants.memory_directory;

/// A mapping from the first byte of a file, and the descriptor it was made with, which resize() and share() need.
pub const Mapping = struct {
    address: usize,
    bytes: u64,
    fd: i32,
    readonly: bool,
    sparse: bool,
    /// What is known of this thread, where it ever attached to a lock in it.
    thread: ?*robust.Thread = null,

    /// How many locks in it this thread holds.
    pub fn locks(mapping: *const Mapping) u32 {
        return if (mapping.thread) |thread| thread.heldIn(mapping) else 0;
    }
};

/// What a file says of itself, as TypeScript reads it.
pub const Stat = extern struct {
    bytes: u64,
    inode: u64,
    device: u64,
    modified_ns: i64,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,

    pub fn of(stat: linux.Statx) Stat {
        return .{
            .bytes = stat.size,
            .inode = stat.ino,
            .device = deviceNumber(stat.dev_major, stat.dev_minor),
            .modified_ns = stat.mtime.sec *% std.time.ns_per_s +% stat.mtime.nsec,
            .mode = stat.mode,
            .uid = stat.uid,
            .gid = stat.gid,
            .links = stat.nlink,
        };
    }

    pub fn sameFile(stat: Stat, other: Stat) bool {
        return stat.inode == other.inode and stat.device == other.device;
    }

    comptime {
        std.debug.assert(@sizeOf(Stat) == 48);
    }
};

/// makedev(3): the number that stat(2) gives for a device.
fn deviceNumber(major: u64, minor: u64) u64 {
    return (major & 0xffff_f000) << 32 | (major & 0xfff) << 8 | (minor & 0xffff_ff00) << 12 | (minor & 0xff);
}

/// One named object, as list() gives it.
pub const Entry = extern struct {
    stat: Stat,
    name_bytes: u32,
    name: [constants.name_bytes_max]u8,
    padding: [4]u8 = @splat(0),

    comptime {
        std.debug.assert(@sizeOf(Entry) == @sizeOf(Stat) + 4 + 80 + 4);
    }
};

/// How to make or open memory.
pub const Options = packed struct(u32) {
    readonly: bool = false,
    /// Leave the pages to be allocated when they are touched, at the risk of SIGBUS when the file system is full.
    sparse: bool = false,
    /// Make the file where there is none; mapped files only.
    create: bool = false,
    /// Refuse that the memory ever shrinks, and any further seal.
    seal: bool = false,
    _: u28 = 0,
};

/// Makes a named object of `bytes` zero bytes.
pub fn create(failure: *sys.Failure, name: [*:0]const u8, bytes: u64, mode: u32, options: Options) sys.Error!Mapping {
    return createWith(failure, name, bytes, mode, options, "");
}

/// Makes a named object of `bytes` bytes, zero behind those it begins with.
pub fn createWith(
    failure: *sys.Failure,
    name: [*:0]const u8,
    bytes: u64,
    mode: u32,
    options: Options,
    beginning: []const u8,
) sys.Error!Mapping {
    if (bytes == 0) return failure.refuse(.INVAL);
    const dir = try openDirectory(failure);
    defer sys.closeQuietly(dir);
    const fd = try sys.openat(failure, dir, ".", .{ .ACCMODE = .RDWR, .TMPFILE = true, .DIRECTORY = true }, mode);
    errdefer sys.closeQuietly(fd);
    kill_point.here("memory_create.opened");
    try sys.fchmod(failure, fd, mode); // The umask narrowed it.
    try grow(failure, fd, 0, bytes, options.sparse);
    kill_point.here("memory_create.grown");
    const mapping = try map(failure, fd, bytes, options);
    errdefer unmapQuietly(mapping);
    kill_point.here("memory_create.mapped");
    @memcpy(@as([*]u8, @ptrFromInt(mapping.address)), beginning);
    try sys.linkFd(failure, fd, dir, name);
    kill_point.here("memory_create.linked");
    return mapping;
}

/// Opens a named object of `owner`. What the file says of itself is left in `stat`, also when it is refused for it.
pub fn open(
    failure: *sys.Failure,
    name: [*:0]const u8,
    owner: u32,
    bytes: u64,
    options: Options,
    stat: *Stat,
) sys.Error!Mapping {
    const dir = try openDirectory(failure);
    defer sys.closeQuietly(dir);
    const fd = try sys.openat(failure, dir, name, .{
        .ACCMODE = if (options.readonly) .RDONLY else .RDWR,
        .NOFOLLOW = true,
        .NONBLOCK = true, // A FIFO somebody put there must not hold us.
    }, 0);
    errdefer sys.closeQuietly(fd);
    stat.* = .of(try sys.statx(failure, fd));
    if (!linux.S.ISREG(stat.mode)) return failure.refuse(.NODEV);
    if (stat.uid != if (owner == constants.user_any) sys.geteuid() else owner) return failure.refuse(.PERM);
    return mapWhole(failure, fd, stat.bytes, bytes, options);
}

/// Makes memory without a name.
pub fn anonymous(failure: *sys.Failure, bytes: u64, options: Options) sys.Error!Mapping {
    if (bytes == 0) return failure.refuse(.INVAL);
    const fd = try sys.memfdCreate(failure, "hawser.memory", linux.MFD.CLOEXEC | linux.MFD.ALLOW_SEALING);
    errdefer sys.closeQuietly(fd);
    try grow(failure, fd, 0, bytes, options.sparse);
    if (options.seal) {
        _ = try sys.fcntl(failure, fd, constants.F_ADD_SEALS, constants.F_SEAL_SHRINK | constants.F_SEAL_SEAL);
    }
    return map(failure, fd, bytes, options);
}

/// Maps what a descriptor stands for; the descriptor stays the caller's.
pub fn fromFd(failure: *sys.Failure, fd: i32, bytes: u64, options: Options, stat: *Stat) sys.Error!Mapping {
    stat.* = .of(try sys.statx(failure, fd));
    if (!linux.S.ISREG(stat.mode)) return failure.refuse(.NODEV);
    if (options.seal) {
        const seals = try sys.fcntl(failure, fd, constants.F_GET_SEALS, 0);
        if (seals & constants.F_SEAL_SHRINK == 0) return failure.refuse(.PERM);
        // Again: its owner may have shrunk it a moment before the seal, and the size was true before both.
        stat.* = .of(try sys.statx(failure, fd));
    }
    const own = try sys.fcntl(failure, fd, linux.F.DUPFD_CLOEXEC, 3);
    errdefer sys.closeQuietly(own);
    var allowed = options;
    const flags: linux.O = @bitCast(try sys.fcntl(failure, own, linux.F.GETFL, 0));
    if (flags.ACCMODE == .RDONLY) allowed.readonly = true;
    return mapWhole(failure, own, stat.bytes, bytes, allowed);
}

/// Maps a file of the file system, created with `mode` if asked for, grown to `bytes` if it is shorter and writable. A file
/// that was made here and can't be mapped is removed again.
pub fn openFile(
    failure: *sys.Failure,
    path: [*:0]const u8,
    bytes: u64,
    mode: u32,
    options: Options,
    stat: *Stat,
) sys.Error!Mapping {
    var made = false;
    const fd = try openOrMake(failure, path, mode, options, &made);
    errdefer {
        sys.closeQuietly(fd);
        var ignored: sys.Failure = .{};
        if (made) sys.unlinkat(&ignored, linux.AT.FDCWD, path) catch {};
    }
    stat.* = .of(try sys.statx(failure, fd));
    if (!linux.S.ISREG(stat.mode)) return failure.refuse(.NODEV);
    if (stat.bytes < bytes and !options.readonly) {
        try grow(failure, fd, stat.bytes, bytes, options.sparse);
        stat.bytes = bytes;
    }
    return mapWhole(failure, fd, stat.bytes, bytes, options);
}

/// O_CREAT alone does not tell whether there was a file already.
fn openOrMake(failure: *sys.Failure, path: [*:0]const u8, mode: u32, options: Options, made: *bool) sys.Error!i32 {
    const flags: sys.O = .{ .ACCMODE = if (options.readonly) .RDONLY else .RDWR, .NONBLOCK = true };
    if (options.create) {
        var exclusive = flags;
        exclusive.CREAT = true;
        exclusive.EXCL = true;
        if (sys.openat(failure, linux.AT.FDCWD, path, exclusive, mode)) |fd| {
            made.* = true;
            return fd;
        } else |err| if (failure.errno != .EXIST) return err;
    }
    var either = flags;
    either.CREAT = options.create; // The name may be a symbolic link to what does not exist yet.
    return sys.openat(failure, linux.AT.FDCWD, path, either, mode);
}

/// Grows memory, for everybody who opens it from now on; may move this mapping.
pub fn resize(failure: *sys.Failure, mapping: *Mapping, bytes: u64) sys.Error!void {
    if (mapping.readonly) return failure.refuse(.ACCES);
    if (bytes < mapping.bytes) return failure.refuse(.INVAL);
    if (mapping.locks() > 0) return failure.refuse(.BUSY);
    const stat = try sys.statx(failure, mapping.fd);
    if (!mapping.sparse) try fits(failure, mapping.fd, bytes);
    try haveRoom(failure, pages(bytes) - pages(mapping.bytes));
    // Another process may have grown it further already.
    if (stat.size < bytes) try grow(failure, mapping.fd, stat.size, bytes, mapping.sparse);
    withdrawWaits(mapping.*);
    mapping.address = try sys.mremap(failure, mapping.address, pages(mapping.bytes), pages(bytes));
    mapping.bytes = bytes;
}

/// Asks for addresses before the file grows, which nobody can take back when they are refused.
fn haveRoom(failure: *sys.Failure, bytes: u64) sys.Error!void {
    if (bytes == 0) return;
    const address = try sys.mmap(failure, bytes, .{}, .{ .TYPE = .PRIVATE, .ANONYMOUS = true, .NORESERVE = true }, -1);
    try sys.munmap(failure, address, bytes);
}

/// Ends a mapping. `keep_range` leaves the addresses touchable: a buffer over them is still in somebody's hands.
pub fn close(failure: *sys.Failure, mapping: Mapping, keep_range: bool) sys.Error!void {
    withdrawWaits(mapping);
    sys.closeQuietly(mapping.fd);
    if (keep_range) {
        try sys.cover(failure, mapping.address, pages(mapping.bytes));
    } else {
        try sys.munmap(failure, mapping.address, pages(mapping.bytes));
    }
}

/// Helpers let go of the words before these go: a single one that is unmapped would fail the waits for all others.
fn withdrawWaits(mapping: Mapping) void {
    if (mapping.thread) |thread| thread.leave(mapping.address, mapping.bytes);
    wait.withdraw(.{ .range = .{ .address = mapping.address, .bytes = mapping.bytes } });
}

/// Removes a name; whoever has the object open keeps it.
pub fn unlink(failure: *sys.Failure, name: [*:0]const u8) sys.Error!void {
    const dir = try openDirectory(failure);
    defer sys.closeQuietly(dir);
    try sys.unlinkat(failure, dir, name);
}

/// Removes a name if it still stands for this mapping's file, and not for a successor's.
pub fn unlinkOwn(failure: *sys.Failure, mapping: *const Mapping, name: [*:0]const u8) sys.Error!void {
    const dir = try openDirectory(failure);
    defer sys.closeQuietly(dir);
    const named: Stat = .of(try sys.statxAt(failure, dir, name));
    const own: Stat = .of(try sys.statx(failure, mapping.fd));
    if (!named.sameFile(own)) return failure.refuse(.NOENT);
    try sys.unlinkat(failure, dir, name);
}

/// Lists the regular files whose names hawser could have given. Fills what fits and returns how many there are.
pub fn list(failure: *sys.Failure, entries: []align(1) Entry) sys.Error!u32 {
    // Not openDirectory(): what was opened with O_PATH can't be read.
    const dir = try sys.openat(failure, linux.AT.FDCWD, dir_path, .{ .DIRECTORY = true }, 0);
    defer sys.closeQuietly(dir);
    var found: u32 = 0;
    var buffer: [4096]u8 align(@alignOf(linux.dirent64)) = undefined;
    while (true) {
        const filled = try sys.getdents64(failure, dir, &buffer);
        if (filled == 0) return found;
        var at: usize = 0;
        while (at < filled) {
            const record: *align(1) linux.dirent64 = @ptrCast(&buffer[at]);
            const name_at = at + @offsetOf(linux.dirent64, "name");
            at += record.reclen;
            const name = std.mem.sliceTo(buffer[name_at..at], 0);
            if (!validName(name)) continue;
            var ignored: sys.Failure = .{};
            // Gone since, or not ours to look at: not listed.
            const stat = sys.statxAt(&ignored, dir, @ptrCast(name.ptr)) catch continue;
            if (!linux.S.ISREG(stat.mode)) continue;
            if (found < entries.len) {
                const entry = &entries[found];
                entry.* = .{ .stat = .of(stat), .name_bytes = @intCast(name.len), .name = @splat(0) };
                @memcpy(entry.name[0..name.len], name);
            }
            found += 1;
        }
    }
}

/// `[A-Za-z0-9_][A-Za-z0-9._-]{0,79}`: no directory name, no hidden file, no slash.
pub fn validName(name: []const u8) bool {
    if (name.len == 0 or name.len > constants.name_bytes_max) return false;
    for (name, 0..) |byte, i| switch (byte) {
        'A'...'Z', 'a'...'z', '0'...'9', '_' => {},
        '.', '-' => if (i == 0) return false,
        else => return false,
    };
    return true;
}

fn openDirectory(failure: *sys.Failure) sys.Error!i32 {
    return sys.openat(failure, linux.AT.FDCWD, dir_path, .{ .PATH = true, .DIRECTORY = true }, 0);
}

/// Sets the size and reserves the pages, so that a full file system is ENOSPC here and not SIGBUS later.
///
/// Another process may grow the same file at the same time, and have mapped the rest when we fail: nothing here ever
/// makes a file shorter than it is found. So no ftruncate(2), also where the pages are left out.
fn grow(failure: *sys.Failure, fd: i32, bytes_old: u64, bytes: u64, sparse: bool) sys.Error!void {
    if (!sparse) {
        try fits(failure, fd, bytes);
        // The pages first and the size second: the kernel may give up half-way.
        errdefer giveBack(fd, bytes_old);
        try sys.fallocate(failure, fd, bytes_old, bytes - bytes_old, true);
    }
    kill_point.here("memory_grow.reserved");
    try sys.fallocate(failure, fd, bytes - 1, 1, false);
}

/// Refuses memory (tmpfs, memfd) of more bytes than the machine has. The kernel takes any size for a memfd and fills the
/// machine with it until the OOM killer comes.
fn fits(failure: *sys.Failure, fd: i32, bytes: u64) sys.Error!void {
    var ignored: sys.Failure = .{};
    _ = sys.fcntl(&ignored, fd, constants.F_GET_SEALS, 0) catch return; // Its pages are not memory.
    if (bytes > sys.memoryTotal() orelse bytes) return failure.refuse(.NOMEM);
}

/// Disks keep the part that was allocated when the rest did not fit; memory gives it back by itself, so that only a disk's
/// file, grown by another process in this very moment, could lose anything.
fn giveBack(fd: i32, bytes: u64) void {
    var ignored: sys.Failure = .{};
    const stat = sys.statx(&ignored, fd) catch return;
    if (stat.size == bytes and stat.blocks * 512 > pages(bytes)) sys.ftruncate(&ignored, fd, bytes) catch {};
}

fn mapWhole(failure: *sys.Failure, fd: i32, bytes_file: u64, bytes_asked: u64, options: Options) sys.Error!Mapping {
    if (bytes_file == 0) return failure.refuse(.NODATA); // Its creator has not given it a size yet.
    if (bytes_asked > bytes_file) return failure.refuse(.OVERFLOW); // Touching what is missing would be SIGBUS.
    return map(failure, fd, if (bytes_asked == 0) bytes_file else bytes_asked, options);
}

/// A read-only mapping is a private one that can be written: JavaScript has no read-only buffers, and a store into
/// PROT_READ pages would kill the process. What is stored stays in this process's copy of that page.
fn map(failure: *sys.Failure, fd: i32, bytes: u64, options: Options) sys.Error!Mapping {
    const address = try sys.mmap(
        failure,
        pages(bytes),
        .{ .READ = true, .WRITE = true },
        if (options.readonly) .{ .TYPE = .PRIVATE, .NORESERVE = true } else .{ .TYPE = .SHARED },
        fd,
    );
    return .{
        .address = address,
        .bytes = bytes,
        .fd = fd,
        .readonly = options.readonly,
        .sparse = options.sparse,
    };
}

/// Ends a mapping on the way out of a failure.
pub fn closeQuietly(mapping: Mapping) void {
    unmapQuietly(mapping);
    sys.closeQuietly(mapping.fd);
}

fn unmapQuietly(mapping: Mapping) void {
    var ignored: sys.Failure = .{};
    sys.munmap(&ignored, mapping.address, pages(mapping.bytes)) catch {};
}

fn pages(bytes: u64) u64 {
    return std.mem.alignForward(u64, bytes, page_bytes);
}

test "memory of more than there is is refused before it is filled" {
    var failure: sys.Failure = .{};
    try std.testing.expectError(error.Failed, anonymous(&failure, 1 << 50, .{}));
    try std.testing.expectEqual(linux.E.NOMEM, failure.errno);
    try std.testing.expectEqual(sys.Call.none, failure.call);
}

test "memory that can't be mapped larger is not grown" {
    var failure: sys.Failure = .{};
    var mapping = try anonymous(&failure, 1, .{ .sparse = true });
    defer close(&failure, mapping, false) catch {};
    // Files can be larger than the address space. (A limit on that would do too, but qemu lets processes pass it.)
    try std.testing.expectError(error.Failed, resize(&failure, &mapping, 1 << 48));
    try std.testing.expectEqual(linux.E.NOMEM, failure.errno);
    try std.testing.expectEqual(1, (try sys.statx(&failure, mapping.fd)).size);
    try std.testing.expectEqual(1, mapping.bytes);
    // Within its last page there is nothing to ask for.
    try resize(&failure, &mapping, 2);
    try std.testing.expectEqual(2, mapping.bytes);
}
