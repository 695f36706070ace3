// The launcher and the panel.

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Message, VisitorChat } from "../client/types.ts";
import { Close, Launch } from "../ui/icons.tsx";
import { useChanges } from "../ui/parts.tsx";
import { inert } from "../ui/text.tsx";
import type { Events } from "./events.ts";
import { whenIdle } from "./idle.ts";
import type { Options } from "./options.ts";
import { Panel, type Loading } from "./panel.tsx";
import { remembersSound } from "./settings.ts";
import { chime } from "./sound.ts";
import { language, named, words } from "./words/index.ts";

export interface WidgetProps {
  chat: VisitorChat;
  options: Options;
  open: boolean;
  setOpen: (open: boolean) => void;
  events: Events;
}

/** Reads what is stored, when the page has nothing better to do.  Without a
 * session this touches no network. */
function useStored(chat: VisitorChat, open: boolean): Loading {
  const [loading, setLoading] = useState<Loading>("reading");
  const begun = useRef(false);

  useEffect(() => {
    const begin = () => {
      if (begun.current) return;

      begun.current = true;
      chat.start().then(
        () => setLoading("read"),
        () => setLoading("failed"),
      );
    };

    if (open) begin();
    else whenIdle(begin);
  }, [chat, open]);

  return loading;
}

/** Says a reply that comes; nothing that was there before. */
function useFresh(
  messages: readonly Message[],
  ready: boolean,
  heard: (fresh: readonly Message[]) => void,
): void {
  const known = useRef<Set<string>>(undefined);

  useEffect(() => {
    if (!ready) return;

    const before = known.current;
    if (before === undefined) {
      known.current = new Set(messages.map((m) => m.id));
      return;
    }

    const fresh = messages.filter((m) => !before.has(m.id));
    for (const { id } of fresh) before.add(id);

    const theirs = fresh.filter((m) => !m.mine);
    if (theirs.length > 0) heard(theirs);
  }, [messages, ready]);
}

/** Runs when a value changes, not when it is first there. */
function useChange<T>(value: T, changed: () => void): void {
  const before = useRef(value);

  useEffect(() => {
    if (before.current === value) return;

    before.current = value;
    changed();
  });
}

function Launcher(props: {
  name: string;
  unread: number;
  open: boolean;
  toggle: () => void;
  button: RefObject<HTMLButtonElement | null>;
}) {
  const { name, unread, open, toggle, button } = props;
  const label = open ? words.close : named(words.launcher, name);

  return (
    <button
      type="button"
      class="launcher"
      ref={button}
      aria-label={unread > 0 ? `${label}. ${words.unread}: ${unread}` : label}
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

export function Widget({ chat, options, open, setOpen, events }: WidgetProps) {
  const launcher = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(open);
  const draft = useRef({ text: "" });
  const [spoken, setSpoken] = useState("");
  const loading = useStored(chat, open);
  const ready = loading === "read";
  const name = options.name || location.hostname;
  const speaker = options.agent || name;
  const rtl = language === "ar";
  const left = options.position === "left" || (options.position === "" && rtl);

  useChanges(chat);
  useEffect(() => {
    if (open && ready) chat.connect();
  }, [chat, open, ready]);
  // Before the next key is pressed, not after the next frame.
  useLayoutEffect(() => {
    if (wasOpen.current && !open) launcher.current?.focus();
    wasOpen.current = open;
  }, [open]);
  useFresh(chat.messages, ready, (fresh) => {
    setSpoken(fresh.map((m) => `${speaker}: ${inert(m.text)}`).join("\n"));
    if ((!open || document.hidden) && remembersSound()) chime();
    events.tell("message", chat.unread);
  });
  useChange(chat.unread, () => events.tell("unread", chat.unread));
  useChange(open, () => events.tell(open ? "open" : "close", chat.unread));

  return (
    <div
      class={`sc${open ? " open" : ""}${left ? " left" : ""}`}
      lang={language}
      dir={rtl ? "rtl" : "ltr"}
    >
      {open && (
        <Panel
          chat={chat}
          options={options}
          name={name}
          speaker={speaker}
          loading={loading}
          draft={draft.current}
          leave={() => setOpen(false)}
        />
      )}
      <Launcher
        name={name}
        unread={open ? 0 : chat.unread}
        open={open}
        toggle={() => setOpen(!open)}
        button={launcher}
      />
      <div class="hidden" role="log" aria-live="polite">
        {spoken}
      </div>
    </div>
  );
}
