//! The C ABI, and the only list of it. hawser.zig exports each function below as `hawser_NAME` and makes its N-API
//! wrapper; bindings.zig writes ffi/symbols.ts from the same declarations, names and doc comments.
//!
//! - Arguments are u32, i32, f64, `Handle`, `Fd` and bytes: a nullable pointer followed by its length.
//! - Sizes and offsets are f64: 53 bits, and no BigInt on the way. Texts end with a NUL byte, counted in their length.
//! - Results are a count, a handle or a descriptor >= 0, or `Failure.result`: negative, errno in the low twelve bits and
//!   the call that failed above them. Functions with an f64 result use the same negative numbers.
//! - No function keeps a pointer past the call that brought it.

const std = @import("std");
const ancillary = @import("ancillary.zig");
const bell_ = @import("bell.zig");
const boundary = @import("boundary.zig");
const call = @import("call.zig");
const eventfd = @import("eventfd.zig");
const fd_ = @import("fd.zig");
const fork = @import("fork.zig");
const handle_ = @import("handle.zig");
const memory = @import("memory.zig");
const mutex = @import("mutex.zig");
const netlink = @import("netlink.zig");
const object_ = @import("object.zig");
const pidfd = @import("pidfd.zig");
const pipe = @import("pipe.zig");
const poll = @import("poll.zig");
const socket = @import("socket.zig");
const sys = @import("sys.zig");
const wait = @import("wait.zig");

const Fd = sys.Fd;
const Handle = handle_.Handle;

/// The hash of everything TypeScript was told about this library.
pub fn abi() callconv(.c) u32 {
    return boundary.abi_hash;
}

/// Registers the calling thread; once per JS thread, before anything else.
pub fn attach() callconv(.c) i32 {
    fork.prepare();
    handle_.attach();
    return 0;
}

/// How many handles are open, over all threads. For leak tests.
pub fn handle_count() callconv(.c) u32 {
    return handle_.count();
}

/// open(2): a descriptor. `options` is OpenOptions.
pub fn fd_open(path: ?[*]const u8, path_bytes: u32, options: u32, mode: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const opened = fd_.open(&failure, text(path, path_bytes) orelse return invalid, @bitCast(options), mode);
    return opened catch failure.result();
}

/// close(2). Waits for the descriptor end with ECANCELED.
pub fn fd_close(fd: Fd) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    poll.withdraw(.{ .fd = @intFromEnum(fd) });
    sys.close(&failure, @intFromEnum(fd)) catch return failure.result();
    return 0;
}

/// fcntl(2) F_DUPFD_CLOEXEC: a descriptor at least as high as `least`.
pub fn fd_dup(fd: Fd, least: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    return fd_.dup(&failure, @intFromEnum(fd), least) catch failure.result();
}

/// Takes over a descriptor that is open already, and sets close-on-exec on it.
pub fn fd_adopt(fd: Fd) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    fd_.adopt(&failure, @intFromEnum(fd)) catch return failure.result();
    return 0;
}

/// statx(2): fills a Stat.
pub fn fd_stat(fd: Fd, stat: ?[*]u8, stat_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const out = record(memory.Stat, stat, stat_bytes) orelse return invalid;
    out.* = .of(sys.statx(&failure, @intFromEnum(fd)) catch return failure.result());
    return 0;
}

/// read(2), at most `timeout_ms` (negative: for ever): how many bytes, zero at the end of the file. With 0 it does not wait:
/// EAGAIN where it would. Signals are waited through unless `interruptible`.
pub fn fd_read(fd: Fd, bytes: ?[*]u8, bytes_size: u32, timeout_ms: f64, interruptible: u32) callconv(.c) i32 {
    const room = bytesOf(bytes, bytes_size);
    if (timeout_ms == 0) return transferred(sys.readNow, fd, room, null);
    var failure: sys.Failure = .{};
    const deadline = sys.deadline(timeout_ms) orelse return invalid;
    const limited = room[0..@min(room.len, transfer_max)];
    return @intCast(fd_.read(&failure, @intFromEnum(fd), limited, deadline, interruptible != 0) catch return failure.result());
}

/// pread(2), without waiting but for a disk: how many bytes. EAGAIN where it would.
pub fn fd_pread(fd: Fd, bytes: ?[*]u8, bytes_size: u32, position: f64) callconv(.c) i32 {
    return transferred(sys.readNow, fd, bytesOf(bytes, bytes_size), whole(position) orelse return invalid);
}

/// write(2), without waiting: how many bytes. EAGAIN where it would wait, EPIPE and no signal where nobody reads.
pub fn fd_write(fd: Fd, bytes: ?[*]const u8, bytes_size: u32) callconv(.c) i32 {
    return transferred(sys.writeNow, fd, bytesOf(@constCast(bytes), bytes_size), null);
}

/// pwrite(2), likewise.
pub fn fd_pwrite(fd: Fd, bytes: ?[*]const u8, bytes_size: u32, position: f64) callconv(.c) i32 {
    return transferred(sys.writeNow, fd, bytesOf(@constCast(bytes), bytes_size), whole(position) orelse return invalid);
}

/// read(2), likewise, and EAGAIN of readahead(2) where a disk would have to be waited for.
pub fn fd_read_cached(fd: Fd, bytes: ?[*]u8, bytes_size: u32) callconv(.c) i32 {
    return transferred(sys.readCached, fd, bytesOf(bytes, bytes_size), null);
}

/// pread(2), likewise.
pub fn fd_pread_cached(fd: Fd, bytes: ?[*]u8, bytes_size: u32, position: f64) callconv(.c) i32 {
    return transferred(sys.readCached, fd, bytesOf(bytes, bytes_size), whole(position) orelse return invalid);
}

