// Compares the parsers in C and in TypeScript on inputs without end: the same
// verdict, and where both accept, the same fields.
//
//   main.mjs [inputs [seed]]     ends with "N passed, N failed"

import { spawn } from "node:child_process";
import { join } from "node:path";

import { verify } from "../../web/src/crypto/ed25519.ts";
import { succeeds, type KnownRoster } from "../../web/src/client/roster.ts";
import { createHash } from "node:crypto";
import { decodeAccount } from "../../web/src/wire/account.ts";
import {
  concat, fromBase64Url, toHex, uint, type Bytes,
} from "../../web/src/wire/bytes.ts";
import { decodeEnvelope } from "../../web/src/wire/envelope.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { decodeHello } from "../../web/src/wire/hello.ts";
import { decodeRoster, type Roster } from "../../web/src/wire/roster.ts";
import { decodeWrap } from "../../web/src/wire/wrap.ts";
import { repository } from "../web/service.ts";
import { corpus, KINDS, makeInput, Random, type Kind } from "./inputs.ts";

const BATCH = 20_000;
/** An Ed25519 verification costs as much as a hundred parsers. */
const SIGNATURES = 200;

interface Verdict {
  readonly code: number;
  readonly hash: number;
}

const REFUSED: Verdict = { code: 1, hash: 0 };

class Hash {
  value = 0x811c9dc5;

  number(n: number): this {
    return this.bytes(uint(n, 8));
  }

  bytes(bytes: Uint8Array): this {
    let { value } = this;
    for (const byte of bytes) value = Math.imul(value ^ byte, 16777619);
    this.value = value;
    return this;
  }

  /** Numbers, runs of bytes and whatever holds them, in their order. */
  add(field: unknown): this {
    if (typeof field === "number") return this.number(field);
    if (field instanceof Uint8Array) {
      return this.number(field.length).bytes(field);
    }
    for (const part of Object.values(field as object)) this.add(part);
    return this;
  }

  get verdict(): Verdict {
    return { code: 0, hash: this.value >>> 0 };
  }
}

function frameVerdict(bytes: Bytes): Verdict {
  try {
    const { name, type, tag, body } = f.openFrame(bytes);
    const decode = `decode${name[0]!.toUpperCase()}${name.slice(1)}`;
    const fields = (f as any)[decode](body) as object;
    const hash = new Hash().number(type).number(tag);
    for (const field of Object.values(fields)) {
      if (Array.isArray(field)) hash.number(field.length);
      hash.add(field);
    }
    return hash.verdict;
  } catch (error) {
    if (!(error instanceof f.FrameError)) throw error;
    const codes = {
      "bad-frame": f.E_BAD_FRAME,
      "unknown-frame": f.E_UNKNOWN_FRAME,
      "too-large": f.E_TOO_LARGE,
    };
    return { code: codes[error.reason], hash: 0 };
  }
}

/** Fields in the order of the layout, without the whole of it. */
function layoutVerdict(read: object | undefined): Verdict {
  if (!read) return REFUSED;
  const { bytes: _, aad: __, ...fields } = read as Record<string, unknown>;
  return new Hash().add(fields).verdict;
}

function successorVerdict(bytes: Bytes): Verdict {
  if (bytes.length < 2) return REFUSED;
  const n = bytes[0]! * 256 + bytes[1]!;
  if (bytes.length < 2 + n) return REFUSED;
  const last = decodeRoster(bytes.subarray(2, 2 + n));
  const next = decodeRoster(bytes.subarray(2 + n));
  const known = (roster: Roster): KnownRoster => ({
    ...roster,
    id: createHash("sha256")
      .update("SealChat/1 id\0")
      .update(roster.bytes.subarray(0, -64))
      .digest("hex"),
  });
  return last && next && succeeds(known(last), known(next))
    ? new Hash().verdict
    : REFUSED;
}

function cidVerdict(bytes: Bytes): Verdict {
  const cid = fromBase64Url(String.fromCharCode(...bytes));
  return cid?.length === 32 ? new Hash().add(cid).verdict : REFUSED;
}

async function signatureVerdict(bytes: Bytes): Promise<Verdict> {
  if (bytes.length < 96) return REFUSED;
  const good = await verify(
    bytes.slice(0, 32), bytes.slice(96), bytes.slice(32, 96));
  return good ? new Hash().verdict : REFUSED;
}

