// The copies of the library that travel inside the sources, for imports from a URL and for compiled programs. They are
// imported, not fetched when needed, so that opening can stay synchronous.

import * as aarch64 from "./embedded/linux-aarch64.ts";
import * as x86_64 from "./embedded/linux-x86_64.ts";
import { NativeLibraryError } from "./errors.ts";
import { sha256 } from "./sha256.ts";

const copies: Readonly<Record<string, { data: string; sha256: string }>> = {
  "linux-x86_64": x86_64,
  "linux-aarch64": aarch64,
};

/** The library of a target, checked against its hash, and a name that no other file has. */
export function embeddedLibrary(target: string): { bytes: Uint8Array; name: string } {
  const copy = copies[target];
  if (copy === undefined) throw new RangeError(`No library for ${target}`);
  const bytes = decode(copy.data);
  if (sha256(bytes) !== copy.sha256) {
    throw new NativeLibraryError(
      `Cannot load the native library: the embedded copy for ${target} does not match its hash; install hawser again`,
      { code: "ERR_HASH" },
    );
  }
  return { bytes, name: `hawser-${copy.sha256.slice(0, 32)}` };
}

function decode(base64: string): Uint8Array {
  const { fromBase64 } = Uint8Array as unknown as { fromBase64?(text: string): Uint8Array };
  return fromBase64?.(base64) ?? Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
