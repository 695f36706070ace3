// Looks for many byte strings at once, in each way in which they could be
// written down.

import { toBase64Url, toHex, toUtf8, type Bytes } from "../../web/src/wire/bytes.ts";

interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

const PAIRS = 0x1_0000;
/** Shorter ones would be found by chance. */
const SHORTEST = 8;

export class Needles {
  /** By their first two bytes. */
  readonly #by: Needle[][] = Array.from({ length: PAIRS });
  readonly #names = new Set<string>();

  get size(): number {
    return this.#names.size;
  }

  #add(name: string, bytes: Uint8Array): void {
    if (bytes.length < SHORTEST) return;
    const first = (bytes[0]! << 8) | bytes[1]!;
    (this.#by[first] ??= []).push({ name, bytes: Buffer.from(bytes) });
  }

  /** A secret of random bytes. */
  secret(name: string, bytes: Bytes): void {
    // Zeros and counters are no secrets, and are everywhere.
    if (bytes.length < 16 || new Set(bytes).size < 10) return;
    this.#names.add(name);
    const base64 = Buffer.from(bytes).toString("base64").replace(/=+$/, "");
    this.#add(name, bytes);
    this.#add(`${name} in hex`, toUtf8(toHex(bytes)));
    this.#add(`${name} in hex`, toUtf8(toHex(bytes).toUpperCase()));
    this.#add(`${name} in base64`, toUtf8(base64));
    this.#add(`${name} in base64url`, toUtf8(toBase64Url(bytes)));
  }

  /** Words, also inside something that was written in base64. */
  words(name: string, words: string): void {
    this.#names.add(name);
    const bytes = Buffer.from(words);
    this.#add(name, bytes);
    this.#add(`${name} in UTF-16`, Buffer.from(words, "utf16le"));
    this.#add(`${name} in hex`, Buffer.from(bytes.toString("hex")));
    for (const before of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
      // Without what its neighbours have a part in.
      const inner = text.slice(Math.ceil((before * 4) / 3), -4);
      this.#add(`${name} in base64`, Buffer.from(inner));
    }
  }

  /** Adds to found the names of what is there. */
  find(hay: Uint8Array, found: Set<string>): void {
    const end = hay.length - SHORTEST;
    for (let at = 0; at <= end; at++) {
      const those = this.#by[(hay[at]! << 8) | hay[at + 1]!];
      if (!those) continue;
      for (const { name, bytes } of those) {
        if (startsAt(hay, at, bytes)) found.add(name);
      }
    }
  }
}

function startsAt(hay: Uint8Array, at: number, bytes: Buffer): boolean {
  if (at + bytes.length > hay.length) return false;
  for (let i = 2; i < bytes.length; i++) {
    if (hay[at + i] !== bytes[i]) return false;
  }
  return true;
}
