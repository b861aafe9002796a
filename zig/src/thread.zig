//! Threads of the library's own: a raw clone with a stack and a thread control block of its own, since the library has no
//! libc to ask and std.Thread works only where Zig's start code ran.
//!
//!     guard      no access: a stack that runs over faults, and writes nowhere
//!     stack      65,536 bytes
//!     block      4,096 bytes, the thread pointer in their middle
//!
//! Such a thread makes raw system calls and nothing else: libc and the runtime keep state behind the thread pointer, and
//! what stands there is one page of zeroes. Without that page the thread would share its creator's block, and one stray
//! call would corrupt the heap of a JS thread.
//!
//! All signals are blocked in it, so that no handler of the runtime's ever runs there. A thread whose call is to be
//! interrupted opens one signal itself; the end blocks it again.
//!
//! When its work is done the thread unmaps its own memory and ends: nobody joins it and nothing is left.

const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;
const sys = @import("sys.zig");

const guard_bytes = std.heap.page_size_max;
const stack_bytes = 64 * 1024;
const block_bytes = 4096;
const total_bytes = guard_bytes + stack_bytes + block_bytes;

/// What a thread runs.
pub const Work = *const fn (argument: *anyopaque) void;

/// What the thread finds at the beginning of its block.
const Start = struct {
    work: Work,
    argument: *anyopaque,
    mapping: usize,
};

comptime {
    // The words around the thread pointer belong to thread-local variables of others.
    std.debug.assert(@sizeOf(Start) <= 256);
}

/// Starts a thread that runs `work` and ends: its thread id, which is for signals only.
pub fn start(failure: *sys.Failure, work: Work, argument: *anyopaque) sys.Error!i32 {
    if (builtin.sanitize_thread) return Watched.start(failure, work, argument);
    const mapping = try sys.mmap(failure, total_bytes, .{}, .{
        .TYPE = .PRIVATE,
        .ANONYMOUS = true,
        .NORESERVE = true,
    }, -1);
    errdefer {
        var ignored: sys.Failure = .{};
        sys.munmap(&ignored, mapping, total_bytes) catch {};
    }
    try sys.mprotect(failure, mapping + guard_bytes, stack_bytes + block_bytes, .{ .READ = true, .WRITE = true });
    const block = mapping + guard_bytes + stack_bytes;
    const first: *Start = @ptrFromInt(block);
    first.* = .{ .work = work, .argument = argument, .mapping = mapping };
    const pointer = block + block_bytes / 2;
    // x86-64 wants the block's own address there; on aarch64 it is the vector of dynamic TLS, which nobody reads.
    @as(*usize, @ptrFromInt(pointer)).* = pointer;

    // The new thread inherits the mask.
    const old = sys.blockSignals();
    defer sys.restoreSignals(old);
    return sys.clone(failure, enter, block, block, pointer);
}

fn enter(block: usize) callconv(.c) u8 {
    const first: *const Start = @ptrFromInt(block);
    const mapping = first.mapping;
    sys.nameThread("hawser");
    first.work(first.argument);
    _ = sys.blockSignals(); // A handler would find no stack below.
    end(mapping);
}

/// Unmaps the memory the thread stands on and ends it, without touching the stack in between.
fn end(mapping: usize) noreturn {
    switch (builtin.cpu.arch) {
        .x86_64 => asm volatile (
            \\ movl $11, %%eax
            \\ syscall
            \\ movl $60, %%eax
            \\ xorl %%edi, %%edi
            \\ syscall
            :
            : [mapping] "{rdi}" (mapping),
              [bytes] "{rsi}" (total_bytes),
            : .{ .memory = true, .rax = true, .rcx = true, .r11 = true }),
        .aarch64 => asm volatile (
            \\ mov x8, #215
            \\ svc 0
            \\ mov x8, #93
            \\ mov x0, #0
            \\ svc 0
            :
            : [mapping] "{x0}" (mapping),
              [bytes] "{x1}" (@as(usize, total_bytes)),
            : .{ .memory = true, .x8 = true }),
        else => @compileError("hawser runs on x86-64 and aarch64"),
    }
    unreachable;
}

