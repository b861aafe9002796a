import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import type { Fd } from "../../dist/lib/fd/mod.js";
import {
  type CreateOptions,
  MappedFile,
  type MappedFileOptions,
  type OpenOptions,
  SharedMemory,
  type SharedMemoryInfo,
  type SharedMemoryToken,
} from "../../dist/lib/memory/mod.js";

// Named memory.
expectType<SharedMemory>(SharedMemory.create("x", { size: 1 }));
expectType<SharedMemory>(SharedMemory.create("x", { size: 1, mode: 0o600, sparse: true, temporary: false }));
expectError(SharedMemory.create("x"));
expectError(SharedMemory.create("x", {}));
expectError(SharedMemory.create("x", 4096));
expectError(SharedMemory.create("x", { size: 1n }));
expectError(SharedMemory.create("x", { size: "1" }));
expectError(SharedMemory.create("x", { size: 1, readonly: true }));
expectError(SharedMemory.create("x", { size: 1, temprary: true }));
expectError(SharedMemory.create(5, { size: 1 }));

expectType<SharedMemory>(SharedMemory.open("x"));
expectType<SharedMemory>(SharedMemory.open("x", { size: 1, readonly: true, owner: 0, temporary: true }));
expectError(SharedMemory.open());
expectError(SharedMemory.open("x", { mode: 0o600 }));
expectError(SharedMemory.open("x", { owner: "root" }));

expectType<SharedMemory>(SharedMemory.openOrCreate("x", { size: 1, owner: 5, mode: 0o640 }));
expectError(SharedMemory.openOrCreate("x"));
expectError(SharedMemory.openOrCreate("x", { owner: 5 }));
expectError(SharedMemory.openOrCreate("x", { size: 1, readonly: true }));

expectType<void>(SharedMemory.unlink("x"));
expectError(SharedMemory.unlink());
expectType<SharedMemoryInfo[]>(SharedMemory.list());
expectError(SharedMemory.list("x"));

// Memory without a name.
expectType<SharedMemory>(SharedMemory.anonymous(1));
expectType<SharedMemory>(SharedMemory.anonymous(1, { seal: false, sparse: true }));
expectError(SharedMemory.anonymous());
expectError(SharedMemory.anonymous({ size: 1 }));
expectError(SharedMemory.anonymous(1, { mode: 0o600 }));

declare const fd: Fd;
declare const memory: SharedMemory;
expectType<SharedMemory>(SharedMemory.from(fd));
expectType<SharedMemory>(SharedMemory.from(memory.share()));
expectType<SharedMemory>(SharedMemory.from(fd, { size: 1, readonly: true, sealed: true }));
expectError(SharedMemory.from(3));
expectError(SharedMemory.from(memory));
expectError(SharedMemory.from({ fd: 3 }));
expectError(SharedMemory.from(fd, { seal: true }));

// The object.
expectAssignable<Disposable>(memory);
expectType<ArrayBuffer>(memory.buffer);
expectType<Uint8Array<ArrayBuffer>>(memory.bytes);
expectType<number>(memory.size);
expectType<boolean>(memory.readonly);
expectType<boolean>(memory.created);
expectType<boolean>(memory.closed);
expectType<string | null>(memory.name);
expectType<void>(memory.resize(10));
expectType<void>(memory.lock());
expectType<void>(memory.unlock());
expectType<void>(memory.close());
expectType<Fd>(memory.fd());
expectType<SharedMemoryToken>(memory.share());
expectError(memory.resize());
expectError(memory.resize(10n));
expectError(memory.size = 10);
expectError(memory.bytes = new Uint8Array(1));
expectError(memory.name = "y");
expectNotAssignable<SharedMemory>({ bytes: new Uint8Array(1) });

const token = memory.share();
expectType<"hawser.memory">(token.type);
expectType<string | null>(token.name);
expectError(token.fd = 3);
expectAssignable<SharedMemoryToken>(structuredClone(token));

// Files.
expectType<MappedFile>(MappedFile.open("/x"));
expectType<MappedFile>(MappedFile.open("/x", { size: 1, create: true, mode: 0o600 }));
expectType<MappedFile>(MappedFile.open("/x", { readonly: true }));
expectError(MappedFile.open());
expectError(MappedFile.open(fd));
expectError(MappedFile.open("/x", { sparse: true }));
expectError(MappedFile.open("/x", { size: "1" }));
declare const file: MappedFile;
expectAssignable<Disposable>(file);
expectType<string>(file.path);
expectType<ArrayBuffer>(file.buffer);
expectType<Uint8Array<ArrayBuffer>>(file.bytes);
expectType<void>(file.flushSync());
expectType<Promise<void>>(file.flush());
expectType<void>(file.resize(10));
expectError(file.path = "/y");
expectError(file.share());
expectNotAssignable<SharedMemory>(file);

expectAssignable<CreateOptions>({ size: 1 });
expectNotAssignable<CreateOptions>({});
expectAssignable<OpenOptions>({});
expectAssignable<MappedFileOptions>({ create: true });
