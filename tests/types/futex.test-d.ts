import { expectAssignable, expectError, expectType } from "tsd";
import type { MappedFile, SharedMemory } from "hawser/memory";
import { type BlockOptions, Futex, type WaitOptions } from "hawser/sync";

declare const memory: SharedMemory;
declare const file: MappedFile;

const futex = Futex.at(memory, 0);
expectType<Futex>(futex);
expectType<Futex>(Futex.at(file, 4));
expectType<number>(futex.offset);
expectType<Promise<"ok" | "not-equal">>(futex.wait(0));
expectType<Promise<"ok" | "not-equal">>(futex.wait(0, { signal: AbortSignal.timeout(1), timeout: 1 }));
expectType<"ok" | "not-equal">(futex.waitSync(0, { timeout: 1, interruptible: true }));
expectType<number>(futex.wake());
expectType<number>(futex.wake(1));
expectAssignable<WaitOptions>({ timeout: 1 });
expectAssignable<BlockOptions>({});

expectError(Futex.at(memory.buffer, 0));
expectError(Futex.at(memory));
expectError(futex.wait());
expectError(futex.wait(0n));
expectError(futex.waitSync(0, { signal: AbortSignal.timeout(1) }));
expectError(futex.offset = 4);
