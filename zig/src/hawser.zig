//! The root of the library: exports every function of exports.zig as a C symbol, and the Node-API entry.

const builtin = @import("builtin");
const boundary = @import("boundary.zig");
const exports = @import("exports.zig");
const fork = @import("fork.zig");
const napi = @import("napi.zig");

comptime {
    // A test binary is an executable: napi_* would be undefined at link time.
    if (!builtin.is_test) {
        for (boundary.functions) |function| {
            @export(fork.guarded(function), .{ .name = "hawser_" ++ function.name });
        }
        @export(&napi.register, .{ .name = "napi_register_module_v1" });
        @export(&napi.version, .{ .name = "node_api_module_get_api_version_v1" });
    }
}

test {
    _ = exports;
    _ = @import("bell.zig");
    _ = @import("call.zig");
    _ = @import("constants.zig");
    _ = @import("eventfd.zig");
    _ = @import("fd.zig");
    _ = fork;
    _ = @import("handle.zig");
    _ = @import("lock.zig");
    _ = @import("memory.zig");
    _ = @import("mutex.zig");
    _ = @import("netlink.zig");
    _ = @import("object.zig");
    _ = @import("pidfd.zig");
    _ = @import("pipe.zig");
    _ = @import("poll.zig");
    _ = @import("pool.zig");
    _ = @import("robust.zig");
    _ = @import("sys.zig");
    _ = @import("thread.zig");
    _ = @import("wait.zig");
}
