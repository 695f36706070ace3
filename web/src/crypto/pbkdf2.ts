// PBKDF2-HMAC-SHA-256 (RFC 8018) with 32 bytes out.

import { toUtf8, wipe, type Bytes } from "../wire/bytes.ts";

export async function pbkdf2(
  password: string,
  salt: Bytes,
  iterations: number,
): Promise<Bytes> {
  const typed = toUtf8(password);
  const key = await crypto.subtle.importKey(
    "raw",
    typed,
    "PBKDF2",
    false,
    ["deriveBits"],
  );
  wipe(typed);
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations },
    key,
    256,
  );
  return new Uint8Array(bits);
}
