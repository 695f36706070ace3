// What people type, as what it stands for.

import { readSecret, RECOVERY_CODE_BYTES, SECRET_KEY_BYTES } from "../crypto/kit.ts";
import { accountName } from "../crypto/names.ts";
import { fromBase64Url, fromHex, type Bytes } from "../wire/bytes.ts";
import { ClientError } from "./errors.ts";

export function cidOfText(text: string): Bytes {
  const cid = fromBase64Url(text.trim());
  if (cid?.length === 32) return cid;
  throw new ClientError("bad-cid", "This is no customer id.");
}

export async function secretKeyOf(text: string): Promise<Bytes> {
  const secretKey = await readSecret(text, SECRET_KEY_BYTES);
  if (secretKey) return secretKey;
  throw new ClientError("bad-secret-key", "The Secret Key is mistyped.");
}

export function invitationOf(text: string): Bytes {
  const digits = text.trim().toLowerCase();
  if (/^[0-9a-f]{32}$/.test(digits)) return fromHex(digits);
  throw new ClientError("bad-invitation", "An invitation has 32 hexadecimal digits.");
}

export function nameOf(text: string): string {
  const name = accountName(text.trim());
  if (name) return name;
  throw new ClientError(
    "bad-account-name",
    "An account name has 3 to 64 of a-z, 0-9 and . _ @ + -",
  );
}

export async function recoveryCodeOf(text: string): Promise<Bytes> {
  const code = await readSecret(text, RECOVERY_CODE_BYTES);
  if (code) return code;
  throw new ClientError("bad-recovery-code", "The recovery code is mistyped.");
}
