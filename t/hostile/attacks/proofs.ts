// Rows 18 and 26 again: proofs that were made for something else, and accounts
// made of what belongs to others.

import { decodeAccount, encodeAccount } from "../../../web/src/wire/account.ts";
import { copy, toBase64Url, ZERO_ID, type Bytes } from "../../../web/src/wire/bytes.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import { WrapKind } from "../../../web/src/wire/wrap.ts";
import type { Attack } from "../attack.ts";
import { Direction, forge, overheard, text } from "../forge.ts";
import type { Answer } from "../raw.ts";
import { Raw, sentence } from "../raw.ts";
import {
  addressOf, PASSWORD, platformOf, until, type Ending, type Scene,
} from "../scene.ts";

const told = ({ name, body }: Answer): string =>
  name === "error" ? sentence(body) : name;

// --- row 18: signed for something else ------------------------------------------

/** The message that a signature over the challenge alone would make true. */
async function envelopeAsChallenge(scene: Scene): Promise<Ending> {
  const { lib, lane } = scene;
  const desk = await scene.desk();
  const visitor = await scene.visitor();
  const said = `Please deliver it tomorrow. ${Date.now()}`;
  await visitor.write(said);
  await visitor.sees(said, "Sent");
  const row = (words: string) => desk.list.locator(".row", { hasText: words }).count();
  await until("the row", () => row(said));
  const sid = [...scene.record.hellos.keys()].at(-1)!;
  const heard = await overheard(scene, sid);
  const forged = `Cancel it, and pay the money to this account. ${lane.number}`;
  const { privateKey } = await lib.ed25519.generate();
  const envelope = await forge(lib, {
    direction: Direction.toCustomer, cid: heard.cid, sid: heard.sid,
    signkeyId: heard.last.signkeyId, seq: 2, prev: heard.lastId,
    rosterId: heard.rosterId,
    to: [heard.roster.messageKey, heard.hello.sessionKey],
    body: text(forged), key: privateKey,
  });
  const unsigned = envelope.slice(0, -64);
  const challenge = await lib.hash(unsigned);
  let sig: Bytes | undefined;
  const end = scene.play({
    page: "shop",
    toClient: ({ name, tag, body }) =>
      name === "challenge"
        ? [f.encodeChallenge(tag, { ...f.decodeChallenge(body), challenge })]
        : undefined,
    toService: ({ name, body }) => {
      if (name !== "auth") return undefined;
      sig ??= copy(f.decodeAuth(body).sig);
      return [];
    },
  });
  scene.stream("shop").cut();
  await until("a signature", () => sig);
  end();
  scene.show(desk.page);
  await scene.deliver("chat", new Uint8Array([...unsigned, ...sig!]));
  await new Promise((done) => setTimeout(done, 800));
  return scene.ends({
    won: async () => (await row(forged)) > 0,
    lost: async () => (await row(said)) === 1,
    saw: "The conversation as it was: what a login signs is no message.",
    sawWon: `The visitor seems to say, with a true signature: "${forged}"`,
  });
}

/** The page belongs to another service, which hands on what it is asked. */
async function passedOn(scene: Scene): Promise<Ending> {
  const { stage } = scene;
  const visitor = await scene.visitor({
    service: stage.chat.replace("//chat.", "//elsewhere."),
  });
  await scene.attempt(visitor, "Who is it that I am talking to?");
  const answered = (wanted: string) => scene.record.frames.some(
    ({ name, stream }) => name === wanted && stream.page === "shop");
  return scene.ends({
    won: () => answered("ready"),
    lost: async () => answered("error") && (await visitor.alarm.count()) > 0,
    saw: "The chat is refused: what was signed names another service than the one that it reached.",
    sawWon: "Nothing unusual. Whoever stands between is logged in at the true service as this visitor.",
  });
}

// --- row 26: an account of what belongs to others --------------------------------

/** What somebody registers, who never gets through. */
async function overheardRegistration(scene: Scene, account: string): Promise<{
  cid: string;
  set: f.RegisterFrame;
}> {
  const { stage, lib } = scene;
  const accountId = await lib.names.accountIdOf(account);
  let heard: { cid: string; set: f.RegisterFrame } | undefined;
  const end = stage.link.begin({
    page: "elsewhere",
    toService: ({ name, body, stream }) => {
      if (name !== "register") return undefined;
      const set = f.decodeRegister(copy(body));
      const record = decodeAccount(copy(set.account))!;
      // Others register meanwhile.
      if (!Buffer.from(record.accountId).equals(accountId)) return undefined;
      heard ??= { cid: stream.cid, set };
      return [];
    },
  });
  const inbox = lib.createInbox({
    service: addressOf(stage), platform: platformOf(stage, lib),
  });
  await inbox.start();
  inbox.register({ account, password: PASSWORD, suite: 2 }).catch(() => undefined);
  try {
    return await until("a registration", () => heard);
  } finally {
    end();
    inbox.close();
  }
}

const isThere = async (scene: Scene, cid: string): Promise<Answer> => {
  const raw = new Raw(scene, cid);
  raw.send((tag) => f.encodeRosterGet(tag, { id: ZERO_ID, version: 0 }));
  const answer = await raw.any();
  raw.close();
  return answer;
};

