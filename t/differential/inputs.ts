// Inputs for both parsers: vectors that were changed in the ways in which
// layouts go wrong.  The same seed gives the same inputs.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { fromHex, uint, type Bytes } from "../../web/src/wire/bytes.ts";

/** In the order of judge.c. */
export const KINDS = [
  "frames", "roster", "account", "hello", "envelope", "wrap", "ids",
  "successors", "ed25519",
] as const;
export type Kind = (typeof KINDS)[number];

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed || 1;
  }

  /** Below n. */
  below(n: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % n;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** The inputs of all vectors, valid and invalid. */
export function corpus(root: string): Record<Kind, Bytes[]> {
  const of = (kind: Kind) => {
    const path = join(root, `t/vectors/${kind}.json`);
    const { vectors } = JSON.parse(readFileSync(path, "utf8"));
    return vectors.flatMap((v: any) => inputOf(kind, v)) as Bytes[];
  };
  return Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as
    Record<Kind, Bytes[]>;
}

function inputOf(kind: Kind, v: any): Bytes[] {
  switch (kind) {
    case "ids":
      return v.text ? [new TextEncoder().encode(v.text)] : [];
    case "successors":
      return [joined(uint(v.last.length / 2, 2), fromHex(v.last), fromHex(v.next))];
    case "ed25519":
      return [joined(fromHex(v.pk), fromHex(v.sig), fromHex(v.message))];
    default:
      return [fromHex(v.hex)];
  }
}

const BYTES = [0, 1, 2, 3, 4, 5, 6, 7, 31, 32, 64, 65, 127, 128, 254, 255];
const NUMBERS = [0, 1, 2, 255, 256, 2 ** 31, 2 ** 32, 2 ** 53 - 1].map(
  (n) => uint(n, 8));
const TOO_LARGE = [fromHex("0020000000000000"), fromHex("ffffffffffffffff")];

type Change = (bytes: Bytes, random: Random, others: readonly Bytes[]) => Bytes;

const at = (bytes: Bytes, random: Random) =>
  bytes.length ? random.below(bytes.length) : 0;

const changes: Change[] = [
  (bytes, random) => {
    if (bytes.length) bytes[at(bytes, random)]! ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length) bytes[at(bytes, random)] = random.of(BYTES);
    return bytes;
  },
  (bytes, random) => over(bytes, at(bytes, random), random.of(NUMBERS)),
  (bytes, random) => over(bytes, at(bytes, random), random.of(TOO_LARGE)),
  (bytes, random) => bytes.slice(0, at(bytes, random)),
  (bytes, random) => joined(bytes, new Uint8Array(1 + random.below(40))),
  (bytes, random) => {
    const from = at(bytes, random);
    const n = random.of([1, 2, 8, 16, 32, 64]);
    return joined(bytes.subarray(0, from), bytes.subarray(from + n));
  },
  (bytes, random) => {
    const from = at(bytes, random);
    const n = random.of([1, 2, 8, 16, 32, 64]);
    const piece = bytes.subarray(from, from + n);
    return joined(bytes.subarray(0, from), piece, bytes.subarray(from));
  },
  (bytes, random, others) => {
    const other = random.of(others);
    const cut = at(bytes, random);
    return joined(bytes.subarray(0, cut), other.subarray(cut));
  },
  // A field of another: what is whole there is whole here.
  (bytes, random, others) => {
    const other = random.of(others);
    const from = at(other, random);
    return over(bytes, from, other.subarray(from, from + random.of([1, 8, 32])));
  },
  (bytes, random) => over(bytes, at(bytes, random), new Uint8Array(32)),
];

export function makeInput(all: readonly Bytes[], random: Random): Bytes {
  let bytes = random.of(all).slice();
  const times = random.of([0, 1, 1, 1, 1, 2, 2, 3, 5]);
  for (let i = 0; i < times; i++) bytes = random.of(changes)(bytes, random, all);
  return bytes;
}

function over(bytes: Bytes, from: number, piece: Uint8Array): Bytes {
  const n = Math.max(0, Math.min(piece.length, bytes.length - from));
  bytes.set(piece.subarray(0, n), n ? from : 0);
  return bytes;
}

function joined(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let to = 0;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}
