//! Every system call hawser makes, by its man-page name.
//!
//! A call that fails leaves its errno and its name in the caller's `Failure` and returns `error.Failed`, so that `try`
//! and `errdefer` work and the two reach TypeScript together (`Failure.result`). No libc, no errno variable.

const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;

pub const E = linux.E;
pub const O = linux.O;

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

    /// Notes a refusal of hawser's own, where no call was made.
    pub fn refuse(failure: *Failure, errno: E) Error {
        failure.* = .{ .errno = errno };
        return error.Failed;
    }

    fn done(failure: *Failure, call: Call, rc: usize) Error!usize {
        const errno = linux.errno(rc);
        if (errno == .SUCCESS) return rc;
        failure.* = .{ .errno = errno, .call = call };
        return error.Failed;
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
    return failure.done(.mmap, linux.mmap(null, bytes, prot, flags, fd, 0));
}

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
    _ = try failure.done(.munmap, linux.munmap(@ptrFromInt(address), bytes));
}

/// mremap(2) that may move the mapping.
pub fn mremap(failure: *Failure, address: usize, bytes: u64, bytes_new: u64) Error!usize {
    const rc = linux.mremap(@ptrFromInt(address), bytes, bytes_new, .{ .MAYMOVE = true }, null);
    return failure.done(.mremap, rc);
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

/// futex(2), FUTEX_WAIT on a word that other processes map too.
///
/// A word that no longer holds `expected` counts as woken: callers read it again in any case.
/// Interrupted waits are not repeated here, since only the caller knows how much time is left.
pub fn futexWait(failure: *Failure, word: *const u32, expected: u32, timeout: ?*const linux.timespec) Error!void {
    const op: linux.FUTEX_OP = .{ .cmd = .WAIT, .private = false };
    const rc = linux.futex_4arg(word, op, expected, timeout);
    if (linux.errno(rc) == .AGAIN) return;
    _ = try failure.done(.futex, rc);
}

/// A timeout in milliseconds as the kernel takes it; null where it is not a number of them.
pub fn timespec(timeout_ms: f64) ?linux.timespec {
    const seconds_max = std.math.maxInt(i32);
    if (std.math.isNan(timeout_ms)) return null;
    const seconds = @floor(@max(timeout_ms, 0) / 1000);
    if (seconds >= seconds_max) return .{ .sec = seconds_max, .nsec = 0 };
    const nanoseconds = (@max(timeout_ms, 0) - seconds * 1000) * std.time.ns_per_ms;
    return .{ .sec = @intFromFloat(seconds), .nsec = @intFromFloat(@min(nanoseconds, std.time.ns_per_s - 1)) };
}

/// futex(2), FUTEX_WAKE on a word that other processes map too: how many were woken.
pub fn futexWake(failure: *Failure, word: *const u32, count: u32) Error!u32 {
    const op: linux.FUTEX_OP = .{ .cmd = .WAKE, .private = false };
    return @intCast(try failure.done(.futex, linux.futex_3arg(word, op, count)));
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

/// prctl(2), PR_SET_NAME: the calling thread's name in /proc and in debuggers.
pub fn nameThread(name: [*:0]const u8) void {
    _ = linux.prctl(@intFromEnum(linux.PR.SET_NAME), @intFromPtr(name), 0, 0, 0);
}

/// tgkill(2) without a signal: whether this process has a thread of that id.
pub fn threadAlive(tid: i32) bool {
    return linux.errno(linux.syscall3(.tgkill, @intCast(linux.getpid()), @intCast(tid), 0)) != .SRCH;
}

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
