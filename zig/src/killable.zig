//! The root of the library that crash tests load: the shipped one, with its kill points (kill_point.zig) in.

pub const kill_points = true;

comptime {
    _ = @import("hawser.zig");
}
