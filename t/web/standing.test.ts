// Who counts: rosters that contradict each other, and what a device wrote that
// the highest roster lists no more.  The customer's keys are the test's own.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { AlarmError } from "../../web/src/client/alarm.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import type { MessageRecord } from "../../web/src/client/records.ts";
import { Rosters, type RosterSource } from "../../web/src/client/roster.ts";
import { Signals } from "../../web/src/client/signals.ts";
import { Transcript } from "../../web/src/client/transcript.ts";
import { View } from "../../web/src/client/view.ts";
import { generate, type SigningKey } from "../../web/src/crypto/ed25519.ts";
import * as kem from "../../web/src/crypto/kem.ts";
import { sealMessage } from "../../web/src/crypto/message.ts";
import { cidOf, sidOf, signkeyIdOf } from "../../web/src/crypto/names.ts";
import { idOf, signThing } from "../../web/src/crypto/signed.ts";
import { BodyKind } from "../../web/src/wire/body.ts";
import {
  compare, fromHex, toHex, toUtf8, ZERO_ID, type Bytes,
} from "../../web/src/wire/bytes.ts";
import { Direction, EnvelopeType } from "../../web/src/wire/envelope.ts";
import { encodeHello } from "../../web/src/wire/hello.ts";
import { encodeRoster, type RosterFields } from "../../web/src/wire/roster.ts";

const DAY = 86_400_000;
const START = Date.UTC(2030, 0, 1);

/** A customer that can sign whatever a test wants. */
async function customer(devices: SigningKey[]) {
  const identity = await generate(true);
  const cid = await cidOf(identity.pk);
  const messageKey = await kem.generate(2);
  const roster = (fields: Partial<RosterFields>, key = messageKey) =>
    signThing(
      "roster",
      encodeRoster({
        cid, ikPk: identity.pk, version: 1, generation: 1, prev: ZERO_ID,
        notBefore: START, notAfter: START + 180 * DAY,
        messageKey: { suite: 2, pk: key.pk },
        devices: devices.map(({ pk }) => pk).sort(compare),
        ...fields,
      }),
      identity.privateKey,
    );
  return { cid, messageKey, roster };
}

const nothing: RosterSource = {
  byId: async () => undefined,
  from: async () => [],
};

async function alarms(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof AlarmError, String(error));
    assert.equal(error.alarm.code, code);
    return true;
  });
}

describe("rosters", () => {
  async function pinned(minGeneration?: number) {
    const device = await generate();
    const { cid, roster } = await customer([device]);
    const storage = await nodePlatform().open("test");
    const rosters = new Rosters(storage, cid, minGeneration);
    const first = await roster({});
    const second = await roster({ version: 2, prev: await idOf(first) });
    return { roster, rosters, storage, cid, first, second, device };
  }

  test("two of one version", async () => {
    const { roster, rosters, storage, cid, first, second } = await pinned();
    await rosters.present(second, nothing);
    const other = await roster({
      version: 2, prev: await idOf(first), notAfter: START + 181 * DAY,
    });
    await alarms("roster-contradicts", rosters.present(other, nothing));
    // What is pinned stays pinned, over a reload too.
    const again = new Rosters(storage, cid);
    await again.load();
    assert.equal(again.highest!.id, toHex(await idOf(second)));
  });

  test("an older one", async () => {
    const { rosters, first, second } = await pinned();
    await rosters.present(second, nothing);
    await alarms("roster-contradicts", rosters.present(first, nothing));
  });

  test("an older one that is only late is none to alarm of", async () => {
    const { rosters, first, second } = await pinned();
    await rosters.present(first, nothing);
    await rosters.present(second, nothing);
    await rosters.present(first, nothing, 1);
    assert.equal(rosters.highest!.version, 2);
    await alarms("roster-contradicts", rosters.present(first, nothing, 2));
  });

  test("a walk with a hole, or with another one in it", async () => {
    const { roster, rosters, first, second } = await pinned();
    const third = await roster({ version: 3, prev: await idOf(second) });
    await rosters.present(first, nothing);
    await alarms("roster-contradicts", rosters.present(third, nothing));
    const forked = await roster({
      version: 2, prev: await idOf(first), notAfter: START + 181 * DAY,
    });
    const lying = { ...nothing, from: async () => [forked, third] };
    await alarms("roster-contradicts", rosters.present(third, lying));
    const honest = { ...nothing, from: async () => [second, third] };
    await rosters.present(third, honest);
    assert.equal(rosters.highest!.version, 3);
  });

  test("a device less within a generation", async () => {
    const { roster, rosters, first } = await pinned();
    const other = await generate();
    await rosters.present(first, nothing);
    const less = await roster({
      version: 2, prev: await idOf(first), devices: [other.pk],
    });
    await alarms("roster-contradicts", rosters.present(less, nothing));
    const next = await roster({
      version: 2, generation: 2, prev: await idOf(first), devices: [other.pk],
    });
    await rosters.present(next, nothing);
  });

  test("below the least generation", async () => {
    const { rosters, first } = await pinned(2);
    await alarms("roster-below-minimum", rosters.present(first, nothing));
    assert.equal(rosters.highest, undefined);
  });
});

