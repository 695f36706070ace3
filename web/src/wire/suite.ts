// What the suite of a KEM key fixes.

import { equal, fromHex, type Bytes } from "./bytes.ts";
import type { Reader } from "./reader.ts";
import * as sizes from "./sizes.ts";

/** 1: RSA-OAEP-3072 with SHA-256.  2: HPKE with X25519. */
export type Suite = 1 | 2;

/** The public half of a KEM key. */
export interface KemPublic {
  readonly suite: Suite;
  readonly pk: Bytes;
}

// SubjectPublicKeyInfo of an RSA key of 3072 bits up to the modulus, and what
// follows it: exponent 65537.  So that no reader needs a DER parser.
const RSA_HEAD = fromHex(
  "308201a2300d06092a864886f70d01010105000382018f003082018a0282018100",
);
const RSA_TAIL = fromHex("0203010001");

export function pkBytes(suite: Suite): number {
  return suite === 1 ? sizes.RSA_SPKI_BYTES : sizes.X25519_BYTES;
}

export function sealedBytes(suite: Suite): number {
  return suite === 1 ? sizes.RSA_SEALED_BYTES : sizes.HPKE_SEALED_BYTES;
}

export function isSuite(n: number): n is Suite {
  return n === 1 || n === 2;
}

export function isKemPublic({ suite, pk }: KemPublic): boolean {
  if (pk.length !== pkBytes(suite)) return false;
  if (suite === 2) return true;
  const modulus = pk.subarray(RSA_HEAD.length, pk.length - RSA_TAIL.length);
  return (
    equal(pk.subarray(0, RSA_HEAD.length), RSA_HEAD) &&
    equal(pk.subarray(pk.length - RSA_TAIL.length), RSA_TAIL) &&
    modulus[0]! >= 0x80 &&
    modulus[modulus.length - 1]! % 2 === 1
  );
}

/** suite:1; a suite that does not exist marks the reader bad. */
export function readSuite(r: Reader): Suite {
  const suite = r.u8();
  if (isSuite(suite)) return suite;
  r.fail();
  return 2;
}

/** len:2 and the key. */
export function readPk(r: Reader, suite: Suite): KemPublic {
  const pk = r.v16();
  if (!isKemPublic({ suite, pk })) r.fail();
  return { suite, pk };
}
