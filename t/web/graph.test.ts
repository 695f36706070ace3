// What a client makes of messages that genuine keys have signed, in whatever
// order a service hands them out: chains, gaps, devices that were removed, and
// rosters that contradict each other.

import assert from "node:assert/strict";
import { before, beforeEach, describe, test } from "node:test";

import { AlarmError } from "../../web/src/client/alarm.ts";
import type { Party } from "../../web/src/client/judge.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import type { Storage } from "../../web/src/client/platform.ts";
import { keys, type MessageRecord } from "../../web/src/client/records.ts";
import { Rosters, type RosterSource } from "../../web/src/client/roster.ts";
import { Transcript } from "../../web/src/client/transcript.ts";
import { generate, type SigningKey } from "../../web/src/crypto/ed25519.ts";
import * as kem from "../../web/src/crypto/kem.ts";
import { sealMessage } from "../../web/src/crypto/message.ts";
import { cidOf, sidOf, signkeyIdOf } from "../../web/src/crypto/names.ts";
import { idOf, signThing } from "../../web/src/crypto/signed.ts";
import { compare, equal, toHex, toUtf8, ZERO_ID, type Bytes } from "../../web/src/wire/bytes.ts";
import { encodeHello } from "../../web/src/wire/hello.ts";
import { encodeRoster } from "../../web/src/wire/roster.ts";

const DAY = 86_400_000;
/** Many more than any of these needs. */
const READS_MOST = 20_000;
const WRITES_MOST = 1_000;

let identity: SigningKey;
let own: SigningKey;
let removed: SigningKey;
let visitor: SigningKey;
let cid: Bytes;
let sid: Bytes;
let messageKey: kem.KemKey;
let sessionKey: kem.KemKey;
let first: Bytes;
let second: Bytes;
let hello: Bytes;

/** Of the storage, since the test began. */
let reads = 0;
let writes = 0;
let rosters: Rosters;
let transcript: Transcript;
let record: (id: Bytes) => Promise<MessageRecord | undefined>;

/** What the service hands out. */
const source: RosterSource = {
  async byId(id) {
    for (const roster of [first, second]) {
      if (equal(await idOf(roster), id)) return roster;
    }
    return undefined;
  },
  from: async () => [second],
};

async function rosterOf(
  version: number,
  generation: number,
  prev: Bytes,
  devices: SigningKey[],
): Promise<Bytes> {
  const now = Date.now();
  return signThing("roster", encodeRoster({
    cid, ikPk: identity.pk, version, generation, prev,
    notBefore: now - DAY, notAfter: now + DAY, messageKey,
    devices: devices.map(({ pk }) => pk).sort(compare),
  }), identity.privateKey);
}

before(async () => {
  [identity, own, removed, visitor] = await Promise.all(
    [generate(true), generate(), generate(), generate()]);
  cid = await cidOf(identity.pk);
  messageKey = await kem.generate(2);
  sessionKey = await kem.generate(2);
  sid = await sidOf(cid, visitor.pk, sessionKey);
  first = await rosterOf(1, 1, ZERO_ID, [own, removed]);
  second = await rosterOf(2, 2, await idOf(first), [own]);
  hello = await signThing("hello", encodeHello({
    cid, signPk: visitor.pk, sessionKey, time: Date.now(),
    rosterId: await idOf(first),
  }), visitor.privateKey);
});

beforeEach(async () => {
  const platform = nodePlatform();
  const kept = await platform.open("inbox");
  const storage: Storage = {
    ...kept,
    get(key) {
      if (++reads > READS_MOST) throw new Error("reads without an end");
      return kept.get(key);
    },
    write(changes) {
      if (++writes > WRITES_MOST) throw new Error("the disk is full");
      return kept.write(changes);
    },
  };
  reads = writes = 0;
  rosters = new Rosters(storage, cid);
  await rosters.present(second, source);
  const party: Party = {
    side: "customer", cid, signkeyId: await signkeyIdOf(own.pk),
    signKey: own.privateKey, openingKey: async () => messageKey,
  };
  transcript = new Transcript({
    platform, storage, name: "inbox", rosters, party,
    changed: () => undefined, heard: () => undefined,
  });
  await transcript.open(toHex(sid), hello);
  record = async (id) =>
    (await storage.get(keys.message(toHex(sid), toHex(id)))) as
      MessageRecord | undefined;
});

interface Letter {
  readonly envelope: Bytes;
  readonly id: Bytes;
}

async function letter(
  from: SigningKey,
  seq: number,
  prev: Bytes,
  heads: Bytes[] = [],
  roster = first,
): Promise<Letter> {
  return sealMessage(
    {
      type: 1, direction: from === visitor ? 1 : 2, cid, sid,
      signkeyId: await signkeyIdOf(from.pk), seq, time: Date.now(), prev,
      rosterId: await idOf(roster),
    },
    [messageKey, sessionKey],
    { kind: 1, heads: [...heads].sort(compare), content: toUtf8(`text ${seq}`) },
    from.privateKey,
  );
}

async function receive(...letters: Letter[]): Promise<void> {
  for (const [i, { envelope }] of letters.entries()) {
    await transcript.receive(
      [{ envelope, position: i + 1, time: Date.now() }], source);
  }
}

