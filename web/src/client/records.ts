// What a client keeps, and under which keys.
//
//   pin, roster/<id>            roster.ts
//   s/<sid>                     SessionState
//   m/<sid>/<id>                MessageRecord
//   q/<sid>/<sender>/<seq>      id of the message that holds this number
//   g/<sid>/<missing>/<id>      <id> waits for its ancestor <missing>
//   w/<sid>/<id>                Held: cannot be judged yet
//   out/<sid>/<seq>             Outgoing: not known to be stored
//   read/<sid>                  position up to which this side has read
//   draft/<n>                   Draft: written before there was a session
//   deleted/<sid>               the service said that it is gone
//   ended/<sid>                 Ended: deleted here
//   spare/<sid>                 of a visitor: the code of the spare keys
//   release/<sid>               the visitor's release, hex
//   block/<sid>                 Block: of a device
//   device, key/<generation>    of a device: account.ts, owner.ts
//   stale                       of a device: stale.ts
//
// Ids are in hex; numbers in keys have 16 digits, so that keys sort by them.

import type { Bytes } from "../wire/bytes.ts";
import type { Delivery, Mark } from "./types.ts";

/** Last number and id of a sender; { 0, "" } for none. */
export interface ChainEnd {
  readonly seq: number;
  readonly id: string;
}

export const NO_CHAIN: ChainEnd = { seq: 0, id: "" };

export interface SessionState {
  readonly sid: string;
  readonly hello: Bytes;
  /** The end of this client's own chain. */
  readonly own: ChainEnd;
  /** The last of it that the service has confirmed. */
  readonly stored: ChainEnd;
  /** Accepted messages of other senders that nothing accepted names yet. */
  readonly heads: readonly string[];
}

export interface MessageRecord {
  readonly sid: string;
  readonly id: string;
  /** signkey_id */
  readonly sender: string;
  readonly from: "visitor" | "customer";
  readonly seq: number;
  /** "" for the first. */
  readonly prev: string;
  readonly heads: readonly string[];
  /** The service's once stored, else this client's clock; ms. */
  readonly time: number;
  readonly position?: number;
  /** Of the body; 0 when it could not be read. */
  readonly kind: number;
  readonly text: string;
  readonly accepted: boolean;
  readonly mark?: Mark;
  readonly delivery?: Delivery;
  /** The draft that it was. */
  readonly draft?: string;
}

/** A visitor's text that waits for the customer's keys. */
export interface Draft {
  readonly id: string;
  readonly text: string;
  readonly time: number;
}

/** A conversation that was deleted here: "asked" until the service has deleted
 * it too.  A visitor keeps the keys till then, to ask with. */
export type Ended = "done" | "asked" | object;

/** Whether a session is blocked, as the service said last; asked: it was told
 * so here, and has not answered. */
export interface Block {
  readonly blocked: boolean;
  readonly asked?: boolean;
}

/** A message as the service hands it out. */
export interface Handed {
  readonly envelope: Bytes;
  readonly position: number;
  readonly time: number;
  /** Empty, or the session's. */
  readonly hello?: Bytes;
}

/** A message that waits for a key, roster or hello. */
export interface Held extends Handed {
  readonly id: string;
  readonly sid: string;
  readonly sender: string;
  readonly from: "visitor" | "customer";
}

export interface Outgoing {
  readonly id: string;
  readonly sid: string;
  readonly seq: number;
  readonly envelope: Bytes;
}

const digits = (n: number) => String(n).padStart(16, "0");

export const keys = {
  session: (sid: string) => `s/${sid}`,
  sessions: "s/",
  message: (sid: string, id: string) => `m/${sid}/${id}`,
  messages: "m/",
  number: (sid: string, sender: string, seq: number) =>
    `q/${sid}/${sender}/${digits(seq)}`,
  numbers: (sid: string, sender: string) => `q/${sid}/${sender}/`,
  gap: (sid: string, missing: string, id: string) =>
    `g/${sid}/${missing}/${id}`,
  gapsOf: (sid: string, missing = "") =>
    missing ? `g/${sid}/${missing}/` : `g/${sid}/`,
  gaps: "g/",
  held: (sid: string, id: string) => `w/${sid}/${id}`,
  allHeld: "w/",
  outgoing: (sid: string, seq: number) => `out/${sid}/${digits(seq)}`,
  outbox: (sid = "") => (sid ? `out/${sid}/` : "out/"),
  read: (sid: string) => `read/${sid}`,
  draft: (n: number) => `draft/${digits(n)}`,
  drafts: "draft/",
  deleted: (sid: string) => `deleted/${sid}`,
  ended: (sid: string) => `ended/${sid}`,
  allEnded: "ended/",
  spare: (sid: string) => `spare/${sid}`,
  release: (sid: string) => `release/${sid}`,
  block: (sid: string) => `block/${sid}`,
} as const;

/** Everything of one session but that it was ended. */
export function prefixesOf(sid: string): string[] {
  const kinds = [
    "s", "m", "q", "g", "w", "out", "read", "deleted", "release", "block",
    "spare",
  ];
  return kinds.map((kind) => `${kind}/${sid}`);
}