/// fcntl(2) F_GETFL and F_GETFD: FdFlags.
pub fn fd_flags(fd: Fd) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const flags: u32 = @bitCast(fd_.flagsOf(&failure, @intFromEnum(fd)) catch return failure.result());
    return @intCast(flags);
}

/// fcntl(2) F_SETFL and F_SETFD: sets those FdFlags of `which` that can be set to what they are in `wanted`.
pub fn fd_set_flags(fd: Fd, which: u32, wanted: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    fd_.setFlags(&failure, @intFromEnum(fd), @bitCast(which), @bitCast(wanted)) catch return failure.result();
    return 0;
}

/// lseek(2): the new place. `whence` is lseek's own number.
pub fn fd_seek(fd: Fd, offset: f64, whence: u32) callconv(.c) f64 {
    var failure: sys.Failure = .{};
    const distance: i64 = @intCast(whole(@abs(offset)) orelse return invalid);
    const place = sys.lseek(&failure, @intFromEnum(fd), if (offset < 0) -distance else distance, whence) catch
        return @floatFromInt(failure.result());
    return @floatFromInt(place);
}

/// ftruncate(2).
pub fn fd_truncate(fd: Fd, size: f64) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    sys.ftruncate(&failure, @intFromEnum(fd), whole(size) orelse return invalid) catch return failure.result();
    return 0;
}

/// fsync(2), or fdatasync(2) for `data_only`.
pub fn fd_sync(fd: Fd, data_only: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const sync = if (data_only != 0) &sys.fdatasync else &sys.fsync;
    sync(&failure, @intFromEnum(fd)) catch return failure.result();
    return 0;
}

/// splice(2), without waiting: how many bytes were moved, zero at the end. EAGAIN where it would wait.
pub fn fd_splice(from: Fd, to: Fd, count: u32) callconv(.c) i32 {
    return spliced(.splice, from, to, count);
}

/// tee(2), likewise: how many bytes were copied.
pub fn fd_tee(from: Fd, to: Fd, count: u32) callconv(.c) i32 {
    return spliced(.tee, from, to, count);
}

fn spliced(comptime kind: anytype, from: Fd, to: Fd, count: u32) i32 {
    var failure: sys.Failure = .{};
    const limited = @min(count, transfer_max);
    const moved = sys.splice(&failure, kind, @intFromEnum(from), @intFromEnum(to), limited) catch return failure.result();
    return @intCast(moved);
}

/// mkfifoat(3). A negative `dir` is the working directory.
pub fn fifo_make(dir: i32, path: ?[*]const u8, path_bytes: u32, mode: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const path_text = text(path, path_bytes) orelse return invalid;
    sys.mkfifoat(&failure, fd_.directory(dir), path_text, mode) catch return failure.result();
    return 0;
}

/// unlinkat(2).
pub fn fifo_unlink(dir: i32, path: ?[*]const u8, path_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const path_text = text(path, path_bytes) orelse return invalid;
    sys.unlinkat(&failure, fd_.directory(dir), path_text) catch return failure.result();
    return 0;
}

/// openat(2) that may have to wait for the other end of a FIFO, at most `timeout_ms` (negative: for ever): a descriptor that
/// is O_NONBLOCK. `options` is OpenOptions; with its `nonblock` it does not wait. Signals are waited through unless
/// `interruptible`.
pub fn fifo_open(
    dir: i32,
    path: ?[*]const u8,
    path_bytes: u32,
    options: u32,
    timeout_ms: f64,
    interruptible: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const path_text = text(path, path_bytes) orelse return invalid;
    const deadline = sys.deadline(timeout_ms) orelse return invalid;
    const open_options: fd_.OpenOptions = @bitCast(options);
    if (open_options.nonblock) {
        const opened = sys.openat(&failure, fd_.directory(dir), path_text, open_options.flags(), 0);
        return opened catch failure.result();
    }
    const own = ownDirectory(&failure, dir) catch return failure.result();
    const kind: call.Kind = .{ .open = .{ .dir = own, .path = std.mem.span(path_text), .options = open_options } };
    return call.now(&failure, kind, deadline, interruptible != 0) catch failure.result();
}

/// The same on a thread of its own: the call's id. The descriptor comes to the bell under `token`.
pub fn call_open(
    bell: Handle,
    token: u32,
    dir: i32,
    path: ?[*]const u8,
    path_bytes: u32,
    options: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const path_text = text(path, path_bytes) orelse return invalid;
    const own = ownDirectory(&failure, dir) catch return failure.result();
    const kind: call.Kind = .{ .open = .{ .dir = own, .path = std.mem.span(path_text), .options = @bitCast(options) } };
    const id = call.start(&failure, found, token, kind) catch return failure.result();
    return @intCast(id);
}

fn ownDirectory(failure: *sys.Failure, dir: i32) sys.Error!i32 {
    return if (dir < 0) -1 else fd_.dup(failure, dir, 0);
}

/// Starts fsync(2), or fdatasync(2) for `data_only`, which goes on where the descriptor is closed: the call's id. The result
/// comes to the bell under `token`.
pub fn call_sync(bell: Handle, token: u32, fd: Fd, data_only: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const own = fd_.dup(&failure, @intFromEnum(fd), 0) catch return failure.result();
    const kind: call.Kind = if (data_only != 0) .{ .fdatasync = .{ .fd = own } } else .{ .fsync = .{ .fd = own } };
    const id = call.start(&failure, found, token, kind) catch return failure.result();
    return @intCast(id);
}

