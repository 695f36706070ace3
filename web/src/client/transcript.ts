// The transcript of each session: a graph of messages in which each names its
// sender's previous one (prev) and what the sender had accepted of others
// (heads).  A message is accepted once all its ancestors are.  Everything here
// runs under the session's lock and is persisted before it returns.

import { sealMessage } from "../crypto/message.ts";
import { idOf } from "../crypto/signed.ts";
import { BodyKind } from "../wire/body.ts";
import {
  equal, fromHex, isWellFormed, isZero, toHex, toUtf8, ZERO_ID,
  type Bytes,
} from "../wire/bytes.ts";
import {
  decodeEnvelope, Direction, EnvelopeType, type Envelope,
} from "../wire/envelope.ts";
import { decodeHello } from "../wire/hello.ts";
import { CONTENT_MAX, HEADS_MAX } from "../wire/sizes.ts";
import { Batch } from "./batch.ts";
import { ClientError } from "./errors.ts";
import { deviceOf, judge, type Content, type Party } from "./judge.ts";
import type { Platform, Storage } from "./platform.ts";
import {
  keys, NO_CHAIN, prefixesOf, type ChainEnd, type Handed, type Held,
  type MessageRecord, type Outgoing, type SessionState,
} from "./records.ts";
import { validity, type KnownRoster, type RosterSource, type Rosters } from "./roster.ts";

/** Messages of a session that are judged and kept together. */
const AT_ONCE = 32;

/** What the service can be asked while a message is judged. */
export interface Source extends RosterSource {
  /** Of a device: the verified hello of a session that is new here, if the
   * message brought it or the service has it. */
  hello?(sid: Bytes, brought: Bytes | undefined): Promise<Bytes | undefined>;
}

export interface TranscriptOptions {
  readonly platform: Platform;
  readonly storage: Storage;
  /** Of the storage: part of the locks' names. */
  readonly name: string;
  readonly rosters: Rosters;
  readonly party: Party;
  /** Called after each commit with what it wrote. */
  readonly changed: (changes: ReadonlyMap<string, unknown>) => void;
  /** Called for each genuine envelope, with its sender's clock and roster. */
  readonly heard: (sender: string, time: number, roster: KnownRoster) => void;
}

/** What one writes. */
interface Writing {
  readonly kind: number;
  readonly text: string;
  /** The draft that it was, which goes with it. */
  readonly draft?: { readonly key: string; readonly id: string };
  /** Those to name; by default all. */
  readonly heads?: readonly string[];
}

/** The UTF-8 of a text that can be sent. */
export function contentOf(text: string): Bytes {
  const content = toUtf8(text);
  if (!content.length || content.length > CONTENT_MAX || !isWellFormed(text)) {
    throw new ClientError("bad-text", "A message has 1 to 16,384 bytes.");
  }
  return content;
}

export class Transcript {
  /** Messages that failed layout, cid, sid, direction, signature or
   * recipients, since the page loaded. */
  dropped = 0;
  readonly #o: TranscriptOptions;
  readonly #own: string;

  constructor(options: TranscriptOptions) {
    this.#o = options;
    this.#own = toHex(options.party.signkeyId);
  }

  isOwn(envelope: Envelope): boolean {
    return toHex(envelope.signkeyId) === this.#own;
  }

