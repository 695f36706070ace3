// What is said besides texts: that one is writing, has read, has closed.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { Inbox } from "../../web/src/client/index.ts";
import { Freshness } from "../../web/src/client/signals.ts";
import { decodeEnvelope } from "../../web/src/wire/envelope.ts";
import { copy } from "../../web/src/wire/bytes.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { HOUR, meets, People, states, talk, texts, withTimers } from "./people.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

const RECEIPT = 10_000;
const SHOWN = 6_000;

let service: RunningService;
let proxy: Proxy;
let people: People;
let inbox: Inbox;
const desk = withTimers(RECEIPT, SHOWN);
/** The proxy stands before the visitors. */
let lying: { origin: string; url: string };
/** What visitors sent and got since the test began. */
let sent: f.OpenedFrame[] = [];
let got: f.OpenedFrame[] = [];

before(async () => {
  service = await startService();
  proxy = await startProxy(service.url);
  lying = { origin: service.origin, url: proxy.url };
  people = new People(lying);
  inbox = await people.customer(desk.platform, service);
  watch();
});

afterEach(() => {
  watch();
  for (const fire of [...desk.due(RECEIPT), ...desk.due(SHOWN)]) fire();
});

after(async () => {
  people?.leave();
  await proxy?.close();
  await service?.stop();
});

function watch(): void {
  sent = [];
  got = [];
  proxy.tampering = {
    toService: (bytes) => (sent.push(f.openFrame(bytes)), [bytes]),
    toClient: (bytes) => (got.push(f.openFrame(bytes)), [bytes]),
  };
}

const named = (frames: f.OpenedFrame[], name: f.FrameName) =>
  frames.filter((frame) => frame.name === name);

async function begin(clock = withTimers(RECEIPT, SHOWN)) {
  const chat = await people.visitor(clock.platform);
  await chat.send("hello");
  const sid = await meets(inbox, chat);
  await until("stored", () => states(chat)[0] === "stored");
  return { chat, sid, clock, seen: () => talk(inbox, sid) };
}

