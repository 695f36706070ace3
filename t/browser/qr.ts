// Reads a QR code of version 1 in numeric mode from the squares of its picture,
// by ISO/IEC 18004 and without the library that drew it: no error is corrected,
// none is expected.

const SIZE = 21;
const FORMAT_MASK = 0b101010000010010;

/** Whether a mask turns the module in that row and column over. */
const masks: readonly ((r: number, c: number) => boolean)[] = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (_, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

/** Finder patterns with what lies around them, and the timing patterns. */
function isFunction(r: number, c: number): boolean {
  return (
    (r < 9 && c < 9) || (r < 9 && c >= SIZE - 8) || (r >= SIZE - 8 && c < 9) ||
    r === 6 || c === 6
  );
}

/** path: of "Mcolumn rowh1v1h-1z" for each dark module. */
export function digitsOf(path: string): string {
  const dark = new Set([...path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)]
    .map(([, column, row]) => `${row} ${column}`));
  const at = (r: number, c: number) => dark.has(`${r} ${c}`);

  // Ten bits beside the upper left finder: level and mask are the first five.
  let format = 0;
  for (const c of [0, 1, 2, 3, 4]) format = format * 2 + Number(at(8, c));
  format ^= FORMAT_MASK >> 10;
  if (format >> 3 !== 0) throw new Error("this is not level M");
  const mask = masks[format & 7]!;

  let bits = "";
  let up = true;
  for (let right = SIZE - 1; right > 0; right -= 2) {
    if (right === 6) right--;
    for (let i = 0; i < SIZE; i++) {
      const r = up ? SIZE - 1 - i : i;
      for (const c of [right, right - 1]) {
        if (!isFunction(r, c)) bits += Number(at(r, c) !== mask(r, c));
      }
    }
    up = !up;
  }

  let place = 0;
  const number = (n: number) => parseInt(bits.slice(place, (place += n)), 2);
  if (number(4) !== 1) throw new Error("this is not numeric mode");
  let out = "";
  for (let left = number(10); left > 0; left -= 3) {
    const digits = Math.min(3, left);
    out += String(number([0, 4, 7, 10][digits]!)).padStart(digits, "0");
  }
  return out;
}
