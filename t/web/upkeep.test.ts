// What befalls a conversation besides being talked in: tabs that close, texts
// written too early, deletion from either side, checks, renewal, lost parts.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { Inbox } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import { copy } from "../../web/src/wire/bytes.ts";
import { decodeEnvelope } from "../../web/src/wire/envelope.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import {
  HOUR, meets, PASSWORD, People, refusedAs, states, talk, texts, withTimers,
} from "./people.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

let service: RunningService;
let proxy: Proxy;
let people: People;
let inbox: Inbox;
let lying: { origin: string; url: string };

before(async () => {
  service = await startService();
  proxy = await startProxy(service.url);
  lying = { origin: service.origin, url: proxy.url };
  people = new People(lying);
  inbox = await people.customer(nodePlatform(), service);
});

afterEach(() => {
  proxy.tampering = {};
});

after(async () => {
  people?.leave();
  await proxy?.close();
  await service?.stop();
});

/** The frames that reach the service from now on. */
function watch(): f.OpenedFrame[] {
  const seen: f.OpenedFrame[] = [];
  proxy.tampering.toService = (bytes) => (seen.push(f.openFrame(bytes)), [bytes]);
  return seen;
}

const named = (frames: f.OpenedFrame[], name: f.FrameName) =>
  frames.filter((frame) => frame.name === name);

async function begin(platform = nodePlatform()) {
  const chat = await people.visitor(platform);
  await chat.send("hello");
  const sid = await meets(inbox, chat);
  await until("stored", () => states(chat)[0] === "stored");
  return { chat, sid, platform, seen: () => talk(inbox, sid) };
}

/** What a browser keeps about this customer. */
const kept = (platform: ReturnType<typeof nodePlatform>) =>
  platform.stored.get(`sealchat-${people.kit.cid}`)!;

describe("tabs", () => {
  // About a second is promised; a busy machine under sanitizers gets longer.
  test("the next one takes over at once, and sends nothing twice",
    async (t) => {
      const { chat, platform, seen } = await begin();
      const tab = await people.visitor(platform);
      await until("it knows of the link", () => tab.link === "ready");
      const frames = watch();
      // The first tab closes while messages of both are on their way.
      const sends = Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? tab : chat).send(`text ${i}`));
      await Promise.all(sends);
      const closed = Date.now();
      chat.close();
      await until("the other tab sends",
        () => tab.messages.every((m) => m.delivery !== "sending"), 10_000);
      t.diagnostic(`took over and sent after ${Date.now() - closed} ms`);
      await until("all have arrived", () => texts(seen()).length === 21);
      assert.equal(new Set(texts(seen())).size, 21);
      assert.ok(seen().messages.every((m) => !m.mark));
      assert.deepEqual(texts(tab), texts(seen()));
      // On the wire a message came again only if its answer was lost.
      const envelopes = named(frames, "send").map(({ body }) =>
        Buffer.from(body).toString("base64"));
      const seqs = named(frames, "send").map(({ body }) =>
        decodeEnvelope(copy(body))!.seq);
      assert.equal(new Set(envelopes).size, 20, "one envelope for each text");
      assert.equal(new Set(seqs).size, 20);
      tab.close();
    });

  test("one that was open before there was a session takes over too", async () => {
    const platform = nodePlatform();
    const idle = await people.visitor(platform);
    const { chat, sid } = await begin(platform);
    await until("it shows the text", () => texts(idle).length === 1);
    chat.close();
    await until("it connects", () => idle.link === "ready", 10_000);
    await inbox.send(sid, "anybody there?");
    await until("it arrives", () => texts(idle).length === 2);
    idle.close();
  });
});

