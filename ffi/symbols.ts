// Written by zig/src/bindings.zig from the Zig sources. Do not edit: `npm run build`.

/** The hash of all that stands here; the library answers with its own. */
export const abi: number = 0x44fc06db;

/** The kinds of argument and result. A `buffer` is a Uint8Array that is not empty. */
export type Kind = "u32" | "i32" | "f64" | "handle" | "fd" | "buffer";

/** One function of the library. */
export interface Signature {
  readonly args: readonly Kind[];
  readonly returns: Kind;
}

/** Every function of the library. */
export const signatures: Readonly<Record<keyof Core, Signature>> = {
  hawser_abi: { args: [], returns: "u32" },
  hawser_attach: { args: [], returns: "i32" },
  hawser_handle_count: { args: [], returns: "u32" },
  hawser_fd_open: { args: ["buffer", "u32", "u32", "u32"], returns: "i32" },
  hawser_fd_close: { args: ["fd"], returns: "i32" },
  hawser_fd_dup: { args: ["fd", "u32"], returns: "i32" },
  hawser_fd_adopt: { args: ["fd"], returns: "i32" },
  hawser_fd_stat: { args: ["fd", "buffer", "u32"], returns: "i32" },
  hawser_fd_read: { args: ["fd", "buffer", "u32", "f64", "u32"], returns: "i32" },
  hawser_fd_pread: { args: ["fd", "buffer", "u32", "f64"], returns: "i32" },
  hawser_fd_write: { args: ["fd", "buffer", "u32"], returns: "i32" },
  hawser_fd_pwrite: { args: ["fd", "buffer", "u32", "f64"], returns: "i32" },
  hawser_fd_read_cached: { args: ["fd", "buffer", "u32"], returns: "i32" },
  hawser_fd_pread_cached: { args: ["fd", "buffer", "u32", "f64"], returns: "i32" },
  hawser_fd_flags: { args: ["fd"], returns: "i32" },
  hawser_fd_set_flags: { args: ["fd", "u32", "u32"], returns: "i32" },
  hawser_fd_seek: { args: ["fd", "f64", "u32"], returns: "f64" },
  hawser_fd_truncate: { args: ["fd", "f64"], returns: "i32" },
  hawser_fd_sync: { args: ["fd", "u32"], returns: "i32" },
  hawser_fd_splice: { args: ["fd", "fd", "u32"], returns: "i32" },
  hawser_fd_tee: { args: ["fd", "fd", "u32"], returns: "i32" },
  hawser_fifo_make: { args: ["i32", "buffer", "u32", "u32"], returns: "i32" },
  hawser_fifo_unlink: { args: ["i32", "buffer", "u32"], returns: "i32" },
  hawser_fifo_open: { args: ["i32", "buffer", "u32", "u32", "f64", "u32"], returns: "i32" },
  hawser_call_open: { args: ["handle", "u32", "i32", "buffer", "u32", "u32"], returns: "i32" },
  hawser_call_sync: { args: ["handle", "u32", "fd", "u32"], returns: "i32" },
  hawser_call_copy: { args: ["handle", "u32", "fd", "f64", "fd", "f64", "u32", "u32"], returns: "i32" },
  hawser_call_prefetch: { args: ["handle", "u32", "fd", "f64", "u32", "u32"], returns: "i32" },
  hawser_fd_pipe: { args: ["u32", "u32", "buffer", "u32"], returns: "i32" },
  hawser_fd_pipe_capacity: { args: ["fd", "u32"], returns: "i32" },
  hawser_poll_fds: { args: ["buffer", "u32", "f64", "u32"], returns: "i32" },
  hawser_poll_start: { args: ["handle", "u32", "fd", "u32"], returns: "i32" },
  hawser_poll_cancel: { args: ["handle", "u32", "u32"], returns: "i32" },
  hawser_poll_withdraw: { args: ["fd"], returns: "i32" },
  hawser_poll_count: { args: [], returns: "u32" },
  hawser_eventfd_open: { args: ["u32"], returns: "i32" },
  hawser_pidfd_open: { args: ["u32"], returns: "i32" },
  hawser_pidfd_pid: { args: ["fd"], returns: "i32" },
  hawser_pidfd_kill: { args: ["fd", "u32"], returns: "i32" },
  hawser_pidfd_status: { args: ["fd", "buffer", "u32"], returns: "i32" },
  hawser_memory_create: { args: ["buffer", "u32", "f64", "u32", "u32"], returns: "i32" },
  hawser_memory_open: { args: ["buffer", "u32", "u32", "f64", "u32", "buffer", "u32"], returns: "i32" },
  hawser_memory_anonymous: { args: ["f64", "u32"], returns: "i32" },
  hawser_memory_from_fd: { args: ["fd", "f64", "u32", "buffer", "u32"], returns: "i32" },
  hawser_memory_open_file: { args: ["buffer", "u32", "f64", "u32", "u32", "buffer", "u32"], returns: "i32" },
  hawser_memory_address: { args: ["handle"], returns: "f64" },
  hawser_memory_size: { args: ["handle"], returns: "f64" },
  hawser_memory_readonly: { args: ["handle"], returns: "i32" },
  hawser_memory_fd: { args: ["handle"], returns: "i32" },
  hawser_memory_resize: { args: ["handle", "f64"], returns: "i32" },
  hawser_memory_lock: { args: ["handle"], returns: "i32" },
  hawser_memory_unlock: { args: ["handle"], returns: "i32" },
  hawser_memory_flush: { args: ["handle"], returns: "i32" },
  hawser_memory_close: { args: ["handle", "u32"], returns: "i32" },
  hawser_memory_unlink: { args: ["buffer", "u32"], returns: "i32" },
  hawser_memory_unlink_own: { args: ["handle", "buffer", "u32"], returns: "i32" },
  hawser_memory_list: { args: ["buffer", "u32"], returns: "i32" },
  hawser_futex_wait: { args: ["handle", "f64", "u32", "f64", "u32"], returns: "i32" },
  hawser_futex_wake: { args: ["handle", "f64", "u32"], returns: "i32" },
  hawser_wait_futex: { args: ["handle", "u32", "handle", "f64", "u32", "f64"], returns: "i32" },
  hawser_wait_cancel: { args: ["handle", "u32", "u32"], returns: "i32" },
  hawser_wait_count: { args: [], returns: "u32" },
  hawser_wait_one_by_one: { args: ["u32"], returns: "i32" },
  hawser_memory_locks: { args: ["handle"], returns: "i32" },
  hawser_object_open: { args: ["u32", "buffer", "u32", "f64", "u32", "u32", "buffer", "u32"], returns: "i32" },
  hawser_object_unlink: { args: ["u32", "buffer", "u32"], returns: "i32" },
  hawser_object_unlink_own: { args: ["handle", "u32", "buffer", "u32"], returns: "i32" },
  hawser_mutex_attach: { args: ["handle", "f64", "buffer", "u32"], returns: "i32" },
  hawser_mutex_try: { args: ["handle", "f64"], returns: "i32" },
  hawser_mutex_take: { args: ["handle", "f64", "f64", "u32"], returns: "i32" },
  hawser_mutex_step: { args: ["handle", "f64", "u32", "u32", "buffer", "u32"], returns: "i32" },
  hawser_mutex_release: { args: ["handle", "f64"], returns: "i32" },
  hawser_mutex_owner: { args: ["handle", "f64", "buffer", "u32"], returns: "i32" },
  hawser_netlink_links: { args: ["buffer", "u32"], returns: "i32" },
  hawser_socket_open: { args: ["u32"], returns: "i32" },
  hawser_socket_pair: { args: ["u32", "buffer", "u32"], returns: "i32" },
  hawser_socket_bind: { args: ["u32", "buffer", "u32", "u32", "u32", "buffer", "u32"], returns: "i32" },
  hawser_socket_unlink_own: { args: ["buffer", "u32", "buffer", "u32"], returns: "i32" },
  hawser_socket_adopt: { args: ["fd"], returns: "i32" },
  hawser_socket_connect: { args: ["fd", "buffer", "u32", "f64", "u32"], returns: "i32" },
  hawser_socket_accept: { args: ["fd"], returns: "i32" },
  hawser_socket_name: { args: ["fd", "u32", "buffer", "u32"], returns: "i32" },
  hawser_socket_shutdown: { args: ["fd", "u32"], returns: "i32" },
  hawser_socket_option: { args: ["fd", "u32"], returns: "i32" },
  hawser_socket_set_option: { args: ["fd", "u32", "u32"], returns: "i32" },
  hawser_socket_peer: { args: ["fd", "buffer", "u32"], returns: "i32" },
  hawser_socket_send: { args: ["fd", "buffer", "u32", "buffer", "u32"], returns: "i32" },
  hawser_socket_receive: { args: ["fd", "buffer", "u32", "u32", "buffer", "u32", "f64", "u32"], returns: "i32" },
  hawser_call_connect: { args: ["handle", "u32", "fd", "buffer", "u32"], returns: "i32" },
  hawser_bell_open: { args: [], returns: "i32" },
  hawser_bell_fd: { args: ["handle"], returns: "i32" },
  hawser_bell_drain: { args: ["handle", "buffer", "u32"], returns: "i32" },
  hawser_bell_close: { args: ["handle"], returns: "i32" },
  hawser_call_count: { args: [], returns: "u32" },
  hawser_call_flush: { args: ["handle", "u32", "handle"], returns: "i32" },
  hawser_call_flock: { args: ["handle", "u32", "fd", "u32"], returns: "i32" },
  hawser_call_cancel: { args: ["handle", "u32", "u32"], returns: "i32" },
};

