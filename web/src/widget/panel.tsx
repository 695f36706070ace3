// The panel: its head, its menu, and which of its pages is shown.

import type { ComponentChildren, RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import type { VisitorChat } from "../client/types.ts";
import { Back, Close, Lock, More } from "../ui/icons.tsx";
import { Bones } from "../ui/parts.tsx";
import { saveCopy } from "./copy.ts";
import type { Options } from "./options.ts";
import { Code, End, EnterCode, Proof } from "./pages.tsx";
import { rememberSound, remembersSound } from "./settings.ts";
import { Talk } from "./talk.tsx";
import { named, words } from "./words/index.ts";

export type Loading = "reading" | "read" | "failed";

type Page = "talk" | "proof" | "code" | "enter" | "end";

export interface PanelProps {
  chat: VisitorChat;
  options: Options;
  /** Of the business, and of who answers for it. */
  name: string;
  speaker: string;
  loading: Loading;
  draft: { text: string };
  leave: () => void;
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

/** Tab stays within the panel; Escape leaves what was opened last. */
function onPanelKey(event: KeyboardEvent, leave: () => void): void {
  const panel = event.currentTarget as HTMLElement;

  if (event.key === "Escape") {
    leave();
    return;
  }
  if (event.key !== "Tab") return;

  const stops = [
    ...panel.querySelectorAll<HTMLElement>(
      "button, textarea, input, summary, a, [tabindex='0']",
    ),
  ].filter((element) => element.offsetParent !== null);
  const root = panel.getRootNode() as ShadowRoot;
  const edge = event.shiftKey ? stops[0] : stops.at(-1);

  if (root.activeElement === edge) {
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  }
}

function initials(name: string): string {
  const parts = name.match(/[\p{L}\p{N}]+/gu) ?? [];

  return parts
    .slice(0, 2)
    .map((part) => [...part][0]?.toLocaleUpperCase() ?? "")
    .join("");
}

/** A picture where there is one that loads, initials otherwise. */
function Face({ name, picture }: { name: string; picture: string }) {
  const [failed, setFailed] = useState("");

  return (
    <span class="face" aria-hidden="true">
      {picture !== "" && failed !== picture ? (
        <img src={picture} alt="" onError={() => setFailed(picture)} />
      ) : (
        initials(name)
      )}
    </span>
  );
}

function Round(props: {
  label: string;
  press: () => void;
  expanded?: boolean;
  children: ComponentChildren;
}) {
  return (
    <button
      type="button"
      class="button quiet round"
      aria-label={props.label}
      aria-expanded={props.expanded}
      onClick={props.press}
    >
      {props.children}
    </button>
  );
}

/** One small lock.  While an alarm stands it would promise too much. */
function Privacy(props: { name: string; open: boolean; toggle: () => void }) {
  return (
    <button
      type="button"
      class="lock"
      title={words.safetyTitle}
      aria-expanded={props.open}
      onClick={props.toggle}
    >
      <Lock size={14} />
      <span>{named(words.lock, props.name)}</span>
    </button>
  );
}

function Menu(props: {
  chat: VisitorChat;
  speaker: string;
  close: () => void;
  turn: (to: Page) => void;
}) {
  const { chat, speaker, close, turn } = props;
  const [sound, setSound] = useState(remembersSound);
  const menu = useRef<HTMLDivElement>(null);
  const written = chat.messages.length > 0;

  useLayoutEffect(() => menu.current?.querySelector("button")?.focus(), []);

  return (
    <div class="menu" ref={menu}>
      <button
        type="button"
        role="switch"
        aria-checked={sound}
        onClick={() => {
          rememberSound(!sound);
          setSound(!sound);
        }}
      >
        {words.sound}
        <i class="knob" />
      </button>
      {written && (
        <button
          type="button"
          onClick={() => {
            saveCopy(chat.messages, speaker, chat.safetyNumber);
            close();
          }}
        >
          {words.copy}
        </button>
      )}
      {chat.codable && (
        <button type="button" onClick={() => turn("code")}>
          {words.goOn}
        </button>
      )}
      {!written && (
        <button type="button" onClick={() => turn("enter")}>
          {words.haveCode}
        </button>
      )}
      {written && (
        <button type="button" onClick={() => turn("end")}>
          {words.end}
        </button>
      )}
    </div>
  );
}

export function Panel(props: PanelProps) {
  const { chat, options, name, speaker, loading, draft, leave } = props;
  const panel = useRef<HTMLElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const [page, setPage] = useState<Page>("talk");
  const [menu, setMenu] = useState(false);
  const [ended, setEnded] = useState(false);
  const shown = chat.alarm !== undefined && page !== "end" ? "talk" : page;

  useViewport(panel);
  // Before the next key is pressed, not after the next frame.
  useLayoutEffect(() => {
    if (shown === "talk" && !menu) field.current?.focus();
  }, [shown, menu, loading]);

  const turn = (to: Page) => {
    setPage(to);
    setMenu(false);
  };
  const escape = () => {
    if (menu || shown !== "talk") turn("talk");
    else leave();
  };
  const end = () => {
    setEnded(true);
    turn("talk");
    draft.text = "";
    // Until the service has done it too, the client keeps at it.
    chat.endAndDelete().catch(() => undefined);
  };

  return (
    <section
      class="panel level"
      role="dialog"
      aria-modal="true"
      aria-label={named(words.launcher, name)}
      ref={panel}
      onKeyDown={(event) => onPanelKey(event, escape)}
      onClick={(event) => {
        const target = event.target as Element;
        if (menu && target.closest(".menu, .head") === null) setMenu(false);
      }}
    >
      <div class="head">
        {shown === "talk" ? (
          <Face name={speaker} picture={options.face} />
        ) : (
          <Round label={words.back} press={() => turn("talk")}>
            <Back />
          </Round>
        )}
        <div class="who">
          <h2>{speaker}</h2>
          {speaker !== name && <p>{name}</p>}
        </div>
        <Round label={words.menu} expanded={menu} press={() => setMenu(!menu)}>
          <More />
        </Round>
        <Round label={words.close} press={leave}>
          <Close />
        </Round>
        {chat.alarm === undefined && (
          <Privacy
            name={name}
            open={shown === "proof"}
            toggle={() => turn(shown === "proof" ? "talk" : "proof")}
          />
        )}
      </div>
      {menu && (
        <Menu
          chat={chat}
          speaker={speaker}
          close={() => setMenu(false)}
          turn={turn}
        />
      )}
      {shown === "proof" && <Proof chat={chat} name={name} />}
      {shown === "code" && <Code chat={chat} />}
      {shown === "enter" && (
        <EnterCode chat={chat} done={() => turn("talk")} />
      )}
      {shown === "end" && (
        <End name={name} end={end} keep={() => turn("talk")} />
      )}
      {shown === "talk" && loading === "reading" && <Bones />}
      {shown === "talk" && loading === "failed" && (
        <p class="page">{words.storageFailed}</p>
      )}
      {shown === "talk" && loading === "read" && (
        <Talk
          chat={chat}
          speaker={speaker}
          greeting={options.greeting}
          ended={ended}
          draft={draft}
          field={field}
        />
      )}
    </section>
  );
}
