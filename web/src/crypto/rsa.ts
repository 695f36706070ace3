// Suite 1: RSA-OAEP with 3072 bits and SHA-256; the label is the info.

import type { Bytes } from "../wire/bytes.ts";

const ALGORITHM = { name: "RSA-OAEP", hash: "SHA-256" } as const;

export async function seal(
  pk: Bytes,
  info: Bytes,
  secret: Bytes,
): Promise<Bytes> {
  const sealed = await crypto.subtle.encrypt(
    { name: "RSA-OAEP", label: info },
    await importPublic(pk),
    secret,
  );
  return new Uint8Array(sealed);
}

/** Rejects when it was not sealed to this key, with this info. */
export async function open(
  pair: CryptoKeyPair,
  info: Bytes,
  sealed: Bytes,
): Promise<Bytes> {
  const opened = await crypto.subtle.decrypt(
    { name: "RSA-OAEP", label: info },
    pair.privateKey,
    sealed,
  );
  return new Uint8Array(opened);
}

export async function generate(extractable: boolean): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(
    {
      ...ALGORITHM,
      modulusLength: 3072,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    extractable,
    ["encrypt", "decrypt"],
  );
}

export function importPublic(pk: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("spki", pk, ALGORITHM, true, ["encrypt"]);
}

/** 422 bytes of SPKI. */
export async function exportPublic(key: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.exportKey("spki", key));
}

export const UNWRAP = { algorithm: ALGORITHM, usages: ["decrypt"] } as const;
