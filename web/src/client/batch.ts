// A unit of work on the storage: reads see what it is about to write, and
// commit() writes everything at once.  Whoever makes one holds the lock of what
// it reads.

import type { Storage } from "./platform.ts";

export class Batch {
  readonly #storage: Storage;
  readonly #changes = new Map<string, unknown>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  get changes(): ReadonlyMap<string, unknown> {
    return this.#changes;
  }

  async get<T>(key: string): Promise<T | undefined> {
    if (this.#changes.has(key)) return this.#changes.get(key) as T | undefined;
    return (await this.#storage.get(key)) as T | undefined;
  }

  async list<T>(prefix: string): Promise<[string, T][]> {
    const found = new Map(await this.#storage.list(prefix));
    for (const [key, value] of this.#changes) {
      if (!key.startsWith(prefix)) continue;
      if (value === undefined) found.delete(key);
      else found.set(key, value);
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)) as [string, T][];
  }

  set(key: string, value: unknown): void {
    this.#changes.set(key, value);
  }

  delete(key: string): void {
    this.#changes.set(key, undefined);
  }

  /** Nothing of it will be written. */
  forget(): void {
    this.#changes.clear();
  }

  async commit(): Promise<void> {
    if (this.#changes.size) await this.#storage.write(this.#changes);
  }
}
