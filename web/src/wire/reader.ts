// Reads fixed big-endian layouts.  Sticky: the first access out of bounds marks
// the reader bad, every later one yields zeros, and the caller looks once, at
// the end.  The counterpart of include/sealchat/wire.h.

import type { Bytes } from "./bytes.ts";

export class Reader {
  readonly #bytes: Bytes;
  #at = 0;
  #bad = false;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  get at(): number {
    return this.#at;
  }

  get bad(): boolean {
    return this.#bad;
  }

  /** Everything was read, and nothing beyond the end. */
  get done(): boolean {
    return !this.#bad && this.#at === this.#bytes.length;
  }

  fail(): void {
    this.#bad = true;
  }

  /** A view into what is read; empty once the reader is bad. */
  bytes(n: number): Bytes {
    if (this.#bad || this.#bytes.length - this.#at < n) {
      this.#bad = true;
      return new Uint8Array(0);
    }
    this.#at += n;
    return this.#bytes.subarray(this.#at - n, this.#at);
  }

  rest(): Bytes {
    return this.bytes(this.#bad ? 0 : this.#bytes.length - this.#at);
  }

  u8(): number {
    return this.uint(1);
  }

  u16(): number {
    return this.uint(2);
  }

  u32(): number {
    return this.uint(4);
  }

  u64(): number {
    return this.uint(8);
  }

  /** length:2 and that many bytes. */
  v16(): Bytes {
    return this.bytes(this.u16());
  }

  /** The four ASCII characters that a layout begins with. */
  magic(text: string): void {
    for (const char of text) {
      if (this.u8() !== char.charCodeAt(0)) this.#bad = true;
    }
  }

  /** A number of n bytes; one above 2^53 - 1 marks the reader bad. */
  uint(n: number): number {
    let v = 0;
    for (const byte of this.bytes(n)) v = v * 256 + byte;
    if (v <= Number.MAX_SAFE_INTEGER) return v;
    this.#bad = true;
    return 0;
  }
}
