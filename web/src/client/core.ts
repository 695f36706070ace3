// What the visitor's and the customer's client have in common: storage, view,
// listeners, and the tabs.  One tab, chosen by a lock, owns the connection; the
// others write to the storage, tell it by a channel, and show what it tells.

import { BodyKind } from "../wire/body.ts";
import { copy, type Bytes } from "../wire/bytes.ts";
import { decodeRosters } from "../wire/frames.gen.ts";
import { AlarmError } from "./alarm.ts";
import { Connection, type Serve } from "./connection.ts";
import { ClientError } from "./errors.ts";
import { sourceOf, type Exchange } from "./exchange.ts";
import type { Channel, Platform, Storage } from "./platform.ts";
import { keys, type MessageRecord } from "./records.ts";
import { Rosters, validity } from "./roster.ts";
import { Typing, type Signal } from "./signals.ts";
import type { Stream } from "./stream.ts";
import type { Transcript } from "./transcript.ts";
import type { Alarm, Link, ServiceAddress } from "./types.ts";
import { View } from "./view.ts";

/** What is seen and stays unanswered for so long gets a receipt. */
const RECEIPT_AFTER = 10_000;

export type Warning = "roster-ending" | undefined;

interface Status {
  readonly link: Link;
  readonly alarm: Alarm | undefined;
  readonly warning: Warning;
}

type Note =
  | { readonly kind: "changed"; readonly keys: readonly string[] }
  | { readonly kind: "status"; readonly status: Status }
  | { readonly kind: "composing"; readonly sid: string }
  | { readonly kind: "typing"; readonly signal: Signal }
  | { readonly kind: "told"; readonly what: unknown }
  | { readonly kind: "who" };

export interface CoreOptions {
  readonly platform: Platform;
  readonly service: ServiceAddress;
  readonly cid: Bytes;
  readonly minGeneration?: number | undefined;
  readonly side: "visitor" | "customer";
  /** Of the storage, the locks and the channel. */
  readonly name: string;
  readonly serve: Serve;
  /** Another tab wrote these. */
  readonly changed: (keys: readonly string[]) => void;
  /** Another tab called tell(). */
  readonly told?: (what: unknown) => void;
  readonly listeners: Set<() => void>;
}

export class Core {
  readonly storage: Storage;
  readonly rosters: Rosters;
  readonly view: View;
  readonly typing: Typing;
  /** Of this tab, while it owns the connection. */
  exchange: Exchange | undefined;
  status: Status = { link: "idle", alarm: undefined, warning: undefined };

  readonly #o: CoreOptions;
  readonly #channel: Channel;
  readonly #connection: Connection;
  /** By sid: up to which position it was seen, while a receipt is due. */
  readonly #seen = new Map<string, number>();
  /** And up to where one was due already. */
  readonly #receipted = new Map<string, number>();
  #connecting = false;
  /** The version that was pinned when the stream began. */
  #asked = 0;
  #owner = false;
  /** Another tab has owned the connection. */
  #followed = false;
  /** How often anything was written. */
  #changes = 0;

  static async open(options: CoreOptions): Promise<Core> {
    const core = new Core(options, await options.platform.open(options.name));
    await core.rosters.load();
    await core.#load();
    core.#tell({ kind: "who" });
    return core;
  }

