// The one script on the customer's site.  It reads its own element:
//
//   data-cid       the fingerprint of the customer's identity key
//   data-service   the origin of the chat service
//   data-name      the name that visitors see; by default the site's host
//   data-min-generation   the least generation of keys that may be used

import { render } from "preact";

import { createVisitorChat } from "../client/index.ts";
import base from "../ui/base.css";
import tokens from "../ui/tokens.css";
import { serviceAt } from "../ui/service.ts";
import { SeenUntil } from "./unread.ts";
import style from "./widget.css";
import { Widget } from "./widget.tsx";

function sheet(text: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

function begin(script: HTMLOrSVGScriptElement | null): void {
  if (!(script instanceof HTMLScriptElement)) {
    throw new Error("SealChat: load this file with a plain <script> element.");
  }

  const { cid = "", service = "", name, minGeneration = "1" } = script.dataset;
  if (!/^[1-9][0-9]{0,15}$/.test(minGeneration)) {
    throw new Error("SealChat: data-min-generation has to be a number from 1.");
  }

  const chat = createVisitorChat({
    cid,
    service: serviceAt(service),
    minGeneration: Number(minGeneration),
  });
  const host = document.createElement("sealchat-widget");
  const root = host.attachShadow({ mode: "open" });

  root.adoptedStyleSheets = [tokens, base, style].map(sheet);
  document.body.append(host);
  render(
    <Widget
      chat={chat}
      name={name?.trim() || location.hostname}
      seen={new SeenUntil(cid)}
    />,
    root,
  );
}

begin(document.currentScript);
