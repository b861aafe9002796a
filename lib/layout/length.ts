/** Checks how many bytes or elements a layout has; C has no arrays of none. */
export function lengthOf(length: unknown, what: string): number {
  if (typeof length !== "number") throw new TypeError(`Cannot lay out ${what}: its length is not a number`);
  if (Number.isInteger(length) && length >= 1) return length;
  throw new RangeError(`Cannot lay out ${what}: its length is ${length}, not a positive integer`);
}
