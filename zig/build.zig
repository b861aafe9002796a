const std = @import("std");

/// Every target the package ships. No libc is linked, so one file serves both glibc and musl systems.
const shipped = [_]std.Target.Query{
    .{ .cpu_arch = .x86_64, .os_tag = .linux, .abi = .none },
    .{ .cpu_arch = .aarch64, .os_tag = .linux, .abi = .none },
};

pub fn build(b: *std.Build) void {
    // Not standardOptimizeOption: that one builds Debug unless --release is given.
    const optimize = b.option(std.builtin.OptimizeMode, "optimize", "default ReleaseFast") orelse .ReleaseFast;
    const host = b.standardTargetOptions(.{});
    const kill_points = b.option(bool, "kill_points", "build the library of the crash tests instead") orelse false;

    // `zig build -Dkill_points=true`: only the library of the crash tests, libhawser.so for the host; see kill_point.zig.
    if (kill_points) {
        const query: std.Target.Query = .{ .cpu_arch = b.graph.host.result.cpu.arch, .os_tag = .linux, .abi = .none };
        const library = addLibrary(b, query, optimize, "src/killable.zig");
        return b.getInstallStep().dependOn(&b.addInstallFile(library, "libhawser.so").step);
    }

    // `zig build`: one shared library per shipped target, zig-out/<os>-<cpu>/libhawser.so, and zig-out/bin/bindings.
    for (shipped) |query| {
        const path = b.fmt("{s}-{s}/libhawser.so", .{ @tagName(query.os_tag.?), @tagName(query.cpu_arch.?) });
        const install = b.addInstallFile(addLibrary(b, query, optimize, "src/hawser.zig"), path);
        b.getInstallStep().dependOn(&install.step);
    }
    const bindings = b.addExecutable(.{ .name = "bindings", .root_module = b.createModule(.{
        .root_source_file = b.path("src/bindings.zig"),
        .target = b.graph.host,
        .optimize = .Debug,
    }) });
    b.installArtifact(bindings);

    // `zig build test`: unit tests on the host, or with -Dtarget=aarch64-linux -fqemu; -Dtsan=true: under ThreadSanitizer,
    // after it has reported a known race. Without LLVM it is silent, and its runtime stands on libc.
    const tsan = b.option(bool, "tsan", "run the unit tests under ThreadSanitizer") orelse false;
    const tests = b.addTest(.{
        .root_module = b.createModule(.{
            .root_source_file = b.path("src/hawser.zig"),
            .target = host,
            .optimize = .Debug,
            .sanitize_thread = tsan,
            .link_libc = tsan,
        }),
        .filters = b.option([]const []const u8, "filter", "only tests whose name has this") orelse &.{},
        .use_llvm = if (tsan) true else null,
    });
    const run = b.addRunArtifact(tests);
    run.has_side_effects = true; // They touch /dev/shm: a cached pass proves nothing.
    if (tsan) run.step.dependOn(knownRace(b, host));
    b.step("test", "Run the unit tests").dependOn(&run.step);
}

fn knownRace(b: *std.Build, target: std.Build.ResolvedTarget) *std.Build.Step {
    const program = b.addExecutable(.{
        .name = "race",
        .root_module = b.createModule(.{
            .root_source_file = b.path("src/race.zig"),
            .target = target,
            .optimize = .Debug,
            .sanitize_thread = true,
            .link_libc = true,
        }),
        .use_llvm = true,
    });
    const run = b.addRunArtifact(program);
    run.has_side_effects = true;
    run.addCheck(.{ .expect_stderr_match = "WARNING: ThreadSanitizer: data race" });
    run.addCheck(.{ .expect_term = .{ .exited = 66 } }); // ThreadSanitizer's own.
    return &run.step;
}

/// Through the command line, which alone knows `-z nodelete`: runtimes unload libraries at exit while a thread of ours
/// may still run in them. `-z lazy`: napi_* come from the host process, and only some hosts have them.
fn addLibrary(
    b: *std.Build,
    query: std.Target.Query,
    optimize: std.builtin.OptimizeMode,
    path: []const u8,
) std.Build.LazyPath {
    const command = b.addSystemCommand(&.{ b.graph.zig_exe, "build-lib", "-dynamic", "--name", "hawser" });
    command.addArgs(&.{ "-target", query.zigTriple(b.allocator) catch @panic("out of memory") });
    command.addArgs(&.{ "-O", @tagName(optimize), "-fstrip", "-fPIC", "-fno-single-threaded", "-fno-stack-protector" });
    command.addArgs(&.{ "-fno-unwind-tables", "-fallow-shlib-undefined", "-z", "lazy", "-z", "nodelete" });
    command.addArgs(&.{ "-fsoname=libhawser.so", "--cache-dir", b.cache_root.path orelse "." });
    const library = command.addPrefixedOutputFileArg("-femit-bin=", "libhawser.so");
    command.addFileArg(b.path(path));
    command.has_side_effects = true; // The sources are not listed here; the compiler has a cache of its own.
    return library;
}
