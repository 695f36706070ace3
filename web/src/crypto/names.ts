// Identifiers: names that are hashes of keys.

import { toUtf8, uint, type Bytes } from "../wire/bytes.ts";
import type { KemPublic } from "../wire/suite.ts";
import { domain, hash } from "./hash.ts";

/** NFKC in ASCII lower case, or undefined when it is not 3 to 64 characters of
 * [a-z0-9._@+-]. */
export function accountName(text: string): string | undefined {
  const name = text
    .normalize("NFKC")
    .replace(/[A-Z]/g, (c) => c.toLowerCase());
  return /^[a-z0-9._@+-]{3,64}$/.test(name) ? name : undefined;
}

/** Of a name that accountName returned. */
export function accountIdOf(name: string): Promise<Bytes> {
  return hash(domain("account"), toUtf8(name));
}

export function cidOf(ikPk: Bytes): Promise<Bytes> {
  return hash(domain("identity"), ikPk);
}

export function sidOf(
  cid: Bytes,
  signPk: Bytes,
  sessionKey: KemPublic,
): Promise<Bytes> {
  const { suite, pk } = sessionKey;
  return hash(
    domain("session"), cid, uint(suite, 1), signPk, uint(pk.length, 2), pk,
  );
}

export function signkeyIdOf(pk: Bytes): Promise<Bytes> {
  return hash(domain("signkey"), pk);
}

export function kemIdOf({ suite, pk }: KemPublic): Promise<Bytes> {
  return hash(domain("kemkey"), uint(suite, 1), uint(pk.length, 2), pk);
}

/** Thirty digits in groups of five, for people to compare; without sid, of the
 * customer's key alone. */
export async function safetyNumber(cid: Bytes, sid?: Bytes): Promise<string> {
  const w = await hash(domain("safety"), cid, sid ?? new Uint8Array(32));
  const groups: string[] = [];
  for (let i = 0; i < 6; i++) {
    let n = 0;
    for (const byte of w.subarray(5 * i, 5 * i + 5)) n = n * 256 + byte;
    groups.push(String(n % 100_000).padStart(5, "0"));
  }
  return groups.join(" ");
}
