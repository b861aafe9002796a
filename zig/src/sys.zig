//! Every system call hawser makes, by its man-page name.
//!
//! A call that fails leaves its errno and its name in the caller's `Failure` and returns `error.Failed`, so that `try`
//! and `errdefer` work and the two reach TypeScript together (`Failure.result`). No libc, no errno variable.

const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;

pub const E = linux.E;
pub const O = linux.O;
/// struct pollfd.
pub const PollFd = linux.pollfd;

/// A descriptor as it crosses the boundary; the kernel checks it, so a wrong one is EBADF.
pub const Fd = enum(i32) { _ };

/// The calls that can fail towards a caller. The tags are the man-page names; `none` means no call was made.
pub const Call = enum(u8) {
    none,
    openat,
    close,
    fcntl,
    statx,
    ftruncate,
    fallocate,
    fchmod,
    linkat,
    unlinkat,
    memfd_create,
    mmap,
    munmap,
    mremap,
    msync,
    mlock2,
    munlock,
    getdents64,
    futex,
    socket,
    bind,
    sendto,
    recvmsg,
    setsockopt,
    recvfrom,
    read,
    write,
    mprotect,
    clone,
    socketpair,
    fdatasync,
    flock,
    futex_waitv,
    madvise,
    epoll_create,
    epoll_ctl,
    eventfd,
    poll,
    pread,
    pwrite,
    pipe,
    mknodat,
    lseek,
    fsync,
    splice,
    tee,
    sendfile,
    copy_file_range,
    readahead,
    pidfd_open,
    pidfd_send_signal,
    waitid,
    accept,
    connect,
    fchmodat,
    getpeername,
    getsockname,
    getsockopt,
    listen,
    sendmsg,
    shutdown,
};

pub const Error = error{Failed};

/// Which call failed and how.
pub const Failure = struct {
    errno: E = .SUCCESS,
    call: Call = .none,

    /// A result for the boundary: negative, errno in the low twelve bits, the call above them.
    pub fn result(failure: Failure) i32 {
        std.debug.assert(failure.errno != .SUCCESS);
        return -(@as(i32, @intFromEnum(failure.errno)) | @as(i32, @intFromEnum(failure.call)) << 12);
    }

    /// The failure that a result stands for.
    pub fn of(negative: i32) Failure {
        const bits: u32 = @intCast(-negative);
        return .{ .errno = @enumFromInt(bits & 0xfff), .call = @enumFromInt(bits >> 12) };
    }

    /// Notes a refusal of hawser's own, where no call was made.
    pub fn refuse(failure: *Failure, errno: E) Error {
        failure.* = .{ .errno = errno };
        return error.Failed;
    }

    /// Notes what a call answered.
    fn made(failure: *Failure, call: Call, errno: E) Error {
        failure.* = .{ .errno = errno, .call = call };
        return error.Failed;
    }

    fn done(failure: *Failure, call: Call, rc: usize) Error!usize {
        const errno = linux.errno(rc);
        return if (errno == .SUCCESS) rc else failure.made(call, errno);
    }
};

/// openat(2); close-on-exec always. Repeated after EINTR, which only slow devices and FIFOs give.
pub fn openat(failure: *Failure, dir: i32, path: [*:0]const u8, flags: O, mode: u32) Error!i32 {
    var always = flags;
    always.CLOEXEC = true;
    while (true) {
        const rc = linux.openat(dir, path, always, mode);
        if (linux.errno(rc) == .INTR) continue;
        return @intCast(try failure.done(.openat, rc));
    }
}

/// openat(2) that may wait for ever, as a FIFO's does: a signal is EINTR.
pub fn openatWaiting(failure: *Failure, dir: i32, path: [*:0]const u8, flags: O) Error!i32 {
    var always = flags;
    always.CLOEXEC = true;
    return @intCast(try failure.done(.openat, linux.openat(dir, path, always, 0)));
}

/// close(2). Never repeated: on Linux the descriptor is gone even after EINTR.
pub fn close(failure: *Failure, fd: i32) Error!void {
    const rc = linux.close(fd);
    if (linux.errno(rc) == .INTR) return;
    _ = try failure.done(.close, rc);
}

/// close(2) where nothing can be said about a failure: on the way out of another one.
pub fn closeQuietly(fd: i32) void {
    _ = linux.close(fd);
}

/// fcntl(2).
pub fn fcntl(failure: *Failure, fd: i32, command: i32, argument: usize) Error!i32 {
    return @intCast(try failure.done(.fcntl, linux.fcntl(fd, command, argument)));
}

/// statx(2) of an open descriptor.
pub fn statx(failure: *Failure, fd: i32) Error!linux.Statx {
    var stat: linux.Statx = undefined;
    // One negative number is no wrong descriptor to the kernel but the working directory.
    if (fd < 0) {
        failure.* = .{ .errno = .BADF, .call = .statx };
        return error.Failed;
    }
    const rc = linux.statx(fd, "", linux.AT.EMPTY_PATH, linux.STATX.BASIC_STATS, &stat);
    _ = try failure.done(.statx, rc);
    return stat;
}

/// statx(2) of a name in an open directory, without following a symbolic link.
pub fn statxAt(failure: *Failure, dir: i32, path: [*:0]const u8) Error!linux.Statx {
    var stat: linux.Statx = undefined;
    const rc = linux.statx(dir, path, linux.AT.SYMLINK_NOFOLLOW, linux.STATX.BASIC_STATS, &stat);
    _ = try failure.done(.statx, rc);
    return stat;
}

/// ftruncate(2).
pub fn ftruncate(failure: *Failure, fd: i32, bytes: u64) Error!void {
    _ = try failure.done(.ftruncate, linux.ftruncate(fd, @intCast(bytes)));
}

/// fallocate(2): the pages exist afterwards, so that touching them can't run out of space. The file becomes at least
/// that long, and never shorter, unless `keep_size`.
///
/// More than RLIMIT_FSIZE is EFBIG here already: the kernel sends SIGXFSZ besides, which ends programs like Deno.
pub fn fallocate(failure: *Failure, fd: i32, offset: u64, bytes: u64, keep_size: bool) Error!void {
    var limit: linux.rlimit = undefined;
    const known = linux.errno(linux.getrlimit(.FSIZE, &limit)) == .SUCCESS;
    if (known and offset +| bytes > limit.cur) {
        failure.* = .{ .errno = .FBIG, .call = .fallocate };
        return error.Failed;
    }
    var mask: ?linux.sigset_t = null;
    defer if (mask) |old| restoreSignals(old);
    while (true) {
        const rc = linux.fallocate(fd, @intFromBool(keep_size), @intCast(offset), @intCast(bytes));
        if (linux.errno(rc) == .INTR) {
            // Older kernels take back what an interrupted call allocated: where a profiler sends a signal every few
            // milliseconds, a large object would never be done.
            if (mask == null) mask = blockSignals();
            continue;
        }
        _ = try failure.done(.fallocate, rc);
        return;
    }
}