/** The library as TypeScript calls it, the same in every runtime. */
export interface Core {
  /**
   * The hash of everything TypeScript was told about this library.
   */
  hawser_abi(): number;
  /**
   * Registers the calling thread; once per JS thread, before anything else.
   */
  hawser_attach(): number;
  /**
   * How many handles are open, over all threads. For leak tests.
   */
  hawser_handle_count(): number;
  /**
   * open(2): a descriptor. `options` is OpenOptions.
   */
  hawser_fd_open(path: Uint8Array, path_bytes: number, options: number, mode: number): number;
  /**
   * close(2). Waits for the descriptor end with ECANCELED.
   */
  hawser_fd_close(fd: number): number;
  /**
   * fcntl(2) F_DUPFD_CLOEXEC: a descriptor at least as high as `least`.
   */
  hawser_fd_dup(fd: number, least: number): number;
  /**
   * Takes over a descriptor that is open already, and sets close-on-exec on it.
   */
  hawser_fd_adopt(fd: number): number;
  /**
   * statx(2): fills a Stat.
   */
  hawser_fd_stat(fd: number, stat: Uint8Array, stat_bytes: number): number;
  /**
   * read(2), at most `timeout_ms` (negative: for ever): how many bytes, zero at the end of the file. With 0 it does not wait:
   * EAGAIN where it would. Signals are waited through unless `interruptible`.
   */
  hawser_fd_read(fd: number, bytes: Uint8Array, bytes_size: number, timeout_ms: number, interruptible: number): number;
  /**
   * pread(2), without waiting but for a disk: how many bytes. EAGAIN where it would.
   */
  hawser_fd_pread(fd: number, bytes: Uint8Array, bytes_size: number, position: number): number;
  /**
   * write(2), without waiting: how many bytes. EAGAIN where it would wait, EPIPE and no signal where nobody reads.
   */
  hawser_fd_write(fd: number, bytes: Uint8Array, bytes_size: number): number;
  /**
   * pwrite(2), likewise.
   */
  hawser_fd_pwrite(fd: number, bytes: Uint8Array, bytes_size: number, position: number): number;
  /**
   * read(2), likewise, and EAGAIN of readahead(2) where a disk would have to be waited for.
   */
  hawser_fd_read_cached(fd: number, bytes: Uint8Array, bytes_size: number): number;
  /**
   * pread(2), likewise.
   */
  hawser_fd_pread_cached(fd: number, bytes: Uint8Array, bytes_size: number, position: number): number;
  /**
   * fcntl(2) F_GETFL and F_GETFD: FdFlags.
   */
  hawser_fd_flags(fd: number): number;
  /**
   * fcntl(2) F_SETFL and F_SETFD: sets those FdFlags of `which` that can be set to what they are in `wanted`.
   */
  hawser_fd_set_flags(fd: number, which: number, wanted: number): number;
  /**
   * lseek(2): the new place. `whence` is lseek's own number.
   */
  hawser_fd_seek(fd: number, offset: number, whence: number): number;
  /**
   * ftruncate(2).
   */
  hawser_fd_truncate(fd: number, size: number): number;
  /**
   * fsync(2), or fdatasync(2) for `data_only`.
   */
  hawser_fd_sync(fd: number, data_only: number): number;
  /**
   * splice(2), without waiting: how many bytes were moved, zero at the end. EAGAIN where it would wait.
   */
  hawser_fd_splice(from: number, to: number, count: number): number;
  /**
   * tee(2), likewise: how many bytes were copied.
   */
  hawser_fd_tee(from: number, to: number, count: number): number;
  /**
   * mkfifoat(3). A negative `dir` is the working directory.
   */
  hawser_fifo_make(dir: number, path: Uint8Array, path_bytes: number, mode: number): number;
  /**
   * unlinkat(2).
   */
  hawser_fifo_unlink(dir: number, path: Uint8Array, path_bytes: number): number;
  /**
   * openat(2) that may have to wait for the other end of a FIFO, at most `timeout_ms` (negative: for ever): a descriptor that
   * is O_NONBLOCK. `options` is OpenOptions; with its `nonblock` it does not wait. Signals are waited through unless
   * `interruptible`.
   */
  hawser_fifo_open(dir: number, path: Uint8Array, path_bytes: number, options: number, timeout_ms: number, interruptible: number): number;
  /**
   * The same on a thread of its own: the call's id. The descriptor comes to the bell under `token`.
   */
  hawser_call_open(bell: number, token: number, dir: number, path: Uint8Array, path_bytes: number, options: number): number;
  /**
   * Starts fsync(2), or fdatasync(2) for `data_only`, which goes on where the descriptor is closed: the call's id. The result
   * comes to the bell under `token`.
   */
  hawser_call_sync(bell: number, token: number, fd: number, data_only: number): number;
  /**
   * Starts sendfile(2), or copy_file_range(2), of a file: the call's id. How many bytes were copied comes to the bell under
   * `token`, zero at the end. `options` is CopyOptions, which says whether the positions count.
   */
  hawser_call_copy(bell: number, token: number, from: number, from_position: number, to: number, to_position: number, count: number, options: number): number;
  /**
   * Starts to read a part of a file into the page cache, at `position` or, for `here`, where the descriptor stands: the call's
   * id. The result, 0, comes to the bell under `token`.
   */
  hawser_call_prefetch(bell: number, token: number, fd: number, position: number, here: number, count: number): number;
  /**
   * pipe2(2), neither end blocking: fills PipeEnds. `options` is PipeOptions, `capacity` F_SETPIPE_SZ's bytes, zero for the
   * kernel's default.
   */
  hawser_fd_pipe(capacity: number, options: number, ends: Uint8Array, ends_bytes: number): number;
  /**
   * fcntl(2) F_SETPIPE_SZ, or F_GETPIPE_SZ where `capacity` is zero: how many bytes a pipe holds.
   */
  hawser_fd_pipe_capacity(fd: number, capacity: number): number;
  /**
   * poll(2) on records of struct pollfd, at most `timeout_ms` (negative: for ever): how many have something to tell. Signals
   * are waited through unless `interruptible`.
   */
  hawser_poll_fds(fds: Uint8Array, fds_bytes: number, timeout_ms: number, interruptible: number): number;
  /**
   * Starts to wait until a descriptor has one of `events` (poll(2)'s bits), or either side ended: the wait's id. To the bell
   * comes, under `token`, what it has, or ECANCELED if the wait was called off or the descriptor was closed by fd_close.
   */
  hawser_poll_start(bell: number, token: number, fd: number, events: number): number;
  /**
   * Calls a wait of poll_start off: 1 if it was waiting, 0 if its result is on the way, or it is no such wait.
   */
  hawser_poll_cancel(bell: number, token: number, id: number): number;
  /**
   * Calls all waits for a descriptor off: it is about to be somebody else's.
   */
  hawser_poll_withdraw(fd: number): number;
  /**
   * How many waits for descriptors there are, with those whose result was not drained. For tests.
   */
  hawser_poll_count(): number;
  /**
   * eventfd(2), O_NONBLOCK, with the counter at zero: a descriptor. `options` is EventOptions.
   */
  hawser_eventfd_open(options: number): number;
  /**
   * pidfd_open(2): a descriptor.
   */
  hawser_pidfd_open(pid: number): number;
  /**
   * The number of the process that a pidfd stands for; ESRCH when it has ended and was waited for.
   */
  hawser_pidfd_pid(fd: number): number;
  /**
   * pidfd_send_signal(2).
   */
  hawser_pidfd_kill(fd: number, signal: number): number;
  /**
   * Fills a PidStatus with how a process ended: 1, or 0 where that can't be known. EAGAIN while it runs.
   */
  hawser_pidfd_status(fd: number, status: Uint8Array, status_bytes: number): number;
  /**
   * Makes a named object: a handle. `options` is MemoryOptions.
   */
  hawser_memory_create(name: Uint8Array, name_bytes: number, size: number, mode: number, options: number): number;
  /**
   * Opens a named object: a handle. Fills a Stat, also where it refuses the object for what that says.
   */
  hawser_memory_open(name: Uint8Array, name_bytes: number, owner: number, size: number, options: number, stat: Uint8Array, stat_bytes: number): number;
  /**
   * Makes memory without a name: a handle.
   */
  hawser_memory_anonymous(size: number, options: number): number;
  /**
   * Maps what a descriptor stands for, on a copy of it: a handle.
   */
  hawser_memory_from_fd(fd: number, size: number, options: number, stat: Uint8Array, stat_bytes: number): number;
  /**
   * Maps a file of the file system: a handle.
   */
  hawser_memory_open_file(path: Uint8Array, path_bytes: number, size: number, mode: number, options: number, stat: Uint8Array, stat_bytes: number): number;
  /**
   * The address of a mapping, for the view the loader makes of it.
   */
  hawser_memory_address(handle: number): number;
  /**
   * The size of a mapping in bytes.
   */
  hawser_memory_size(handle: number): number;
  /**
   * 1 where the mapping is read-only.
   */
  hawser_memory_readonly(handle: number): number;
  /**
   * The mapping's own descriptor, which stays the mapping's.
   */
  hawser_memory_fd(handle: number): number;
  /**
   * Grows a mapping, which may move. Waits for words in it end.
   */
  hawser_memory_resize(handle: number, size: number): number;
  /**
   * mlock2(2) of a whole mapping.
   */
  hawser_memory_lock(handle: number): number;
  /**
   * munlock(2) of a whole mapping.
   */
  hawser_memory_unlock(handle: number): number;
  /**
   * msync(2), MS_SYNC, of a whole mapping.
   */
  hawser_memory_flush(handle: number): number;
  /**
   * Ends a mapping, and the waits for words in it. With `keep_range` its addresses stay touchable and hold zeros.
   */
  hawser_memory_close(handle: number, keep_range: number): number;
  /**
   * Removes the name of an object.
   */
  hawser_memory_unlink(name: Uint8Array, name_bytes: number): number;
  /**
   * Removes the name of an object if it still stands for what the handle maps.
   */
  hawser_memory_unlink_own(handle: number, name: Uint8Array, name_bytes: number): number;
  /**
   * Fills MemoryEntry records: how many named objects there are, of which as many were filled as there is room for.
   */
  hawser_memory_list(entries: Uint8Array, entries_bytes: number): number;
  /**
   * futex(2): waits while the word at `offset` holds `expected`, at most `timeout_ms` (negative: for ever). ETIMEDOUT is the
   * caller's to judge; signals are waited through unless `interruptible`.
   */
  hawser_futex_wait(handle: number, offset: number, expected: number, timeout_ms: number, interruptible: number): number;
  /**
   * futex(2): wakes at most `count` of those who wait for the word at `offset`: how many were woken.
   */
  hawser_futex_wake(handle: number, offset: number, count: number): number;
  /**
   * Starts to wait until the word at `offset` no longer holds `expected`, or somebody wakes it, at most `timeout_ms`
   * (negative: for ever): the wait's id. To the bell comes, under `token`, 0 if the word was woken or differs, ETIMEDOUT,
   * or ECANCELED if the wait was called off or the mapping is closed or resized. A wake that leaves the word as it was may
   * be missed.
   */
  hawser_wait_futex(bell: number, token: number, memory_handle: number, offset: number, expected: number, timeout_ms: number): number;
  /**
   * Calls a wait off, whose result comes all the same: 0 if there is no such wait, 1 if it was waiting, 2 if its result is
   * on the way. A wake that it got is passed on to the next who waits for the word.
   */
  hawser_wait_cancel(bell: number, token: number, id: number): number;
  /**
   * How many waits there are, with those whose result was not drained. For tests.
   */
  hawser_wait_count(): number;
  /**
   * Waits as where the kernel refuses futex_waitv(2), or no longer so. EBUSY while a thread for waits runs. For tests.
   */
  hawser_wait_one_by_one(one_by_one: number): number;
  /**
   * How many locks in a mapping this thread holds.
   */
  hawser_memory_locks(handle: number): number;
  /**
   * Opens a named object of a kind, or makes it with `size` bytes behind its header: a handle of memory. Fills an
   * ObjectInfo, also where it refuses the object for what that says. `mode` object_existing makes none.
   */
  hawser_object_open(kind: number, name: Uint8Array, name_bytes: number, size: number, mode: number, owner: number, info: Uint8Array, info_bytes: number): number;
  /**
   * Removes the name of an object.
   */
  hawser_object_unlink(kind: number, name: Uint8Array, name_bytes: number): number;
  /**
   * Removes the name of an object if it still stands for what the handle maps.
   */
  hawser_object_unlink_own(handle: number, kind: number, name: Uint8Array, name_bytes: number): number;
  /**
   * Gets ready to use the mutex at `offset` of a mapping, which zeroes become. Fills the pid namespaces of an ObjectInfo.
   */
  hawser_mutex_attach(handle: number, offset: number, info: Uint8Array, info_bytes: number): number;
  /**
   * Takes a mutex that nobody holds: 1 where its last owner died with it, else 0. EBUSY where somebody holds it.
   */
  hawser_mutex_try(handle: number, offset: number): number;
  /**
   * Takes a mutex, and blocks until it can, at most `timeout_ms` (negative: for ever): 1 where its last owner died with it,
   * else 0. Signals are waited through unless `interruptible`.
   */
  hawser_mutex_take(handle: number, offset: number, timeout_ms: number, interruptible: number): number;
  /**
   * One turn of an asynchronous wait for a mutex: as mutex_try, or 2 where the caller is to sleep as the MutexSleep says and
   * come again, with how long it has been waiting and whether the sleep was as long as it was to be.
   */
  hawser_mutex_step(handle: number, offset: number, waited_ms: number, timed_out: number, sleep: Uint8Array, sleep_bytes: number): number;
  /**
   * Gives a mutex back. EBADMSG where somebody wrote to it meanwhile: it is no longer held then, and was not given back.
   */
  hawser_mutex_release(handle: number, offset: number): number;
  /**
   * Fills a MutexOwner: 1 where there is one, 0 where nobody holds the mutex, or a dead thread.
   */
  hawser_mutex_owner(handle: number, offset: number, holder: Uint8Array, holder_bytes: number): number;
  /**
   * Fills Link records with the network interfaces: how many there are, of which as many were filled as there is room for.
   */
  hawser_netlink_links(links: Uint8Array, links_bytes: number): number;
  /**
   * Makes a unix socket of a kind (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET): a descriptor.
   */
  hawser_socket_open(kind: number): number;
  /**
   * socketpair(2): fills a SocketPair.
   */
  hawser_socket_pair(kind: number, sockets: Uint8Array, sockets_bytes: number): number;
  /**
   * Makes a unix socket with an address: a descriptor. It listens unless `backlog` is backlog_none. The address is a path, a
   * NUL and an abstract name, or nothing: then the kernel finds a name. A path gets exactly that mode, and the Stat is filled
   * for socket_unlink_own.
   */
  hawser_socket_bind(kind: number, address: Uint8Array, address_bytes: number, mode: number, backlog: number, stat: Uint8Array, stat_bytes: number): number;
  /**
   * Removes a path if it still is the socket of that Stat.
   */
  hawser_socket_unlink_own(address: Uint8Array, address_bytes: number, stat: Uint8Array, stat_bytes: number): number;
  /**
   * Looks at a socket that somebody else made: its kind, and 16 more where it listens. EAFNOSUPPORT where it is no unix socket.
   */
  hawser_socket_adopt(fd: number): number;
  /**
   * connect(2), at most `timeout_ms` (negative: for ever). With 0 it does not wait: EAGAIN where the backlog is full. Signals
   * are waited through unless `interruptible`.
   */
  hawser_socket_connect(fd: number, address: Uint8Array, address_bytes: number, timeout_ms: number, interruptible: number): number;
  /**
   * accept(2), without waiting: a descriptor. EAGAIN where nobody wants to connect.
   */
  hawser_socket_accept(fd: number): number;
  /**
   * getsockname(2), or getpeername(2) where `peer` is not 0: how many bytes of the address there are.
   */
  hawser_socket_name(fd: number, peer: number, address: Uint8Array, address_bytes: number): number;
  /**
   * shutdown(2).
   */
  hawser_socket_shutdown(fd: number, how: number): number;
  /**
   * getsockopt(2), SOL_SOCKET, of an option that is a number, or a descriptor.
   */
  hawser_socket_option(fd: number, option: number): number;
  /**
   * setsockopt(2), SOL_SOCKET, of an option that is a number.
   */
  hawser_socket_set_option(fd: number, option: number, value: number): number;
  /**
   * SO_PEERCRED: fills Credentials.
   */
  hawser_socket_peer(fd: number, credentials: Uint8Array, credentials_bytes: number): number;
  /**
   * sendmsg(2), without waiting, with what the Envelope says: how many bytes went. EAGAIN where there is no room.
   */
  hawser_socket_send(fd: number, bytes: Uint8Array, bytes_size: number, envelope: Uint8Array, envelope_bytes: number): number;
  /**
   * recvmsg(2), at most `timeout_ms` (negative: for ever): how many bytes came. Fills the Envelope; its descriptors are the
   * caller's, at most `fds_max`. With 0 it does not wait: EAGAIN where there is nothing. Signals are waited through unless
   * `interruptible`.
   */
  hawser_socket_receive(fd: number, bytes: Uint8Array, bytes_size: number, fds_max: number, envelope: Uint8Array, envelope_bytes: number, timeout_ms: number, interruptible: number): number;
  /**
   * Starts connect(2) that waits for room in the backlog: the call's id. The result comes to the bell under `token`.
   */
  hawser_call_connect(bell: number, token: number, fd: number, address: Uint8Array, address_bytes: number): number;
  /**
   * Makes the doorbell of the calling thread: a handle.
   */
  hawser_bell_open(): number;
  /**
   * The doorbell's read end, which is the caller's from then on: once.
   */
  hawser_bell_fd(bell: number): number;
  /**
   * Fills Done records with what was completed: how many. Fewer than there is room for means all.
   */
  hawser_bell_drain(bell: number, records: Uint8Array, records_bytes: number): number;
  /**
   * Ends a doorbell. What was not drained is dropped; the read end is its new owner's to close.
   */
  hawser_bell_close(bell: number): number;
  /**
   * How many calls run on threads of the library or wait to be drained. For tests.
   */
  hawser_call_count(): number;
  /**
   * Starts fdatasync(2) of the file a mapping maps, which does what msync(2) of all of it does, and goes on where the
   * mapping is closed: the call's id. The result comes to the bell under `token`.
   */
  hawser_call_flush(bell: number, token: number, memory_handle: number): number;
  /**
   * Starts flock(2), which may wait for ever: the call's id. The result comes to the bell under `token`.
   */
  hawser_call_flock(bell: number, token: number, fd: number, operation: number): number;
  /**
   * Calls a call off, and returns when it was made: 1 if it could be. Its result comes all the same: ECANCELED, unless it
   * was done already.
   */
  hawser_call_cancel(bell: number, token: number, id: number): number;
}

