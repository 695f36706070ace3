// What the generated codec of frames (frames.gen.ts) is made of.

import type { Bytes } from "./bytes.ts";
import { Reader } from "./reader.ts";
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

/** Reads one body; end() throws FrameError if anything did not fit. */
export class FrameReader extends Reader {
  constructor(body: Bytes, max: number) {
    if (body.length > max) tooLarge(max);
    super(body);
  }

  list<T>(item: (r: FrameReader) => T): T[] {
    const out: T[] = [];
    for (let left = this.u16(); left > 0 && !this.bad; left--) {
      out.push(item(this));
    }
    return out;
  }

  end(): void {
    if (!this.done) bad("not the layout of its type");
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
  if (low === undefined) bad("too short");
  if (flags !== 0) bad("unknown flags");
  const row = rows[type!];
  if (row === undefined) {
    throw new FrameError("unknown-frame", `no frame of type ${type}`);
  }
  const [name, max] = row;
  const body = bytes.subarray(HEADER_BYTES);
  if (body.length > max) tooLarge(max);
  return { type: type!, name, tag: high! * 256 + low, body };
}
