// The widget's side: one visitor's session with one customer.

import * as kem from "../crypto/kem.ts";
import { generate } from "../crypto/ed25519.ts";
import { safetyNumber, sidOf, signkeyIdOf } from "../crypto/names.ts";
import { signThing } from "../crypto/signed.ts";
import { Role } from "../wire/auth.ts";
import { copy, fromBase64Url, fromHex, toBase64Url, toHex, type Bytes } from "../wire/bytes.ts";
import { encodeHello } from "../wire/hello.ts";
import * as ask from "./ask.ts";
import { Batch } from "./batch.ts";
import { browserPlatform } from "./browser.ts";
import { Core } from "./core.ts";
import { ClientError } from "./errors.ts";
import { Exchange, sourceOf } from "./exchange.ts";
import type { VisitorChatOptions } from "./index.ts";
import type { Platform } from "./platform.ts";
import type { Stream } from "./stream.ts";
import { Transcript } from "./transcript.ts";
import type { Alarm, Link, Message, VisitorChat } from "./types.ts";

/** Kept under "session": the visitor's keys, which cannot be exported. */
interface Session {
  readonly sid: string;
  readonly signPk: Bytes;
  readonly signKey: CryptoKey;
  readonly kemKey: kem.KemKey;
  readonly hello: Bytes;
}

const SESSION = "session";

export class Visitor implements VisitorChat {
  readonly #options: VisitorChatOptions;
  readonly #platform: Platform;
  readonly #cid: Bytes;
  readonly #name: string;
  readonly #listeners = new Set<() => void>();
  #core: Core | undefined;
  #session: Session | undefined;
  #transcript: Transcript | undefined;
  #safetyNumber: string | undefined;
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
    return this.#session && this.#core
      ? this.#core.view.of(this.#session.sid).messages
      : [];
  }

  get safetyNumber(): string | undefined {
    return this.#safetyNumber;
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
      changed: (keys) => {
        if (keys.includes(SESSION)) void this.#adoptSession();
      },
      listeners: this.#listeners,
    });
    if (this.#closed) return core.close();
    this.#core = core;
    await this.#adoptSession();
    if (this.#session || this.#wantsConnection) core.connect();
    core.emit();
  }

  connect(): void {
    this.#wantsConnection = true;
    this.#core?.connect();
  }

  async send(text: string): Promise<void> {
    const core = this.#core;
    if (!core) throw new ClientError("closed", "The chat is not open.");
    await core.guarded(async () => {
      await this.#ensureSession(core);
      await this.#transcript!.compose(this.#session!.sid, text);
    });
    this.connect();
  }

  close(): void {
    this.#closed = true;
    this.#core?.close();
    for (const listener of [...this.#listeners]) listener();
  }

  async #serve(stream: Stream, ready: () => void): Promise<boolean> {
    const core = this.#core!;
    const source = sourceOf(stream);
    if (!this.#session) {
      const page = await ask.rosters(stream, { version: 0 });
      const present = page.rosters[0];
      if (present) await core.rosters.present(copy(present.bytes), source);
      core.checkRoster();
      ready();
      await Promise.race([stream.closed, this.#sessionMade()]);
      // Who has not written yet needs no connection that lasts.
      if (!this.#session) return false;
      if (stream.over) return true;
    }
    const { sid, signKey, hello } = this.#session;
    const transcript = this.#transcript!;
    const exchange = new Exchange({
      platform: this.#platform,
      storage: core.storage,
      transcript,
      stream,
      refused: (error) =>
        core.alarm({ code: "refused", detail: error.message }),
    });
    const answer = await ask.auth(stream, this.#options.service.origin, {
      role: Role.visitor,
      subject: fromHex(sid),
      key: signKey,
      hello,
      release: this.#options.release,
    });
    await core.rosters.present(copy(answer.roster), source);
    core.checkRoster();
    ready();
    core.exchange = exchange;
    await exchange.run(answer, [{ sid, seq: answer.seq, id: answer.id }]);
    return true;
  }

  #sessionMade(): Promise<void> {
    return this.#until(() => !!this.#session || this.#closed);
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.subscribe(check);
      function check() {
        if (!holds()) return;
        stop();
        resolve();
      }
      check();
    });
  }

  /** Makes the session's keys with its first message; they have the suite of
   * the roster of that moment. */
  async #ensureSession(core: Core): Promise<void> {
    if (this.#session) return;
    if (!core.rosters.highest) {
      this.connect();
      await this.#until(
        () => !!core.rosters.highest || !!core.status.alarm || this.#closed,
      );
      if (this.#closed) throw new ClientError("closed", "The chat was closed.");
      if (core.status.alarm) {
        throw new ClientError("alarm", core.status.alarm.detail);
      }
    }
    await this.#platform.exclusive(`${this.#name}/create`, async () => {
      if (await core.storage.get(SESSION)) return;
      const roster = core.rosters.usable(this.#platform.now());
      const session = await makeSession(
        this.#cid,
        roster.messageKey.suite,
        this.#platform.now(),
        fromHex(roster.id),
      );
      const batch = new Batch(core.storage);
      batch.set(SESSION, session);
      await batch.commit();
      core.wrote(batch.changes);
    });
    await this.#adoptSession();
  }

  /** Takes over the session that this or another tab has made. */
  async #adoptSession(): Promise<void> {
    const core = this.#core;
    if (!core || this.#session) return;
    const session = (await core.storage.get(SESSION)) as Session | undefined;
    if (!session || this.#session) return;
    const signkeyId = await signkeyIdOf(session.signPk);
    const transcript = new Transcript({
      platform: this.#platform,
      storage: core.storage,
      name: this.#name,
      rosters: core.rosters,
      party: {
        side: "visitor",
        cid: this.#cid,
        signkeyId,
        signKey: session.signKey,
        openingKey: async () => session.kemKey,
      },
      changed: (changes) => core.wrote(changes),
    });
    await transcript.open(session.sid, session.hello);
    this.#safetyNumber = await safetyNumber(this.#cid, fromHex(session.sid));
    this.#transcript = transcript;
    this.#session = session;
    core.emit();
  }
}

async function makeSession(
  cid: Bytes,
  suite: 1 | 2,
  time: number,
  rosterId: Bytes,
): Promise<Session> {
  const sign = await generate();
  const kemKey = await kem.generate(suite);
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
