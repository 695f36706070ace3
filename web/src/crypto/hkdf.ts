// HKDF-SHA-256 (RFC 5869) with 32 bytes out.

import type { Bytes } from "../wire/bytes.ts";

export async function hkdf(
  ikm: Bytes,
  salt: Bytes,
  info: Bytes,
): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", ikm, "HKDF", false, [
    "deriveBits",
  ]);
  const bits = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt, info },
    key,
    256,
  );
  return new Uint8Array(bits);
}