/// sysinfo(2): how much memory and swap space there is, used or not. None where the call is refused.
pub fn memoryTotal() ?u64 {
    var info: linux.Sysinfo = undefined;
    if (linux.errno(linux.sysinfo(&info)) != .SUCCESS) return null;
    return (@as(u64, info.totalram) +| info.totalswap) *| info.mem_unit;
}

/// fchmod(2).
pub fn fchmod(failure: *Failure, fd: i32, mode: u32) Error!void {
    _ = try failure.done(.fchmod, linux.fchmod(fd, mode));
}

/// linkat(2) of an open file that has no name yet, by way of /proc. Where that is not mounted, by AT_EMPTY_PATH, which
/// wants a capability, or Linux 6.10 and that we opened the file.
pub fn linkFd(failure: *Failure, fd: i32, dir: i32, path: [*:0]const u8) Error!void {
    var buffer: [32]u8 = undefined;
    const from = std.fmt.bufPrintSentinel(&buffer, "/proc/self/fd/{d}", .{fd}, 0) catch unreachable; // 14 + 11 + 1 bytes.
    var rc = linux.linkat(linux.AT.FDCWD, from, dir, path, linux.AT.SYMLINK_FOLLOW);
    if (linux.errno(rc) == .NOENT) rc = linux.linkat(fd, "", dir, path, linux.AT.EMPTY_PATH);
    _ = try failure.done(.linkat, rc);
}

/// unlinkat(2).
pub fn unlinkat(failure: *Failure, dir: i32, path: [*:0]const u8) Error!void {
    _ = try failure.done(.unlinkat, linux.unlinkat(dir, path, 0));
}

/// memfd_create(2), without execution where the kernel knows the flag (6.3).
pub fn memfdCreate(failure: *Failure, name: [*:0]const u8, flags: u32) Error!i32 {
    const noexec_seal = 0x8; // MFD_NOEXEC_SEAL
    const rc = linux.memfd_create(name, flags | noexec_seal);
    if (linux.errno(rc) != .INVAL) return @intCast(try failure.done(.memfd_create, rc));
    return @intCast(try failure.done(.memfd_create, linux.memfd_create(name, flags)));
}

/// mmap(2) of a file from its beginning.
pub fn mmap(failure: *Failure, bytes: u64, prot: linux.PROT, flags: linux.MAP, fd: i32) Error!usize {
    const address = try failure.done(.mmap, linux.mmap(null, bytes, prot, flags, fd, 0));
    if (builtin.sanitize_thread) sanitizer.__tsan_acquire(&sanitizer.mappings);
    return address;
}

/// ThreadSanitizer sees no system call of ours. That pages are mapped after others at their addresses were unmapped it must
/// be told, or it takes one use for a race with the other.
const sanitizer = struct {
    var mappings: u8 = 0;

    extern fn __tsan_acquire(address: *anyopaque) void;
    extern fn __tsan_release(address: *anyopaque) void;
};

/// mmap(2) of fresh private pages over an existing range, which stays touchable and loses its contents.
pub fn cover(failure: *Failure, address: usize, bytes: u64) Error!void {
    const rc = linux.mmap(
        @ptrFromInt(address),
        bytes,
        .{ .READ = true, .WRITE = true },
        .{ .TYPE = .PRIVATE, .ANONYMOUS = true, .FIXED = true, .NORESERVE = true },
        -1,
        0,
    );
    _ = try failure.done(.mmap, rc);
}

/// munmap(2).
pub fn munmap(failure: *Failure, address: usize, bytes: u64) Error!void {
    if (builtin.sanitize_thread) sanitizer.__tsan_release(&sanitizer.mappings);
    _ = try failure.done(.munmap, linux.munmap(@ptrFromInt(address), bytes));
}

/// mremap(2) that may move the mapping.
pub fn mremap(failure: *Failure, address: usize, bytes: u64, bytes_new: u64) Error!usize {
    const rc = linux.mremap(@ptrFromInt(address), bytes, bytes_new, .{ .MAYMOVE = true }, null);
    return failure.done(.mremap, rc);
}

/// madvise(2).
pub fn madvise(failure: *Failure, address: usize, bytes: u64, advice: u32) Error!void {
    _ = try failure.done(.madvise, linux.madvise(@ptrFromInt(address), bytes, advice));
}

/// msync(2), MS_SYNC: returns when the pages are on the device.
pub fn msync(failure: *Failure, address: usize, bytes: u64) Error!void {
    const ms_sync = 4;
    _ = try failure.done(.msync, linux.msync(@ptrFromInt(address), bytes, ms_sync));
}

/// mlock2(2). `on_fault` locks pages as they are touched, which leaves a private mapping unbroken.
pub fn mlock(failure: *Failure, address: usize, bytes: u64, on_fault: bool) Error!void {
    const rc = linux.syscall3(.mlock2, address, bytes, @intFromBool(on_fault));
    _ = try failure.done(.mlock2, rc);
}

/// munlock(2).
pub fn munlock(failure: *Failure, address: usize, bytes: u64) Error!void {
    _ = try failure.done(.munlock, linux.munlock(@ptrFromInt(address), bytes));
}

/// getdents64(2). Zero at the end of the directory.
pub fn getdents64(failure: *Failure, fd: i32, buffer: []u8) Error!usize {
    return failure.done(.getdents64, linux.getdents64(fd, buffer.ptr, buffer.len));
}

/// The deadline of what has none.
pub const never: u64 = std.math.maxInt(u64);

/// clock_gettime(2), CLOCK_MONOTONIC, in nanoseconds. std's would go through the vDSO, and need libc for that.
pub fn monotonic() u64 {
    var time: linux.timespec = undefined;
    _ = linux.syscall2(.clock_gettime, @intFromEnum(linux.CLOCK.MONOTONIC), @intFromPtr(&time));
    return @as(u64, @intCast(time.sec)) * std.time.ns_per_s + @as(u64, @intCast(time.nsec));
}

