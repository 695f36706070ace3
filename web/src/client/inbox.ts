// The inbox's side: one device of a customer.

import { safetyNumber, signkeyIdOf } from "../crypto/names.ts";
import { Role } from "../wire/auth.ts";
import {
  compare, copy, fromHex, isZero, toBase64Url, toHex, ZERO_ID, type Bytes,
} from "../wire/bytes.ts";
import {
  decodeBlocked, decodeChecked, E_AUTH_FAILED, E_SESSION_DELETED,
  E_UNKNOWN_SESSION, type SessionItem,
} from "../wire/frames.gen.ts";
import { CLOCK_TOLERANCE_MS } from "../wire/sizes.ts";
import * as account from "./account.ts";
import { AlarmError } from "./alarm.ts";
import * as ask from "./ask.ts";
import { Batch } from "./batch.ts";
import { browserPlatform } from "./browser.ts";
import { change, recover } from "./change.ts";
import { Core } from "./core.ts";
import { deviceListOf, listedSince } from "./devices.ts";
import { ClientError } from "./errors.ts";
import { endsOfOutbox, Exchange, sourceOf } from "./exchange.ts";
import type { InboxOptions } from "./index.ts";
import { deviceOf, verifyHello } from "./judge.ts";
import { Keyring } from "./keyring.ts";
import { keyOf, withStream } from "./owner.ts";
import type { Platform } from "./platform.ts";
import { keys, type Block } from "./records.ts";
import { pinRoster, type KnownRoster } from "./roster.ts";
import { Signals } from "./signals.ts";
import { Stale } from "./stale.ts";
import { ServiceError, Stream } from "./stream.ts";
import { Transcript } from "./transcript.ts";
import {
  cidOfText, invitationOf, nameOf, recoveryCodeOf, secretKeyOf,
} from "./typed.ts";
import type {
  Alarm, CheckResult, Conversation, DeviceList, Inbox, Link, RecoveryKit,
} from "./types.ts";

const NAME = "sealchat-inbox";
const DEVICE = "device";
/** The inbox warns this long before the roster ends. */
const WARN_BEFORE = 60 * 86_400_000;
/** Of streams that follow one another the next one asks again after this. */
const SURVEY_EVERY = 60_000;
/** Blocks, and deletions, that are asked for without an answer: the service
 * closes a stream with more requests than its window. */
const AT_ONCE = 16;

interface Opened {
  readonly core: Core;
  readonly transcript: Transcript;
}

interface Checked extends CheckResult {
  readonly code: string;
}

