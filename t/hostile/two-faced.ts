// A message that says one thing to each side: one AES-GCM ciphertext that two
// keys open.  salamander.c finds two keys under which its beginning opens to
// two headers; one block, which lies where one side reads a head, is then
// chosen so that both tags come out the same.

import { execFile } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";

import { concat, fromHex, toHex, toUtf8, uint, type Bytes } from "../../web/src/wire/bytes.ts";
import {
  Direction, encodeEnvelope, encodeHead, EnvelopeType,
} from "../../web/src/wire/envelope.ts";
import type { Roster } from "../../web/src/wire/roster.ts";
import { repository } from "../web/service.ts";
import type { Session } from "./forge.ts";
import type { Lib } from "./scene.ts";

const BODY = 256;
const BLOCK = 16;
/** Bytes 16 to 31: within the first head. */
const FREE = 1;
const COUNTER = 2;

// --- GF(2^128) as GCM has it: the first bit is that of x^0 ----------------------

const R = 0xe1n << 120n;

const number = (block: Uint8Array): bigint => BigInt(`0x${toHex(block)}`);
const block = (n: bigint): Bytes => fromHex(n.toString(16).padStart(32, "0"));

function times(a: bigint, b: bigint): bigint {
  let z = 0n;
  for (let v = b, bit = 127n; bit >= 0n; bit--) {
    if ((a >> bit) & 1n) z ^= v;
    v = v & 1n ? (v >> 1n) ^ R : v >> 1n;
  }
  return z;
}

function power(a: bigint, n: bigint): bigint {
  let out = 1n << 127n;
  for (let square = a; n > 0n; n >>= 1n) {
    if (n & 1n) out = times(out, square);
    square = times(square, square);
  }
  return out;
}

const inverse = (a: bigint): bigint => power(a, (1n << 128n) - 2n);

// --- one key's side ---------------------------------------------------------------

interface Side {
  readonly stream: Bytes;
  readonly h: bigint;
  /** What the sum of all blocks is hidden under in the tag. */
  readonly mask: bigint;
}

function sideOf(key: Bytes): Side {
  const encrypt = (bytes: Uint8Array) => {
    const cipher = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false);
    return new Uint8Array(cipher.update(bytes));
  };
  const counter = (n: number) => concat(new Uint8Array(12), uint(n, 4));
  const blocks = Array.from({ length: BODY / BLOCK }, (_, i) => counter(COUNTER + i));
  return {
    stream: encrypt(concat(...blocks)),
    h: number(encrypt(new Uint8Array(16))),
    mask: number(encrypt(counter(1))),
  };
}

/** Additional data, ciphertext and their lengths, block by block. */
function hashed(aad: Bytes, ct: Bytes): bigint[] {
  const all = concat(aad, ct, uint(aad.length * 8, 8), uint(ct.length * 8, 8));
  return Array.from({ length: all.length / BLOCK }, (_, i) =>
    number(all.subarray(i * BLOCK, (i + 1) * BLOCK)));
}

function tagOf(side: Side, blocks: readonly bigint[]): bigint {
  const sum = blocks.reduce((y, x) => times(y ^ x, side.h), 0n);
  return sum ^ side.mask;
}

const xor = (a: Uint8Array, b: Uint8Array): Bytes =>
  Uint8Array.from(a, (byte, i) => byte ^ b[i]!);

/** A body of 256 bytes that is all text, behind so many heads. */
function saying(words: string, heads: number): Bytes {
  const body = concat(uint(BODY - 4, 4), uint(1, 1), uint(heads, 1));
  const names = Array.from({ length: heads }, (_, i) => new Uint8Array(32).fill(i + 1));
  const rest = BODY - body.length - 32 * heads;
  return concat(body, ...names, toUtf8(words.padEnd(rest, ".").slice(0, rest)));
}

/** What opens under both keys: to that body under the first. */
function ciphertext(keys: readonly [Bytes, Bytes], body: Bytes, aad: Bytes): Bytes {
  const sides = keys.map(sideOf) as [Side, Side];
  const ct = xor(body, sides[0].stream);
  ct.fill(0, FREE * BLOCK, (FREE + 1) * BLOCK);
  const blocks = hashed(aad, ct);
  const at = aad.length / BLOCK + FREE;
  const exponent = BigInt(blocks.length - at);
  const [a, b] = sides;
  const free = times(
    tagOf(a, blocks) ^ tagOf(b, blocks),
    inverse(power(a.h, exponent) ^ power(b.h, exponent)));
  ct.set(block(free), FREE * BLOCK);
  blocks[at] = free;
  return concat(ct, block(tagOf(a, blocks)));
}

/** A message of a session: its visitor reads the words, the customer nothing. */
export async function twoFaced(
  lib: Lib,
  session: Session,
  roster: Roster,
  o: { cid: Bytes; seq: number; prev: Bytes; words: string },
): Promise<Bytes> {
  const head = {
    type: EnvelopeType.stored, direction: Direction.toCustomer, cid: o.cid,
    sid: session.sid, signkeyId: session.signkeyId, seq: o.seq, time: Date.now(),
    prev: o.prev, rosterId: await lib.idOf(roster.bytes),
  };
  const to = [
    { ...roster.messageKey, kemId: await lib.names.kemIdOf(roster.messageKey) },
    { suite: session.kem.suite, pk: session.kem.pk, kemId: session.kem.kemId },
  ] as const;
  const names = to.map(({ suite, kemId }) => concat(uint(suite, 1), kemId));
  const ctx = await lib.hash(lib.domain("ctx"), encodeHead(head), ...names);
  const program = join(repository(), "build", "hostile", "salamander");
  const { stdout } = await promisify(execFile)(program, [toHex(ctx)]);
  const cks = stdout.trim().split("\n").map(fromHex) as [Bytes, Bytes];
  const bodyKey = (ck: Bytes) => lib.hkdf(ck, ctx, lib.domain("body"));
  const keys = [await bodyKey(cks[0]), await bodyKey(cks[1])] as const;
  const heads = sideOf(keys[0]).stream[5]! ^ sideOf(keys[1]).stream[5]!;
  const commitment = await lib.hkdf(cks[0], ctx, lib.domain("commit"));
  const ct = ciphertext(keys, saying(o.words, heads), concat(ctx, commitment));
  const seal = async (i: 0 | 1, ck: Bytes) => ({
    suite: to[i].suite, kemId: to[i].kemId,
    sealed: await lib.kem.seal(
      to[i], concat(lib.domain("seal"), ctx, names[i]!), ck),
  });
  const unsigned = encodeEnvelope({
    ...head, commitment, ct, keys: [await seal(0, cks[1]), await seal(1, cks[0])],
  });
  return lib.signThing("envelope", unsigned, session.sign.privateKey);
}