/// When `timeout_ms` from now is over; a negative one never is. Null where it is no number.
pub fn deadline(timeout_ms: f64) ?u64 {
    if (std.math.isNan(timeout_ms)) return null;
    const years_ms = 1e12; // Thirty of them, which fit in nanoseconds.
    if (timeout_ms < 0 or timeout_ms > years_ms) return never;
    return monotonic() + @as(u64, @intFromFloat(timeout_ms * std.time.ns_per_ms));
}

/// futex(2), FUTEX_WAIT_BITSET on a word that other processes map too, until `deadline_ns` of CLOCK_MONOTONIC.
///
/// A word that no longer holds `expected` counts as woken: callers read it again in any case. Waits through signals, whose
/// handlers run meanwhile as far as they are C's own, unless `interruptible`: then their arrival is EINTR.
pub fn futexWait(failure: *Failure, word: *const u32, expected: u32, deadline_ns: u64, interruptible: bool) Error!void {
    while (true) {
        switch (futexSleep(word, expected, deadline_ns, false)) {
            .SUCCESS, .AGAIN => return,
            .INTR => if (!interruptible) continue else return failure.made(.futex, .INTR),
            else => |errno| return failure.made(.futex, errno),
        }
    }
}

/// futex(2), FUTEX_WAIT_BITSET, as it answers. `private` is for words of this process alone.
pub fn futexSleep(word: *const u32, expected: u32, deadline_ns: u64, private: bool) E {
    // A limit also where there is none: without, the kernel goes on by itself after handlers set up with SA_RESTART.
    const until = timespec(deadline_ns);
    const op: linux.FUTEX_OP = .{ .cmd = .WAIT_BITSET, .private = private };
    const any = std.math.maxInt(u32);
    return linux.errno(linux.futex(word, op, expected, .{ .timeout = &until }, null, any));
}

/// One word of a vector to sleep on.
pub const Waited = linux.futex2_waitone;

/// A word, and the value to sleep on. `private` is for words of this process alone.
pub fn waited(word: *const u32, expected: u32, private: bool) Waited {
    return .{ .val = expected, .uaddr = @intFromPtr(word), .flags = .{ .size = .U32, .private = private } };
}

/// How a sleep ended: by a wake, or not.
pub const Slept = union(enum) {
    /// The last of the words that were woken, by its place in the vector.
    woken: u32,
    errno: E,
};

/// futex_waitv(2) until `deadline_ns`.
pub fn futexSleepAny(words: []const Waited, deadline_ns: u64) Slept {
    const until = timespec(deadline_ns);
    const rc = linux.futex2_waitv(words.ptr, @intCast(words.len), .{}, @ptrCast(&until), .MONOTONIC);
    const errno = linux.errno(rc);
    return if (errno == .SUCCESS) .{ .woken = @intCast(rc) } else .{ .errno = errno };
}

/// The same for a single word, by futex(2).
pub fn futexSleepOn(word: Waited, deadline_ns: u64) Slept {
    const errno = futexSleep(@ptrFromInt(word.uaddr), @intCast(word.val), deadline_ns, word.flags.private);
    return if (errno == .SUCCESS) .{ .woken = 0 } else .{ .errno = errno };
}

/// Whether the kernel, or who stands before it, takes futex_waitv(2): it is younger than what sandboxes know.
pub fn futexSleepsAny() bool {
    const rc = linux.futex2_waitv(&.{}, 0, .{}, null, .MONOTONIC);
    return linux.errno(rc) == .INVAL;
}

fn timespec(deadline_ns: u64) linux.timespec {
    return .{ .sec = @intCast(deadline_ns / std.time.ns_per_s), .nsec = @intCast(deadline_ns % std.time.ns_per_s) };
}

/// futex(2), FUTEX_WAKE on a word that other processes map too: how many were woken.
pub fn futexWake(failure: *Failure, word: *const u32, count: u32) Error!u32 {
    const op: linux.FUTEX_OP = .{ .cmd = .WAKE, .private = false };
    return @intCast(try failure.done(.futex, linux.futex_3arg(word, op, count)));
}

/// futex(2), FUTEX_WAKE of one who sleeps on a word of this process alone.
pub fn futexWakePrivate(word: *const u32) void {
    _ = linux.futex_3arg(word, .{ .cmd = .WAKE, .private = true }, 1);
}

/// epoll_create1(2).
pub fn epollCreate(failure: *Failure) Error!i32 {
    return @intCast(try failure.done(.epoll_create, linux.epoll_create1(linux.EPOLL.CLOEXEC)));
}

/// epoll_ctl(2). `tag` is what the events of the descriptor carry.
pub fn epollControl(failure: *Failure, epoll: i32, operation: u32, fd: i32, events: u32, tag: u64) Error!void {
    var event: linux.epoll_event = .{ .events = events, .data = .{ .u64 = tag } };
    _ = try failure.done(.epoll_ctl, linux.epoll_ctl(epoll, operation, fd, &event));
}

/// epoll_wait(2), without a limit where `timeout_ms` is negative: how many events were filled. None after a signal.
pub fn epollWait(epoll: i32, events: []linux.epoll_event, timeout_ms: i32) usize {
    const rc = linux.epoll_wait(epoll, events.ptr, @intCast(events.len), timeout_ms);
    return if (linux.errno(rc) == .SUCCESS) rc else 0;
}

/// eventfd(2); close-on-exec always.
pub fn eventfd(failure: *Failure, count: u32, flags: u32) Error!i32 {
    return @intCast(try failure.done(.eventfd, linux.eventfd(count, flags | linux.EFD.CLOEXEC)));
}

/// poll(2) until `deadline_ns`: how many of the descriptors have something to tell. Waits through signals, unless
/// `interruptible`: then their arrival is EINTR.
pub fn poll(failure: *Failure, fds: []align(1) PollFd, deadline_ns: u64, interruptible: bool) Error!u32 {
    var left: linux.timespec = undefined;
    const limit: usize = if (deadline_ns == never) 0 else @intFromPtr(&left);
    while (true) {
        // A deadline of zero is over in any case, and needs no clock.
        if (limit != 0) left = timespec(if (deadline_ns == 0) 0 else deadline_ns -| monotonic());
        const rc = linux.syscall5(.ppoll, @intFromPtr(fds.ptr), fds.len, limit, 0, 0);
        if (linux.errno(rc) == .INTR and !interruptible) continue;
        return @intCast(try failure.done(.poll, rc));
    }
}

