//! The Node-API entry of the library. Every wrapper is made at compile time from the type of the functions it wraps: one
//! for each type, which is told the function. view() and detach() are the two things Deno and Bun have of their own and
//! Node has only here.
//!
//! The declarations are written by hand: Node-API is ABI-stable, so no header of Node's is needed. The symbols stay
//! undefined in the library and are resolved by the host process, lazily, so that other hosts can open it too.

const std = @import("std");
const boundary = @import("boundary.zig");
const exports = @import("exports.zig");
const fork = @import("fork.zig");

const Env = *opaque {};
const Value = ?*opaque {};
const CallbackInfo = *opaque {};
const Status = c_int;
const Callback = *const fn (Env, CallbackInfo) callconv(.c) Value;
const ok: Status = 0;

extern fn napi_create_double(env: Env, value: f64, result: *Value) Status;
extern fn napi_create_int32(env: Env, value: i32, result: *Value) Status;
extern fn napi_create_uint32(env: Env, value: u32, result: *Value) Status;
extern fn napi_get_value_double(env: Env, value: Value, result: *f64) Status;
extern fn napi_get_value_int32(env: Env, value: Value, result: *i32) Status;
extern fn napi_get_value_uint32(env: Env, value: Value, result: *u32) Status;
extern fn napi_create_function(
    env: Env,
    name: [*]const u8,
    name_bytes: usize,
    callback: Callback,
    data: ?*anyopaque,
    result: *Value,
) Status;
extern fn napi_set_named_property(env: Env, object: Value, name: [*:0]const u8, value: Value) Status;
extern fn napi_get_cb_info(
    env: Env,
    info: CallbackInfo,
    argc: *usize,
    argv: [*]Value,
    this: ?*Value,
    data: ?*?*anyopaque,
) Status;
extern fn napi_get_typedarray_info(
    env: Env,
    value: Value,
    kind: ?*c_int,
    length: ?*usize,
    data: ?*?*anyopaque,
    buffer: ?*Value,
    offset: ?*usize,
) Status;
extern fn napi_create_external_arraybuffer(
    env: Env,
    data: ?*anyopaque,
    bytes: usize,
    finalize: ?*const anyopaque,
    hint: ?*anyopaque,
    result: *Value,
) Status;
extern fn napi_detach_arraybuffer(env: Env, buffer: Value) Status;
extern fn napi_throw_type_error(env: Env, code: ?[*:0]const u8, message: [*:0]const u8) Status;

/// napi_register_module_v1(): puts every function into the module's exports.
pub fn register(env: Env, module: Value) callconv(.c) Value {
    inline for (boundary.functions) |function| {
        const told = struct {
            const native = fork.guarded(function);
            const entry: Entry = .{ .native = @ptrCast(native), .name = "hawser_" ++ function.name };
        };
        define(env, module, told.entry.name, Wrapper(@TypeOf(told.native)).call, &told.entry);
    }
    define(env, module, "view", view, null);
    define(env, module, "detach", detach, null);
    return module;
}

/// node_api_module_get_api_version_v1().
pub fn version() callconv(.c) i32 {
    return 8;
}

fn define(env: Env, module: Value, name: [:0]const u8, callback: Callback, entry: ?*const Entry) void {
    var function: Value = null;
    const data: ?*anyopaque = @ptrCast(@constCast(entry));
    if (napi_create_function(env, name.ptr, name.len, callback, data, &function) != ok) return;
    _ = napi_set_named_property(env, module, name.ptr, function);
}

/// A function as its wrapper is told of it.
const Entry = struct {
    native: *const anyopaque,
    name: [:0]const u8,
};

