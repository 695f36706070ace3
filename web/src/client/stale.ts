// Whether visitors still write under keys that were replaced days ago: a
// service may be showing them an old roster.  A clock of theirs may be wrong as
// well, or a lie, so this is told to the customer and stops nothing.

import type { Bytes } from "../wire/bytes.ts";
import { CLOCK_TOLERANCE_MS } from "../wire/sizes.ts";
import { AlarmError } from "./alarm.ts";
import type { Core } from "./core.ts";
import { succeeds, verifyRoster, type KnownRoster, type RosterSource } from "./roster.ts";

const STALE = "stale";

export class Stale {
  readonly #core: Core;
  readonly #cid: Bytes;
  /** Of each generation: when the one after it began. */
  readonly #replaced = new Map<number, number>();
  #since: number | undefined;

  constructor(core: Core, cid: Bytes) {
    this.#core = core;
    this.#cid = cid;
  }

  /** When the last of such messages was written. */
  get since(): number | undefined {
    return this.#since;
  }

  async load(): Promise<void> {
    this.#since = (await this.#core.storage.get(STALE)) as number | undefined;
  }

  /** A genuine message was written at that time under that roster. */
  async check(
    time: number,
    roster: KnownRoster,
    source: RosterSource,
  ): Promise<void> {
    const { generation } = roster;
    const highest = this.#core.rosters.highest?.generation ?? 0;
    if (generation >= highest || time <= (this.#since ?? 0)) return;
    const replaced = await this.#whenReplaced(roster, source);
    if (time <= replaced + CLOCK_TOLERANCE_MS) return;
    this.#since = time;
    await this.#core.write(STALE, time);
  }

  /** Infinity while the service does not say. */
  async #whenReplaced(
    roster: KnownRoster,
    source: RosterSource,
  ): Promise<number> {
    const known = this.#replaced.get(roster.generation);
    if (known !== undefined) return known;
    try {
      const replaced = await this.#nextGeneration(roster, source);
      this.#replaced.set(roster.generation, replaced);
      return replaced;
    } catch (error) {
      if (error instanceof AlarmError) throw error;
      return Infinity; // the connection is gone: the next message asks again
    }
  }

  /** not_before of the first roster of a later generation. */
  async #nextGeneration(
    roster: KnownRoster,
    source: RosterSource,
  ): Promise<number> {
    let last = roster;
    while (last.generation === roster.generation) {
      const page = await source.from(last.version + 1);
      if (!page.length) return Infinity;
      for (const bytes of page) {
        const next = await verifyRoster(bytes, this.#cid);
        if (!succeeds(last, next)) return Infinity;
        last = next;
        if (last.generation > roster.generation) break;
      }
    }
    return last.notBefore;
  }
}
