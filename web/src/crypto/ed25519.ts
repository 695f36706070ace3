// Ed25519 (RFC 8032) with one verdict everywhere: what engines and libraries
// disagree on is refused here before SubtleCrypto is asked, by the same rules
// as in sidecar/protocol/ed25519.c.

import { concat, fromBase64Url, fromHex, wipe, type Bytes } from "../wire/bytes.ts";

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** y of the points of order 1, 2, 4 and 8; the sign of x does not matter. */
const SMALL_ORDER = new Set([
  0n,
  1n,
  P - 1n,
  littleEndian(fromHex(
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  )),
  littleEndian(fromHex(
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  )),
]);

const PKCS8_HEAD = /* @__PURE__ */ fromHex("302e020100300506032b657004220420");

/** Whether a signature may be checked with this encoding as key or R. */
export function isPointAllowed(point: Bytes): boolean {
  const y = littleEndian(point) & (2n ** 255n - 1n);
  return y < P && !SMALL_ORDER.has(y);
}

/** false for everything malformed, too. */
export async function verify(
  pk: Bytes,
  message: Bytes,
  sig: Bytes,
): Promise<boolean> {
  if (pk.length !== 32 || sig.length !== 64) return false;
  if (!isPointAllowed(pk) || !isPointAllowed(sig.subarray(0, 32))) return false;
  if (littleEndian(sig.subarray(32)) >= L) return false;
  try {
    const key = await crypto.subtle.importKey("raw", pk, "Ed25519", true, [
      "verify",
    ]);
    return await crypto.subtle.verify("Ed25519", key, sig, message);
  } catch {
    // Some engines refuse to import what is no point of the curve.
    return false;
  }
}

export async function sign(key: CryptoKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", key, message));
}

export interface SigningKey {
  readonly pk: Bytes;
  readonly privateKey: CryptoKey;
}

/** extractable: only for the identity key, which has to be wrapped. */
export async function generate(extractable = false): Promise<SigningKey> {
  const pair = (await crypto.subtle.generateKey("Ed25519", extractable, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const pk = await crypto.subtle.exportKey("raw", pair.publicKey);
  return { pk: new Uint8Array(pk), privateKey: pair.privateKey };
}

/** The key of a seed that was derived; it cannot be exported again. */
export async function fromSeed(seed: Bytes): Promise<SigningKey> {
  const pkcs8 = concat(PKCS8_HEAD, seed);
  const import_ = (extractable: boolean) =>
    crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", extractable, ["sign"]);
  // SubtleCrypto tells a private key's public half in its JWK alone.
  const jwk = await crypto.subtle.exportKey("jwk", await import_(true));
  const privateKey = await import_(false);
  wipe(pkcs8);
  return { pk: fromBase64Url(jwk.x!)!, privateKey };
}

function littleEndian(bytes: Uint8Array): bigint {
  let v = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) v = (v << 8n) | BigInt(bytes[i]!);
  return v;
}