/// poll(2) of one descriptor after EAGAIN: ETIMEDOUT when the time is over.
pub fn untilReady(failure: *Failure, fd: i32, events: i16, deadline_ns: u64, interruptible: bool) Error!void {
    var asked: [1]PollFd = .{.{ .fd = fd, .events = events, .revents = 0 }};
    if (try poll(failure, &asked, deadline_ns, interruptible) == 0) return failure.refuse(.TIMEDOUT);
}

/// read(2), or pread(2) where there is a position, without waiting: EAGAIN where it would, also on a descriptor that is
/// not O_NONBLOCK. What has to come from a disk is waited for all the same.
pub fn readNow(failure: *Failure, fd: i32, bytes: []u8, position: ?u64) Error!usize {
    const vector: [1]std.posix.iovec = .{.{ .base = bytes.ptr, .len = bytes.len }};
    const call: Call = if (position == null) .read else .pread;
    return transferNow(failure, call, fd, @intFromPtr(&vector), position, linux.POLL.IN, true);
}

/// The same, but what has to come from a disk is EAGAIN too, of readahead(2).
pub fn readCached(failure: *Failure, fd: i32, bytes: []u8, position: ?u64) Error!usize {
    const vector: [1]std.posix.iovec = .{.{ .base = bytes.ptr, .len = bytes.len }};
    const call: Call = if (position == null) .read else .pread;
    return transferNow(failure, call, fd, @intFromPtr(&vector), position, linux.POLL.IN, false);
}

/// write(2), or pwrite(2), likewise. Never SIGPIPE.
pub fn writeNow(failure: *Failure, fd: i32, bytes: []const u8, position: ?u64) Error!usize {
    const vector: [1]std.posix.iovec_const = .{.{ .base = bytes.ptr, .len = bytes.len }};
    const call: Call = if (position == null) .write else .pwrite;
    quietPipes();
    return transferNow(failure, call, fd, @intFromPtr(&vector), position, linux.POLL.OUT, true);
}

fn transferNow(
    failure: *Failure,
    call: Call,
    fd: i32,
    vector: usize,
    position: ?u64,
    direction: i16,
    wait_for_disk: bool,
) Error!usize {
    const rwf_nowait = 8;
    const file: usize = @bitCast(@as(isize, fd));
    const place: usize = position orelse std.math.maxInt(usize); // -1: where the file stands.
    const writes = direction == linux.POLL.OUT;
    var flags: usize = rwf_nowait;
    var known = true;
    while (true) {
        const rc = if (known)
            linux.syscall6(if (writes) .pwritev2 else .preadv2, file, vector, 1, place, 0, flags)
        else if (position == null)
            linux.syscall3(if (writes) .writev else .readv, file, vector, 1)
        else
            linux.syscall5(if (writes) .pwritev else .preadv, file, vector, 1, place, 0);
        switch (linux.errno(rc)) {
            .INTR => continue,
            // It would wait, or does not know the flag. What poll(2) calls ready does not wait without it, but for a disk.
            .AGAIN, .OPNOTSUPP => if (flags == 0) return failure.done(call, rc),
            // qemu and some sandboxes have no call with flags.
            .NOSYS => if (known) {
                known = false;
            } else return failure.done(call, rc),
            else => return failure.done(call, rc),
        }
        var asked: [1]PollFd = .{.{ .fd = fd, .events = direction, .revents = 0 }};
        if (try poll(failure, &asked, 0, false) == 0) return failure.made(call, .AGAIN);
        if (!wait_for_disk and linux.errno(rc) == .AGAIN and linux.S.ISREG((try statx(failure, fd)).mode)) {
            return failure.made(.readahead, .AGAIN);
        }
        flags = 0;
    }
}

/// Ignores SIGPIPE, once, if nothing else was set: runtimes do so themselves, and a library must not end its program.
fn quietPipes() void {
    if (@atomicLoad(bool, &pipes_quiet, .monotonic)) return;
    @atomicStore(bool, &pipes_quiet, true, .monotonic);
    var action: linux.Sigaction = undefined;
    if (linux.errno(linux.sigaction(.PIPE, null, &action)) != .SUCCESS) return;
    if (action.handler.handler != linux.SIG.DFL) return;
    action.handler = .{ .handler = linux.SIG.IGN };
    _ = linux.sigaction(.PIPE, &action, null);
}

var pipes_quiet: bool = false;

/// pipe2(2), the reading end first; close-on-exec always.
pub fn pipe(failure: *Failure, flags: O) Error![2]i32 {
    var ends: [2]i32 = undefined;
    var always = flags;
    always.CLOEXEC = true;
    _ = try failure.done(.pipe, linux.pipe2(&ends, always));
    return ends;
}

/// mknodat(2) of a FIFO.
pub fn mkfifoat(failure: *Failure, dir: i32, path: [*:0]const u8, mode: u32) Error!void {
    _ = try failure.done(.mknodat, linux.mknodat(dir, path, linux.S.IFIFO | mode, 0));
}

/// lseek(2): the new place.
pub fn lseek(failure: *Failure, fd: i32, offset: i64, whence: u32) Error!u64 {
    return try failure.done(.lseek, linux.lseek(fd, offset, whence));
}

/// fsync(2).
pub fn fsync(failure: *Failure, fd: i32) Error!void {
    _ = try failure.done(.fsync, linux.fsync(fd));
}

/// splice(2), without waiting, or tee(2), which leaves the bytes where they are. Never SIGPIPE.
///
/// SPLICE_F_NONBLOCK is about pipes only. What else is read from is polled first; what else is written to must be O_NONBLOCK
/// or a file, since a socket takes as much as it is told to.
pub fn splice(failure: *Failure, call: enum { splice, tee }, from: i32, to: i32, bytes: u32) Error!usize {
    quietPipes();
    const name: Call = if (call == .splice) .splice else .tee;
    // Asked of both in any case: the kernel looks at neither where there is nothing to move.
    const from_waits = !try isNonblocking(failure, from);
    const to_waits = !try isNonblocking(failure, to);
    if (call == .splice) {
        if (from_waits) {
            var asked: [1]PollFd = .{.{ .fd = from, .events = linux.POLL.IN, .revents = 0 }};
            if (try poll(failure, &asked, 0, false) == 0) return failure.made(name, .AGAIN);
        }
        if (to_waits) {
            const mode = (try statx(failure, to)).mode;
            if (!linux.S.ISFIFO(mode) and !linux.S.ISREG(mode)) return failure.made(name, .INVAL);
        }
    }
    const f_move_nonblock = 1 | 2;
    const in: usize = @bitCast(@as(isize, from));
    const out: usize = @bitCast(@as(isize, to));
    while (true) {
        const rc = switch (call) {
            .splice => linux.syscall6(.splice, in, 0, out, 0, bytes, f_move_nonblock),
            .tee => linux.syscall4(.tee, in, out, bytes, f_move_nonblock),
        };
        if (linux.errno(rc) == .INTR) continue;
        return failure.done(name, rc);
    }
}

