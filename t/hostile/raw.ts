// A client that says what it is told to, byte by byte.

import { toBase64Url, ZERO_ID, type Bytes } from "../../web/src/wire/bytes.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { addressOf, keysOf, platformOf, type Scene } from "./scene.ts";

const PATIENCE = 30_000;

export interface Answer {
  readonly name: string;
  readonly tag: number;
  readonly body: Bytes;
}

/** A client that says what it is told to. */
export class Raw {
  readonly answers: Answer[] = [];
  closed = "";
  readonly #socket: WebSocket;
  readonly #unsent: Bytes[] = [];
  readonly #waiting = new Map<string, () => void>();
  #woken: (() => void)[] = [];
  #tag = 0;

  constructor(scene: Scene, cid: string) {
    const { stage, lib } = scene;
    const url = `${addressOf(stage).url}?c=${cid}`;
    const socket = platformOf(stage, lib).socket(url, f.subprotocol);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      for (const frame of this.#unsent.splice(0)) socket.send(frame);
    };
    socket.onmessage = ({ data }) => {
      const { name, tag, body } = f.openFrame(new Uint8Array(data as ArrayBuffer));
      this.answers.push({ name, tag, body });
      this.#waiting.get(name)?.();
      this.#wake();
    };
    socket.onclose = ({ code, reason }) => {
      this.closed = `${code} ${reason}`;
      this.#wake();
    };
    this.#socket = socket as unknown as WebSocket;
  }

  /** Its tag. */
  send(encode: (tag: number) => Bytes): number {
    const frame = encode(++this.#tag);
    if (this.#socket.readyState === 1) this.#socket.send(frame);
    else this.#unsent.push(frame);
    return this.#tag;
  }

  /** The moment in which it does. */
  arrives(name: string): Promise<void> {
    if (this.answers.some((answer) => answer.name === name)) return Promise.resolve();
    return new Promise((done) => this.#waiting.set(name, done));
  }

  #wake(): void {
    for (const wake of this.#woken.splice(0)) wake();
  }

  /** Until something that came, or the end, brings it about. */
  async until<T>(what: string, find: () => T | undefined | false): Promise<T> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const found = find();
      if (found) return found;
      if (this.closed || Date.now() > deadline) {
        throw new Error(`in vain: ${what}; ${this.closed || "still open"}`);
      }
      await new Promise<void>((done) => {
        const timer = setTimeout(done, PATIENCE);
        this.#woken.push(() => (clearTimeout(timer), done()));
      });
    }
  }

  async next(name: string): Promise<Bytes> {
    const found = await this.until(`${name} in answer`, () =>
      this.answers.find((answer) => answer.name === name || answer.name === "error"));
    this.answers.splice(this.answers.indexOf(found), 1);
    if (found.name !== name) throw new Error(`refused: ${sentence(found.body)}`);
    return found.body;
  }

  /** What is answered, be it a refusal. */
  async any(): Promise<Answer> {
    const found = await this.until("an answer", () =>
      this.answers.find(({ name }) => name !== "challenge"));
    this.answers.splice(this.answers.indexOf(found), 1);
    return found;
  }

  close(): void {
    this.#socket.close();
  }
}

export const sentence = (body: Bytes): string =>
  new TextDecoder().decode(f.decodeError(body).sentence);

/** Who asks. */
export interface Who {
  readonly role: 1 | 2 | 3 | 4;
  readonly subject: Bytes;
  readonly key: CryptoKey;
  /** Of a visitor. */
  readonly hello?: Bytes;
}

/** One that has proved who it is. */
export async function as(scene: Scene, cid: string, who: Who): Promise<Raw> {
  const { lib, stage } = scene;
  const { role, subject, key, hello } = who;
  const raw = new Raw(scene, cid);
  const { challenge } = f.decodeChallenge(await raw.next("challenge"));
  const sig = await lib.signClaim({
    role, originHash: await lib.hash(new TextEncoder().encode(stage.chat)),
    challenge, subject,
  }, key);
  raw.send((tag) => f.encodeAuth(tag, {
    role, subject, sig, puzzle: 0, release: ZERO_ID,
    hello: hello ?? new Uint8Array(0),
  }));
  await raw.next("ready");
  return raw;
}

/** One that has proved to be a device of a customer. */
export async function asDevice(
  scene: Scene,
  colleague = scene.lane.colleague,
): Promise<Raw> {
  const device = keysOf(colleague);
  return as(scene, toBase64Url(device.cid), {
    role: 2, key: device.signKey,
    subject: await scene.lib.names.signkeyIdOf(device.pk),
  });
}
