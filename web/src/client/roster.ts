// Rosters: what a client believes about who speaks for a customer.  The highest
// one seen is pinned; every higher one has to lead on from it.

import { cidOf } from "../crypto/names.ts";
import { idOf, verifyThing } from "../crypto/signed.ts";
import { equal, fromHex, toHex, type Bytes } from "../wire/bytes.ts";
import { decodeRoster, type Roster } from "../wire/roster.ts";
import { CLOCK_TOLERANCE_MS } from "../wire/sizes.ts";
import { AlarmError } from "./alarm.ts";
import { Batch } from "./batch.ts";
import type { Storage } from "./platform.ts";

export interface KnownRoster extends Roster {
  /** hex */
  readonly id: string;
}

/** Asks the service. */
export interface RosterSource {
  byId(id: Bytes): Promise<Bytes | undefined>;
  /** Rosters from a version on, ascending; the first page of them. */
  from(version: number): Promise<readonly Bytes[]>;
}

/** Verifies that cid's own key signed it; AlarmError otherwise. */
export async function verifyRoster(
  bytes: Bytes,
  cid: Bytes,
): Promise<KnownRoster> {
  const roster = decodeRoster(bytes);
  if (!roster) {
    throw new AlarmError("roster-invalid", "The roster is malformed.");
  }
  if (!equal(roster.cid, cid) || !equal(await cidOf(roster.ikPk), cid)) {
    throw new AlarmError(
      "roster-other-identity",
      "The roster is another identity's.",
    );
  }
  if (!(await verifyThing("roster", bytes, roster.ikPk))) {
    throw new AlarmError("roster-invalid", "The roster is not signed.");
  }
  return { ...roster, id: toHex(await idOf(bytes)) };
}

/** Whether next may follow last. */
export function succeeds(last: KnownRoster, next: KnownRoster): boolean {
  const sameKey =
    next.messageKey.suite === last.messageKey.suite &&
    equal(next.messageKey.pk, last.messageKey.pk);
  const noneLess = last.devices.every((device) =>
    next.devices.some((other) => equal(device, other)),
  );
  return (
    equal(next.cid, last.cid) &&
    next.version === last.version + 1 &&
    toHex(next.prev) === last.id &&
    ((next.generation === last.generation && sameKey && noneLess) ||
      next.generation === last.generation + 1)
  );
}

export type Validity = "valid" | "ending" | "expired";

/** Whether one may send under it: 48 h of tolerance at either end. */
export function validity(roster: Roster, now: number): Validity {
  const { notBefore, notAfter } = roster;
  const late = now - notAfter;
  const early = notBefore - now;
  if (late > CLOCK_TOLERANCE_MS || early > CLOCK_TOLERANCE_MS) return "expired";
  return late > 0 ? "ending" : "valid";
}

const PIN = "pin";
const keyOf = (id: string) => `roster/${id}`;

export class Rosters {
  readonly #storage: Storage;
  readonly #cid: Bytes;
  readonly #minGeneration: number;
  readonly #known = new Map<string, KnownRoster>();
  #highest: KnownRoster | undefined;

  constructor(storage: Storage, cid: Bytes, minGeneration = 1) {
    this.#storage = storage;
    this.#cid = cid;
    this.#minGeneration = minGeneration;
  }

  get highest(): KnownRoster | undefined {
    return this.#highest;
  }

