// The client library: what the widget and the inbox import.

import type { Inbox, ServiceAddress, VisitorChat } from "./types.ts";
import { CustomerInbox } from "./inbox.ts";
import type { Platform } from "./platform.ts";
import { Visitor } from "./visitor.ts";

export * from "./types.ts";
export { ClientError, type ClientErrorCode } from "./errors.ts";
export type { Platform } from "./platform.ts";

export interface VisitorChatOptions {
  readonly service: ServiceAddress;
  /** data-cid of the snippet: 43 characters of base64url. */
  readonly cid: string;
  /** data-min-generation of the snippet; 1 if it has none. */
  readonly minGeneration?: number;
  /** Names the release of the widget in use: 32 bytes (docs/protocol.md). */
  readonly release?: Uint8Array;
  /** Storage, locks, sockets, clock; the browser's if left out. */
  readonly platform?: Platform;
}

export interface InboxOptions {
  readonly service: ServiceAddress;
  /** An operator's invitation, 16 bytes; for open registration none. */
  readonly invitation?: Uint8Array;
  /** Names the release of the inbox in use. */
  readonly release?: Uint8Array;
  readonly platform?: Platform;
}

/** Throws a ClientError "bad-cid" for a cid that is none. */
export function createVisitorChat(options: VisitorChatOptions): VisitorChat {
  return new Visitor(options);
}

export function createInbox(options: InboxOptions): Inbox {
  return new CustomerInbox(options);
}
