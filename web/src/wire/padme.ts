// PADME lengths: padding that lets a length tell at most the position of its
// highest bit and a few bits below it.

import { BODY_USED_MAX } from "./sizes.ts";

export const BODY_MIN = 256;

/** The smallest PADME length that is not below n (n >= 2). */
export function padme(n: number): number {
  const e = Math.floor(Math.log2(n));
  const s = Math.floor(Math.log2(e)) + 1;
  const step = 2 ** (e - s);
  return Math.ceil(n / step) * step;
}

/** The length of a body with used bytes before its padding. */
export function bodyBytes(used: number): number {
  return padme(Math.max(BODY_MIN, used));
}

/** Whether a message's padded body can be n bytes long. */
export function isBodyBytes(n: number): boolean {
  return n >= BODY_MIN && n <= padme(BODY_USED_MAX) && padme(n) === n;
}
