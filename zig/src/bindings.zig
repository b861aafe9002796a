//! Writes ffi/symbols.ts to standard output: everything TypeScript knows of the library. The kinds come from the types
//! themselves, the names of parameters and the comments from the text of exports.zig.

const std = @import("std");
const linux = std.os.linux;
const Ast = std.zig.Ast;
const boundary = @import("boundary.zig");
const constants = @import("constants.zig");
const sys = @import("sys.zig");

const source = @embedFile("exports.zig");

pub fn main() !void {
    var arena = std.heap.ArenaAllocator.init(std.heap.page_allocator);
    defer arena.deinit();
    var out: std.Io.Writer.Allocating = .init(arena.allocator());
    try write(arena.allocator(), &out.writer);

    var rest = out.written();
    while (rest.len > 0) {
        const rc = linux.write(1, rest.ptr, rest.len);
        if (linux.errno(rc) != .SUCCESS) return error.Write;
        rest = rest[rc..];
    }
}

fn write(gpa: std.mem.Allocator, out: *std.Io.Writer) !void {
    try out.writeAll(
        \\// Written by zig/src/bindings.zig from the Zig sources. Do not edit: `npm run build`.
        \\
        \\
    );
    try out.print("/** The hash of all that stands here; the library answers with its own. */\n", .{});
    try out.print("export const abi: number = 0x{x};\n\n", .{boundary.abi_hash});
    try writeSignatures(out);
    try writeCore(gpa, out);
    try writeErrnos(out);
    try writeCalls(out);
    try writeConstants(out);
    try writeLayouts(out);
    try writeOptions(out);
}

fn writeSignatures(out: *std.Io.Writer) !void {
    try out.writeAll(
        \\/** The kinds of argument and result. A `buffer` is a Uint8Array that is not empty. */
        \\export type Kind = "u32" | "i32" | "f64" | "handle" | "fd" | "buffer";
        \\
        \\/** One function of the library. */
        \\export interface Signature {
        \\  readonly args: readonly Kind[];
        \\  readonly returns: Kind;
        \\}
        \\
        \\/** Every function of the library. */
        \\export const signatures: Readonly<Record<keyof Core, Signature>> = {
        \\
    );
    for (boundary.functions) |function| {
        try out.print("  hawser_{s}: {{ args: [", .{function.name});
        for (function.args, 0..) |kind, i| try out.print("{s}\"{t}\"", .{ if (i == 0) "" else ", ", kind });
        try out.print("], returns: \"{t}\" }},\n", .{function.returns});
    }
    try out.writeAll("};\n\n");
}

fn writeCore(gpa: std.mem.Allocator, out: *std.Io.Writer) !void {
    const tree = try Ast.parse(gpa, source, .zig);
    try out.writeAll("/** The library as TypeScript calls it, the same in every runtime. */\nexport interface Core {\n");
    for (boundary.functions) |function| {
        const proto = try prototype(&tree, function.name);
        try writeDocs(&tree, out, proto);
        try out.print("  hawser_{s}(", .{function.name});
        var params = proto.iterate(&tree);
        var i: usize = 0;
        while (params.next()) |param| : (i += 1) {
            const kind = function.args[i];
            const text = tree.tokenSlice(param.name_token.?);
            try out.print("{s}{s}: {s}", .{ if (i == 0) "" else ", ", text, if (kind == .buffer) "Uint8Array" else "number" });
        }
        try out.writeAll("): number;\n");
    }
    try out.writeAll("}\n\n");
}

fn prototype(tree: *const Ast, name: []const u8) !Ast.full.FnProto {
    for (tree.rootDecls()) |node| {
        if (tree.nodeTag(node) != .fn_decl) continue;
        // One parameter at most has another node tag than several; the buffer serves the first kind.
        const proto = tree.fullFnProto(&one_parameter, node) orelse continue;
        if (std.mem.eql(u8, tree.tokenSlice(proto.name_token.?), name)) return proto;
    }
    return error.NoSuchFunction;
}

var one_parameter: [1]Ast.Node.Index = undefined;

fn writeDocs(tree: *const Ast, out: *std.Io.Writer, proto: Ast.full.FnProto) !void {
    var first = proto.visib_token orelse proto.ast.fn_token;
    const end = first;
    while (first > 0 and tree.tokenTag(first - 1) == .doc_comment) first -= 1;
    if (first == end) return;
    try out.writeAll("  /**\n");
    for (first..end) |token| {
        try out.print("   *{s}\n", .{tree.tokenSlice(@intCast(token))["///".len..]});
    }
    try out.writeAll("   */\n");
}

fn writeErrnos(out: *std.Io.Writer) !void {
    try out.writeAll("/** The names of the error numbers, which the runtimes know only in part. */\n");
    try out.writeAll("export const errnoNames: Readonly<Record<number, string>> = {\n");
    for (std.enums.values(sys.E)) |errno| {
        if (errno == .SUCCESS) continue;
        try out.print("  {d}: \"E{t}\",\n", .{ @intFromEnum(errno), errno });
    }
    try out.writeAll("};\n\n");
}

fn writeCalls(out: *std.Io.Writer) !void {
    try out.writeAll("/** The system calls by the number that a failed result carries above its errno. */\n");
    try out.writeAll("export const calls: readonly string[] = [\n");
    for (std.enums.values(sys.Call)) |call| try out.print("  \"{t}\",\n", .{call});
    try out.writeAll("];\n\n");
}

fn writeConstants(out: *std.Io.Writer) !void {
    inline for (comptime std.meta.declarations(constants)) |decl| {
        const value = @field(constants, decl.name);
        if (comptime boundary.isText(@TypeOf(value))) {
            try out.print("export const {s}: string = \"{s}\";\n", .{ decl.name, value });
        } else {
            try out.print("export const {s}: number = {d};\n", .{ decl.name, value });
        }
    }
}

fn writeLayouts(out: *std.Io.Writer) !void {
    try out.writeAll("\n/** Structures the library fills: size and offsets in bytes. */\nexport const layouts = {\n");
    inline for (boundary.layouts) |layout| {
        try out.print("  {s}: {{ size: {d}", .{ layout[0], @sizeOf(layout[1]) });
        inline for (comptime std.meta.fieldNames(layout[1])) |name| {
            try out.print(", {s}: {d}", .{ name, @offsetOf(layout[1], name) });
        }
        try out.writeAll(" },\n");
    }
    try out.writeAll("} as const;\n");
}

fn writeOptions(out: *std.Io.Writer) !void {
    try out.writeAll("\n/** Option words the library takes: each flag's bit. */\nexport const options = {\n");
    inline for (boundary.options) |option| {
        try out.print("  {s}: {{", .{option[0]});
        comptime var first = true;
        inline for (comptime std.meta.fieldNames(option[1])) |name| {
            if (comptime name[0] != '_') {
                try out.print("{s} {s}: {d}", .{ if (first) "" else ",", name, 1 << @bitOffsetOf(option[1], name) });
                first = false;
            }
        }
        try out.writeAll(" },\n");
    }
    try out.writeAll("} as const;\n");
}