fn Wrapper(comptime Native: type) type {
    const info_native = @typeInfo(@typeInfo(Native).pointer.child).@"fn";
    return struct {
        fn call(env: Env, info: CallbackInfo) callconv(.c) Value {
            const count = info_native.params.len;
            var argc: usize = count;
            var argv: [@max(1, count)]Value = @splat(null);
            var data: ?*anyopaque = null;
            if (napi_get_cb_info(env, info, &argc, &argv, null, &data) != ok) return null;
            const entry: *const Entry = @ptrCast(@alignCast(data.?));

            var args: std.meta.ArgsTuple(@typeInfo(Native).pointer.child) = undefined;
            var buffer_bytes: usize = 0;
            comptime var after_buffer = false;
            inline for (info_native.params, 0..) |param, i| {
                const kind = comptime boundary.kindOf(param.type.?);
                const status = switch (kind) {
                    .u32 => napi_get_value_uint32(env, argv[i], &args[i]),
                    .i32 => napi_get_value_int32(env, argv[i], &args[i]),
                    .f64 => napi_get_value_double(env, argv[i], &args[i]),
                    .handle => napi_get_value_uint32(env, argv[i], @ptrCast(&args[i])),
                    .fd => napi_get_value_int32(env, argv[i], @ptrCast(&args[i])),
                    .buffer => bufferOf(env, argv[i], @ptrCast(&args[i]), &buffer_bytes),
                };
                if (status != ok) return refuseArgument(env, entry, i);
                // The length that follows a buffer was written beside it and not read from it.
                if (after_buffer) if (args[i] > buffer_bytes) return refuseArgument(env, entry, i);
                after_buffer = kind == .buffer;
            }
            const native: Native = @ptrCast(@alignCast(entry.native));
            return toValue(env, @call(.auto, native, args));
        }
    };
}

/// "hawser_fd_read: wrong argument 0".
noinline fn refuseArgument(env: Env, entry: *const Entry, place: usize) Value {
    var message: [96]u8 = undefined;
    const text = ": wrong argument ";
    std.debug.assert(entry.name.len + text.len + 2 <= message.len and place <= 9);
    @memcpy(message[0..entry.name.len], entry.name);
    @memcpy(message[entry.name.len..][0..text.len], text);
    message[entry.name.len + text.len] = '0' + @as(u8, @intCast(place));
    message[entry.name.len + text.len + 1] = 0;
    return refuse(env, message[0 .. entry.name.len + text.len + 1 :0]);
}

/// The bytes of a Uint8Array.
fn bufferOf(env: Env, value: Value, data: *?*anyopaque, bytes: *usize) Status {
    const uint8_array = 1;
    var kind: c_int = -1;
    const status = napi_get_typedarray_info(env, value, &kind, bytes, data, null, null);
    return if (status == ok and kind != uint8_array) 1 else status;
}

fn toValue(env: Env, result: anytype) Value {
    var value: Value = null;
    _ = switch (@TypeOf(result)) {
        u32 => napi_create_uint32(env, result, &value),
        i32 => napi_create_int32(env, result, &value),
        f64 => napi_create_double(env, result, &value),
        else => comptime unreachable,
    };
    return value;
}

/// view(address, bytes): an ArrayBuffer over a mapping, which nothing frees.
fn view(env: Env, info: CallbackInfo) callconv(.c) Value {
    var argc: usize = 2;
    var argv: [2]Value = @splat(null);
    var address: f64 = 0;
    var bytes: f64 = 0;
    if (napi_get_cb_info(env, info, &argc, &argv, null, null) != ok) return null;
    const numbers = napi_get_value_double(env, argv[0], &address) == ok and napi_get_value_double(env, argv[1], &bytes) == ok;
    if (!numbers or !(address > 0 and bytes > 0 and address < 1 << 53 and bytes < 1 << 53)) return refuse(env, "view: wrong argument");
    var value: Value = null;
    const start: usize = @intFromFloat(address);
    const status = napi_create_external_arraybuffer(env, @ptrFromInt(start), @intFromFloat(bytes), null, null, &value);
    return if (status == ok) value else refuse(env, "view: this runtime makes no ArrayBuffer over foreign memory");
}

/// detach(buffer): takes the memory away from an ArrayBuffer. Node 20 has no ArrayBuffer.prototype.transfer().
fn detach(env: Env, info: CallbackInfo) callconv(.c) Value {
    var argc: usize = 1;
    var argv: [1]Value = .{null};
    if (napi_get_cb_info(env, info, &argc, &argv, null, null) != ok) return null;
    if (napi_detach_arraybuffer(env, argv[0]) != ok) return refuse(env, "detach: wrong argument");
    return null;
}

fn refuse(env: Env, message: [*:0]const u8) Value {
    _ = napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
    return null;
}
