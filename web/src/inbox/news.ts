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
  if (permission() !== "granted") return;
  if (document.visibilityState === "visible" && document.hasFocus()) return;

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
    document.title = unread > 0 ? `(${unread}) SealChat inbox` : "SealChat inbox";
  }, [unread]);
}

function lineOf(conversation: Conversation, open: boolean): string {
  const { name } = visitorName(conversation.sid);
  const text = conversation.messages.findLast((message) => !message.mine)?.text;

  return open && text ? `${name}: ${inert(text)}` : `New message from ${name}`;
}

/** Returns what the live region says. */
export function useNews(inbox: Inbox, openSid: string | undefined): readonly string[] {
  const known = useRef<Map<string, string | undefined>>(undefined);
  const [said, setSaid] = useState<readonly string[]>([]);

  useTitle(inbox);
  useEffect(() => {
    const before = known.current;
    const now = new Map(
      inbox.conversations.map((c) => [c.sid, lastOfVisitor(c)] as const),
    );
    known.current = now;
    if (before === undefined) return;

    const fresh = inbox.conversations.filter(
      (c) => now.get(c.sid) !== undefined && now.get(c.sid) !== before.get(c.sid),
    );
    if (fresh.length === 0) return;

    if (fresh.length > ONE_BY_ONE) {
      const line = `New messages in ${fresh.length} conversations`;

      notify(line, undefined);
      setSaid((lines) => [...lines, line].slice(-SAID_MAX));
      return;
    }
    for (const { sid } of fresh) {
      notify(`New message from ${visitorName(sid).name}`, sid);
    }
    const lines = fresh.map((c) => lineOf(c, c.sid === openSid));
    setSaid((old) => [...old, ...lines].slice(-SAID_MAX));
  });

  return said;
}