/// Starts sendfile(2), or copy_file_range(2), of a file: the call's id. How many bytes were copied comes to the bell under
/// `token`, zero at the end. `options` is CopyOptions, which says whether the positions count.
pub fn call_copy(
    bell: Handle,
    token: u32,
    from: Fd,
    from_position: f64,
    to: Fd,
    to_position: f64,
    count: u32,
    options: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const from_at = whole(from_position) orelse return invalid;
    const to_at = whole(to_position) orelse return invalid;
    const how: call.CopyOptions = @bitCast(options);
    const from_own = fd_.dup(&failure, @intFromEnum(from), 0) catch return failure.result();
    const to_own = fd_.dup(&failure, @intFromEnum(to), 0) catch {
        sys.closeQuietly(from_own);
        return failure.result();
    };
    const id = call.start(&failure, found, token, .{ .copy = .{
        .from = from_own,
        .from_at = if (how.from_position) from_at else null,
        .to = to_own,
        .to_at = if (how.to_position) to_at else null,
        .range = how.range,
        .bytes = @min(count, transfer_max),
    } }) catch return failure.result();
    return @intCast(id);
}

/// Starts to read a part of a file into the page cache, at `position` or, for `here`, where the descriptor stands: the call's
/// id. The result, 0, comes to the bell under `token`.
pub fn call_prefetch(bell: Handle, token: u32, fd: Fd, position: f64, here: u32, count: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const asked = whole(position) orelse return invalid;
    const at = if (here == 0) asked else sys.lseek(&failure, @intFromEnum(fd), 0, 1) catch return failure.result();
    const own = fd_.dup(&failure, @intFromEnum(fd), 0) catch return failure.result();
    const id = call.start(&failure, found, token, .{ .prefetch = .{ .fd = own, .at = at, .bytes = count } }) catch
        return failure.result();
    return @intCast(id);
}

fn transferred(comptime transfer: anytype, fd: Fd, bytes: []u8, position: ?u64) i32 {
    var failure: sys.Failure = .{};
    const limited = bytes[0..@min(bytes.len, transfer_max)];
    const count = transfer(&failure, @intFromEnum(fd), limited, position) catch return failure.result();
    return @intCast(count);
}

/// pipe2(2), neither end blocking: fills PipeEnds. `options` is PipeOptions, `capacity` F_SETPIPE_SZ's bytes, zero for the
/// kernel's default.
pub fn fd_pipe(capacity: u32, options: u32, ends: ?[*]u8, ends_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const out = record(pipe.Ends, ends, ends_bytes) orelse return invalid;
    out.* = pipe.open(&failure, capacity, @bitCast(options)) catch return failure.result();
    return 0;
}

/// fcntl(2) F_SETPIPE_SZ, or F_GETPIPE_SZ where `capacity` is zero: how many bytes a pipe holds.
pub fn fd_pipe_capacity(fd: Fd, capacity: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    return pipe.setCapacity(&failure, @intFromEnum(fd), capacity) catch failure.result();
}

/// poll(2) on records of struct pollfd, at most `timeout_ms` (negative: for ever): how many have something to tell. Signals
/// are waited through unless `interruptible`.
pub fn poll_fds(fds: ?[*]u8, fds_bytes: u32, timeout_ms: f64, interruptible: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const room = bytesOf(fds, fds_bytes);
    const out: [*]align(1) sys.PollFd = @ptrCast(room.ptr);
    const deadline = sys.deadline(timeout_ms) orelse return invalid;
    const found = sys.poll(&failure, out[0 .. room.len / @sizeOf(sys.PollFd)], deadline, interruptible != 0) catch
        return failure.result();
    return @intCast(found);
}

/// Starts to wait until a descriptor has one of `events` (poll(2)'s bits), or either side ended: the wait's id. To the bell
/// comes, under `token`, what it has, or ECANCELED if the wait was called off or the descriptor was closed by fd_close.
pub fn poll_start(bell: Handle, token: u32, fd: Fd, events: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const id = poll.start(&failure, found, token, @intFromEnum(fd), events) catch return failure.result();
    return @intCast(id);
}

/// Calls a wait of poll_start off: 1 if it was waiting, 0 if its result is on the way, or it is no such wait.
pub fn poll_cancel(bell: Handle, token: u32, id: u32) callconv(.c) i32 {
    const found = bellOf(bell) orelse return bad_handle;
    return @intFromBool(poll.cancel(found, token, id));
}

/// Calls all waits for a descriptor off: it is about to be somebody else's.
pub fn poll_withdraw(fd: Fd) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    poll.withdraw(.{ .fd = @intFromEnum(fd) });
    _ = sys.fcntl(&failure, @intFromEnum(fd), std.os.linux.F.GETFD, 0) catch return failure.result();
    return 0;
}

/// How many waits for descriptors there are, with those whose result was not drained. For tests.
pub fn poll_count() callconv(.c) u32 {
    return poll.count();
}

/// eventfd(2), O_NONBLOCK, with the counter at zero: a descriptor. `options` is EventOptions.
pub fn eventfd_open(options: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    return eventfd.open(&failure, @bitCast(options)) catch failure.result();
}

/// pidfd_open(2): a descriptor.
pub fn pidfd_open(pid: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    return sys.pidfdOpen(&failure, pid) catch failure.result();
}

/// The number of the process that a pidfd stands for; ESRCH when it has ended and was waited for.
pub fn pidfd_pid(fd: Fd) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    return pidfd.pid(&failure, @intFromEnum(fd)) catch failure.result();
}

/// pidfd_send_signal(2).
pub fn pidfd_kill(fd: Fd, signal: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    sys.pidfdSendSignal(&failure, @intFromEnum(fd), signal) catch return failure.result();
    return 0;
}

