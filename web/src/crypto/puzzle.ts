// What a service asks of new sessions while many come: a number whose hash
// begins with zero bits (docs/protocol.md, "Puzzles").

import { concat, type Bytes } from "../wire/bytes.ts";
import { PUZZLE_BITS_MAX } from "../wire/frames.gen.ts";
import { Writer } from "../wire/writer.ts";
import { domain, hash } from "./hash.ts";

/** Hashes that are asked of the browser at once.  It computes them beside the
 * page; what it answers comes before timers and input, so that the page goes on
 * only where a timer is awaited between two batches.  Where nobody looks at the
 * page nothing has to go on, and a timer may take a second or more. */
const batchNow = () => (globalThis.document?.hidden ? 32_768 : 256);

/** 0 where none was asked for. */
export async function solve(
  challenge: Bytes,
  subject: Bytes,
  bits: number,
): Promise<number> {
  if (bits > PUZZLE_BITS_MAX) throw new Error("puzzle");
  const begin = concat(domain("puzzle"), challenge, subject);
  for (let first = 0, length = 0; bits; first += length) {
    length = batchNow();
    const hashes = Array.from({ length }, (_, i) =>
      hash(begin, new Writer().u64(first + i).finish()));
    const found = (await Promise.all(hashes)).findIndex(
      ([a, b, c]) => !(((a! << 16) | (b! << 8) | c!) >> (24 - bits)));
    if (found >= 0) return first + found;
    await new Promise((done) => setTimeout(done));
  }
  return 0;
}