/** The names of the error numbers, which the runtimes know only in part. */
export const errnoNames: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  7: "E2BIG",
  8: "ENOEXEC",
  9: "EBADF",
  10: "ECHILD",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  15: "ENOTBLK",
  16: "EBUSY",
  17: "EEXIST",
  18: "EXDEV",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  25: "ENOTTY",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  29: "ESPIPE",
  30: "EROFS",
  31: "EMLINK",
  32: "EPIPE",
  33: "EDOM",
  34: "ERANGE",
  35: "EDEADLK",
  36: "ENAMETOOLONG",
  37: "ENOLCK",
  38: "ENOSYS",
  39: "ENOTEMPTY",
  40: "ELOOP",
  42: "ENOMSG",
  43: "EIDRM",
  44: "ECHRNG",
  45: "EL2NSYNC",
  46: "EL3HLT",
  47: "EL3RST",
  48: "ELNRNG",
  49: "EUNATCH",
  50: "ENOCSI",
  51: "EL2HLT",
  52: "EBADE",
  53: "EBADR",
  54: "EXFULL",
  55: "ENOANO",
  56: "EBADRQC",
  57: "EBADSLT",
  59: "EBFONT",
  60: "ENOSTR",
  61: "ENODATA",
  62: "ETIME",
  63: "ENOSR",
  64: "ENONET",
  65: "ENOPKG",
  66: "EREMOTE",
  67: "ENOLINK",
  68: "EADV",
  69: "ESRMNT",
  70: "ECOMM",
  71: "EPROTO",
  72: "EMULTIHOP",
  73: "EDOTDOT",
  74: "EBADMSG",
  75: "EOVERFLOW",
  76: "ENOTUNIQ",
  77: "EBADFD",
  78: "EREMCHG",
  79: "ELIBACC",
  80: "ELIBBAD",
  81: "ELIBSCN",
  82: "ELIBMAX",
  83: "ELIBEXEC",
  84: "EILSEQ",
  85: "ERESTART",
  86: "ESTRPIPE",
  87: "EUSERS",
  88: "ENOTSOCK",
  89: "EDESTADDRREQ",
  90: "EMSGSIZE",
  91: "EPROTOTYPE",
  92: "ENOPROTOOPT",
  93: "EPROTONOSUPPORT",
  94: "ESOCKTNOSUPPORT",
  95: "EOPNOTSUPP",
  96: "EPFNOSUPPORT",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  100: "ENETDOWN",
  101: "ENETUNREACH",
  102: "ENETRESET",
  103: "ECONNABORTED",
  104: "ECONNRESET",
  105: "ENOBUFS",
  106: "EISCONN",
  107: "ENOTCONN",
  108: "ESHUTDOWN",
  109: "ETOOMANYREFS",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  112: "EHOSTDOWN",
  113: "EHOSTUNREACH",
  114: "EALREADY",
  115: "EINPROGRESS",
  116: "ESTALE",
  117: "EUCLEAN",
  118: "ENOTNAM",
  119: "ENAVAIL",
  120: "EISNAM",
  121: "EREMOTEIO",
  122: "EDQUOT",
  123: "ENOMEDIUM",
  124: "EMEDIUMTYPE",
  125: "ECANCELED",
  126: "ENOKEY",
  127: "EKEYEXPIRED",
  128: "EKEYREVOKED",
  129: "EKEYREJECTED",
  130: "EOWNERDEAD",
  131: "ENOTRECOVERABLE",
  132: "ERFKILL",
  133: "EHWPOISON",
  160: "ENSRNODATA",
  161: "ENSRFORMERR",
  162: "ENSRSERVFAIL",
  163: "ENSRNOTFOUND",
  164: "ENSRNOTIMP",
  165: "ENSRREFUSED",
  166: "ENSRBADQUERY",
  167: "ENSRBADNAME",
  168: "ENSRBADFAMILY",
  169: "ENSRBADRESP",
  170: "ENSRCONNREFUSED",
  171: "ENSRTIMEOUT",
  172: "ENSROF",
  173: "ENSRFILE",
  174: "ENSRNOMEM",
  175: "ENSRDESTRUCTION",
  176: "ENSRQUERYDOMAINTOOLONG",
  177: "ENSRCNAMELOOP",
};

