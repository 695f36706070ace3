// The launcher and the panel.

import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Alarm, Link, Message, VisitorChat } from "../client/types.ts";
import { Composer } from "../ui/composer.tsx";
import { Back, Close, Launch, Lock } from "../ui/icons.tsx";
import {
  AlarmBox,
  Bones,
  SafetyNumber,
  useChanges,
  useSteadyLink,
} from "../ui/parts.tsx";
import { inert, Thread } from "../ui/thread.tsx";
import { visitorAlarms } from "../ui/words.ts";
import { useSender, type Sender } from "./pending.ts";
import type { SeenUntil } from "./unread.ts";
import { words } from "./words.ts";

type Loading = "reading" | "read" | "failed";

export interface WidgetProps {
  chat: VisitorChat;
  name: string;
  seen: SeenUntil;
}

/** Reads what is stored.  Without a session this touches no network. */
function useStored(chat: VisitorChat): Loading {
  const [loading, setLoading] = useState<Loading>("reading");

  useEffect(() => {
    chat.start().then(
      () => setLoading("read"),
      () => setLoading("failed"),
    );
  }, [chat]);

  return loading;
}

/** Keeps the sheet of a phone above its keyboard. */
function useViewport(panel: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const view = window.visualViewport;
    const element = panel.current;
    if (view === null || element === null) return;

    const follow = () => {
      element.style.setProperty("--top", `${view.offsetTop}px`);
      element.style.setProperty("--height", `${view.height}px`);
      element.classList.toggle("level", view.height >= innerHeight - 1);
    };

    follow();
    view.addEventListener("resize", follow);
    view.addEventListener("scroll", follow);
    return () => {
      view.removeEventListener("resize", follow);
      view.removeEventListener("scroll", follow);
    };
  }, [panel]);
}

/** Tab stays within the panel; Escape leaves it. */
function onPanelKey(event: KeyboardEvent, leave: () => void): void {
  const panel = event.currentTarget as HTMLElement;

  if (event.key === "Escape") {
    event.stopPropagation();
    leave();
    return;
  }
  if (event.key !== "Tab") return;

  const stops = [
    ...panel.querySelectorAll<HTMLElement>(
      "button, textarea, summary, [tabindex='0']",
    ),
  ].filter((element) => element.offsetParent !== null);
  const root = panel.getRootNode() as ShadowRoot;
  const edge = event.shiftKey ? stops[0] : stops.at(-1);

  if (root.activeElement === edge) {
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  }
}

function Proof({ chat, name }: { chat: VisitorChat; name: string }) {
  return (
    <div class="proof" tabIndex={0}>
      <h3>{words.safetyTitle}</h3>
      <p>{words.safetyHow(name)}</p>
      <h3>{words.safetyNumber}</h3>
      {chat.safetyNumber === undefined ? (
        <p class="hint">{words.safetyLater}</p>
      ) : (
        <>
          <SafetyNumber number={chat.safetyNumber} />
          <p class="hint">{words.safetyCompare(name)}</p>
        </>
      )}
    </div>
  );
}

function Greeting({ name }: { name: string }) {
  return (
    <div class="entry first last">
      <div class="bubble">
        <span class="hidden">{`${name}: `}</span>
        <span class="said">{words.greeting}</span>
      </div>
    </div>
  );
}

function lineOf(
  chat: VisitorChat,
  link: Link,
  holding: boolean,
): string | undefined {
  if (chat.alarm !== undefined) return undefined;

  if (link === "offline") {
    if (holding) return words.offlineHeld;

    return chat.messages.some((m) => m.delivery === "sending")
      ? words.offlineKept
      : words.offline;
  }
  return chat.warning === "roster-ending" ? words.ending : undefined;
}

/** Stands where one would write, and takes the focus that was there. */
function Alarmed({ alarm }: { alarm: Alarm }) {
  const foot = useRef<HTMLDivElement>(null);

  useEffect(() => foot.current?.focus(), []);

  return (
    <div class="foot" ref={foot} tabIndex={-1}>
      <AlarmBox alarm={alarm} words={visitorAlarms} detail={false} />
    </div>
  );
}

function Conversation(props: {
  chat: VisitorChat;
  sender: Sender;
  name: string;
  field: RefObject<HTMLTextAreaElement | null>;
}) {
  const { chat, sender, name, field } = props;
  const line = lineOf(chat, useSteadyLink(chat.link), sender.holding);
  const speaker = (m: Message) => (m.mine ? words.you : name);

  return (
    <>
      <div class={line === undefined ? "body" : "body lined"}>
        <Thread
          messages={sender.messages}
          label={words.conversation}
          byline={() => ""}
          speaker={speaker}
          intro={<Greeting name={name} />}
        />
        <div role="status">{line && <p class="line">{line}</p>}</div>
      </div>
      {chat.alarm === undefined ? (
        <Composer
          label={words.compose}
          placeholder={words.placeholder}
          send={sender.send}
          field={field}
        />
      ) : (
        <Alarmed alarm={chat.alarm} />
      )}
    </>
  );
}

