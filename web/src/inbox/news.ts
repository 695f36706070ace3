// What has come in: in the title, as a notification where it was allowed, and
// in a live region for those who do not see the list change.

import { useEffect, useRef, useState } from "preact/hooks";

import type { Conversation, Inbox } from "../client/types.ts";
import { inert } from "../ui/thread.tsx";
import { visitorName } from "./names.ts";
import { go } from "./route.ts";

/** More than these at once are told as a number. */
const ONE_BY_ONE = 3;
const SAID_MAX = 5;

/** News that follow each other this closely are told together, but no later
 * than this. */
const QUIET_MS = 300;
const LONGEST_MS = 3000;

export type Permission = NotificationPermission | "impossible";

export function permission(): Permission {
  return "Notification" in window ? Notification.permission : "impossible";
}

/** Only after a click: a page that asks by itself is refused for good. */
export async function askPermission(): Promise<Permission> {
  return "Notification" in window
    ? Notification.requestPermission()
    : "impossible";
}

/** Without a word of the message: the desktop's own records are not sealed. */
function notify(title: string, sid: string | undefined): void {
  if (document.visibilityState === "visible" && document.hasFocus()) return;
  if (permission() !== "granted") return;

  try {
    const note = new Notification(title, { tag: sid ?? "sealchat", silent: false });

    note.onclick = () => {
      focus();
      if (sid !== undefined) go({ sid, details: false });
      note.close();
    };
  } catch {
    // Some phones have the name of it only.
  }
}

function lastOfVisitor({ messages }: Conversation): string | undefined {
  return messages.findLast((message) => !message.mine)?.id;
}

/** The number of unread messages, where it is seen from another tab. */
function useTitle(inbox: Inbox): void {
  const unread = inbox.conversations.reduce((sum, c) => sum + c.unread, 0);

  useEffect(() => {
    // A title costs the browser more than a row does.
    const timer = setTimeout(() => {
      document.title =
        unread > 0 ? `(${unread}) SealChat inbox` : "SealChat inbox";
    }, QUIET_MS);

    return () => clearTimeout(timer);
  }, [unread]);
}

function lineOf(conversation: Conversation, open: boolean): string {
  const { name } = visitorName(conversation.sid);
  const text = conversation.messages.findLast((message) => !message.mine)?.text;

  return open && text ? `${name}: ${inert(text)}` : `New message from ${name}`;
}

/** Calls back with what was added, once nothing has been for a moment. */
class Gathered {
  readonly #tell: (sids: ReadonlySet<string>) => void;
  #sids = new Set<string>();
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (sids: ReadonlySet<string>) => void) {
    this.#tell = tell;
  }

  add(sids: readonly string[]): void {
    if (sids.length === 0) return;
    if (this.#sids.size === 0) this.#since = Date.now();
    for (const sid of sids) this.#sids.add(sid);
    if (Date.now() - this.#since > LONGEST_MS) return;

    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const gathered = this.#sids;
      this.#sids = new Set();
      this.#tell(gathered);
    }, QUIET_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Returns what the live region says. */
export function useNews(inbox: Inbox, openSid: string | undefined): readonly string[] {
  const known = useRef<Map<string, string | undefined>>(undefined);
  const open = useRef(openSid);
  const gathered = useRef<Gathered>(undefined);
  const [said, setSaid] = useState<readonly string[]>([]);

  open.current = openSid;
  useTitle(inbox);
  useEffect(() => {
    gathered.current = new Gathered((sids) => {
      const lines = tell(
        inbox.conversations.filter(({ sid }) => sids.has(sid)),
        open.current,
      );
      setSaid((old) => [...old, ...lines].slice(-SAID_MAX));
    });
    return () => gathered.current?.stop();
  }, [inbox]);
  useEffect(() => {
    const before = known.current;
    const now = new Map(
      inbox.conversations.map((c) => [c.sid, lastOfVisitor(c)] as const),
    );
    known.current = now;
    if (before === undefined) return;

    gathered.current?.add(
      [...now]
        .filter(([sid, id]) => id !== undefined && id !== before.get(sid))
        .map(([sid]) => sid),
    );
  });

  return said;
}

/** Notifies, and returns what to say of it. */
function tell(
  fresh: readonly Conversation[],
  openSid: string | undefined,
): readonly string[] {
  if (fresh.length > ONE_BY_ONE) {
    const line = `New messages in ${fresh.length} conversations`;

    notify(line, undefined);
    return [line];
  }
  for (const { sid } of fresh) {
    notify(`New message from ${visitorName(sid).name}`, sid);
  }
  return fresh.map((c) => lineOf(c, c.sid === openSid));
}
