// What is signed to prove who one is.

import { concat, type Bytes } from "./bytes.ts";
import { Writer } from "./writer.ts";

export const Role = {
  visitor: 1,
  device: 2,
  password: 3,
  recovery: 4,
  registration: 5,
} as const;
export type Role = (typeof Role)[keyof typeof Role];

export interface AuthClaim {
  readonly role: Role;
  /** H of the WHATWG origin of the service. */
  readonly originHash: Bytes;
  readonly challenge: Bytes;
  /** sid, signkey_id or account_id, by role. */
  readonly subject: Bytes;
  /** Of a registration alone: 16 bytes. */
  readonly invitation?: Bytes;
}

/** Without D(auth), which crypto/signed.ts puts before it. */
export function encodeClaim(claim: AuthClaim): Bytes {
  const message = new Writer()
    .u8(claim.role)
    .bytes(claim.originHash, 32)
    .bytes(claim.challenge, 32)
    .bytes(claim.subject, 32)
    .finish();
  return claim.invitation ? concat(message, claim.invitation) : message;
}
