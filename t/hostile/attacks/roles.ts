// Every frame, in every role, with the ids of everybody else: of another
// customer, and of another visitor of the same one.

import { copy, fromBase64Url, fromHex, toHex, ZERO_ID, type Bytes } from "../../../web/src/wire/bytes.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import type { Attack } from "../attack.ts";
import { decodeRoster, makeSession } from "../forge.ts";
import { as, asDevice, Raw, type Answer } from "../raw.ts";
import {
  keysOf, PASSWORD, register, until, type Ending, type Scene,
} from "../scene.ts";
import { sender } from "../sender.ts";

/** Of somebody whom nothing of this is to reach. */
interface Victim {
  readonly what: string;
  readonly sid: Bytes;
  readonly envelope: Bytes;
  readonly accountId: Bytes;
  readonly roster: Bytes;
  readonly set: f.AccountPutFrame;
  /** What no answer may hold. */
  readonly traces: readonly Bytes[];
}

type Frames = readonly [string, (tag: number) => Bytes][];

/** Whatever names anybody. */
function framesOf(victim: Victim, own: Bytes): Frames {
  const { sid, envelope, accountId, roster, set } = victim;
  const account = (role: number, subject: Bytes) => (tag: number) =>
    f.encodeAuth(tag, {
      role, subject, sig: new Uint8Array(64).fill(7, 0, 63), puzzle: 0,
      release: ZERO_ID, hello: new Uint8Array(0),
    });
  return [
    ["history", (tag) => f.encodeHistory(tag, { sid, before: 0, count: 10 })],
    ["send", (tag) => f.encodeSend(tag, { envelope })],
    ["signal", (tag) => f.encodeSignal(tag, { envelope })],
    ["acknowledge", (tag) => f.encodeAck(tag, { position: 1_000_000 })],
    ["sessions", (tag) => f.encodeSessions(tag, { from: sid, count: 1 })],
    ["block a session", (tag) => f.encodeBlock(tag, { sid, blocked: 1 })],
    ["let a session in again", (tag) => f.encodeBlock(tag, { sid, blocked: 0 })],
    ["delete a session", (tag) => f.encodeDelete(tag, { sid })],
    ["delete the account", (tag) => f.encodeDelete(tag, { sid: accountId })],
    ["roster by id", (tag) => f.encodeRosterGet(tag, { id: roster, version: 0 })],
    ["vault", (tag) => f.encodeVaultGet(tag, { generation: 0 })],
    ["account", (tag) => f.encodeAccountPut(tag, set)],
    ["register", (tag) => f.encodeRegister(tag, {
      ...set, sig: new Uint8Array(64).fill(7, 0, 63), invitation: new Uint8Array(16),
    })],
    ["resume", (tag) => f.encodeResume(tag, { mark: 1 })],
    ["check", (tag) => f.encodeCheck(tag, {
      code: new Uint8Array(16), release: ZERO_ID, minGeneration: 1,
    })],
    ["log in as a visitor", account(1, sid)],
    ["log in with the password", account(3, accountId)],
    ["log in with the code", account(4, accountId)],
    ["log in as a device of one's own", account(2, own)],
  ];
}

const SILENT = ["signal", "acknowledge", "resume"];

/** What came back, be it the end. */
async function askOne(raw: Raw, name: string, frame: (tag: number) => Bytes): Promise<Answer[]> {
  const before = raw.answers.length;
  const tag = raw.send(frame);
  const behind = SILENT.includes(name)
    // What is never answered is told by what is asked behind it.
    ? raw.send((t) => f.encodeRosterGet(t, { id: ZERO_ID, version: 0 }))
    : tag;
  await raw.until(`an answer to "${name}"`, () =>
    raw.closed !== "" || raw.answers.slice(before).some((a) =>
      a.name !== "deliver" && (a.tag === tag || a.tag === behind)));
  return raw.answers.slice(before);
}

