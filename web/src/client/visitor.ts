// The widget's side: one visitor's session with one customer.

import * as kem from "../crypto/kem.ts";
import { generate } from "../crypto/ed25519.ts";
import { readSecret, writeSecret } from "../crypto/kit.ts";
import { safetyNumber, sidOf, signkeyIdOf } from "../crypto/names.ts";
import { signThing } from "../crypto/signed.ts";
import {
  CODE_BYTES, joinKeys, nameOf, openSpare, sealSpare, tokenOf,
} from "../crypto/spare.ts";
import { Role } from "../wire/auth.ts";
import * as f from "../wire/frames.gen.ts";
import {
  copy, fromBase64Url, fromHex, toBase64Url, toHex, ZERO_ID, type Bytes,
} from "../wire/bytes.ts";
import { decodeHello, encodeHello } from "../wire/hello.ts";
import { AlarmError } from "./alarm.ts";
import * as ask from "./ask.ts";
import { Batch } from "./batch.ts";
import { browserPlatform } from "./browser.ts";
import { Core } from "./core.ts";
import { validity } from "./roster.ts";
import { ClientError } from "./errors.ts";
import { Exchange, sourceOf } from "./exchange.ts";
import type { VisitorChatOptions } from "./index.ts";
import type { Platform } from "./platform.ts";
import { keys, prefixesOf, type ChainEnd, type Draft } from "./records.ts";
import { Signals } from "./signals.ts";
import { ServiceError, Stream } from "./stream.ts";
import { contentOf, newState, Transcript } from "./transcript.ts";
import type { Alarm, Link, Message, VisitorChat } from "./types.ts";

/** Kept under "session": the visitor's keys.  In the session's first week they
 * can be exported, for a code to go on with elsewhere, and never after. */
interface Session {
  readonly sid: string;
  readonly signPk: Bytes;
  readonly signKey: CryptoKey;
  readonly kemKey: kem.KemKey;
  readonly hello: Bytes;
}

const CODABLE = 7 * 86_400_000;

const SESSION = "session";
/** The sids of sessions that the service deleted, in order. */
const PAST = "past";

/** A session of which this tab has everything that it needs. */
interface Opened {
  readonly session: Session;
  readonly transcript: Transcript;
  readonly signals: Signals;
  readonly safetyNumber: string;
}

