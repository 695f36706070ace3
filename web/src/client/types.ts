// What the pages see of the client library.  The widget and the inbox are
// written against this file alone; the client implements it.

/** How far a message of one's own has come. */
export type Delivery =
  | "sending" // kept here, and sent as soon as it can be
  | "stored" // the service has it
  | "delivered" // something that the other side wrote rests on it
  | "read" // a receipt of the other side rests on it
  | "failed"; // not sent: an alarm stands, or the conversation is gone

/** Why a message is not simply shown (docs/protocol.md, "Receiver"). */
export type Mark =
  | "waiting"
  | "gap"
  | "conflicting"
  | "unreadable"
  | "removed-device"
  | "beginning-missing";

export interface Message {
  /** Stable on this device, also for a message not sent yet. */
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
    | "device-removed" // another device took this one off the list
    | "not-here" // the service does not know this customer
    | "blocked" // the customer has no more of this session
    | "refused"; // the service refused for good; detail says why
  readonly detail: string;
}

/** Those that a visitor can meet. */
export type VisitorAlarm = Exclude<Alarm["code"], "device-removed">;

/** And a customer. */
export type CustomerAlarm = Exclude<Alarm["code"], "blocked">;

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
  /** Somebody on the other side is writing. */
  readonly typing: boolean;
  /** The other side, or this one, has closed it; a later text reopens it. */
  readonly closed: boolean;
  /** The service no longer has this conversation: the other side deleted it,
   * or the service did.  What is here stays; a new text begins a new one. */
  readonly deleted: boolean;
  /** Messages of the other side that seen() did not cover yet. */
  readonly unread: number;
  /** Loads what is stored; connects if a session exists, or a text waits for
   * one. */
  start(): Promise<void>;
  /** Connects although no session exists yet. */
  connect(): void;
  /** Resolves when the message is persisted: in the outbox, or as a draft
   * until the customer's keys are known and verified. */
  send(text: string): Promise<void>;
  /** Something is being written: call it on each input. */
  composing(): void;
  /** The newest message is before the visitor's eyes: call it whenever that
   * is so, as often as you like. */
  seen(): void;
  /** Forgets keys and messages at once; resolves when the service has deleted
   * its part too.  Offline that waits, also over a reload. */
  endAndDelete(): Promise<void>;
  /** Whether code() can give one: in the first week of a conversation that was
   * begun here. */
  readonly codable: boolean;
  /** A code with which another browser can go on with this conversation; the
   * same one each time.  Rejects with "offline" or "refused". */
  code(): Promise<string>;
  /** Goes on with the conversation of that code, in a browser that has none.
   * Rejects with "bad-code", "offline" or "refused", or with an alarm. */
  resume(code: string): Promise<void>;
  /** Tells the customer's devices what runs here, under the code that one of
   * them made up (16 bytes).  Rejects with "offline" or "refused". */
  report(code: Uint8Array): Promise<void>;
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
  /** The visitor is writing. */
  readonly typing: boolean;
  /** The last thing written was that it is closed. */
  readonly closed: boolean;
  /** Gone from the service; what is here stays until it is deleted here. */
  readonly deleted: boolean;
  /** The service takes nothing more of this visitor; asked: or is still to
   * hear of it, or of its end. */
  readonly blocked: boolean;
  readonly blockAsked: boolean;
  /** The visitor's release of the widget, hex; empty if unknown. */
  readonly release: string;
  /** Time of the visitor's oldest text that no text has answered since. */
  readonly waitingSince: number | undefined;
}

/** The roster as a person reads it. */
export interface DeviceList {
  readonly devices: readonly { readonly id: string; readonly mine: boolean }[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly generation: number;
}

/** What a page said of itself; the service could have made it up. */
export interface CheckResult {
  /** hex; zeros where the snippet carries no hash. */
  readonly release: string;
  readonly minGeneration: number;
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
  /** Another device has changed the keys: renew() brings them, and until then
   * new messages cannot be opened here. */
  readonly locked: boolean;
  /** When a message was last written under keys that had been replaced days
   * before: visitors may be shown an old list, so the snippet needs its least
   * generation. */
  readonly staleSince: number | undefined;
  /** The highest roster that this device holds. */
  readonly devices: DeviceList | undefined;
  /** When each device was added, by its id; empty while that cannot be known. */
  devicesSince(): Promise<ReadonlyMap<string, number>>;
  /** By the time of the last message, newest first. */
  readonly conversations: readonly Conversation[];
  readonly subscribe: Subscribe;
  start(): Promise<void>;
  /** Makes all keys and the account; the kit is shown once. */
  register(options: {
    account: string;
    password: string;
    suite: 1 | 2;
    /** An operator's invitation: 32 hexadecimal digits. */
    invitation?: string;
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
  /** The account by its recovery code alone, on a browser that holds none: a
   * new password, a new kit, and this device as the only one. */
  recover(options: {
    account: string;
    cid: string;
    recoveryCode: string;
    newPassword: string;
    confirm: (list: DeviceList) => Promise<boolean>;
    /** Resolves with true once the owner holds the new kit in hands; nothing
     * is changed before. */
    keep: (kit: RecoveryKit) => Promise<boolean>;
    progress?: (step: string) => void;
  }): Promise<void>;
  /** A new roster of the same devices, valid from now on; with it come the
   * keys of a generation that another device began.  Rejects with
   * "wrong-credentials" for a wrong password, or for a Secret Key that was
   * changed meanwhile: then the new one has to be given. */
  renew(options: {
    password: string;
    secretKey?: string;
    progress?: (step: string) => void;
  }): Promise<void>;
  /** New keys for the account: for a new password, a new kit, devices less, or
   * all of these at once.  What was written before stays readable.  Rejects
   * with "wrong-credentials" for a wrong password. */
  change(options: {
    password: string;
    newPassword?: string | undefined;
    /** Ids of devices. */
    remove?: readonly string[];
    /** Given, the kit is made anew; see recover(). */
    keep?: (kit: RecoveryKit) => Promise<boolean>;
    progress?: (step: string) => void;
  }): Promise<void>;
  send(sid: string, text: string): Promise<void>;
  /** Something is being written: call it on each input. */
  composing(sid: string): void;
  /** The newest message of this conversation is before somebody's eyes: call
   * it whenever that is so, as often as you like. */
  seen(sid: string): void;
  closeConversation(sid: string): Promise<void>;
  /** The service takes nothing more of this visitor, or does again; resolves
   * when it said so.  Offline that waits, also over a reload. */
  blockConversation(sid: string, blocked: boolean): Promise<void>;
  /** Forgets it here at once; resolves when the service has deleted it too.
   * Offline that waits, also over a reload. */
  deleteConversation(sid: string): Promise<void>;
  /** A code (base64url of 16 bytes) for a page to report itself under, and
   * what it reports.  The result stays open until a page does. */
  check(): { readonly code: string; readonly result: Promise<CheckResult> };
  close(): void;
}
