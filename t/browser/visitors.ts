// Visitors without a browser: the real client in Node, for a desk with many
// conversations on it.

import { createVisitorChat, type VisitorChat } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import type { Site } from "./site.ts";

export interface NodeVisitor {
  readonly chat: VisitorChat;
  says(text: string): Promise<void>;
}

export async function nodeVisitor(
  site: Site,
  cid: string,
  release?: Uint8Array,
): Promise<NodeVisitor> {
  const chat = createVisitorChat({
    cid,
    service: { origin: site.chat, url: site.url },
    platform: nodePlatform({
      headers: { Origin: site.shop, Host: new URL(site.chat).host },
    }),
    ...(release === undefined ? {} : { release }),
  });

  await chat.start();
  chat.connect();
  return { chat, says: (text) => says(chat, text) };
}

async function says(chat: VisitorChat, text: string): Promise<void> {
  await chat.send(text);
  await new Promise<void>((stored) => {
    const look = () => {
      const own = chat.messages.findLast((message) => message.text === text);
      if (own?.delivery === undefined || own.delivery === "sending") return;
      stop();
      stored();
    };
    const stop = chat.subscribe(look);
    look();
  });
}
