// What the layouts fix.  Whatever include/sealchat/limits.h has comes from there.

import { CONTENT_MAX, HEADS_MAX, ROSTER_DAYS_MAX } from "./frames.gen.ts";

export {
  CLOCK_TOLERANCE_MS, CONTENT_MAX, ENVELOPE_MAX, HEADS_MAX, HPKE_SEALED_BYTES,
  ROSTER_DEVICES_MAX, RSA_SEALED_BYTES, RSA_SPKI_BYTES, SIG_BYTES, X25519_BYTES,
} from "./frames.gen.ts";

export const ROSTER_MAX_MS = ROSTER_DAYS_MAX * 86_400_000;
/** len:4 kind:1 n:1, eight heads, the longest content. */
export const BODY_USED_MAX = 4 + 2 + 32 * HEADS_MAX + CONTENT_MAX;

/** The one way to stretch a password that there is. */
export const KDF_ID = 1;