fn isNonblocking(failure: *Failure, fd: i32) Error!bool {
    const flags: O = @bitCast(try fcntl(failure, fd, linux.F.GETFL, 0));
    return flags.NONBLOCK;
}

/// sendfile(2).
pub fn sendfile(failure: *Failure, from: i32, to: i32, position: ?u64, bytes: u32) Error!usize {
    quietPipes();
    var place: i64 = @intCast(position orelse 0);
    return failure.done(.sendfile, linux.sendfile(to, from, if (position == null) null else &place, bytes));
}

/// copy_file_range(2).
pub fn copyFileRange(failure: *Failure, from: i32, from_at: ?u64, to: i32, to_at: ?u64, bytes: u32) Error!usize {
    var in: i64 = @intCast(from_at orelse 0);
    var out: i64 = @intCast(to_at orelse 0);
    const in_at = if (from_at == null) null else &in;
    const out_at = if (to_at == null) null else &out;
    return failure.done(.copy_file_range, linux.copy_file_range(from, in_at, to, out_at, bytes, 0));
}

/// pread(2), which waits for the disk.
pub fn pread(failure: *Failure, fd: i32, bytes: []u8, position: u64) Error!usize {
    return failure.done(.pread, linux.pread(fd, bytes.ptr, bytes.len, @intCast(position)));
}

/// futex(2), FUTEX_CMP_REQUEUE: moves one who sleeps on a word to another, if the word still holds `expected`: how many.
/// Both are words as other processes map them, also where one is private memory: it was slept on as such.
pub fn futexMove(word: *const u32, expected: u32, to: *const u32) usize {
    const op: linux.FUTEX_OP = .{ .cmd = .CMP_REQUEUE, .private = false };
    const rc = linux.futex(word, op, 0, .{ .val2 = 1 }, to, expected);
    return if (linux.errno(rc) == .SUCCESS) rc else 0;
}

/// socket(2); close-on-exec always.
pub fn socket(failure: *Failure, domain: u32, kind: u32, protocol: u32) Error!i32 {
    return @intCast(try failure.done(.socket, linux.socket(domain, kind | linux.SOCK.CLOEXEC, protocol)));
}

/// setsockopt(2).
pub fn setsockopt(failure: *Failure, fd: i32, level: i32, option: u32, value: []const u8) Error!void {
    _ = try failure.done(.setsockopt, linux.setsockopt(fd, level, option, value.ptr, @intCast(value.len)));
}

/// sendto(2) of a whole datagram.
pub fn sendto(failure: *Failure, fd: i32, bytes: []const u8, address: []const u8) Error!void {
    while (true) {
        const rc = linux.sendto(fd, bytes.ptr, bytes.len, 0, @ptrCast(@alignCast(address.ptr)), @intCast(address.len));
        if (linux.errno(rc) == .INTR) continue;
        _ = try failure.done(.sendto, rc);
        return;
    }
}

/// recvfrom(2). The sender's address fills `address`, which holds zeroes where it is shorter.
pub fn recvfrom(failure: *Failure, fd: i32, buffer: []u8, flags: u32, address: []u8) Error!usize {
    while (true) {
        @memset(address, 0);
        var address_bytes: linux.socklen_t = @intCast(address.len);
        const from: *linux.sockaddr = @ptrCast(@alignCast(address.ptr));
        const rc = linux.recvfrom(fd, buffer.ptr, buffer.len, flags, from, &address_bytes);
        if (linux.errno(rc) == .INTR) continue;
        return failure.done(.recvfrom, rc);
    }
}

/// pidfd_open(2); close-on-exec always.
pub fn pidfdOpen(failure: *Failure, pid: u32) Error!i32 {
    return @intCast(try failure.done(.pidfd_open, linux.syscall2(.pidfd_open, pid, 0)));
}

/// pidfd_send_signal(2).
pub fn pidfdSendSignal(failure: *Failure, fd: i32, signal: u32) Error!void {
    const file: usize = @bitCast(@as(isize, fd));
    _ = try failure.done(.pidfd_send_signal, linux.syscall4(.pidfd_send_signal, file, signal, 0, 0));
}

/// How a child ended: its exit code, or the signal.
pub const ChildEnd = struct { exited: bool, value: i32 };

/// waitid(2) of the child that a pidfd stands for, without waiting, and leaving it to be waited for. Null where it runs, or
/// is no child of this process, or was waited for already.
pub fn waitid(failure: *Failure, fd: i32) Error!?ChildEnd {
    // The start of siginfo_t; `pid` stays zero where there is nothing to tell.
    const Info = extern struct { signo: i32, errno: i32, code: i32, _: i32, pid: i32, uid: u32, status: i32, rest: [100]u8 };
    comptime std.debug.assert(@sizeOf(Info) == 128);
    var info: Info = std.mem.zeroes(Info);
    const p_pidfd = 3;
    const options = 0x4 | 0x1 | 0x0100_0000; // WEXITED, WNOHANG, WNOWAIT.
    const file: usize = @bitCast(@as(isize, fd));
    const rc = linux.syscall5(.waitid, p_pidfd, file, @intFromPtr(&info), options, 0);
    if (linux.errno(rc) == .CHILD) return null;
    _ = try failure.done(.waitid, rc);
    const cld_exited = 1;
    return if (info.pid == 0) null else .{ .exited = info.code == cld_exited, .value = info.status };
}

/// ioctl(2), PIDFD_GET_INFO: the exit status of any process that was waited for, as wait(2) tells it. Null before Linux
/// 6.15.
pub fn exitOf(fd: i32) ?u32 {
    const Info = extern struct { mask: u64, cgroup: u64, ids: [11]u32, exit_code: u32 };
    comptime std.debug.assert(@sizeOf(Info) == 64);
    const want_exit = 1 << 3; // PIDFD_INFO_EXIT
    var info: Info = std.mem.zeroes(Info);
    info.mask = want_exit;
    const get_info = 0xc040_ff0b; // _IOWR(0xff, 11, struct pidfd_info)
    if (linux.errno(linux.ioctl(fd, get_info, @intFromPtr(&info))) != .SUCCESS) return null;
    return if (info.mask & want_exit == 0) null else info.exit_code;
}

