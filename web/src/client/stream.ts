// One WebSocket from its opening to its close: frames, tags, answers.  It is
// never used again once closed; connection.ts makes the next one.

import { toBase64Url, type Bytes } from "../wire/bytes.ts";
import * as f from "../wire/frames.gen.ts";
import type { Platform, Socket } from "./platform.ts";
import type { ServiceAddress } from "./types.ts";

/** The service said no.  code is that of include/sealchat/errors.h. */
export class ServiceError extends Error {
  readonly code: number;
  /** After how many ms the same may do better; 0 where nobody knows. */
  readonly retry: number;

  constructor(code: number, sentence: string, retry = 0) {
    super(sentence);
    this.name = "ServiceError";
    this.code = code;
    this.retry = retry;
  }
}

/** The connection is gone; what was unanswered may be asked again. */
export class Disconnected extends Error {
  /** What the service asked for in its close reason, ms. */
  readonly retryAfter: number | undefined;

  constructor(reason = "") {
    super(`the connection was lost${reason && `: ${reason}`}`);
    this.name = "Disconnected";
    const hint = /retry-after-ms=(\d{1,7})/.exec(reason);
    this.retryAfter = hint ? Number(hint[1]) : undefined;
  }
}

export type Unasked =
  | "deliver" | "signalled" | "deleted" | "checked" | "blocked" | "rosters";

interface Pending {
  readonly frame: Bytes;
  readonly resolve: (body: Bytes) => void;
  readonly reject: (error: Error) => void;
  /** Stops waiting. */
  cancel?: () => void;
}

const OPEN_TIMEOUT = 15_000;
const ANSWER_TIMEOUT = 30_000;
/** Whatever the service asks for. */
const RETRY_MOST = 3_600_000;

export class Stream {
  /** What the service sends unasked, in order of arrival. */
  readonly on: Partial<Record<Unasked, (body: Bytes) => void>> = {};
  /** Proves again who one is; what ask.auth did. */
  renew: (() => Promise<void>) | undefined;
  /** Looks at the READY that came of that. */
  again: ((ready: f.ReadyFrame) => Promise<void>) | undefined;
  /** Resolves when the stream is over, however that came. */
  readonly closed: Promise<Disconnected>;

  readonly #platform: Platform;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  /** What waits for the socket to open; undefined once it has. */
  #unsent: Bytes[] | undefined = [];
  #challenge: f.ChallengeFrame | undefined;
  #awaitingChallenge: (() => void)[] = [];
  /** Call once the service has said anything. */
  readonly #greeted: () => void;
  #tag = 0;
  #authenticated = false;
  /** Nothing but the proof is sent meanwhile. */
  #renewing = false;
  #over: Disconnected | undefined;
  #end!: (why: Disconnected) => void;
  /** What the service said before it closed. */
  #lastError: ServiceError | undefined;