export class CustomerInbox implements Inbox {
  readonly #options: InboxOptions;
  readonly #platform: Platform;
  readonly #listeners = new Set<() => void>();
  readonly #numbers = new Map<string, string>();
  #core: Core | undefined;
  #transcript: Transcript | undefined;
  #device: account.Device | undefined;
  #deviceId = "";
  #devices: { readonly id: string; readonly list: DeviceList } | undefined;
  #keyring: Keyring | undefined;
  #stale: Stale | undefined;
  #locked = false;
  #closed = false;
  #signals: Signals | undefined;
  /** Of this tab, while it owns the connection. */
  #stream: Stream | undefined;
  #surveyed = -Infinity;
  #looking = Promise.resolve();
  readonly #removing = new Set<string>();
  readonly #blocking = new Set<string>();
  readonly #checks = new Map<string, (result: CheckResult) => void>();

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#platform = options.platform ?? browserPlatform();
  }

  get device(): Inbox["device"] {
    const device = this.#device;
    return device && {
      account: device.account,
      cid: toBase64Url(device.cid),
      id: this.#deviceId,
    };
  }

  get link(): Link {
    return this.#core?.status.link ?? "idle";
  }

  get alarm(): Alarm | undefined {
    return this.#core?.status.alarm;
  }

  get warning(): "roster-ending" | undefined {
    const end = this.#core?.rosters.highest?.notAfter ?? Infinity;
    const left = end - this.#platform.now();
    return left < WARN_BEFORE && left >= -CLOCK_TOLERANCE_MS
      ? "roster-ending"
      : undefined;
  }

  get locked(): boolean {
    return this.#locked;
  }

  get staleSince(): number | undefined {
    return this.#stale?.since;
  }

  get devices(): DeviceList | undefined {
    return this.#devices?.list;
  }

  get conversations(): readonly Conversation[] {
    const view = this.#core?.view;
    if (!view) return [];
    return view
      .sids()
      .map((sid) => {
        const { messages, lastTime, unread, closed, waitingSince } = view.of(sid);
        return {
          sid, messages, lastTime, unread, closed, waitingSince,
          safetyNumber: this.#numbers.get(sid) ?? "",
          typing: this.#core!.typing.in(sid),
          deleted: view.isDeleted(sid),
          release: view.value<string>(keys.release(sid)) ?? "",
          blocked: !!view.value<Block>(keys.block(sid))?.blocked,
          blockAsked: !!view.value<Block>(keys.block(sid))?.asked,
        };
      })
      .sort((a, b) => b.lastTime - a.lastTime);
  }

  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  async start(): Promise<void> {
    const storage = await this.#platform.open(NAME);
    const device = (await storage.get(DEVICE)) as account.Device | undefined;
    storage.close();
    if (this.#closed) return;
    if (device) await this.#open(device);
    this.#emit();
  }

  async register(options: Parameters<Inbox["register"]>[0]): Promise<RecoveryKit> {
    this.#requireNone();
    const { setUp, kit } = await account.register({
      ...options,
      account: nameOf(options.account),
      invitation: options.invitation === undefined
        ? this.#options.invitation : invitationOf(options.invitation),
      platform: this.#platform,
      address: this.#options.service,
    });
    await this.#keep(setUp);
    return kit;
  }

  async login(options: Parameters<Inbox["login"]>[0]): Promise<void> {
    this.#requireNone();
    const setUp = await account.login({
      ...options,
      account: nameOf(options.account),
      secretKey: await secretKeyOf(options.secretKey),
      cid: cidOfText(options.cid),
      platform: this.#platform,
      address: this.#options.service,
    });
    await this.#keep(setUp);
  }

  async recover(options: Parameters<Inbox["recover"]>[0]): Promise<void> {
    this.#requireNone();
    const recoveryCode = await recoveryCodeOf(options.recoveryCode);
    const setUp = await recover({
      ...options,
      account: nameOf(options.account),
      recoveryCode,
      cid: cidOfText(options.cid),
      platform: this.#platform,
      address: this.#options.service,
    });
    await this.#keep(setUp);
  }

  async renew(options: Parameters<Inbox["renew"]>[0]): Promise<void> {
    const common = this.#changing();
    const secretKey = options.secretKey?.trim()
      ? await secretKeyOf(options.secretKey)
      : common.device.secretKey;
    const device = { ...common.device, secretKey };
    await this.#changed(await account.renew({ ...options, ...common, device }));
  }

  async change(options: Parameters<Inbox["change"]>[0]): Promise<void> {
    await this.#changed(await change({ ...options, ...this.#changing() }));
  }

  #changing() {
    const { core } = this.#need();
    return {
      device: this.#device!,
      pinned: core.rosters.highest!,
      platform: this.#platform,
      address: this.#options.service,
      present: (bytes: Bytes, stream: Stream) =>
        core.rosters.present(bytes, sourceOf(stream)),
    };
  }

  /** The keys of a generation, or the roster, that this device made or fetched
   * with the password. */
  async #changed({ device, keys: generation }: account.SetUp): Promise<void> {
    const { core } = this.#need();
    const batch = new Batch(core.storage);
    batch.set(DEVICE, device);
    batch.set(keyOf(generation.generation), generation);
    await batch.commit();
    this.#device = device;
    core.wrote(batch.changes);
    await core.rosters.load();
    await this.#resume(core);
    core.checkRoster();
    await this.#derive();
  }

  /** With new keys in hands: what waited for them is judged again, and a
   * device that had been removed is listed anew. */
  async #resume(core: Core): Promise<void> {
    this.#device = (await core.storage.get(DEVICE)) as account.Device;
    if (core.status.alarm?.code === "device-removed") {
      core.alarm(undefined);
      core.connect();
    } else {
      core.restart();
    }
  }

  async send(sid: string, text: string): Promise<void> {
    await this.#write(sid, ({ transcript }) => transcript.compose(sid, text));
  }

  async closeConversation(sid: string): Promise<void> {
    await this.#write(sid, ({ transcript }) => transcript.composeClosed(sid));
  }

  async #write(
    sid: string,
    work: (opened: Opened) => Promise<void>,
  ): Promise<void> {
    const opened = this.#need();
    const { core } = opened;
    if (core.view.isDeleted(sid)) {
      throw new ClientError("no-conversation", "This conversation was deleted.");
    }
    await core.guarded(() => work(opened));
  }

  composing(sid: string): void {
    if (!this.#core?.view.isDeleted(sid)) this.#core?.composing(sid);
  }

  seen(sid: string): void {
    if (this.#core) this.#core.seen(sid, this.#need().transcript);
  }

  async deleteConversation(sid: string): Promise<void> {
    const { core, transcript } = this.#need();
    const state = core.view.isDeleted(sid) ? "done" : "asked";
    await transcript.forget(sid, new Map([[keys.ended(sid), state]]));
    this.#removeEnded();
    await this.#answered(core, () => core.view.toDelete().includes(sid));
  }

  /** Until the service has done what was asked of it. */
  async #answered(core: Core, isOpen: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const check = () => {
        if (isOpen() && !core.status.alarm && !this.#closed) return;
        stop();
        resolve();
      };
      const stop = this.subscribe(check);
      check();
    });
    if (!isOpen()) return;
    throw this.#closed
      ? new ClientError("closed", "The inbox was closed.")
      : new ClientError("alarm", core.status.alarm!.detail);
  }

  async blockConversation(sid: string, blocked: boolean): Promise<void> {
    const { core } = this.#need();
    const block: Block = { blocked, asked: true };
    await core.write(keys.block(sid), block);
    this.#tellBlocks();
    await this.#answered(core, () => core.view.value(keys.block(sid)) === block);
  }

  async devicesSince(): Promise<ReadonlyMap<string, number>> {
    const roster = this.#core?.rosters.highest;
    if (!roster || !this.#device) return new Map();
    const service = { platform: this.#platform, address: this.#options.service };
    return withStream(service, this.#device.cid, (stream) =>
      listedSince(stream, roster)).catch(() => new Map());
  }

  check(): ReturnType<Inbox["check"]> {
    const code = toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
    const result = new Promise<CheckResult>((resolve) =>
      this.#checks.set(code, resolve));
    return { code, result };
  }

  #checked({ code, release, minGeneration }: Checked): void {
    this.#checks.get(code)?.({ release, minGeneration });
    this.#checks.delete(code);
  }

  #need(): Opened {
    if (this.#core && this.#transcript) {
      return { core: this.#core, transcript: this.#transcript };
    }
    throw new ClientError("no-device", "No account is open here.");
  }

  close(): void {
    this.#closed = true;
    this.#core?.close();
    this.#emit();
  }

  #requireNone(): void {
    if (this.#device) {
      throw new ClientError("already-set-up", "This browser holds an account.");
    }
  }

  async #keep({ device, keys: generation, roster }: account.SetUp): Promise<void> {
    const storage = await this.#platform.open(NAME);
    const batch = new Batch(storage);
    batch.set(DEVICE, device);
    batch.set(keyOf(generation.generation), generation);
    await pinRoster(batch, roster);
    await batch.commit();
    storage.close();
    await this.#open(device);
    this.#emit();
  }

  async #open(device: account.Device): Promise<void> {
    const core: Core = await Core.open({
      platform: this.#platform,
      service: this.#options.service,
      cid: device.cid,
      side: "customer",
      name: NAME,
      serve: (stream, ready) => this.#serve(stream, ready),
      changed: (changed) => {
        this.#removeEnded();
        this.#tellBlocks();
        if (changed.includes(DEVICE)) core.unwatched(this.#resume(core));
      },
      told: (what) => this.#checked(what as Checked),
      listeners: this.#listeners,
    });
    if (this.#closed) return core.close();
    const signkeyId = await signkeyIdOf(device.pk);
    const keyring = new Keyring(core.storage, device);
    const stale = new Stale(core, device.cid);
    this.#keyring = keyring;
    this.#stale = stale;
    await stale.load();
    this.#core = core;
    this.#deviceId = toHex(signkeyId);
    const shared = {
      platform: this.#platform,
      storage: core.storage,
      rosters: core.rosters,
      party: {
        side: "customer" as const,
        cid: device.cid,
        signkeyId,
        signKey: device.signKey,
        openingKey: (roster: KnownRoster) =>
          keyring.messageKey(roster, this.#stream),
      },
    };
    const signals = new Signals(shared);
    this.#signals = signals;
    this.#transcript = new Transcript({
      ...shared,
      name: NAME,
      changed: (changes) => core.wrote(changes),
      heard: (sender, time, roster) => {
        signals.freshness.heard(sender, time, this.#platform.now());
        if (!this.#stream) return;
        core.unwatched(stale.check(time, roster, sourceOf(this.#stream)));
      },
    });
    this.#device = device;
    this.subscribe(() => core.unwatched(this.#derive()));
    await this.#derive();
    core.connect();
  }

  async #serve(stream: Stream, ready: () => void): Promise<boolean> {
    const core = this.#core!;
    const device = this.#device!;
    const exchange = new Exchange({
      platform: this.#platform,
      storage: core.storage,
      transcript: this.#transcript!,
      signals: this.#signals!,
      stream,
      source: {
        ...sourceOf(stream),
        hello: (sid, brought) => this.#hello(stream, sid, brought),
      },
      alarm: () => core.status.alarm,
      refused: (error) =>
        core.alarm({ code: "refused", detail: error.message }),
      deleted: (sid) => this.#gone(sid),
      signalled: (signal) => core.signalled(signal),
    });
    stream.on.checked = (body) => {
      const { code, release, minGeneration } = decodeChecked(body);
      const checked = {
        code: toBase64Url(code), release: toHex(release), minGeneration,
      };
      core.tell(checked);
      this.#checked(checked);
    };
    stream.on.blocked = (body) => {
      const { sid, blocked } = decodeBlocked(body);
      core.unwatched(this.#noteBlock(toHex(sid), blocked !== 0));
    };
    const answer = await ask.auth(stream, this.#options.service.origin, {
      role: Role.device,
      subject: fromHex(this.#deviceId),
      key: device.signKey,
      release: this.#options.release,
    }).catch((error) => this.#whyRefused(error));
    await core.present(stream, answer.roster);
    const ends = await endsOfOutbox(core.storage, stream);
    ready();
    core.exchange = exchange;
    this.#stream = stream;
    this.#removeEnded();
    this.#tellBlocks();
    this.#survey(stream).catch(() => stream.close());
    await exchange.run(answer, ends);
    this.#stream = undefined;
    return true;
  }

  /** Tells a removal, which this customer's own key has signed, from a service
   * that does not want to. */
  async #whyRefused(error: unknown): Promise<never> {
    if (!ask.isCode(error, E_AUTH_FAILED)) throw error;
    const core = this.#core!;
    const { rosters } = core;
    const { cid } = this.#device!;
    const stream = new Stream(this.#platform, this.#options.service, cid);
    try {
      const page = await ask.rosters(stream, { version: 0 });
      await core.present(stream, page.rosters[0]?.bytes);
    } finally {
      stream.close();
    }
    const id = fromHex(this.#deviceId);
    if (!rosters.highest || (await deviceOf(rosters.highest, id))) throw error;
    throw new AlarmError(
      "device-removed", "This device is no longer in the customer's list.");
  }

  async #hello(
    stream: Stream,
    sid: Bytes,
    brought: Bytes | undefined,
  ): Promise<Bytes | undefined> {
    for (const candidate of [
      () => brought,
      async () => (await ask.session(stream, sid))?.hello,
    ]) {
      const bytes = await candidate();
      if (!bytes?.length) continue;
      const own = copy(bytes);
      if (await verifyHello(own, this.#device!.cid, sid)) return own;
    }
    return undefined;
  }

  /** The service says that it has this session no more.  What is here stays:
   * its word is not enough to delete anything. */
  async #gone(sid: string): Promise<void> {
    const core = this.#core!;
    if (core.view.isDeleted(sid) || !(await core.storage.get(keys.session(sid)))) {
      return;
    }
    await core.write(keys.deleted(sid), true);
  }

  /** Asks the service to delete what was deleted here. */
  #removeEnded(): void {
    const core = this.#core;
    const stream = this.#stream;
    if (!core || !stream) return;
    for (const sid of core.view.toDelete()) {
      if (this.#removing.has(sid)) continue;
      if (this.#removing.size === AT_ONCE) return;
      this.#removing.add(sid);
      ask.remove(stream, fromHex(sid))
        .then(async () => {
          await core.write(keys.ended(sid), "done");
          this.#removing.delete(sid);
          if (!stream.over) this.#removeEnded();
        })
        .catch((error) => {
          this.#removing.delete(sid);
          if (!(error instanceof ServiceError)) return;
          core.alarm({ code: "refused", detail: error.message });
        });
    }
  }

  /** Now and then, when a stream begins: which sessions the service still has,
   * which are blocked, and what their visitors run. */
  async #survey(stream: Stream): Promise<void> {
    const core = this.#core!;
    if (this.#platform.now() < this.#surveyed + SURVEY_EVERY) return;
    const missing = new Set(core.view.sids());
    let from: Bytes = ZERO_ID;
    do {
      const page = await ask.sessions(stream, from);
      for (const item of page.sessions) {
        missing.delete(toHex(item.sid));
        await this.#noteItem(item);
      }
      const next = copy(page.next);
      const leadsOn = page.sessions.length > 0 && compare(next, from) > 0;
      if (!leadsOn && !isZero(next)) return;
      from = next;
    } while (!isZero(from));
    for (const sid of missing) await this.#gone(sid);
    this.#surveyed = this.#platform.now();
  }

  async #look(stream: Stream, sid: string): Promise<void> {
    const item = await ask.session(stream, fromHex(sid));
    if (item) await this.#noteItem(item);
  }

  async #noteItem({ sid, release, blocked }: SessionItem): Promise<void> {
    const core = this.#core!;
    const id = toHex(sid);
    const name = isZero(release) ? "" : toHex(release);
    if (name && core.view.sids().includes(id) && core.view.value(keys.release(id)) !== name) {
      await core.write(keys.release(id), name);
    }
    await this.#noteBlock(id, blocked !== 0);
  }

  /** What the service says; what it is still to be told stands before that. */
  async #noteBlock(sid: string, blocked: boolean): Promise<void> {
    const core = this.#core!;
    const known = core.view.value<Block>(keys.block(sid));
    if (known?.asked || !!known?.blocked === blocked) return;
    await core.write(keys.block(sid), blocked ? { blocked } : undefined);
  }

  /** Tells the service which sessions were blocked here, or let in again. */
  #tellBlocks(): void {
    const core = this.#core;
    const stream = this.#stream;
    if (!core || !stream) return;
    for (const sid of core.view.sids()) {
      const block = core.view.value<Block>(keys.block(sid));
      if (!block?.asked || this.#blocking.has(sid)) continue;
      if (this.#blocking.size === AT_ONCE) return;
      this.#blocking.add(sid);
      const { blocked } = block;
      ask.block(stream, fromHex(sid), blocked)
        // A session that is gone cannot come back either way.
        .catch(ask.ignoring(E_SESSION_DELETED, E_UNKNOWN_SESSION))
        .then(async () => {
          // It may have been changed meanwhile.
          if (core.view.value<Block>(keys.block(sid)) === block) {
            await core.write(keys.block(sid), blocked ? { blocked } : undefined);
          }
          this.#blocking.delete(sid);
          if (!stream.over) this.#tellBlocks();
        })
        .catch((error) => {
          // The next stream asks again; this one would without an end.
          this.#blocking.delete(sid);
          if (!(error instanceof ServiceError)) return;
          core.alarm({ code: "refused", detail: error.message });
        });
    }
  }

  /** What is shown but has to be hashed first: safety numbers of sessions
   * that have none yet, the ids of a new roster's devices. */
  async #derive(): Promise<void> {
    const core = this.#core;
    if (!core || !this.#device) return;
    const fresh = core.view.sids().filter((sid) => !this.#numbers.has(sid));
    for (const sid of fresh) this.#numbers.set(sid, "");
    for (const sid of fresh) {
      // A new conversation: what its visitor runs is in the list of sessions.
      // One after the other, for a crowd may come at once.
      const stream = this.#stream;
      if (stream) {
        this.#looking = this.#looking
          .then(() => this.#look(stream, sid)).catch(() => undefined);
      }
      const number = await safetyNumber(this.#device.cid, fromHex(sid));
      this.#numbers.set(sid, number);
    }
    const roster = core.rosters.highest;
    if (roster && roster.id !== this.#devices?.id) {
      const list = await deviceListOf(roster, this.#deviceId);
      this.#devices = { id: roster.id, list };
      fresh.push("");
    }
    const locked = !!roster && !(await this.#keyring!.has(roster.generation));
    if (fresh.length || locked !== this.#locked) {
      this.#locked = locked;
      this.#emit();
    }
  }

  #emit(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
