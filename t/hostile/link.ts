// The hostile service: it sits on the link, where the sidecar sits, between the
// real nginx and the real sealchatd.  Every record of include/sealchat/record.h
// passes here; a play may change, drop, hold back or add any frame in either
// direction, or answer a browser itself.  What no play touches stays as it is.

import { createConnection, createServer, type Server, type Socket } from "node:net";

import { concat, toHex, uint, type Bytes } from "../../web/src/wire/bytes.ts";
import * as f from "../../web/src/wire/frames.gen.ts";

const HEADER = 12;
const OPEN = 2;
const DATA = 3;
const CLOSE = 4;

/** One browser's connection, as the service sees it. */
export interface Stream {
  /** What the address named: base64url. */
  readonly cid: string;
  /** The first label of the page's host: shop, chat, elsewhere. */
  readonly page: string;
  /** Of AUTH, once it was sent: role, and subject in hex. */
  role: number;
  subject: string;
  toClient(frame: Bytes): void;
  toService(frame: Bytes): void;
  /** Breaks it; the client comes again. */
  cut(): void;
}

export interface Passing extends f.OpenedFrame {
  readonly stream: Stream;
  readonly bytes: Bytes;
}

/** What a frame becomes: undefined leaves it, [] drops it. */
export type Change = Bytes[] | undefined;

export interface Play {
  /** Whose streams it touches; everybody's if left out. */
  readonly cid?: string;
  /** Of which page; of all if left out. */
  readonly page?: string;
  readonly opened?: (stream: Stream) => void;
  readonly toClient?: (passing: Passing) => Change | Promise<Change>;
  readonly toService?: (passing: Passing) => Change | Promise<Change>;
  /** One of these has thrown: the frame passed unchanged. */
  readonly failed?: (error: unknown) => void;
}

interface LinkRecord {
  readonly kind: number;
  readonly stream: number;
  readonly header: Bytes;
  readonly payload: Bytes;
}

/** A whole record at the beginning, or undefined. */
function takeRecord(held: Buffer): LinkRecord | undefined {
  if (held.length < HEADER) return undefined;
  const length = held.readUInt32BE(0);
  if (held.length < HEADER + length) return undefined;
  return {
    kind: held[4]!,
    stream: held.readUInt32BE(8),
    header: new Uint8Array(held.subarray(0, HEADER)),
    payload: new Uint8Array(held.subarray(HEADER, HEADER + length)),
  };
}

function dataRecord(stream: number, payload: Bytes): Bytes {
  return concat(
    uint(payload.length, 4), uint(DATA, 1), new Uint8Array(3), uint(stream, 4),
    payload,
  );
}

function closeRecord(stream: number, code: number): Bytes {
  return concat(
    new Uint8Array(4), uint(CLOSE, 1), new Uint8Array(1), uint(code, 2),
    uint(stream, 4),
  );
}

/** address, origin, cid: each with its length before it. */
function readOpen(payload: Bytes): { origin: string; cid: string } {
  const view = Buffer.from(payload);
  const parts: string[] = [];
  for (let at = 0; parts.length < 3; ) {
    const n = view.readUInt16BE(at);
    parts.push(view.toString("latin1", at + 2, at + 2 + n));
    at += 2 + n;
  }
  return { origin: parts[1]!, cid: parts[2]! };
}

function pageOf(origin: string): string {
  return /^https?:\/\/([a-z0-9-]+)/.exec(origin)?.[1] ?? "";
}

type Way = "toClient" | "toService";

