// What a service asks of new sessions while many come: a number whose hash
// begins with zero bits (docs/protocol.md, "Puzzles").

import { concat, type Bytes } from "../wire/bytes.ts";
import { PUZZLE_BITS_MAX } from "../wire/frames.gen.ts";
import { Writer } from "../wire/writer.ts";
import { domain, hash } from "./hash.ts";

/** Hashes that are asked of the browser at once: it computes them beside the
 * page, which goes on between one batch and the next. */
const BATCH = 128;

/** 0 where none was asked for. */
export async function solve(
  challenge: Bytes,
  subject: Bytes,
  bits: number,
): Promise<number> {
  if (bits > PUZZLE_BITS_MAX) throw new Error("too hard a puzzle");
  const begin = concat(domain("puzzle"), challenge, subject);
  for (let first = 0; bits; first += BATCH) {
    const hashes = Array.from({ length: BATCH }, (_, i) =>
      hash(begin, new Writer().u64(first + i).finish()));
    const found = (await Promise.all(hashes)).findIndex(
      ([a, b, c]) => Math.clz32((a! << 24) | (b! << 16) | (c! << 8)) >= bits);
    if (found >= 0) return first + found;
  }
  return 0;
}
