// The body: what an envelope seals.

import { compare, isZero, type Bytes } from "./bytes.ts";
import { bodyBytes } from "./padme.ts";
import { Reader } from "./reader.ts";
import { CONTENT_MAX, HEADS_MAX } from "./sizes.ts";
import { Writer } from "./writer.ts";

export const BodyKind = {
  text: 1,
  receipt: 2,
  attachment: 3,
  closed: 4,
  typing: 5,
} as const;

export interface Body {
  readonly kind: number;
  /** Ids, ascending, 8 at most. */
  readonly heads: readonly Bytes[];
  readonly content: Bytes;
}

/** With its padding. */
export function encodeBody(body: Body): Bytes {
  if (!holds(body)) throw new RangeError("not a body");
  const len = 2 + 32 * body.heads.length + body.content.length;
  const w = new Writer().u32(len).u8(body.kind).u8(body.heads.length);
  for (const head of body.heads) w.bytes(head, 32);
  w.bytes(body.content);
  return w.bytes(new Uint8Array(bodyBytes(4 + len) - 4 - len)).finish();
}

/** undefined when the bytes are no body, or not padded as they must be. */
export function decodeBody(bytes: Bytes): Body | undefined {
  const r = new Reader(bytes);
  const len = r.u32();
  const kind = r.u8();
  const n = r.u8();
  if (n > HEADS_MAX) r.fail();
  const heads: Bytes[] = [];
  for (let i = 0; i < n && !r.bad; i++) heads.push(r.bytes(32));
  const length = len - 2 - 32 * n;
  if (length < 0) r.fail();
  const content = r.bytes(r.bad ? 0 : length);
  const padding = r.rest();
  if (!r.done || bytes.length !== bodyBytes(4 + len) || !isZero(padding)) {
    return undefined;
  }
  const body = { kind, heads, content };
  return holds(body) ? body : undefined;
}

function holds({ heads, content }: Body): boolean {
  return (
    heads.length <= HEADS_MAX &&
    content.length <= CONTENT_MAX &&
    heads.every((h, i) => i === 0 || compare(heads[i - 1]!, h) < 0)
  );
}
