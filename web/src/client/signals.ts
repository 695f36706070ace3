// Signals: what is said in passing, and never stored.  A signal counts if it is
// fresh by its sender's own clock, which may be wrong but goes at the usual
// speed; and what counts is forgotten again after seconds.

import { sealMessage } from "../crypto/message.ts";
import { BodyKind } from "../wire/body.ts";
import { equal, fromHex, toHex, ZERO_ID, type Bytes } from "../wire/bytes.ts";
import { decodeEnvelope, Direction, EnvelopeType } from "../wire/envelope.ts";
import { decodeHello } from "../wire/hello.ts";
import { deviceOf, judge, type Party } from "./judge.ts";
import type { Platform, Storage } from "./platform.ts";
import { keys, type SessionState } from "./records.ts";
import { validity, type Rosters, type RosterSource } from "./roster.ts";

/** A signal is this much slower than the fastest message, at most. */
const LATE_MOST = 60_000;
/** While somebody writes, a signal is sent this often. */
const SEND_EVERY = 3_000;
const SHOWN_FOR = 6_000;

/** Which signals of a sender are fresh. */
export class Freshness {
  /** By sender: the largest of its clock - ours since the page loaded. */
  readonly #offsets = new Map<string, number>();
  readonly #last = new Map<string, number>();

  /** A genuine envelope of any kind has come. */
  heard(sender: string, time: number, now: number): void {
    const offset = this.#offsets.get(sender) ?? -Infinity;
    this.#offsets.set(sender, Math.max(offset, time - now));
  }

  /** Whether a genuine signal counts; it does so once. */
  counts(sender: string, time: number, now: number): boolean {
    this.heard(sender, time, now);
    const late = this.#offsets.get(sender)! - (time - now);
    if (late > LATE_MOST || time <= (this.#last.get(sender) ?? 0)) return false;
    this.#last.set(sender, time);
    return true;
  }
}

/** Who is writing where. */
export class Typing {
  readonly #platform: Platform;
  readonly #changed: () => void;
  /** By sid and sender: what ends it. */
  readonly #shown = new Map<string, Map<string, () => void>>();
  readonly #sent = new Map<string, number>();

  constructor(platform: Platform, changed: () => void) {
    this.#platform = platform;
    this.#changed = changed;
  }

  in(sid: string): boolean {
    return !!this.#shown.get(sid)?.size;
  }

  begins(sid: string, sender: string): void {
    const those = this.#shown.get(sid) ?? new Map<string, () => void>();
    this.#shown.set(sid, those);
    those.get(sender)?.();
    those.set(sender, this.#platform.after(SHOWN_FOR, () => {
      this.ends(sid, sender);
      this.#changed();
    }));
    this.#changed();
  }

  ends(sid: string, sender: string): void {
    const those = this.#shown.get(sid);
    those?.get(sender)?.();
    those?.delete(sender);
  }

  /** Whether it is time to say that something is being written here. */
  due(sid: string): boolean {
    const now = this.#platform.now();
    const since = now - (this.#sent.get(sid) ?? -Infinity);
    if (since >= 0 && since < SEND_EVERY) return false;
    this.#sent.set(sid, now);
    return true;
  }
}

export interface Signal {
  readonly sid: string;
  /** signkey_id, hex */
  readonly sender: string;
}

interface SignalsOptions {
  readonly platform: Platform;
  readonly storage: Storage;
  readonly rosters: Rosters;
  readonly party: Party;
}

/** Seals and opens signals. */
export class Signals {
  readonly freshness = new Freshness();
  readonly #o: SignalsOptions;

  constructor(options: SignalsOptions) {
    this.#o = options;
  }

  /** undefined where nothing may be sent. */
  async seal(sid: string): Promise<Bytes | undefined> {
    const { platform, rosters, party } = this.#o;
    const hello = await this.#hello(sid);
    const roster = rosters.highest;
    const time = platform.now();
    if (!hello || !roster || validity(roster, time) === "expired") {
      return undefined;
    }
    const { cid, side, signkeyId, signKey } = party;
    const head = {
      type: EnvelopeType.signal,
      direction: side === "visitor" ? Direction.toCustomer : Direction.toVisitor,
      cid, sid: fromHex(sid), signkeyId, seq: 0, time, prev: ZERO_ID,
      rosterId: fromHex(roster.id),
    };
    const sealed = await sealMessage(
      head,
      [roster.messageKey, hello.sessionKey],
      { kind: BodyKind.typing, heads: [], content: new Uint8Array(0) },
      signKey,
    );
    return sealed.envelope;
  }

  /** undefined for everything that does not count. */
  async open(bytes: Bytes, source: RosterSource): Promise<Signal | undefined> {
    const { platform, rosters, party } = this.#o;
    const envelope = decodeEnvelope(bytes);
    if (
      envelope?.type !== EnvelopeType.signal ||
      !equal(envelope.cid, party.cid) ||
      (envelope.direction === Direction.toCustomer) === (party.side === "visitor")
    ) {
      return undefined;
    }
    const sid = toHex(envelope.sid);
    const hello = await this.#hello(sid);
    const roster = await rosters.find(toHex(envelope.rosterId), source);
    if (!hello || !roster) return undefined;
    const judgement = await judge(party, envelope, hello, roster);
    if (judgement.verdict !== "genuine" || !judgement.content) return undefined;
    const listed =
      party.side === "customer" ||
      (await deviceOf(rosters.highest ?? roster, envelope.signkeyId));
    const sender = toHex(envelope.signkeyId);
    const counts =
      listed && this.freshness.counts(sender, envelope.time, platform.now());
    return counts ? { sid, sender } : undefined;
  }

  async #hello(sid: string) {
    const state = await this.#o.storage.get(keys.session(sid));
    return state ? decodeHello((state as SessionState).hello) : undefined;
  }
}