describe("a device that was removed", () => {
  async function scene() {
    const [kept, lost] = [await generate(), await generate()];
    const { cid, messageKey, roster } = await customer([kept, lost]);
    const first = await roster({});
    const second = await roster({
      version: 2, generation: 2, prev: await idOf(first), devices: [kept.pk],
    });
    const sign = await generate();
    const sessionKey = await kem.generate(2);
    const sid = await sidOf(cid, sign.pk, sessionKey);
    const hello = await signThing("hello", encodeHello({
      cid, signPk: sign.pk, sessionKey, time: START, rosterId: await idOf(first),
    }), sign.privateKey);

    const platform = nodePlatform({ now: () => START + DAY });
    const storage = await platform.open("visitor");
    const rosters = new Rosters(storage, cid);
    const view = new View("visitor");
    const shared = {
      platform, storage, rosters,
      party: {
        side: "visitor" as const, cid, signkeyId: await signkeyIdOf(sign.pk),
        signKey: sign.privateKey, openingKey: async () => sessionKey,
      },
    };
    const transcript = new Transcript({
      ...shared, name: "visitor", heard: () => undefined,
      changed: (changes) => view.apply(changes),
    });
    await transcript.open(toHex(sid), hello);
    await rosters.present(first, nothing);

    let position = 0;
    const write = async (
      from: SigningKey, under: Bytes,
      fields: { seq?: number; prev?: Bytes; heads?: Bytes[]; kind?: number },
      text = "",
    ) => {
      const { seq = 1, prev = ZERO_ID, heads = [], kind = BodyKind.text } = fields;
      const sealed = await sealMessage(
        {
          type: seq ? EnvelopeType.stored : EnvelopeType.signal,
          direction: Direction.toVisitor, cid, sid,
          signkeyId: await signkeyIdOf(from.pk), seq, time: START + DAY, prev,
          rosterId: await idOf(under),
        },
        [{ suite: 2, pk: messageKey.pk }, { suite: 2, pk: sessionKey.pk }],
        { kind, heads: [...heads].sort(compare), content: toUtf8(text) },
        from.privateKey,
      );
      return sealed;
    };
    const receive = (sealed: { envelope: Bytes }) =>
      transcript.receive(
        [{ envelope: sealed.envelope, position: ++position, time: START }], nothing);
    const shown = () =>
      view.of(toHex(sid)).messages.map((m) => `${m.text}: ${m.mark ?? "fine"}`);
    const records = async () =>
      (await storage.list("m/")).map(([, value]) => value as MessageRecord);
    return {
      kept, lost, first, second, rosters, transcript, write, receive, shown,
      records, sid: toHex(sid), signals: new Signals(shared),
    };
  }

  test("writes under the old roster: marked, named by nobody", async () => {
    const s = await scene();
    await s.rosters.present(s.second, nothing);
    await s.receive(await s.write(s.lost, s.first, {}, "wire me money"));
    assert.deepEqual(s.shown(), ["wire me money: removed-device"]);
    await s.transcript.compose(s.sid, "who is this?");
    const own = (await s.records()).find((r) => r.text === "who is this?")!;
    assert.deepEqual(own.heads, []);
    await s.transcript.composeReceipt(s.sid, 10);
    assert.equal((await s.records()).length, 2, "and no receipt for it");
  });

  test("has no place under the new roster at all", async () => {
    const s = await scene();
    await s.rosters.present(s.second, nothing);
    await s.receive(await s.write(s.lost, s.second, {}, "wire me money"));
    assert.deepEqual(s.shown(), []);
    assert.equal(s.transcript.dropped, 1);
  });

  test("what it wrote before counts once a listed device rests on it", async () => {
    const s = await scene();
    await s.rosters.present(s.second, nothing);
    const old = await s.write(s.lost, s.first, {}, "nine days");
    await s.receive(old);
    assert.deepEqual(s.shown(), ["nine days: removed-device"]);
    await s.receive(
      await s.write(s.kept, s.first, { heads: [old.id] }, "as we said"));
    assert.deepEqual(s.shown(), ["nine days: fine", "as we said: fine"]);
  });

  test("what was accepted before stays accepted", async () => {
    const s = await scene();
    const old = await s.write(s.lost, s.first, {}, "nine days");
    await s.receive(old);
    await s.rosters.present(s.second, nothing);
    assert.deepEqual(s.shown(), ["nine days: fine"]);
    await s.transcript.compose(s.sid, "thanks");
    const own = (await s.records()).find((r) => r.text === "thanks")!;
    assert.deepEqual(own.heads, [toHex(old.id)]);
  });

  test("is not shown as typing, and cannot mark anything as read", async () => {
    const s = await scene();
    await s.transcript.compose(s.sid, "hello");
    const hello = (await s.records())[0]!;
    const typing = await s.write(
      s.lost, s.first, { seq: 0, kind: BodyKind.typing });
    assert.ok(await s.signals.open(typing.envelope, nothing), "while it is listed");
    await s.rosters.present(s.second, nothing);
    const later = await s.write(
      s.lost, s.first, { seq: 0, kind: BodyKind.typing });
    assert.equal(await s.signals.open(later.envelope, nothing), undefined);
    await s.receive(await s.write(s.lost, s.first, {
      kind: BodyKind.receipt, heads: [fromHex(hello.id)],
    }));
    const now = (await s.records()).find((r) => r.id === hello.id)!;
    assert.equal(now.delivery, "sending");
    assert.deepEqual(s.shown(), ["hello: fine"], "nor is there anything to show");
  });
});
