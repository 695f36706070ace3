// nginx is reloaded: each client comes back when the close tells it to, with
// nothing lost.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { nodePlatform } from "../../web/src/client/node.ts";
import type { Platform } from "../../web/src/client/platform.ts";
import { meets, People, states, talk, texts } from "./people.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

const VISITORS = 5;

let service: RunningService;
let people: People;

before(async () => {
  service = await startService({ locations: "sealchat_drain_timeout 2s;" });
  people = new People(service);
});

after(async () => {
  people?.leave();
  await service?.stop();
});

/** When a client's sockets opened, and when one was closed with 1012. */
interface Watched {
  readonly platform: Platform;
  readonly opened: number[];
  closed?: { at: number; reason: string };
}

function watched(): Watched {
  const inner = nodePlatform();
  const opened: number[] = [];
  const seen: Watched = { opened, platform: { ...inner, socket(url, protocol) {
    const socket = inner.socket(url, protocol);
    opened.push(performance.now());
    (socket as unknown as WebSocket).addEventListener("close", (event) => {
      const { code, reason } = event;
      if (code === 1012) seen.closed ??= { at: performance.now(), reason };
    });
    return socket;
  } } };
  return seen;
}

describe("a reload of nginx", () => {
  test("clients come back when they are told to", async () => {
    const device = watched();
    const inbox = await people.customer(device.platform);
    const visitors = Array.from({ length: VISITORS }, () => watched());
    const chats = await Promise.all(
      visitors.map((one) => people.visitor(one.platform)));
    for (const chat of chats) await chat.send("before");
    const sids: Awaited<ReturnType<typeof meets>>[] = [];
    for (const chat of chats) sids.push(await meets(inbox, chat));

    const everybody = [device, ...visitors];
    for (const one of everybody) one.opened.length = 0;
    await service.reload();
    await until("all are closed", () => everybody.every((one) => one.closed));
    for (const chat of chats) await chat.send("meanwhile");
    await until("all are back", () =>
      chats.every((chat) => chat.link === "ready") && inbox.link === "ready");

    for (const one of everybody) {
      const { at, reason } = one.closed!;
      const hint = Number(/^retry-after-ms=(\d+)$/.exec(reason)?.[1] ?? NaN);
      assert.ok(hint >= 250 && hint < 1250, reason);
      assert.equal(one.opened.length, 1, "it came back, once");
      const waited = one.opened[0]! - at;
      assert.ok(waited > hint - 5, `${waited} ms instead of ${hint}`);
    }

    await until("all is stored", () =>
      chats.every((chat) => states(chat).join() === "stored,stored"));
    for (const sid of sids) {
      await until("and there, once", () => texts(talk(inbox, sid)).length === 2);
      assert.deepEqual(texts(talk(inbox, sid)), ["before", "meanwhile"]);
    }
  });
});
