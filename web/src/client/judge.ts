// What one delivered envelope is worth, looked at alone: layout, cid, sid and
// direction, signer, signature, recipients, opening, body.  How it stands to
// other messages is for transcript.ts.

import { signkeyIdOf, kemIdOf, sidOf } from "../crypto/names.ts";
import { openMessage } from "../crypto/message.ts";
import type { KemKey } from "../crypto/kem.ts";
import { verifyThing } from "../crypto/signed.ts";
import { BodyKind, type Body } from "../wire/body.ts";
import { equal, fromUtf8, toHex, type Bytes } from "../wire/bytes.ts";
import { Direction, EnvelopeType, type Envelope, type Recipient } from "../wire/envelope.ts";
import { decodeHello, type Hello } from "../wire/hello.ts";
import type { KemPublic } from "../wire/suite.ts";
import type { KnownRoster } from "./roster.ts";

/** Whose eyes these are. */
export interface Party {
  readonly side: "visitor" | "customer";
  readonly cid: Bytes;
  readonly signkeyId: Bytes;
  readonly signKey: CryptoKey;
  /** The key that opens messages under this roster, if it is there yet. */
  openingKey(roster: KnownRoster): Promise<KemKey | undefined>;
}

export type Judgement =
  | { readonly verdict: "dropped" }
  | { readonly verdict: "waiting" }
  | {
      readonly verdict: "genuine";
      /** undefined: the key is there and it does not open. */
      readonly content: Content | undefined;
    };

export interface Content {
  readonly kind: number;
  readonly text: string;
  readonly heads: readonly string[];
}

/** The hello of a session, or undefined if it is not this session's. */
export async function verifyHello(
  bytes: Bytes,
  cid: Bytes,
  sid: Bytes,
): Promise<Hello | undefined> {
  const hello = decodeHello(bytes);
  if (!hello || !equal(hello.cid, cid)) return undefined;
  const own = await sidOf(cid, hello.signPk, hello.sessionKey);
  if (!equal(own, sid)) return undefined;
  return (await verifyThing("hello", bytes, hello.signPk)) ? hello : undefined;
}

/** envelope was compared with cid and sid; roster is the one it names. */
export async function judge(
  party: Party,
  envelope: Envelope,
  hello: Hello,
  roster: KnownRoster,
): Promise<Judgement> {
  const pk = await signerOf(envelope, hello, roster);
  const [toCustomer, toSession] = envelope.keys;
  const counts =
    pk &&
    (await verifyThing("envelope", envelope.bytes, pk)) &&
    (await isFor(toCustomer, roster.messageKey)) &&
    (await isFor(toSession, hello.sessionKey));
  if (!counts) return { verdict: "dropped" };

  const key = await party.openingKey(roster);
  if (!key) return { verdict: "waiting" };
  const slot = party.side === "customer" ? 0 : 1;
  const body = await openMessage(envelope, slot, key);
  return { verdict: "genuine", content: body && contentOf(body, envelope) };
}

/** Of the customer: the device with that signkey_id. */
export async function deviceOf(
  roster: KnownRoster,
  signkeyId: Bytes,
): Promise<Bytes | undefined> {
  for (const device of roster.devices) {
    if (equal(await signkeyIdOf(device), signkeyId)) return device;
  }
  return undefined;
}

async function signerOf(
  envelope: Envelope,
  hello: Hello,
  roster: KnownRoster,
): Promise<Bytes | undefined> {
  if (envelope.direction === Direction.toVisitor) {
    return deviceOf(roster, envelope.signkeyId);
  }
  const own = await signkeyIdOf(hello.signPk);
  return equal(own, envelope.signkeyId) ? hello.signPk : undefined;
}

async function isFor(named: Recipient, key: KemPublic): Promise<boolean> {
  return named.suite === key.suite && equal(named.kemId, await kemIdOf(key));
}

function contentOf(body: Body, { type }: Envelope): Content | undefined {
  const { kind, content } = body;
  const heads = body.heads.map(toHex);
  if ((kind === BodyKind.typing) !== (type === EnvelopeType.signal)) {
    return undefined;
  }
  switch (kind) {
    case BodyKind.text: {
      const text = fromUtf8(content);
      return text ? { kind, text, heads } : undefined;
    }
    case BodyKind.receipt:
    case BodyKind.closed:
      return content.length ? undefined : { kind, text: "", heads };
    case BodyKind.typing:
      return content.length || heads.length
        ? undefined
        : { kind, text: "", heads };
    case BodyKind.attachment:
      return { kind, text: "", heads };
    default:
      return undefined;
  }
}
