// The aarch64 half of tests/interop/arm64.test.ts, under qemu: shares memory and typed records with an x86-64 process.
//
// The arguments: the name of the memory that is there, and of one to make. Prints what it found, as JSON, one thing a
// line, and "lacks CALL" where the emulator has no such system call.
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { load } from "../../ffi/load.ts";
import { futexWait, futexWake } from "../../lib/memory/_futex.ts";
import { atomicU32, f64, MappedFile, SharedMemory, struct, SystemError, u16be, u64, utf8 } from "../../mod.ts";

const Record = struct({ at: u64, load: f64, port: u16be, name: utf8(12), hits: atomicU32 });
const [theirs, ours] = process.argv.slice(2) as [string, string];
const say = (what: unknown) =>
  console.log(JSON.stringify(what, (_, value) => typeof value === "bigint" ? `${value}n` : value));

/** Runs `task`; a system call that the emulator lacks is told, and anything else thrown. */
function attempt(task: () => void): void {
  try {
    task();
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== "ENOSYS") throw error;
    console.log(`lacks ${error.syscall}`);
  }
}

const { via, core } = load();
say({ arch: process.arch, via, offsets: Record.offsets, size: Record.size, threadHandles: core.hawser_handle_count() });

{
  using memory = SharedMemory.open(theirs);
  say({ size: memory.size, record: Record.read(memory.bytes) });
  const record = Record.view(memory.bytes);
  record.hits.add(1);
  memory.resize(8192);
  Record.write(memory.bytes.subarray(4096), { at: 2n ** 63n, load: -0.25, port: 0x1234, name: "aarch64", hits: 9 });

  attempt(() => say({ waited: futexWait(memory, 4092, 0, 20) })); // Nobody wakes it: false.
  const words = new Int32Array(memory.buffer);
  Atomics.store(words, 4088 / 4, 1);
  attempt(() => say({ woken: futexWake(memory, 4088) >= 0 }));
  attempt(() => {
    memory.lock();
    memory.unlock();
    say({ locked: true });
  });
}

attempt(() => {
  const memory = SharedMemory.create(ours, { size: 4096 });
  Record.write(memory.bytes, { at: 3n, load: 1.5, port: 443, name: "made here", hits: 0 });
  memory.close();
  say({ made: SharedMemory.list().some(({ name }) => name === ours) });
});

attempt(() => {
  using memory = SharedMemory.anonymous(4096, { seal: true });
  memory.bytes[0] = 1;
  say({ anonymous: memory.bytes[0] });
});

const path = `${tmpdir()}/${ours}`;
attempt(() => {
  using file = MappedFile.open(path, { size: 4096, create: true });
  file.bytes[4095] = 1;
  file.flushSync();
  say({ file: file.size });
});
rmSync(path, { force: true });
