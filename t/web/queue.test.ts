// Messages come many at a time: what one of them is, or what becomes of its
// conversation, takes nothing from the others, and nothing is acknowledged that
// is not kept.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { Inbox } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import type { SessionState } from "../../web/src/client/records.ts";
import { meets, People, states, talk, texts } from "./people.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

let service: RunningService;
let people: People;
let inbox: Inbox;

before(async () => {
  service = await startService();
  people = new People(service);
  inbox = await people.customer();
});

after(async () => {
  people?.leave();
  await service?.stop();
});

/** A visitor whose next message names one that never was. */
async function withGap() {
  const platform = nodePlatform();
  const chat = await people.visitor(platform);
  await chat.send("before");
  const sid = await meets(inbox, chat);
  await until("it is stored", () => states(chat)[0] === "stored");
  const [storage] = platform.stored.values();
  const key = `s/${sid}`;
  const state = storage!.get(key) as SessionState;
  storage!.set(key, { ...state, heads: ["ab".repeat(32)] });
  await chat.send("beside what never was");
  await until("the gap shows", () => talk(inbox, sid).messages[1]?.mark === "gap");
  return { chat, sid };
}

test("a gap in a conversation that is gone holds up no inbox", async () => {
  const { chat, sid } = await withGap();
  await chat.endAndDelete();
  await until("the inbox knows", () => talk(inbox, sid).deleted);

  const links: string[] = [];
  const stop = inbox.subscribe(() => {
    if (links.at(-1) !== inbox.link) links.push(inbox.link);
  });
  await service.stopNginx();
  await until("it is away", () => inbox.link === "offline");
  await service.startNginx();
  await until("it is back", () => inbox.link === "ready");
  const other = await people.visitor();
  await other.send("anybody there?");
  const there = await meets(inbox, other);
  await inbox.send(there, "of course");
  await until("the answer", () => texts(other).length === 2);
  stop();
  const back = links.slice(links.indexOf("ready"));
  assert.deepEqual(back, ["ready"], "and once it is back it stays");
});
