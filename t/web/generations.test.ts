// The life of an account's keys: a new password, a new kit, a device less,
// recovery by the code alone, and what a service can do in between.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import type { Inbox, RecoveryKit, VisitorChat } from "../../web/src/client/index.ts";
import { nodePlatform, type NodePlatform } from "../../web/src/client/node.ts";
import { idOf } from "../../web/src/crypto/signed.ts";
import { copy, toHex } from "../../web/src/wire/bytes.ts";
import { decodeEnvelope } from "../../web/src/wire/envelope.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import {
  HOUR, meets, PASSWORD, People, refusedAs, states, talk, texts,
} from "./people.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { startService, type RunningService } from "./service.ts";
import { until } from "./until.ts";

const NEW = "a kiln that was never lit twice";

let service: RunningService;
let proxy: Proxy;
let lying: { origin: string; url: string };

let people: People;
let desk: NodePlatform;
let inbox: Inbox;
let chat: VisitorChat;
let sid: string;
let count = 0;

before(async () => {
  service = await startService();
  proxy = await startProxy(service.url);
  lying = { origin: service.origin, url: proxy.url };
});

after(async () => {
  await proxy?.close();
  await service?.stop();
});

beforeEach(async () => {
  people = new People(service);
  desk = nodePlatform();
  inbox = await people.customer(desk, lying, `potter-${++count}@example.org`);
  chat = await people.visitor();
  await chat.send("before");
  sid = await meets(inbox, chat);
  await until("it is read", () => texts(talk(inbox, sid)).length === 1);
});

afterEach(() => {
  proxy.tampering = {};
  people.leave();
});

/** Writes in both directions, and waits until each has it unmarked. */
async function talkOn(device: Inbox, word: string): Promise<void> {
  await device.send(sid, `${word} from the desk`);
  await until("it reaches the visitor",
    () => texts(chat).includes(`${word} from the desk`));
  await chat.send(`${word} from the shop`);
  await until("it reaches the desk",
    () => texts(talk(device, sid)).includes(`${word} from the shop`));
  for (const c of [chat, talk(device, sid)]) {
    assert.ok(c.messages.every((m) => !m.mark), states(c).join());
  }
}

const credentials = (kit: RecoveryKit, password: string) => ({
  account: kit.account, cid: kit.cid, secretKey: kit.secretKey, password,
  confirm: async () => true,
});

/** A browser that holds nothing yet. */
const stranger = () => people.device(nodePlatform(), lying);