export class Visitor implements VisitorChat {
  readonly #options: VisitorChatOptions;
  readonly #platform: Platform;
  readonly #cid: Bytes;
  readonly #name: string;
  readonly #listeners = new Set<() => void>();
  #core: Core | undefined;
  #opened: Opened | undefined;
  #past: readonly string[] = [];
  #shown: { readonly of: readonly unknown[]; readonly messages: Message[] } = {
    of: [], messages: [],
  };
  #wantsConnection = false;
  #closed = false;

  constructor(options: VisitorChatOptions) {
    const cid = fromBase64Url(options.cid);
    if (cid?.length !== 32) {
      throw new ClientError("bad-cid", "This is no customer id.");
    }
    this.#options = options;
    this.#cid = cid;
    this.#platform = options.platform ?? browserPlatform();
    this.#name = `sealchat-${toBase64Url(cid)}`;
  }

  get link(): Link {
    return this.#core?.status.link ?? "idle";
  }

  get alarm(): Alarm | undefined {
    return this.#core?.status.alarm;
  }

  get warning(): "roster-ending" | undefined {
    return this.#core?.status.warning;
  }

  get messages(): readonly Message[] {
    const core = this.#core;
    if (!core) return [];
    const parts = this.#sids().map((sid) => core.view.of(sid).messages);
    const drafts = core.view.drafts().map(([, draft]) => draft);
    const { alarm } = core.status;
    // The same array for as long as it holds the same.
    const of = [...parts, ...drafts, alarm];
    const same =
      of.length === this.#shown.of.length &&
      of.every((part, i) => part === this.#shown.of[i]);
    if (!same) {
      const waiting = drafts.map((draft) => shownDraft(draft, !!alarm));
      this.#shown = { of, messages: [...parts.flat(), ...waiting] };
    }
    return this.#shown.messages;
  }

  get safetyNumber(): string | undefined {
    return this.#opened?.safetyNumber;
  }

  get typing(): boolean {
    return !!this.#live && this.#core!.typing.in(this.#live.session.sid);
  }

  get closed(): boolean {
    return this.#opened
      ? this.#core!.view.of(this.#opened.session.sid).closed
      : false;
  }

  get deleted(): boolean {
    return !!this.#opened && !this.#live;
  }

  get unread(): number {
    const view = this.#core?.view;
    return this.#sids().reduce((n, sid) => n + view!.of(sid).unread, 0);
  }

  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  async start(): Promise<void> {
    const core = await Core.open({
      platform: this.#platform,
      service: this.#options.service,
      cid: this.#cid,
      minGeneration: this.#options.minGeneration,
      side: "visitor",
      name: this.#name,
      serve: (stream, ready) => this.#serve(stream, ready),
      changed: (changed) => this.#changed(changed),
      listeners: this.#listeners,
    });
    if (this.#closed) return core.close();
    this.#core = core;
    await this.#freeze(core);
    await this.#adopt();
    if (this.#wantsConnection || this.#hasErrand) core.connect();
    core.emit();
  }

  connect(): void {
    this.#wantsConnection = true;
    this.#core?.connect();
  }

  async send(text: string): Promise<void> {
    const core = this.#core;
    if (!core) throw new ClientError("closed", "The chat is not open.");
    contentOf(text);
    await core.guarded(async () => {
      if (await this.#ensureSession(core)) {
        const { session, transcript } = this.#opened!;
        await transcript.compose(session.sid, text);
      } else {
        await this.#keepDraft(core, text);
      }
    });
    this.connect();
  }

  composing(): void {
    if (this.#live) this.#core!.composing(this.#live.session.sid);
  }

  seen(): void {
    for (const sid of this.#sids()) {
      this.#core!.seen(sid, this.#opened!.transcript);
    }
  }

  async endAndDelete(): Promise<void> {
    const core = this.#core;
    if (!core) throw new ClientError("closed", "The chat is not open.");
    await this.#platform.exclusive(`${this.#name}/create`, async () => {
      const session = (await core.storage.get(SESSION)) as Session | undefined;
      const changes = new Map<string, unknown>([[SESSION, undefined], [PAST, undefined]]);
      for (const [key] of await core.storage.list(keys.drafts)) {
        changes.set(key, undefined);
      }
      for (const sid of await this.#storedPast(core)) {
        for (const prefix of prefixesOf(sid)) {
          for (const [key] of await core.storage.list(prefix)) {
            changes.set(key, undefined);
          }
        }
      }
      if (session && !core.view.isDeleted(session.sid)) {
        changes.set(keys.ended(session.sid), session);
      }
      if (session) await this.#opened!.transcript.forget(session.sid, changes);
      else {
        await core.storage.write(changes);
        core.wrote(changes);
      }
    });
    await this.#adopt();
    if (!core.view.toDelete().length) return;
    core.connect();
    await this.#until(() => !core.view.toDelete().length || !!core.status.alarm);
    if (core.view.toDelete().length) {
      throw this.#closed
        ? new ClientError("closed", "The chat was closed.")
        : new ClientError("alarm", core.status.alarm!.detail);
    }
  }

  async report(code: Uint8Array): Promise<void> {
    const { release, minGeneration } = this.#options;
    await this.#aside((stream) =>
      ask.check(stream, {
        code: copy(code),
        release: copy(release ?? ZERO_ID),
        minGeneration: minGeneration ?? 1,
      }));
  }

  get codable(): boolean {
    return !!this.#live?.session.signKey.extractable;
  }

  code(): Promise<string> {
    return this.#platform.exclusive(`${this.#name}/code`, async () => {
      const core = this.#core!;
      const { session, transcript } = this.#opened!;
      const { sid, hello } = session;
      const kept = (await core.storage.get(keys.spare(sid))) as Bytes | undefined;
      if (kept) return writeSecret(kept);

      const code = crypto.getRandomValues(new Uint8Array(CODE_BYTES));
      const { seq, id } = await transcript.confirmedEnd(sid);
      const sealed = await sealSpare(code, this.#cid, {
        ...(await exported(session)),
        hello,
        seq,
        id: id ? fromHex(id) : ZERO_ID,
        roster: core.rosters.highest!.bytes,
      });
      const name = await nameOf(await tokenOf(code, this.#cid));
      await this.#aside(async (stream) => {
        await this.#auth(stream, session);
        await ask.sparePut(stream, { name, sealed });
      });
      await core.write(keys.spare(sid), code);
      return writeSecret(code);
    });
  }

  async resume(text: string): Promise<void> {
    const core = this.#core!;
    const wrong = new ClientError("bad-code", "There is nothing of that code.");
    const code = await readSecret(text, CODE_BYTES);
    if (!code) throw wrong;
    await core.guarded(() => this.#aside(async (stream) => {
      const token = await tokenOf(code, this.#cid);
      const sealed = await ask.spare(stream, token).catch((error) => {
        throw ask.isCode(error, f.E_NOT_FOUND) ? wrong : error;
      });
      const [spare, joined] = await openSpare(code, this.#cid, sealed)
        .then(async (spare) =>
          [spare, await joinKeys(spare, this.#cid)] as const)
        .catch(() => {
          throw wrong;
        });
      await core.rosters.present(copy(spare.roster), sourceOf(stream), 0);
      await this.#bring(core, sessionOf(spare.hello, joined), {
        seq: spare.seq, id: spare.seq ? toHex(spare.id) : "",
      });
    }));
    await this.#adopt();
    this.connect();
  }

  /** Makes a session of another place this one's, if there is none yet. */
  async #bring(core: Core, session: Session, end: ChainEnd): Promise<void> {
    await this.#platform.exclusive(`${this.#name}/create`, async () => {
      if (await core.storage.get(SESSION)) return;
      const { sid, hello } = session;
      const batch = new Batch(core.storage);
      batch.set(SESSION, session);
      batch.set(keys.session(sid), newState(sid, hello, end));
      await batch.commit();
      core.wrote(batch.changes);
    });
  }

  /** After a week nothing can export the keys any more, and no code is kept. */
  async #freeze(core: Core): Promise<void> {
    await this.#platform.exclusive(`${this.#name}/create`, async () => {
      const session = (await core.storage.get(SESSION)) as Session | undefined;
      if (!session?.signKey.extractable) return;
      const { sid, hello } = session;
      const { time } = decodeHello(hello)!;
      if (time + CODABLE > this.#platform.now()) return;
      const plain = { ...(await exported(session)), hello };
      const joined = await joinKeys(plain, this.#cid);
      const batch = new Batch(core.storage);
      batch.set(SESSION, sessionOf(hello, joined));
      batch.delete(keys.spare(sid));
      await batch.commit();
    });
  }

  /** Asks the service on a stream of its own. */
  async #aside<T>(work: (stream: Stream) => Promise<T>): Promise<T> {
    const stream = new Stream(
      this.#platform, this.#options.service, this.#cid);
    try {
      return await work(stream);
    } catch (error) {
      if (error instanceof ClientError || error instanceof AlarmError) throw error;
      const code = error instanceof ServiceError ? "refused" : "offline";
      throw new ClientError(code, String(error));
    } finally {
      stream.close();
    }
  }

  close(): void {
    this.#closed = true;
    this.#core?.close();
    for (const listener of [...this.#listeners]) listener();
  }

  /** What the service still has, as far as it said. */
  get #live(): Opened | undefined {
    const opened = this.#opened;
    return opened && !this.#core!.view.isDeleted(opened.session.sid)
      ? opened
      : undefined;
  }

  /** Whether there is something to connect for, unasked. */
  get #hasErrand(): boolean {
    const { view } = this.#core!;
    return !!this.#live || !!view.drafts().length || !!view.toDelete().length;
  }

  #sids(): string[] {
    return this.#opened ? [...this.#past, this.#opened.session.sid] : [];
  }

  async #storedPast(core: Core): Promise<readonly string[]> {
    return ((await core.storage.get(PAST)) as string[] | undefined) ?? [];
  }

  #changed(changed: readonly string[]): void {
    this.#core?.unwatched(this.#follow(changed));
  }

  /** Another tab wrote these. */
  async #follow(changed: readonly string[]): Promise<void> {
    await this.#adopt();
    const core = this.#core;
    if (!core || this.#closed) return;
    // This tab goes on if the one with the connection goes.
    if (this.#hasErrand) core.connect();
    const drafted = changed.some((key) => key.startsWith(keys.drafts));
    if (drafted) await this.#sendDrafts(core);
  }

  async #serve(stream: Stream, ready: () => void): Promise<boolean> {
    const core = this.#core!;
    const ended = (await core.storage.list(keys.allEnded))[0];
    if (ended) {
      const [key, session] = ended as [string, Session];
      await this.#removeEnded(stream, session);
      await core.write(key, undefined);
      return this.#wantsConnection || this.#hasErrand;
    }
    if (!this.#live) {
      const { rosters } = await ask.rosters(stream, { version: 0 });
      await core.present(stream, rosters[0]?.bytes);
      ready();
      await this.#sendDrafts(core);
      await Promise.race([stream.closed, this.#until(() => !!this.#live)]);
      // Who has not written yet needs no connection that lasts.
      if (!this.#live) return this.#hasErrand;
      if (stream.over) return true;
    }
    const { session, transcript, signals } = this.#live;
    const { sid } = session;
    const deleted = () => core.write(keys.deleted(sid), true);
    const exchange = new Exchange({
      platform: this.#platform,
      storage: core.storage,
      transcript,
      signals,
      stream,
      alarm: () => core.status.alarm,
      refused: (error) =>
        core.alarm({ code: "refused", detail: error.message }),
      deleted: async (which) => {
        if (which === sid) await deleted();
      },
      signalled: (signal) => core.signalled(signal),
    });
    let answer;
    try {
      answer = await this.#auth(stream, session);
    } catch (error) {
      ask.ignoring(f.E_SESSION_DELETED)(error);
      await deleted();
      return this.#wantsConnection;
    }
    await core.present(stream, answer.roster);
    ready();
    core.exchange = exchange;
    const seen = () => core.view.of(sid).lastPosition;
    await exchange.run(answer, [{ sid, seq: answer.seq, id: answer.id, seen }]);
    return this.#wantsConnection || this.#hasErrand;
  }

  #auth(stream: Stream, { sid, signKey, hello }: Session): Promise<f.ReadyFrame> {
    return ask.auth(stream, this.#options.service.origin, {
      role: Role.visitor,
      subject: fromHex(sid),
      key: signKey,
      hello,
      release: this.#options.release,
    });
  }

  /** Of a session that was ended here nothing may stay with the service. */
  async #removeEnded(stream: Stream, session: Session): Promise<void> {
    try {
      await this.#auth(stream, session);
      await ask.remove(stream, fromHex(session.sid));
    } catch (error) {
      ask.ignoring(f.E_SESSION_DELETED)(error);
    }
  }

  /** Rejects nothing: also resolves once the chat is closed. */
  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!holds() && !this.#closed) return;
        stop();
        resolve();
      };
      const stop = this.subscribe(check);
      check();
    });
  }

  /** Makes the session's keys with its first message, if the customer's are
   * known; they have the suite of the roster of that moment.  Whether there is
   * a session to write to. */
  async #ensureSession(core: Core): Promise<boolean> {
    if (this.#live) return true;
    const roster = core.rosters.highest;
    const now = this.#platform.now();
    if (!roster || validity(roster, now) === "expired") return false;
    await this.#platform.exclusive(`${this.#name}/create`, async () => {
      const old = (await core.storage.get(SESSION)) as Session | undefined;
      if (old && !core.view.isDeleted(old.sid)) return;
      const { messageKey, id } = core.rosters.usable(now);
      const session = await makeSession(
        this.#cid, messageKey.suite, now, fromHex(id));
      const batch = new Batch(core.storage);
      batch.set(SESSION, session);
      if (old) batch.set(PAST, [...(await this.#storedPast(core)), old.sid]);
      await batch.commit();
      core.wrote(batch.changes);
    });
    await this.#adopt();
    return true;
  }

  /** A text cannot be sealed before the customer's keys are known. */
  async #keepDraft(core: Core, text: string): Promise<void> {
    await this.#platform.exclusive(`${this.#name}/create`, async () => {
      const time = this.#platform.now();
      const last = (await core.storage.list(keys.drafts)).at(-1)?.[0];
      const n = last ? Number(last.slice(keys.drafts.length)) + 1 : 1;
      const random = crypto.getRandomValues(new Uint8Array(16));
      const draft: Draft = { id: `draft-${toHex(random)}`, text, time };
      await core.write(keys.draft(n), draft);
    });
    // The keys may have come while it was written.
    if (core.status.link === "ready") await this.#sendDrafts(core);
  }

  async #sendDrafts(core: Core): Promise<void> {
    if (core.status.alarm) return;
    await core.guarded(async () => {
      if (!(await core.storage.list(keys.drafts)).length) return;
      if (!(await this.#ensureSession(core))) return;
      const { session, transcript } = this.#opened!;
      await this.#platform.exclusive(`${this.#name}/create`, async () => {
        for (const [key, value] of await core.storage.list(keys.drafts)) {
          const { id, text } = value as Draft;
          await transcript.compose(session.sid, text, { key, id });
        }
      });
    });
  }

  /** Takes over the session that this or another tab has made, or ended. */
  async #adopt(): Promise<void> {
    const core = this.#core;
    if (!core) return;
    const session = (await core.storage.get(SESSION)) as Session | undefined;
    this.#past = await this.#storedPast(core);
    const before = this.#opened?.session.sid;
    if (session?.sid === before) return;
    const opened = session && (await this.#open(core, session));
    if (this.#opened?.session.sid !== before) return;
    this.#opened = opened;
    // A stream belongs to one session.
    if (before) core.restart();
    core.emit();
  }

  async #open(core: Core, session: Session): Promise<Opened> {
    const shared = {
      platform: this.#platform,
      storage: core.storage,
      rosters: core.rosters,
      party: {
        side: "visitor" as const,
        cid: this.#cid,
        signkeyId: await signkeyIdOf(session.signPk),
        signKey: session.signKey,
        openingKey: async () => session.kemKey,
      },
    };
    const signals = new Signals(shared);
    const transcript = new Transcript({
      ...shared,
      name: this.#name,
      changed: (changes) => core.wrote(changes),
      heard: (sender, time) =>
        signals.freshness.heard(sender, time, this.#platform.now()),
    });
    await transcript.open(session.sid, session.hello);
    const number = await safetyNumber(this.#cid, fromHex(session.sid));
    return { session, transcript, signals, safetyNumber: number };
  }
}

function shownDraft({ id, text, time }: Draft, failed: boolean): Message {
  const delivery = failed ? "failed" : "sending";
  return { id, mine: true, from: "visitor", sender: "", text, time, delivery };
}

async function makeSession(
  cid: Bytes,
  suite: 1 | 2,
  time: number,
  rosterId: Bytes,
): Promise<Session> {
  const sign = await generate(true);
  const kemKey = await kem.generate(suite, true);
  const sessionKey = { suite, pk: kemKey.pk };
  const unsigned = encodeHello({
    cid, signPk: sign.pk, sessionKey, time, rosterId,
  });
  return {
    sid: toHex(await sidOf(cid, sign.pk, sessionKey)),
    signPk: sign.pk,
    signKey: sign.privateKey,
    kemKey,
    hello: await signThing("hello", unsigned, sign.privateKey),
  };
}

/** Of keys that can be exported: as spare.ts takes them. */
async function exported({ signKey, kemKey }: Session) {
  const [sign, kem] = await Promise.all(
    [signKey, kemKey.pair.privateKey].map((key) =>
      crypto.subtle.exportKey("pkcs8", key)));
  return { signKey: new Uint8Array(sign!), kemKey: new Uint8Array(kem!) };
}

function sessionOf(
  hello: Bytes,
  joined: Awaited<ReturnType<typeof joinKeys>>,
): Session {
  const { sid, signKey, kemKey } = joined;
  return {
    sid: toHex(sid), signPk: copy(joined.hello.signPk), signKey, kemKey,
    hello: copy(hello),
  };
}
