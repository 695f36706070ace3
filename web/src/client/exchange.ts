// An authenticated stream at work: the outbox goes out, deliveries come in and
// are acknowledged once persisted, gaps are filled from the history.

import { copy, equal, fromHex, toHex, type Bytes } from "../wire/bytes.ts";
import { decodeEnvelope } from "../wire/envelope.ts";
import {
  decodeDeleted, decodeDeliver, decodeSignalled,
  E_NOT_FOUND, E_QUOTA_FULL, E_REPLY_FIRST, E_SEQ_CONFLICT, E_SEQ_GAP,
  E_SEQ_OLD, E_SESSION_BLOCKED, E_SESSION_DELETED, E_SLOW_DOWN,
  E_STORAGE_FULL, E_UNKNOWN_ROSTER, E_UNKNOWN_SESSION,
  type DeliverFrame, type ReadyFrame,
} from "../wire/frames.gen.ts";
import { AlarmError } from "./alarm.ts";
import * as ask from "./ask.ts";
import type { Platform, Storage } from "./platform.ts";
import {
  keys, NO_CHAIN, type ChainEnd, type Handed, type Outgoing,
} from "./records.ts";
import type { Signal, Signals } from "./signals.ts";
import { ServiceError, type Stream } from "./stream.ts";
import type { Source, Transcript } from "./transcript.ts";

const SHORTEST_RETENTION = 7 * 86_400_000;
/** Messages that are judged, kept and acknowledged together: half of what the
 * service hands out before it waits. */
const AT_ONCE = 32;
const RETRY_FIRST = 1_000;
const RETRY_MOST = 30_000;

/** What a stream can be asked while messages are judged. */
export function sourceOf(stream: Stream): Source {
  const page = async (asked: { id: Bytes } | { version: number }) =>
    (await ask.rosters(stream, asked)).rosters.map(({ bytes }) => copy(bytes));
  const none = (error: unknown): Bytes[] => {
    ask.ignoring(E_NOT_FOUND, E_UNKNOWN_ROSTER)(error);
    return [];
  };
  return {
    byId: async (id) => (await page({ id }).catch(none))[0],
    from: (version) => page({ version }),
  };
}

export interface ExchangeOptions {
  readonly platform: Platform;
  readonly storage: Storage;
  readonly transcript: Transcript;
  readonly signals: Signals;
  readonly stream: Stream;
  /** By default what any stream can be asked. */
  readonly source?: Source;
  /** While there is one, nothing is sent. */
  readonly alarm: () => unknown;
  /** A message was refused for good: its session is not sent to any more. */
  readonly refused: (error: ServiceError) => void;
  /** The service says that it has this session no more. */
  readonly deleted: (sid: string) => Promise<void>;
  readonly signalled: (signal: Signal) => void;
}

export class Exchange {
  readonly #o: ExchangeOptions;
  readonly #source: Source;
  readonly #arrived: DeliverFrame[] = [];
  readonly #inFlight = new Set<string>();
  /** Sessions that wait before they are sent to again. */
  readonly #held = new Set<string>();
  readonly #searched = new Map<string, string>();
  readonly #failed: Promise<never>;
  #fail!: (error: unknown) => void;
  #window = 1;
  #retries = 0;
  #draining = false;
  #filling = Promise.resolve();
  #flushing = false;
  #flushAgain = false;
  #ready = false;

