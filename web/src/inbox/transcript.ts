// A conversation as plain text, for a file of one's own.

import type { Conversation, Message } from "../client/types.ts";
import { inert } from "../ui/thread.tsx";
import { marks } from "../ui/words.ts";
import { deviceName, visitorName } from "./names.ts";

/** 2026-03-09 14:05, in this device's time. */
function stamp(time: number): string {
  const local = new Date(time - new Date(time).getTimezoneOffset() * 60_000);

  return local.toISOString().slice(0, 16).replace("T", " ");
}

function lineOf(message: Message, visitor: string): string {
  const who = message.mine ? `You (${deviceName(message.sender)})` : visitor;
  const mark = message.mark && `[${marks[message.mark]}]`;
  const said = [mark, inert(message.text)].filter((part) => part).join(" ");

  // A line that goes on cannot pass for the next message.
  return `${stamp(message.time)}  ${who}: ${said.replaceAll("\n", "\n    ")}`;
}

export function transcript(conversation: Conversation): string {
  const { name } = visitorName(conversation.sid);

  return [
    `SealChat conversation with ${name}`,
    `Safety number: ${conversation.safetyNumber}`,
    `Saved: ${stamp(Date.now())}`,
    "",
    ...conversation.messages.map((message) => lineOf(message, name)),
    "",
  ].join("\n");
}
