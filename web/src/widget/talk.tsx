// The conversation itself.

import type { RefObject } from "preact";
import { useEffect, useReducer, useRef } from "preact/hooks";

import type {
  Alarm, Link, Message, VisitorChat,
} from "../client/types.ts";
import { Composer } from "../ui/composer.tsx";
import { AlarmBox, useSteadyLink } from "../ui/parts.tsx";
import { linked } from "../ui/text.tsx";
import { Thread } from "../ui/thread.tsx";
import { alarmWords } from "./words/words.ts";
import { named, words } from "./words/index.ts";

function Greeting({ speaker, text }: { speaker: string; text: string }) {
  return (
    <div class="entry first last">
      <div class="bubble">
        <span class="hidden">{`${speaker}: `}</span>
        <span class="said" dir="auto">
          {linked(text || words.greeting)}
        </span>
      </div>
    </div>
  );
}

function Typing({ speaker }: { speaker: string }) {
  return (
    <div class="entry first last">
      <div class="bubble typing">
        <span class="hidden">{named(words.typing, speaker)}</span>
        <i />
        <i />
        <i />
      </div>
    </div>
  );
}

/** The one calm line, if there is something to say. */
function lineOf(chat: VisitorChat, link: Link, ended: boolean) {
  const last = chat.messages.at(-1);

  if (chat.alarm !== undefined) return undefined;
  if (link === "offline") {
    const kept = chat.messages.some((m) => m.delivery === "sending");

    return kept ? `${words.offline} ${words.kept}` : words.offline;
  }
  if (chat.deleted || (ended && last === undefined)) {
    return `${words.deleted} ${words.anew}`;
  }
  if (chat.closed) return words.closed;
  return chat.warning === "roster-ending" ? words.ending : undefined;
}

type AlarmWithWords = keyof ReturnType<typeof alarmWords>;

/** Stands where one would write, and takes the focus that was there. */
function Alarmed({ alarm }: { alarm: Alarm }) {
  const foot = useRef<HTMLDivElement>(null);

  useEffect(() => foot.current?.focus(), []);

  return (
    <div class="foot" ref={foot} tabIndex={-1}>
      {alarm.code === "blocked" ? (
        <p class="mark">{words.blocked}</p>
      ) : (
        <AlarmBox
          alarm={alarm}
          words={alarmWords(words)[alarm.code as AlarmWithWords]}
        />
      )}
    </div>
  );
}

/** Renders again when the page comes into sight. */
function useSight(): void {
  const [, again] = useReducer((turn: number) => turn + 1, 0);

  useEffect(() => {
    const changed = () => again(undefined);

    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, []);
}

export function Talk(props: {
  chat: VisitorChat;
  speaker: string;
  greeting: string;
  ended: boolean;
  draft: { text: string };
  field: RefObject<HTMLTextAreaElement | null>;
}) {
  const { chat, speaker, greeting, ended, draft, field } = props;
  const line = lineOf(chat, useSteadyLink(chat.link), ended);

  useSight();

  return (
    <>
      <div class={line === undefined ? "body" : "body lined"}>
        <Thread
          messages={chat.messages}
          label={words.conversation}
          speaker={(m: Message) => (m.mine ? words.you : speaker)}
          intro={<Greeting speaker={speaker} text={greeting} />}
          outro={
            <div role="status">
              {chat.typing && <Typing speaker={speaker} />}
            </div>
          }
          seen={() => document.hidden || chat.seen()}
        />
        <div role="status">{line && <p class="line">{line}</p>}</div>
      </div>
      {chat.alarm === undefined ? (
        <Composer
          label={words.placeholder}
          placeholder={words.placeholder}
          send={(text) => chat.send(text)}
          typed={() => chat.composing()}
          draft={draft}
          field={field}
        />
      ) : (
        <Alarmed alarm={chat.alarm} />
      )}
    </>
  );
}
