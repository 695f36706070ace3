// What a service that lies, drops, repeats and garbles can do to real clients:
// they notice, say so, and send nothing where they must not.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  ClientError, createInbox, createVisitorChat,
  type Inbox, type RecoveryKit, type VisitorChat,
} from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import { generate } from "../../web/src/crypto/ed25519.ts";
import { signThing } from "../../web/src/crypto/signed.ts";
import { copy } from "../../web/src/wire/bytes.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { decodeHello } from "../../web/src/wire/hello.ts";
import { decodeRoster, encodeRoster } from "../../web/src/wire/roster.ts";
import { startProxy, type Proxy, type Tampering } from "./proxy.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

const PASSWORD = "salt glaze on a grey morning";
const HOUR = 3_600_000;

let service: RunningService;
let proxy: Proxy;
let lying: { origin: string; url: string };
let inbox: Inbox;
let kit: RecoveryKit;
const open: { close(): void }[] = [];

before(async () => {
  service = await startService();
  proxy = await startProxy(service.url);
  lying = { origin: service.origin, url: proxy.url };
  inbox = createInbox({ service, platform: nodePlatform() });
  open.push(inbox);
  await inbox.start();
  kit = await inbox.register({
    account: "potter@example.org", password: PASSWORD, suite: 2,
  });
});

beforeEach(() => {
  proxy.tampering = {};
});

after(async () => {
  for (const client of open) client.close();
  await proxy?.close();
  await service?.stop();
});

/** Changes frames of one kind on their way to the client. */
function forging<T>(
  name: f.FrameName,
  decode: (body: f.OpenedFrame["body"]) => T,
  encode: (tag: number, fields: T) => f.OpenedFrame["body"],
  change: (fields: T) => T | T[] | undefined | Promise<T | T[] | undefined>,
): Tampering {
  return {
    async toClient(bytes) {
      const frame = f.openFrame(bytes);
      if (frame.name !== name) return [bytes];
      const out = await change(decode(frame.body));
      const all = out === undefined ? [] : Array.isArray(out) ? out : [out];
      return all.map((fields) => encode(frame.tag, fields));
    },
  };
}

/** The names of the frames that reach the service. */
function watch(): string[] {
  const seen: string[] = [];
  proxy.tampering = {
    ...proxy.tampering,
    toService: (bytes) => (seen.push(f.openFrame(bytes).name), [bytes]),
  };
  return seen;
}

async function chatThroughProxy(
  options: { minGeneration?: number; now?: () => number } = {},
  platform = nodePlatform(options.now ? { now: options.now } : {}),
): Promise<VisitorChat> {
  const { minGeneration } = options;
  const chat = createVisitorChat({
    service: lying, cid: kit.cid, platform,
    ...(minGeneration ? { minGeneration } : {}),
  });
  open.push(chat);
  await chat.start();
  return chat;
}

