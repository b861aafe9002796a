//! A user's library: one function per C type and direction, which tests/ffi_shim.test.ts calls through `hawser/ffi`.
//! It links no libc; the one thread it starts is libpthread's, found in the process that loads it.

// Identity, so that what went in can be compared with what came out: each width crosses in both directions.
export fn id_i8(value: i8) i8 {
    return value;
}
export fn id_u8(value: u8) u8 {
    return value;
}
export fn id_i16(value: i16) i16 {
    return value;
}
export fn id_u16(value: u16) u16 {
    return value;
}
export fn id_i32(value: i32) i32 {
    return value;
}
export fn id_u32(value: u32) u32 {
    return value;
}
export fn id_i64(value: i64) i64 {
    return value;
}
export fn id_u64(value: u64) u64 {
    return value;
}
export fn id_f32(value: f32) f32 {
    return value;
}
export fn id_f64(value: f64) f64 {
    return value;
}
export fn id_bool(value: bool) bool {
    return value;
}
export fn id_ptr(value: ?*anyopaque) ?*anyopaque {
    return value;
}

// The value as the callee sees it: an identity alone would not notice a type mapped to a wider one.
export fn widen_i8(value: i8) i64 {
    return value;
}
export fn widen_u8(value: u8) i64 {
    return value;
}
export fn widen_i16(value: i16) i64 {
    return value;
}
export fn widen_u16(value: u16) i64 {
    return value;
}
export fn widen_i32(value: i32) i64 {
    return value;
}
export fn widen_u32(value: u32) i64 {
    return value;
}
export fn widen_bool(value: bool) i64 {
    return @intFromBool(value);
}
export fn bits_f32(value: f32) u32 {
    return @bitCast(value);
}
export fn bits_f64(value: f64) u64 {
    return @bitCast(value);
}

var calls: u32 = 0;
/// Counts, to show that a refused call was never made.
export fn count() u32 {
    calls += 1;
    return calls;
}
export fn count_with(a: u8, b: u8) u32 {
    calls += 1;
    return calls + a + b;
}
export fn nothing() void {}

/// More arguments than there are registers of either kind.
export fn many(a: i8, b: f64, c: u16, d: f32, e: i32, f: u64, g: bool, h: i64, i: u32, j: f64, k: u8) f64 {
    var total: f64 = @floatFromInt(@as(i64, a) + c + e + @intFromBool(g) + h + i + k);
    total += @floatFromInt(f);
    return total + b + d + j;
}
export fn three(a: u8, b: u16, c: u32) u32 {
    return a + b + c;
}

export fn text() [*:0]const u8 {
    return "grüße aus C";
}
export fn text_empty() [*:0]const u8 {
    return "";
}
export fn text_bad() [*:0]const u8 {
    return "a\xffb";
}
export fn text_null() ?[*:0]const u8 {
    return null;
}
export fn length(value: ?[*:0]const u8) i64 {
    const bytes = value orelse return -1;
    var n: usize = 0;
    while (bytes[n] != 0) n += 1;
    return @intCast(n);
}

const Point = extern struct { id: u32, x: f64, y: f64, next: ?*Point };
/// Moves a chain of points, and returns its last one.
export fn point_move(first: ?*Point, dx: f64, dy: f64) ?*Point {
    var last: ?*Point = null;
    var at = first;
    while (at) |point| : (at = point.next) {
        point.x += dx;
        point.y += dy;
        last = point;
    }
    return last;
}
export fn sum(bytes: ?[*]const u8, bytes_len: u64) u64 {
    var total: u64 = 0;
    const from = bytes orelse return 0;
    for (from[0..@intCast(bytes_len)]) |byte| total += byte;
    return total;
}

// Callbacks: C hands each type to JavaScript and takes it back.
export fn call_i8(f: *const fn (i8) callconv(.c) i8, value: i8) i8 {
    return f(value);
}
export fn call_u8(f: *const fn (u8) callconv(.c) u8, value: u8) u8 {
    return f(value);
}
export fn call_i16(f: *const fn (i16) callconv(.c) i16, value: i16) i16 {
    return f(value);
}
export fn call_u16(f: *const fn (u16) callconv(.c) u16, value: u16) u16 {
    return f(value);
}
export fn call_i32(f: *const fn (i32) callconv(.c) i32, value: i32) i32 {
    return f(value);
}
export fn call_u32(f: *const fn (u32) callconv(.c) u32, value: u32) u32 {
    return f(value);
}
export fn call_i64(f: *const fn (i64) callconv(.c) i64, value: i64) i64 {
    return f(value);
}
export fn call_u64(f: *const fn (u64) callconv(.c) u64, value: u64) u64 {
    return f(value);
}
export fn call_f32(f: *const fn (f32) callconv(.c) f32, value: f32) f32 {
    return f(value);
}
export fn call_f64(f: *const fn (f64) callconv(.c) f64, value: f64) f64 {
    return f(value);
}
export fn call_bool(f: *const fn (bool) callconv(.c) bool, value: bool) bool {
    return f(value);
}
export fn call_ptr(f: *const fn (?*anyopaque) callconv(.c) ?*anyopaque, value: ?*anyopaque) ?*anyopaque {
    return f(value);
}
export fn call_void(f: *const fn () callconv(.c) void) void {
    f();
}
export fn call_times(f: *const fn (i32) callconv(.c) i32, times: i32) i32 {
    var total: i32 = 0;
    var n: i32 = 0;
    while (n < times) : (n += 1) total += f(n);
    return total;
}
fn double(value: i32) callconv(.c) i32 {
    return value * 2;
}
export fn doubler() *const fn (i32) callconv(.c) i32 {
    return &double;
}

const Callback = *const fn (i32) callconv(.c) void;
extern fn pthread_create(thread: *usize, attr: ?*anyopaque, start: *const fn (?*anyopaque) callconv(.c) ?*anyopaque, arg: ?*anyopaque) c_int;
extern fn pthread_join(thread: usize, result: ?*?*anyopaque) c_int;

fn threadMain(arg: ?*anyopaque) callconv(.c) ?*anyopaque {
    const f: Callback = @ptrCast(@alignCast(arg.?));
    f(41);
    f(42);
    return null;
}
/// Starts a thread that calls `f` twice; the thread, or 0.
export fn thread_start(f: Callback) usize {
    var thread: usize = 0;
    if (pthread_create(&thread, null, threadMain, @ptrCast(@constCast(f))) != 0) return 0;
    return thread;
}
export fn thread_join(thread: usize) i32 {
    return pthread_join(thread, null);
}