/** What a worker of nginx and the sidecar say to each other. */
class Pair {
  readonly #hostile: HostileLink;
  readonly #nginx: Socket;
  readonly #sidecar: Socket;
  readonly #streams = new Map<number, Stream>();
  readonly #wasCut = new WeakSet<Stream>();
  readonly #tails = new Map<string, Promise<void>>();
  /** Ids of streams that were cut, until the end that speaks on this way has
   * said CLOSE too: nothing of them passes, as it would break the link. */
  readonly #cut: Record<Way, Set<number>> = {
    toClient: new Set(), toService: new Set(),
  };

  constructor(hostile: HostileLink, nginx: Socket, sidecar: Socket) {
    this.#hostile = hostile;
    this.#nginx = nginx;
    this.#sidecar = sidecar;
    this.#read(nginx, sidecar, "toService");
    this.#read(sidecar, nginx, "toClient");
  }

  destroy(): void {
    this.#nginx.destroy();
    this.#sidecar.destroy();
  }

  #read(from: Socket, to: Socket, way: Way): void {
    let held = Buffer.alloc(0);
    from.on("data", (chunk: Buffer) => {
      this.#hostile.tap?.(chunk);
      held = Buffer.concat([held, chunk]);
      for (let next = takeRecord(held); next; next = takeRecord(held)) {
        held = held.subarray(HEADER + next.payload.length);
        this.#pass(next, to, way);
      }
    });
    from.on("close", () => to.end());
    from.on("error", () => to.destroy());
  }

  /** In order on each stream and way, however long a play thinks. */
  #pass(record: LinkRecord, to: Socket, way: Way): void {
    const { kind, stream: id } = record;
    if (this.#cut[way].has(id)) {
      if (kind === CLOSE) this.#cut[way].delete(id);
      return;
    }
    const key = `${id} ${way}`;
    const before = this.#tails.get(key);
    const stream = this.#streamOf(record);
    if (kind === CLOSE) this.#streams.delete(id);
    const work = async () => {
      await before;
      for (const bytes of await this.#become(record, stream, way)) {
        if (to.writable && !(stream && this.#wasCut.has(stream))) to.write(bytes);
      }
    };
    this.#tails.set(key, work().catch(() => void to.destroy()));
  }

  async #become(
    record: LinkRecord,
    stream: Stream | undefined,
    way: Way,
  ): Promise<Bytes[]> {
    const whole = concat(record.header, record.payload);
    if (record.kind !== DATA || !stream) return [whole];
    if (way === "toService") noteRole(stream, record.payload);
    const frames = await this.#hostile.play(stream, record.payload, way);
    if (frames.length === 1 && frames[0] === record.payload) return [whole];
    return frames.map((frame) => dataRecord(record.stream, frame));
  }

  #streamOf({ kind, stream: id, payload }: LinkRecord): Stream | undefined {
    if (kind !== OPEN) return this.#streams.get(id);
    const { origin, cid } = readOpen(payload);
    const isOpen = () => this.#streams.get(id) === stream;
    const stream: Stream = {
      cid, page: pageOf(origin), role: 0, subject: "",
      toClient: (frame) => {
        if (isOpen()) this.#nginx.write(dataRecord(id, frame));
      },
      toService: (frame) => {
        if (isOpen()) this.#sidecar.write(dataRecord(id, frame));
      },
      cut: () => {
        if (!isOpen()) return;
        this.#streams.delete(id);
        this.#wasCut.add(stream);
        this.#cut.toService.add(id);
        this.#cut.toClient.add(id);
        this.#nginx.write(closeRecord(id, 1012));
        this.#sidecar.write(closeRecord(id, 1001));
      },
    };
    this.#streams.set(id, stream);
    this.#hostile.opened(stream);
    return stream;
  }
}

function noteRole(stream: Stream, bytes: Bytes): void {
  const frame = f.openFrame(bytes);
  if (frame.name !== "auth") return;
  const { role, subject } = f.decodeAuth(frame.body);
  stream.role = role;
  stream.subject = toHex(subject);
}

export class HostileLink {
  /** Gets all bytes as they come. */
  tap: ((bytes: Buffer) => void) | undefined;
  readonly #plays = new Set<Play>();
  readonly #pairs = new Set<Pair>();
  #server: Server | undefined;

  /** Stands at one socket and speaks to sealchatd at another. */
  async listen(path: string, sidecar: string): Promise<void> {
    const server = createServer((nginx) => {
      this.#pairs.add(new Pair(this, nginx, createConnection(sidecar)));
    });
    this.#server = server;
    await new Promise<void>((done) => server.listen(path, done));
  }

  /** From now on; returns what ends it. */
  begin(play: Play): () => void {
    this.#plays.add(play);
    return () => void this.#plays.delete(play);
  }

  opened(stream: Stream): void {
    for (const play of this.#of(stream)) play.opened?.(stream);
  }

  async play(
    stream: Stream,
    bytes: Bytes,
    way: Way,
  ): Promise<Bytes[]> {
    let frames = [bytes];
    for (const play of this.#of(stream)) {
      const hook = play[way];
      if (!hook) continue;
      const out: Bytes[] = [];
      for (const frame of frames) {
        const opened = f.openFrame(frame);
        const change = await this.#change(play, hook, {
          ...opened, bytes: frame, stream,
        });
        out.push(...(change ?? [frame]));
      }
      frames = out;
    }
    return frames;
  }

  async #change(
    play: Play,
    hook: NonNullable<Play["toClient"]>,
    passing: Passing,
  ): Promise<Change> {
    try {
      return await hook(passing);
    } catch (error) {
      play.failed?.(error);
      return undefined;
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) pair.destroy();
    await new Promise<void>((done) => this.#server?.close(() => done()) ?? done());
  }

  #of(stream: Stream): Play[] {
    return [...this.#plays].filter(
      (play) =>
        (play.cid === undefined || play.cid === stream.cid) &&
        (play.page === undefined || play.page === stream.page));
  }
}