describe("a new password", () => {
  test("opens everything; the old one opens nothing any more", async () => {
    await refusedAs("wrong-credentials",
      inbox.change({ password: NEW, newPassword: "another one" }));
    assert.equal(inbox.devices!.generation, 1);
    await inbox.change({ password: PASSWORD, newPassword: NEW });
    assert.equal(inbox.devices!.generation, 2);
    assert.equal(inbox.locked, false);
    await talkOn(inbox, "after");

    const device = await stranger();
    await refusedAs("wrong-credentials",
      device.login(credentials(people.kit, PASSWORD)));
    await device.login(credentials(people.kit, NEW));
    await until("all of it is there", () =>
      texts(talk(device, sid)).join() === texts(chat).join());
    assert.ok(talk(device, sid).messages.every((m) => !m.mark));
    await talkOn(device, "again");
  });

  test("is asked for once on other devices; what came meanwhile is kept",
    async () => {
      const other = await people.login(nodePlatform(), service);
      await until("it is there too", () => talk(other, sid));
      await inbox.change({ password: PASSWORD, newPassword: NEW });
      // The visitor learns of the new keys with this.
      await inbox.send(sid, "under new keys");
      await until("at the visitor", () => texts(chat).includes("under new keys"));
      await chat.send("to new keys");
      await until("it waits", () =>
        states(talk(other, sid)).filter((s) => s === "waiting").length === 2);
      await until("it asks", () => other.locked);
      assert.equal(other.alarm, undefined);
      // It can write all the same: the visitor's key is what it was.
      await other.send(sid, "blindly");
      await until("it arrives", () => texts(chat).includes("blindly"));
      await refusedAs("wrong-credentials", other.renew({ password: PASSWORD }));
      await other.renew({ password: NEW });
      assert.equal(other.locked, false);
      await until("all opens", () =>
        texts(talk(other, sid)).join() ===
          "before,under new keys,to new keys,blindly");
      assert.ok(talk(other, sid).messages.every((m) => !m.mark));
    });

  for (const newPassword of [NEW, undefined]) {
    test(`with the answer lost${newPassword ? "" : " of a device's removal"}`,
      async () => {
        const other = await people.login(nodePlatform(), service);
        let puts = 0;
        let lose = true;
        proxy.tampering = {
          toService(bytes) {
            if (f.openFrame(bytes).name === "accountPut") puts++;
            return [bytes];
          },
          toClient(bytes) {
            if (!lose || f.openFrame(bytes).name !== "done") return [bytes];
            lose = false;
            proxy.cut();
            return [];
          },
        };
        await inbox.change({
          password: PASSWORD, newPassword, remove: [other.device!.id],
        });
        assert.equal(puts, 1, "what was done is not done again");
        assert.equal(inbox.devices!.generation, 2);
        await until("it is back", () => inbox.link === "ready");
        await talkOn(inbox, "after");
      });
  }

  test("is set in a tab without the connection; all tabs go on", async () => {
    const tab = await people.device(desk, lying);
    await until("it knows of the link", () => tab.link === "ready");
    let kit: RecoveryKit | undefined;
    await tab.change({
      password: PASSWORD, newPassword: NEW,
      keep: async (made) => ((kit = made), true),
    });
    await talkOn(tab, "here");
    await talkOn(inbox, "there");
    assert.equal(inbox.locked, false);
    assert.equal(inbox.devices!.generation, 2);
    // The other tab has the new Secret Key as well.
    inbox.close();
    await until("this tab connects", () => tab.link === "ready");
    await tab.renew({ password: NEW });
    const again = await people.device(desk, lying);
    await again.renew({ password: NEW });
    assert.notEqual(kit!.secretKey, people.kit.secretKey);
  });

  test("while another device comes: neither is lost", async () => {
    let other: Inbox | undefined;
    proxy.tampering = {
      async toService(bytes) {
        if (f.openFrame(bytes).name === "accountPut" && !other) {
          other = await people.login(nodePlatform(), service);
        }
        return [bytes];
      },
    };
    await inbox.change({ password: PASSWORD, newPassword: NEW });
    assert.equal(inbox.devices!.devices.length, 2);
    assert.equal(inbox.devices!.generation, 2);
    await until("the other asks", () => other!.locked);
    await other!.renew({ password: NEW });
    await talkOn(other!, "after");
  });
});

test("a browser that dies between any two steps of a change", async () => {
  let [now, next] = [PASSWORD, NEW];
  let changed = 0;
  for (let step = 1, whole = false; !whole; step++) {
    let frames = 0;
    let dead = false;
    const dies = (bytes: Uint8Array<ArrayBuffer>) => {
      // What the device does besides is no step of the change.
      const { name } = f.openFrame(bytes);
      const counts = [
        "loginStart", "salt", "auth", "ready", "vaultGet", "vault",
        "accountPut", "done",
      ].includes(name);
      if (counts && ++frames >= step && !dead) {
        dead = true;
        inbox.close();
      }
      return dead ? [] : [bytes];
    };
    proxy.tampering = { toClient: dies, toService: dies };
    const change = inbox.change({ password: now, newPassword: next });
    await Promise.race([
      change.then(() => (whole = true), () => undefined),
      until("it is dead", () => dead),
    ]);
    proxy.tampering = {};
    proxy.cut();
    await change.catch(() => undefined);
    inbox.close();

    // One of the two passwords opens the account, and never both.
    inbox = await people.device(desk, lying);
    await until("it is back", () => inbox.link === "ready");
    const opens = async (password: string) =>
      inbox.renew({ password }).then(() => true, () => false);
    if (await opens(next)) {
      assert.equal(await opens(now), false);
      [now, next] = [next, now];
      changed++;
    } else {
      assert.ok(await opens(now));
    }
    assert.equal(inbox.locked, false);
    await talkOn(inbox, `${step}`);
  }
  assert.ok(changed >= 2, "the answer was lost once, and once it came");
});

