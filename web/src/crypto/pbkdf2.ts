// PBKDF2-HMAC-SHA-256 (RFC 8018) with 32 bytes out.

import { toUtf8, type Bytes } from "../wire/bytes.ts";

export async function pbkdf2(
  password: string,
  salt: Bytes,
  iterations: number,
): Promise<Bytes> {
  const key = await crypto.subtle.importKey(
    "raw",
    toUtf8(password),
    "PBKDF2",
    false,
    ["deriveBits"],
  );
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations },
    key,
    256,
  );
  return new Uint8Array(bits);
}