describe("a text before any keys are known", () => {
  test("is kept over a reload, and sent once they are verified", async () => {
    const platform = nodePlatform();
    proxy.tampering = { toClient: () => [] };
    let chat = await people.visitor(platform);
    await chat.send("written too early");
    await chat.send("and one more");
    assert.deepEqual(states(chat), ["sending", "sending"]);
    const ids = chat.messages.map((m) => m.id);
    await refusedAs("bad-text", chat.send(""));
    chat.close();
    assert.ok(![...kept(platform).keys()].includes("session"));

    proxy.tampering = {};
    const frames = watch();
    chat = await people.visitor(platform);
    assert.deepEqual(texts(chat), ["written too early", "and one more"]);
    await until("both are stored", () => states(chat).join() === "stored,stored");
    assert.deepEqual(chat.messages.map((m) => m.id), ids, "the same messages");
    const sid = await meets(inbox, chat);
    await until("in order", () => texts(talk(inbox, sid)).join() ===
      "written too early,and one more");
    assert.equal(named(frames, "send").length, 2);
    assert.ok(![...kept(platform).keys()].some((key) => key.startsWith("draft/")));
    chat.close();
  });

  test("is sealed under no roster but a genuine one", async () => {
    const platform = nodePlatform();
    proxy.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name !== "rosters") return [bytes];
        const page = f.decodeRosters(frame.body);
        const rosters = page.rosters.map(({ bytes }) => {
          const forged = copy(bytes);
          forged[200]! ^= 1;
          return { bytes: forged };
        });
        return [f.encodeRosters(frame.tag, { ...page, rosters })];
      },
    };
    let chat = await people.visitor(platform);
    await chat.send("not for you");
    await until("an alarm", () => chat.alarm?.code === "roster-invalid");
    assert.deepEqual(states(chat), ["failed"]);
    chat.close();
    proxy.tampering = {};
    chat = await people.visitor(platform);
    await until("stored", () => states(chat)[0] === "stored");
    chat.close();
  });

  test("49 h after the roster's end waits for the next roster", async () => {
    const platform = nodePlatform();
    let now = inbox.devices!.notAfter + 49 * HOUR;
    const late = { ...platform, now: () => now };
    let chat = await people.visitor(late);
    await chat.send("is anybody there?");
    await until("an alarm", () => chat.alarm?.code === "roster-expired");
    assert.deepEqual(states(chat), ["failed"]);
    chat.close();
    now -= 2 * HOUR;
    chat = await people.visitor(late);
    await until("stored", () => states(chat)[0] === "stored");
    assert.equal(chat.warning, "roster-ending");
    chat.close();
  });
});

describe("who only looks", () => {
  test("sends one request for the roster, and nothing after it", async () => {
    const frames = watch();
    const chat = await people.visitor();
    await sleep(100);
    assert.deepEqual(frames, [], "nothing before the panel opens");
    chat.connect();
    await until("connected", () => chat.link === "ready");
    chat.seen();
    chat.composing();
    await sleep(300);
    assert.deepEqual(frames.map(({ name }) => name), ["rosterGet"]);
    chat.close();
  });
});

