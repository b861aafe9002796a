//! A futex lock between the threads of this process, held for a few instructions. It works on threads of the library's
//! own as well (thread.zig), which std's locks do not.

const linux = @import("std").os.linux;

pub const Lock = struct {
    /// 0 free, 1 held, 2 held and perhaps waited for.
    state: u32 = 0,

    pub fn acquire(self: *Lock) void {
        // Pairs with the release in release().
        if (@cmpxchgStrong(u32, &self.state, 0, 1, .acquire, .monotonic) == null) return;
        while (@atomicRmw(u32, &self.state, .Xchg, 2, .acquire) != 0) {
            _ = linux.futex_4arg(&self.state, .{ .cmd = .WAIT, .private = true }, 2, null);
        }
    }

    pub fn release(self: *Lock) void {
        // Pairs with the acquire in acquire().
        if (@atomicRmw(u32, &self.state, .Xchg, 0, .release) == 2) {
            _ = linux.futex_3arg(&self.state, .{ .cmd = .WAKE, .private = true }, 1);
        }
    }
};