  constructor(options: ExchangeOptions) {
    this.#o = options;
    this.#source = options.source ?? sourceOf(options.stream);
    this.#failed = new Promise((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => undefined);
    const { on } = options.stream;
    on.deliver = (body) => {
      this.#arrived.push(decodeDeliver(body));
      if (this.#ready) this.#guard(this.#drain());
    };
    on.deleted = (body) =>
      this.#guard(options.deleted(toHex(decodeDeleted(body).sid)));
    on.signalled = (body) =>
      this.#guard(this.#signalled(copy(decodeSignalled(body).envelope)));
  }

  /** Says that something is being written; nobody waits for it. */
  signal(sid: string): void {
    if (this.#ready) this.#guard(this.#signal(sid));
  }

  async #signal(sid: string): Promise<void> {
    const envelope = await this.#o.signals.seal(sid);
    if (envelope && !this.#held.has(sid)) ask.signal(this.#o.stream, envelope);
  }

  async #signalled(envelope: Bytes): Promise<void> {
    const signal = await this.#o.signals.open(envelope, this.#source);
    if (signal) this.#o.signalled(signal);
  }

  /** ends: where one's own chains stand at the service.  seen: of a session
   * that several places may read, the newest position that is here. */
  async run(
    ready: ReadyFrame,
    ends: readonly { sid: string; seq: number; id: Bytes; seen?: () => number }[],
  ): Promise<void> {
    const { transcript, stream } = this.#o;
    this.#window = Math.max(1, Math.floor(ready.requests / 2));
    // If it lost what it had confirmed to a visitor, or has another roster, a
    // new stream looks at all of it.
    stream.again = async ({ seq, roster }) => {
      const own = ready.role === 1 ? ends[0]!.sid : "";
      const end = await transcript.confirmedEnd(own);
      if (seq < end.seq || !equal(roster, ready.roster)) stream.close();
    };
    for (const { sid, seq, id, seen } of ends) {
      await this.#reconcile(sid, seq, id);
      // Another place has acknowledged what never came here.
      if (seen && seen() < ready.cursor) await this.#catchUp(sid, seen());
    }
    await transcript.retryHeld(this.#source);
    this.#ready = true;
    this.flush();
    this.#guard(this.#drain());
    await Promise.race([stream.closed, this.#failed]);
  }

  /** Sends what waits in the outbox, as far as the window allows. */
  flush(): void {
    if (!this.#ready || this.#o.alarm()) return;
    this.#flushAgain = true;
    if (!this.#flushing) this.#guard(this.#flush());
  }

  #guard(work: Promise<void>): void {
    work.catch((error) => this.#fail(error));
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    try {
      while (this.#flushAgain) {
        this.#flushAgain = false;
        const waiting = await this.#o.storage.list(keys.outbox());
        for (const [key, value] of waiting) {
          if (this.#inFlight.size >= this.#window) break;
          const out = value as Outgoing;
          if (this.#inFlight.has(key) || this.#held.has(out.sid)) continue;
          this.#inFlight.add(key);
          this.#guard(this.#send(key, out));
        }
      }
    } finally {
      this.#flushing = false;
    }
  }

  async #send(key: string, out: Outgoing): Promise<void> {
    const { stream, transcript } = this.#o;
    try {
      const { position, time } = await ask.send(stream, out.envelope);
      await transcript.stored(out, position, shown(time));
      this.#retries = 0;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      await this.#notStored(out, error);
    } finally {
      this.#inFlight.delete(key);
    }
    this.flush();
  }

  async #notStored(out: Outgoing, error: ServiceError): Promise<void> {
    // What asks for time would refuse a whole window as it refuses one.
    if (error.retry) this.#window = 1;
    switch (error.code) {
      case E_SEQ_CONFLICT:
        await this.#recover(out.sid);
        return;
      case E_SEQ_OLD:
        // READY or SESSIONS of the next stream will tell.
        this.#o.stream.close("out of step");
        return;
      case E_SESSION_DELETED:
        this.#held.add(out.sid);
        await this.#o.deleted(out.sid);
        return;
      case E_SESSION_BLOCKED:
        return; // the next login says so
      case E_SLOW_DOWN:
      case E_SEQ_GAP:
      case E_STORAGE_FULL:
      case E_QUOTA_FULL:
      case E_REPLY_FIRST:
        this.#later(out.sid, error.retry);
        return;
      default:
        this.#held.add(out.sid);
        this.#o.refused(error);
    }
  }

  /** least: ms, as the service asked. */
  #later(sid: string, least: number): void {
    if (this.#held.has(sid)) return;
    this.#held.add(sid);
    const ms = Math.max(
      least, Math.min(RETRY_MOST, RETRY_FIRST * 2 ** this.#retries++));
    this.#o.platform.after(ms, () => {
      this.#held.delete(sid);
      if (!this.#o.stream.over) this.flush();
    });
  }

  async #reconcile(sid: string, seq: number, id: Bytes): Promise<void> {
    const { transcript } = this.#o;
    const { verdict, confirmed } = await transcript.reconcile(sid, seq, id);
    if (verdict === "lost") throw conflict("It has lost stored messages.");
    if (verdict === "foreign") await this.#recover(sid, { seq, id: toHex(id) });
    // Their places in the order were in answers that never came.
    else if (confirmed) await this.#readBack(sid, confirmed);
  }

  /** Oldest first, so that what was broken off is not taken for whole. */
  async #catchUp(sid: string, seen: number): Promise<void> {
    const missed: Handed[] = [];
    for await (const handed of this.#history(sid)) {
      if (handed.position <= seen) break;
      missed.unshift(handed);
    }
    await this.#o.transcript.receive(missed, this.#source);
  }

  async #readBack(sid: string, count: number): Promise<void> {
    for await (const handed of this.#history(sid)) {
      await this.#o.transcript.receive([handed], this.#source);
      if (this.#isOwn(handed) && --count === 0) return;
    }
  }

  /** The service has own messages that are not here. */
  async #recover(sid: string, end?: ChainEnd): Promise<void> {
    if (this.#held.has(sid)) return;
    this.#held.add(sid);
    try {
      const { transcript, platform } = this.#o;
      const { seq } = (await transcript.isBare(sid))
        ? NO_CHAIN
        : await transcript.confirmedEnd(sid);
      const later: Handed[] = [];
      for await (const handed of this.#history(sid)) {
        const envelope = decodeEnvelope(handed.envelope);
        const own = envelope && this.#isOwn(handed);
        if (own && envelope.seq <= seq) break;
        later.unshift(handed);
      }
      const oldest = platform.now() - SHORTEST_RETENTION;
      const taken = await transcript.adopt(
        sid, later, this.#source, end ?? NO_CHAIN, oldest);
      if (!taken) {
        throw conflict("It has messages in this place that are not ours.");
      }
    } finally {
      this.#held.delete(sid);
    }
  }

  #isOwn({ envelope }: Handed): boolean {
    const decoded = decodeEnvelope(envelope);
    return !!decoded && this.#o.transcript.isOwn(decoded);
  }

  /** A session's messages, newest first.  Pages that lead nowhere end it. */
  async *#history(sid: string): AsyncGenerator<Handed> {
    let before = 0;
    for (;;) {
      const page = await ask.history(this.#o.stream, fromHex(sid), before);
      for (const { envelope, position, time } of page.messages) {
        yield { envelope: copy(envelope), position, time: shown(time) };
      }
      const leadsOn = page.messages.length && (!before || page.next < before);
      if (!page.next || !leadsOn) return;
      before = page.next;
    }
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    try {
      const { stream, transcript } = this.#o;
      while (this.#arrived.length) {
        const some = this.#arrived.splice(0, AT_ONCE);
        await transcript.receive(some.map(handedOf), this.#source);
        ask.ack(stream, some.at(-1)!.position);
      }
    } finally {
      this.#draining = false;
    }
    // One search after the other, and beside what still arrives.
    this.#filling = this.#filling.then(() => this.#fillGaps());
    await this.#filling;
  }

  /** Looks for missing ancestors in the history; once for each set of them. */
  async #fillGaps(): Promise<void> {
    for (const [sid, missing] of await this.#o.transcript.missing()) {
      const wanted = [...missing].sort().join();
      if (this.#searched.get(sid) === wanted) continue;
      this.#searched.set(sid, wanted);
      // Where nothing is left to look in, the gap stays.
      await this.#fillGap(sid).catch(
        ask.ignoring(E_SESSION_DELETED, E_UNKNOWN_SESSION));
    }
  }

  async #fillGap(sid: string): Promise<void> {
    const { transcript, platform } = this.#o;
    const shown = new Map<string, number>();
    for await (const handed of this.#history(sid)) {
      await transcript.receive([handed], this.#source);
      const envelope = decodeEnvelope(handed.envelope);
      if (!envelope) continue;
      const sender = toHex(envelope.signkeyId);
      shown.set(sender, Math.min(envelope.seq, shown.get(sender) ?? Infinity));
      if (!(await transcript.missing()).has(sid)) return;
    }
    await transcript.excuseBeginning(
      sid, platform.now() - SHORTEST_RETENTION, shown);
  }
}

/** Where one's own chain stands, of each session that is waiting to be sent
 * to: a device asks for it. */
export async function endsOfOutbox(
  storage: Storage,
  stream: Stream,
): Promise<{ sid: string; seq: number; id: Bytes }[]> {
  const waiting = await storage.list(keys.outbox());
  const sids = new Set(waiting.map(([, out]) => (out as Outgoing).sid));
  const ends = [];
  for (const sid of sids) {
    // Of a session that is gone, the answer to the message will tell.
    const item = await ask.session(stream, fromHex(sid));
    if (item) ends.push({ sid, seq: item.seq, id: copy(item.id) });
  }
  return ends;
}

function handedOf(frame: DeliverFrame): Handed {
  const { envelope, hello, position, time } = frame;
  return {
    envelope: copy(envelope), hello: copy(hello), position, time: shown(time),
  };
}

/** The service's time, as far as calendars go. */
function shown(time: number): number {
  return Math.min(time, 864e13);
}

function conflict(detail: string): AlarmError {
  return new AlarmError(
    "session-conflict",
    `The service's copy of this conversation does not match. ${detail}`,
  );
}