  constructor(platform: Platform, service: ServiceAddress, cid: Bytes) {
    this.#platform = platform;
    this.closed = new Promise((resolve) => (this.#end = resolve));
    const url = `${service.url}?c=${toBase64Url(cid)}`;
    const socket = platform.socket(url, f.subprotocol);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (socket.protocol !== f.subprotocol) return this.close("no subprotocol");
      const frames = this.#unsent ?? [];
      this.#unsent = undefined;
      for (const frame of frames) socket.send(frame);
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#finish(String(event.reason ?? ""));
    socket.onerror = () => undefined; // a close follows
    this.#greeted = platform.after(OPEN_TIMEOUT, () => this.close("no answer"));
  }

  get over(): Disconnected | undefined {
    return this.#over;
  }

  /** The service's challenge, to be used once; awaits the next one if it was
   * taken already. */
  async challenge(): Promise<f.ChallengeFrame> {
    while (!this.#challenge) {
      if (this.#over) throw this.#lastError ?? this.#over;
      await new Promise<void>((done) => this.#awaitingChallenge.push(done));
    }
    const challenge = this.#challenge;
    this.#challenge = undefined;
    return challenge;
  }

  /**
   * Sends a request and resolves with its answer's body.  Rejects with what
   * the service said, or with Disconnected.
   */
  async request(encode: (tag: number) => Bytes): Promise<Bytes> {
    if (this.#over) throw this.#lastError ?? this.#over;
    const tag = this.#nextTag();
    const frame = encode(tag);
    return new Promise((resolve, reject) => {
      const pending: Pending = { frame, resolve, reject };
      this.#pending.set(tag, pending);
      this.#ask(pending);
    });
  }

  /** Sends what nobody answers. */
  notify(frame: Bytes): void {
    if (!this.#over) this.#send(frame);
  }

  close(why = ""): void {
    this.#socket.onclose = null;
    this.#socket.onmessage = null;
    this.#socket.close(1000);
    this.#finish(why);
  }

  #ask(pending: Pending): void {
    pending.cancel?.();
    pending.cancel = this.#platform.after(ANSWER_TIMEOUT, () => {
      this.close("no answer");
    });
    this.#send(pending.frame);
  }

  #send(frame: Bytes): void {
    if (this.#renewing && nameOf(frame) !== "auth") return;
    if (this.#unsent) this.#unsent.push(frame);
    else this.#socket.send(frame);
  }

  #nextTag(): number {
    do this.#tag = (this.#tag % 0xffff) + 1;
    while (this.#pending.has(this.#tag));
    return this.#tag;
  }

  #receive(data: unknown): void {
    try {
      if (!(data instanceof ArrayBuffer)) throw new Error("a text message");
      const frame = f.openFrame(new Uint8Array(data));
      this.#take(frame.name, frame.tag, frame.body);
    } catch (error) {
      // Whoever is there does not speak the protocol.
      this.close(String(error));
    }
  }

  #take(name: f.FrameName, tag: number, body: Bytes): void {
    switch (name) {
      case "challenge":
        this.#greeted();
        this.#challenge = f.decodeChallenge(body);
        this.#wakeChallenged();
        return;
      case "resumed":
        void this.#resume(f.decodeResumed(body));
        return;
      case "error": {
        const { code, retry, sentence } = f.decodeError(body);
        const text = new TextDecoder().decode(sentence);
        this.#fail(tag, new ServiceError(code, text, Math.min(retry, RETRY_MOST)));
        return;
      }
      default: {
        if (!tag) return this.on[name as Unasked]?.(body);
        const pending = this.#pending.get(tag);
        if (!pending || f.frames[pending.frame[0]!]![2] !== name) {
          throw new Error(`unasked ${name}`);
        }
        if (name === "ready") this.#authenticated = true;
        this.#settle(tag)!.resolve(body);
      }
    }
  }

  #fail(tag: number, error: ServiceError): void {
    this.#lastError = error;
    this.#settle(tag)?.reject(error);
  }

  #settle(tag: number): Pending | undefined {
    const pending = this.#pending.get(tag);
    this.#pending.delete(tag);
    pending?.cancel!();
    return pending;
  }

  /** The service was away behind this socket: what is unanswered is asked
   * again, of a service that knows who asks or has it proved first. */
  async #resume({ role, mark }: f.ResumedFrame): Promise<void> {
    this.#socket.send(f.encodeResume(0, { mark }));
    if (!role) this.#forgetChallenge();
    if (this.#renewing) return; // goes on with the next challenge
    if (!role && this.#authenticated) {
      this.#authenticated = false;
      this.#renewing = true;
      try {
        await this.renew!();
      } catch {
        return this.close("not known any more"); // the next one finds out why
      } finally {
        this.#renewing = false;
      }
    }
    for (const pending of this.#pending.values()) this.#ask(pending);
  }

  /** What was signed for it is to be signed anew. */
  #forgetChallenge(): void {
    this.#challenge = undefined;
    for (const [tag, { frame }] of [...this.#pending]) {
      if (["auth", "register"].includes(nameOf(frame))) {
        const lost = new ServiceError(f.E_CHALLENGE_EXPIRED, "lost");
        this.#settle(tag)!.reject(lost);
      }
    }
  }

  #finish(reason: string): void {
    if (this.#over) return;
    this.#greeted();
    this.#over = new Disconnected(reason);
    for (const tag of [...this.#pending.keys()]) {
      this.#settle(tag)!.reject(this.#over);
    }
    this.#wakeChallenged();
    this.#end(this.#over);
  }

  #wakeChallenged(): void {
    const waiting = this.#awaitingChallenge;
    this.#awaitingChallenge = [];
    for (const wake of waiting) wake();
  }
}

function nameOf(frame: Bytes): f.FrameName {
  return f.frames[frame[0]!]![0];
}