describe("typing", () => {
  test("shows on the other side, and ends by itself or with the text", async () => {
    const { chat, sid, clock, seen } = await begin();
    assert.equal(seen().typing, false);
    chat.composing();
    await until("the inbox shows it", () => seen().typing);
    assert.equal(chat.typing, false, "one's own is not shown");
    for (const fire of desk.due(SHOWN)) fire();
    assert.equal(seen().typing, false);

    inbox.composing(sid);
    await until("the visitor sees it", () => chat.typing);
    await inbox.send(sid, "hello to you");
    await until("the text", () => texts(chat).length === 2);
    assert.equal(chat.typing, false);
    assert.equal(clock.due(SHOWN).length, 0);
    chat.close();
  });

  test("is throttled, never stored, and delivers nothing", async () => {
    const { chat, sid, seen } = await begin();
    await inbox.send(sid, "a question");
    await until("it is there", () => texts(chat).length === 2);
    watch();
    for (let i = 0; i < 50; i++) chat.composing();
    await until("the inbox shows it", () => seen().typing);
    const signals = named(sent, "signal");
    assert.equal(signals.length, 1);
    const envelope = decodeEnvelope(copy(signals[0]!.body))!;
    assert.deepEqual([envelope.type, envelope.seq], [2, 0]);
    assert.ok(envelope.prev.every((byte) => byte === 0));
    assert.equal(named(sent, "send").length, 0);
    // The visitor has accepted the question; a signal names nothing.
    assert.equal(states(seen())[1], "stored");
    assert.equal(texts(seen()).length, 2);
    chat.close();
  });

  test("says nothing before the first text", async () => {
    const chat = await people.visitor();
    chat.composing();
    chat.connect();
    await until("connected", () => chat.link === "ready");
    chat.composing();
    chat.seen();
    await sleep(200);
    assert.deepEqual(sent.map(({ name }) => name), ["rosterGet"]);
    chat.close();
  });

  test("from a tab without the connection, to all tabs", async () => {
    const { chat, sid, clock, seen } = await begin();
    const tab = await people.visitor(clock.platform);
    await until("the tab knows of the link", () => tab.link === "ready");
    tab.composing();
    await until("the inbox shows it", () => seen().typing);
    inbox.composing(sid);
    await until("both tabs show it", () => chat.typing && tab.typing);
    tab.close();
    chat.close();
  });

  test("replayed, or held back for more than a minute, does not count", async () => {
    const { chat, sid, clock } = await begin();
    let kept: Uint8Array<ArrayBuffer> | undefined;
    proxy.tampering = {
      toClient(bytes) {
        if (f.openFrame(bytes).name === "signalled") kept = bytes;
        return [bytes];
      },
    };
    inbox.composing(sid);
    await until("it shows", () => chat.typing);
    for (const fire of clock.due(SHOWN)) fire();
    assert.equal(chat.typing, false);
    // The same one again, with the next delivery.
    proxy.tampering = {
      toClient: (bytes) =>
        f.openFrame(bytes).name === "deliver" ? [bytes, kept!] : [bytes],
    };
    await inbox.send(sid, "and a text");
    await until("the text", () => texts(chat).length === 2);
    await sleep(100);
    assert.equal(chat.typing, false);
    chat.close();
  });

  test("a message put into a signal's place, and the other way round", async () => {
    const { chat, sid } = await begin();
    proxy.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name === "deliver") {
          const { envelope } = f.decodeDeliver(frame.body);
          return [f.encodeSignalled(0, { envelope }), bytes];
        }
        if (frame.name !== "signalled") return [bytes];
        const { envelope } = f.decodeSignalled(frame.body);
        const hello = new Uint8Array(0);
        return [f.encodeDeliver(0, { position: 1, time: 1, hello, envelope })];
      },
    };
    inbox.composing(sid);
    await inbox.send(sid, "a text");
    await until("the text", () => texts(chat).length === 2);
    assert.equal(chat.typing, false);
    assert.deepEqual(texts(chat), ["hello", "a text"]);
    chat.close();
  });

  test("whose clock is wrong by days is believed by its own measure", () => {
    const fresh = new Freshness();
    const now = Date.UTC(2030, 0, 1);
    const off = -47 * HOUR;
    // Out of a history: old, and no measure of the clock.
    fresh.heard("a", now + off - 30 * 24 * HOUR, now);
    assert.ok(fresh.counts("a", now + off, now));
    assert.ok(!fresh.counts("a", now + off, now), "the same again");
    assert.ok(!fresh.counts("a", now + off - 1, now), "an older one");
    assert.ok(fresh.counts("a", now + off + 1_000, now + 60_999));
    assert.ok(!fresh.counts("a", now + off + 1_001, now + 61_002), "a minute late");
    assert.ok(fresh.counts("b", 5, now), "another sender is another clock");
  });
});

