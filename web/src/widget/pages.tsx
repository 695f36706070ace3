// The pages beside the conversation: why it is private, and its end.

import { useLayoutEffect, useRef } from "preact/hooks";

import type { VisitorChat } from "../client/types.ts";
import { SafetyNumber } from "../ui/parts.tsx";
import { named, words } from "./words/index.ts";

export function Proof({ chat, name }: { chat: VisitorChat; name: string }) {
  return (
    <div class="page" tabIndex={0}>
      <h3>{words.safetyTitle}</h3>
      <p>{named(words.safetyHow, name)}</p>
      {chat.safetyNumber !== undefined && (
        <>
          <h3>{words.safetyNumber}</h3>
          <SafetyNumber number={chat.safetyNumber} />
          <p class="hint">{named(words.safetyCompare, name)}</p>
        </>
      )}
    </div>
  );
}

export function End(props: {
  name: string;
  end: () => void;
  keep: () => void;
}) {
  const first = useRef<HTMLButtonElement>(null);

  useLayoutEffect(() => first.current?.focus(), []);

  return (
    <div class="page">
      <h3>{words.end}</h3>
      <p>{named(words.endText, props.name)}</p>
      <div class="choice">
        <button type="button" class="button" ref={first} onClick={props.keep}>
          {words.back}
        </button>
        <button type="button" class="button grave" onClick={props.end}>
          {words.end}
        </button>
      </div>
    </div>
  );
}
