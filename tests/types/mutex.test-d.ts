// The types of hawser/sync's mutex, as programs see them.
import { expectAssignable, expectError, expectType } from "tsd";
import { type Infer, struct, u32 } from "hawser/layout";
import type { MappedFile, SharedMemory } from "hawser/memory";
import {
  type BlockOptions,
  Mutex,
  mutex,
  type MutexGuard,
  type MutexOptions,
  type MutexOwner,
  type MutexToken,
} from "hawser/sync";

declare const memory: SharedMemory;
declare const file: MappedFile;

const named = Mutex.open("x", { mode: 0o660, existing: true, owner: 0, temporary: false });
expectType<Mutex>(named);
expectType<Mutex>(Mutex.at(memory, 0));
expectType<Mutex>(Mutex.at(file, 48));
expectType<Mutex>(Mutex.from(named.share()));
expectType<MutexToken>(named.share());
expectType<number>(Mutex.bytes);
expectType<Promise<MutexGuard>>(named.acquire({ signal: AbortSignal.timeout(1), timeout: 1 }));
expectType<MutexGuard>(named.acquireSync({ timeout: 1, interruptible: true }));
expectType<MutexGuard | null>(named.tryAcquire());
expectType<Promise<number>>(named.withLock(() => 1));
expectType<Promise<string>>(named.withLock((guard) => Promise.resolve(String(guard.abandoned))));
expectType<MutexOwner | null>(named.owner);
expectType<string | null>(named.name);
expectAssignable<Disposable>(named);
expectAssignable<Disposable>(named.acquireSync());
expectAssignable<MutexOptions>({});
expectAssignable<BlockOptions>({});

const Account = struct({ lock: mutex, balance: u32 });
const account = Account.view(memory.buffer);
expectType<Mutex>(account.lock);
expectType<{ balance: number }>({} as Infer<typeof Account>);
expectError(account.lock = named);

expectError(Mutex.open());
expectError(Mutex.open("x", { timeout: 1 }));
expectError(Mutex.at(memory));
expectError(Mutex.at(memory.buffer, 0));
expectError(named.acquireSync({ signal: AbortSignal.timeout(1) }));
expectError(named.acquire({ interruptible: true }));
expectError(named.acquireSync().abandoned = false);
