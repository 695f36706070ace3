// Which conversations the list shows, and in which order.  What is searched is
// the text that this device has decrypted; no word of it leaves the page.

import type { Conversation, Message } from "../client/types.ts";
import { visitorName } from "./names.ts";

export type Filter = "open" | "closed";
export type Order = "newest" | "waiting";

export interface Wanted {
  readonly words: string;
  readonly filter: Filter;
  readonly order: Order;
}

export interface Found {
  readonly conversation: Conversation;
  /** The newest message with the words that were searched. */
  readonly hit?: Message;
}

/** Case and accents do not matter to a search. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
}

// The client hands out the same array until a conversation changes.
const foldedTexts = new WeakMap<readonly Message[], readonly string[]>();

function textsOf(messages: readonly Message[]): readonly string[] {
  let texts = foldedTexts.get(messages);
  if (texts === undefined) {
    texts = messages.map(({ text }) => folded(text));
    foldedTexts.set(messages, texts);
  }
  return texts;
}

/** All words have to be there; the visitor's name counts too. */
function search(
  conversation: Conversation,
  words: readonly string[],
): Found | undefined {
  const texts = textsOf(conversation.messages);
  const name = folded(visitorName(conversation.sid).name);
  const missing = words.filter(
    (word) => !name.includes(word) && !texts.some((text) => text.includes(word)),
  );
  if (missing.length > 0) return undefined;

  const at = texts.findLastIndex((text) => words.every((w) => text.includes(w)));
  const near = at >= 0 ? at : texts.findLastIndex((text) =>
    words.some((word) => text.includes(word)));
  const hit = conversation.messages[near];

  return hit === undefined ? { conversation } : { conversation, hit };
}

/** Who has waited longest comes first, whoever does not wait comes last. */
function byWaiting(a: Found, b: Found): number {
  const since = ({ conversation: c }: Found) => c.waitingSince ?? Infinity;

  if (since(a) === since(b)) {
    return b.conversation.lastTime - a.conversation.lastTime;
  }
  return since(a) - since(b);
}

export function find(
  conversations: readonly Conversation[],
  { words, filter, order }: Wanted,
): readonly Found[] {
  const parts = folded(words).split(/\s+/).filter((part) => part !== "");
  const found: Found[] =
    parts.length > 0
      ? conversations.flatMap((c) => search(c, parts) ?? [])
      : conversations
          .filter((c) => c.closed === (filter === "closed"))
          .map((conversation) => ({ conversation }));

  return order === "waiting" ? found.sort(byWaiting) : found;
}

/** A piece of a long text around the first of the words. */
export function around(text: string, words: string): string {
  const [first = ""] = folded(words).split(/\s+/).filter((w) => w !== "");
  const at = folded(text).indexOf(first);

  return at <= 24 ? text : `…${text.slice(at - 16)}`;
}