describe("a device that is removed", () => {
  test("is told so by the customer's own key, and may come back", async () => {
    const lost = await people.login(nodePlatform(), service);
    const id = lost.device!.id;
    await inbox.change({ password: PASSWORD, newPassword: NEW, remove: [id] });
    assert.deepEqual(inbox.devices!.devices.map((d) => d.mine), [true]);
    await until("it is told", () => lost.alarm?.code === "device-removed");
    await talkOn(inbox, "without it");
    assert.equal(texts(talk(lost, sid)).includes("without it from the shop"), false);
    await refusedAs("alarm", lost.send(sid, "wire me money"));
    await refusedAs("wrong-credentials", lost.renew({ password: PASSWORD }));

    await lost.renew({ password: NEW });
    await until("it is back", () => lost.link === "ready");
    assert.equal(lost.alarm, undefined);
    await until("all of it is there", () =>
      texts(talk(lost, sid)).join() === texts(chat).join());
  });

  test("is written to no more by visitors who are connected", async () => {
    const lost = await people.login(nodePlatform(), service);
    const connected = await people.visitor(nodePlatform(), { service: lying });
    await connected.send("one");
    await until("stored", () => states(connected)[0] === "stored");
    const named: string[] = [];
    let shown: string | undefined;
    proxy.tampering = {
      async toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name === "rosters" && frame.tag === 0) {
          const { rosters } = f.decodeRosters(frame.body);
          shown = toHex(await idOf(copy(rosters[0]!.bytes)));
        }
        return [bytes];
      },
      toService(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name === "send") {
          named.push(toHex(decodeEnvelope(copy(frame.body))!.rosterId));
        }
        return [bytes];
      },
    };
    await inbox.change({ password: PASSWORD, remove: [lost.device!.id] });
    await until("the new list is there", () => shown);
    await connected.send("two");
    await until("stored", () => states(connected)[1] !== "sending");
    assert.deepEqual(named, [shown]);
  });

  test("the list says since when each is on it", async () => {
    const early = Date.now() - 40 * 24 * HOUR;
    const others = new People(service);
    const past = { ...nodePlatform(), now: () => early };
    const first = await others.customer(
      past, service, `since-${count}@example.org`);
    const second = await others.login(nodePlatform(), service);
    await until("both are listed", () => first.devices!.devices.length === 2);
    const since = await second.devicesSince();
    assert.equal(since.get(first.device!.id), early);
    assert.ok(since.get(second.device!.id)! > early);
    assert.equal(since.size, 2);
    await first.change({ password: PASSWORD, remove: [second.device!.id] });
    assert.deepEqual([...await first.devicesSince()], [[first.device!.id, early]]);
    others.leave();
  });

  test("a refusal without proof is not called a removal", async () => {
    const other = await people.login(nodePlatform(), lying);
    proxy.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name !== "ready") return [bytes];
        const sentence = new TextEncoder().encode("no");
        return [f.encodeError(frame.tag, { code: f.E_AUTH_FAILED, retry: 0, sentence })];
      },
    };
    proxy.cut();
    await until("an alarm", () => other.alarm);
    assert.equal(other.alarm!.code, "refused");
  });
});

