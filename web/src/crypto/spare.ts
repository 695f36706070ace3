// Spare keys: a session's private keys, sealed under a code of 16 bytes that
// the visitor writes down, with what keeps their next user from starting over.
//
//     key z = HKDF(code, salt = empty, info = D(z) || cid)    z: spare-token, spare-wrap
//
//     hello: v16 | signing key: v16 | KEM key: v16 | seq:8 | id:32 | roster
//
// Both keys are PKCS #8.  seq and id: of the last message of their own that the
// service had confirmed.  A code seals once, so the nonce may be zero.

import { decodeHello, type Hello } from "../wire/hello.ts";
import { concat, equal, type Bytes } from "../wire/bytes.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { sign, verify } from "./ed25519.ts";
import { domain, hash } from "./hash.ts";
import { hkdf } from "./hkdf.ts";
import * as kem from "./kem.ts";
import { sidOf } from "./names.ts";
import { verifyThing } from "./signed.ts";

export const CODE_BYTES = 16;

/** Private keys as PKCS #8, beside the hello that names their public halves. */
export interface PlainKeys {
  readonly hello: Bytes;
  readonly signKey: Bytes;
  readonly kemKey: Bytes;
}

export interface SpareKeys extends PlainKeys {
  readonly seq: number;
  readonly id: Bytes;
  readonly roster: Bytes;
}

/** What the service is shown, and the name by which it knows it. */
export function tokenOf(code: Bytes, cid: Bytes): Promise<Bytes> {
  return derive("spare-token", code, cid);
}

export function nameOf(token: Bytes): Promise<Bytes> {
  return hash(domain("spare"), token);
}

export async function sealSpare(
  code: Bytes,
  cid: Bytes,
  spare: SpareKeys,
): Promise<Bytes> {
  const plain = new Writer()
    .v16(spare.hello)
    .v16(spare.signKey)
    .v16(spare.kemKey)
    .u64(spare.seq)
    .bytes(spare.id, 32)
    .finish();
  const { key, algorithm } = await wrapOf(code, cid);
  return new Uint8Array(
    await crypto.subtle.encrypt(algorithm, key, concat(plain, spare.roster)));
}

/** Rejects when this code did not seal it for this customer. */
export async function openSpare(
  code: Bytes,
  cid: Bytes,
  sealed: Bytes,
): Promise<SpareKeys> {
  const { key, algorithm } = await wrapOf(code, cid);
  const r = new Reader(
    new Uint8Array(await crypto.subtle.decrypt(algorithm, key, sealed)));
  return {
    hello: r.v16(),
    signKey: r.v16(),
    kemKey: r.v16(),
    seq: r.u64(),
    id: r.bytes(32),
    roster: r.rest(),
  };
}

/** The keys, which cannot be exported again.  Rejects unless they belong to
 * the hello, and that to the customer. */
export async function joinKeys(plain: PlainKeys, cid: Bytes): Promise<{
  readonly hello: Hello;
  readonly sid: Bytes;
  readonly signKey: CryptoKey;
  readonly kemKey: kem.KemKey;
}> {
  const hello = decodeHello(plain.hello);
  if (!hello || !equal(hello.cid, cid)) throw new Error("another hello");
  const { signPk, sessionKey } = hello;
  const { algorithm, usages } = kem.algorithmOf(sessionKey.suite).UNWRAP;
  const signKey = await crypto.subtle.importKey(
    "pkcs8", plain.signKey, "Ed25519", false, ["sign"]);
  const kemKey = await kem.join(
    sessionKey,
    await crypto.subtle.importKey(
      "pkcs8", plain.kemKey, algorithm, false, [...usages]),
  );
  const probe = domain("probe");
  const ours =
    kemKey &&
    (await verifyThing("hello", plain.hello, signPk)) &&
    (await verify(signPk, probe, await sign(signKey, probe)));
  if (!ours) throw new Error("other keys");
  return { hello, sid: await sidOf(cid, signPk, sessionKey), signKey, kemKey };
}

async function wrapOf(code: Bytes, cid: Bytes) {
  const key = await crypto.subtle.importKey(
    "raw", await derive("spare-wrap", code, cid), "AES-GCM", false,
    ["encrypt", "decrypt"]);
  const algorithm = {
    name: "AES-GCM",
    iv: new Uint8Array(12),
    additionalData: concat(domain("spare"), cid),
  };
  return { key, algorithm };
}

function derive(word: string, code: Bytes, cid: Bytes): Promise<Bytes> {
  return hkdf(code, new Uint8Array(0), concat(domain(word), cid));
}
