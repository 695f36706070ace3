// How Secret Key and recovery code are written down and typed.
//
// Crockford's base 32 (digits and capitals without I, L, O, U), most
// significant bit first, of the secret's bytes and a checksum: the first bytes
// of H(D(kit) || secret), four for both kinds.  Groups of five characters stand
// between hyphens.  When read, case, spaces and hyphens do not matter, I and L
// count as 1, O as 0; bits left over must be zero and the checksum must hold,
// so that a slip of the pen is told from a wrong secret.
//
//     Secret Key      16 + 4 bytes   32 characters
//     recovery code   32 + 4 bytes   58 characters

import { concat, equal, type Bytes } from "../wire/bytes.ts";
import { domain, hash } from "./hash.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHECKSUM = 4;

export const SECRET_KEY_BYTES = 16;
export const RECOVERY_CODE_BYTES = 32;

export async function writeSecret(secret: Bytes): Promise<string> {
  const text = toBase32(concat(secret, await checksum(secret)));
  return text.match(/.{1,5}/g)!.join("-");
}

/** A secret of n bytes, or undefined when the text is mistyped. */
export async function readSecret(
  text: string,
  n: number,
): Promise<Bytes | undefined> {
  const bytes = fromBase32(text);
  if (bytes?.length !== n + CHECKSUM) return undefined;
  const secret = bytes.slice(0, n);
  const sum = await checksum(secret);
  return equal(sum, bytes.subarray(n)) ? secret : undefined;
}

async function checksum(secret: Bytes): Promise<Bytes> {
  return (await hash(domain("kit"), secret)).slice(0, CHECKSUM);
}

function toBase32(bytes: Bytes): string {
  let out = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits ? out + ALPHABET[(held << (5 - bits)) & 31] : out;
}

function fromBase32(text: string): Bytes | undefined {
  const chars = text
    .toUpperCase()
    .replace(/[\s-]/g, "")
    .replace(/[IL]/g, "1")
    .replace(/O/g, "0");
  if (chars.length > 128) return undefined;
  const out = new Uint8Array(Math.floor((chars.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const char of chars) {
    const value = ALPHABET.indexOf(char);
    if (value < 0) return undefined;
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return held || bits >= 5 ? undefined : out;
}