describe("a new kit", () => {
  test("is kept before anything changes; the old one is worthless", async () => {
    const old = people.kit;
    const other = await people.login(nodePlatform(), service);
    await refusedAs("declined",
      inbox.change({ password: PASSWORD, keep: async () => false }));
    assert.equal(inbox.devices!.generation, 1);

    let kit: RecoveryKit | undefined;
    await inbox.change({
      password: PASSWORD,
      keep: async (made) => {
        kit = made;
        assert.equal(inbox.devices!.generation, 1);
        return true;
      },
    });
    assert.equal(kit!.cid, old.cid);
    assert.notEqual(kit!.secretKey, old.secretKey);
    await until("the other asks", () => other.locked);
    await refusedAs("wrong-credentials", other.renew({ password: PASSWORD }));
    await refusedAs("bad-secret-key",
      other.renew({ password: PASSWORD, secretKey: "ABC" }));
    await other.renew({ password: PASSWORD, secretKey: kit!.secretKey });
    await talkOn(other, "after");
    // It was kept: the next time the password alone is asked for.
    await other.renew({ password: PASSWORD });

    const device = await stranger();
    await refusedAs("wrong-credentials",
      device.login(credentials(old, PASSWORD)));
    await refusedAs("wrong-credentials", device.recover({
      ...old, newPassword: NEW, confirm: async () => true,
      keep: async () => assert.fail("nothing may be made"),
    }));
    await device.login(credentials(kit!, PASSWORD));
  });
});

describe("recovery by the code alone", () => {
  async function recovered(
    kit: RecoveryKit,
    at = service as { origin: string; url: string },
  ) {
    const device = await people.device(nodePlatform(), at);
    let made: RecoveryKit | undefined;
    let seen: number | undefined;
    await device.recover({
      account: kit.account, cid: kit.cid, recoveryCode: kit.recoveryCode,
      newPassword: NEW,
      confirm: async (list) => ((seen = list.devices.length), true),
      keep: async (fresh) => ((made = fresh), true),
    });
    return { device, made: made!, seen };
  }

  test("brings everything back, over several generations", async () => {
    await inbox.change({ password: PASSWORD, newPassword: "one more word" });
    await talkOn(inbox, "second");
    await inbox.change({ password: "one more word", newPassword: PASSWORD });
    await talkOn(inbox, "third");
    const { device, made, seen } = await recovered(people.kit);
    assert.equal(seen, 1);
    assert.equal(device.devices!.generation, 4);
    assert.deepEqual(device.devices!.devices.map((d) => d.mine), [true]);
    await until("all of it is there", () =>
      texts(talk(device, sid)).join() === texts(chat).join());
    assert.ok(talk(device, sid).messages.every((m) => !m.mark),
      states(talk(device, sid)).join());
    await talkOn(device, "fourth");

    await until("the lost device is out",
      () => inbox.alarm?.code === "device-removed");
    const later = await stranger();
    await refusedAs("wrong-credentials",
      later.login(credentials(people.kit, PASSWORD)));
    await later.login(credentials(made, NEW));
    const again = await stranger();
    await refusedAs("wrong-credentials", again.recover({
      ...people.kit, newPassword: "x", confirm: async () => true,
      keep: async () => true,
    }));
    await refusedAs("bad-recovery-code", again.recover({
      ...made, recoveryCode: made.recoveryCode.slice(1), newPassword: "x",
      confirm: async () => true, keep: async () => true,
    }));
  });

  test("brings everything back in suite 1, too", async () => {
    const others = new People(service);
    const account = `rsa-${count}@example.org`;
    const first = await others.customer(nodePlatform(), service, account, 1);
    const visitor = await others.visitor();
    await visitor.send("sealed with RSA");
    const id = await meets(first, visitor);
    await first.change({ password: PASSWORD, newPassword: NEW });
    await visitor.send("and under the next keys");
    await until("it is there", () => texts(talk(first, id)).length === 2);
    const { device } = await recovered(others.kit);
    await until("all of it is there", () =>
      texts(talk(device, id)).join() === texts(visitor).join());
    assert.ok(talk(device, id).messages.every((m) => !m.mark));
    others.leave();
  });

  test("changes nothing unless list and kit are confirmed", async () => {
    const device = await stranger();
    const right = { ...people.kit, newPassword: NEW };
    await refusedAs("declined", device.recover({
      ...right, confirm: async () => false,
      keep: async () => assert.fail("not before the list is confirmed"),
    }));
    await refusedAs("declined", device.recover({
      ...right, confirm: async () => true, keep: async () => false,
    }));
    assert.equal(device.device, undefined);
    await talkOn(inbox, "as before");
    assert.equal(inbox.devices!.generation, 1);
  });

  test("survives the loss of the answer", async () => {
    let lose = true;
    proxy.tampering = {
      toClient(bytes) {
        if (!lose || f.openFrame(bytes).name !== "done") return [bytes];
        lose = false;
        proxy.cut();
        return [];
      },
    };
    const { device } = await recovered(people.kit, lying);
    assert.equal(device.devices!.generation, 2);
  });

  test("takes nothing that anybody else could have sealed", async () => {
    // The account key of another account, sealed by its owner to its own code.
    const others = new People(service);
    await others.customer(nodePlatform(), service, `other-${count}@example.org`);
    let theirs: f.VaultFrame | undefined;
    const tap = await startProxy(service.url);
    tap.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name === "vault") theirs = f.decodeVault(copy(frame.body));
        return [bytes];
      },
    };
    const at = { origin: service.origin, url: tap.url };
    await others.login(nodePlatform(), at);
    for (const kind of [2, 4]) {
      proxy.tampering = {
        toClient(bytes) {
          const frame = f.openFrame(bytes);
          if (frame.name !== "vault") return [bytes];
          const vault = f.decodeVault(frame.body);
          const wraps = vault.wraps.map((wrap, i) =>
            i === kind - 1 ? theirs!.wraps[i]! : wrap);
          return [f.encodeVault(frame.tag, { ...vault, wraps })];
        },
      };
      await refusedAs("not-genuine", recovered(people.kit, lying));
    }
    others.leave();
    await tap.close();
  });
});