/// Fills a PidStatus with how a process ended: 1, or 0 where that can't be known. EAGAIN while it runs.
pub fn pidfd_status(fd: Fd, status: ?[*]u8, status_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const out = record(pidfd.Status, status, status_bytes) orelse return invalid;
    out.* = (pidfd.status(&failure, @intFromEnum(fd)) catch return failure.result()) orelse return 0;
    return 1;
}

/// Makes a named object: a handle. `options` is MemoryOptions.
pub fn memory_create(name: ?[*]const u8, name_bytes: u32, size: f64, mode: u32, options: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const name_text = memoryName(name, name_bytes) orelse return invalid;
    const bytes = whole(size) orelse return invalid;
    const mapping = memory.create(&failure, name_text, bytes, mode, @bitCast(options)) catch return failure.result();
    return keep(.{ .mapping = mapping });
}

/// Opens a named object: a handle. Fills a Stat, also where it refuses the object for what that says.
pub fn memory_open(
    name: ?[*]const u8,
    name_bytes: u32,
    owner: u32,
    size: f64,
    options: u32,
    stat: ?[*]u8,
    stat_bytes: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const name_text = memoryName(name, name_bytes) orelse return invalid;
    const bytes = whole(size) orelse return invalid;
    const out = record(memory.Stat, stat, stat_bytes) orelse return invalid;
    var found: memory.Stat = out.*;
    defer out.* = found;
    const mapping = memory.open(&failure, name_text, owner, bytes, @bitCast(options), &found) catch return failure.result();
    return keep(.{ .mapping = mapping });
}

/// Makes memory without a name: a handle.
pub fn memory_anonymous(size: f64, options: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const bytes = whole(size) orelse return invalid;
    const mapping = memory.anonymous(&failure, bytes, @bitCast(options)) catch return failure.result();
    return keep(.{ .mapping = mapping });
}

/// Maps what a descriptor stands for, on a copy of it: a handle.
pub fn memory_from_fd(fd: Fd, size: f64, options: u32, stat: ?[*]u8, stat_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const bytes = whole(size) orelse return invalid;
    const out = record(memory.Stat, stat, stat_bytes) orelse return invalid;
    var found: memory.Stat = out.*;
    defer out.* = found;
    const mapping = memory.fromFd(&failure, @intFromEnum(fd), bytes, @bitCast(options), &found) catch return failure.result();
    return keep(.{ .mapping = mapping });
}

/// Maps a file of the file system: a handle.
pub fn memory_open_file(
    path: ?[*]const u8,
    path_bytes: u32,
    size: f64,
    mode: u32,
    options: u32,
    stat: ?[*]u8,
    stat_bytes: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const path_text = text(path, path_bytes) orelse return invalid;
    const bytes = whole(size) orelse return invalid;
    const out = record(memory.Stat, stat, stat_bytes) orelse return invalid;
    var found: memory.Stat = out.*;
    defer out.* = found;
    const mapping = memory.openFile(&failure, path_text, bytes, mode, @bitCast(options), &found) catch return failure.result();
    return keep(.{ .mapping = mapping });
}

/// The address of a mapping, for the view the loader makes of it.
pub fn memory_address(handle: Handle) callconv(.c) f64 {
    const mapping = mappingOf(handle) orelse return bad_handle;
    return @floatFromInt(mapping.address);
}

/// The size of a mapping in bytes.
pub fn memory_size(handle: Handle) callconv(.c) f64 {
    const mapping = mappingOf(handle) orelse return bad_handle;
    return @floatFromInt(mapping.bytes);
}

/// 1 where the mapping is read-only.
pub fn memory_readonly(handle: Handle) callconv(.c) i32 {
    const mapping = mappingOf(handle) orelse return bad_handle;
    return @intFromBool(mapping.readonly);
}

/// The mapping's own descriptor, which stays the mapping's.
pub fn memory_fd(handle: Handle) callconv(.c) i32 {
    const mapping = mappingOf(handle) orelse return bad_handle;
    return mapping.fd;
}

/// Grows a mapping, which may move. Waits for words in it end.
pub fn memory_resize(handle: Handle, size: f64) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const bytes = whole(size) orelse return invalid;
    memory.resize(&failure, mapping, bytes) catch return failure.result();
    return 0;
}

/// mlock2(2) of a whole mapping.
pub fn memory_lock(handle: Handle) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    sys.mlock(&failure, mapping.address, mapping.bytes, mapping.readonly) catch return failure.result();
    return 0;
}

/// munlock(2) of a whole mapping.
pub fn memory_unlock(handle: Handle) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    sys.munlock(&failure, mapping.address, mapping.bytes) catch return failure.result();
    return 0;
}

/// msync(2), MS_SYNC, of a whole mapping.
pub fn memory_flush(handle: Handle) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    sys.msync(&failure, mapping.address, mapping.bytes) catch return failure.result();
    return 0;
}

/// Ends a mapping, and the waits for words in it. With `keep_range` its addresses stay touchable and hold zeros.
pub fn memory_close(handle: Handle, keep_range: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = (mappingOf(handle) orelse return bad_handle).*;
    if (mapping.locks() > 0) return refusal(.BUSY);
    handle_.remove(handle);
    memory.close(&failure, mapping, keep_range != 0) catch return failure.result();
    return 0;
}

/// Removes the name of an object.
pub fn memory_unlink(name: ?[*]const u8, name_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    memory.unlink(&failure, memoryName(name, name_bytes) orelse return invalid) catch return failure.result();
    return 0;
}

/// Removes the name of an object if it still stands for what the handle maps.
pub fn memory_unlink_own(handle: Handle, name: ?[*]const u8, name_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const name_text = memoryName(name, name_bytes) orelse return invalid;
    memory.unlinkOwn(&failure, mapping, name_text) catch return failure.result();
    return 0;
}