/// What /proc tells of a descriptor.
pub fn fdinfo(failure: *Failure, fd: i32, buffer: []u8) Error![]const u8 {
    _ = try fcntl(failure, fd, linux.F.GETFD, 0);
    var path: [40]u8 = undefined;
    const text = std.fmt.bufPrintSentinel(&path, "/proc/self/fdinfo/{d}", .{fd}, 0) catch unreachable; // 18 + 11 + 1 bytes.
    const file = try openat(failure, linux.AT.FDCWD, text, .{}, 0);
    defer closeQuietly(file);
    return buffer[0..try failure.done(.read, linux.read(file, buffer.ptr, buffer.len))];
}

/// mprotect(2).
pub fn mprotect(failure: *Failure, address: usize, bytes: u64, prot: linux.PROT) Error!void {
    _ = try failure.done(.mprotect, linux.mprotect(@ptrFromInt(address), bytes, prot));
}

/// socketpair(2) of unix sockets; close-on-exec always.
pub fn socketpair(failure: *Failure, kind: u32) Error![2]i32 {
    var ends: [2]i32 = undefined;
    const rc = linux.socketpair(linux.AF.UNIX, kind | linux.SOCK.CLOEXEC, 0, &ends);
    _ = try failure.done(.socketpair, rc);
    return ends;
}

/// sendto(2) of one byte to a stream socket: without waiting, and without SIGPIPE.
pub fn sendByte(failure: *Failure, fd: i32) Error!void {
    const byte: [1]u8 = .{0};
    _ = try failure.done(.sendto, linux.sendto(fd, &byte, 1, linux.MSG.NOSIGNAL | linux.MSG.DONTWAIT, null, 0));
}

/// fdatasync(2).
pub fn fdatasync(failure: *Failure, fd: i32) Error!void {
    _ = try failure.done(.fdatasync, linux.fdatasync(fd));
}

/// flock(2). Not repeated after EINTR, which is how a wait for a lock is called off.
pub fn flock(failure: *Failure, fd: i32, operation: u32) Error!void {
    _ = try failure.done(.flock, linux.flock(fd, @bitCast(operation)));
}

/// clone(2) of a thread of this process that is detached from its creator, in the way of pthread_create(3). SEM_UNDO and
/// record locks of the new thread are the process's (CLONE_SYSVSEM, CLONE_FILES). Returns its id.
pub fn clone(
    failure: *Failure,
    run: *const fn (usize) callconv(.c) u8,
    argument: usize,
    stack_top: usize,
    thread_pointer: usize,
) Error!i32 {
    const flags = linux.CLONE.VM | linux.CLONE.FS | linux.CLONE.FILES | linux.CLONE.SIGHAND | linux.CLONE.THREAD |
        linux.CLONE.SYSVSEM | linux.CLONE.SETTLS;
    return @intCast(try failure.done(.clone, linux.clone(run, stack_top, flags, argument, null, thread_pointer, null)));
}

/// rt_sigprocmask(2): blocks every signal for the calling thread, and returns the mask to restore.
pub fn blockSignals() linux.sigset_t {
    var old = linux.sigemptyset();
    const all = linux.sigfillset();
    _ = linux.sigprocmask(linux.SIG.BLOCK, &all, &old);
    return old;
}

/// rt_sigprocmask(2): back to an earlier mask.
pub fn restoreSignals(old: linux.sigset_t) void {
    _ = linux.sigprocmask(linux.SIG.SETMASK, &old, null);
}

/// rt_sigaction(2): gives a signal a handler, if nobody uses it. Calls that it interrupts are not repeated.
pub fn takeSignal(signal: linux.SIG, handler: *const fn (linux.SIG) callconv(.c) void) bool {
    var old: linux.Sigaction = undefined;
    if (linux.errno(linux.sigaction(signal, null, &old)) != .SUCCESS) return false;
    if (old.handler.handler != linux.SIG.DFL) return false;
    const new: linux.Sigaction = .{ .handler = .{ .handler = handler }, .mask = linux.sigemptyset(), .flags = 0 };
    return linux.errno(linux.sigaction(signal, &new, null)) == .SUCCESS;
}

/// rt_sigprocmask(2): lets a signal through to the calling thread.
pub fn openSignal(signal: linux.SIG) void {
    var set = linux.sigemptyset();
    linux.sigaddset(&set, signal);
    _ = linux.sigprocmask(linux.SIG.UNBLOCK, &set, null);
}

/// tgkill(2) of a thread of this process.
pub fn signalThread(tid: i32, signal: linux.SIG) void {
    _ = linux.tgkill(linux.getpid(), tid, signal);
}

/// prctl(2), PR_SET_NAME: the calling thread's name in /proc and in debuggers.
pub fn nameThread(name: [*:0]const u8) void {
    _ = linux.prctl(@intFromEnum(linux.PR.SET_NAME), @intFromPtr(name), 0, 0, 0);
}

/// tgkill(2) without a signal: whether this process has a thread of that id.
pub fn threadAlive(tid: i32) bool {
    return linux.errno(linux.syscall3(.tgkill, @intCast(processId()), @intCast(tid), 0)) != .SRCH;
}

/// getpid(2), asked once: each wake asks for it, and a forked child is refused everything (fork.zig).
fn processId() i32 {
    const known = @atomicLoad(i32, &process_id, .monotonic);
    if (known != 0) return known;
    const found = linux.getpid();
    @atomicStore(i32, &process_id, found, .monotonic);
    return found;
}

var process_id: i32 = 0;

/// nanosleep(2).
pub fn pause(nanoseconds: u32) void {
    const time: linux.timespec = .{ .sec = 0, .nsec = nanoseconds };
    _ = linux.nanosleep(&time, null);
}

/// gettid(2).
pub fn gettid() i32 {
    return linux.gettid();
}

/// geteuid(2).
pub fn geteuid() u32 {
    return linux.geteuid();
}