test("devices that renew the roster at the same moment do not take each other for a lie", async () => {
  const wrong: string[] = [];
  let between = 0;
  proxy.tampering = {
    async toClient(bytes) {
      // Another one comes between what is shown and what leads to it.
      if (between === 1 && f.openFrame(bytes).name === "vault") {
        between++;
        await inbox.renew({ password: PASSWORD }).catch((e) => wrong.push(e));
      }
      return [bytes];
    },
  };
  const { account, secretKey, cid } = people.kit;
  const tablet = await people.device(nodePlatform(), lying);
  await tablet.login({
    account, secretKey, cid, password: PASSWORD,
    async confirm() {
      await inbox.renew({ password: PASSWORD });
      between = 1;
      return true;
    },
  });
  assert.deepEqual([between, wrong], [2, []]);
  await until("both are listed", () => inbox.devices?.devices.length === 2);
  assert.equal(tablet.devices!.devices.length, 2);
});

describe("a service that goes back", () => {
  /** What it hands out before a change, to be shown again after it. */
  async function rewound<T>(name: f.FrameName, work: () => Promise<T>) {
    let old: Uint8Array<ArrayBuffer> | undefined;
    proxy.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name === name) old ??= copy(frame.body);
        return [bytes];
      },
    };
    await work();
    await inbox.change({ password: PASSWORD, newPassword: NEW });
    proxy.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name !== name || !old) return [bytes];
        const again = copy(bytes.subarray(0, 4 + old.length));
        const out = new Uint8Array(4 + old.length);
        out.set(again.subarray(0, 4));
        out.set(old, 4);
        return [out];
      },
    };
  }

  test("to an older roster alarms a known device", async () => {
    proxy.cut();
    await rewound("ready", () =>
      until("connected", () => inbox.link === "ready"));
    proxy.cut();
    await until("an alarm", () => inbox.alarm);
    assert.equal(inbox.alarm!.code, "roster-contradicts");
  });

  test("to an older vault is found out by a known device", async () => {
    await rewound("vault", () => inbox.renew({ password: PASSWORD }));
    // The service would have to take the old login for this.
    await refusedAs("not-genuine", inbox.renew({ password: NEW }));
    await refusedAs("wrong-credentials", inbox.renew({ password: PASSWORD }));
  });

  test("to an older roster is refused by a page with the new snippet",
    async () => {
      const shown = async (minGeneration: number) => {
        const fresh = await people.visitor(nodePlatform(), {
          service: lying, minGeneration,
        });
        await fresh.send("is it you?");
        return fresh;
      };
      await rewound("rosters", async () => {
        const first = await shown(1);
        await until("stored", () => states(first)[0] === "stored");
      });
      const careful = await shown(2);
      await until("an alarm", () => careful.alarm);
      assert.equal(careful.alarm!.code, "roster-below-minimum");
      assert.deepEqual(states(careful), ["failed"]);
      // The control: without a least generation the old one is taken.
      const careless = await shown(1);
      await until("it is sent", () => states(careless)[0] === "stored");
    });

  test("with wrapped keys of another generation: what it hides waits", async () => {
    await inbox.change({ password: PASSWORD, newPassword: NEW });
    await talkOn(inbox, "second");
    proxy.tampering = {
      toClient(bytes) {
        const frame = f.openFrame(bytes);
        if (frame.name !== "vault") return [bytes];
        const vault = f.decodeVault(frame.body);
        if (vault.account.length) return [bytes];
        const wraps = vault.wraps.map(({ bytes }) => {
          const spoiled = copy(bytes);
          spoiled[spoiled.length - 1]! ^= 1;
          return { bytes: spoiled };
        });
        return [f.encodeVault(frame.tag, { ...vault, wraps })];
      },
    };
    const device = await stranger();
    await device.login(credentials(people.kit, NEW));
    await until("the first one waits", () =>
      states(talk(device, sid)).filter((s) => s === "waiting").length === 1);
    proxy.tampering = {};
    proxy.cut();
    await until("it opens", () =>
      texts(talk(device, sid)).join() === texts(chat).join());
    assert.ok(talk(device, sid).messages.every((m) => !m.mark));
  });
});