describe("receipts", () => {
  test("a text that was seen for 10 s is read", async () => {
    const { chat, sid, seen } = await begin();
    await sleep(50);
    assert.deepEqual(states(chat), ["stored"], "nobody has looked yet");
    assert.equal(seen().unread, 1);
    inbox.seen(sid);
    assert.equal(seen().unread, 0);
    inbox.seen(sid);
    const due = desk.due(RECEIPT);
    assert.equal(due.length, 1, "once, however often it is seen");
    due[0]!();
    await until("read", () => states(chat)[0] === "read");
    assert.equal(texts(chat).length, 1, "a receipt is not shown");
    assert.equal(seen().messages.length, 1);
    // And the receipt itself is never answered by one.
    watch();
    chat.seen();
    await sleep(50);
    assert.equal(named(sent, "send").length, 0);
    chat.close();
  });

  test("an answer within 10 s delivers, and no receipt follows", async () => {
    const { chat, sid, seen } = await begin();
    inbox.seen(sid);
    await inbox.send(sid, "an answer");
    await until("delivered", () => states(chat)[0] === "delivered");
    for (const fire of desk.due(RECEIPT)) fire();
    await sleep(100);
    assert.deepEqual(states(chat), ["delivered", "in"]);
    assert.equal(named(got, "deliver").length, 1);
    // A later receipt covers what stands before the answer too.
    await chat.send("thanks");
    await until("it is there", () => texts(seen()).length === 3);
    inbox.seen(sid);
    for (const fire of desk.due(RECEIPT)) fire();
    await until("all is read", () => states(chat).join() === "read,in,read");
    chat.close();
  });

  test("what came after one looked away is not covered", async () => {
    const { chat, sid, seen } = await begin();
    inbox.seen(sid);
    await chat.send("one more thing");
    await until("it is there", () => texts(seen()).length === 2);
    for (const fire of desk.due(RECEIPT)) fire();
    await sleep(100);
    assert.deepEqual(states(chat), ["stored", "stored"]);
    inbox.seen(sid);
    for (const fire of desk.due(RECEIPT)) fire();
    await until("both are read", () => states(chat).join() === "read,read");
    chat.close();
  });

  test("of the visitor, from one of two tabs", async () => {
    const { chat, sid, clock, seen } = await begin();
    const tab = await people.visitor(clock.platform);
    await inbox.send(sid, "are you there?");
    await until("both tabs have it", () =>
      texts(chat).length === 2 && texts(tab).length === 2);
    assert.equal(chat.unread, 1);
    watch();
    chat.seen();
    tab.seen();
    await until("neither counts it", () => !chat.unread && !tab.unread);
    for (const fire of clock.due(RECEIPT)) fire();
    await until("read", () => states(seen())[1] === "read");
    await sleep(50);
    assert.equal(named(sent, "send").length, 1);
    tab.close();
    chat.close();
  });

  for (const [hours, goes] of [[47, true], [49, false]] as const) {
    test(`${hours} h after the roster's end ${goes ? "go" : "stay"}, as signals do`,
      async () => {
        const { chat, sid, clock, seen } = await begin();
        await inbox.send(sid, "a question");
        await until("it is there", () => texts(chat).length === 2);
        chat.close();
        await sleep(50);
        // The same browser comes back with another clock.
        const end = inbox.devices!.notAfter;
        const late = { ...clock.platform, now: () => end + hours * HOUR };
        const again = await people.visitor(late);
        await until("it is connected", () => again.link === "ready");
        assert.equal(again.alarm?.code, goes ? undefined : "roster-expired");
        assert.equal(again.warning, goes ? "roster-ending" : undefined);
        watch();
        again.composing();
        again.seen();
        for (const fire of clock.due(RECEIPT)) fire();
        if (goes) {
          await until("read", () => states(seen())[1] === "read");
          await until("typing", () => seen().typing);
        } else {
          await sleep(200);
          assert.deepEqual(named(sent, "send"), []);
          assert.deepEqual(named(sent, "signal"), []);
          assert.equal(states(seen())[1], "stored");
        }
        again.close();
      });
  }
});

describe("closing", () => {
  test("shows on both sides, and a later text reopens", async () => {
    const { chat, sid, seen } = await begin();
    assert.ok(seen().waitingSince);
    await inbox.closeConversation(sid);
    assert.equal(seen().closed, true);
    assert.equal(seen().waitingSince, undefined);
    await until("the visitor sees it", () => chat.closed);
    // Delivered, as the closing rests on it; nobody says that it was read.
    assert.deepEqual(states(chat), ["delivered"]);
    assert.equal(chat.unread, 0);
    await chat.send("wait, one question");
    assert.equal(chat.closed, false);
    await until("it is open again", () => !seen().closed);
    assert.equal(seen().waitingSince, seen().messages[1]!.time);
    await inbox.send(sid, "yes?");
    assert.equal(seen().waitingSince, undefined);
    chat.close();
  });

  test("waits since the oldest text without an answer", async () => {
    const { chat, sid, seen } = await begin();
    await chat.send("still there?");
    await until("both", () => texts(seen()).length === 2);
    assert.equal(seen().waitingSince, seen().messages[0]!.time);
    await inbox.send(sid, "sorry, yes");
    assert.equal(seen().waitingSince, undefined);
    chat.close();
  });
});
