// Suite 2: HPKE (RFC 9180) in base mode and single-shot, with
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, empty aad.  What is
// sealed is enc:32 and then ciphertext and tag.
//
// All of it stands on SubtleCrypto; names are those of the RFC.  Every output
// of HKDF here fits into one block, so that Expand is one HMAC.

import {
  concat, isZero, toUtf8, uint, ZERO_ID, type Bytes,
} from "../wire/bytes.ts";

const ENC = 32;
const EMPTY = new Uint8Array(0);
const VERSION = toUtf8("HPKE-v1");
/** Of DHKEM(X25519, HKDF-SHA256), and of the three algorithms together. */
const KEM = /* @__PURE__ */ concat(toUtf8("KEM"), uint(0x20, 2));
const HPKE = /* @__PURE__ */ concat(
  toUtf8("HPKE"), uint(0x20, 2), uint(1, 2), uint(2, 2));

export async function seal(
  pk: Bytes,
  info: Bytes,
  secret: Bytes,
): Promise<Bytes> {
  const ephemeral = await generate(false);
  const enc = await exportPublic(ephemeral.publicKey);
  const dh = await agree(ephemeral.privateKey, await importPublic(pk));
  const { key, nonce } = await schedule(dh, concat(enc, pk), info, "encrypt");
  return concat(enc, new Uint8Array(
    await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, secret)));
}

/** Rejects when it was not sealed to this key, with this info. */
export async function open(
  pair: CryptoKeyPair,
  info: Bytes,
  sealed: Bytes,
): Promise<Bytes> {
  const enc = sealed.slice(0, ENC);
  const dh = await agree(pair.privateKey, await importPublic(enc));
  const context = concat(enc, await exportPublic(pair.publicKey));
  const { key, nonce } = await schedule(dh, context, info, "decrypt");
  return new Uint8Array(await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: nonce }, key, sealed.slice(ENC)));
}

async function agree(sk: CryptoKey, pk: CryptoKey): Promise<Bytes> {
  const bits = await crypto.subtle.deriveBits(
    { name: "X25519", public: pk }, sk, 256);
  const dh = new Uint8Array(bits);
  // Of a key of small order; not every engine refuses it (section 7.1.4).
  if (isZero(dh)) throw new Error("no shared secret");
  return dh;
}

/** ExtractAndExpand of the KEM, and KeySchedule of mode_base. */
async function schedule(
  dh: Bytes,
  kemContext: Bytes,
  info: Bytes,
  usage: "encrypt" | "decrypt",
): Promise<{ key: CryptoKey; nonce: Bytes }> {
  const eae = await extract(KEM, EMPTY, "eae_prk", dh);
  const shared = await expand(KEM, eae, "shared_secret", kemContext, 32);
  const context = concat(
    uint(0, 1),
    await extract(HPKE, EMPTY, "psk_id_hash", EMPTY),
    await extract(HPKE, EMPTY, "info_hash", info),
  );
  const secret = await extract(HPKE, shared, "secret", EMPTY);
  const key = await expand(HPKE, secret, "key", context, 32);
  return {
    key: await crypto.subtle.importKey("raw", key, "AES-GCM", false, [usage]),
    nonce: await expand(HPKE, secret, "base_nonce", context, 12),
  };
}

/** LabeledExtract. */
function extract(
  suite: Bytes,
  salt: Bytes,
  label: string,
  ikm: Bytes,
): Promise<Bytes> {
  // No salt is a block of zeros, and some engines take no empty key.
  return hmac(salt.length ? salt : ZERO_ID, VERSION, suite, toUtf8(label), ikm);
}

/** LabeledExpand, to n bytes: 32 at most. */
async function expand(
  suite: Bytes,
  prk: Bytes,
  label: string,
  info: Bytes,
  n: number,
): Promise<Bytes> {
  const block = await hmac(
    prk, uint(n, 2), VERSION, suite, toUtf8(label), info, uint(1, 1));
  return block.slice(0, n);
}

async function hmac(key: Bytes, ...parts: readonly Bytes[]): Promise<Bytes> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const mac = await crypto.subtle.sign(
    "HMAC",
    await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]),
    concat(...parts),
  );
  return new Uint8Array(mac);
}

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