/** The system calls by the number that a failed result carries above its errno. */
export const calls: readonly string[] = [
  "none",
  "openat",
  "close",
  "fcntl",
  "statx",
  "ftruncate",
  "fallocate",
  "fchmod",
  "linkat",
  "unlinkat",
  "memfd_create",
  "mmap",
  "munmap",
  "mremap",
  "msync",
  "mlock2",
  "munlock",
  "getdents64",
  "futex",
  "socket",
  "bind",
  "sendto",
  "recvmsg",
  "setsockopt",
  "recvfrom",
  "read",
  "write",
  "mprotect",
  "clone",
  "socketpair",
  "fdatasync",
  "flock",
  "futex_waitv",
  "madvise",
  "epoll_create",
  "epoll_ctl",
  "eventfd",
  "poll",
  "pread",
  "pwrite",
  "pipe",
  "mknodat",
  "lseek",
  "fsync",
  "splice",
  "tee",
  "sendfile",
  "copy_file_range",
  "readahead",
  "pidfd_open",
  "pidfd_send_signal",
  "waitid",
  "accept",
  "connect",
  "fchmodat",
  "getpeername",
  "getsockname",
  "getsockopt",
  "listen",
  "sendmsg",
  "shutdown",
];

export const memory_directory: string = "/dev/shm";
export const name_bytes_max: number = 80;
export const object_header_bytes: number = 64;
export const object_mutex: number = 1;
export const object_existing: number = 4294967295;
export const mutex_bytes: number = 48;
export const mutex_align: number = 8;
export const calls_max: number = 64;
export const user_any: number = 4294967295;
export const F_ADD_SEALS: number = 1033;
export const F_GET_SEALS: number = 1034;
export const F_SEAL_SEAL: number = 1;
export const F_SEAL_SHRINK: number = 2;
export const F_SEAL_GROW: number = 4;
export const F_SEAL_WRITE: number = 8;
export const LOCK_SH: number = 1;
export const LOCK_EX: number = 2;
export const LOCK_NB: number = 4;
export const LOCK_UN: number = 8;
export const POLLIN: number = 1;
export const POLLPRI: number = 2;
export const POLLOUT: number = 4;
export const POLLERR: number = 8;
export const POLLHUP: number = 16;
export const POLLNVAL: number = 32;
export const POLLRDHUP: number = 8192;
export const SOCK_STREAM: number = 1;
export const SOCK_DGRAM: number = 2;
export const SOCK_SEQPACKET: number = 5;
export const SO_ERROR: number = 4;
export const SO_SNDBUF: number = 7;
export const SO_RCVBUF: number = 8;
export const SO_PASSCRED: number = 16;
export const SO_PASSPIDFD: number = 76;
export const SO_PEERPIDFD: number = 77;
export const SHUT_RD: number = 0;
export const SHUT_WR: number = 1;
export const SHUT_RDWR: number = 2;
export const unix_address_max: number = 108;
export const message_fds_max: number = 253;
export const backlog_none: number = 4294967295;

