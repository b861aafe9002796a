//! A library of another version, as far as a loader can see: it has the one function that every version has, in the C
//! ABI and as a Node-API module, and it answers with a hash that no table has.

const Env = *opaque {};
const Value = ?*opaque {};
const Callback = *const fn (Env, ?*anyopaque) callconv(.c) Value;

extern fn napi_create_uint32(env: Env, value: u32, result: *Value) c_int;
extern fn napi_create_function(env: Env, name: [*]const u8, bytes: usize, callback: Callback, data: ?*anyopaque, result: *Value) c_int;
extern fn napi_set_named_property(env: Env, object: Value, name: [*:0]const u8, value: Value) c_int;

export fn hawser_abi() u32 {
    return 0x1234_5678;
}

fn wrapped(env: Env, _: ?*anyopaque) callconv(.c) Value {
    var value: Value = null;
    _ = napi_create_uint32(env, hawser_abi(), &value);
    return value;
}

export fn napi_register_module_v1(env: Env, module: Value) Value {
    var function: Value = null;
    _ = napi_create_function(env, "hawser_abi", 10, wrapped, null, &function);
    _ = napi_set_named_property(env, module, "hawser_abi", function);
    return module;
}

export fn node_api_module_get_api_version_v1() i32 {
    return 8;
}
