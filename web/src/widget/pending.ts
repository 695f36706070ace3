// What was written before there is a session: the client can keep a message
// only once it knows the keys to seal it with, and until then this page alone
// holds it.

import { useState } from "preact/hooks";

import type { Message, VisitorChat } from "../client/types.ts";

let count = 0;

function pendingMessage(text: string): Message {
  count++;
  return {
    id: `pending-${count}`,
    mine: true,
    from: "visitor",
    sender: "",
    text,
    time: Date.now(),
    delivery: "sending",
  };
}

export interface Sender {
  /** All messages to show. */
  readonly messages: readonly Message[];
  /** Some of them are held by this page alone. */
  readonly holding: boolean;
  readonly send: (text: string) => Promise<void>;
}

export function useSender(chat: VisitorChat): Sender {
  const [pending, setPending] = useState<readonly Message[]>([]);

  const send = async (text: string) => {
    const message = pendingMessage(text);
    const drop = (list: readonly Message[]) =>
      list.filter(({ id }) => id !== message.id);

    setPending((list) => [...list, message]);
    try {
      await chat.send(text);
      setPending(drop);
    } catch (error) {
      setPending(drop);
      if (chat.alarm === undefined) throw error;
      // There is no composer left to give the text back to.
      setPending((list) => [...list, { ...message, delivery: "failed" }]);
    }
  };

  const taken = (message: Message) =>
    chat.messages.some(
      (kept) =>
        kept.mine && kept.text === message.text && kept.time >= message.time,
    );
  const waiting = pending.filter((message) => !taken(message));

  return {
    holding: waiting.length > 0,
    messages: waiting.length > 0 ? [...chat.messages, ...waiting] : chat.messages,
    send,
  };
}
