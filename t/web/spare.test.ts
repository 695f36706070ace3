// A visitor's code: another browser goes on with the conversation, both may
// write, and a service that lies about any of it is found out.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";

import { ClientError, type Inbox, type VisitorChat } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import { readSecret, writeSecret } from "../../web/src/crypto/kit.ts";
import {
  joinKeys, nameOf, openSpare, sealSpare, tokenOf,
} from "../../web/src/crypto/spare.ts";
import { copy, fromHex, toHex } from "../../web/src/wire/bytes.ts";
import { decodeEnvelope } from "../../web/src/wire/envelope.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { People } from "./people.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { repository, startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

const DAY = 86_400_000;

let service: RunningService;
let proxy: Proxy;
let lying: { origin: string; url: string };

before(async () => {
  service = await startService();
  proxy = await startProxy(service.url);
  lying = { origin: service.origin, url: proxy.url };
});

after(async () => {
  await proxy?.close();
  await service?.stop();
});

const texts = (c: { messages: VisitorChat["messages"] } | undefined) =>
  c?.messages.map((m) => m.text) ?? [];
const marks = (c: { messages: VisitorChat["messages"] }) =>
  c.messages.map((m) => m.mark).filter(Boolean);
const stored = (chat: VisitorChat) => () =>
  chat.messages.every((m) => m.delivery !== "sending");

async function refusedAs(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof ClientError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

describe("vectors", () => {
  const { spares } = JSON.parse(
    readFileSync(join(repository(), "t/vectors/spare.json"), "utf8"),
  ) as { spares: Record<string, string>[] };

  for (const v of spares) {
    test(v.name!, async () => {
      const hex = (name: string) => fromHex(v[name]!);
      const [cid, sealed] = [hex("cid"), hex("sealed")];
      const code = (await readSecret(v.written!, 16))!;
      assert.equal(toHex(code), v.code);
      assert.equal(await writeSecret(code), v.written);
      const token = await tokenOf(code, cid);
      assert.equal(toHex(token), v.token);
      assert.equal(toHex(await nameOf(token)), v.nameOfToken);
      const spare = await openSpare(code, cid, sealed);
      for (const name of ["hello", "signKey", "kemKey", "id", "roster"] as const) {
        assert.equal(toHex(spare[name]), v[name], name);
      }
      assert.equal(spare.seq, v.seq);
      const again = await sealSpare(code, cid, spare);
      assert.equal(toHex(again), v.sealed);
      const { sid, signKey, kemKey } = await joinKeys(spare, cid);
      assert.equal(toHex(sid), v.sid);
      assert.equal(signKey.extractable || kemKey.pair.privateKey.extractable, false);

      const changed = copy(sealed);
      changed[7]! ^= 1;
      await assert.rejects(openSpare(code, cid, changed));
      await assert.rejects(openSpare(code, hex("sid"), sealed));
      const other = spares.find((s) => s !== v)!;
      const theirs = await openSpare(
        fromHex(other.code!), fromHex(other.cid!), fromHex(other.sealed!));
      await assert.rejects(joinKeys(theirs, cid), /another hello/);
      await assert.rejects(joinKeys({ ...spare, signKey: theirs.signKey }, cid));
      await assert.rejects(joinKeys({ ...spare, kemKey: theirs.kemKey }, cid));
    });
  }
});

for (const suite of [2, 1] as const) {
  describe(`suite ${suite}`, { concurrency: false }, () => {
    // The service runs once the tests do.
    const people = new People({
      get origin() { return service.origin; },
      get url() { return service.url; },
    });
    let inbox: Inbox;

    before(async () => {
      inbox = await people.customer(
        nodePlatform(), service, `potter.${suite}@example.org`, suite);
    });
    after(() => people.leave());
    afterEach(() => {
      proxy.tampering = {};
    });

    const sidOf = (text: string) =>
      inbox.conversations.find((c) => texts(c).includes(text))?.sid;

    /** A conversation of two messages, and its code. */
    async function talk(first: string, options = {}) {
      const chat = await people.visitor(nodePlatform(options));
      await chat.send(first);
      await until("stored", stored(chat));
      await until("it has arrived", () => sidOf(first));
      const sid = sidOf(first)!;
      await inbox.send(sid, `about ${first}: yes`);
      await until("answered", () => chat.messages.length === 2);
      return { chat, sid, code: await chat.code() };
    }

    test("another browser has all of it, writes on, and the shop sees one session", async () => {
      const { chat, sid, code } = await talk("a jug");
      assert.match(code, /^([0-9A-Z]{5}-){6}[0-9A-Z]{2}$/);
      assert.equal(await chat.code(), code, "the same one again");
      const before = inbox.conversations.length;

      const phone = await people.visitor();
      assert.equal(phone.codable, false);
      await phone.resume(` ${code.toLowerCase().replaceAll("-", " ")} `);
      await until("all of it", () => phone.messages.length === 2);
      assert.deepEqual(texts(phone), texts(chat));
      assert.deepEqual(phone.messages.map((m) => m.mine), [true, false]);
      assert.equal(phone.safetyNumber, chat.safetyNumber);
      assert.equal(phone.alarm, undefined);
      assert.equal(phone.codable, false, "its keys cannot be exported");

      await phone.send("from the phone");
      await until("stored", stored(phone));
      await until("the shop has it", () =>
        texts(inbox.conversations.find((c) => c.sid === sid)).includes("from the phone"));
      assert.equal(inbox.conversations.length, before);
      await inbox.send(sid, "to both");
      await until("both have all", () =>
        [chat, phone].every((c) => c.messages.length === 4));
      assert.deepEqual(texts(chat), texts(phone));
      assert.equal(texts(chat).at(-1), "to both");
      assert.deepEqual(marks(chat), []);
    });

    test("both write, in turn and at once, offline too: one chain, nothing lost", async () => {
      const { chat, sid, code } = await talk("a bowl");
      const phone = await people.visitor();
      await phone.resume(code);
      await until("all of it", () => phone.messages.length === 2);

      await phone.send("phone 1");
      await until("stored", stored(phone));
      await chat.send("laptop 1");
      await until("stored", stored(chat));
      await Promise.all([1, 2, 3, 4].flatMap((n) =>
        [chat.send(`laptop at once ${n}`), phone.send(`phone at once ${n}`)]));
      await until("stored", () => stored(chat)() && stored(phone)());
      await until("the shop has all", () =>
        texts(inbox.conversations.find((c) => c.sid === sid)).length === 12);
      await inbox.send(sid, "enough");
      for (const c of [chat, phone]) {
        await until("it has all", () => c.messages.length === 13);
        assert.deepEqual(marks(c), []);
        assert.equal(c.alarm, undefined);
        assert.equal(new Set(texts(c)).size, 13);
      }
      assert.deepEqual(marks(inbox.conversations.find((c) => c.sid === sid)!), []);
    });

    test("what one place has acknowledged, the other still gets", async () => {
      const laptop = nodePlatform();
      let chat = await people.visitor(laptop);
      await chat.send("a plate");
      await until("stored", stored(chat));
      const code = await chat.code();
      chat.close();
      const phone = await people.visitor();
      await phone.resume(code);
      await until("it is there", () => phone.messages.length === 1);
      const sid = sidOf("a plate")!;
      await inbox.send(sid, "one");
      await inbox.send(sid, "two");
      await until("the phone has both", () => phone.messages.length === 3);
      // Its acknowledgement is on its way to the store.
      await new Promise((done) => setTimeout(done, 1_500));
      phone.close();
      chat = await people.visitor(laptop);
      await until("the laptop has both", () => chat.messages.length === 3);
      assert.deepEqual(texts(chat), ["a plate", "one", "two"]);
    });

    test("a code that is mistyped, made up, of another shop, or of what was deleted", async () => {
      const { chat, code } = await talk("a cup");
      const phone = await people.visitor();
      const typo = code.replace(/.(?=.$)/, (c) => (c === "0" ? "1" : "0"));
      for (const wrong of ["", "no", typo, code.slice(1), `${code}0`]) {
        await refusedAs("bad-code", phone.resume(wrong));
      }
      const others = new People(service);
      await others.customer(nodePlatform(), service, `other.${suite}@example.org`, suite);
      const elsewhere = await others.visitor();
      await refusedAs("bad-code", elsewhere.resume(code));
      others.leave();

      await chat.endAndDelete();
      await refusedAs("bad-code", phone.resume(code));
      assert.equal(phone.messages.length, 0);
      // A text begins a conversation of its own.
      await phone.send("then anew");
      await until("stored", stored(phone));
    });

    test("after a week no code is given, and nothing can export the keys", async () => {
      let now = Date.now();
      const laptop = nodePlatform({ now: () => now });
      let chat = await people.visitor(laptop);
      await chat.send("a vase");
      await until("stored", stored(chat));
      assert.equal(chat.codable, true);
      const code = await chat.code();
      chat.close();
      const records = () => [...laptop.stored.values()][0]!;
      const keys = () => records().get("session") as {
        signKey: CryptoKey; kemKey: { pair: CryptoKeyPair };
      };
      assert.equal(keys().signKey.extractable, true);

      now += 7 * DAY + 1_000;
      chat = await people.visitor(laptop);
      assert.equal(chat.codable, false);
      assert.equal(keys().signKey.extractable, false);
      assert.equal(keys().kemKey.pair.privateKey.extractable, false);
      assert.deepEqual([...records().keys()].filter((k) => k.startsWith("spare/")), []);
      now -= 7 * DAY;
      await chat.send("still ours");
      await until("stored", stored(chat));
      // The code goes on to open it.
      const phone = await people.visitor();
      await phone.resume(code);
      await until("all of it", () => phone.messages.length === 2);
    });

    test("a service that serves other spare keys", async () => {
      const mine = await talk("a teapot");
      const other = await talk("a saucer");
      let others: Uint8Array | undefined;
      proxy.tampering = {
        toClient(bytes) {
          const frame = f.openFrame(bytes);
          if (frame.name === "spare") others = copy(f.decodeSpare(frame.body).sealed);
          return [bytes];
        },
      };
      // Control: through the proxy, unchanged.
      const control = await people.visitor(nodePlatform(), { service: lying });
      await control.resume(other.code);
      await until("all of it", () => control.messages.length === 2);
      assert.ok(others);

      const serving = (change: (sealed: Uint8Array) => Uint8Array) => {
        proxy.tampering = {
          toClient(bytes) {
            const frame = f.openFrame(bytes);
            if (frame.name !== "spare") return [bytes];
            const sealed = copy(change(copy(f.decodeSpare(frame.body).sealed)));
            return [f.encodeSpare(frame.tag, { sealed })];
          },
        };
      };
      const changes: ((sealed: Uint8Array) => Uint8Array)[] = [
        () => others!,
        (sealed) => sealed.subarray(0, -1),
        (sealed) => sealed.subarray(0, 8),
        (sealed) => (sealed[40]! ^= 1, sealed),
        (sealed) => (sealed[sealed.length - 1]! ^= 1, sealed),
      ];
      for (const change of changes) {
        serving(change);
        const phone = await people.visitor(nodePlatform(), { service: lying });
        await refusedAs("bad-code", phone.resume(mine.code));
        assert.equal(phone.safetyNumber, undefined);
        phone.close();
      }
    });

    test("a service that hides what was written before the code makes nobody start over", async () => {
      const chat = await people.visitor();
      await chat.send("a mug");
      await chat.send("two");
      await until("stored", stored(chat));
      const code = await chat.code();
      const hide = (from: number) => {
        proxy.tampering = {
          toClient(bytes) {
            const frame = f.openFrame(bytes);
            if (frame.name === "ready") {
              const ready = f.decodeReady(frame.body);
              return [f.encodeReady(frame.tag, {
                ...ready, roster: copy(ready.roster), seq: from - 1,
                id: from === 1 ? new Uint8Array(32) : copy(ready.id),
              })];
            }
            if (frame.name !== "messages") return [bytes];
            const page = f.decodeMessages(frame.body);
            return [f.encodeMessages(frame.tag, {
              ...page,
              messages: page.messages.filter(({ envelope }) => {
                const e = decodeEnvelope(copy(envelope))!;
                return e.direction !== 1 || e.seq < from;
              }),
            })];
          },
        };
      };
      // Control: what is whole is taken.
      const control = await people.visitor(nodePlatform(), { service: lying });
      await control.resume(code);
      await until("all of it", () => control.messages.length === 2);
      control.close();
      hide(1);
      const sent: number[] = [];
      proxy.tampering.toService = (bytes) => {
        const frame = f.openFrame(bytes);
        if (frame.name === "send") sent.push(decodeEnvelope(copy(frame.body))!.seq);
        return [bytes];
      };
      const phone = await people.visitor(nodePlatform(), { service: lying });
      await phone.resume(code).catch(() => undefined);
      await until("an alarm", () => phone.alarm);
      assert.equal(phone.alarm!.code, "session-conflict");
      await refusedAs("alarm", phone.send("a second first one"));
      assert.deepEqual(sent, []);
    });

    test("a service that shows an older roster than the code knows", async () => {
      let old: Uint8Array | undefined;
      proxy.tampering = {
        toClient(bytes) {
          const frame = f.openFrame(bytes);
          if (frame.name === "rosters") {
            old ??= copy(f.decodeRosters(frame.body).rosters[0]!.bytes);
          }
          return [bytes];
        },
      };
      const first = await people.visitor(nodePlatform(), { service: lying });
      first.connect();
      await until("connected", () => first.link === "ready");
      assert.ok(old);
      await inbox.renew({ password: "salt glaze on a grey morning" });
      const { code } = await talk("a new list");
      proxy.tampering = {
        toClient(bytes) {
          const frame = f.openFrame(bytes);
          if (frame.name !== "ready") return [bytes];
          return [f.encodeReady(frame.tag, {
            ...f.decodeReady(frame.body), roster: copy(old!), id: copy(f.decodeReady(frame.body).id),
          })];
        },
      };
      const phone = await people.visitor(nodePlatform(), { service: lying });
      await phone.resume(code).catch(() => undefined);
      await until("an alarm", () => phone.alarm);
      assert.equal(phone.alarm!.code, "roster-contradicts");
    });
  });
}
