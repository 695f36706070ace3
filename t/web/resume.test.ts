// The sidecar goes away and comes back: the clients keep their sockets, ask
// again what was not answered, and nobody sees anything of it.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { Inbox, VisitorChat } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { meets, PASSWORD, People, states, talk, texts } from "./people.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

let service: RunningService;
let proxy: Proxy;
let people: People;
let inbox: Inbox;
/** What passed the proxy, which stands before everybody. */
let sent: { name: f.FrameName; tag: number; bytes: string }[] = [];
let got: f.OpenedFrame[] = [];

before(async () => {
  service = await startService();
  proxy = await startProxy(service.url);
  people = new People({ origin: service.origin, url: proxy.url });
  watch();
  inbox = await people.customer();
});

afterEach(() => watch());

after(async () => {
  people?.leave();
  await proxy?.close();
  await service?.stop();
});

function watch(onSent: (name: f.FrameName) => void = () => undefined): void {
  sent = [];
  got = [];
  proxy.tampering = {
    toService(bytes) {
      const { name, tag } = f.openFrame(bytes);
      sent.push({ name, tag, bytes: Buffer.from(bytes).toString("hex") });
      onSent(name);
      return [bytes];
    },
    toClient: (bytes) => (got.push(f.openFrame(bytes)), [bytes]),
  };
}

const named = (name: f.FrameName) => sent.filter((frame) => frame.name === name);
const resumed = () =>
  got.filter(({ name }) => name === "resumed")
    .map(({ body }) => f.decodeResumed(body).role);

/** A platform that counts the sockets it opens. */
function counting() {
  const platform = nodePlatform();
  const counter = { sockets: 0, platform };
  counter.platform = {
    ...platform,
    socket(url, protocol) {
      counter.sockets++;
      return platform.socket(url, protocol);
    },
  };
  return counter;
}

/** Every value that a client's link takes. */
function links(client: VisitorChat | Inbox): Set<string> {
  const seen = new Set<string>([client.link]);
  client.subscribe(() => seen.add(client.link));
  return seen;
}

async function begin(text: string) {
  const visitor = counting();
  const chat = await people.visitor(visitor.platform);
  await chat.send(text);
  const sid = await meets(inbox, chat);
  await until("stored", () => states(chat)[0] === "stored");
  return { chat, sid, visitor };
}

async function restart(signal: "SIGKILL" | "SIGTERM" = "SIGKILL", ms = 200) {
  await service.killSidecar(signal);
  await sleep(ms);
  await service.startSidecar();
}

