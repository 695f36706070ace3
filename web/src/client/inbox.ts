// The inbox's side: one device of a customer.

import { readSecret, SECRET_KEY_BYTES } from "../crypto/kit.ts";
import { accountName, safetyNumber, signkeyIdOf } from "../crypto/names.ts";
import { Role } from "../wire/auth.ts";
import { copy, fromBase64Url, fromHex, toBase64Url, toHex } from "../wire/bytes.ts";
import * as account from "./account.ts";
import * as ask from "./ask.ts";
import { Batch } from "./batch.ts";
import { browserPlatform } from "./browser.ts";
import { Core } from "./core.ts";
import { deviceListOf } from "./devices.ts";
import { ClientError } from "./errors.ts";
import { endsOfOutbox, Exchange, sourceOf } from "./exchange.ts";
import type { InboxOptions } from "./index.ts";
import type { Platform } from "./platform.ts";
import { keys } from "./records.ts";
import { pinRoster } from "./roster.ts";
import type { Stream } from "./stream.ts";
import { Transcript } from "./transcript.ts";
import type {
  Alarm, Conversation, DeviceList, Inbox, Link, RecoveryKit,
} from "./types.ts";

const NAME = "sealchat-inbox";
const DEVICE = "device";
const keyOf = (generation: number) => `key/${generation}`;
/** The inbox warns this long before the roster ends. */
const WARN_BEFORE = 60 * 86_400_000;

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
  #closed = false;

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
    return this.#core?.status.warning;
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
        const { messages, lastTime, unread } = view.of(sid);
        const number = this.#numbers.get(sid) ?? "";
        return { sid, messages, lastTime, unread, safetyNumber: number };
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
      invitation: this.#options.invitation,
      platform: this.#platform,
      address: this.#options.service,
    });
    await this.#keep(setUp);
    return kit;
  }

  async login(options: Parameters<Inbox["login"]>[0]): Promise<void> {
    this.#requireNone();
    const cid = fromBase64Url(options.cid.trim());
    if (cid?.length !== 32) {
      throw new ClientError("bad-cid", "This is no customer id.");
    }
    const secretKey = await readSecret(options.secretKey, SECRET_KEY_BYTES);
    if (!secretKey) {
      throw new ClientError("bad-secret-key", "The Secret Key is mistyped.");
    }
    const setUp = await account.login({
      ...options,
      account: nameOf(options.account),
      secretKey,
      cid,
      platform: this.#platform,
      address: this.#options.service,
    });
    await this.#keep(setUp);
  }

  async send(sid: string, text: string): Promise<void> {
    const core = this.#core;
    if (!core) throw new ClientError("no-device", "No account is open here.");
    await core.guarded(() => this.#transcript!.compose(sid, text));
  }

  markRead(sid: string): void {
    const core = this.#core;
    if (!core || !core.view.of(sid).unread) return;
    const changes = new Map([[keys.read(sid), core.view.of(sid).lastPosition]]);
    core.wrote(changes);
    void core.storage.write(changes);
  }

  close(): void {
    this.#closed = true;
    this.#core?.close();
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
    const core = await Core.open({
      platform: this.#platform,
      service: this.#options.service,
      cid: device.cid,
      side: "customer",
      name: NAME,
      serve: (stream, ready) => this.#serve(stream, ready),
      listeners: this.#listeners,
    });
    if (this.#closed) return core.close();
    const signkeyId = await signkeyIdOf(device.pk);
    this.#core = core;
    this.#deviceId = toHex(signkeyId);
    this.#transcript = new Transcript({
      platform: this.#platform,
      storage: core.storage,
      name: NAME,
      rosters: core.rosters,
      party: {
        side: "customer",
        cid: device.cid,
        signkeyId,
        signKey: device.signKey,
        openingKey: async (roster) => {
          const kept = await core.storage.get(keyOf(roster.generation));
          return (kept as account.GenerationKeys | undefined)?.messageKey;
        },
      },
      changed: (changes) => core.wrote(changes),
    });
    this.#device = device;
    this.subscribe(() => void this.#derive());
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
      stream,
      refused: (error) =>
        core.alarm({ code: "refused", detail: error.message }),
    });
    const answer = await ask.auth(stream, this.#options.service.origin, {
      role: Role.device,
      subject: fromHex(this.#deviceId),
      key: device.signKey,
      release: this.#options.release,
    });
    await core.rosters.present(copy(answer.roster), sourceOf(stream));
    core.checkRoster(WARN_BEFORE);
    const ends = await endsOfOutbox(core.storage, stream);
    ready();
    core.exchange = exchange;
    await exchange.run(answer, ends);
    return true;
  }

  /** What is shown but has to be hashed first: safety numbers of sessions
   * that have none yet, the ids of a new roster's devices. */
  async #derive(): Promise<void> {
    const core = this.#core;
    if (!core || !this.#device) return;
    const fresh = core.view.sids().filter((sid) => !this.#numbers.has(sid));
    for (const sid of fresh) this.#numbers.set(sid, "");
    for (const sid of fresh) {
      const number = await safetyNumber(this.#device.cid, fromHex(sid));
      this.#numbers.set(sid, number);
    }
    const roster = core.rosters.highest;
    const news = roster && roster.id !== this.#devices?.id;
    if (news) {
      const list = await deviceListOf(roster, this.#deviceId);
      this.#devices = { id: roster.id, list };
    }
    if (fresh.length || news) this.#emit();
  }

  #emit(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function nameOf(text: string): string {
  const name = accountName(text.trim());
  if (name) return name;
  throw new ClientError(
    "bad-account-name",
    "An account name has 3 to 64 of a-z, 0-9 and . _ @ + -",
  );
}