/// Fills MemoryEntry records: how many named objects there are, of which as many were filled as there is room for.
pub fn memory_list(entries: ?[*]u8, entries_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const room = bytesOf(entries, entries_bytes);
    const out: [*]align(1) memory.Entry = @ptrCast(room.ptr);
    const found = memory.list(&failure, out[0 .. room.len / @sizeOf(memory.Entry)]) catch return failure.result();
    return @intCast(found);
}

/// futex(2): waits while the word at `offset` holds `expected`, at most `timeout_ms` (negative: for ever). ETIMEDOUT is the
/// caller's to judge; signals are waited through unless `interruptible`.
pub fn futex_wait(handle: Handle, offset: f64, expected: u32, timeout_ms: f64, interruptible: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const word = wordAt(mapping, offset) orelse return invalid;
    const deadline = sys.deadline(timeout_ms) orelse return invalid;
    if (mapping.readonly) return read_only;
    sys.futexWait(&failure, word, expected, deadline, interruptible != 0) catch return failure.result();
    return 0;
}

/// futex(2): wakes at most `count` of those who wait for the word at `offset`: how many were woken.
pub fn futex_wake(handle: Handle, offset: f64, count: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const word = wordAt(mapping, offset) orelse return invalid;
    if (mapping.readonly) return read_only;
    const woken = sys.futexWake(&failure, word, @min(count, std.math.maxInt(i32))) catch return failure.result();
    return @intCast(woken);
}

/// Starts to wait until the word at `offset` no longer holds `expected`, or somebody wakes it, at most `timeout_ms`
/// (negative: for ever): the wait's id. To the bell comes, under `token`, 0 if the word was woken or differs, ETIMEDOUT,
/// or ECANCELED if the wait was called off or the mapping is closed or resized. A wake that leaves the word as it was may
/// be missed.
pub fn wait_futex(
    bell: Handle,
    token: u32,
    memory_handle: Handle,
    offset: f64,
    expected: u32,
    timeout_ms: f64,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const mapping = mappingOf(memory_handle) orelse return bad_handle;
    const word = wordAt(mapping, offset) orelse return invalid;
    const deadline = sys.deadline(timeout_ms) orelse return invalid;
    if (mapping.readonly) return read_only;
    const id = wait.start(&failure, found, token, .{
        .word = word,
        .expected = expected,
        .deadline_ns = deadline,
    }) catch return failure.result();
    return @intCast(id);
}

/// Calls a wait off, whose result comes all the same: 0 if there is no such wait, 1 if it was waiting, 2 if its result is
/// on the way. A wake that it got is passed on to the next who waits for the word.
pub fn wait_cancel(bell: Handle, token: u32, id: u32) callconv(.c) i32 {
    const found = bellOf(bell) orelse return bad_handle;
    return @intFromEnum(wait.cancel(found, token, id));
}

/// How many waits there are, with those whose result was not drained. For tests.
pub fn wait_count() callconv(.c) u32 {
    return wait.count();
}

/// Waits as where the kernel refuses futex_waitv(2), or no longer so. EBUSY while a thread for waits runs. For tests.
pub fn wait_one_by_one(one_by_one: u32) callconv(.c) i32 {
    return if (wait.refuseVectors(one_by_one != 0)) 0 else refusal(.BUSY);
}

/// How many locks in a mapping this thread holds.
pub fn memory_locks(handle: Handle) callconv(.c) i32 {
    const mapping = mappingOf(handle) orelse return bad_handle;
    return @intCast(mapping.locks());
}

/// Opens a named object of a kind, or makes it with `size` bytes behind its header: a handle of memory. Fills an
/// ObjectInfo, also where it refuses the object for what that says. `mode` object_existing makes none.
pub fn object_open(
    kind: u32,
    name: ?[*]const u8,
    name_bytes: u32,
    size: f64,
    mode: u32,
    owner: u32,
    info: ?[*]u8,
    info_bytes: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const kind_known = objectKind(kind) orelse return invalid;
    const name_text = memoryName(name, name_bytes) orelse return invalid;
    const bytes = whole(size) orelse return invalid;
    const out = record(object_.Info, info, info_bytes) orelse return invalid;
    const name_slice = std.mem.span(name_text);
    const mapping = object_.open(&failure, kind_known, name_slice, bytes, mode, owner, out) catch
        return failure.result();
    return keep(.{ .mapping = mapping });
}

/// Removes the name of an object.
pub fn object_unlink(kind: u32, name: ?[*]const u8, name_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const kind_known = objectKind(kind) orelse return invalid;
    const name_text = memoryName(name, name_bytes) orelse return invalid;
    object_.unlink(&failure, kind_known, std.mem.span(name_text)) catch return failure.result();
    return 0;
}

/// Removes the name of an object if it still stands for what the handle maps.
pub fn object_unlink_own(handle: Handle, kind: u32, name: ?[*]const u8, name_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const kind_known = objectKind(kind) orelse return invalid;
    const name_text = memoryName(name, name_bytes) orelse return invalid;
    object_.unlinkOwn(&failure, mapping, kind_known, std.mem.span(name_text)) catch return failure.result();
    return 0;
}

/// Gets ready to use the mutex at `offset` of a mapping, which zeroes become. Fills the pid namespaces of an ObjectInfo.
pub fn mutex_attach(handle: Handle, offset: f64, info: ?[*]u8, info_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const at = whole(offset) orelse return invalid;
    const out = record(object_.Info, info, info_bytes) orelse return invalid;
    mutex.attach(&failure, mapping, at, out) catch return failure.result();
    return 0;
}

