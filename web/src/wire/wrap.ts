// Wrap records: keys of an account, wrapped.  Layout alone.

import { equal, isZero, type Bytes } from "./bytes.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

export const WrapKind = {
  accountKey: 1,
  accountKeyRecovery: 2,
  identityKey: 3,
  identityKeyRecovery: 4,
  messageKey: 5,
  previousAccountKey: 6,
} as const;

export type WrapKind = (typeof WrapKind)[keyof typeof WrapKind];

/** What the ciphertext is bound to. */
export interface WrapHeader {
  readonly kind: WrapKind;
  readonly cid: Bytes;
  readonly accountId: Bytes;
  /** From 1. */
  readonly generation: number;
  readonly keyId: Bytes;
  /** 12 bytes; zeros in kinds 2 and 4. */
  readonly iv: Bytes;
}

export interface Wrap extends WrapHeader {
  readonly bytes: Bytes;
  /** All before ct, as it stood. */
  readonly aad: Bytes;
  readonly ct: Bytes;
}

/** Smallest and largest ct of each kind: what is wrapped has a fixed length,
 * AES-GCM adds 16 bytes, HPKE 48; an RSA key in PKCS #8 varies a little. */
const CT: Record<number, readonly (readonly [number, number])[]> = {
  1: [[48, 48]],
  2: [[80, 80]],
  3: [[64, 64]],
  4: [[96, 96]],
  5: [[64, 64], [1616, 2064]],
  6: [[48, 48]],
};

/** undefined when the bytes are no wrap record. */
export function decodeWrap(bytes: Bytes): Wrap | undefined {
  const r = new Reader(bytes);
  r.magic("SCK1");
  const fields = {
    kind: r.u8() as WrapKind,
    cid: r.bytes(32),
    accountId: r.bytes(32),
    generation: r.u64(),
    keyId: r.bytes(32),
    iv: r.bytes(12),
  };
  const n = r.u16();
  const aad = bytes.subarray(0, r.at);
  const ct = r.bytes(n);
  if (!r.done || !holds(fields, n)) return undefined;
  return { bytes, aad, ...fields, ct };
}

/** All before ct. */
export function encodeWrapHeader(header: WrapHeader, ctBytes: number): Bytes {
  return new Writer()
    .ascii("SCK1")
    .u8(header.kind)
    .bytes(header.cid, 32)
    .bytes(header.accountId, 32)
    .u64(header.generation)
    .bytes(header.keyId, 32)
    .bytes(header.iv, 12)
    .u16(ctBytes)
    .finish();
}

function holds(h: WrapHeader, n: number): boolean {
  const sealed = h.kind === 2 || h.kind === 4;
  const ofIdentity = h.kind === 3 || h.kind === 4;
  return (
    (CT[h.kind] ?? []).some(([least, most]) => n >= least && n <= most) &&
    h.generation >= (h.kind === WrapKind.previousAccountKey ? 2 : 1) &&
    (!sealed || isZero(h.iv)) &&
    (!ofIdentity || equal(h.keyId, h.cid))
  );
}