test("visitors who are shown keys that were replaced days ago", async () => {
  const platform = nodePlatform();
  let hours = 0;
  const clock = { ...platform, now: () => Date.now() + hours * HOUR };
  let held: Uint8Array<ArrayBuffer> | undefined;
  proxy.tampering = {
    toClient(bytes) {
      const frame = f.openFrame(bytes);
      if (frame.name === "rosters") {
        held ??= copy(frame.body);
        const out = new Uint8Array(4 + held.length);
        out.set(bytes.subarray(0, 4));
        out.set(held, 4);
        return [out];
      }
      return [bytes];
    },
  };
  const misled = await people.visitor(clock, { service: lying });
  await misled.send("one");
  const other = await meets(inbox, misled);
  await until("it is there", () => texts(talk(inbox, other)).length === 1);
  proxy.tampering = {
    toClient: (bytes) => f.openFrame(bytes).name === "rosters" ? [] : [bytes],
  };
  const at = await people.login(nodePlatform(), service);
  await at.change({ password: PASSWORD, newPassword: NEW });
  hours = 47;
  await misled.send("two");
  await until("it is there", () => texts(talk(at, other)).length === 2);
  assert.equal(at.staleSince, undefined);
  hours = 49;
  await misled.send("three");
  await until("it is there", () => texts(talk(at, other)).length === 3);
  await until("it is told", () => at.staleSince);
  assert.ok(talk(at, other).messages.every((m) => !m.mark));
  assert.equal(at.alarm, undefined, "a visitor's clock stops nothing");
});