describe("deleting", () => {
  test("by the visitor: keys and texts go here and there", async () => {
    const { chat, sid, platform, seen } = await begin();
    await inbox.send(sid, "an answer");
    await until("it is there", () => texts(chat).length === 2);
    const number = chat.safetyNumber;
    await chat.endAndDelete();
    assert.deepEqual(texts(chat), []);
    assert.equal(chat.safetyNumber, undefined);
    const left = [...kept(platform).keys()].filter(
      (key) => key !== "pin" && !key.startsWith("roster/"));
    assert.deepEqual(left, []);
    await until("the inbox says so", () => seen().deleted);
    assert.deepEqual(texts(seen()), ["hello", "an answer"], "its copy stays");
    await refusedAs("no-conversation", inbox.send(sid, "too late"));

    await chat.send("another matter");
    await until("stored", () => states(chat)[0] === "stored");
    assert.notEqual(chat.safetyNumber, number);
    assert.notEqual(await meets(inbox, chat), sid);
    assert.equal(chat.deleted, false);
    chat.close();
  });

  test("offline: it goes here at once, and there after a reload", async () => {
    const { chat, sid, platform, seen } = await begin();
    proxy.tampering = { toService: () => [] };
    proxy.cut();
    const ended = refusedAs("closed", chat.endAndDelete());
    await until("it is gone here", () => chat.messages.length === 0);
    await sleep(50);
    assert.deepEqual([...kept(platform).keys()].filter((key) =>
      key.includes(sid) && !key.startsWith("ended/")), []);
    chat.close();
    await ended;
    assert.equal(seen().deleted, false);

    proxy.tampering = {};
    const again = await people.visitor(platform);
    assert.deepEqual(texts(again), []);
    await until("it is gone there", () => seen().deleted);
    await until("nothing of it is left", () =>
      ![...kept(platform).keys()].some((key) => key.startsWith("ended/")));
    again.close();
  });

  test("by the visitor from a tab without the connection", async () => {
    const { chat, platform, seen } = await begin();
    const tab = await people.visitor(platform);
    await until("it knows of the link", () => tab.link === "ready");
    await tab.endAndDelete();
    await until("it is gone everywhere", () =>
      seen().deleted && !chat.messages.length && !tab.messages.length);
    await chat.send("anew, from the first tab");
    await until("both show it stored", () =>
      [chat, tab].every((t) => states(t).join() === "stored"));
    tab.close();
    chat.close();
  });

  test("by the customer: other devices and the visitor keep their copies",
    async () => {
      const { chat, sid, seen } = await begin();
      const other = await people.login(nodePlatform(), service);
      await until("it is there too", () => talk(other, sid));
      await inbox.deleteConversation(sid);
      assert.equal(seen(), undefined);
      await until("the other device says so", () => talk(other, sid).deleted);
      assert.deepEqual(texts(talk(other, sid)), ["hello"]);
      await until("the visitor says so", () => chat.deleted);
      assert.deepEqual(texts(chat), ["hello"]);
      await other.deleteConversation(sid);
      assert.equal(talk(other, sid), undefined);

      await chat.send("hello again");
      assert.equal(chat.deleted, false);
      await until("stored", () => states(chat)[1] === "stored");
      assert.deepEqual(texts(chat), ["hello", "hello again"]);
      const next = await meets(inbox, chat);
      assert.notEqual(next, sid);
      assert.deepEqual(texts(talk(inbox, next)), ["hello again"]);
      other.close();
      chat.close();
    });

  test("while a device and the visitor are away: they learn of it", async () => {
    const { chat, sid, platform } = await begin();
    const desk = nodePlatform();
    const away = await people.login(desk, service);
    await until("it is there too", () => talk(away, sid));
    away.close();
    chat.close();
    await inbox.deleteConversation(sid);

    const back = await people.device(desk, service);
    await until("the device says so", () => talk(back, sid)?.deleted);
    assert.deepEqual(texts(talk(back, sid)), ["hello"]);
    const again = await people.visitor(platform);
    await until("the visitor says so", () => again.deleted);
    assert.equal(again.alarm, undefined);
    assert.deepEqual(texts(again), ["hello"]);
    back.close();
    again.close();
  });

  test("with a text on its way: it is not sent, and nothing alarms", async () => {
    const { chat, sid } = await begin();
    const desk = nodePlatform();
    const away = await people.login(desk, lying);
    await until("it is there too", () => talk(away, sid));
    proxy.tampering = { toService: () => [] };
    proxy.cut();
    await until("it is offline", () => away.link !== "ready");
    await away.send(sid, "into the void");
    await inbox.deleteConversation(sid);
    proxy.tampering = {};
    proxy.cut();
    await until("it says so", () => talk(away, sid).deleted);
    assert.deepEqual(states(talk(away, sid)), ["in", "failed"]);
    assert.equal(away.alarm, undefined);
    away.close();
    chat.close();
  });

  test("the service's word deletes nothing, and does not touch others", async () => {
    const { chat, seen } = await begin();
    proxy.tampering = {
      toClient(bytes) {
        if (f.openFrame(bytes).name !== "deliver") return [bytes];
        const sid = new Uint8Array(32).fill(9);
        return [f.encodeDeleted(0, { sid }), bytes];
      },
    };
    await inbox.send(await meets(inbox, chat), "an answer");
    await until("it is there", () => texts(chat).length === 2);
    assert.equal(chat.deleted, false);
    assert.equal(seen().deleted, false);
    chat.close();
  });
});

describe("a connection", () => {
  test("is given up if nobody greets, and not once somebody did", async () => {
    const OPEN_TIMEOUT = 15_000;
    const { platform, due } = withTimers(OPEN_TIMEOUT);
    const chat = await people.visitor(platform);
    await chat.send("hello");
    await until("stored", () => states(chat)[0] === "stored");
    assert.equal(due(OPEN_TIMEOUT).length, 0);
    proxy.tampering = { toClient: () => [] };
    proxy.cut();
    await until("it tries again", () => due(OPEN_TIMEOUT).length === 1);
    proxy.tampering = {};
    due(OPEN_TIMEOUT)[0]!();
    await until("it is back", () => chat.link === "ready");
    chat.close();
  });
});

