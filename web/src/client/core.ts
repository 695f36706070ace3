// What the visitor's and the customer's client have in common: storage, view,
// listeners, and the tabs.  One tab, chosen by a lock, owns the connection; the
// others write to the storage, tell it by a channel, and show what it tells.

import type { Bytes } from "../wire/bytes.ts";
import { AlarmError } from "./alarm.ts";
import { Connection, type Serve } from "./connection.ts";
import { ClientError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { Channel, Platform, Storage } from "./platform.ts";
import { Rosters, validity } from "./roster.ts";
import type { Stream } from "./stream.ts";
import type { Alarm, Link, ServiceAddress } from "./types.ts";
import { View } from "./view.ts";

export type Warning = "roster-ending" | undefined;

interface Status {
  readonly link: Link;
  readonly alarm: Alarm | undefined;
  readonly warning: Warning;
}

type Note =
  | { readonly kind: "changed"; readonly keys: readonly string[] }
  | { readonly kind: "status"; readonly status: Status }
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
  readonly changed?: (keys: readonly string[]) => void;
  readonly listeners: Set<() => void>;
}

export class Core {
  readonly storage: Storage;
  readonly rosters: Rosters;
  readonly view: View;
  /** Of this tab, while it owns the connection. */
  exchange: Exchange | undefined;
  status: Status = { link: "idle", alarm: undefined, warning: undefined };

  readonly #o: CoreOptions;
  readonly #channel: Channel;
  readonly #connection: Connection;
  #connecting = false;
  #owner = false;

  static async open(options: CoreOptions): Promise<Core> {
    const core = new Core(options, await options.platform.open(options.name));
    await core.rosters.load();
    for (const prefix of ["m/", "w/", "read/"]) {
      core.view.apply(await core.storage.list(prefix));
    }
    core.#tell({ kind: "who" });
    return core;
  }

  private constructor(options: CoreOptions, storage: Storage) {
    this.#o = options;
    this.storage = storage;
    this.rosters = new Rosters(storage, options.cid, options.minGeneration);
    this.view = new View(options.side);
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
      await this.#connection.run();
      this.#owner = false;
      this.#connecting = false;
    });
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
    this.view.apply(changes);
    this.#tell({ kind: "changed", keys: [...changes.keys()] });
    this.exchange?.flush();
    this.emit();
  }

  /** After a roster was pinned: whether one may send under it. */
  checkRoster(warnBefore = 0): void {
    const now = this.#o.platform.now();
    const roster = this.rosters.highest;
    if (!roster) return;
    const ending =
      validity(roster, now) === "ending" || roster.notAfter - now < warnBefore;
    this.#set({ warning: ending ? "roster-ending" : undefined });
    try {
      this.rosters.usable(now);
      if (this.status.alarm?.code.startsWith("roster-")) {
        this.#set({ alarm: undefined });
      }
    } catch (error) {
      if (!(error instanceof AlarmError)) throw error;
      this.alarm(error.alarm);
    }
  }

  alarm(alarm: Alarm): void {
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

  emit(): void {
    for (const listener of [...this.#o.listeners]) listener();
  }

  async #serve(stream: Stream, ready: () => void): Promise<boolean> {
    try {
      return await this.#o.serve(stream, ready);
    } finally {
      this.exchange = undefined;
    }
  }

  #set(part: Partial<Status>): void {
    this.status = { ...this.status, ...part };
    if (this.#owner) this.#tell({ kind: "status", status: this.status });
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
        this.status = note.status;
        break;
      case "changed":
        for (const key of note.keys) {
          this.view.apply([[key, await this.storage.get(key)]]);
        }
        this.exchange?.flush();
        this.#o.changed?.(note.keys);
    }
    await this.rosters.load();
    this.emit();
  }
}
