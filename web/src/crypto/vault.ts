// Wrap records: keys under AES-GCM wrapKey with everything before the
// ciphertext as AAD, or sealed to the recovery key.

import { concat, wipe, type Bytes } from "../wire/bytes.ts";
import {
  encodeWrapHeader,
  type Wrap,
  type WrapHeader,
} from "../wire/wrap.ts";
import { domain, hash } from "./hash.ts";
import * as hpke from "./hpke.ts";

const GCM_TAG = 16;

type Format = "raw" | "pkcs8";

/** Wraps an extractable key.  header.iv is drawn here. */
export async function wrapKey(
  header: Omit<WrapHeader, "iv">,
  key: CryptoKey,
  under: CryptoKey,
): Promise<Bytes> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const format = formatOf(header.kind);
  const secret = new Uint8Array(await crypto.subtle.exportKey(format, key));
  const n = secret.length + GCM_TAG;
  wipe(secret);
  const additionalData = encodeWrapHeader({ ...header, iv }, n);
  const ct = await crypto.subtle.wrapKey(format, key, under, {
    name: "AES-GCM",
    iv,
    additionalData,
  });
  return concat(additionalData, new Uint8Array(ct));
}

/** Rejects when the record was made for another place or under another key.
 * extractable: for the step alone that wraps it anew. */
export function unwrapKey(
  wrap: Wrap,
  under: CryptoKey,
  algorithm: string | { name: string; hash?: string },
  usages: readonly KeyUsage[],
  extractable = false,
): Promise<CryptoKey> {
  return crypto.subtle.unwrapKey(
    formatOf(wrap.kind),
    wrap.ct,
    under,
    { name: "AES-GCM", iv: wrap.iv, additionalData: wrap.aad },
    algorithm,
    extractable,
    [...usages],
  );
}

/** Seals an extractable key to a recovery key: kinds 2 and 4. */
export async function sealKey(
  header: Omit<WrapHeader, "iv">,
  key: CryptoKey,
  recoveryKem: Bytes,
): Promise<Bytes> {
  const secret = new Uint8Array(
    await crypto.subtle.exportKey(formatOf(header.kind), key));
  const n = secret.length + 48;
  const aad = encodeWrapHeader({ ...header, iv: new Uint8Array(12) }, n);
  const info = concat(domain("recovery"), aad);
  const ct = await hpke.seal(recoveryKem, info, secret);
  wipe(secret);
  return concat(aad, ct);
}

/** The key, raw or in PKCS #8; rejects when it does not open. */
export function openKey(wrap: Wrap, recovery: CryptoKeyPair): Promise<Bytes> {
  return hpke.open(recovery, concat(domain("recovery"), wrap.aad), wrap.ct);
}

/** wraps of the account record: of whole records, ascending by kind. */
export function wrapsHash(records: readonly Bytes[]): Promise<Bytes> {
  return hash(domain("wraps"), ...records);
}

function formatOf(kind: number): Format {
  return kind === 3 || kind === 4 || kind === 5 ? "pkcs8" : "raw";
}
