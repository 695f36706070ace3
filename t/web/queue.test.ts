// Messages come many at a time: what one of them is, or what becomes of its
// conversation, takes nothing from the others, and nothing is acknowledged that
// is not kept.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import type { Inbox } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import type { Changes } from "../../web/src/client/platform.ts";
import type { SessionState } from "../../web/src/client/records.ts";
import { idOf } from "../../web/src/crypto/signed.ts";
import { copy, toHex } from "../../web/src/wire/bytes.ts";
import { decodeEnvelope } from "../../web/src/wire/envelope.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { meets, People, states, talk, texts } from "./people.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { freePort, startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

let service: RunningService;
let people: People;
const desk = nodePlatform();
/** Whether the inbox's storage fails to write these. */
let failing: (keys: readonly string[]) => boolean = () => false;
/** Before the inbox. */
let proxy: Proxy;
let inbox: Inbox;

before(async () => {
  service = await startService();
  proxy = await startProxy(service.url);
  people = new People(service);
  inbox = await people.customer(
    {
      ...desk,
      async open(name) {
        const storage = await desk.open(name);
        const write = (changes: Changes) => {
          if (failing([...changes.keys()])) throw new Error("the disk is full");
          return storage.write(changes);
        };
        return { ...storage, write };
      },
    },
    { origin: service.origin, url: proxy.url });
});

beforeEach(() => {
  proxy.tampering = {};
  failing = () => false;
});

after(async () => {
  people?.leave();
  await proxy?.close();
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

test("a search for what is missing holds up nobody else's messages", async () => {
  // What the history answers is kept from the inbox until another visitor's
  // words have come.
  const history: Uint8Array<ArrayBuffer>[] = [];
  let showing = false;
  proxy.tampering = {
    toClient(frame) {
      if (f.openFrame(frame).name !== "messages") return [frame];
      if (showing) return [frame];
      history.push(frame);
      return [];
    },
  };
  const { sid } = await withGap();
  await until("the search", () => history.length);
  const other = await people.visitor();
  await other.send("anybody there?");
  const there = await meets(inbox, other);
  await inbox.send(there, "of course");
  await until("the answer", () => texts(other).length === 2);
  assert.equal(history.length, 1, "and one search at a time");
  assert.equal(talk(inbox, sid).messages[1]?.mark, "gap");
  showing = true;
  proxy.cut();
  await until("connected anew", () => inbox.link === "ready");
});

test("a conversation that is deleted while the inbox connects is no alarm", async () => {
  const chat = await people.visitor();
  await chat.send("hello");
  const sid = await meets(inbox, chat);
  await inbox.send(sid, "hello to you");
  await until("the answer", () => texts(chat).length === 2);
  chat.close();

  await service.stopNginx();
  await until("it is away", () => inbox.link === "offline");
  await inbox.send(sid, "are you still there?");
  let asked = false;
  let release = () => {};
  const released = new Promise<void>((done) => (release = done));
  proxy.tampering = {
    async toClient(frame) {
      if (!asked && f.openFrame(frame).name === "sessionPage") {
        asked = true;
        await released;
      }
      return [frame];
    },
  };
  await service.startNginx();
  await until("where the inbox stands", () => asked);
  const deleted = inbox.deleteConversation(sid);
  await until("it is gone here", () => !talk(inbox, sid));
  release();
  await deleted;
  assert.equal(inbox.alarm, undefined);
  assert.equal(inbox.link, "ready");
});

test("what waits to be sent is not sent while an alarm stands", async () => {
  const platform = nodePlatform();
  const known = await people.visitor(platform);
  await known.send("hello");
  const sid = await meets(inbox, known);
  await until("it is stored", () => states(known)[0] === "stored");
  known.close();
  const nowhere = `ws://127.0.0.1:${await freePort()}/sealchat`;
  const offline = await people.visitor(
    platform, { service: { origin: service.origin, url: nowhere } });
  await offline.send("under the old keys");
  offline.close();

  // The page asks for keys that the service does not show.
  const warned = await people.visitor(platform, { minGeneration: 2 });
  await until("it is connected", () => warned.link === "ready");
  await until("the alarm", () => warned.alarm);
  assert.equal(warned.alarm!.code, "roster-below-minimum");
  const [storage] = platform.stored.values();
  const out = () => [...storage!.keys()].filter((key) => key.startsWith("out/"));
  const other = await people.visitor();
  await other.send("anybody there?");
  await meets(inbox, other);
  // What comes to it still comes.
  await inbox.send(sid, "we have new keys");
  await until("the reply", () => texts(warned).includes("we have new keys"));
  assert.equal(out().length, 1);
  assert.deepEqual(texts(talk(inbox, sid)), ["hello", "we have new keys"]);
  warned.close();

  const again = await people.visitor(platform);
  await until("it is stored", () => !out().length);
  await until("it has come", () => texts(talk(inbox, sid)).length === 3);
  again.close();
});

test("what is acknowledged is kept, whatever fails meanwhile", async () => {
  const [one, two] = [await people.visitor(), await people.visitor()];
  await one.send("one 0");
  await two.send("two 0");
  const [first, second] = [await meets(inbox, one), await meets(inbox, two)];

  // Thirty messages come at once; the storage fails at the second of the two
  // conversations among them, and one message is not what was signed.
  const all: Uint8Array<ArrayBuffer>[] = [];
  const genuine = new Map<number, string>();
  const handed = new Set<number>();
  const acknowledged: number[] = [];
  const lost: string[] = [];
  let failed = 0;
  proxy.tampering = {
    async toClient(frame) {
      const { name, tag, body } = f.openFrame(frame);
      if (name !== "deliver") return [frame];
      const deliver = f.decodeDeliver(copy(body));
      const { envelope, position } = deliver;
      const spoilt = handed.size === 7 && !handed.has(position);
      handed.add(position);
      if (spoilt) envelope[300]! ^= 1;
      else genuine.set(position, keyOf(envelope, await idOf(envelope)));
      all.push(f.encodeDeliver(tag, deliver));
      return handed.size < 30 ? [] : all.splice(0);
    },
    toService(frame) {
      const { name, body } = f.openFrame(frame);
      if (name !== "ack") return [frame];
      const { position } = f.decodeAck(body);
      acknowledged.push(position);
      const [kept] = desk.stored.values();
      for (const [at, key] of genuine) {
        if (at <= position && !kept!.has(key)) lost.push(key);
      }
      return [frame];
    },
  };
  failing = (keys) => {
    const hit = handed.size === 30 && !failed
      && keys.some((key) => key.startsWith(`m/${second}/`));
    if (hit) failed++;
    return hit;
  };
  for (let i = 1; i <= 15; i++) {
    for (const [chat, name] of [[one, "one"], [two, "two"]] as const) {
      await chat.send(`${name} ${i}`);
      await until("stored", () => states(chat).at(-1) === "stored");
    }
  }
  const whole = (name: string) =>
    Array.from({ length: 16 }, (_, i) => `${name} ${i}`);
  await until("all of them", () => texts(talk(inbox, second)).length === 16);
  await until("of both", () => texts(talk(inbox, first)).length === 16);
  assert.deepEqual(texts(talk(inbox, first)), whole("one"));
  assert.deepEqual(texts(talk(inbox, second)), whole("two"));
  assert.equal(failed, 1);
  assert.ok(acknowledged.length);
  assert.deepEqual(lost, []);
});

function keyOf(envelope: Uint8Array<ArrayBuffer>, id: Uint8Array): string {
  return `m/${toHex(decodeEnvelope(envelope)!.sid)}/${toHex(id)}`;
}
