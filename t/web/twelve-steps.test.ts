// The twelve steps, by Node clients through the real nginx and the real
// sealchatd, in both suites.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  ClientError,
  createInbox,
  createVisitorChat,
  type Conversation,
  type DeviceList,
  type Inbox,
  type RecoveryKit,
  type VisitorChat,
} from "../../web/src/client/index.ts";
import { nodePlatform, type NodePlatform } from "../../web/src/client/node.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

const PASSWORD = "salt glaze on a grey morning";

let service: RunningService;
const open: { close(): void }[] = [];

before(async () => {
  service = await startService();
});

after(async () => {
  for (const client of open) client.close();
  await service?.stop();
});

function inboxOn(platform: NodePlatform): Inbox {
  const inbox = createInbox({ service, platform });
  open.push(inbox);
  return inbox;
}

function chatOn(platform: NodePlatform, cid: string): VisitorChat {
  const chat = createVisitorChat({ service, cid, platform });
  open.push(chat);
  return chat;
}

const texts = (c: Pick<Conversation, "messages"> | undefined) =>
  c?.messages.map((m) => m.text) ?? [];
const states = (c: Pick<Conversation, "messages"> | undefined) =>
  c?.messages.map((m) => m.delivery ?? m.mark ?? "in") ?? [];

async function refusedAs(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof ClientError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

for (const suite of [2, 1] as const) {
  describe(`suite ${suite}`, { concurrency: false }, () => {
    const account = `potter.${suite}@example.org`;
    const laptop = nodePlatform();
    const tablet = nodePlatform();
    const browser = nodePlatform();
    let kit: RecoveryKit;
    let first: Inbox;
    let second: Inbox;
    let visitor: VisitorChat;
    let sid = "";
    let broken = "";

    // Each step stands on those before it.
    const step = (name: string, work: () => Promise<void>) =>
      test(name, async () => {
        assert.equal(broken, "", "an earlier step failed");
        broken = name;
        await work();
        broken = "";
      });

    const at = (inbox: Inbox) => inbox.conversations.find((c) => c.sid === sid);

    step("steps 1 and 2: the customer makes keys and an account", async () => {
      first = inboxOn(laptop);
      await first.start();
      kit = await first.register({ account, password: PASSWORD, suite });
      assert.equal(kit.account, account);
      assert.match(kit.secretKey, /^([0-9A-Z]{5}-){6}[0-9A-Z]{2}$/);
      assert.match(kit.recoveryCode, /^([0-9A-Z]{5}-){11}[0-9A-Z]{3}$/);
      assert.equal(first.device?.cid, kit.cid);
      await until("the inbox is connected", () => first.link === "ready");
      await until("its devices are known", () => first.devices);
      assert.deepEqual(first.devices!.devices, [
        { id: first.device!.id, mine: true },
      ]);
    });

    step("steps 3 to 7: the visitor gets keys, writes, and it is stored", async () => {
      visitor = chatOn(browser, kit.cid);
      await visitor.start();
      assert.equal(visitor.link, "idle");
      await visitor.send("Do you ship the Harbour jug to Norway?");
      assert.equal(visitor.messages.length, 1);
      await until("it is stored", () => visitor.messages[0]?.delivery !== "sending");
      assert.equal(visitor.alarm, undefined);
    });

    step("steps 8 and 9: the customer's device reads it and answers", async () => {
      await until("it has arrived", () => first.conversations.length === 1);
      sid = first.conversations[0]!.sid;
      assert.deepEqual(texts(at(first)), ["Do you ship the Harbour jug to Norway?"]);
      assert.equal(at(first)!.messages[0]!.mine, false);
      assert.equal(at(first)!.unread, 1);
      first.seen(sid);
      assert.equal(at(first)!.unread, 0);
      await first.send(sid, "Yes. It takes about nine days.");
    });

    step("steps 10 to 12: the answer reaches the visitor, who reads it", async () => {
      await until("the answer", () => visitor.messages.length === 2);
      const [question, answer] = visitor.messages;
      assert.equal(answer!.text, "Yes. It takes about nine days.");
      assert.equal(answer!.from, "customer");
      assert.equal(question!.delivery, "delivered");
      // The visitor has not written since: nothing proves that it has it.
      await until("stored", () => states(at(first))[1] === "stored");
      await visitor.send("Thank you");
      await until("delivered", () => states(at(first))[1] === "delivered");
      assert.equal(visitor.safetyNumber, at(first)!.safetyNumber);
      assert.match(visitor.safetyNumber!, /^(\d{5} ){5}\d{5}$/);
    });

    step("a second device sees the whole conversation", async () => {
      second = inboxOn(tablet);
      await second.start();
      const shown: DeviceList[] = [];
      await second.login({
        account, password: PASSWORD, secretKey: kit.secretKey, cid: kit.cid,
        confirm: async (list) => (shown.push(list), true),
      });
      assert.equal(shown.length, 1);
      assert.equal(shown[0]!.devices.length, 1);
      assert.equal(shown[0]!.generation, 1);
      await until("the conversation", () => texts(at(second)).length === 3);
      assert.deepEqual(texts(at(second)), texts(at(first)));
      assert.deepEqual(states(at(second)), ["in", "delivered", "in"]);
      assert.notEqual(second.device!.id, first.device!.id);
      assert.equal(second.devices?.devices.length, 2);
    });

    step("its answer reaches the visitor and the first device", async () => {
      await second.send(sid, "This is from the workshop.");
      await until("at the visitor", () => visitor.messages.length === 4);
      await until("at the first device", () => texts(at(first)).length === 4);
      assert.equal(texts(visitor)[3], "This is from the workshop.");
      const onFirst = at(first)!.messages[3]!;
      assert.equal(onFirst.mine, true);
      assert.equal(onFirst.sender, second.device!.id);
      assert.deepEqual(texts(at(first)), texts(at(second)));
      await until("the first device holds the new roster",
        () => first.devices?.devices.length === 2);
      await first.send(sid, "And this from the office.");
      await until("everywhere", () =>
        texts(visitor).length === 5 && texts(at(second)).length === 5);
      assert.deepEqual(texts(at(second)), texts(visitor));
      assert.ok(visitor.messages.every((m) => !m.mark));
    });

    step("16 KiB of text arrive as they were written", async () => {
      const long = "Ω".repeat(8190) + "\u{1f3fa}";
      assert.equal(Buffer.byteLength(long), 16384);
      await visitor.send(long);
      await until("it has arrived", () => texts(at(first)).at(-1) === long);
      await refusedAs("bad-text", visitor.send(long + "x"));
      await refusedAs("bad-text", visitor.send(""));
      await refusedAs("bad-text", first.send(sid, "\ud800"));
      const written = texts(visitor).length;
      await first.send(sid, long);
      await until("and back", () => texts(visitor).length === written + 1);
      assert.equal(texts(visitor).at(-1), long);
    });

    step("a reload, and a second tab, show the same", async () => {
      const before = texts(visitor);
      const tab = chatOn(browser, kit.cid);
      await tab.start();
      assert.deepEqual(texts(tab), before);
      await tab.send("from the second tab");
      await until("both tabs show it stored", () =>
        [tab, visitor].every((t) =>
          texts(t).at(-1) === "from the second tab" &&
          t.messages.at(-1)!.delivery !== "sending"));
      await until("the second tab knows of the link", () => tab.link === "ready");
      // The tab that owns the connection goes: the other takes over.
      visitor.close();
      await until("the other connects", () => tab.link === "ready");
      await first.send(sid, "to whoever is there");
      await until("it arrives", () => texts(tab).at(-1) === "to whoever is there");
      visitor = tab;

      first.close();
      first = inboxOn(laptop);
      await first.start();
      await until("the same conversation",
        () => texts(at(first)).length === texts(visitor).length);
      assert.deepEqual(texts(at(first)), texts(visitor));
    });

    step("many at once from two tabs: each once, in one chain", async () => {
      const tab = chatOn(browser, kit.cid);
      await tab.start();
      const from = texts(visitor).length;
      const sends = Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? tab : visitor).send(`parallel ${i}`));
      await Promise.all(sends);
      await until("all have arrived",
        () => texts(at(first)).length === from + 50, 60_000);
      const got = texts(at(first)).slice(from);
      assert.equal(new Set(got).size, 50);
      assert.ok(at(first)!.messages.every((m) => !m.mark));
      await until("all are stored", () =>
        visitor.messages.every((m) => m.delivery !== "sending"));
      assert.deepEqual(texts(visitor), texts(at(first)));
      tab.close();
    });

    step("wrong password, Secret Key, account or cid", async () => {
      const stranger = inboxOn(nodePlatform());
      await stranger.start();
      const right = {
        account, password: PASSWORD, secretKey: kit.secretKey, cid: kit.cid,
        confirm: async () => assert.fail("nothing may be shown"),
      };
      await refusedAs("wrong-credentials",
        stranger.login({ ...right, password: "salt glaze" }));
      await refusedAs("wrong-credentials",
        stranger.login({ ...right, account: "nobody@example.org" }));
      const typo = kit.secretKey.replace(/^./, (c) => (c === "0" ? "1" : "0"));
      await refusedAs("bad-secret-key",
        stranger.login({ ...right, secretKey: typo }));
      await refusedAs("bad-cid", stranger.login({ ...right, cid: "AAAA" }));
      await refusedAs("bad-account-name",
        stranger.login({ ...right, account: "no spaces" }));
      assert.equal(stranger.device, undefined);
    });

    step("who does not confirm the devices changes nothing", async () => {
      const stranger = inboxOn(nodePlatform());
      await stranger.start();
      await refusedAs("declined", stranger.login({
        account, password: PASSWORD, secretKey: kit.secretKey, cid: kit.cid,
        confirm: async () => false,
      }));
      assert.equal(stranger.device, undefined);
      await first.send(sid, "still two devices");
      await until("it arrives", () => texts(visitor).at(-1) === "still two devices");
      assert.equal(first.devices!.devices.length, 2);
    });

    step("a taken account cannot be registered again", async () => {
      const stranger = inboxOn(nodePlatform());
      await stranger.start();
      await refusedAs("account-taken",
        stranger.register({ account, password: "another one", suite }));
    });

    step("kill -9 of the sidecar in mid-conversation", async () => {
      const before = texts(visitor).length;
      const sends: Promise<void>[] = [];
      for (let i = 0; i < 30; i++) {
        sends.push(visitor.send(`v ${i}`), first.send(sid, `c ${i}`));
      }
      await until("some are stored", () =>
        visitor.messages.filter((m) => m.text.startsWith("v ") &&
          m.delivery !== "sending").length >= 5);
      await service.killSidecar();
      await Promise.all(sends);
      await visitor.send("written while it was down");
      assert.equal(visitor.messages.at(-1)!.delivery, "sending");
      const stored = [...visitor.messages, ...at(first)!.messages]
        .filter((m) => m.mine && m.delivery !== "sending").map((m) => m.id);
      await service.startSidecar();
      const all = before + 61;
      await until("everything is everywhere", () =>
        [visitor, at(first), at(second)].every((c) =>
          texts(c).length === all && !states(c).includes("sending")), 60_000);
      for (const c of [visitor, at(first)!, at(second)!]) {
        assert.ok(c.messages.every((m) => !m.mark));
        assert.equal(new Set(c.messages.map((m) => m.id)).size, all);
        for (const prefix of ["v ", "c "]) {
          const order = texts(c).filter((t) => t.startsWith(prefix));
          assert.deepEqual(order, Array.from({ length: 30 }, (_, i) => prefix + i));
        }
      }
      const ids = new Set(visitor.messages.map((m) => m.id));
      for (const id of stored) assert.ok(ids.has(id), "a stored message is lost");
      assert.deepEqual(texts(at(first)), texts(visitor));
      assert.deepEqual(texts(at(second)), texts(visitor));
    });

    step("a restored profile takes over what it had sent since", async () => {
      const person = nodePlatform();
      let chat = chatOn(person, kit.cid);
      await chat.start();
      await chat.send("before the backup");
      await until("stored", () => chat.messages[0]?.delivery === "stored");
      const backup = new Map([...person.stored].map(
        ([name, records]) => [name, new Map(records)]));
      await chat.send("after the backup");
      await until("stored", () => chat.messages[1]?.delivery === "stored");
      chat.close();

      for (const [name, records] of backup) person.stored.set(name, records);
      chat = chatOn(person, kit.cid);
      await chat.start();
      assert.deepEqual(texts(chat), ["before the backup"]);
      await chat.send("from the restored profile");
      await until("stored", () =>
        chat.messages.length === 3 &&
        chat.messages.every((m) => m.delivery === "stored"));
      assert.deepEqual(texts(chat), [
        "before the backup", "after the backup", "from the restored profile",
      ]);
      assert.equal(chat.alarm, undefined);
      await until("the customer has all three", () =>
        first.conversations.some((c) =>
          texts(c).join() === texts(chat).join() && !states(c).includes("gap")));
    });
  });
}

test("a customer that the service does not know", async () => {
  const chat = chatOn(nodePlatform(), Buffer.alloc(32, 1).toString("base64url"));
  await chat.start();
  await chat.send("hello?");
  await until("an alarm", () => chat.alarm);
  assert.equal(chat.alarm?.code, "not-here");
  assert.deepEqual(states(chat), ["failed"]);
  await refusedAs("alarm", chat.send("hello?"));
});

test("a cid that is none", () => {
  for (const cid of ["", "AAAA", "A".repeat(42) + "B"]) {
    assert.throws(() => chatOn(nodePlatform(), cid), ClientError);
  }
});