/// Takes a mutex that nobody holds: 1 where its last owner died with it, else 0. EBUSY where somebody holds it.
pub fn mutex_try(handle: Handle, offset: f64) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const at = whole(offset) orelse return invalid;
    return @intFromEnum(mutex.tryTake(&failure, mapping, at) catch return failure.result());
}

/// Takes a mutex, and blocks until it can, at most `timeout_ms` (negative: for ever): 1 where its last owner died with it,
/// else 0. Signals are waited through unless `interruptible`.
pub fn mutex_take(handle: Handle, offset: f64, timeout_ms: f64, interruptible: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const at = whole(offset) orelse return invalid;
    const taken = mutex.take(&failure, mapping, at, timeout_ms, interruptible != 0) catch return failure.result();
    return @intFromEnum(taken);
}

/// One turn of an asynchronous wait for a mutex: as mutex_try, or 2 where the caller is to sleep as the MutexSleep says and
/// come again, with how long it has been waiting and whether the sleep was as long as it was to be.
pub fn mutex_step(
    handle: Handle,
    offset: f64,
    waited_ms: u32,
    timed_out: u32,
    sleep: ?[*]u8,
    sleep_bytes: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const at = whole(offset) orelse return invalid;
    const out = record(mutex.Sleep, sleep, sleep_bytes) orelse return invalid;
    const taken = mutex.step(&failure, mapping, at, waited_ms, timed_out != 0, out) catch return failure.result();
    return if (taken) |how| @intFromEnum(how) else 2;
}

/// Gives a mutex back. EBADMSG where somebody wrote to it meanwhile: it is no longer held then, and was not given back.
pub fn mutex_release(handle: Handle, offset: f64) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    mutex.release(&failure, mapping, whole(offset) orelse return invalid) catch return failure.result();
    return 0;
}

/// Fills a MutexOwner: 1 where there is one, 0 where nobody holds the mutex, or a dead thread.
pub fn mutex_owner(handle: Handle, offset: f64, holder: ?[*]u8, holder_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const mapping = mappingOf(handle) orelse return bad_handle;
    const at = whole(offset) orelse return invalid;
    const out = record(mutex.Owner, holder, holder_bytes) orelse return invalid;
    out.* = (mutex.owner(&failure, mapping, at) catch return failure.result()) orelse return 0;
    return 1;
}

/// Fills Link records with the network interfaces: how many there are, of which as many were filled as there is room for.
pub fn netlink_links(links: ?[*]u8, links_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const room = bytesOf(links, links_bytes);
    const out: [*]align(1) netlink.Link = @ptrCast(room.ptr);
    const found = netlink.links(&failure, out[0 .. room.len / @sizeOf(netlink.Link)]) catch return failure.result();
    return @intCast(found);
}

/// Makes a unix socket of a kind (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET): a descriptor.
pub fn socket_open(kind: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    return socket.open(&failure, socketKind(kind) orelse return invalid) catch failure.result();
}

/// socketpair(2): fills a SocketPair.
pub fn socket_pair(kind: u32, sockets: ?[*]u8, sockets_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const kind_known = socketKind(kind) orelse return invalid;
    const out = record(socket.Pair, sockets, sockets_bytes) orelse return invalid;
    out.* = socket.pair(&failure, kind_known) catch return failure.result();
    return 0;
}

/// Makes a unix socket with an address: a descriptor. It listens unless `backlog` is backlog_none. The address is a path, a
/// NUL and an abstract name, or nothing: then the kernel finds a name. A path gets exactly that mode, and the Stat is filled
/// for socket_unlink_own.
pub fn socket_bind(
    kind: u32,
    address: ?[*]const u8,
    address_bytes: u32,
    mode: u32,
    backlog: u32,
    stat: ?[*]u8,
    stat_bytes: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const kind_known = socketKind(kind) orelse return invalid;
    const name = socket.addressOf(bytesOf(@constCast(address), address_bytes)) orelse return invalid;
    const out = record(memory.Stat, stat, stat_bytes) orelse return invalid;
    var found: memory.Stat = out.*;
    defer out.* = found;
    return socket.bind(&failure, kind_known, &name, mode, backlog, &found) catch failure.result();
}

/// Removes a path if it still is the socket of that Stat.
pub fn socket_unlink_own(
    address: ?[*]const u8,
    address_bytes: u32,
    stat: ?[*]u8,
    stat_bytes: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const name = socket.addressOf(bytesOf(@constCast(address), address_bytes)) orelse return invalid;
    const found = (record(memory.Stat, stat, stat_bytes) orelse return invalid).*;
    socket.unlinkOwn(&failure, &name, &found) catch return failure.result();
    return 0;
}

/// Looks at a socket that somebody else made: its kind, and 16 more where it listens. EAFNOSUPPORT where it is no unix socket.
pub fn socket_adopt(fd: Fd) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = socket.adopt(&failure, @intFromEnum(fd)) catch return failure.result();
    return @as(i32, @intCast(@intFromEnum(found.kind))) + @as(i32, if (found.listens) 16 else 0);
}

/// connect(2), at most `timeout_ms` (negative: for ever). With 0 it does not wait: EAGAIN where the backlog is full. Signals
/// are waited through unless `interruptible`.
pub fn socket_connect(
    fd: Fd,
    address: ?[*]const u8,
    address_bytes: u32,
    timeout_ms: f64,
    interruptible: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const name = socket.addressOf(bytesOf(@constCast(address), address_bytes)) orelse return invalid;
    const deadline = sys.deadline(timeout_ms) orelse return invalid;
    const done = if (timeout_ms == 0)
        sys.connectUnix(&failure, @intFromEnum(fd), &name)
    else
        socket.connect(&failure, @intFromEnum(fd), &name, deadline, interruptible != 0);
    done catch return failure.result();
    return 0;
}