  private constructor(options: CoreOptions, storage: Storage) {
    this.#o = options;
    this.storage = storage;
    this.rosters = new Rosters(storage, options.cid, options.minGeneration);
    this.view = new View(options.side);
    this.typing = new Typing(options.platform, () => this.emit());
    this.#channel = options.platform.channel(options.name);
    this.#channel.onmessage = (note) => void this.#hear(note as Note);
    this.#connection = new Connection({
      platform: options.platform,
      service: options.service,
      cid: options.cid,
      serve: (stream, ready) => this.#serve(stream, ready),
      linked: (link) => this.#set({ link }),
      alarmed: (alarm) => this.alarm(alarm),
    });
  }

  /** Connects, or waits for the turn to, behind the tab that does. */
  connect(): void {
    if (this.#connecting) return;
    this.#connecting = true;
    const { platform, name } = this.#o;
    void platform.exclusive(`${name}/socket`, async () => {
      if (this.#connection.closed) return;
      this.#owner = true;
      // The tab before may have gone between writing and telling.
      if (this.#followed) await this.#load();
      await this.#connection.run();
      this.#owner = false;
      this.#connecting = false;
    });
  }

  /** Begins a new stream in place of the present one. */
  restart(): void {
    this.#connection.restart();
  }

  close(): void {
    this.#connection.close();
    this.#channel.close();
    this.storage.close();
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  /** This tab wrote something. */
  wrote(changes: ReadonlyMap<string, unknown>): void {
    this.#show(changes);
    this.#tell({ kind: "changed", keys: [...changes.keys()] });
    this.exchange?.flush();
    this.emit();
  }

  /** Writes what needs no lock. */
  async write(key: string, value: unknown): Promise<void> {
    const changes = new Map([[key, value]]);
    await this.storage.write(changes);
    this.wrote(changes);
  }

  /** Shows what is stored. */
  async #load(): Promise<void> {
    for (let before = -1; before !== this.#changes; ) {
      before = this.#changes;
      const all: [string, unknown][] = [];
      for (const prefix of View.kinds) {
        all.push(...(await this.storage.list(prefix)));
      }
      // What was written meanwhile may be newer than what was read.
      if (before !== this.#changes) continue;
      this.view.clear();
      this.view.apply(all);
    }
    this.emit();
  }

  #show(changes: Iterable<readonly [string, unknown]>): void {
    const all = [...changes];
    this.#changes++;
    this.view.apply(all);
    // Who has written is not writing any more.
    for (const [key, value] of all) {
      if (!key.startsWith("m/") || value === undefined) continue;
      const { sid, sender, kind } = value as MessageRecord;
      if (kind === BodyKind.text) this.typing.ends(sid, sender);
    }
  }

  /** Something is being written here: whoever has the connection says so. */
  composing(sid: string): void {
    if (this.status.link !== "ready" || this.status.alarm) return;
    if (!this.typing.due(sid)) return;
    if (this.exchange) this.exchange.signal(sid);
    else this.#tell({ kind: "composing", sid });
  }

  signalled(signal: Signal): void {
    this.#tell({ kind: "typing", signal });
    this.typing.begins(signal.sid, signal.sender);
  }

  /** The newest message of a session is before somebody's eyes. */
  seen(sid: string, transcript: Transcript): void {
    const { unread, lastPosition } = this.view.of(sid);
    if (unread) {
      const changes = new Map([[keys.read(sid), lastPosition]]);
      this.wrote(changes);
      void this.storage.write(changes);
    }
    const due = this.#seen.has(sid);
    if ((this.#receipted.get(sid) ?? 0) >= lastPosition && !due) return;
    this.#seen.set(sid, lastPosition);
    this.#receipted.set(sid, lastPosition);
    if (due) return;
    this.#o.platform.after(RECEIPT_AFTER, () => {
      const upTo = this.#seen.get(sid)!;
      this.#seen.delete(sid);
      if (this.closed || this.status.alarm || this.view.isDeleted(sid)) {
        this.#receipted.delete(sid); // the next look is as good
        return;
      }
      this.unwatched(transcript.composeReceipt(sid, upTo));
    });
  }

  /** What the other tabs of this profile are to know. */
  tell(what: unknown): void {
    this.#tell({ kind: "told", what });
  }

  /** What the service calls the customer's present roster. */
  async present(stream: Stream, roster: Bytes | undefined): Promise<void> {
    if (roster) {
      await this.rosters.present(copy(roster), sourceOf(stream), this.#asked);
    }
    this.checkRoster();
  }

  /** After a roster was pinned: whether one may send under it. */
  checkRoster(): void {
    const now = this.#o.platform.now();
    const roster = this.rosters.highest;
    if (!roster) return;
    let { alarm } = this.status;
    if (alarm?.code.startsWith("roster-")) alarm = undefined;
    try {
      this.rosters.usable(now);
    } catch (error) {
      ({ alarm } = error as AlarmError);
    }
    const ending = validity(roster, now) === "ending";
    this.#set({ alarm, warning: ending ? "roster-ending" : undefined });
  }

  alarm(alarm: Alarm | undefined): void {
    this.#set({ alarm });
  }

  /** Rejects while an alarm stands, and raises the one that work meets. */
  async guarded<T>(work: () => Promise<T>): Promise<T> {
    const { alarm } = this.status;
    if (alarm) throw new ClientError("alarm", alarm.detail);
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AlarmError)) throw error;
      this.alarm(error.alarm);
      throw new ClientError("alarm", error.message);
    }
  }

  /** Work that nobody waits for: an alarm is all that comes of a failure. */
  unwatched(work: Promise<void>): void {
    void work.catch((error) => {
      if (error instanceof AlarmError) this.alarm(error.alarm);
      else if (!(error instanceof ClientError) && !this.closed) {
        console.error("sealchat:", error);
      }
    });
  }

  emit(): void {
    for (const listener of [...this.#o.listeners]) listener();
  }

  async #serve(stream: Stream, ready: () => void): Promise<boolean> {
    this.#asked = this.rosters.highest?.version ?? 0;
    stream.on.rosters = (body) =>
      this.unwatched(this.present(stream, decodeRosters(body).rosters[0]?.bytes));
    try {
      return await this.#o.serve(stream, ready);
    } finally {
      this.exchange = undefined;
    }
  }

  #set(part: Partial<Status>): void {
    this.status = { ...this.status, ...part };
    if (this.#owner) this.#tell({ kind: "status", status: this.status });
    this.exchange?.flush();
    this.emit();
  }

  #tell(note: Note): void {
    if (!this.closed) this.#channel.post(note);
  }

  async #hear(note: Note): Promise<void> {
    if (this.closed) return;
    switch (note.kind) {
      case "who":
        if (this.#owner) this.#tell({ kind: "status", status: this.status });
        return;
      case "status":
        if (this.#owner) return;
        this.#followed = true;
        this.status = note.status;
        break;
      case "changed":
        for (const key of note.keys) {
          this.#show([[key, await this.storage.get(key)]]);
        }
        this.exchange?.flush();
        this.#o.changed(note.keys);
        break;
      case "composing":
        if (this.typing.due(note.sid)) this.exchange?.signal(note.sid);
        return;
      case "typing":
        this.typing.begins(note.signal.sid, note.signal.sender);
        return;
      case "told":
        this.#o.told?.(note.what);
        return;
    }
    await this.rosters.load();
    this.emit();
  }
}
