import { calls } from "../../ffi/symbols.ts";
import { errnoName, SystemError } from "./errors.ts";

/** What was tried, for the message of an error. */
export interface Attempt {
  /** Goes on after "Cannot": `open shared memory "x"`. */
  readonly what: string;
  /** hawser's name of the operation, for refusals where no system call was made. */
  readonly operation: string;
  /** The path concerned. */
  readonly path?: string | undefined;
  /** The state found, by the name of the error number, where there is more to say than that name. */
  readonly states?: Readonly<Record<string, string>> | undefined;
}

/** The errno of a result, negative, or zero: a failed result carries the call above the low twelve bits. */
export function errnoOf(result: number): number {
  return result < 0 ? -(-result & 0xfff) : 0;
}

/**
 * Passes a result on, or throws what it says. Costs a comparison where it is fine.
 *
 * @throws {SystemError} If the result is negative.
 */
export function check(result: number, attempt: () => Attempt): number {
  if (result >= 0) return result;
  throw failure(result, attempt());
}

/** The error that a negative result stands for. */
export function failure(result: number, { what, operation, path, states }: Attempt): SystemError {
  const errno = errnoOf(result);
  const code = errnoName(errno);
  const call = -result >> 12;
  const syscall = call === 0 ? operation : calls[call] ?? operation;
  return new SystemError(`Cannot ${what}: ${states?.[code] ?? common[code] ?? `${syscall} failed`} (${code})`, {
    errno,
    syscall,
    ...(path !== undefined && { path }),
  });
}

/** What the common error numbers mean in plain words. */
const common: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EAGAIN: "not possible at the moment",
  EBADF: "it is closed, or another thread's",
  EEXIST: "it exists already",
  EFBIG: "larger than the file system or this process's limit allows",
  EINTR: "interrupted by a signal",
  EINVAL: "an argument is wrong",
  EISDIR: "it is a directory",
  ELOOP: "it is a symbolic link",
  EMFILE: "the limit of open descriptors is reached",
  ENFILE: "the system's limit of open files is reached",
  ENODEV: "it is not a regular file",
  ENOENT: "it does not exist",
  ENOMEM: "not enough memory",
  ENOSPC: "not enough space",
  ENOTDIR: "a part of the path is not a directory",
  EOPNOTSUPP: "the file system can't do it",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
  ETIMEDOUT: "the time is up",
};
