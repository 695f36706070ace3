// What the pages are shown: the records of the storage, in memory, in order.

import { BodyKind } from "../wire/body.ts";
import type { Draft, Ended, Held, MessageRecord } from "./records.ts";
import type { Message } from "./types.ts";

interface Shown {
  readonly messages: readonly Message[];
  readonly lastTime: number;
  readonly unread: number;
  readonly lastPosition: number;
  readonly closed: boolean;
  readonly waitingSince: number | undefined;
}

export class View {
  readonly #side: "visitor" | "customer";
  readonly #records = new Map<string, Map<string, MessageRecord>>();
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #drafts = new Map<string, Draft>();
  readonly #values = new Map<string, unknown>();
  readonly #shown = new Map<string, Shown>();
  /** What was built of a record, for as long as the record is the same. */
  readonly #built = new WeakMap<MessageRecord, Message>();

  constructor(side: "visitor" | "customer") {
    this.#side = side;
  }

  /** What it is made of, by the beginning of its key. */
  static readonly kinds = [
    "m/", "w/", "read/", "draft/", "deleted/", "ended/", "release/", "block/",
  ];

  clear(): void {
    this.#records.clear();
    this.#held.clear();
    this.#drafts.clear();
    this.#values.clear();
    this.#shown.clear();
  }

  /** Takes over what was written; undefined deletes. */
  apply(changes: Iterable<readonly [string, unknown]>): void {
    for (const [key, value] of changes) {
      const [kind, sid, id] = key.split("/") as [string, string, string];
      if (kind === "m") put(this.#records, sid, id, value);
      else if (kind === "w") put(this.#held, sid, id, value);
      else if (kind === "draft") set(this.#drafts, key, value);
      else if (View.kinds.includes(`${kind}/`)) set(this.#values, key, value);
      else continue;
      this.#shown.delete(sid);
    }
  }

  sids(): string[] {
    return [...this.#records.keys()];
  }

  drafts(): [string, Draft][] {
    return [...this.#drafts].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  isDeleted(sid: string): boolean {
    return this.#values.has(`deleted/${sid}`);
  }

  ended(sid: string): Ended | undefined {
    return this.#values.get(`ended/${sid}`) as Ended | undefined;
  }

  /** Sessions that the service is still to delete. */
  toDelete(): string[] {
    return [...this.#values]
      .filter(([key, value]) => key.startsWith("ended/") && value !== "done")
      .map(([key]) => key.slice("ended/".length));
  }

  value<T>(key: string): T | undefined {
    return this.#values.get(key) as T | undefined;
  }

  of(sid: string): Shown {
    let shown = this.#shown.get(sid);
    if (!shown) {
      shown = this.#build(sid);
      this.#shown.set(sid, shown);
    }
    return shown;
  }

  #build(sid: string): Shown {
    const records = this.#records.get(sid) ?? new Map<string, MessageRecord>();
    const read = (this.#values.get(`read/${sid}`) as number | undefined) ?? 0;
    const messages: Message[] = [];
    let unread = 0;
    let lastPosition = 0;
    let closed = false;
    let waitingSince: number | undefined;
    for (const record of inOrder(records)) {
      const { kind, position = 0, time, mark } = record;
      lastPosition = Math.max(lastPosition, position);
      const theirs = record.from !== this.#side;
      if (kind === BodyKind.closed && record.accepted) closed = true;
      if (kind === BodyKind.text) {
        closed = false;
        waitingSince = theirs ? (waitingSince ?? time) : undefined;
      }
      if (closed) waitingSince = undefined;
      // A receipt that does not count has nothing to show.
      const empty = kind > BodyKind.text && mark === "removed-device";
      if ((kind !== BodyKind.text && !mark) || empty) continue;
      messages.push(this.#message(record));
      if (theirs && position > read) unread++;
    }
    for (const held of this.#held.get(sid)?.values() ?? []) {
      messages.push(this.#waiting(held));
    }
    const lastTime = messages.reduce((t, m) => Math.max(t, m.time), 0);
    return { messages, lastTime, unread, lastPosition, closed, waitingSince };
  }

  #message(record: MessageRecord): Message {
    const known = this.#built.get(record);
    const mine = record.from === this.#side;
    const { id, draft, from, sender, text, time, mark } = record;
    const lost = record.delivery === "sending" && this.isDeleted(record.sid);
    const delivery = lost ? "failed" : record.delivery;
    if (known && known.delivery === (mine ? delivery : undefined)) return known;
    const message: Message = {
      id: draft ?? id, mine, from, sender, time,
      text: mark === "unreadable" ? "" : text,
      ...(mine && delivery ? { delivery } : {}),
      ...(mark ? { mark } : {}),
    };
    this.#built.set(record, message);
    return message;
  }

  #waiting({ id, from, sender, time }: Held): Message {
    const mine = from === this.#side;
    return { id, mine, from, sender, time, text: "", mark: "waiting" };
  }
}

/** By the service's position, but never before an ancestor; what has none yet
 * comes last, in the order it was written. */
function inOrder(records: ReadonlyMap<string, MessageRecord>): MessageRecord[] {
  const place = (r: MessageRecord) => r.position ?? Number.MAX_SAFE_INTEGER;
  const sorted = [...records.values()].sort(
    (a, b) => place(a) - place(b) || a.seq - b.seq || a.time - b.time,
  );
  const out = new Set<MessageRecord>();
  const entered = new Set<MessageRecord>();
  for (const first of sorted) {
    const stack = [first];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      if (!entered.has(top)) {
        entered.add(top);
        for (const id of [...top.heads, top.prev]) {
          const named = records.get(id);
          if (named && !entered.has(named)) stack.push(named);
        }
      } else {
        out.add(top);
        stack.pop();
      }
    }
  }
  return [...out];
}

function set<T>(map: Map<string, T>, key: string, value: unknown): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value as T);
}

function put<T>(
  map: Map<string, Map<string, T>>,
  sid: string,
  id: string,
  value: unknown,
): void {
  const inner = map.get(sid) ?? new Map<string, T>();
  set(inner, id, value);
  if (inner.size) map.set(sid, inner);
  else map.delete(sid);
}
