// The account record.  Layout alone.

import type { Bytes } from "./bytes.ts";
import { Reader } from "./reader.ts";
import { KDF_ID, SIG_BYTES } from "./sizes.ts";
import { Writer } from "./writer.ts";

export interface AccountFields {
  readonly cid: Bytes;
  readonly ikPk: Bytes;
  readonly accountId: Bytes;
  /** From 1. */
  readonly generation: number;
  readonly kdfId: number;
  /** 16 bytes. */
  readonly serverSalt: Bytes;
  readonly loginPk: Bytes;
  readonly recoveryPk: Bytes;
  readonly recoveryKem: Bytes;
  readonly rosterId: Bytes;
  /** H(D(wraps) || the wrap records). */
  readonly wraps: Bytes;
}

export interface Account extends AccountFields {
  readonly bytes: Bytes;
}

/** undefined when the bytes are no account record, or of another kdf_id. */
export function decodeAccount(bytes: Bytes): Account | undefined {
  const r = new Reader(bytes);
  r.magic("SCA1");
  const fields = {
    cid: r.bytes(32),
    ikPk: r.bytes(32),
    accountId: r.bytes(32),
    generation: r.u64(),
    kdfId: r.u8(),
    serverSalt: r.bytes(16),
    loginPk: r.bytes(32),
    recoveryPk: r.bytes(32),
    recoveryKem: r.bytes(32),
    rosterId: r.bytes(32),
    wraps: r.bytes(32),
  };
  r.bytes(SIG_BYTES);
  if (!r.done || fields.generation < 1 || fields.kdfId !== KDF_ID) {
    return undefined;
  }
  return { bytes, ...fields };
}

/** Everything before the signature. */
export function encodeAccount(fields: AccountFields): Bytes {
  return new Writer()
    .ascii("SCA1")
    .bytes(fields.cid, 32)
    .bytes(fields.ikPk, 32)
    .bytes(fields.accountId, 32)
    .u64(fields.generation)
    .u8(fields.kdfId)
    .bytes(fields.serverSalt, 16)
    .bytes(fields.loginPk, 32)
    .bytes(fields.recoveryPk, 32)
    .bytes(fields.recoveryKem, 32)
    .bytes(fields.rosterId, 32)
    .bytes(fields.wraps, 32)
    .finish();
}
