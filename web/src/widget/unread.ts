// What the visitor has not seen yet.  Only the time of the last message seen
// is kept, and losing it costs no more than a badge.

import type { Message } from "../client/types.ts";

export class SeenUntil {
  readonly #key: string;
  #time: number;

  constructor(cid: string) {
    this.#key = `sealchat-seen-${cid}`;
    this.#time = 0;
    try {
      this.#time = Number(localStorage.getItem(this.#key)) || 0;
    } catch {
      // Storage is denied: the badge counts from this page load.
    }
  }

  count(messages: readonly Message[]): number {
    return messages.filter((m) => !m.mine && m.time > this.#time).length;
  }

  note(messages: readonly Message[]): void {
    const last = Math.max(0, ...messages.map((m) => (m.mine ? 0 : m.time)));
    if (last <= this.#time) return;

    this.#time = last;
    try {
      localStorage.setItem(this.#key, String(last));
    } catch {
      // As above.
    }
  }
}
