// The conversation as a file of text, for the visitor to keep.

import type { Message } from "../client/types.ts";
import { moment, shared } from "../ui/language.ts";
import { inert } from "../ui/text.tsx";
import { named, words } from "./words/index.ts";

function line(message: Message, name: string): string {
  const mark = message.mark ? `[${shared.marks[message.mark]}] ` : "";
  const speaker = message.mine ? words.you : name;

  return `${moment(message.time)}  ${speaker}: ${mark}${inert(message.text)}`;
}

export function saveCopy(
  messages: readonly Message[],
  name: string,
  safetyNumber: string | undefined,
): void {
  const text = [
    `${named(words.launcher, name)}, ${location.href.split("#")[0]}`,
    ...(safetyNumber ? [`${words.safetyNumber}: ${safetyNumber}`] : []),
    "",
    ...messages.map((message) => line(message, name)),
    "",
  ].join("\n");
  const link = document.createElement("a");

  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = `${name.replace(/[^\p{L}\p{N}]+/gu, "-")}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
