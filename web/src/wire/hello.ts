// A visitor's hello: the keys of one session.  Layout alone.

import type { Bytes } from "./bytes.ts";
import { Reader } from "./reader.ts";
import { SIG_BYTES } from "./sizes.ts";
import { readPk, readSuite, type KemPublic } from "./suite.ts";
import { Writer } from "./writer.ts";

export interface HelloFields {
  readonly cid: Bytes;
  readonly signPk: Bytes;
  readonly sessionKey: KemPublic;
  /** ms */
  readonly time: number;
  readonly rosterId: Bytes;
}

export interface Hello extends HelloFields {
  readonly bytes: Bytes;
}

/** undefined when the bytes are no hello. */
export function decodeHello(bytes: Bytes): Hello | undefined {
  const r = new Reader(bytes);
  r.magic("SCS1");
  const cid = r.bytes(32);
  const suite = readSuite(r);
  const signPk = r.bytes(32);
  const sessionKey = readPk(r, suite);
  const time = r.u64();
  const rosterId = r.bytes(32);
  r.bytes(SIG_BYTES);
  if (!r.done) return undefined;
  return { bytes, cid, signPk, sessionKey, time, rosterId };
}

/** Everything before the signature. */
export function encodeHello(fields: HelloFields): Bytes {
  return new Writer()
    .ascii("SCS1")
    .bytes(fields.cid, 32)
    .u8(fields.sessionKey.suite)
    .bytes(fields.signPk, 32)
    .v16(fields.sessionKey.pk)
    .u64(fields.time)
    .bytes(fields.rosterId, 32)
    .finish();
}
