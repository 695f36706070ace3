// The one script on the customer's site.  It reads its own element:
//
//   data-cid       the fingerprint of the customer's identity key
//   data-service   the origin of the chat service
//   data-min-generation   the least generation of keys that may be used
//
// and the choices of options.ts.  Until the visitor opens it, it draws a button
// and looks for a conversation on this device, and does no more.

import { render } from "preact";

import { createVisitorChat, type VisitorChat } from "../client/index.ts";
import base from "../ui/base.css";
import { releaseOf } from "../ui/release.ts";
import { serviceAt } from "../ui/service.ts";
import tokens from "../ui/tokens.css";
import { fromBase64Url } from "../wire/bytes.ts";
import { Events, type EventName, type Listener } from "./events.ts";
import { whenIdle } from "./idle.ts";
import { optionsOf, withOptions } from "./options.ts";
import { applyScheme, colorSheet } from "./theme.ts";
import style from "./widget.css";
import { Widget } from "./widget.tsx";
import { chooseLanguage } from "./words/index.ts";

/** What the page's own scripts may do: docs/widget.md. */
export interface SealChat {
  init(options: object): void;
  open(): void;
  close(): void;
  readonly unread: number;
  on(event: EventName, listener: Listener): () => void;
}

declare global {
  interface Window {
    SealChat?: SealChat | object;
  }
}

function sheet(text: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

function chatOf(script: HTMLScriptElement): VisitorChat {
  const { cid = "", service = "", minGeneration = "1" } = script.dataset;
  if (!/^[1-9][0-9]{0,15}$/.test(minGeneration)) {
    throw new Error("SealChat: data-min-generation has to be a number from 1.");
  }
  const release = releaseOf(script.integrity);

  return createVisitorChat({
    cid,
    service: serviceAt(service),
    minGeneration: Number(minGeneration),
    ...(release ? { release } : {}),
  });
}

/** The inbox opened this page with a code in its address, to see that the chat
 * is on it. */
function reportCheck(chat: VisitorChat): void {
  const code = /^#sealchat-check=([\w-]{22})$/.exec(location.hash)?.[1];
  const bytes = code === undefined ? undefined : fromBase64Url(code);
  if (bytes === undefined) return;

  chat.report(bytes).catch((error: unknown) => {
    console.warn(`SealChat: the check did not get through. ${error}`);
  });
}

/** A page's shortcuts are not meant by what is typed in the chat. */
function keepKeys(host: HTMLElement): void {
  for (const type of ["keydown", "keypress", "keyup"]) {
    host.addEventListener(type, (event) => event.stopPropagation());
  }
}

function begin(script: HTMLOrSVGScriptElement | null): void {
  if (!(script instanceof HTMLScriptElement)) {
    throw new Error("SealChat: load this file with a plain <script> element.");
  }

  const chat = chatOf(script);
  const events = new Events();
  const host = document.createElement("sealchat-widget");
  const root = host.attachShadow({ mode: "open" });
  const color = new CSSStyleSheet();
  let options = optionsOf(script.dataset, window.SealChat ?? {});
  let open = false;
  let dressed = false;

  const draw = () => {
    if (!dressed) return;

    render(
      <Widget
        chat={chat}
        options={options}
        open={open}
        setOpen={setOpen}
        events={events}
      />,
      root,
    );
  };
  const setOpen = (now: boolean) => {
    open = now;
    draw();
  };
  const dress = () => {
    dressed = true;

    const page = document.documentElement.lang;

    chooseLanguage([options.lang, page, ...navigator.languages]);
    color.replaceSync(colorSheet(options.color));
    applyScheme(host, root.adoptedStyleSheets, options.theme);
    draw();
  };

  window.SealChat = {
    init(given) {
      options = withOptions(options, given);
      if (dressed) dress();
    },
    open: () => setOpen(true),
    close: () => setOpen(false),
    get unread() {
      return chat.unread;
    },
    on: (event, listener) => events.on(event, listener),
  } satisfies SealChat;

  reportCheck(chat);
  // Each in a task of its own: none of them holds the page up.
  whenIdle(() => {
    root.adoptedStyleSheets = [sheet(tokens), color, sheet(base), sheet(style)];
    keepKeys(host);
    // Beside the body: what moves or filters that leaves the chat alone.
    document.documentElement.append(host);
    whenIdle(dress);
  });
}

begin(document.currentScript);