  /** Runs work under the session's lock and commits what it wrote. */
  async #locked<T>(
    sid: string,
    work: (batch: Batch) => Promise<T>,
  ): Promise<T> {
    const { platform, storage, name } = this.#o;
    return platform.exclusive(`${name}/session/${sid}`, async () => {
      const batch = new Batch(storage);
      const result = await work(batch);
      await batch.commit();
      if (batch.changes.size) this.#o.changed(batch.changes);
      return result;
    });
  }

  /** A session whose hello was verified, or is one's own. */
  async open(sid: string, hello: Bytes): Promise<void> {
    await this.#locked(sid, async (batch) => {
      if (!(await batch.get(keys.session(sid)))) {
        batch.set(keys.session(sid), newState(sid, hello));
      }
    });
  }

  /** Seals a text and persists it in the outbox. */
  async compose(
    sid: string,
    text: string,
    draft?: Writing["draft"],
  ): Promise<void> {
    contentOf(text);
    await this.#write(sid, {
      kind: BodyKind.text, text, ...(draft ? { draft } : {}),
    });
  }

  async composeClosed(sid: string): Promise<void> {
    await this.#write(sid, { kind: BodyKind.closed, text: "" });
  }

  async #write(sid: string, writing: Writing): Promise<void> {
    await this.#o.rosters.load();
    await this.#locked(sid, (batch) => this.#compose(batch, sid, writing));
  }

  /**
   * Everything up to that position was seen: seals a receipt that names those
   * of it that nothing names yet, unless they are receipts all.  Where nothing
   * may be sent, nothing is.
   */
  async composeReceipt(sid: string, upTo: number): Promise<void> {
    const { rosters, platform } = this.#o;
    await rosters.load();
    const roster = rosters.highest;
    if (!roster || validity(roster, platform.now()) === "expired") return;
    await this.#locked(sid, async (batch) => {
      const state = await batch.get<SessionState>(keys.session(sid));
      const seen: string[] = [];
      let owed = false;
      for (const id of state?.heads ?? []) {
        const record = await batch.get<MessageRecord>(keys.message(sid, id));
        if (!record || (record.position ?? Infinity) > upTo) continue;
        seen.push(id);
        owed ||= record.kind === BodyKind.text || record.kind === BodyKind.closed;
      }
      if (!owed) return;
      await this.#compose(batch, sid, {
        kind: BodyKind.receipt, text: "", heads: seen,
      });
    });
  }

  /** Forgets a session, keys of it excepted; changes: what goes with it. */
  async forget(
    sid: string,
    changes: ReadonlyMap<string, unknown>,
  ): Promise<void> {
    await this.#locked(sid, async (batch) => {
      for (const prefix of prefixesOf(sid)) {
        for (const [key] of await batch.list(prefix)) batch.delete(key);
      }
      for (const [key, value] of changes) batch.set(key, value);
    });
  }

  async #compose(batch: Batch, sid: string, writing: Writing): Promise<void> {
    const { party, platform, rosters } = this.#o;
    const state = await batch.get<SessionState>(keys.session(sid));
    const hello = state && decodeHello(state.hello);
    if (!hello) {
      throw new ClientError("no-conversation", "There is no such conversation.");
    }
    const roster = rosters.usable(platform.now());
    const { kind, text, draft } = writing;
    const named = writing.heads ?? state.heads;
    const heads = [...named].sort().slice(0, HEADS_MAX);
    const { cid, side, signkeyId, signKey } = party;
    const head = {
      type: EnvelopeType.stored,
      direction: side === "visitor" ? Direction.toCustomer : Direction.toVisitor,
      cid,
      sid: fromHex(sid),
      signkeyId,
      seq: state.own.seq + 1,
      time: platform.now(),
      prev: state.own.seq ? fromHex(state.own.id) : ZERO_ID,
      rosterId: fromHex(roster.id),
    };
    const sealed = await sealMessage(
      head,
      [roster.messageKey, hello.sessionKey],
      { kind, heads: heads.map(fromHex), content: toUtf8(text) },
      signKey,
    );
    const id = toHex(sealed.id);
    const record: MessageRecord = {
      sid, id, sender: this.#own, from: side, seq: head.seq,
      prev: state.own.id, heads, time: head.time, kind, text,
      accepted: true, delivery: "sending", ...(draft ? { draft: draft.id } : {}),
    };
    if (draft) batch.delete(draft.key);
    batch.set(keys.message(sid, id), record);
    batch.set(keys.number(sid, this.#own, head.seq), id);
    batch.set(keys.outgoing(sid, head.seq), {
      id, sid, seq: head.seq, envelope: sealed.envelope,
    } satisfies Outgoing);
    batch.set(keys.session(sid), {
      ...state,
      own: { seq: head.seq, id },
      heads: state.heads.filter((other) => !heads.includes(other)),
    } satisfies SessionState);
  }

  /** The service has it: STORED. */
  async stored(out: Outgoing, position: number, time: number): Promise<void> {
    const { sid, id, seq } = out;
    await this.#locked(sid, (batch) =>
      this.#confirm(batch, sid, id, seq, position, time));
  }

  async #confirm(
    batch: Batch,
    sid: string,
    id: string,
    seq: number,
    position?: number,
    time?: number,
  ): Promise<void> {
    const record = await batch.get<MessageRecord>(keys.message(sid, id));
    const state = await batch.get<SessionState>(keys.session(sid));
    if (!record || !state) return;
    batch.set(keys.message(sid, id), {
      ...record,
      ...(position === undefined ? {} : { position }),
      time: time ?? record.time,
      delivery: record.delivery === "sending" ? "stored" : record.delivery!,
    } satisfies MessageRecord);
    batch.delete(keys.outgoing(sid, seq));
    if (seq > state.stored.seq) {
      batch.set(keys.session(sid), { ...state, stored: { seq, id } });
    }
  }

  /**
   * Compares the end of one's own chain at the service with what is here, and
   * drops from the outbox what the service has.  "foreign": it names a message
   * that is not here; "lost": it lacks messages that it had confirmed.
   */
  async reconcile(
    sid: string,
    seq: number,
    id: Bytes,
  ): Promise<{ verdict: "agreed" | "foreign" | "lost"; confirmed: number }> {
    return this.#locked(sid, async (batch) => {
      let confirmed = 0;
      const state = await batch.get<SessionState>(keys.session(sid));
      if (state && seq < state.stored.seq) return { verdict: "lost", confirmed };
      // It may have been deleted here meanwhile.
      if (!state || seq === 0) return { verdict: "agreed", confirmed };
      const here = await batch.get(keys.number(sid, this.#own, seq));
      if (here !== toHex(id)) return { verdict: "foreign", confirmed };
      const waiting = await batch.list<Outgoing>(keys.outbox(sid));
      for (const [, out] of waiting) {
        if (out.seq > seq) break;
        await this.#confirm(batch, sid, out.id, out.seq);
        confirmed++;
      }
      return { verdict: "agreed", confirmed };
    });
  }

  /** The last of one's own chain that the service has confirmed. */
  async confirmedEnd(sid: string): Promise<ChainEnd> {
    const state = await this.#o.storage.get(keys.session(sid));
    return (state as SessionState | undefined)?.stored ?? NO_CHAIN;
  }

  /** Whether that is not here: the session was brought here by its code. */
  async isBare(sid: string): Promise<boolean> {
    const { id } = await this.confirmedEnd(sid);
    return !!id && !(await this.#o.storage.get(keys.message(sid, id)));
  }

  /**
   * Own messages are at the service that are not here (a restored profile, or
   * another place that has the session's keys).  Takes what the service holds
   * behind the last own message that it had confirmed, oldest first and other
   * senders' included: the own ones become the chain, and what waits in the
   * outbox is sealed anew behind them.  false, and nothing is changed, if they
   * do not lead on from that last one.
   *
   * A session that is bare takes all that there is: that last one has to be
   * among it, unless retention may have taken the beginning, which it has if
   * the session is older than oldest.  end: of the chain, as the service says.
   */
  async adopt(
    sid: string,
    later: readonly Handed[],
    source: Source,
    end: ChainEnd,
    oldest: number,
  ): Promise<boolean> {
    const bare = await this.isBare(sid);
    return this.#locked(sid, async (batch) => {
      const state = await batch.get<SessionState>(keys.session(sid));
      if (!state) return true;
      const cut = bare && decodeHello(state.hello)!.time <= oldest;
      const waiting = await batch.list<Outgoing>(keys.outbox(sid));
      const unsent: Writing[] = [];
      for (const [key, out] of waiting) {
        const record = await batch.get<MessageRecord>(
          keys.message(sid, out.id));
        // A receipt for what is judged anew would be one too many.
        if (record && record.kind !== BodyKind.receipt) {
          const { kind, text } = record;
          unsent.push({ kind, text });
        }
        batch.delete(key);
        batch.delete(keys.message(sid, out.id));
        batch.delete(keys.number(sid, this.#own, out.seq));
      }
      let last = bare ? NO_CHAIN : state.stored;
      for (const handed of later) {
        const envelope = decodeEnvelope(handed.envelope);
        if (!envelope || toHex(envelope.sid) !== sid) continue;
        const own = this.isOwn(envelope);
        const begins = cut && !last.seq;
        if (own && !begins && !leadsOn(last, envelope)) {
          return this.#undo(batch);
        }
        if (own) await this.#judgeAnew(batch, sid, envelope);
        const id = await this.#receive(batch, envelope, handed, source);
        if (!own) continue;
        const record =
          id && (await batch.get<MessageRecord>(keys.message(sid, id)));
        // What it names of others may be still to come.
        if (!record || record.mark === "conflicting") return this.#undo(batch);
        last = { seq: record.seq, id: record.id };
      }
      if (bare) {
        const { seq, id } = state.stored;
        const there = await batch.get(keys.number(sid, this.#own, seq));
        if (there !== id && !(cut && !there)) return this.#undo(batch);
        if (!last.seq) last = end; // retention took all of it
      }
      if (last.seq <= state.stored.seq && !bare) return this.#undo(batch);
      const now = (await batch.get<SessionState>(keys.session(sid)))!;
      batch.set(keys.session(sid), { ...now, own: last, stored: last });
      for (const writing of unsent) await this.#compose(batch, sid, writing);
      return true;
    });
  }

  /** An own message of another place may have come while one that waited here
   * had its number. */
  async #judgeAnew(batch: Batch, sid: string, envelope: Envelope): Promise<void> {
    const key = keys.message(sid, toHex(await idOf(envelope.bytes)));
    const known = await batch.get<MessageRecord>(key);
    if (known && !known.accepted) batch.delete(key);
    // What waited here has given its number up.
    if (known?.accepted) {
      batch.set(keys.number(sid, this.#own, known.seq), known.id);
    }
  }

  #undo(batch: Batch): false {
    batch.forget();
    return false;
  }

  /** Judges and persists messages that the service hands out, some of a session
   * at once; only then may they be acknowledged. */
  async receive(handed: readonly Handed[], source: Source): Promise<void> {
    const { party } = this.#o;
    const bySession = new Map<string, [Envelope, Handed][]>();
    for (const one of handed) {
      const envelope = decodeEnvelope(one.envelope);
      if (
        !envelope ||
        envelope.type !== EnvelopeType.stored ||
        !equal(envelope.cid, party.cid)
      ) {
        this.dropped++;
        continue;
      }
      const sid = toHex(envelope.sid);
      const some = bySession.get(sid) ?? [];
      bySession.set(sid, some);
      some.push([envelope, one]);
    }
    for (const [sid, some] of bySession) {
      while (some.length) await this.#locked(sid, async (batch) => {
        const wanted =
          party.side === "visitor"
            ? await batch.get(keys.session(sid))
            : !(await batch.get(keys.ended(sid)));
        for (const [envelope, one] of some.splice(0, AT_ONCE)) {
          if (wanted) await this.#receive(batch, envelope, one, source);
          else this.dropped++;
        }
      });
    }
  }

  /** The id of what was kept. */
  async #receive(
    batch: Batch,
    envelope: Envelope,
    handed: Handed,
    source: Source,
  ): Promise<string | undefined> {
    const { party, rosters } = this.#o;
    const sid = toHex(envelope.sid);
    const id = toHex(await idOf(envelope.bytes));
    const known = await batch.get<MessageRecord>(keys.message(sid, id));
    if (known) {
      await this.#place(batch, known, handed);
      return id;
    }
    const state = await this.#session(batch, envelope, handed, source);
    const roster =
      state && (await rosters.find(toHex(envelope.rosterId), source));
    if (!state || !roster) return this.#hold(batch, envelope, handed, id);

    const hello = decodeHello(state.hello)!;
    const judgement = await judge(party, envelope, hello, roster);
    if (judgement.verdict === "waiting") {
      return this.#hold(batch, envelope, handed, id);
    }
    batch.delete(keys.held(sid, id));
    if (judgement.verdict === "dropped") {
      this.dropped++;
      return undefined;
    }
    this.#o.heard(toHex(envelope.signkeyId), envelope.time, roster);
    const record = recordOf(envelope, id, handed, judgement.content, party.side);
    await this.#settle(batch, record, envelope, rosters.highest ?? roster);
    return id;
  }

  /** The session that a message belongs to; made from its hello if it is new.
   * A visitor knows but one. */
  async #session(
    batch: Batch,
    envelope: Envelope,
    handed: Handed,
    source: Source,
  ): Promise<SessionState | undefined> {
    const sid = toHex(envelope.sid);
    const state = await batch.get<SessionState>(keys.session(sid));
    const hello =
      !state && (await source.hello?.(envelope.sid, handed.hello));
    if (!hello) return state;
    const fresh = newState(sid, hello);
    batch.set(keys.session(sid), fresh);
    return fresh;
  }

  /** A message that is here already was handed out again: what was missing of
   * its place is filled in. */
  async #place(
    batch: Batch,
    known: MessageRecord,
    handed: Handed,
  ): Promise<void> {
    if (known.position !== undefined) return;
    const { sid, id, seq } = known;
    const { position, time } = handed;
    if (known.sender === this.#own) {
      await this.#confirm(batch, sid, id, seq, position, time);
    } else {
      batch.set(keys.message(sid, id), { ...known, position, time });
    }
  }

  async #hold(
    batch: Batch,
    envelope: Envelope,
    handed: Handed,
    id: string,
  ): Promise<string> {
    const sid = toHex(envelope.sid);
    batch.set(keys.held(sid, id), {
      ...handed,
      id,
      sid,
      sender: toHex(envelope.signkeyId),
      from: sideOf(envelope),
    } satisfies Held);
    return id;
  }

  /** Judges again what waited for a key, roster or hello. */
  async retryHeld(source: Source): Promise<void> {
    const held = await this.#o.storage.list(keys.allHeld);
    await this.receive(held.map(([, value]) => value as Held), source);
  }

  /** Where a genuine message stands in its sender's chain and in the graph. */
  async #settle(
    batch: Batch,
    record: MessageRecord,
    envelope: Envelope,
    highest: KnownRoster,
  ): Promise<void> {
    const { sid, id, sender, seq } = record;
    const numbered = keys.number(sid, sender, seq);
    const holder = await batch.get<string>(numbered);
    if (holder !== undefined && holder !== id) {
      this.#put(batch, record, "conflicting");
      return;
    }
    batch.set(numbered, id);
    if (!(await this.#chains(batch, record))) {
      this.#put(batch, record, "conflicting");
      return;
    }
    const listed =
      record.from === "visitor" ||
      (await deviceOf(highest, envelope.signkeyId)) !== undefined;
    if (!listed) {
      this.#put(batch, record, "removed-device");
      await this.#retry(batch, sid, id);
      return;
    }
    await this.#tryAccept(batch, record);
  }

  /** Whether prev, if it is here, is the sender's message before this one. */
  async #chains(batch: Batch, record: MessageRecord): Promise<boolean> {
    if (!record.prev) return true;
    const prev = await batch.get<MessageRecord>(
      keys.message(record.sid, record.prev));
    return (
      !prev || (prev.sender === record.sender && prev.seq === record.seq - 1)
    );
  }

  /** Accepts it if all its ancestors are, else notes what is missing. */
  async #tryAccept(batch: Batch, record: MessageRecord): Promise<void> {
    const { sid, id } = record;
    // What it calls its predecessor may have come after it.
    if (!(await this.#chains(batch, record))) {
      this.#put(batch, record, "conflicting");
      return;
    }
    const missing: string[] = [];
    const vouched = new Map<string, MessageRecord>();
    for (const ancestor of namedBy(record)) {
      const lacking = await this.#vouch(batch, sid, ancestor, vouched);
      if (lacking) missing.push(lacking);
    }
    if (missing.length) {
      this.#put(batch, record, "gap");
      for (const ancestor of missing) {
        batch.set(keys.gap(sid, ancestor, id), true);
      }
      return;
    }
    for (const ancestor of vouched.values()) await this.#accept(batch, ancestor);
    // One of them may have been what this one was waiting for.
    const now = await batch.get<MessageRecord>(keys.message(sid, id));
    if (!now?.accepted) await this.#accept(batch, record);
  }

  /** What keeps an ancestor from being accepted, if it is not, nor becomes so
   * because somebody who counts names it: a removed device's message, written
   * while it was listed.  Those go to vouched, the oldest first. */
  async #vouch(
    batch: Batch,
    sid: string,
    id: string,
    vouched: Map<string, MessageRecord>,
  ): Promise<string | undefined> {
    const record = await batch.get<MessageRecord>(keys.message(sid, id));
    // Many ways lead to what names many: each is looked at once.
    if (record?.accepted || vouched.has(id)) return undefined;
    if (record?.mark !== "removed-device") return id;
    for (const ancestor of namedBy(record)) {
      const lacking = await this.#vouch(batch, sid, ancestor, vouched);
      if (lacking) return lacking;
    }
    vouched.set(id, record);
    return undefined;
  }

  async #accept(
    batch: Batch,
    record: MessageRecord,
    mark?: MessageRecord["mark"],
  ): Promise<void> {
    const { sid, id } = record;
    this.#put(batch, { ...record, accepted: true }, mark);
    const state = (await batch.get<SessionState>(keys.session(sid)))!;
    const named = namedBy(record);
    const heads = state.heads.filter((head) => !named.includes(head));
    const own = record.sender === this.#own;
    if (!own) heads.push(id);
    // Written in another place that has the same key: it goes on from there.
    const next =
      own && record.seq === state.own.seq + 1 && record.prev === state.own.id;
    const end = { seq: record.seq, id };
    batch.set(keys.session(sid), {
      ...state, heads, ...(next ? { own: end, stored: end } : {}),
    } satisfies SessionState);
    if (record.from !== this.#o.party.side) {
      const read = record.kind === BodyKind.receipt ? "read" : "delivered";
      await this.#markArrived(batch, sid, named, read);
    }
    await this.#retry(batch, sid, id);
  }

  /** It is here, for those that waited for it. */
  async #retry(batch: Batch, sid: string, id: string): Promise<void> {
    for (const [key] of await batch.list(keys.gapsOf(sid, id))) {
      batch.delete(key);
      const waiter = await batch.get<MessageRecord>(
        keys.message(sid, key.slice(key.lastIndexOf("/") + 1)));
      if (waiter && !waiter.accepted && waiter.mark === "gap") {
        await this.#tryAccept(batch, waiter);
      }
    }
  }

  /** An accepted message of the other side names these: this side's messages
   * among their ancestors have arrived, or were read. */
  async #markArrived(
    batch: Batch,
    sid: string,
    named: readonly string[],
    as: "delivered" | "read",
  ): Promise<void> {
    const todo = [...named];
    const done = new Set<string>();
    for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
      const record = await batch.get<MessageRecord>(keys.message(sid, id));
      if (!record || done.has(id)) continue;
      done.add(id);
      if (record.from !== this.#o.party.side) {
        // It marked its own ancestors when it was accepted; a receipt goes
        // beyond what only delivered them.
        if (as === "delivered" || record.kind === BodyKind.receipt) continue;
      } else {
        if (record.delivery === "read" || record.delivery === as) continue;
        batch.set(keys.message(sid, id), {
          ...record, delivery: as,
        } satisfies MessageRecord);
      }
      todo.push(...namedBy(record));
    }
  }

  #put(
    batch: Batch,
    record: MessageRecord,
    mark?: MessageRecord["mark"],
  ): void {
    const { mark: before, ...plain } = record;
    const stands = mark ?? (before === "unreadable" ? before : undefined);
    batch.set(keys.message(record.sid, record.id), {
      ...plain,
      ...(stands ? { mark: stands } : {}),
    } satisfies MessageRecord);
  }

  /** Ids of the ancestors that are missing, by session. */
  async missing(): Promise<Map<string, Set<string>>> {
    const out = new Map<string, Set<string>>();
    for (const [key] of await this.#o.storage.list(keys.gaps)) {
      const [, sid, missing] = key.split("/") as [string, string, string];
      out.set(sid, (out.get(sid) ?? new Set()).add(missing));
    }
    return out;
  }

  /**
   * The history was read to its end; shown: the lowest number that it had of
   * each sender.  What is still missing is excused only if the session is older
   * than the shortest retention, and only where a sender's messages begin.
   */
  async excuseBeginning(
    sid: string,
    oldest: number,
    shown: ReadonlyMap<string, number>,
  ): Promise<void> {
    await this.#locked(sid, async (batch) => {
      const state = await batch.get<SessionState>(keys.session(sid));
      const hello = state && decodeHello(state.hello);
      if (!hello || hello.time > oldest) return;
      for (const [key] of await batch.list(keys.gapsOf(sid))) {
        const [, , missing, id] = key.split("/") as [string, string, string, string];
        if (await batch.get(keys.message(sid, missing))) continue;
        const record = await batch.get<MessageRecord>(keys.message(sid, id));
        const begins =
          record?.seq === shown.get(record?.sender ?? "") &&
          !(await this.#hasEarlier(batch, record!, oldest));
        if (record && !record.accepted && !begins) continue;
        batch.delete(key);
        if (record && !record.accepted) {
          await this.#accept(batch, record, "beginning-missing");
        }
      }
    });
  }

  /** Whether an earlier message of its sender is here that the service cannot
   * have removed yet, let alone what came after it. */
  async #hasEarlier(
    batch: Batch,
    { sid, sender, seq }: MessageRecord,
    oldest: number,
  ): Promise<boolean> {
    for (const [key, id] of await batch.list<string>(keys.numbers(sid, sender))) {
      if (key >= keys.number(sid, sender, seq)) break;
      const earlier = await batch.get<MessageRecord>(keys.message(sid, id));
      if (earlier && earlier.time > oldest) return true;
    }
    return false;
  }
}