/// accept(2), without waiting: a descriptor. EAGAIN where nobody wants to connect.
pub fn socket_accept(fd: Fd) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    return sys.accept(&failure, @intFromEnum(fd)) catch failure.result();
}

/// getsockname(2), or getpeername(2) where `peer` is not 0: how many bytes of the address there are.
pub fn socket_name(fd: Fd, peer: u32, address: ?[*]u8, address_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = sys.nameOf(&failure, @intFromEnum(fd), peer != 0) catch return failure.result();
    const room = bytesOf(address, address_bytes);
    if (room.len < found.bytes) return refusal(.OVERFLOW);
    @memcpy(room[0..found.bytes], found.un.path[0..found.bytes]);
    return found.bytes;
}

/// shutdown(2).
pub fn socket_shutdown(fd: Fd, how: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    sys.shutdown(&failure, @intFromEnum(fd), how) catch return failure.result();
    return 0;
}

/// getsockopt(2), SOL_SOCKET, of an option that is a number, or a descriptor.
pub fn socket_option(fd: Fd, option: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    return @max(0, socket.integer(&failure, @intFromEnum(fd), option) catch return failure.result());
}

/// setsockopt(2), SOL_SOCKET, of an option that is a number.
pub fn socket_set_option(fd: Fd, option: u32, value: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const level = std.os.linux.SOL.SOCKET;
    sys.setsockopt(&failure, @intFromEnum(fd), level, option, std.mem.asBytes(&value)) catch return failure.result();
    return 0;
}

/// SO_PEERCRED: fills Credentials.
pub fn socket_peer(fd: Fd, credentials: ?[*]u8, credentials_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const out = record(ancillary.Credentials, credentials, credentials_bytes) orelse return invalid;
    out.* = socket.peer(&failure, @intFromEnum(fd)) catch return failure.result();
    return 0;
}

/// sendmsg(2), without waiting, with what the Envelope says: how many bytes went. EAGAIN where there is no room.
pub fn socket_send(
    fd: Fd,
    bytes: ?[*]const u8,
    bytes_size: u32,
    envelope: ?[*]u8,
    envelope_bytes: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const with = record(socket.Envelope, envelope, envelope_bytes) orelse return invalid;
    const room = bytesOf(@constCast(bytes), bytes_size);
    const count = socket.send(&failure, @intFromEnum(fd), room[0..@min(room.len, transfer_max)], with) catch
        return failure.result();
    return @intCast(count);
}

/// recvmsg(2), at most `timeout_ms` (negative: for ever): how many bytes came. Fills the Envelope; its descriptors are the
/// caller's, at most `fds_max`. With 0 it does not wait: EAGAIN where there is nothing. Signals are waited through unless
/// `interruptible`.
pub fn socket_receive(
    fd: Fd,
    bytes: ?[*]u8,
    bytes_size: u32,
    fds_max: u32,
    envelope: ?[*]u8,
    envelope_bytes: u32,
    timeout_ms: f64,
    interruptible: u32,
) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const with = record(socket.Envelope, envelope, envelope_bytes) orelse return invalid;
    const room = bytesOf(bytes, bytes_size);
    const limited = room[0..@min(room.len, transfer_max)];
    const number = @intFromEnum(fd);
    const received = if (timeout_ms == 0) socket.receive(&failure, number, limited, fds_max, with) else received: {
        const deadline = sys.deadline(timeout_ms) orelse return invalid;
        break :received socket.receiveUntil(&failure, number, limited, fds_max, with, deadline, interruptible != 0);
    };
    return @intCast(received catch return failure.result());
}

/// Starts connect(2) that waits for room in the backlog: the call's id. The result comes to the bell under `token`.
pub fn call_connect(bell: Handle, token: u32, fd: Fd, address: ?[*]const u8, address_bytes: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const name = socket.addressOf(bytesOf(@constCast(address), address_bytes)) orelse return invalid;
    const own = fd_.dup(&failure, @intFromEnum(fd), 0) catch return failure.result();
    const id = call.start(&failure, found, token, .{ .connect = .{ .fd = own, .address = name } }) catch return failure.result();
    return @intCast(id);
}

/// Makes the doorbell of the calling thread: a handle.
pub fn bell_open() callconv(.c) i32 {
    var failure: sys.Failure = .{};
    handle_.sweep();
    const bell = bell_.open(&failure) catch return failure.result();
    return keep(.{ .bell = bell });
}

/// The doorbell's read end, which is the caller's from then on: once.
pub fn bell_fd(bell: Handle) callconv(.c) i32 {
    const found = bellOf(bell) orelse return bad_handle;
    return bell_.takeReadEnd(found) orelse bad_handle;
}

/// Fills Done records with what was completed: how many. Fewer than there is room for means all.
pub fn bell_drain(bell: Handle, records: ?[*]u8, records_bytes: u32) callconv(.c) i32 {
    const found = bellOf(bell) orelse return bad_handle;
    const room = bytesOf(records, records_bytes);
    const out: [*]align(1) bell_.Record = @ptrCast(room.ptr);
    return @intCast(bell_.drain(found, out[0 .. room.len / @sizeOf(bell_.Record)]));
}

/// Ends a doorbell. What was not drained is dropped; the read end is its new owner's to close.
pub fn bell_close(bell: Handle) callconv(.c) i32 {
    const found = bellOf(bell) orelse return bad_handle;
    handle_.remove(bell);
    wait.withdraw(.{ .bell = found });
    poll.withdraw(.{ .bell = found });
    call.withdraw(found);
    bell_.close(found);
    return 0;
}