function initials(name: string): string {
  const parts = name.match(/[\p{L}\p{N}]+/gu) ?? [];

  return parts
    .slice(0, 2)
    .map((part) => [...part][0]?.toLocaleUpperCase() ?? "")
    .join("");
}

interface PanelProps {
  name: string;
  proof: boolean;
  setProof: (shown: boolean) => void;
  leave: () => void;
  children: ComponentChildren;
}

function Panel({ name, proof, setProof, leave, children }: PanelProps) {
  const panel = useRef<HTMLElement>(null);
  useViewport(panel);

  return (
    <section
      class="panel level"
      role="dialog"
      aria-modal="true"
      aria-label={words.panel(name)}
      ref={panel}
      onKeyDown={(event) => onPanelKey(event, leave)}
    >
      <div class="head">
        {proof ? (
          <button
            type="button"
            class="button quiet round"
            aria-label={words.back}
            onClick={() => setProof(false)}
          >
            <Back />
          </button>
        ) : (
          <span class="face" aria-hidden="true">
            {initials(name)}
          </span>
        )}
        <h2>{name}</h2>
        <button
          type="button"
          class="button quiet round"
          aria-label={words.close}
          onClick={leave}
        >
          <Close />
        </button>
        <button
          type="button"
          class="lock"
          title={words.lockHint}
          aria-expanded={proof}
          onClick={() => setProof(!proof)}
        >
          <Lock size={14} />
          <span>{words.lock(name)}</span>
        </button>
      </div>
      {children}
    </section>
  );
}

/** Says a reply that comes; nothing that was there before. */
function useSpoken(
  messages: readonly Message[],
  name: string,
  loading: Loading,
): string {
  const known = useRef<Set<string>>(undefined);
  const [spoken, setSpoken] = useState("");

  useEffect(() => {
    if (loading === "reading") return;

    const before = known.current;
    known.current = new Set(messages.map((m) => m.id));
    if (before === undefined) return;

    const fresh = messages.filter((m) => !m.mine && !before.has(m.id));
    if (fresh.length > 0) {
      setSpoken(
        fresh.map((m) => words.newMessage(name, inert(m.text))).join("\n"),
      );
    }
  }, [messages, name, loading]);

  return spoken;
}

function Launcher(props: {
  name: string;
  unread: number;
  open: boolean;
  toggle: () => void;
  button: RefObject<HTMLButtonElement | null>;
}) {
  const { name, unread, open, toggle, button } = props;
  const label = open ? words.close : words.launcher(name);

  return (
    <button
      type="button"
      class="launcher"
      ref={button}
      aria-label={unread > 0 ? `${label}, ${words.unread(unread)}` : label}
      aria-expanded={open}
      onClick={toggle}
    >
      {open ? <Close /> : <Launch />}
      {unread > 0 && (
        <span class="badge" aria-hidden="true">
          {unread > 99 ? "99+" : unread}
        </span>
      )}
    </button>
  );
}

export function Widget({ chat, name, seen }: WidgetProps) {
  const [open, setOpen] = useState(false);
  const [proof, setProof] = useState(false);
  const launcher = useRef<HTMLButtonElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const loading = useStored(chat);

  useChanges(chat);
  const sender = useSender(chat);
  const spoken = useSpoken(chat.messages, name, loading);

  useEffect(() => {
    if (open && loading === "read") chat.connect();
  }, [chat, open, loading]);

  // Before the next key is pressed, not after the next frame.
  useLayoutEffect(() => {
    if (open && !proof) field.current?.focus();
  }, [open, proof, loading]);

  useEffect(() => {
    if (open) seen.note(chat.messages);
  });

  const leave = () => {
    setOpen(false);
    setProof(false);
    launcher.current?.focus();
  };

  return (
    <div class={open ? "sc open" : "sc"}>
      {open && (
        <Panel name={name} proof={proof} setProof={setProof} leave={leave}>
          {proof && <Proof chat={chat} name={name} />}
          {!proof && loading === "reading" && <Bones />}
          {!proof && loading === "failed" && (
            <p class="proof">{words.storageFailed}</p>
          )}
          {!proof && loading === "read" && (
            <Conversation
              chat={chat}
              sender={sender}
              name={name}
              field={field}
            />
          )}
        </Panel>
      )}
      <Launcher
        name={name}
        unread={open ? 0 : seen.count(chat.messages)}
        open={open}
        toggle={() => (open ? leave() : setOpen(true))}
        button={launcher}
      />
      <div class="hidden" role="log" aria-live="polite">
        {spoken}
      </div>
    </div>
  );
}
