// Limits and blocking, with real clients through the real nginx: what is put
// off comes later, in its order and once; who is blocked stays out.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { createInbox, type Inbox, type VisitorChat } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import { meets, PASSWORD, People, refusedAs, states, talk, texts } from "./people.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { startProxy } from "./proxy.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

/** As nginx has it of a proxy in front of it. */
const REALIP = `
        location = /proxied {
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Real-IP;
            sealchat_pass sealchat;
        }`;

const OFF = [
  "puzzle_address = none", "puzzle_customer = none", "puzzle_account = none",
  "sessions_address = none", "messages_session = none",
  "signals_session = none",
  "logins_address = none", "logins_account = none",
  "registrations_address = none", "changes_account = none",
];

/** Everything off but these. */
function only(...lines: string[]): string {
  const names = lines.map((line) => line.split(" ")[0]);
  const rest = OFF.filter((line) => !names.includes(line.split(" ")[0]));
  return [...lines, ...rest].join("\n");
}

/** A number of the sidecar's metrics. */
function metric(service: RunningService, name: string): number {
  const text = service.metrics();
  const line = text.split("\n").find((l) => l.startsWith(`${name} `));
  assert.ok(line, `no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

interface Place {
  readonly service: RunningService;
  readonly people: People;
  readonly inbox: Inbox;
  /** A visitor who comes from that address. */
  from(address: string): Promise<VisitorChat>;
  stop(): Promise<void>;
}

async function place(limits: string): Promise<Place> {
  const service = await startService({ limits, locations: REALIP });
  const people = new People(service);
  const inbox = await people.customer();
  return {
    service, people, inbox,
    from: (address) =>
      people.visitor(nodePlatform({ headers: { "X-Real-IP": address } }), {
        service: {
          origin: service.origin,
          url: service.url.replace("/sealchat", "/proxied"),
        },
      }),
    stop: () => (people.leave(), service.stop()),
  };
}

const sent = async (chat: VisitorChat, text: string) => {
  await chat.send(text);
  await until(`"${text}" is stored`, () => states(chat).at(-1) === "stored");
};

describe("new sessions", () => {
  let p: Place;
  before(async () => {
    p = await place(only("puzzle_address = 3/h", "puzzle_bits = 10"));
  });
  after(() => p.stop());

  const asked = () =>
    metric(p.service, 'sealchatd_limited_total{limit="puzzle_address"}');
  const solved = () =>
    metric(p.service, 'sealchatd_puzzles_total{solved="yes"}');

  test("of one address solve a puzzle beyond its mark, and notice nothing", async () => {
    for (let i = 1; i <= 3; i++) await sent(await p.from("192.0.2.1"), `hello ${i}`);
    assert.deepEqual([asked(), solved()], [0, 0]);
    const chat = await p.from("192.0.2.1");
    await sent(chat, "hello 4");
    assert.deepEqual([asked(), solved()], [1, 1]);
    assert.equal(chat.alarm, undefined);
    await meets(p.inbox, chat);
  });

  test("another address is asked for none; an IPv6 network is one address", async () => {
    const before = asked();
    await sent(await p.from("192.0.2.2"), "from elsewhere");
    for (const host of [1, 2, 3]) {
      await sent(await p.from(`2001:db8:0:7::${host}`), `host ${host}`);
    }
    await sent(await p.from("2001:db8:0:8::1"), "from the next network");
    assert.equal(asked(), before);
    await sent(await p.from("2001:db8:0:7:aaaa::9"), "host 9");
    assert.equal(asked(), before + 1);
  });

  test("a session that exists is asked for none, reloaded or restarted", async () => {
    const platform = nodePlatform({ headers: { "X-Real-IP": "192.0.2.1" } });
    const at = { service: { origin: p.service.origin,
      url: p.service.url.replace("/sealchat", "/proxied") } };
    const chat = await p.people.visitor(platform, at);
    await sent(chat, "before");
    const before = asked();
    chat.close();
    const again = await p.people.visitor(platform, at);
    await sent(again, "after");
    assert.equal(asked(), before);
  });
});

test("more sessions of an address than its quota are put off, and not lost", async () => {
  const p = await place(only("sessions_address = 2/s", "puzzle_bits = 0"));
  const chats = await Promise.all(
    Array.from({ length: 6 }, () => p.from("192.0.2.1")));
  await Promise.all(chats.map((chat, i) => chat.send(`of ${i}`)));
  await until("all of them are stored", () =>
    chats.every((chat) => states(chat).at(-1) === "stored"));
  assert.ok(metric(p.service,
    'sealchatd_limited_total{limit="sessions_address"}') > 0);
  assert.ok(chats.every((chat) => !chat.alarm));
  await p.stop();
});

test("what is written too fast waits, and comes once and in its order", async () => {
  const p = await place(only("messages_session = 5/s"));
  const limited = () =>
    metric(p.service, 'sealchatd_limited_total{limit="messages_session"}');
  const chat = await p.from("192.0.2.1");
  const wanted = Array.from({ length: 20 }, (_, i) => `word ${i}`);
  for (const text of wanted) await chat.send(text);
  await until("all are stored", () =>
    states(chat).every((state) => state === "stored" || state === "delivered"));
  assert.ok(limited() > 0);
  const sid = await meets(p.inbox, chat);
  await until("all have arrived", () => talk(p.inbox, sid).messages.length === 20);
  assert.deepEqual(texts(talk(p.inbox, sid)), wanted);
  assert.ok(talk(p.inbox, sid).messages.every(({ mark }) => !mark));
  await p.stop();
});

test("a wrong password is put off where it is tried, the right one elsewhere is not", async () => {
  const p = await place(only("logins_account = 2/h"));
  const { account, secretKey, cid } = p.people.kit;
  const at = (address: string) => ({
    platform: nodePlatform({ headers: { "X-Real-IP": address } }),
    address: { origin: p.service.origin,
      url: p.service.url.replace("/sealchat", "/proxied") },
  });
  const login = async (address: string, password: string) => {
    const { platform, address: service } = at(address);
    const device = await p.people.device(platform, service);
    await device.login({
      account, secretKey, cid, password, confirm: async () => true,
    });
    return device;
  };
  for (let i = 0; i < 2; i++) {
    await refusedAs("wrong-credentials", login("192.0.2.1", "not this one"));
  }
  await refusedAs("too-many", login("192.0.2.1", PASSWORD));
  const device = await login("192.0.2.2", PASSWORD);
  await until("it is connected", () => device.link === "ready");
  await p.stop();
});

test("more registrations of an address than its quota are put off, and told when", async () => {
  const p = await place(only("registrations_address = 1/h"));
  const register = async (account: string) => {
    const inbox = createInbox({
      service: { origin: p.service.origin,
        url: p.service.url.replace("/sealchat", "/proxied") },
      platform: nodePlatform({ headers: { "X-Real-IP": "192.0.2.1" } }),
    });
    await inbox.start();
    try {
      return await inbox.register({ account, password: PASSWORD, suite: 2 });
    } finally {
      inbox.close();
    }
  };
  assert.ok((await register("one@example.org")).cid);
  await refusedAs("too-many", register("two@example.org"));
  await p.stop();
});

describe("a visitor who is blocked", () => {
  let p: Place;
  let second: Inbox;
  let sid: string;
  let chat: VisitorChat;
  const platform = nodePlatform();

  before(async () => {
    p = await place("enabled = off");
    chat = await p.people.visitor(platform);
    await sent(chat, "first");
    sid = await meets(p.inbox, chat);
    second = await p.people.login();
    await until("the second device has it", () => !!talk(second, sid));
  });
  after(() => p.stop());

  test("is told so at once, and the customer's other devices are", async () => {
    await p.inbox.blockConversation(sid, true);
    await until("the visitor knows", () => chat.alarm?.code === "blocked");
    await until("the other device shows it", () => talk(second, sid).blocked);
    assert.equal(talk(p.inbox, sid).blocked, true);
    assert.equal(talk(p.inbox, sid).blockAsked, false);
    assert.equal(p.service.ctl("sessions", p.people.kit.cid)[0]!.blocked, true);
  });

  test("does not come back by a reload, nor by a restart of the service", async () => {
    for (const again of [false, true]) {
      if (again) {
        await p.service.killSidecar();
        await p.service.startSidecar();
      }
      chat.close();
      chat = await p.people.visitor(platform);
      await until("it is refused", () => chat.alarm?.code === "blocked");
    }
    await assert.rejects(chat.send("may I?"));
    assert.deepEqual(texts(talk(p.inbox, sid)), ["first"]);
  });

  test("ends the block by nothing of its own", async () => {
    await assert.rejects(chat.endAndDelete());
    assert.equal(chat.alarm?.code, "blocked");
    assert.equal(talk(p.inbox, sid).deleted, false);
  });

  test("a device that was away finds it in the list", async () => {
    const third = await p.people.login();
    await until("it has the mark", () => talk(third, sid)?.blocked);
  });

  test("is let in again, and what waited goes out", async () => {
    const other = nodePlatform();
    const waiting = await p.people.visitor(other);
    await sent(waiting, "another one");
    const which = await meets(p.inbox, waiting);
    // Written while the service is away, blocked before it is sent.
    await p.service.stopNginx();
    await until("it is cut off", () => waiting.link === "offline");
    await waiting.send("kept");
    const asked = p.inbox.blockConversation(which, true);
    await until("it is asked for", () => talk(p.inbox, which).blockAsked);
    waiting.close();
    await p.service.startNginx();
    await asked;
    const again = await p.people.visitor(other);
    await until("it is refused", () => again.alarm?.code === "blocked");
    again.close();
    await p.inbox.blockConversation(which, false);
    assert.equal(talk(p.inbox, which).blocked, false);
    const back = await p.people.visitor(other);
    await until("what waited has arrived", () =>
      texts(talk(p.inbox, which)).at(-1) === "kept");
    assert.deepEqual(texts(back), ["another one", "kept"]);
  });
});

test("many that were blocked or deleted while the service was away are told bit by bit", async () => {
  const p = await place("enabled = off");
  for (let i = 0; i < 70; i++) {
    const chat = await p.people.visitor();
    await sent(chat, `of ${i}`);
    chat.close();
  }
  await until("all are there", () => p.inbox.conversations.length === 70);
  const sids = p.inbox.conversations.map(({ sid }) => sid);
  const away = async (what: (sid: string) => Promise<void>, noted: () => boolean) => {
    await p.service.stopNginx();
    await until("it is cut off", () => p.inbox.link !== "ready");
    const asked = Promise.all(sids.map(what));
    await until("all are asked for", noted);
    await p.service.startNginx();
    await asked;
  };
  await away(
    (sid) => p.inbox.blockConversation(sid, true),
    () => p.inbox.conversations.every(({ blockAsked }) => blockAsked));
  assert.ok(p.service.ctl("sessions", p.people.kit.cid)
    .filter(({ sid }) => sid).every(({ blocked }) => blocked));
  assert.ok(p.inbox.conversations.every((c) => c.blocked && !c.blockAsked));
  await away(
    (sid) => p.inbox.deleteConversation(sid),
    () => !p.inbox.conversations.length);
  assert.equal(p.inbox.alarm, undefined);
  assert.equal(metric(p.service, 'sealchatd_refusals_total{code="busy"}'), 0);
  await p.stop();
});

test("who was asked to wait sends one at a time, not a window in vain", async () => {
  const p = await place(only("messages_session = 5/s"));
  const proxy = await startProxy(p.service.url);
  const wanted = Array.from({ length: 20 }, (_, i) => `word ${i}`);
  let written!: () => void;
  const allWritten = new Promise<void>((done) => (written = done));
  let flying = 0;
  let refused = false;
  let settled = false;
  const burst: number[] = [];
  const later: number[] = [];
  proxy.tampering = {
    toService(bytes) {
      if (f.openFrame(bytes).name === "send") {
        (settled ? later : burst).push(++flying);
      }
      return [bytes];
    },
    async toClient(bytes) {
      const { name } = f.openFrame(bytes);
      // So that all of them wait when the first one goes.
      if (name === "ready") await allWritten;
      if (name === "error") refused = true;
      if (name === "error" || name === "stored") flying--;
      settled ||= refused && !flying;
      return [bytes];
    },
  };
  const chat = await p.people.visitor(nodePlatform(), {
    service: { origin: p.service.origin, url: proxy.url },
  });
  for (const text of wanted) await chat.send(text);
  written();
  await until("all are stored", () =>
    states(chat).every((state) => state === "stored" || state === "delivered"));
  assert.ok(Math.max(...burst) > 5, `${burst}`);
  assert.ok(later.length > 0);
  assert.deepEqual(later, later.map(() => 1));
  const sid = await meets(p.inbox, chat);
  await until("all have arrived", () => talk(p.inbox, sid).messages.length === 20);
  assert.deepEqual(texts(talk(p.inbox, sid)), wanted);
  await proxy.close();
  await p.stop();
});
