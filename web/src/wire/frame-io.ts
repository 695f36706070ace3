// What the generated codec of frames (frames.gen.ts) is made of.

import type { Bytes } from "./bytes.ts";
import { Writer } from "./writer.ts";

/** Of the table of frames: name, largest body, name of the answer. */
export type Row<Name> = readonly [name: Name, max: number, answer?: Name];

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
export class FrameWriter extends Writer {
  readonly #max: number;

  /** max: of the body */
  constructor(type: number, tag: number, max: number) {
    super();
    this.#max = HEADER_BYTES + max;
    this.u8(type).u8(0).u16(tag);
  }

  list<T>(items: readonly T[], put: (w: FrameWriter, item: T) => void): void {
    this.u16(items.length);
    for (const item of items) put(this, item);
  }

  override finish(): Bytes {
    const bytes = super.finish();
    if (bytes.length > this.#max) tooLarge(this.#max);
    return bytes;
  }

  override fail(detail: string): never {
    bad(detail);
  }
}

/** The header of a frame, by the rows of the table. */
export function openWith<Name>(
  bytes: Bytes,
  rows: { readonly [type: number]: Row<Name> },
): { type: number; name: Name; tag: number; body: Bytes } {
  const [type, flags, high, low] = bytes;
  if (low === undefined) bad("the frame is too short");
  if (flags !== 0) bad("flags that do not exist");
  const row = rows[type!];
  if (row === undefined) {
    throw new FrameError("unknown-frame", `no frame of type ${type}`);
  }
  const [name, max] = row;
  const body = bytes.subarray(HEADER_BYTES);
  if (body.length > max) tooLarge(max);
  return { type: type!, name, tag: high! * 256 + low, body };
}
