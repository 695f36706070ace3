// Suite 2: HPKE base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256),
// HKDF-SHA256 and AES-256-GCM, empty aad.  What is sealed is enc:32 and then
// ciphertext and tag.

import {
  Aes256Gcm,
  CipherSuite,
  DhkemX25519HkdfSha256,
  HkdfSha256,
} from "@hpke/core";
import { concat, type Bytes } from "../wire/bytes.ts";

const ENC = 32;

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

export async function seal(
  pk: Bytes,
  info: Bytes,
  secret: Bytes,
): Promise<Bytes> {
  const recipientPublicKey = await importPublic(pk);
  const { enc, ct } = await suite.seal({ recipientPublicKey, info }, secret);
  return concat(new Uint8Array(enc), new Uint8Array(ct));
}

/** Rejects when it was not sealed to this key, with this info. */
export async function open(
  pair: CryptoKeyPair,
  info: Bytes,
  sealed: Bytes,
): Promise<Bytes> {
  const opened = await suite.open(
    { recipientKey: pair, enc: sealed.slice(0, ENC), info },
    sealed.slice(ENC),
  );
  return new Uint8Array(opened);
}

// The library's own generator makes extractable keys: these are SubtleCrypto's.
export async function generate(extractable: boolean): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey("X25519", extractable, [
    "deriveBits",
  ])) as CryptoKeyPair;
}

export function importPublic(pk: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", pk, "X25519", true, []);
}

export async function exportPublic(key: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", key));
}

/** For SubtleCrypto's unwrapKey of a private half. */
export const UNWRAP = {
  algorithm: "X25519",
  usages: ["deriveBits"],
} as const;