/// How many calls run on threads of the library or wait to be drained. For tests.
pub fn call_count() callconv(.c) u32 {
    return call.count();
}

/// Starts fdatasync(2) of the file a mapping maps, which does what msync(2) of all of it does, and goes on where the
/// mapping is closed: the call's id. The result comes to the bell under `token`.
pub fn call_flush(bell: Handle, token: u32, memory_handle: Handle) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const mapping = mappingOf(memory_handle) orelse return bad_handle;
    const own = fd_.dup(&failure, mapping.fd, 0) catch return failure.result();
    const id = call.start(&failure, found, token, .{ .fdatasync = .{ .fd = own } }) catch return failure.result();
    return @intCast(id);
}

/// Starts flock(2), which may wait for ever: the call's id. The result comes to the bell under `token`.
pub fn call_flock(bell: Handle, token: u32, fd: Fd, operation: u32) callconv(.c) i32 {
    var failure: sys.Failure = .{};
    const found = bellOf(bell) orelse return bad_handle;
    const own = fd_.dup(&failure, @intFromEnum(fd), 0) catch return failure.result();
    const kind: call.Kind = .{ .flock = .{ .fd = own, .operation = operation } };
    const id = call.start(&failure, found, token, kind) catch return failure.result();
    return @intCast(id);
}

/// Calls a call off, and returns when it was made: 1 if it could be. Its result comes all the same: ECANCELED, unless it
/// was done already.
pub fn call_cancel(bell: Handle, token: u32, id: u32) callconv(.c) i32 {
    const found = bellOf(bell) orelse return bad_handle;
    return @intFromBool(call.cancel(found, token, id));
}

/// What one call reads or writes at most, as in the kernel.
const transfer_max = 0x7fff_f000;
const invalid = refusal(.INVAL);
const bad_handle = refusal(.BADF);
/// futex(2) would make the page a private copy, where nothing of what others write is seen any more.
const read_only = refusal(.ACCES);

fn refusal(comptime errno: sys.E) comptime_int {
    return -@as(comptime_int, @intFromEnum(errno));
}

fn keep(object: handle_.Object) i32 {
    var failure: sys.Failure = .{};
    const handle = handle_.add(&failure, object) catch {
        var ignored: sys.Failure = .{};
        switch (object) {
            .none => {},
            .mapping => |mapping| memory.close(&ignored, mapping, false) catch {},
            .bell => |bell| bell_.close(bell),
        }
        return failure.result();
    };
    return @intCast(@intFromEnum(handle));
}

fn mappingOf(handle: Handle) ?*memory.Mapping {
    const object = handle_.find(handle) orelse return null;
    return switch (object.*) {
        .mapping => |*mapping| mapping,
        else => null,
    };
}

fn bellOf(handle: Handle) ?*bell_.Bell {
    const object = handle_.find(handle) orelse return null;
    return switch (object.*) {
        .bell => |bell| bell,
        else => null,
    };
}

fn wordAt(mapping: *const memory.Mapping, offset: f64) ?*const u32 {
    const at = whole(offset) orelse return null;
    if (at % 4 != 0 or at > mapping.bytes or mapping.bytes - at < 4) return null;
    return @ptrFromInt(mapping.address + at);
}

fn objectKind(number: u32) ?object_.Kind {
    return std.enums.fromInt(object_.Kind, number);
}

fn socketKind(number: u32) ?socket.Kind {
    return std.enums.fromInt(socket.Kind, number);
}

fn bytesOf(pointer: ?[*]u8, bytes: u32) []u8 {
    return if (pointer) |start| start[0..bytes] else &.{};
}

/// A text whose last byte, and no other, is NUL.
fn text(pointer: ?[*]const u8, bytes: u32) ?[*:0]const u8 {
    const start = pointer orelse return null;
    if (bytes == 0 or std.mem.findScalar(u8, start[0..bytes], 0) != bytes - 1) return null;
    return start[0 .. bytes - 1 :0].ptr;
}

fn memoryName(pointer: ?[*]const u8, bytes: u32) ?[*:0]const u8 {
    const name = text(pointer, bytes) orelse return null;
    return if (memory.validName(name[0 .. bytes - 1])) name else null;
}

/// The record a caller wants filled. TypeScript's buffers need not be aligned.
fn record(comptime T: type, pointer: ?[*]u8, bytes: u32) ?*align(1) T {
    const start = pointer orelse return null;
    return if (bytes == @sizeOf(T)) @ptrCast(start) else null;
}

/// A size or offset: a whole number that a double holds exactly.
fn whole(number: f64) ?u64 {
    if (!(number >= 0 and number <= 1 << 53)) return null;
    // By way of i64: processors convert that at once, and u64 only in several steps.
    const int: i64 = @intFromFloat(number);
    return if (@as(f64, @floatFromInt(int)) == number) @intCast(int) else null;
}

test "whole() takes what a double holds exactly" {
    try std.testing.expectEqual(0, whole(0));
    try std.testing.expectEqual(1 << 53, whole(1 << 53));
    for ([_]f64{ -1, 0.5, std.math.nan(f64), std.math.inf(f64), 1 << 54 }) |number| {
        try std.testing.expectEqual(null, whole(number));
    }
}

test "text() wants exactly one NUL, at the end" {
    try std.testing.expect(text("a\x00", 2) != null);
    try std.testing.expectEqual(null, text("a\x00", 1));
    try std.testing.expectEqual(null, text("a\x00b\x00", 4));
    try std.testing.expectEqual(null, text(null, 0));
}
