// The roster: who speaks for a customer.  Layout and limits alone; signatures
// are for crypto/signed.ts, what may follow what for client/roster.ts.

import { compare, isZero, type Bytes } from "./bytes.ts";
import { Reader } from "./reader.ts";
import { ROSTER_DEVICES_MAX, ROSTER_MAX_MS, SIG_BYTES } from "./sizes.ts";
import { readPk, readSuite, type KemPublic } from "./suite.ts";
import { Writer } from "./writer.ts";

export interface RosterFields {
  readonly cid: Bytes;
  readonly ikPk: Bytes;
  /** From 1. */
  readonly version: number;
  /** From 1. */
  readonly generation: number;
  /** Id of its predecessor; zeros exactly in version 1. */
  readonly prev: Bytes;
  /** ms */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly messageKey: KemPublic;
  /** Public keys, ascending, 1 to 64. */
  readonly devices: readonly Bytes[];
}

export interface Roster extends RosterFields {
  /** The whole of it, signature included. */
  readonly bytes: Bytes;
}

/** undefined when the bytes are no roster. */
export function decodeRoster(bytes: Bytes): Roster | undefined {
  const r = new Reader(bytes);
  r.magic("SCR1");
  const cid = r.bytes(32);
  const ikPk = r.bytes(32);
  const version = r.u64();
  const generation = r.u64();
  const prev = r.bytes(32);
  const notBefore = r.u64();
  const notAfter = r.u64();
  const messageKey = readPk(r, readSuite(r));
  const count = r.u8();
  if (count > ROSTER_DEVICES_MAX) r.fail();
  const devices: Bytes[] = [];
  for (let i = 0; i < count && !r.bad; i++) devices.push(r.bytes(32));
  r.bytes(SIG_BYTES);
  if (!r.done) return undefined;

  const fields = {
    cid, ikPk, version, generation, prev, notBefore, notAfter, messageKey,
    devices,
  };
  return holds(fields) ? { bytes, ...fields } : undefined;
}

/** Everything before the signature. */
export function encodeRoster(fields: RosterFields): Bytes {
  if (!holds(fields)) throw new RangeError("not a roster");
  const w = new Writer()
    .ascii("SCR1")
    .bytes(fields.cid, 32)
    .bytes(fields.ikPk, 32)
    .u64(fields.version)
    .u64(fields.generation)
    .bytes(fields.prev, 32)
    .u64(fields.notBefore)
    .u64(fields.notAfter)
    .u8(fields.messageKey.suite)
    .v16(fields.messageKey.pk)
    .u8(fields.devices.length);
  for (const device of fields.devices) w.bytes(device, 32);
  return w.finish();
}

function holds(fields: RosterFields): boolean {
  const { version, devices, notBefore, notAfter } = fields;
  return (
    version >= 1 &&
    fields.generation >= 1 &&
    isZero(fields.prev) === (version === 1) &&
    notAfter > notBefore &&
    notAfter - notBefore <= ROSTER_MAX_MS &&
    devices.length >= 1 &&
    devices.length <= ROSTER_DEVICES_MAX &&
    devices.every((d, i) => i === 0 || compare(devices[i - 1]!, d) < 0)
  );
}