/// Whether a thread of that id exists, in whatever process: kill(2) without a signal, which takes ids of threads too. One
/// that was killed and that nobody has waited for is no more.
pub fn threadExists(tid: u32) bool {
    if (tid > std.math.maxInt(i32)) return false;
    if (linux.errno(linux.syscall2(.kill, tid, 0)) == .SRCH) return false;
    if (!procIsOurs()) return true;
    var buffer: [512]u8 = undefined;
    const stat = readProc(tid, "stat", &buffer) orelse return true;
    // "TID (NAME) STATE ...", and the name may hold anything.
    const name_end = std.mem.lastIndexOfScalar(u8, stat, ')') orelse return true;
    if (name_end + 2 >= stat.len) return true;
    return stat[name_end + 2] != 'Z' and stat[name_end + 2] != 'X';
}

/// The process that a thread belongs to; zero where /proc does not tell.
pub fn processOf(tid: u32) u32 {
    if (!procIsOurs()) return 0;
    var buffer: [2048]u8 = undefined;
    const status = readProc(tid, "status", &buffer) orelse return 0;
    const at = std.mem.find(u8, status, "\nTgid:\t") orelse return 0;
    return std.fmt.parseInt(u32, std.mem.sliceTo(status[at + 7 ..], '\n'), 10) catch 0;
}

/// Whether /proc counts processes as this one does: in a pid namespace of its own it may still be the outer one's.
fn procIsOurs() bool {
    var buffer: [16]u8 = undefined;
    const rc = linux.readlink("/proc/self", &buffer, buffer.len);
    if (linux.errno(rc) != .SUCCESS) return false;
    return std.fmt.parseInt(i32, buffer[0..rc], 10) catch 0 == linux.getpid();
}

fn readProc(tid: u32, comptime file: []const u8, buffer: []u8) ?[]const u8 {
    var path: [32]u8 = undefined;
    const text = std.fmt.bufPrintSentinel(&path, "/proc/{d}/" ++ file, .{tid}, 0) catch unreachable; // 6 + 10 + 7 + 1 bytes.
    var ignored: Failure = .{};
    const fd = openat(&ignored, linux.AT.FDCWD, text, .{}, 0) catch return null;
    defer closeQuietly(fd);
    const rc = linux.read(fd, buffer.ptr, buffer.len);
    return if (linux.errno(rc) == .SUCCESS) buffer[0..rc] else null;
}

/// The number of this process's pid namespace; zero where /proc does not tell.
pub fn pidNamespace() u32 {
    var buffer: [32]u8 = undefined;
    const rc = linux.readlink("/proc/self/ns/pid", &buffer, buffer.len);
    if (linux.errno(rc) != .SUCCESS) return 0;
    const digits = buffer[0..rc]; // "pid:[4026531836]"
    if (!std.mem.startsWith(u8, digits, "pid:[")) return 0;
    return std.fmt.parseInt(u32, std.mem.sliceTo(digits[5..], ']'), 10) catch 0;
}

/// sched_getaffinity(2): how many CPUs the calling thread may run on.
pub fn cpuCount() u32 {
    var set: linux.cpu_set_t = @splat(0);
    const rc = linux.syscall3(.sched_getaffinity, 0, @sizeOf(linux.cpu_set_t), @intFromPtr(&set));
    if (linux.errno(rc) != .SUCCESS) return 1;
    var count: u32 = 0;
    for (set) |word| count += @popCount(word);
    return count;
}

/// clock_gettime(2), CLOCK_REALTIME, in nanoseconds.
pub fn realtime() u64 {
    var time: linux.timespec = undefined;
    _ = linux.syscall2(.clock_gettime, @intFromEnum(linux.CLOCK.REALTIME), @intFromPtr(&time));
    return @as(u64, @intCast(time.sec)) * std.time.ns_per_s + @as(u64, @intCast(time.nsec));
}

/// What tells the running thread from every other living one, without a system call: its thread pointer. A later
/// thread may get the pointer of one that has ended.
pub fn threadPointer() usize {
    return switch (builtin.cpu.arch) {
        // The ABI puts the block's own address at its start.
        .x86_64 => asm ("movq %%fs:0, %[pointer]"
            : [pointer] "=r" (-> usize),
        ),
        .aarch64 => asm ("mrs %[pointer], tpidr_el0"
            : [pointer] "=r" (-> usize),
        ),
        else => @compileError("hawser runs on x86-64 and aarch64"),
    };
}

/// The address of a unix socket as its family has it: a path without its NUL, a NUL and an abstract name, or nothing.
pub const UnixAddress = struct {
    un: linux.sockaddr.un = .{ .path = @splat(0) },
    bytes: u8 = 0,

    fn pointer(address: *const UnixAddress) *const linux.sockaddr {
        return @ptrCast(&address.un);
    }

    /// With the family, and with a path's NUL where there is room for it.
    fn length(address: *const UnixAddress) linux.socklen_t {
        const family_bytes = @sizeOf(linux.sa_family_t);
        const path = address.bytes > 0 and address.un.path[0] != 0 and address.bytes < address.un.path.len;
        return family_bytes + @as(linux.socklen_t, address.bytes) + @intFromBool(path);
    }

    /// What a call filled in.
    fn filled(un: linux.sockaddr.un, bytes: linux.socklen_t) UnixAddress {
        const family_bytes = @sizeOf(linux.sa_family_t);
        var path_bytes = @min(bytes -| family_bytes, un.path.len);
        if (path_bytes > 0 and un.path[0] != 0) {
            path_bytes = @intCast(std.mem.findScalar(u8, un.path[0..path_bytes], 0) orelse path_bytes);
        }
        return .{ .un = un, .bytes = @intCast(path_bytes) };
    }
};

/// bind(2) of a unix socket. Without an address the kernel finds an abstract name.
pub fn bindUnix(failure: *Failure, fd: i32, address: *const UnixAddress) Error!void {
    _ = try failure.done(.bind, linux.bind(fd, address.pointer(), address.length()));
}

/// listen(2).
pub fn listen(failure: *Failure, fd: i32, backlog: u32) Error!void {
    _ = try failure.done(.listen, linux.listen(fd, backlog));
}

/// accept4(2); close-on-exec always, and not blocking.
pub fn accept(failure: *Failure, fd: i32) Error!i32 {
    while (true) {
        const rc = linux.accept4(fd, null, null, linux.SOCK.CLOEXEC | linux.SOCK.NONBLOCK);
        if (linux.errno(rc) == .INTR) continue;
        return @intCast(try failure.done(.accept, rc));
    }
}

/// connect(2) of a unix socket. Not repeated after EINTR, which is how a wait for room in the backlog is called off.
pub fn connectUnix(failure: *Failure, fd: i32, address: *const UnixAddress) Error!void {
    _ = try failure.done(.connect, linux.connect(fd, address.pointer(), address.length()));
}