const judges: Record<Kind, (bytes: Bytes) => Verdict | Promise<Verdict>> = {
  frames: frameVerdict,
  roster: (bytes) => layoutVerdict(decodeRoster(bytes)),
  account: (bytes) => layoutVerdict(decodeAccount(bytes)),
  hello: (bytes) => layoutVerdict(decodeHello(bytes)),
  envelope: (bytes) => layoutVerdict(decodeEnvelope(bytes)),
  wrap: (bytes) => layoutVerdict(decodeWrap(bytes)),
  ids: cidVerdict,
  successors: successorVerdict,
  ed25519: signatureVerdict,
};

/** The program in C, asked a batch at a time. */
class Judge {
  readonly #child = spawn(
    join(repository(), "build/differential/judge"),
    { stdio: ["pipe", "pipe", "inherit"] });
  #answer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #ended = false;

  constructor() {
    this.#child.stdout!.on("data", (chunk: Buffer) => {
      this.#answer = Buffer.concat([this.#answer, chunk]);
      this.#wake?.();
    });
    this.#child.once("exit", () => ((this.#ended = true), this.#wake?.()));
  }

  async ask(inputs: readonly (readonly [number, Bytes])[]): Promise<Verdict[]> {
    const parts = inputs.flatMap(([kind, bytes]) =>
      [uint(kind, 1), uint(bytes.length, 4), bytes]);
    // An empty frame asks for what is buffered.
    this.#child.stdin!.write(concat(...parts, new Uint8Array(5)));
    const n = 8 * (inputs.length + 1);
    while (this.#answer.length < n) {
      if (this.#ended) throw new Error("the judge in C has ended");
      await new Promise<void>((done) => (this.#wake = done));
    }
    const answer = this.#answer.subarray(0, n);
    this.#answer = this.#answer.subarray(n);
    return inputs.map((_, i) => ({
      code: answer.readUInt32BE(8 * i), hash: answer.readUInt32BE(8 * i + 4),
    }));
  }

  close(): void {
    this.#child.stdin!.end();
  }
}

async function main(): Promise<number> {
  const wanted = Number(process.argv[2] ?? 400_000);
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
  const random = new Random(seed);
  const all = corpus(repository());
  const judge = new Judge();
  const accepted = new Map<string, number>();
  const bad = new Map<string, number>();

  for (let left = wanted; left > 0; left -= BATCH) {
    const inputs: (readonly [number, Bytes])[] = [];
    for (let i = 0; i < Math.min(BATCH, left); i++) {
      const kind = i % SIGNATURES ? random.below(KINDS.length - 1) : KINDS.length - 1;
      inputs.push([kind, makeInput(all[KINDS[kind]!]!, random)]);
    }
    const asked = judge.ask(inputs);
    const mine = await Promise.all(
      inputs.map(([kind, bytes]) => judges[KINDS[kind]!](bytes)));
    const theirs = await asked;
    for (const [i, [kind, bytes]] of inputs.entries()) {
      const [a, b] = [mine[i]!, theirs[i]!];
      const name = KINDS[kind]!;
      if (a.code !== b.code || a.hash !== b.hash) {
        bad.set(name, (bad.get(name) ?? 0) + 1);
        if (bad.get(name)! <= 10) {
          console.log(`${name}: TypeScript says ${a.code}/${a.hash},` +
            ` C ${b.code}/${b.hash}: ${toHex(bytes)}`);
        }
      }
      if (!a.code && !b.code) accepted.set(name, (accepted.get(name) ?? 0) + 1);
    }
  }
  judge.close();

  console.log(`# seed ${seed}, ${wanted} inputs`);
  // Where nothing is accepted, or everything, nothing is compared.
  const held = KINDS.filter((name) => !bad.has(name) && accepted.has(name));
  for (const name of KINDS) {
    console.log(`${held.includes(name) ? "ok" : "not ok"} - ${name}:` +
      ` ${bad.get(name) ?? 0} disagreements, ${accepted.get(name) ?? 0} accepted by both`);
  }
  const failed = KINDS.length - held.length;
  console.log(`${held.length} passed, ${failed} failed`);
  return failed ? 1 : 0;
}

process.exitCode = await main();