describe("releases", () => {
  const release = new Uint8Array(32).fill(0xab);

  test("a page reports itself under the inbox's code", async () => {
    const { code, result } = inbox.check();
    assert.match(code, /^[A-Za-z0-9_-]{22}$/);
    const other = inbox.check();
    const chat = await people.visitor(nodePlatform(), { release, minGeneration: 3 });
    await chat.report(new Uint8Array(Buffer.from(code, "base64url")));
    assert.deepEqual(await result, {
      release: "ab".repeat(32), minGeneration: 3,
    });
    const pending = Symbol("pending");
    const first = await Promise.race([other.result, sleep(50, pending)]);
    assert.equal(first, pending, "another code's result stays open");
    assert.equal(chat.messages.length, 0);
    chat.close();
  });

  test("a report that reaches nobody fails", async () => {
    proxy.tampering = { toService: () => [] };
    const chat = await people.visitor();
    const failed = refusedAs("offline", chat.report(new Uint8Array(16)));
    await sleep(200);
    proxy.cut();
    await failed;
    chat.close();
  });

  test("a conversation names its visitor's", async () => {
    const platform = nodePlatform();
    const chat = await people.visitor(platform, { release });
    await chat.send("hello");
    const sid = await meets(inbox, chat);
    await until("it is named",
      () => talk(inbox, sid).release === "ab".repeat(32));
    const { sid: plain } = await begin();
    assert.equal(talk(inbox, plain).release, "");
    chat.close();
  });
});

describe("the roster", () => {
  test("is renewed by password; visitors follow", async () => {
    const { chat, seen } = await begin();
    const before = inbox.devices!;
    await refusedAs("wrong-credentials", inbox.renew({ password: "another" }));
    await sleep(20);
    await inbox.renew({ password: PASSWORD });
    const now = inbox.devices!;
    assert.ok(now.notAfter > before.notAfter);
    assert.deepEqual(now.devices, before.devices);
    assert.equal(now.generation, before.generation);
    await inbox.send(await meets(inbox, chat), "under the new roster");
    await until("it is there", () => texts(chat).length === 2);
    assert.ok(chat.messages.every((m) => !m.mark));
    await chat.send("fine");
    await until("and back", () => texts(seen()).length === 3);
    assert.equal(inbox.alarm, undefined);
    chat.close();
  });

  test("is renewed by a device whose roster ended 49 h ago", async () => {
    const desk = nodePlatform();
    const first = await people.login(desk, service);
    const { sid, chat } = await begin();
    await until("it is there", () => talk(first, sid));
    first.close();
    const end = inbox.devices!.notAfter;
    const late = { ...desk, now: () => end + 49 * HOUR };
    const device = await people.device(late, service);
    await until("an alarm", () => device.alarm?.code === "roster-expired");
    await refusedAs("alarm", device.send(sid, "too late"));
    assert.deepEqual(texts(talk(device, sid)), ["hello"], "it still opens");
    await device.renew({ password: PASSWORD });
    assert.equal(device.alarm, undefined);
    await device.send(sid, "in time again");
    await until("stored", () => states(talk(device, sid)).at(-1) === "stored");
    device.close();
    chat.close();
  });
});

describe("a session whose beginning is missing", () => {
  const DAY = 24 * HOUR;

  /** A device gets everything but the first text of a visitor whose session
   * began that many days ago. */
  async function without(days: number): Promise<string[]> {
    const own = await startService();
    const others = new People(own);
    const cut = await startProxy(own.url);
    try {
      const ago = (n: number) => ({
        ...nodePlatform(), now: () => Date.now() - n * DAY,
      });
      const desk = await others.customer(ago(30));
      const chat = await others.visitor(ago(days));
      await chat.send("the beginning");
      await chat.send("what came after it");
      const sid = await meets(desk, chat);
      await until("both are stored", () => texts(talk(desk, sid)).length === 2);
      const isFirst = (envelope: Uint8Array) =>
        decodeEnvelope(copy(envelope))!.seq === 1;
      cut.tampering = {
        toClient(bytes) {
          const frame = f.openFrame(bytes);
          if (frame.name === "deliver") {
            const d = f.decodeDeliver(frame.body);
            return isFirst(d.envelope) ? [] : [bytes];
          }
          if (frame.name !== "messages") return [bytes];
          const page = f.decodeMessages(frame.body);
          const messages = page.messages.filter((m) => !isFirst(m.envelope));
          return [f.encodeMessages(frame.tag, { ...page, messages })];
        },
      };
      const late = await others.login(
        nodePlatform(), { origin: own.origin, url: cut.url });
      await until("the later one is there", () => talk(late, sid));
      await sleep(500);
      assert.deepEqual(texts(talk(late, sid)), ["what came after it"]);
      return states(talk(late, sid));
    } finally {
      others.leave();
      await cut.close();
      await own.stop();
    }
  }

  test("is excused once retention may have taken it", async () => {
    assert.deepEqual(await without(8), ["beginning-missing"]);
  });

  test("is a gap before that", async () => {
    assert.deepEqual(await without(6), ["gap"]);
  });
});
