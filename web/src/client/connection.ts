// Keeps a stream to the service open: one at a time, again and again, with
// backoff and jitter.

import { AlarmError } from "./alarm.ts";
import type { Platform } from "./platform.ts";
import { Disconnected, ServiceError, Stream } from "./stream.ts";
import {
  E_AUTH_FAILED, E_BAD_CID, E_BAD_HELLO, E_NOT_ALLOWED, E_NOT_HERE,
  E_SESSION_BLOCKED,
} from "../wire/frames.gen.ts";
import type { Alarm, Link, ServiceAddress } from "./types.ts";
import type { Bytes } from "../wire/bytes.ts";

const BACKOFF_FIRST = 400;
const BACKOFF_MOST = 30_000;

/**
 * Uses a fresh stream until it is over; calls ready() once it is of use.
 * Returns whether another one is wanted after it.
 */
export type Serve = (stream: Stream, ready: () => void) => Promise<boolean>;

export interface ConnectionOptions {
  readonly platform: Platform;
  readonly service: ServiceAddress;
  readonly cid: Bytes;
  readonly serve: Serve;
  readonly linked: (link: Link) => void;
  readonly alarmed: (alarm: Alarm) => void;
}

export class Connection {
  readonly #o: ConnectionOptions;
  #stream: Stream | undefined;
  #closed = false;
  #again = false;
  #wake: (() => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#o = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#stream?.close();
    this.#wake?.();
  }

  /** Another stream follows at once. */
  restart(): void {
    this.#again = true;
    this.#stream?.close();
    this.#wake?.();
  }

  /** Returns when closed, when no connection is wanted any more, or when an
   * alarm forbids going on. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.#closed) {
      this.#o.linked("connecting");
      this.#again = false;
      const { platform, service, cid } = this.#o;
      const stream = new Stream(platform, service, cid);
      this.#stream = stream;
      let alarm: Alarm | undefined;
      let wanted = true;
      let retry = 0;
      try {
        wanted = await this.#o.serve(stream, () => {
          failures = 0;
          this.#o.linked("ready");
        });
      } catch (error) {
        if (!this.#closed) alarm = alarmOf(error);
        ({ retry = 0 } = error as Partial<ServiceError>);
      }
      stream.close();
      const idle = this.#closed || !wanted;
      if (idle || !this.#again) this.#o.linked(idle ? "idle" : "offline");
      if (alarm) {
        this.#o.alarmed(alarm);
        return;
      }
      if (idle) return;
      if (this.#again) continue;
      const { retryAfter } = await stream.closed;
      await this.#sleep(retryAfter ?? Math.max(retry, backoff(failures++)));
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#o.platform.after(ms, resolve);
      this.#wake = () => (cancel(), resolve());
    });
  }
}

/** Between half and all of a time that doubles. */
function backoff(failures: number): number {
  const most = Math.min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** failures);
  return most / 2 + (Math.random() * most) / 2;
}

/** What must stop a client; undefined for what may be tried again. */
function alarmOf(error: unknown): Alarm | undefined {
  if (error instanceof Disconnected) return undefined;
  if (error instanceof AlarmError) return error.alarm;
  if (!(error instanceof ServiceError)) {
    // The storage failed, say.  Nothing was acknowledged: it comes again.
    console.error("sealchat:", error);
    return undefined;
  }
  const detail = error.message;
  switch (error.code) {
    case E_NOT_HERE:
    case E_BAD_CID:
      return { code: "not-here", detail };
    case E_SESSION_BLOCKED:
      return { code: "blocked", detail };
    case E_AUTH_FAILED:
    case E_BAD_HELLO:
    case E_NOT_ALLOWED:
      return { code: "refused", detail };
    default:
      return undefined;
  }
}
