// Sealing and opening one envelope.
//
// The key of the body is derived from a content key that is drawn for this
// message alone, and from ctx, everything that is said about the message in the
// clear.  So what is sealed cannot be moved to another sender, session,
// direction, place or pair of recipients; and the commitment fixes one content
// key, so that both recipients read the same.

import { concat, equal, uint, type Bytes } from "../wire/bytes.ts";
import { decodeBody, encodeBody, type Body } from "../wire/body.ts";
import {
  encodeEnvelope,
  encodeHead,
  HEAD_BYTES,
  type Envelope,
  type EnvelopeHead,
  type Recipient,
} from "../wire/envelope.ts";
import type { KemPublic } from "../wire/suite.ts";
import { domain, hash } from "./hash.ts";
import { hkdf } from "./hkdf.ts";
import * as kem from "./kem.ts";
import { kemIdOf } from "./names.ts";
import { idOf, signThing } from "./signed.ts";

export interface SealedMessage {
  readonly envelope: Bytes;
  readonly id: Bytes;
}

/** recipients: the roster's message key, then the session's key. */
export async function sealMessage(
  head: EnvelopeHead,
  recipients: readonly [KemPublic, KemPublic],
  body: Body,
  signKey: CryptoKey,
): Promise<SealedMessage> {
  const named = [await name(recipients[0]), await name(recipients[1])] as const;
  const ctx = await contextOf(encodeHead(head), named);
  const ck = crypto.getRandomValues(new Uint8Array(32));
  const commitment = await commitmentOf(ck, ctx);
  const ct = await crypto.subtle.encrypt(
    gcm(ctx, commitment),
    await bodyKey(ck, ctx, "encrypt"),
    encodeBody(body),
  );
  const sealTo = async (to: KemPublic & Recipient) => ({
    ...to,
    sealed: await kem.seal(to, sealInfo(ctx, to), ck),
  });
  const keys = [await sealTo(named[0]), await sealTo(named[1])] as const;
  const unsigned = encodeEnvelope({
    ...head,
    commitment,
    keys,
    ct: new Uint8Array(ct),
  });
  const envelope = await signThing("envelope", unsigned, signKey);
  return { envelope, id: await idOf(envelope) };
}

/** Opens with the key of recipient 0 (customer) or 1 (session).  undefined
 * when anything does not hold: seal, commitment, body, padding. */
export async function openMessage(
  envelope: Envelope,
  recipient: 0 | 1,
  key: Pick<kem.KemKey, "suite" | "pair">,
): Promise<Body | undefined> {
  const { commitment, keys } = envelope;
  const to = keys[recipient];
  const ctx = await contextOf(envelope.bytes.subarray(0, HEAD_BYTES), keys);
  try {
    const ck = await kem.open(key, sealInfo(ctx, to), to.sealed);
    if (ck.length !== 32) return undefined;
    if (!equal(await commitmentOf(ck, ctx), commitment)) return undefined;
    const body = await crypto.subtle.decrypt(
      gcm(ctx, commitment),
      await bodyKey(ck, ctx, "decrypt"),
      envelope.ct,
    );
    return decodeBody(new Uint8Array(body));
  } catch {
    return undefined;
  }
}

async function name(key: KemPublic): Promise<KemPublic & Recipient> {
  return { suite: key.suite, pk: key.pk, kemId: await kemIdOf(key) };
}

function contextOf(
  head: Bytes,
  recipients: readonly [Recipient, Recipient],
): Promise<Bytes> {
  return hash(domain("ctx"), head, ...recipients.flatMap(recipientBytes));
}

function recipientBytes({ suite, kemId }: Recipient): Bytes[] {
  return [uint(suite, 1), kemId];
}

function sealInfo(ctx: Bytes, to: Recipient): Bytes {
  return concat(domain("seal"), ctx, ...recipientBytes(to));
}

function commitmentOf(ck: Bytes, ctx: Bytes): Promise<Bytes> {
  return hkdf(ck, ctx, domain("commit"));
}

async function bodyKey(
  ck: Bytes,
  ctx: Bytes,
  usage: KeyUsage,
): Promise<CryptoKey> {
  const raw = await hkdf(ck, ctx, domain("body"));
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, [usage]);
}

// The nonce may be zero because the key encrypts this one body alone.
function gcm(ctx: Bytes, commitment: Bytes): AesGcmParams {
  return {
    name: "AES-GCM",
    iv: new Uint8Array(12),
    additionalData: concat(ctx, commitment),
  };
}
