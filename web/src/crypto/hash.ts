// H and D(): SHA-256 and domain separation.

import { concat, toUtf8, type Bytes } from "../wire/bytes.ts";

/** H: SHA-256. */
export async function hash(...parts: readonly Uint8Array[]): Promise<Bytes> {
  const digest = await crypto.subtle.digest("SHA-256", concat(...parts));
  return new Uint8Array(digest);
}

/** D(word): so that nothing hashed or signed in one place has a meaning in
 * another. */
export function domain(word: string): Bytes {
  return toUtf8(`SealChat/1 ${word}\0`);
}