/** end: of one's own chain, where it began in another place. */
export function newState(
  sid: string,
  hello: Bytes,
  end: ChainEnd = NO_CHAIN,
): SessionState {
  return { sid, hello, own: end, stored: end, heads: [] };
}

function leadsOn(end: ChainEnd, envelope: Envelope): boolean {
  return (
    envelope.seq === end.seq + 1 &&
    (end.seq === 0 || toHex(envelope.prev) === end.id)
  );
}

function namedBy(record: MessageRecord): string[] {
  return record.prev ? [record.prev, ...record.heads] : [...record.heads];
}

function sideOf(envelope: Envelope): "visitor" | "customer" {
  return envelope.direction === Direction.toCustomer ? "visitor" : "customer";
}

function recordOf(
  envelope: Envelope,
  id: string,
  handed: Handed,
  content: Content | undefined,
  side: "visitor" | "customer",
): MessageRecord {
  const from = sideOf(envelope);
  return {
    sid: toHex(envelope.sid),
    id,
    sender: toHex(envelope.signkeyId),
    from,
    seq: envelope.seq,
    prev: isZero(envelope.prev) ? "" : toHex(envelope.prev),
    heads: content?.heads ?? [],
    time: handed.time,
    position: handed.position,
    kind: content?.kind ?? 0,
    text: content?.text ?? "",
    accepted: false,
    ...(content ? {} : { mark: "unreadable" as const }),
    ...(from === side ? { delivery: "stored" as const } : {}),
  };
}
