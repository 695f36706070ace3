// The envelope: one message as the service sees it.  Layout alone.

import { isZero, type Bytes } from "./bytes.ts";
import { isBodyBytes } from "./padme.ts";
import { Reader } from "./reader.ts";
import { ENVELOPE_MAX, SIG_BYTES } from "./sizes.ts";
import { readSuite, sealedBytes, type Suite } from "./suite.ts";
import { Writer } from "./writer.ts";

export const EnvelopeType = { stored: 1, signal: 2 } as const;
export type EnvelopeType = (typeof EnvelopeType)[keyof typeof EnvelopeType];

export const Direction = { toCustomer: 1, toVisitor: 2 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

/** Bytes 0 to 183: what is known before anything is sealed. */
export interface EnvelopeHead {
  readonly type: EnvelopeType;
  readonly direction: Direction;
  readonly cid: Bytes;
  readonly sid: Bytes;
  readonly signkeyId: Bytes;
  /** From 1; 0 exactly in a signal. */
  readonly seq: number;
  /** ms, advisory */
  readonly time: number;
  /** Zeros exactly if seq is 0 or 1. */
  readonly prev: Bytes;
  readonly rosterId: Bytes;
}

export interface Recipient {
  readonly suite: Suite;
  readonly kemId: Bytes;
}

export interface SealedKey extends Recipient {
  readonly sealed: Bytes;
}

export interface EnvelopeFields extends EnvelopeHead {
  readonly commitment: Bytes;
  /** The roster's message key, then the session's key. */
  readonly keys: readonly [SealedKey, SealedKey];
  readonly ct: Bytes;
}

export interface Envelope extends EnvelopeFields {
  readonly bytes: Bytes;
}

export const HEAD_BYTES = 184;
const CT_TAG = 16;

/** undefined when the bytes are no envelope. */
export function decodeEnvelope(bytes: Bytes): Envelope | undefined {
  if (bytes.length > ENVELOPE_MAX) return undefined;
  const r = new Reader(bytes);
  r.magic("SCW1");
  const type = r.u8() as EnvelopeType;
  const direction = r.u8() as Direction;
  if (r.u16() !== 0) r.fail();
  const head = {
    type,
    direction,
    cid: r.bytes(32),
    sid: r.bytes(32),
    signkeyId: r.bytes(32),
    seq: r.u64(),
    time: r.u64(),
    prev: r.bytes(32),
    rosterId: r.bytes(32),
  };
  const commitment = r.bytes(32);
  const ctBytes = r.u32();
  const keys = [readKey(r), readKey(r)] as const;
  const ct = r.bytes(ctBytes);
  r.bytes(SIG_BYTES);
  if (!r.done || !holds(head) || !isBodyBytes(ctBytes - CT_TAG)) {
    return undefined;
  }
  return { bytes, ...head, commitment, keys, ct };
}

/** Bytes 0 to 183. */
export function encodeHead(head: EnvelopeHead): Bytes {
  if (!holds(head)) throw new RangeError("not an envelope");
  return new Writer()
    .ascii("SCW1")
    .u8(head.type)
    .u8(head.direction)
    .u16(0)
    .bytes(head.cid, 32)
    .bytes(head.sid, 32)
    .bytes(head.signkeyId, 32)
    .u64(head.seq)
    .u64(head.time)
    .bytes(head.prev, 32)
    .bytes(head.rosterId, 32)
    .finish();
}

/** Everything before the signature. */
export function encodeEnvelope(fields: EnvelopeFields): Bytes {
  const w = new Writer()
    .bytes(encodeHead(fields), HEAD_BYTES)
    .bytes(fields.commitment, 32)
    .u32(fields.ct.length);
  for (const key of fields.keys) {
    w.u8(key.suite)
      .bytes(key.kemId, 32)
      .bytes(key.sealed, sealedBytes(key.suite));
  }
  return w.bytes(fields.ct).finish();
}

function readKey(r: Reader): SealedKey {
  const suite = readSuite(r);
  const kemId = r.bytes(32);
  return { suite, kemId, sealed: r.bytes(sealedBytes(suite)) };
}

function holds(head: EnvelopeHead): boolean {
  const { type, direction, seq } = head;
  return (
    (type === 1 || type === 2) &&
    (direction === 1 || direction === 2) &&
    (seq === 0) === (type === EnvelopeType.signal) &&
    isZero(head.prev) === (seq <= 1)
  );
}