describe("a restart of the sidecar", () => {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    test(`by ${signal}: no socket closes, nothing is lost`, async () => {
      const { chat, sid, visitor } = await begin("before");
      const seen = [links(chat), links(inbox)];
      watch();
      await service.killSidecar(signal);
      await chat.send("meanwhile, from the visitor");
      await inbox.send(sid, "meanwhile, from the inbox");
      await sleep(300);
      await service.startSidecar();
      await until("both have both", () =>
        texts(chat).length === 3 && texts(talk(inbox, sid)).length === 3 &&
        !states(chat).includes("sending"));
      assert.equal(visitor.sockets, 1);
      assert.deepEqual(seen.map((set) => [...set]), [["ready"], ["ready"]]);
      assert.deepEqual(resumed().sort(), [1, 2], "each by its ticket");
      assert.equal(named("auth").length, 0);
      chat.close();
    });
  }

  test("what is unanswered is asked again with the same bytes", async () => {
    const { chat, sid, visitor } = await begin("before");
    let killed: Promise<void> | undefined;
    watch((name) => {
      if (name === "send") killed ??= service.killSidecar();
    });
    await chat.send("into the gap");
    await until("it is on its way", () => killed);
    await killed;
    await service.startSidecar();
    await until("stored", () => states(chat).join() === "stored,stored");
    const [first, second] = named("send");
    assert.deepEqual(second ?? first, first, "tag and bytes");
    assert.equal(named("resume").length, 2, "of the visitor and of the inbox");
    await until("it is there", () => texts(talk(inbox, sid)).length === 2);
    assert.equal(visitor.sockets, 1);
    chat.close();
  });

  test("before the first STORED the visitor proves again who he is", async () => {
    const visitor = counting();
    const chat = await people.visitor(visitor.platform);
    const seen = links(chat);
    let killed: Promise<void> | undefined;
    watch((name) => {
      if (name === "send") killed ??= service.killSidecar();
    });
    await chat.send("the very first");
    await until("it is on its way", () => killed);
    await killed;
    await service.startSidecar();
    await until("stored", () => states(chat)[0] === "stored");
    await meets(inbox, chat);
    assert.ok(resumed().includes(0));
    assert.equal(named("auth").length, 2);
    assert.equal(visitor.sockets, 1);
    assert.ok(!seen.has("offline"));
    chat.close();
  });

  test("one that has not even asked who the customer is", async () => {
    const visitor = counting();
    await service.killSidecar();
    await service.startSidecar();
    let killed: Promise<void> | undefined;
    watch((name) => {
      if (name === "rosterGet") killed ??= service.killSidecar();
    });
    const chat = await people.visitor(visitor.platform);
    chat.connect();
    await until("asked", () => killed);
    await killed;
    await service.startSidecar();
    await chat.send("late, but here");
    await until("stored", () => states(chat)[0] === "stored");
    assert.equal(visitor.sockets, 1);
    chat.close();
  });

  test("a registration in the gap", async () => {
    const desk = counting();
    let killed: Promise<void> | undefined;
    watch((name) => {
      if (name === "register") {
        killed ??= service.killSidecar().then(() => service.startSidecar());
      }
    });
    const second = await people.device(desk.platform);
    await second.register({
      account: "second@example.org", password: PASSWORD, suite: 2,
    });
    await killed;
    await until("it is connected", () => second.link === "ready");
    assert.equal(named("register").length, 2);
    // One to ask for the salt, one to register, one to be there.
    assert.equal(desk.sockets, 3);
  });

  test("again and again under load: each message once, in order", async () => {
    const { chat, sid, visitor } = await begin("0");
    const seen = [links(chat), links(inbox)];
    let writing = true;
    const writers = [
      async (n: number) => chat.send(`v${n}`),
      async (n: number) => inbox.send(sid, `c${n}`),
    ].map(async (write) => {
      for (let n = 1; writing; n++) {
        await write(n);
        await sleep(10);
      }
    });
    for (let round = 0; round < 4; round++) {
      await sleep(250);
      await restart(round % 2 ? "SIGTERM" : "SIGKILL", 50);
    }
    await sleep(250);
    writing = false;
    await Promise.all(writers);
    const own = (all: string[], side: string) =>
      all.filter((text) => text.startsWith(side));
    await until("all is stored and read", () => {
      const here = texts(chat);
      const there = texts(talk(inbox, sid));
      return here.length === there.length && here.length > 40 &&
        ![...states(chat), ...states(talk(inbox, sid))].includes("sending");
    });
    for (const all of [texts(chat), texts(talk(inbox, sid))]) {
      for (const side of ["v", "c"]) {
        const mine = own(all, side);
        assert.deepEqual(mine, mine.map((_, i) => `${side}${i + 1}`));
      }
    }
    assert.equal(visitor.sockets, 1);
    assert.deepEqual(seen.map((set) => [...set]), [["ready"], ["ready"]]);
    chat.close();
  });

  test("a session that is deleted meanwhile does not come back", async () => {
    const { chat, sid } = await begin("to be deleted");
    const keep = await begin("to be kept");
    // The inbox's frame passes and the visitor's link breaks at once.
    await inbox.deleteConversation(sid);
    await restart();
    await until("the visitor knows", () => chat.deleted);
    assert.equal(keep.chat.deleted, false);
    await keep.chat.send("still here");
    await until("stored", () => states(keep.chat).join() === "stored,stored");
    assert.equal(keep.visitor.sockets, 1);
    chat.close();
    keep.chat.close();
  });
});
