// What the generated codec of frames (frames.gen.ts) is made of.

import type { Bytes } from "./bytes.ts";

export class FrameError extends Error {
  /** The name of the error in the table of errors. */
  readonly reason: "bad-frame" | "unknown-frame" | "too-large";

  constructor(reason: FrameError["reason"], detail: string) {
    super(detail);
    this.name = "FrameError";
    this.reason = reason;
  }
}

export const HEADER_BYTES = 4;

function bad(detail: string): never {
  throw new FrameError("bad-frame", detail);
}

function tooLarge(max: number): never {
  throw new FrameError("too-large", `more than ${max} bytes`);
}

/** Reads one body; throws FrameError at the first thing that does not fit. */
export class FrameReader {
  private at = 0;
  private readonly body: Bytes;

  constructor(body: Bytes, max: number) {
    if (body.length > max) tooLarge(max);
    this.body = body;
  }

  bytes(n: number): Bytes {
    const end = this.at + n;
    if (end > this.body.length) bad("the frame is too short");
    const view = this.body.subarray(this.at, end);
    this.at = end;
    return view;
  }

  uint(n: number): number {
    let value = 0;
    for (const byte of this.bytes(n)) value = value * 256 + byte;
    if (value > Number.MAX_SAFE_INTEGER) bad("a number above 2^53 - 1");
    return value;
  }

  var16(): Bytes {
    return this.bytes(this.uint(2));
  }

  rest(): Bytes {
    return this.bytes(this.body.length - this.at);
  }

  list<T>(item: (r: FrameReader) => T): T[] {
    const out: T[] = [];
    for (let left = this.uint(2); left > 0; left--) out.push(item(this));
    return out;
  }

  done(): void {
    if (this.at !== this.body.length) bad("bytes after the frame's end");
  }
}

/** Writes one frame; throws FrameError for a field that does not fit. */
export class FrameWriter {
  private at = 0;
  private out: Bytes = new Uint8Array(512);
  private readonly max: number;

  /** max: of the body */
  constructor(type: number, tag: number, max: number) {
    this.max = HEADER_BYTES + max;
    this.uint(type, 1);
    this.uint(0, 1);
    this.uint(tag, 2);
  }

  bytes(bytes: Uint8Array, n: number = bytes.length): void {
    if (bytes.length !== n) bad(`${bytes.length} bytes in a field of ${n}`);
    const begin = this.take(n);
    this.out.set(bytes, begin);
  }

  uint(value: number, n: number): void {
    const max = Math.min(256 ** n - 1, Number.MAX_SAFE_INTEGER);
    if (!Number.isInteger(value) || value < 0 || value > max) {
      bad(`${value} is no number of ${n} bytes`);
    }
    const begin = this.take(n);
    for (let i = begin + n - 1; i >= begin; i--) {
      this.out[i] = value % 256;
      value = Math.floor(value / 256);
    }
  }

  var16(bytes: Uint8Array): void {
    this.uint(bytes.length, 2);
    this.bytes(bytes);
  }

  list<T>(items: readonly T[], put: (w: FrameWriter, item: T) => void): void {
    this.uint(items.length, 2);
    for (const item of items) put(this, item);
  }

  finish(): Bytes {
    return this.out.slice(0, this.at);
  }

  private take(n: number): number {
    const begin = this.at;
    const end = begin + n;
    if (end > this.max) tooLarge(this.max);
    if (end > this.out.length) {
      const wider = new Uint8Array(Math.max(end, 2 * this.out.length));
      wider.set(this.out);
      this.out = wider;
    }
    this.at = end;
    return begin;
  }
}

/** The header of a frame; info is its row of the table. */
export function openWith<Info extends { readonly max: number }>(
  bytes: Bytes,
  rows: { readonly [type: number]: Info },
): { type: number; tag: number; info: Info; body: Bytes } {
  const [type, flags, high, low] = bytes;
  if (low === undefined) bad("the frame is too short");
  if (flags !== 0) bad("flags that do not exist");
  const info = rows[type!];
  if (info === undefined) {
    throw new FrameError("unknown-frame", `no frame of type ${type}`);
  }
  const body = bytes.subarray(HEADER_BYTES);
  if (body.length > info.max) tooLarge(info.max);
  return { type: type!, tag: high! * 256 + low, info, body };
}
