// What attackers make: identities, rosters, sessions and messages of their own,
// by the protocol's rules or by rules that they bend.

import { BodyKind, encodeBody } from "../../web/src/wire/body.ts";
import {
  concat, copy, fromBase64Url, toHex, toUtf8, uint, ZERO_ID, type Bytes,
} from "../../web/src/wire/bytes.ts";
import {
  decodeEnvelope, Direction, encodeEnvelope, encodeHead, EnvelopeType,
  type Envelope, type EnvelopeHead,
} from "../../web/src/wire/envelope.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { decodeHello, encodeHello, type Hello } from "../../web/src/wire/hello.ts";
import { decodeRoster, encodeRoster, type Roster } from "../../web/src/wire/roster.ts";
import type { KemPublic } from "../../web/src/wire/suite.ts";
import type { KemKey } from "../../web/src/crypto/kem.ts";
import type { SigningKey } from "../../web/src/crypto/ed25519.ts";
import type { Passing, Play } from "./link.ts";
import type { Lib, Scene } from "./scene.ts";

const DAY = 86_400_000;

export const text = (words: string): Bytes =>
  encodeBody({ kind: BodyKind.text, heads: [], content: toUtf8(words) });

/** A body whose fields need not hold. */
export function looseBody(o: {
  kind?: number;
  content: Bytes;
  padding?: number;
  bytes: number;
}): Bytes {
  const head = concat(uint(2 + o.content.length, 4), uint(o.kind ?? 1, 1), uint(0, 1));
  const out = new Uint8Array(o.bytes).fill(o.padding ?? 0);
  out.set(concat(head, o.content));
  return out;
}

export interface Forged {
  readonly direction: Direction;
  readonly cid: Bytes;
  readonly sid: Bytes;
  readonly signkeyId: Bytes;
  readonly seq: number;
  readonly prev?: Bytes;
  readonly rosterId: Bytes;
  readonly to: readonly [KemPublic, KemPublic];
  readonly body: Bytes;
  readonly key: CryptoKey;
  /** Instead of the one that belongs to the content key. */
  readonly commitment?: Bytes;
  /** What is sealed to each side, if not the content key. */
  readonly sealed?: readonly [Bytes, Bytes];
}

/** An envelope by the rules, of whatever it is given. */
export async function forge(lib: Lib, o: Forged): Promise<Bytes> {
  const head: EnvelopeHead = {
    type: EnvelopeType.stored, direction: o.direction, cid: o.cid, sid: o.sid,
    signkeyId: o.signkeyId, seq: o.seq, time: Date.now(),
    prev: o.prev ?? ZERO_ID, rosterId: o.rosterId,
  };
  const named = await Promise.all(o.to.map(async (key) => ({
    ...key, kemId: await lib.names.kemIdOf(key),
  }))) as [KemPublic & { kemId: Bytes }, KemPublic & { kemId: Bytes }];
  const name = (i: 0 | 1) => [uint(named[i].suite, 1), named[i].kemId];
  const ctx = await lib.hash(
    lib.domain("ctx"), encodeHead(head), ...name(0), ...name(1));
  const ck = crypto.getRandomValues(new Uint8Array(32));
  const commitment = o.commitment ?? (await lib.hkdf(ck, ctx, lib.domain("commit")));
  const k = await crypto.subtle.importKey(
    "raw", await lib.hkdf(ck, ctx, lib.domain("body")), "AES-GCM", false, ["encrypt"]);
  const ct = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv: new Uint8Array(12), additionalData: concat(ctx, commitment) },
    k, o.body);
  const seal = async (i: 0 | 1) => ({
    suite: named[i].suite, kemId: named[i].kemId,
    sealed: o.sealed?.[i] ?? (await lib.kem.seal(
      named[i], concat(lib.domain("seal"), ctx, ...name(i)), ck)),
  });
  const unsigned = encodeEnvelope({
    ...head, commitment, keys: [await seal(0), await seal(1)],
    ct: new Uint8Array(ct),
  });
  return lib.signThing("envelope", unsigned, o.key);
}

/** Somebody's ciphertext and sealed keys under another head, signed anew. */
export async function graft(
  lib: Lib,
  from: Envelope,
  head: Omit<EnvelopeHead, "type" | "time">,
  session: { suite: 1 | 2; kemId: Bytes },
  key: CryptoKey,
): Promise<Bytes> {
  const { commitment, keys, ct } = from;
  const unsigned = encodeEnvelope({
    type: EnvelopeType.stored, time: Date.now(), ...head, commitment, ct,
    keys: [keys[0], { ...keys[1], ...session }],
  });
  return lib.signThing("envelope", unsigned, key);
}

/** A visitor's session whose keys an attacker holds. */
export interface Session {
  readonly sid: Bytes;
  readonly sign: SigningKey;
  readonly signkeyId: Bytes;
  readonly kem: KemKey;
  readonly hello: Bytes;
}

export async function makeSession(
  lib: Lib,
  cid: Bytes,
  roster: Roster,
  sign?: SigningKey,
): Promise<Session> {
  const own = sign ?? (await lib.ed25519.generate());
  const kem = await lib.kem.generate(roster.messageKey.suite);
  const sessionKey = { suite: kem.suite, pk: kem.pk };
  const unsigned = encodeHello({
    cid, signPk: own.pk, sessionKey, time: Date.now(),
    rosterId: await lib.idOf(roster.bytes),
  });
  return {
    sid: await lib.names.sidOf(cid, own.pk, sessionKey),
    sign: own,
    signkeyId: await lib.names.signkeyIdOf(own.pk),
    kem,
    hello: await lib.signThing("hello", unsigned, own.privateKey),
  };
}