/** Everybody who may be at the other end, anew for each frame. */
async function actors(scene: Scene): Promise<[string, () => Promise<Raw>][]> {
  const { lib, lane, cid } = scene;
  const { kit, colleague } = lane;
  const device = keysOf(colleague);
  const { accountId } = device;
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const session = await makeSession(lib, fromBase64Url(cid)!, roster);
  const asks = new Raw(scene, cid);
  asks.send((tag) => f.encodeLoginStart(tag, { accountId }));
  await asks.next("challenge");
  const { serverSalt } = f.decodeSalt(await asks.next("salt"));
  asks.close();
  const password = await lib.passwordKeys({
    password: PASSWORD, secretKey: device.secretKey, accountId,
    serverSalt: copy(serverSalt),
  });
  const recovery = await lib.recoveryKeys(
    (await lib.readSecret(kit.recoveryCode, 32))!, accountId);
  return [
    ["nobody", async () => {
      const raw = new Raw(scene, cid);
      await raw.next("challenge");
      return raw;
    }],
    ["a visitor", () => as(scene, cid, {
      role: 1, subject: session.sid, key: session.sign.privateKey, hello: session.hello,
    })],
    ["a device", () => asDevice(scene)],
    ["an owner by password", () => as(scene, cid, {
      role: 3, subject: accountId, key: password.login.privateKey,
    })],
    ["an owner by recovery code", () => as(scene, cid, {
      role: 4, subject: accountId, key: recovery.login.privateKey,
    })],
  ];
}

async function everybodyElse(scene: Scene): Promise<Ending> {
  const { lib, stage, lane } = scene;
  const { inbox } = lane.colleague;

  // Another visitor of one's own.
  await scene.device();
  const neighbour = await sender(scene);
  const secret = `Nobody else is to read this. ${Date.now()}`;
  await neighbour.says(secret);
  await scene.talk(inbox, secret);
  const everybody = await actors(scene);

  // Another customer, with a visitor.
  const other = await register(stage, lib, `other-${Date.now()}@example.org`);
  scene.later(() => other.colleague.inbox.close());
  scene.follow(other.kit.cid);
  const theirs = await scene.nodeVisitor(other.kit.cid);
  const said = `Between us two. ${Date.now()}`;
  await theirs.send(said);
  const { sid } = await scene.talk(other.colleague.inbox, said);
  const put = async (kit: typeof lane.kit) => {
    const from = scene.record.sent.length;
    await scene.device(kit);
    const { body } = scene.record.sent.slice(from).find(({ name }) => name === "accountPut")!;
    return f.decodeAccountPut(copy(body));
  };
  const set = await put(other.kit);
  const victim: Victim = {
    what: "another customer's", sid: fromHex(sid),
    envelope: copy(scene.record.last(sid)),
    accountId: await lib.names.accountIdOf(other.kit.account),
    roster: await lib.idOf(copy(set.roster)), set,
    traces: [fromHex(sid), fromBase64Url(other.kit.cid)!],
  };

  const near: Victim = {
    what: "another visitor's", sid: neighbour.session.sid,
    envelope: copy(scene.record.last(toHex(neighbour.session.sid))),
    accountId: victim.accountId, roster: victim.roster, set,
    traces: [neighbour.session.sid],
  };

  const own = await lib.names.signkeyIdOf(keysOf(lane.colleague).pk);
  const broken: string[] = [];
  let asked = 0;
  for (const [who, make] of everybody) {
    const strangers = who === "nobody" || who === "a visitor";
    for (const one of strangers ? [victim, near] : [victim]) {
      for (const [name, frame] of framesOf(one, own)) {
        const raw = await make();
        const answers = await askOne(raw, name, frame);
        raw.close();
        asked++;
        const told = answers.some(({ body, name: kind }) =>
          kind !== "error" && one.traces.some((trace) => Buffer.from(body).includes(Buffer.from(trace))));
        const done = answers.some(({ name: kind, tag }) =>
          tag && ["done", "stored", "ready", "vault"].includes(kind));
        const may = name === "check" ||
          (name === "vault" && who !== "nobody" && who !== "a visitor");
        if (told || (done && !may)) broken.push(`${who}, ${name}, ${one.what}`);
      }
    }
  }

  // And it is all there.
  await other.colleague.inbox.send(sid, "Still between us two.");
  await until("the reply", () =>
    theirs.messages.some((m) => m.text === "Still between us two."));
  const whole = theirs.messages.length === 2 &&
    inbox.conversations.some(({ messages }) => messages.some((m) => m.text === secret));
  if (!whole) broken.push("something of the victims is missing");
  const won = broken.length > 0;
  if (won && !scene.without) console.log(`#   ${broken.join("\n#   ")}`);
  return {
    won,
    saw: won
      ? `${broken.length} of ${asked} questions were answered that concern others, the first by ${broken[0]}.`
      : `${asked} questions from nobody, a visitor, a device and both owners' logins, each with the ids of somebody else: none was answered with anything of theirs, and all that is theirs stands.`,
  };
}

export const roleAttacks: Attack[] = [
  {
    row: 26, name: "Every frame, in every role, with another's ids", adversary: "a customer",
    does: "sends each frame as nobody, as a visitor, as a device and with both of an owner's logins, with the ids of another customer and of another visitor",
    defence: "roles", run: everybodyElse,
  },
];
