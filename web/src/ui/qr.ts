// The 30 digits of a safety number as a QR code: version 1, level M, numeric
// mode, mask 0 (ISO/IEC 18004; clause numbers of the edition of 2015).  Nothing
// else fits in here, so that all but the digits is known beforehand.

import { fromHex } from "../wire/bytes.ts";

const SIZE = 21;

/** Mode (7.4.1) and count of the digits. */
const HEAD = (1n << 10n) | 30n;
/** Terminator, bits up to a whole byte, and the one byte of padding. */
const TAIL_BITS = 14n;
const TAIL = 0xecn;

/** Of ten check bytes, without the leading 1 (annex A). */
const GENERATOR = [216, 194, 159, 111, 199, 94, 95, 113, 157, 193];

/** The dark ones of the format's modules (7.9), which say level M and mask 0:
 * by their column in row 8, by their row in column 8. */
const FORMAT_ROW = 0x90015;
const FORMAT_COLUMN = 0x152012;

/** In the field that the standard's Reed-Solomon code is of (7.5.2). */
function times(a: number, b: number): number {
  let product = 0;
  for (; b; b >>= 1) {
    if (b & 1) product ^= a;
    a = (a << 1) ^ ((a >> 7) * 0x11d);
  }
  return product;
}

function codewords(digits: string): number[] {
  let bits = HEAD;
  for (const group of digits.match(/.{3}/g)!) {
    bits = (bits << 10n) | BigInt(group);
  }
  const data = fromHex(((bits << TAIL_BITS) | TAIL).toString(16));
  let check = GENERATOR.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ check[0]!;
    check = GENERATOR.map((g, i) => times(g, factor) ^ (check[i + 1] ?? 0));
  }
  return [...data, ...check];
}

/** Of finders, timing and format: 1 where dark, undefined where data is. */
function fixed(row: number, column: number): number | undefined {
  // A finder is rings around its middle, of which two are light.
  const off = (at: number) => Math.abs((at > 12 ? 20 - at : at) - 3);
  const ring = Math.max(off(row), off(column));
  if (ring < 5 && (row < 13 || column < 13)) return Number(ring !== 2 && ring < 4);
  if (row === 6 || column === 6) return (row + column + 1) & 1;
  if (row === 8 && (column < 9 || column > 12)) return (FORMAT_ROW >> column) & 1;
  if (column === 8 && (row < 9 || row > 12)) return (FORMAT_COLUMN >> row) & 1;
  return undefined;
}

/** A square of 1 for each dark module, of 21 in a row. */
export function qrPath(digits: string): string {
  const bytes = codewords(digits);
  let path = "";
  let n = 0;
  // Two columns at a time, upwards and downwards (7.7.3); 6 is timing alone.
  for (let right = SIZE - 1; right > 0; right -= right === 6 ? 1 : 2) {
    for (let i = 0; i < SIZE; i++) {
      const row = (right + 1) & 2 ? i : SIZE - 1 - i;
      for (const column of right === 6 ? [6] : [right, right - 1]) {
        let dark = fixed(row, column);
        if (dark === undefined) {
          // Mask 0 turns every other module over.
          dark = ((bytes[n >> 3]! >> (7 - (n & 7))) ^ (row + column + 1)) & 1;
          n++;
        }
        if (dark) path += `M${column} ${row}h1v1h-1z`;
      }
    }
  }
  return path;
}