/** Structures the library fills: size and offsets in bytes. */
export const layouts = {
  stat: { size: 48, bytes: 0, inode: 8, device: 16, modified_ns: 24, mode: 32, uid: 36, gid: 40, links: 44 },
  memoryEntry: { size: 136, stat: 0, name_bytes: 48, name: 52, padding: 132 },
  link: { size: 128, rx_bytes: 0, tx_bytes: 8, rx_packets: 16, tx_packets: 24, rx_errors: 32, tx_errors: 40, rx_dropped: 48, tx_dropped: 56, index: 64, flags: 68, mtu: 72, type: 76, operstate: 78, address_bytes: 79, name: 80, address: 96 },
  done: { size: 8, token: 0, result: 4 },
  pollFd: { size: 8, fd: 0, events: 4, revents: 6 },
  pipeEnds: { size: 12, reader: 0, writer: 4, capacity: 8 },
  objectInfo: { size: 72, stat: 0, version: 48, version_own: 52, pid_namespace: 56, pid_namespace_own: 60, created: 64, padding: 68 },
  mutexOwner: { size: 8, tid: 0, pid: 4 },
  mutexSleep: { size: 12, word_offset: 0, expected: 4, limit_ms: 8 },
  pidStatus: { size: 8, code: 0, signal: 4 },
  credentials: { size: 12, pid: 0, uid: 4, gid: 8 },
  socketPair: { size: 8, first: 0, second: 4 },
  envelope: { size: 1148, flags: 0, fd_count: 4, pid: 8, uid: 12, gid: 16, pidfd: 20, address_bytes: 24, address: 28, fds: 136 },
} as const;

/** Option words the library takes: each flag's bit. */
export const options = {
  openOptions: { read: 1, write: 2, append: 4, create: 8, exclusive: 16, truncate: 32, directory: 64, nofollow: 128, nonblock: 256, path: 512, tmpfile: 1024, sync: 2048 },
  memoryOptions: { readonly: 1, sparse: 2, create: 4, seal: 8 },
  pipeOptions: { packet: 1 },
  fdFlags: { read: 1, write: 2, path: 4, append: 8, nonblock: 16, packet: 32, close_on_exec: 64 },
  copyOptions: { range: 1, from_position: 2, to_position: 4 },
  eventOptions: { semaphore: 1 },
  envelopeFlags: { credentials: 1, truncated: 2, dropped: 4, end: 8 },
} as const;