/// shutdown(2).
pub fn shutdown(failure: *Failure, fd: i32, how: u32) Error!void {
    _ = try failure.done(.shutdown, linux.shutdown(fd, @bitCast(how)));
}

/// getsockopt(2), SOL_SOCKET: how many bytes of `value` were filled.
pub fn getsockopt(failure: *Failure, fd: i32, option: u32, value: []u8) Error!usize {
    var bytes: linux.socklen_t = @intCast(value.len);
    _ = try failure.done(.getsockopt, linux.getsockopt(fd, linux.SOL.SOCKET, option, value.ptr, &bytes));
    return bytes;
}

/// getsockname(2), or getpeername(2), of a unix socket.
pub fn nameOf(failure: *Failure, fd: i32, peer: bool) Error!UnixAddress {
    var un: linux.sockaddr.un = .{ .path = @splat(0) };
    var bytes: linux.socklen_t = @sizeOf(linux.sockaddr.un);
    const rc = if (peer) linux.getpeername(fd, @ptrCast(&un), &bytes) else linux.getsockname(fd, @ptrCast(&un), &bytes);
    _ = try failure.done(if (peer) .getpeername else .getsockname, rc);
    if (un.family != linux.AF.UNIX) return failure.refuse(.AFNOSUPPORT);
    return .filled(un, bytes);
}

/// sendmsg(2), without waiting, and without SIGPIPE: how many bytes went.
pub fn sendmsg(failure: *Failure, fd: i32, bytes: []const u8, control: []const u8, to: ?*const UnixAddress) Error!usize {
    const vector: [1]std.posix.iovec_const = .{.{ .base = bytes.ptr, .len = bytes.len }};
    const message: linux.msghdr_const = .{
        .name = if (to) |address| address.pointer() else null,
        .namelen = if (to) |address| address.length() else 0,
        .iov = &vector,
        .iovlen = 1,
        .control = if (control.len > 0) control.ptr else null,
        .controllen = control.len,
        .flags = 0,
    };
    while (true) {
        const rc = linux.sendmsg(fd, &message, linux.MSG.NOSIGNAL | linux.MSG.DONTWAIT);
        if (linux.errno(rc) == .INTR) continue;
        return failure.done(.sendmsg, rc);
    }
}

/// What recvmsg(2) received.
pub const Received = struct {
    bytes: usize,
    control_bytes: usize,
    from: UnixAddress,
    /// MSG_TRUNC, MSG_CTRUNC.
    flags: u32,
};

/// recvmsg(2) of a unix socket, without waiting. Descriptors in `control` are this process's from here on, close-on-exec.
pub fn recvmsg(failure: *Failure, fd: i32, bytes: []u8, control: []align(8) u8) Error!Received {
    var vector: [1]std.posix.iovec = .{.{ .base = bytes.ptr, .len = bytes.len }};
    while (true) {
        var un: linux.sockaddr.un = .{ .path = @splat(0) };
        var message: linux.msghdr = .{
            .name = @ptrCast(&un),
            .namelen = @sizeOf(linux.sockaddr.un),
            .iov = &vector,
            .iovlen = 1,
            .control = control.ptr,
            .controllen = control.len,
            .flags = 0,
        };
        const rc = linux.recvmsg(fd, &message, linux.MSG.CMSG_CLOEXEC | linux.MSG.DONTWAIT);
        if (linux.errno(rc) == .INTR) continue;
        return .{
            .bytes = try failure.done(.recvmsg, rc),
            .control_bytes = @min(message.controllen, control.len),
            .from = .filled(un, message.namelen),
            .flags = message.flags,
        };
    }
}

/// ioctl(2), FIONREAD: how many bytes wait to be read; zero where it does not tell.
pub fn bytesWaiting(fd: i32) u32 {
    const fionread = 0x541b;
    var count: i32 = 0;
    const rc = linux.ioctl(fd, fionread, @intFromPtr(&count));
    return if (linux.errno(rc) == .SUCCESS) @intCast(@max(0, count)) else 0;
}

/// fchmodat2(2) of an open file, also where it was opened with O_PATH; by way of /proc before Linux 6.6.
pub fn chmodPath(failure: *Failure, fd: i32, mode: u32) Error!void {
    var rc = linux.fchmodat2(fd, "", mode, linux.AT.EMPTY_PATH);
    switch (linux.errno(rc)) {
        .NOSYS, .PERM, .OPNOTSUPP => {
            var buffer: [32]u8 = undefined;
            const path = std.fmt.bufPrintSentinel(&buffer, "/proc/self/fd/{d}", .{fd}, 0) catch unreachable; // 14 + 11 + 1 bytes.
            rc = linux.fchmodat(linux.AT.FDCWD, path, mode);
        },
        else => {},
    }
    _ = try failure.done(.fchmodat, rc);
}

test "UnixAddress counts a path's NUL, and an abstract name's bytes alone" {
    var path: UnixAddress = .{ .bytes = 2 };
    path.un.path[0..2].* = "/x".*;
    try std.testing.expectEqual(2 + 3, path.length());
    try std.testing.expectEqual(2, UnixAddress.filled(path.un, 5).bytes);
    try std.testing.expectEqual(2, UnixAddress.filled(path.un, 110).bytes);
    path.bytes = 108;
    try std.testing.expectEqual(110, path.length());
    var abstract: UnixAddress = .{ .bytes = 3 };
    abstract.un.path[0..3].* = "\x00x\x00".*;
    try std.testing.expectEqual(2 + 3, abstract.length());
    try std.testing.expectEqual(3, UnixAddress.filled(abstract.un, 5).bytes);
    const none: UnixAddress = .{};
    try std.testing.expectEqual(2, none.length());
    try std.testing.expectEqual(0, UnixAddress.filled(none.un, 2).bytes);
    try std.testing.expectEqual(0, UnixAddress.filled(none.un, 0).bytes);
}

test "result() carries the errno and the call" {
    var failure: Failure = .{};
    try std.testing.expectError(error.Failed, openat(&failure, linux.AT.FDCWD, "/nonexistent", .{}, 0));
    try std.testing.expectEqual(E.NOENT, failure.errno);
    try std.testing.expectEqual(-(2 | 1 << 12), failure.result());
}

test "refuse() carries no call" {
    var failure: Failure = .{};
    try std.testing.expectEqual(error.Failed, failure.refuse(.BADF));
    try std.testing.expectEqual(-9, failure.result());
}
