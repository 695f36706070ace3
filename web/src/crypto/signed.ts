// Signed things: all bytes before the signature, under the word of their kind,
// and their ids.

import { concat, type Bytes } from "../wire/bytes.ts";
import { encodeClaim, type AuthClaim } from "../wire/auth.ts";
import { SIG_BYTES } from "../wire/sizes.ts";
import { sign, verify } from "./ed25519.ts";
import { domain, hash } from "./hash.ts";

export type Word = "roster" | "record" | "hello" | "envelope";

/** Appends the signature. */
export async function signThing(
  word: Word,
  unsigned: Bytes,
  key: CryptoKey,
): Promise<Bytes> {
  return concat(unsigned, await sign(key, concat(domain(word), unsigned)));
}

/** Of a whole thing: whether pk signed it. */
export function verifyThing(
  word: Word,
  thing: Bytes,
  pk: Bytes,
): Promise<boolean> {
  const at = thing.length - SIG_BYTES;
  const message = concat(domain(word), thing.subarray(0, at));
  return verify(pk, message, thing.subarray(at));
}

/** The id of a whole thing; its signature does not count. */
export function idOf(thing: Bytes): Promise<Bytes> {
  return hash(domain("id"), thing.subarray(0, thing.length - SIG_BYTES));
}

/** The proof that AUTH and REGISTER carry. */
export function signClaim(claim: AuthClaim, key: CryptoKey): Promise<Bytes> {
  return sign(key, concat(domain("auth"), encodeClaim(claim)));
}

export function verifyClaim(
  claim: AuthClaim,
  pk: Bytes,
  sig: Bytes,
): Promise<boolean> {
  return verify(pk, concat(domain("auth"), encodeClaim(claim)), sig);
}