/** What an attacker sends in a session of its own. */
export async function inSession(
  lib: Lib,
  session: Session,
  roster: Roster,
  cid: Bytes,
  o: Pick<Forged, "seq" | "body"> & Partial<Forged>,
): Promise<Bytes> {
  return forge(lib, {
    direction: Direction.toCustomer, cid, sid: session.sid,
    signkeyId: session.signkeyId, rosterId: await lib.idOf(roster.bytes),
    to: [roster.messageKey, session.kem], key: session.sign.privateKey, ...o,
  });
}

/** What the service has of a conversation. */
export interface Overheard {
  readonly cid: Bytes;
  readonly sid: Bytes;
  readonly hello: Hello;
  readonly roster: Roster;
  readonly rosterId: Bytes;
  readonly last: Envelope;
  readonly lastId: Bytes;
}

export async function overheard(scene: Scene, sid: string): Promise<Overheard> {
  const { lib, record } = scene;
  const hello = decodeHello(record.hellos.get(sid)!)!;
  const roster = decodeRoster(record.rosters.at(-1)!)!;
  const last = decodeEnvelope(record.last(sid))!;
  return {
    cid: hello.cid, sid: last.sid, hello, roster, last,
    rosterId: await lib.idOf(roster.bytes),
    lastId: await lib.idOf(last.bytes),
  };
}

/** An identity that is not the customer's, under the customer's name. */
export async function impostor(
  lib: Lib,
  cid: string,
): Promise<{ roster: Bytes; message: KemKey }> {
  const ik = await lib.ed25519.generate();
  const device = await lib.ed25519.generate();
  const message = await lib.kem.generate(2);
  const now = Date.now();
  const roster = await lib.signThing(
    "roster",
    encodeRoster({
      cid: fromBase64Url(cid)!, ikPk: ik.pk, version: 1, generation: 1,
      prev: ZERO_ID, notBefore: now, notAfter: now + 180 * DAY,
      messageKey: { suite: 2, pk: message.pk }, devices: [device.pk],
    }),
    ik.privateKey);
  return { roster, message };
}

/** Answers a visitor in the sidecar's place, with a roster of one's own; what
 * is sent is opened as far as its keys allow. */
export function standIn(
  lib: Lib,
  roster: Bytes,
  key: KemKey | undefined,
  heard: (words: string | undefined, envelope: Envelope) => void,
): Pick<Play, "toService" | "toClient"> {
  let position = 0;
  const opened = async (envelope: Envelope) => {
    const body = key && (await lib.openMessage(envelope, 0, key));
    return body && new TextDecoder().decode(body.content);
  };
  const answer = async ({ name, tag, body }: Passing) => {
    switch (name) {
      case "rosterGet":
        return f.encodeRosters(tag, { next: 0, rosters: [{ bytes: roster }] });
      case "auth":
        return f.encodeReady(tag, {
          role: 1, time: Date.now(), roster, cursor: 0, head: 0, earliest: 1,
          seq: 0, id: ZERO_ID, window: 64, requests: 64,
        });
      case "send": {
        const envelope = decodeEnvelope(copy(f.decodeSend(body).envelope))!;
        heard(await opened(envelope), envelope);
        return f.encodeStored(tag, { position: ++position, time: Date.now() });
      }
      default:
        return undefined;
    }
  };
  return {
    toService: async (passing) => {
      const frame = await answer(passing);
      if (frame) passing.stream.toClient(frame);
      return [];
    },
    // The challenge is the real one; nothing else of the sidecar's is wanted.
    toClient: ({ name }) => (name === "challenge" ? undefined : []),
  };
}

/** Takes messages off a page and says that they are stored. */
export function swallow(
  took: (envelope: Bytes) => void,
): NonNullable<Play["toService"]> {
  let position = 500_000_000;
  return ({ name, tag, body, stream }) => {
    if (name !== "send") return undefined;
    took(copy(f.decodeSend(body).envelope));
    stream.toClient(
      f.encodeStored(tag, { position: ++position, time: Date.now() }));
    return [];
  };
}

/** Leaves some envelopes out of whatever the service hands out. */
export function hiding(
  hidden: (envelope: Envelope) => boolean,
): NonNullable<Play["toClient"]> {
  const isHidden = (bytes: Uint8Array) => {
    const envelope = decodeEnvelope(copy(bytes));
    return envelope !== undefined && hidden(envelope);
  };
  return ({ name, tag, body }) => {
    if (name === "deliver") {
      return isHidden(f.decodeDeliver(body).envelope) ? [] : undefined;
    }
    if (name !== "messages") return undefined;
    const page = f.decodeMessages(body);
    const messages = page.messages.filter((m) => !isHidden(m.envelope));
    return [f.encodeMessages(tag, { ...page, messages })];
  };
}

export const senderOf = (envelope: Envelope): string => toHex(envelope.signkeyId);

export { decodeEnvelope, decodeRoster, Direction };
