// Sessions under a public key of small order.  For such a key A and the message
// M, R = S B holds the equation S B = R + h A as soon as h A is nothing, which
// is so for one of a few S: no private key is needed.

import { createHash, generateKeyPairSync } from "node:crypto";

import { concat, fromBase64Url, type Bytes } from "../../web/src/wire/bytes.ts";
import { encodeHello } from "../../web/src/wire/hello.ts";
import type { Roster } from "../../web/src/wire/roster.ts";
import type { SigningKey } from "../../web/src/crypto/ed25519.ts";
import { Direction, forge, text } from "./forge.ts";
import type { Lib } from "./scene.ts";

const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const TRIES = 200;

const numberOf = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`) % L;

function bytesOf(value: bigint): Bytes {
  const out = new Uint8Array(32);
  for (let i = 0, rest = value; i < 32; i++, rest >>= 8n) out[i] = Number(rest & 255n);
  return out;
}

/** A private key's scalar. */
function scalarOf(seed: Uint8Array): bigint {
  const scalar = createHash("sha512").update(seed).digest().subarray(0, 32);
  scalar[0]! &= 248;
  scalar[31] = (scalar[31]! & 63) | 64;
  return numberOf(scalar);
}

/** Some S below L, and R = S B: a private key's scalar and its public key. */
function pair(): Bytes {
  const { d, x } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return concat(fromBase64Url(x!)!, bytesOf(scalarOf(fromBase64Url(d!)!)));
}

/** Signs with R of order 1 (encoded 1, 0, 0 ...): then S = h a. */
export async function hollowSigner(): Promise<{
  key: SigningKey;
  sign: (message: Bytes) => Bytes;
}> {
  const { privateKey } = await crypto.subtle.generateKey(
    "Ed25519", true, ["sign", "verify"]) as CryptoKeyPair;
  const { d, x } = await crypto.subtle.exportKey("jwk", privateKey);
  const pk = fromBase64Url(x!)!;
  const a = scalarOf(fromBase64Url(d!)!);
  const r = bytesOf(1n);
  return {
    key: { pk, privateKey },
    sign: (message) => {
      const h = createHash("sha512").update(concat(r, pk, message)).digest();
      return concat(r, bytesOf((numberOf(h) * a) % L));
    },
  };
}

async function signedByNobody(lib: Lib, word: string, pk: Bytes, unsigned: Bytes): Promise<Bytes> {
  const message = concat(lib.domain(word), unsigned);
  const key = await crypto.subtle.importKey("raw", pk, "Ed25519", true, ["verify"]);
  for (let i = 0; i < TRIES; i++) {
    const sig = pair();
    if (await crypto.subtle.verify("Ed25519", key, sig, message)) {
      return concat(unsigned, sig);
    }
  }
  throw new Error("the engine refuses keys of small order by itself");
}

/** A session under that key, and a message in it. */
export async function forgeable(
  lib: Lib,
  cid: Bytes,
  roster: Roster,
  pk: Bytes,
  said: string,
): Promise<{ hello: Bytes; envelope: Bytes }> {
  const kem = await lib.kem.generate(2);
  const sessionKey = { suite: kem.suite, pk: kem.pk };
  const rosterId = await lib.idOf(roster.bytes);
  const hello = await signedByNobody(lib, "hello", pk, encodeHello({
    cid, signPk: pk, sessionKey, time: Date.now(), rosterId,
  }));
  const { privateKey } = await lib.ed25519.generate();
  const envelope = await forge(lib, {
    direction: Direction.toCustomer, cid,
    sid: await lib.names.sidOf(cid, pk, sessionKey),
    signkeyId: await lib.names.signkeyIdOf(pk), seq: 1, rosterId,
    to: [roster.messageKey, sessionKey], body: text(said), key: privateKey,
  });
  return {
    hello,
    envelope: await signedByNobody(lib, "envelope", pk, envelope.slice(0, -64)),
  };
}
