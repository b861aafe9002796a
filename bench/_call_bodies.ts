// The calls that call.ts times. It imports this file once per loader, each time as a module of its own: code that two
// libraries share is compiled for neither.

import type { Core } from "../ffi/symbols.ts";

const noHandle = 0x7fff_ffff;
const bytes = new Uint8Array(64);

/** By kind of argument. Functions with arguments get ones they refuse at once, so that the crossing is all there is. */
export function bodies(core: Core): Record<string, (count: number) => void> {
  return {
    "no argument": (count) => {
      for (let i = 0; i < count; i++) core.hawser_abi();
    },
    "a handle": (count) => {
      for (let i = 0; i < count; i++) core.hawser_memory_readonly(noHandle);
    },
    "a handle, f64 result": (count) => {
      for (let i = 0; i < count; i++) core.hawser_memory_size(noHandle);
    },
    "a handle, f64, u32": (count) => {
      for (let i = 0; i < count; i++) core.hawser_futex_wake(noHandle, 0, 0);
    },
    "64 bytes and their length": (count) => {
      for (let i = 0; i < count; i++) core.hawser_memory_unlink(bytes, bytes.length);
    },
  };
}
