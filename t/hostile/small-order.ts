// Sessions under a public key of small order.  For such a key A and the message
// M, R = S B holds the equation S B = R + h A as soon as h A is nothing, which
// is so for one of a few S: no private key is needed.

import { createHash, generateKeyPairSync } from "node:crypto";

import { concat, fromBase64Url, type Bytes } from "../../web/src/wire/bytes.ts";
import { encodeHello } from "../../web/src/wire/hello.ts";
import type { Roster } from "../../web/src/wire/roster.ts";
import { Direction, forge, text } from "./forge.ts";
import type { Lib } from "./scene.ts";

const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const TRIES = 200;

/** Some S below L, and R = S B: a private key's scalar and its public key. */
function pair(): Bytes {
  const { d, x } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const digest = createHash("sha512").update(Buffer.from(d!, "base64url")).digest();
  const scalar = digest.subarray(0, 32);
  scalar[0]! &= 248;
  scalar[31] = (scalar[31]! & 63) | 64;
  let s = BigInt(`0x${Buffer.from(scalar).reverse().toString("hex")}`) % L;
  const out = new Uint8Array(32);
  for (let i = 0; i < 32; i++, s >>= 8n) out[i] = Number(s & 255n);
  return concat(fromBase64Url(x!)!, out);
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
