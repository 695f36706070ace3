// What the layouts fix; the sidecar's are in include/sealchat/limits.h and
// sidecar/protocol.

export const RSA_SPKI_BYTES = 422;
export const X25519_BYTES = 32;
export const RSA_SEALED_BYTES = 384;
export const HPKE_SEALED_BYTES = 80;

export const ROSTER_DEVICES_MAX = 64;
export const ROSTER_MAX_MS = 190 * 86_400_000;
export const CLOCK_TOLERANCE_MS = 48 * 3_600_000;

export const ENVELOPE_MAX = 20_480;
export const ENVELOPE_FIXED = 220;
export const HEADS_MAX = 8;
export const CONTENT_MAX = 16_384;
/** len:4 kind:1 n:1, eight heads, the longest content. */
export const BODY_USED_MAX = 4 + 2 + 32 * HEADS_MAX + CONTENT_MAX;

export const SIG_BYTES = 64;
export const KDF_ID = 1;
