// What the pages are shown: the records of the storage, in memory, in order.

import { BodyKind } from "../wire/body.ts";
import type { Held, MessageRecord } from "./records.ts";
import type { Message } from "./types.ts";

interface Shown {
  readonly messages: readonly Message[];
  readonly lastTime: number;
  readonly unread: number;
  readonly lastPosition: number;
}

export class View {
  readonly #side: "visitor" | "customer";
  readonly #records = new Map<string, Map<string, MessageRecord>>();
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #reads = new Map<string, number>();
  readonly #shown = new Map<string, Shown>();

  constructor(side: "visitor" | "customer") {
    this.#side = side;
  }

  /** Takes over what was written; undefined deletes. */
  apply(changes: Iterable<readonly [string, unknown]>): void {
    for (const [key, value] of changes) {
      const [kind, sid, id] = key.split("/") as [string, string, string];
      if (kind === "m") put(this.#records, sid, id, value);
      else if (kind === "w") put(this.#held, sid, id, value);
      else if (kind === "read") this.#reads.set(sid, Number(value ?? 0));
      else continue;
      this.#shown.delete(sid);
    }
  }

  sids(): string[] {
    return [...this.#records.keys()];
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
    const read = this.#reads.get(sid) ?? 0;
    const messages: Message[] = [];
    let unread = 0;
    let lastPosition = 0;
    for (const record of inOrder(records)) {
      lastPosition = Math.max(lastPosition, record.position ?? 0);
      if (record.kind !== BodyKind.text && !record.mark) continue;
      messages.push(this.#message(record));
      const theirs = record.from !== this.#side;
      if (theirs && (record.position ?? 0) > read) unread++;
    }
    for (const held of this.#held.get(sid)?.values() ?? []) {
      messages.push(this.#waiting(held));
    }
    const lastTime = messages.reduce((t, m) => Math.max(t, m.time), 0);
    return { messages, lastTime, unread, lastPosition };
  }

  #message(record: MessageRecord): Message {
    const mine = record.from === this.#side;
    const { id, from, sender, text, time, mark } = record;
    return {
      id, mine, from, sender, time,
      text: mark === "unreadable" ? "" : text,
      ...(mine && record.delivery ? { delivery: record.delivery } : {}),
      ...(mark ? { mark } : {}),
    };
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

function put<T>(
  map: Map<string, Map<string, T>>,
  sid: string,
  id: string,
  value: unknown,
): void {
  const inner = map.get(sid) ?? new Map<string, T>();
  map.set(sid, inner);
  if (value === undefined) inner.delete(id);
  else inner.set(id, value as T);
}
