// What is derived from password and Secret Key, and from the recovery code.

import { concat, fromHex, uint, wipe, type Bytes } from "../wire/bytes.ts";
import { KDF_ID } from "../wire/sizes.ts";
import { fromSeed, type SigningKey } from "./ed25519.ts";
import { domain, hash } from "./hash.ts";
import { hkdf } from "./hkdf.ts";
import { pbkdf2 } from "./pbkdf2.ts";

/** Of kdf_id 1: compiled in, so that no service can lower it. */
const ITERATIONS = 1_000_000;

export interface PasswordKeys {
  readonly login: SigningKey;
  /** AES-GCM-256, for wrapKey and unwrapKey alone. */
  readonly wrap: CryptoKey;
}

export async function passwordKeys(secrets: {
  readonly password: string;
  /** 16 bytes. */
  readonly secretKey: Bytes;
  readonly accountId: Bytes;
  /** 16 bytes. */
  readonly serverSalt: Bytes;
}): Promise<PasswordKeys> {
  const { accountId, serverSalt, secretKey } = secrets;
  const salt = await hash(domain("pw-salt"), accountId, serverSalt);
  const password = secrets.password.normalize("NFKC");
  const mk = await pbkdf2(password, salt, ITERATIONS);
  const derive = (word: string) =>
    hkdf(mk, secretKey, concat(domain(word), accountId, uint(KDF_ID, 1)));
  const raw = await derive("wrap");
  const wrap = await crypto.subtle.importKey(
    "raw",
    raw,
    "AES-GCM",
    false,
    ["wrapKey", "unwrapKey"],
  );
  const seed = await derive("login");
  const login = await fromSeed(seed);
  wipe(mk, raw, seed);
  return { login, wrap };
}

export interface RecoveryKeys {
  readonly login: SigningKey;
  /** X25519, for what is sealed to the recovery code. */
  readonly kem: CryptoKeyPair;
  readonly kemPk: Bytes;
}

const X25519_PKCS8_HEAD = /* @__PURE__ */ fromHex("302e020100300506032b656e04220420");

export async function recoveryKeys(
  recoveryCode: Bytes,
  accountId: Bytes,
): Promise<RecoveryKeys> {
  const derive = (word: string) =>
    hkdf(recoveryCode, new Uint8Array(0), concat(domain(word), accountId));
  const secret = await derive("recovery-kem");
  const pkcs8 = concat(X25519_PKCS8_HEAD, secret);
  const import_ = (extractable: boolean) =>
    crypto.subtle.importKey("pkcs8", pkcs8, "X25519", extractable, [
      "deriveBits",
    ]);
  const jwk = await crypto.subtle.exportKey("jwk", await import_(true));
  const publicKey = await crypto.subtle.importKey(
    "jwk",
    { kty: jwk.kty!, crv: jwk.crv!, x: jwk.x! },
    "X25519",
    true,
    [],
  );
  const raw = await crypto.subtle.exportKey("raw", publicKey);
  const privateKey = await import_(false);
  const seed = await derive("recovery-login");
  const login = await fromSeed(seed);
  wipe(secret, pkcs8, seed);
  return {
    login, kem: { publicKey, privateKey }, kemPk: new Uint8Array(raw),
  };
}
