// The platform that a Node process is, for tests, the demo and tools.  One
// object is one profile: everything that opens it shares what it stores, as the
// tabs of a browser do.  Keys cannot leave SubtleCrypto, so it lives in memory.

import type { Changes, Channel, Platform, Socket, Storage } from "./platform.ts";

export interface NodePlatformOptions {
  /** Headers of the opening handshake; Node does not resolve *.localhost, so
   * Host may differ from the address that is connected to. */
  readonly headers?: Record<string, string>;
  readonly now?: () => number;
}

export interface NodePlatform extends Platform {
  /** What is stored, by storage and key; a copy of it is a backup. */
  readonly stored: Map<string, Map<string, unknown>>;
}

export function nodePlatform(options: NodePlatformOptions = {}): NodePlatform {
  const stored = new Map<string, Map<string, unknown>>();
  const tails = new Map<string, Promise<unknown>>();
  const channels = new Map<string, Set<Channel>>();
  return {
    stored,
    open: async (name) => openStorage(stored, name),
    channel: (name) => openChannel(channels, name),
    exclusive(name, work) {
      const turn = (tails.get(name) ?? Promise.resolve()).then(work);
      tails.set(name, turn.catch(() => undefined));
      return turn;
    },
    socket: (url, protocol) => openSocket(url, protocol, options.headers),
    now: options.now ?? (() => Date.now()),
    after(ms, callback) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  };
}

function openStorage(
  stored: Map<string, Map<string, unknown>>,
  name: string,
): Storage {
  const records = stored.get(name) ?? new Map<string, unknown>();
  stored.set(name, records);
  let closed = false;
  const check = () => {
    if (closed) throw new Error("the storage was closed");
  };
  return {
    async get(key) {
      check();
      return structuredClone(records.get(key));
    },
    async list(prefix) {
      check();
      return [...records]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [key, structuredClone(value)]);
    },
    async write(changes: Changes) {
      check();
      const copies = [...changes].map(
        ([key, value]) => [key, structuredClone(value)] as const,
      );
      for (const [key, value] of copies) {
        if (value === undefined) records.delete(key);
        else records.set(key, value);
      }
    },
    close: () => void (closed = true),
  };
}

function openChannel(
  channels: Map<string, Set<Channel>>,
  name: string,
): Channel {
  const peers = channels.get(name) ?? new Set<Channel>();
  channels.set(name, peers);
  const channel: Channel = {
    post(message) {
      const copy = structuredClone(message);
      for (const peer of peers) {
        if (peer !== channel) queueMicrotask(() => peer.onmessage?.(copy));
      }
    },
    onmessage: undefined,
    close: () => void peers.delete(channel),
  };
  peers.add(channel);
  return channel;
}

function openSocket(
  url: string,
  protocol: string,
  headers: Record<string, string> = {},
): Socket {
  // Node's own WebSocket takes headers where a browser takes protocols alone.
  const Opening = WebSocket as unknown as new (
    url: string,
    options: { protocols: string; headers: Record<string, string> },
  ) => Socket;
  return new Opening(url, { protocols: protocol, headers });
}