describe("a message that calls another sender's its predecessor", () => {
  test("is conflicting, whichever comes first", async () => {
    const one = await letter(own, 1, ZERO_ID);
    const mine = await letter(visitor, 1, ZERO_ID);
    const two = await letter(visitor, 2, one.id);
    await receive(one, mine, two);
    assert.equal((await record(two.id))?.mark, "conflicting");
  });

  test("also when it comes before what it names", async () => {
    const one = await letter(own, 1, ZERO_ID);
    const two = await letter(visitor, 2, one.id);
    await receive(two);
    assert.equal((await record(two.id))?.mark, "gap");
    await receive(one);
    assert.equal((await record(one.id))?.accepted, true);
    assert.equal((await record(two.id))?.mark, "conflicting");
    assert.equal((await record(two.id))?.accepted, false);
  });
});

describe("a removed device's message", () => {
  test("counts once an accepted one names it", async () => {
    const its = await letter(removed, 1, ZERO_ID);
    await receive(its);
    assert.equal((await record(its.id))?.mark, "removed-device");
    const naming = await letter(visitor, 1, ZERO_ID, [its.id]);
    await receive(naming);
    assert.equal((await record(naming.id))?.accepted, true);
    assert.equal((await record(its.id))?.accepted, true);
    assert.equal((await record(its.id))?.mark, undefined);
  });

  test("not if the one that names it stands behind a gap", async () => {
    const its = await letter(removed, 1, ZERO_ID);
    const lost = await letter(visitor, 1, ZERO_ID);
    const naming = await letter(visitor, 2, lost.id, [its.id]);
    await receive(its, naming);
    assert.equal((await record(naming.id))?.mark, "gap");
    assert.equal((await record(its.id))?.mark, "removed-device");
    await receive(lost);
    assert.equal((await record(naming.id))?.accepted, true);
    assert.equal((await record(its.id))?.accepted, true);
  });
});

test("a removed device's messages count whichever comes first, they or what names them", async () => {
  const one = await letter(removed, 1, ZERO_ID);
  const two = await letter(removed, 2, one.id);
  const naming = await letter(visitor, 1, ZERO_ID, [two.id]);
  await receive(naming);
  assert.equal((await record(naming.id))?.mark, "gap");
  // As the history has them: newest first.
  await receive(two);
  assert.equal((await record(two.id))?.mark, "removed-device");
  assert.deepEqual(
    await transcript.missing(), new Map([[toHex(sid), new Set([toHex(one.id)])]]));
  await receive(one);
  for (const { id } of [one, two, naming]) {
    assert.equal((await record(id))?.accepted, true);
    assert.equal((await record(id))?.mark, undefined);
  }
  assert.equal((await transcript.missing()).size, 0);
});

test("what waited long is kept bit by bit", async () => {
  const third = await rosterOf(3, 2, await idOf(second), [own]);
  let prev: Bytes = ZERO_ID;
  const ids: Bytes[] = [];
  for (let seq = 1; seq <= 40; seq++) {
    const next = await letter(visitor, seq, prev, [], third);
    await receive(next);
    ids.push(prev = next.id);
  }
  assert.equal(await record(prev), undefined, "its roster is not here yet");
  const showing: RosterSource = { byId: async () => third, from: async () => [third] };
  // The pin, some messages, and then the disk is full.
  writes = WRITES_MOST - 2;
  await assert.rejects(transcript.retryHeld(showing), /full/);
  const kept = async () => (await Promise.all(ids.map(record))).filter(Boolean).length;
  assert.equal(await kept(), 32);
  writes = 0;
  await transcript.retryHeld(showing);
  assert.equal(await kept(), 40);
  assert.equal((await record(prev))?.accepted, true);
});

test("own messages of another place may name what is still to come", async () => {
  const theirs = await letter(visitor, 1, ZERO_ID);
  const mine = await letter(own, 1, ZERO_ID, [theirs.id]);
  const later = [{ envelope: mine.envelope, position: 2, time: Date.now() }];
  const end = { seq: 1, id: toHex(mine.id) };
  assert.ok(await transcript.adopt(toHex(sid), later, source, end, 0));
  assert.equal((await record(mine.id))?.mark, "gap");
  assert.deepEqual(await transcript.confirmedEnd(toHex(sid)), end);
  await receive(theirs);
  assert.equal((await record(mine.id))?.accepted, true);
  assert.equal((await record(mine.id))?.mark, undefined);
});

test("a removed device's web of messages is looked at once, not once for each way", async () => {
  // Each names up to nine before it: of ways from the last to the first there
  // are millions.
  const its: Letter[] = [];
  for (let seq = 1; seq <= 24; seq++) {
    const ids = its.map(({ id }) => id);
    its.push(await letter(
      removed, seq, ids.at(-1) ?? ZERO_ID, ids.slice(0, -1).slice(-8)));
  }
  const naming = await letter(visitor, 1, ZERO_ID, [its.at(-1)!.id]);
  await receive(...its, naming);
  for (const { id } of [...its, naming]) {
    assert.equal((await record(id))?.accepted, true);
  }
});

test("another roster of the pinned version is an alarm", async () => {
  const other = await rosterOf(2, 2, await idOf(first), [own, removed]);
  const lying: RosterSource = { ...source, byId: async () => other };
  await assert.rejects(
    rosters.find(toHex(await idOf(other)), lying),
    (error) => error instanceof AlarmError
      && error.alarm.code === "roster-contradicts");
});