async function registeredByAnother(scene: Scene): Promise<Ending> {
  const { stage, lib } = scene;
  const { cid, set } = await overheardRegistration(
    scene, `caught-${Date.now()}-${scene.lane.number}@example.org`);
  const { accountId } = decodeAccount(copy(set.account))!;
  const own = await lib.ed25519.generate();
  const originHash = await lib.hash(new TextEncoder().encode(stage.chat));
  const answers: string[] = [];
  let won = false;
  // With the signature that was overheard, and with one of its own.
  for (const mine of [false, true]) {
    const raw = new Raw(scene, cid);
    const { challenge } = f.decodeChallenge(await raw.next("challenge"));
    const sig = mine
      ? await lib.signClaim({
        role: 5, originHash, challenge, subject: accountId,
        invitation: new Uint8Array(16),
      }, own.privateKey)
      : copy(set.sig);
    raw.send((tag) => f.encodeRegister(tag, { ...set, sig }));
    const answer = await raw.any();
    raw.close();
    answers.push(told(answer));
    won ||= answer.name === "done";
  }
  won &&= (await isThere(scene, cid)).name === "rosters";
  return {
    won,
    saw: won
      ? "The account is registered, by somebody who holds none of its keys."
      : `Refused, with the overheard proof and with one of the attacker's own: "${answers[0]}"`,
  };
}

/** An account record of one's own, which names somebody else's roster. */
async function anothersRoster(scene: Scene): Promise<Ending> {
  const { stage, lib } = scene;
  const theirs = scene.record.rosters.at(-1) ??
    f.decodeRosters(copy((await isThere(scene, scene.cid)).body)).rosters[0]!.bytes;
  const account = `mallory-${Date.now()}@example.org`;
  const accountId = await lib.names.accountIdOf(account);
  const ik = await lib.ed25519.generate(true);
  const cid = await lib.names.cidOf(ik.pk);
  const raw = new Raw(scene, toBase64Url(cid));
  raw.send((tag) => f.encodeLoginStart(tag, { accountId }));
  const { challenge } = f.decodeChallenge(await raw.next("challenge"));
  const { serverSalt } = f.decodeSalt(await raw.next("salt"));
  const roster = copy(theirs);
  const { account: record, wraps } = await ownSet(scene, {
    ik, cid, accountId, serverSalt: copy(serverSalt), roster,
  });
  const sig = await lib.signClaim({
    role: 5, originHash: await lib.hash(new TextEncoder().encode(stage.chat)),
    challenge, subject: accountId, invitation: new Uint8Array(16),
  }, ik.privateKey);
  raw.send((tag) => f.encodeRegister(tag, {
    sig, invitation: new Uint8Array(16), account: record, roster,
    wraps: wraps.map((bytes) => ({ bytes })),
  }));
  const answer = await raw.any();
  raw.close();
  const served = await isThere(scene, toBase64Url(cid));
  const won = answer.name === "done" && served.name === "rosters" &&
    Buffer.from(f.decodeRosters(served.body).rosters[0]!.bytes).equals(roster);
  return {
    won,
    saw: won
      ? "The service now serves one customer's list of devices under another's code."
      : `Refused: "${told(answer)}"`,
  };
}

/** Wrapped keys and a record that are right in themselves, beside any roster. */
async function ownSet(scene: Scene, o: {
  ik: { pk: Bytes; privateKey: CryptoKey };
  cid: Bytes;
  accountId: Bytes;
  serverSalt: Bytes;
  roster: Bytes;
}): Promise<{ account: Bytes; wraps: Bytes[] }> {
  const { lib } = scene;
  const { ik, cid, accountId, serverSalt, roster } = o;
  const aes = () => crypto.subtle.generateKey(
    { name: "AES-GCM", length: 256 }, true, ["wrapKey", "unwrapKey"]);
  const [under, ak] = [await aes(), await aes()];
  const message = await lib.kem.generate(2, true);
  const recovery = await lib.kem.generate(2);
  const [login, recoveryLogin] = [await lib.ed25519.generate(), await lib.ed25519.generate()];
  const keyId = crypto.getRandomValues(new Uint8Array(32));
  const header = (kind: WrapKind, id: Bytes) =>
    ({ kind, cid, accountId, generation: 1, keyId: id });
  const wraps = [
    await lib.wrapKey(header(WrapKind.accountKey, keyId), ak, under),
    await lib.sealKey(header(WrapKind.accountKeyRecovery, keyId), ak, recovery.pk),
    await lib.wrapKey(header(WrapKind.identityKey, cid), ik.privateKey, under),
    await lib.sealKey(header(WrapKind.identityKeyRecovery, cid), ik.privateKey, recovery.pk),
    await lib.wrapKey(header(WrapKind.messageKey, message.kemId), message.pair.privateKey, ak),
  ];
  const account = await lib.signThing("record", encodeAccount({
    cid, ikPk: ik.pk, accountId, generation: 1, kdfId: 1, serverSalt,
    loginPk: login.pk, recoveryPk: recoveryLogin.pk, recoveryKem: recovery.pk,
    rosterId: await lib.idOf(roster), wraps: await wrapsHash(lib, wraps),
  }), ik.privateKey);
  return { account, wraps };
}

const wrapsHash = (lib: Scene["lib"], wraps: readonly Bytes[]) =>
  lib.hash(lib.domain("wraps"), ...wraps);

export const proofAttacks: Attack[] = [
  {
    row: 18, name: "A message for a challenge", adversary: "the service",
    does: "makes up a visitor's message, and gives the visitor's page its hash as the challenge of a login to sign",
    defence: "domains", run: envelopeAsChallenge,
  },
  {
    row: 18, name: "A login passed on", adversary: "the service",
    does: "is another service, which hands the true one's challenge to a visitor and the answer back",
    defence: "origin", run: passedOn,
  },
  {
    row: 26, name: "Registered by somebody else", adversary: "the network",
    does: "holds a registration back and registers it itself, with the overheard proof and with a key of its own",
    defence: "registration-proof", run: registeredByAnother,
  },
  {
    row: 26, name: "Another's list of devices in a registration", adversary: "a customer",
    does: "registers an account whose record names another customer's roster",
    defence: "own-roster", run: anothersRoster,
  },
];