async function refusedAs(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof ClientError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

type RosterPage = f.RostersFrame;
const forgeRoster = (change: (bytes: RosterPage["rosters"][0]["bytes"]) => any) =>
  forging("rosters", f.decodeRosters, f.encodeRosters, async (page) => ({
    ...page,
    rosters: await Promise.all(
      page.rosters.map(async ({ bytes }) => ({ bytes: await change(copy(bytes)) }))),
  }));

describe("the widget sends nothing", () => {
  async function refuses(code: string, options = {}): Promise<void> {
    const seen = watch();
    const chat = await chatThroughProxy(options);
    await chat.send("nobody may read this");
    await until("an alarm", () => chat.alarm);
    assert.equal(chat.alarm?.code, code);
    await sleep(100);
    assert.deepEqual([...new Set(seen)], ["rosterGet"]);
    assert.deepEqual(chat.messages.map((m) => m.delivery), ["failed"]);
    await refusedAs("alarm", chat.send("nor this"));
    chat.close();
  }

  test("under a roster of another identity", async () => {
    const other = await generate();
    proxy.tampering = forgeRoster((bytes) => {
      const roster = decodeRoster(bytes)!;
      const forged = { ...roster, ikPk: other.pk };
      return signThing("roster", encodeRoster(forged), other.privateKey);
    });
    await refuses("roster-other-identity");
  });

  test("under the right name with a signature of another key", async () => {
    const other = await generate();
    proxy.tampering = forgeRoster((bytes) =>
      signThing("roster", bytes.slice(0, -64), other.privateKey));
    await refuses("roster-invalid");
  });

  test("with another message key put into the roster", async () => {
    proxy.tampering = forgeRoster((bytes) => {
      bytes[140]! ^= 1;
      return bytes;
    });
    await refuses("roster-invalid");
  });

  test("49 h after the roster's end; 47 h after it warns", async () => {
    const end = inbox.devices!.notAfter;
    await refuses("roster-expired", { now: () => end + 49 * HOUR });
    const chat = await chatThroughProxy({ now: () => end + 47 * HOUR });
    await chat.send("just in time");
    await until("it is stored", () => chat.messages[0]!.delivery === "stored");
    assert.equal(chat.warning, "roster-ending");
    assert.equal(chat.alarm, undefined);
    chat.close();
  });

  test("below the snippet's least generation", async () => {
    await refuses("roster-below-minimum", { minGeneration: 2 });
  });
});

describe("a known client is not taken back", () => {
  test("to an older roster", async () => {
    const platform = nodePlatform();
    let chat = await chatThroughProxy({}, platform);
    const first = await rosterNow();
    await chat.send("under the first roster");
    await until("stored", () => chat.messages[0]?.delivery !== "sending");

    const pinned = () => platform.stored.get(`sealchat-${kit.cid}`)!.get("pin");
    const before = pinned();
    const second = createInbox({ service, platform: nodePlatform() });
    open.push(second);
    await second.start();
    await second.login({
      account: kit.account, password: PASSWORD, secretKey: kit.secretKey,
      cid: kit.cid, confirm: async () => true,
    });
    await until("the new roster is pinned", () => pinned() !== before);
    chat.close();

    proxy.tampering = forging(
      "ready", f.decodeReady, f.encodeReady,
      (ready) => ({ ...ready, roster: first }));
    chat = await chatThroughProxy({}, platform);
    await until("an alarm", () => chat.alarm);
    assert.equal(chat.alarm!.code, "roster-contradicts");
    await refusedAs("alarm", chat.send("nothing"));
    chat.close();
  });

  async function rosterNow() {
    const shown: Uint8Array<ArrayBuffer>[] = [];
    proxy.tampering = forgeRoster((bytes) => (shown.push(bytes), bytes));
    const probe = await chatThroughProxy();
    probe.connect();
    await until("a roster", () => shown.length);
    probe.close();
    proxy.tampering = {};
    return shown[0]!;
  }
});

describe("a login goes no further", () => {
  const login = () => {
    const device = createInbox({ service: lying, platform: nodePlatform() });
    open.push(device);
    return device.start().then(() => device.login({
      account: kit.account, password: PASSWORD, secretKey: kit.secretKey,
      cid: kit.cid, confirm: async () => true,
    }));
  };

  for (const kdfId of [0, 2, 255]) {
    test(`with kdf_id ${kdfId}`, async () => {
      proxy.tampering = forging(
        "salt", f.decodeSalt, f.encodeSalt, (salt) => ({ ...salt, kdfId }));
      const seen = watch();
      await refusedAs("bad-kdf", login());
      assert.deepEqual([...new Set(seen)], ["loginStart"]);
    });
  }

  test("with another salt", async () => {
    proxy.tampering = forging("salt", f.decodeSalt, f.encodeSalt, (salt) => ({
      ...salt, serverSalt: new Uint8Array(16),
    }));
    await refusedAs("wrong-credentials", login());
  });

  const vault = (change: (v: f.VaultFrame) => f.VaultFrame) => {
    proxy.tampering = forging("vault", f.decodeVault, f.encodeVault, change);
    return watch();
  };

  const flip = (bytes: Uint8Array, at: number) => {
    const out = Uint8Array.from(bytes);
    out[at < 0 ? out.length + at : at]! ^= 1;
    return out;
  };

  const changes: Record<string, (v: f.VaultFrame) => f.VaultFrame> = {
    "two wrap records swapped": (v) => ({
      ...v, wraps: [v.wraps[2]!, ...v.wraps.slice(1, 2), v.wraps[0]!, ...v.wraps.slice(3)],
    }),
    "a wrap record less": (v) => ({ ...v, wraps: v.wraps.slice(0, 4) }),
    "a bit of a wrapped key": (v) => ({
      ...v, wraps: v.wraps.map((w, i) => (i ? w : { bytes: flip(w.bytes, -1) })),
    }),
    "a bit of the account record": (v) => ({ ...v, account: flip(v.account, 120) }),
    "a bit of the roster": (v) => ({ ...v, roster: flip(v.roster, 140) }),
    "no account record": (v) => ({ ...v, account: new Uint8Array(0) }),
  };
  for (const [name, change] of Object.entries(changes)) {
    test(`with ${name}`, async () => {
      const seen = vault(change);
      await refusedAs("not-genuine", login());
      assert.ok(!seen.includes("accountPut"));
    });
  }
});

describe("a conversation through a service that lies", () => {
  const texts = (c?: { messages: readonly { text: string }[] }) =>
    c?.messages.map((m) => m.text) ?? [];

  async function begin(first: string, options: { now?: () => number } = {}) {
    const chat = await chatThroughProxy(options);
    await chat.send(first);
    const fresh = () => chat.safetyNumber && inbox.conversations.find(
      (c) => c.safetyNumber === chat.safetyNumber);
    await until("the customer has it", fresh);
    const { sid } = fresh() as { sid: string };
    return { chat, sid, seen: () => inbox.conversations.find((c) => c.sid === sid) };
  }

  test("delivered twice is shown once", async () => {
    const { chat, sid } = await begin("one");
    proxy.tampering = forging(
      "deliver", f.decodeDeliver, f.encodeDeliver, (d) => [d, d]);
    await inbox.send(sid, "two");
    await inbox.send(sid, "three");
    await until("both", () => texts(chat).length === 3);
    await sleep(100);
    assert.deepEqual(texts(chat), ["one", "two", "three"]);
    assert.ok(chat.messages.every((m) => !m.mark));
    chat.close();
  });

  test("what was dropped is fetched once a later one names it", async () => {
    const { chat, sid } = await begin("one");
    let dropped = 0;
    proxy.tampering = forging("deliver", f.decodeDeliver, f.encodeDeliver,
      (d) => (dropped++ ? d : undefined));
    await inbox.send(sid, "dropped");
    await inbox.send(sid, "later");
    await until("both", () => texts(chat).join() === "one,dropped,later");
    assert.ok(chat.messages.every((m) => !m.mark));
    chat.close();
  });

  test("pages of history without end are not read", async () => {
    const { chat, sid } = await begin("one");
    let asked = 0;
    let delivered = 0;
    proxy.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name === "deliver") return delivered++ ? [bytes] : [];
        if (frame.name !== "messages") return [bytes];
        asked++;
        const { sid: of } = f.decodeMessages(frame.body);
        return [f.encodeMessages(frame.tag, { sid: of, next: 7, messages: [] })];
      },
    };
    await inbox.send(sid, "never seen");
    await inbox.send(sid, "later");
    await until("the later one", () => texts(chat).length === 2);
    await sleep(500);
    assert.ok(asked > 0 && asked < 4, `${asked} pages were asked for`);
    await inbox.send(sid, "and on");
    await until("the next one", () => texts(chat).length === 3);
    chat.close();
  });

  test("what is dropped everywhere shows as a gap", async () => {
    const { chat, sid, seen } = await begin("one");
    let missing = "";
    const isMissing = (envelope: Uint8Array) => {
      const hex = Buffer.from(envelope).toString("hex");
      missing ||= hex;
      return hex === missing;
    };
    proxy.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name === "deliver") {
          return isMissing(f.decodeDeliver(frame.body).envelope) ? [] : [bytes];
        }
        if (frame.name !== "messages") return [bytes];
        const page = f.decodeMessages(frame.body);
        const messages = page.messages.filter((m) => !isMissing(m.envelope));
        return [f.encodeMessages(frame.tag, { ...page, messages })];
      },
    };
    await inbox.send(sid, "never seen");
    await inbox.send(sid, "behind the gap");
    await until("the later one", () => texts(chat).length === 2);
    assert.equal(chat.messages[1]!.mark, "gap");
    // Nothing behind a gap is named: neither reply ever counts as delivered.
    await chat.send("still here");
    await until("it arrives", () => texts(seen()).length === 4);
    assert.deepEqual(
      seen()!.messages.filter((m) => m.mine).map((m) => m.delivery),
      ["stored", "stored"]);
    chat.close();
  });

  describe("after retention", () => {
    const DAY = 24 * HOUR;

    /** A chat whose clock can be put forward. */
    async function old() {
      let ahead = 0;
      const begun = await begin("one", { now: () => Date.now() + ahead });
      return { ...begun, pass: (ms: number) => void (ahead += ms) };
    }

    /** Drops deliveries by their count, and from the history what is not among
     * the newest; what is left was stored that much later. */
    function forget(gone: readonly number[], left: number, later = 0): void {
      const count = new Map<string, number>();
      proxy.tampering = {
        toClient(bytes) {
          const frame = f.openFrame(bytes);
          if (frame.name === "deliver") {
            const deliver = f.decodeDeliver(frame.body);
            const hex = Buffer.from(deliver.envelope).toString("hex");
            if (!count.has(hex)) count.set(hex, count.size + 1);
            if (gone.includes(count.get(hex)!)) return [];
            const time = deliver.time + later;
            return [f.encodeDeliver(frame.tag, { ...deliver, time })];
          }
          if (frame.name !== "messages") return [bytes];
          const page = f.decodeMessages(frame.body);
          const messages = page.messages.slice(0, left).filter(
            (m) => !gone.includes(
              count.get(Buffer.from(m.envelope).toString("hex")) ?? 0));
          return [f.encodeMessages(frame.tag, { ...page, messages })];
        },
      };
    }

    async function reply(sid: string, chat: VisitorChat, text: string) {
      await inbox.send(sid, text);
      await until(text, () => texts(chat).includes(text));
    }

    test("a beginning that is gone is said to be", async () => {
      const { chat, sid, pass } = await old();
      forget([1, 2], 1);
      await inbox.send(sid, "gone");
      await inbox.send(sid, "gone too");
      pass(8 * DAY);
      await reply(sid, chat, "left");
      await until("the mark",
        () => chat.messages.at(-1)!.mark === "beginning-missing");
      await reply(sid, chat, "and on");
      assert.equal(chat.messages.at(-1)!.mark, undefined);
      chat.close();
    });

    test("what is dropped behind it is a gap", async () => {
      const { chat, sid, pass } = await old();
      forget([2], 128);
      await reply(sid, chat, "here");
      pass(8 * DAY);
      await inbox.send(sid, "dropped");
      await reply(sid, chat, "later");
      await sleep(300);
      assert.equal(chat.messages.at(-1)!.mark, "gap");
      chat.close();
    });

    test("what is younger cannot have been removed", async () => {
      const { chat, sid, pass } = await old();
      forget([2], 1, 2 * DAY);
      await reply(sid, chat, "here");
      pass(8 * DAY);
      await inbox.send(sid, "dropped");
      await reply(sid, chat, "later");
      await sleep(300);
      assert.equal(chat.messages.at(-1)!.mark, "gap");
      chat.close();
    });
  });

  test("garbage is acknowledged, and the next message arrives", async () => {
    const { chat, sid } = await begin("one");
    let n = 0;
    proxy.tampering = forging("deliver", f.decodeDeliver, f.encodeDeliver, (d) => {
      const garbled = (at: number) => {
        const envelope = Uint8Array.from(d.envelope);
        envelope[at < 0 ? envelope.length + at : at]! ^= 1;
        return { ...d, envelope };
      };
      return n++ ? d : [
        { ...d, envelope: Uint8Array.from([1, 2, 3]) },
        garbled(0), garbled(5), garbled(8), garbled(40), garbled(72),
        garbled(104), garbled(152), garbled(184), garbled(221), garbled(300),
        garbled(-70), garbled(-1), d,
      ];
    });
    const acked: number[] = [];
    proxy.tampering.toService = (bytes) => {
      const frame = f.openFrame(bytes);
      if (frame.name === "ack") acked.push(f.decodeAck(frame.body).position);
      return [bytes];
    };
    await inbox.send(sid, "behind the garbage");
    await until("it arrives", () => texts(chat).includes("behind the garbage"));
    const clear = chat.messages.filter((m) => m.mark !== "waiting");
    assert.deepEqual(texts({ messages: clear }), ["one", "behind the garbage"]);
    assert.ok(clear.every((m) => !m.mark));
    await until("it is acknowledged", () => acked.length);
    chat.close();
  });

  test("another visitor's hello, or a changed one, opens no session", async () => {
    const platform = nodePlatform();
    const other = createInbox({ service: lying, platform });
    open.push(other);
    await other.start();
    const stranger = await generate();
    const forge = async (hello: Uint8Array<ArrayBuffer>) => {
      if (!hello.length) return hello;
      const unsigned = hello.slice(0, -64);
      const at = unsigned.length - 72 - (decodeHello(hello)!.sessionKey.pk.length);
      unsigned[at]! ^= 1;
      return signThing("hello", unsigned, stranger.privateKey);
    };
    proxy.tampering = {
      async toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name === "deliver") {
          const d = f.decodeDeliver(frame.body);
          return [f.encodeDeliver(frame.tag, { ...d, hello: await forge(copy(d.hello)) })];
        }
        if (frame.name !== "sessionPage") return [bytes];
        const page = f.decodeSessionPage(frame.body);
        const sessions = await Promise.all(page.sessions.map(
          async (s) => ({ ...s, hello: await forge(copy(s.hello)) })));
        return [f.encodeSessionPage(frame.tag, { ...page, sessions })];
      },
    };
    await other.login({
      account: kit.account, password: PASSWORD, secretKey: kit.secretKey,
      cid: kit.cid, confirm: async () => true,
    });
    await until("it is connected", () => other.link === "ready");
    await sleep(500);
    const shown = other.conversations.flatMap((c) => c.messages);
    assert.ok(shown.every((m) => m.mark === "waiting" && !m.text));

    // Once the service tells the truth, what waited is read.
    proxy.tampering = {};
    proxy.cut();
    await until("everything is read", () =>
      other.conversations.some((c) => texts(c).includes("behind the garbage")));
    other.close();
  });

  test("a service that lost stored messages is not written to", async () => {
    const { chat } = await begin("one");
    await until("stored", () => chat.messages[0]!.delivery !== "sending");
    proxy.tampering = forging("ready", f.decodeReady, f.encodeReady, (ready) => ({
      ...ready, seq: 0, id: new Uint8Array(32),
    }));
    proxy.cut();
    await until("an alarm", () => chat.alarm);
    assert.equal(chat.alarm!.code, "session-conflict");
    await refusedAs("alarm", chat.send("two"));
    chat.close();
  });

  test("a service that claims a chain of its own is not written to", async () => {
    const { chat } = await begin("one");
    await until("stored", () => chat.messages[0]!.delivery !== "sending");
    proxy.tampering = forging("ready", f.decodeReady, f.encodeReady, (ready) => ({
      ...ready, seq: 2, id: new Uint8Array(32).fill(7),
    }));
    proxy.cut();
    await until("an alarm", () => chat.alarm);
    assert.equal(chat.alarm!.code, "session-conflict");
    chat.close();
  });

  test("who has not written needs no connection, and may still write", async () => {
    const chat = await chatThroughProxy();
    chat.connect();
    await until("it is connected", () => chat.link === "ready");
    proxy.cut();
    await until("it rests", () => chat.link === "idle");
    await chat.send("after a rest");
    await until("it is stored", () => chat.messages[0]!.delivery !== "sending");
    chat.close();
  });

  test("connections that break all the time lose and double nothing", async () => {
    const { chat, sid, seen } = await begin("one");
    const breaking = setInterval(() => proxy.cut(), 400);
    try {
      for (let i = 0; i < 20; i++) {
        await chat.send(`v ${i}`);
        await inbox.send(sid, `c ${i}`);
        await sleep(60);
      }
    } finally {
      clearInterval(breaking);
    }
    await until("all is everywhere", () =>
      texts(chat).length === 41 && texts(seen()).length === 41 &&
      chat.messages.every((m) => m.delivery !== "sending"), 60_000);
    assert.equal(new Set(texts(chat)).size, 41);
    assert.deepEqual([...texts(chat)].sort(), [...texts(seen())].sort());
    assert.ok([...chat.messages, ...seen()!.messages].every((m) => !m.mark));
    chat.close();
  });
});

test("a service that takes no registrations", async () => {
  const closed = await startService({ registration: "off" });
  try {
    const device = createInbox({ service: closed, platform: nodePlatform() });
    await device.start();
    await refusedAs("registration-closed", device.register({
      account: "potter@example.org", password: PASSWORD, suite: 2,
    }));
    assert.equal(device.device, undefined);
  } finally {
    await closed.stop();
  }
});
