// What the page's own scripts may hear of.  What was written is not among it:
// a page's scripts send much to many places, and this must not get there.

export type EventName = "message" | "unread" | "open" | "close";

/** With the count of unread messages. */
export type Listener = (unread: number) => void;

export class Events {
  readonly #listeners = new Map<EventName, Set<Listener>>();

  /** Returns what ends it. */
  on(event: EventName, listener: Listener): () => void {
    const set = this.#listeners.get(event) ?? new Set();

    this.#listeners.set(event, set.add(listener));
    return () => void set.delete(listener);
  }

  tell(event: EventName, unread: number): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(unread);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
