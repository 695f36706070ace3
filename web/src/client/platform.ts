// What the client needs from where it runs: browsers (browser.ts) and Node
// (t/web) each provide it.

/** One atomic write: all changes or none; undefined deletes. */
export type Changes = ReadonlyMap<string, unknown>;

/**
 * Strings to values that structured clone can copy, CryptoKeys among them.
 */
export interface Storage {
  get(key: string): Promise<unknown>;
  /** All entries whose key begins with prefix, ascending by key. */
  list(prefix: string): Promise<[string, unknown][]>;
  /** Resolves when the changes survive a crash. */
  write(changes: Changes): Promise<void>;
  close(): void;
}

/** The part of a WebSocket that is used. */
export interface Socket {
  binaryType: string;
  readonly protocol: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** Messages between the tabs that share a storage. */
export interface Channel {
  post(message: unknown): void;
  onmessage: ((message: unknown) => void) | undefined;
  close(): void;
}

export interface Platform {
  /** Opens the storage of that name; the same name gives the same content. */
  open(name: string): Promise<Storage>;
  channel(name: string): Channel;
  /** Runs work while no other tab runs any under the same name. */
  exclusive<T>(name: string, work: () => Promise<T>): Promise<T>;
  socket(url: string, protocol: string): Socket;
  /** ms since 1970. */
  now(): number;
  /** Calls back after ms; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}
