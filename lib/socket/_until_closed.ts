import type { SystemError } from "../core/errors.ts";
import type { Fd } from "../fd/fd.ts";

/** What is waited for, one after the other, until the descriptor is closed here: that ends the loop and is no error. */
export async function* untilClosed<T>(fd: Fd, next: () => Promise<T>): AsyncGenerator<T, void, undefined> {
  while (!fd.closed) {
    let found: T;
    try {
      found = await next();
    } catch (error) {
      if (fd.closed && (error as SystemError).code === "ECANCELED") return;
      throw error;
    }
    yield found;
  }
}
