// What the pages see of the client library.  The widget and the inbox are
// written against this file alone; the client implements it.

/** How far a message of one's own has come. */
export type Delivery = "sending" | "stored" | "delivered" | "failed";

/** Why a message is not simply shown (docs/protocol.md, "Receiver"). */
export type Mark =
  | "waiting"
  | "gap"
  | "conflicting"
  | "unreadable"
  | "removed-device"
  | "beginning-missing";

export interface Message {
  /** Envelope id, hex; stable, also for a message not sent yet. */
  readonly id: string;
  /** Sent by this visitor, or by any device of this customer. */
  readonly mine: boolean;
  readonly from: "visitor" | "customer";
  /** signkey_id of the sender, hex: tells the customer's devices apart. */
  readonly sender: string;
  /** Empty when a mark says that it cannot be read. */
  readonly text: string;
  /** ms since 1970: the service's time once stored, else this device's. */
  readonly time: number;
  /** Only for messages of this side. */
  readonly delivery?: Delivery;
  readonly mark?: Mark;
}

export type Link =
  | "idle" // not asked to connect yet
  | "connecting"
  | "ready"
  | "offline"; // lost; connects again by itself

/** Something that the person at the screen has to know. Nothing is sent. */
export interface Alarm {
  readonly code:
    | "roster-other-identity" // signed by another key than cid says
    | "roster-invalid" // malformed or badly signed
    | "roster-expired" // beyond its validity and 48 h
    | "roster-contradicts" // another one of a pinned version, a broken walk
    | "roster-below-minimum" // older than the snippet allows
    | "session-conflict" // own chain at the service is not ours
    | "not-here" // the service does not know this customer
    | "refused"; // the service refused for good; detail says why
  readonly detail: string;
}

/** Runs a listener on every change; returns what stops it. */
export type Subscribe = (listener: () => void) => () => void;

export interface ServiceAddress {
  /** WHATWG origin of the service, as compiled into both ends. */
  readonly origin: string;
  /** WebSocket address without query, e.g. ws://host:port/sealchat. */
  readonly url: string;
}

/** The widget's side: one visitor's conversation with one customer. */
export interface VisitorChat {
  readonly link: Link;
  readonly alarm: Alarm | undefined;
  /** The roster is past its end, within the 48 h of tolerance. */
  readonly warning: "roster-ending" | undefined;
  readonly messages: readonly Message[];
  /** Thirty digits, in groups of five, once a session exists. */
  readonly safetyNumber: string | undefined;
  readonly subscribe: Subscribe;
  /** Loads what is stored; connects if a session exists. */
  start(): Promise<void>;
  /** Connects although no session exists yet. */
  connect(): void;
  /** Resolves when the message is persisted in the outbox. */
  send(text: string): Promise<void>;
  close(): void;
}

export interface RecoveryKit {
  readonly account: string;
  readonly cid: string;
  /** Secret Key, in groups, as it is typed on another device. */
  readonly secretKey: string;
  readonly recoveryCode: string;
}

export interface Conversation {
  /** hex */
  readonly sid: string;
  readonly messages: readonly Message[];
  readonly lastTime: number;
  readonly unread: number;
  readonly safetyNumber: string;
}

/** The roster as a person reads it. */
export interface DeviceList {
  readonly devices: readonly { readonly id: string; readonly mine: boolean }[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly generation: number;
}

/** The inbox's side: one device of a customer. */
export interface Inbox {
  /** What this browser holds: nothing, or a device that is set up. */
  readonly device:
    | { readonly account: string; readonly cid: string; readonly id: string }
    | undefined;
  readonly link: Link;
  readonly alarm: Alarm | undefined;
  readonly warning: "roster-ending" | undefined;
  /** The highest roster that this device holds. */
  readonly devices: DeviceList | undefined;
  /** By the time of the last message, newest first. */
  readonly conversations: readonly Conversation[];
  readonly subscribe: Subscribe;
  start(): Promise<void>;
  /** Makes all keys and the account; the kit is shown once. */
  register(options: {
    account: string;
    password: string;
    suite: 1 | 2;
    progress?: (step: string) => void;
  }): Promise<RecoveryKit>;
  /**
   * A further device.  Rejects with a ClientError whose code is
   * "wrong-credentials" for a wrong name, password or Secret Key alike.
   * A device that has pinned nothing asks confirm before it trusts the list
   * that it was shown.
   */
  login(options: {
    account: string;
    password: string;
    secretKey: string;
    cid: string;
    confirm: (list: DeviceList) => Promise<boolean>;
    progress?: (step: string) => void;
  }): Promise<void>;
  send(sid: string, text: string): Promise<void>;
  markRead(sid: string): void;
  close(): void;
}