  /** Reads what is pinned; again after another tab has changed it. */
  async load(): Promise<void> {
    const id = (await this.#storage.get(PIN)) as string | undefined;
    if (id && id !== this.#highest?.id) this.#highest = await this.#stored(id);
  }

  /** What the service calls the present roster: pins it if it leads on from
   * the pinned one.  AlarmError if it contradicts.  asked: what was pinned when
   * the service was asked, below which nothing is late. */
  async present(
    bytes: Bytes,
    source: RosterSource,
    asked = Infinity,
  ): Promise<void> {
    const roster = await verifyRoster(bytes, this.#cid);
    const pinned = this.#highest;
    if (pinned && roster.version < pinned.version) {
      if (roster.version >= asked) return;
      throw contradiction("The roster is older than before.");
    }
    await this.#advance(roster, source);
  }

  /** The roster that a message names; undefined if the service has none. */
  async find(
    id: string,
    source: RosterSource | undefined,
  ): Promise<KnownRoster | undefined> {
    const known = this.#known.get(id) ?? (await this.#stored(id));
    if (known || !source) return known;
    const bytes = await source.byId(fromHex(id));
    if (!bytes) return undefined;
    const roster = await verifyRoster(bytes, this.#cid);
    if (roster.id !== id) return undefined;
    if (this.#highest && roster.version < this.#highest.version) {
      await this.#keep([roster]);
    } else {
      await this.#advance(roster, source);
    }
    return roster;
  }

  /** AlarmError unless a message may be sent under the pinned roster, of which
   * there is one. */
  usable(now: number): KnownRoster {
    const roster = this.#highest!;
    this.#checkGeneration(roster);
    if (validity(roster, now) === "expired") {
      throw new AlarmError(
        "roster-expired",
        "The roster is invalid for more than 48 hours.",
      );
    }
    return roster;
  }

  async #advance(roster: KnownRoster, source: RosterSource): Promise<void> {
    const pinned = this.#highest;
    if (pinned?.id === roster.id) return;
    if (pinned && roster.version === pinned.version) {
      throw contradiction("The roster is another of its version.");
    }
    this.#checkGeneration(roster);
    const steps = pinned ? await this.#walk(pinned, roster, source) : [roster];
    await this.#keep(steps, roster);
  }

  /** The rosters from last (excluded) to target, each the next one's
   * predecessor. */
  async #walk(
    last: KnownRoster,
    target: KnownRoster,
    source: RosterSource,
  ): Promise<KnownRoster[]> {
    const steps: KnownRoster[] = [];
    while (last.version + 1 < target.version) {
      const page = await source.from(last.version + 1);
      if (!page.length) throw contradiction("The rosters break off.");
      for (const bytes of page) {
        if (last.version + 1 === target.version) break;
        const next = await verifyRoster(bytes, this.#cid);
        if (!succeeds(last, next)) throw contradiction("The rosters break off.");
        steps.push(next);
        last = next;
      }
    }
    if (!succeeds(last, target)) throw contradiction("The rosters break off.");
    return [...steps, target];
  }

  async #keep(rosters: KnownRoster[], highest?: KnownRoster): Promise<void> {
    const batch = new Batch(this.#storage);
    for (const roster of rosters) batch.set(keyOf(roster.id), roster.bytes);
    if (highest) batch.set(PIN, highest.id);
    await batch.commit();
    for (const roster of rosters) this.#known.set(roster.id, roster);
    if (highest) this.#highest = highest;
  }

  async #stored(id: string): Promise<KnownRoster | undefined> {
    const bytes = (await this.#storage.get(keyOf(id))) as Bytes | undefined;
    // It was verified before it was stored.
    const roster = bytes && decodeRoster(bytes);
    if (!roster) return undefined;
    const known = { ...roster, id };
    this.#known.set(id, known);
    return known;
  }

  #checkGeneration(roster: Roster): void {
    if (roster.generation < this.#minGeneration) {
      throw new AlarmError(
        "roster-below-minimum",
        "The roster is older than this page allows.",
      );
    }
  }
}

/** What a device keeps of the roster that it has just made or verified. */
export async function pinRoster(batch: Batch, bytes: Bytes): Promise<void> {
  const id = toHex(await idOf(bytes));
  batch.set(keyOf(id), bytes);
  batch.set(PIN, id);
}

function contradiction(detail: string): AlarmError {
  return new AlarmError("roster-contradicts", detail);
}