/// A thread of libc's instead, for ThreadSanitizer: it keeps what it knows of a thread behind libc's thread pointer.
const Watched = struct {
    work: Work,
    argument: *anyopaque,
    /// A futex: the thread's id when it runs.
    tid: u32,

    fn start(failure: *sys.Failure, work: Work, argument: *anyopaque) sys.Error!i32 {
        var watched: Watched = .{ .work = work, .argument = argument, .tid = 0 };
        const old = sys.blockSignals();
        defer sys.restoreSignals(old);
        const thread = std.Thread.spawn(.{}, Watched.run, .{&watched}) catch return failure.refuse(.AGAIN);
        thread.detach();
        while (true) {
            const tid = @atomicLoad(u32, &watched.tid, .acquire);
            if (tid != 0) return @intCast(tid);
            _ = sys.futexSleep(&watched.tid, 0, sys.never, true);
        }
    }

    fn run(watched: *Watched) void {
        const work = watched.work;
        const argument = watched.argument;
        const tid = &watched.tid;
        @atomicStore(u32, tid, @intCast(sys.gettid()), .release);
        // `watched` may be gone by now: this wakes nobody then, or somebody who looks again.
        _ = linux.futex_3arg(tid, .{ .cmd = .WAKE, .private = true }, 1);
        work(argument);
    }
};

const Probe = struct {
    pointer: usize = 0,
    block: usize = 0,
    tid: i32 = 0,
    mask: linux.sigset_t = linux.sigemptyset(),
    /// A futex: 1 when the fields are filled.
    done: u32 = 0,

    fn run(argument: *anyopaque) void {
        const probe: *Probe = @ptrCast(@alignCast(argument));
        probe.pointer = sys.threadPointer();
        var local: u32 = 0;
        probe.block = @intFromPtr(&local);
        probe.tid = sys.gettid();
        _ = linux.sigprocmask(linux.SIG.BLOCK, null, &probe.mask);
        @atomicStore(u32, &probe.done, 1, .release);
        _ = linux.futex_3arg(&probe.done, .{ .cmd = .WAKE, .private = true }, 1);
    }

    fn wait(probe: *Probe) void {
        while (@atomicLoad(u32, &probe.done, .acquire) == 0) {
            _ = linux.futex_4arg(&probe.done, .{ .cmd = .WAIT, .private = true }, 0, null);
        }
    }
};

/// Waits until the kernel knows no thread of that id in this process.
fn waitForEnd(tid: i32) !void {
    for (0..10_000) |_| {
        if (!sys.threadAlive(tid)) return;
        const pause: linux.timespec = .{ .sec = 0, .nsec = std.time.ns_per_ms };
        _ = linux.nanosleep(&pause, null);
    }
    return error.StillThere;
}

test "start() runs the work on a thread with its own pointer, its own stack and no signal open" {
    var failure: sys.Failure = .{};
    var probe: Probe = .{};
    const tid = try start(&failure, Probe.run, &probe);
    probe.wait();
    try std.testing.expect(probe.pointer != sys.threadPointer());
    try std.testing.expectEqual(tid, probe.tid);
    if (builtin.sanitize_thread) return; // Its stack is libc's.
    const distance = probe.pointer - probe.block;
    try std.testing.expect(distance < stack_bytes);
    for ([_]linux.SIG{ .HUP, .INT, .USR1, .CHLD, .PROF }) |signal| {
        try std.testing.expect(linux.sigismember(&probe.mask, signal));
    }
    try waitForEnd(tid);
    // The stack went with the thread: the kernel finds nothing to write back there.
    try std.testing.expectError(error.Failed, sys.msync(&failure, probe.pointer & ~@as(usize, std.heap.page_size_max - 1), 4096));
    try std.testing.expectEqual(sys.E.NOMEM, failure.errno);
}

test "start() leaves the caller's signal mask as it was" {
    var before: linux.sigset_t = linux.sigemptyset();
    var after: linux.sigset_t = linux.sigemptyset();
    _ = linux.sigprocmask(linux.SIG.BLOCK, null, &before);
    var failure: sys.Failure = .{};
    var probe: Probe = .{};
    const tid = try start(&failure, Probe.run, &probe);
    _ = linux.sigprocmask(linux.SIG.BLOCK, null, &after);
    try std.testing.expectEqual(before, after);
    probe.wait();
    try waitForEnd(tid);
}

test "200 threads leave nothing behind" {
    var failure: sys.Failure = .{};
    var last: i32 = 0;
    for (0..200) |_| {
        var probe: Probe = .{};
        last = try start(&failure, Probe.run, &probe);
        probe.wait();
    }
    try waitForEnd(last);
}
