// Writes fixed big-endian layouts.  Sticky like the reader: a number that does
// not fit its field, or bytes of another length than the field's, mark the
// writer bad, and finish() throws.

import { concat, uint, type Bytes } from "./bytes.ts";

export class Writer {
  readonly #parts: Uint8Array[] = [];
  #bad = "";

  bytes(bytes: Uint8Array, n: number = bytes.length): this {
    if (bytes.length !== n) this.#bad ||= `${bytes.length} bytes for ${n}`;
    this.#parts.push(bytes);
    return this;
  }

  u8(v: number): this {
    return this.uint(v, 1);
  }

  u16(v: number): this {
    return this.uint(v, 2);
  }

  u32(v: number): this {
    return this.uint(v, 4);
  }

  u64(v: number): this {
    return this.uint(v, 8);
  }

  v16(bytes: Uint8Array): this {
    return this.u16(bytes.length).bytes(bytes);
  }

  ascii(text: string): this {
    return this.bytes(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  }

  finish(): Bytes {
    if (this.#bad) this.fail(this.#bad);
    return concat(...this.#parts);
  }

  fail(detail: string): never {
    throw new RangeError(detail);
  }

  /** v in n bytes. */
  uint(v: number, n: number): this {
    if (!Number.isSafeInteger(v) || v < 0 || (n < 8 && v >= 256 ** n)) {
      this.#bad ||= `${v} in ${n} bytes`;
      return this;
    }
    return this.bytes(uint(v, n));
  }
}
