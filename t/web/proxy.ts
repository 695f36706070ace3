// A service in the middle that does what a test tells it: it stands between
// real clients and the real service, and may change, drop, hold back or add any
// frame in either direction.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

type Frame = Uint8Array<ArrayBuffer>;

export interface Tampering {
  /** What the client gets instead of what the service sent; [] drops it. */
  toClient?: (frame: Frame) => Frame[] | Promise<Frame[]>;
  toService?: (frame: Frame) => Frame[] | Promise<Frame[]>;
}

export interface Proxy {
  readonly url: string;
  /** May be replaced at any time. */
  tampering: Tampering;
  /** Breaks every connection; clients come again. */
  cut(): void;
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(426).end());
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  const proxy: Proxy = {
    url: `ws://127.0.0.1:${port}/sealchat`,
    tampering: {},
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      proxy.cut();
      return new Promise((done) => server.close(() => done()));
    },
  };
  server.on("upgrade", (request, client) => join(proxy, target, request, client));
  return proxy;
}

function join(
  proxy: Proxy,
  target: string,
  request: IncomingMessage,
  client: Duplex,
): void {
  const query = new URL(request.url!, "http://proxy").search;
  const service = new WebSocket(target + query, "sealchat.1");
  service.binaryType = "arraybuffer";
  const accept = createHash("sha1")
    .update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  client.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\nSec-WebSocket-Protocol: sealchat.1\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );

  // One after the other in each direction, however long a hook takes.
  let down = Promise.resolve();
  let up = new Promise<void>((done) => (service.onopen = () => done()));
  service.onmessage = ({ data }) => {
    down = down.then(async () => {
      const frame = new Uint8Array(data as ArrayBuffer);
      const frames = (await proxy.tampering.toClient?.(frame)) ?? [frame];
      for (const out of frames) if (client.writable) client.write(unmasked(2, out));
    });
  };
  service.onclose = ({ code, reason }) => {
    down = down.then(() => {
      const status = code >= 1000 && code !== 1005 && code !== 1006 ? code : 1011;
      const text = Buffer.from(reason);
      const body = Buffer.concat([Buffer.from([status >> 8, status & 255]), text]);
      if (client.writable) client.end(unmasked(8, body));
    });
  };
  client.on("close", () => service.close());
  client.on("error", () => service.close());

  let held = Buffer.alloc(0);
  client.on("data", (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (let next = takeMasked(held); next; next = takeMasked(held)) {
      held = held.subarray(next.used);
      const { opcode, payload } = next;
      if (opcode === 8) client.end(unmasked(8, payload.slice(0, 2)));
      if (opcode === 9) client.write(unmasked(10, payload));
      if (opcode !== 2) continue;
      up = up.then(async () => {
        const frames = (await proxy.tampering.toService?.(payload)) ?? [payload];
        for (const out of frames) {
          if (service.readyState === WebSocket.OPEN) service.send(out);
        }
      });
    }
  });
}

/** RFC 6455, 5.2: a whole message as a server sends it. */
function unmasked(opcode: number, payload: Uint8Array): Buffer {
  const n = payload.length;
  const head =
    n < 126
      ? Buffer.from([0x80 | opcode, n])
      : n < 65536
        ? Buffer.from([0x80 | opcode, 126, n >> 8, n & 255])
        : Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0, 0, n >> 16, (n >> 8) & 255, n & 255]);
  return Buffer.concat([head, payload]);
}

/** The first message of a client, once it is whole; clients that are tested do
 * not fragment. */
function takeMasked(
  bytes: Buffer,
): { opcode: number; payload: Frame; used: number } | undefined {
  if (bytes.length < 2) return undefined;
  let n = bytes[1]! & 127;
  let at = 2;
  if (n === 126) {
    if (bytes.length < 4) return undefined;
    n = bytes.readUInt16BE(2);
    at = 4;
  } else if (n === 127) {
    if (bytes.length < 10) return undefined;
    n = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  if (bytes.length < at + 4 + n) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const payload = new Uint8Array(n);
  for (let i = 0; i < n; i++) payload[i] = bytes[at + 4 + i]! ^ mask[i & 3]!;
  return { opcode: bytes[0]! & 15, payload, used: at + 4 + n };
}
