// What the layouts fix.  Whatever include/sealchat/limits.h has comes from there.

import { limits } from "./frames.gen.ts";

export const RSA_SPKI_BYTES = limits.rsaSpkiBytes;
export const X25519_BYTES = limits.x25519Bytes;
export const RSA_SEALED_BYTES = limits.rsaSealedBytes;
export const HPKE_SEALED_BYTES = limits.hpkeSealedBytes;
export const SIG_BYTES = limits.sigBytes;

export const ROSTER_DEVICES_MAX = limits.rosterDevicesMax;
export const ROSTER_MAX_MS = limits.rosterDaysMax * 86_400_000;
export const CLOCK_TOLERANCE_MS = limits.clockToleranceMs;

export const ENVELOPE_MAX = limits.envelopeMax;
export const HEADS_MAX = limits.headsMax;
export const CONTENT_MAX = limits.contentMax;
/** len:4 kind:1 n:1, eight heads, the longest content. */
export const BODY_USED_MAX = 4 + 2 + 32 * HEADS_MAX + CONTENT_MAX;

/** The one way to stretch a password that there is. */
export const KDF_ID = 1;
