// Rows 17, 18 and 26: what the service itself has to refuse to others.

import { readFile, writeFile } from "node:fs/promises";

import {
  copy, fromBase64Url, fromHex, toHex, ZERO_ID, type Bytes,
} from "../../../web/src/wire/bytes.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import { decodeWrap, WrapKind } from "../../../web/src/wire/wrap.ts";
import type { Attack } from "../attack.ts";
import { asDevice, Raw, sentence } from "../raw.ts";
import { decodeRoster, makeSession } from "../forge.ts";
import {
  countsOf, keysOf, PASSWORD, register, replaysOf, until,
  type Ending, type Scene,
} from "../scene.ts";

// --- row 17: who is there -----------------------------------------------------

/** What a stranger gets who tries to log in, in one line. */
async function knock(scene: Scene, cid: string, accountId: Bytes): Promise<string> {
  const raw = new Raw(scene, cid);
  await raw.next("challenge");
  raw.send((tag) => f.encodeLoginStart(tag, { accountId }));
  const salt = f.decodeSalt(await raw.next("salt"));
  raw.send((tag) => f.encodeAuth(tag, {
    role: 3, subject: accountId, puzzle: 0, release: ZERO_ID,
    sig: copy(crypto.getRandomValues(new Uint8Array(64))).fill(9, 32, 63).fill(0, 63),
    hello: new Uint8Array(0),
  }));
  const { name, body } = await raw.any();
  await until("it is closed", () => raw.closed);
  return `${salt.kdfId} ${salt.serverSalt.length} ${name} ${toHex(body)} ${raw.closed}`;
}

async function whoIsThere(scene: Scene): Promise<Ending> {
  const { stage, lib, lane } = scene;
  const other = await register(stage, lib, `elsewhere-${Date.now()}@example.org`);
  other.colleague.inbox.close();
  const known = await lib.names.accountIdOf(lane.kit.account);
  const cases = [
    [scene.cid, known],
    [scene.cid, crypto.getRandomValues(new Uint8Array(32))],
    [scene.cid, await lib.names.accountIdOf(other.kit.account)],
  ] as const;
  await until("the colleague is at rest", () => lane.colleague.inbox.link === "ready");
  const counts = async () => (await readFile(countsOf(lane), "utf8")).split("\n");
  const differences = new Set<string>();
  for (let i = 0; i < 5; i++) {
    for (const [cid, accountId] of cases) {
      const before = (await counts()).length;
      const answer = await knock(scene, cid, accountId);
      differences.add([answer, ...(await counts()).slice(before - 1)].join(" | "));
    }
  }
  const won = differences.size > 1;
  const kinds = [...differences].map(cost);
  return {
    won,
    saw: won
      ? `More than one kind of no. They cost ${kinds.join("; or ")}.`
      : `One kind of no, whoever was asked for, byte for byte. It costs ${kinds[0]}.`,
  };
}

/** Of an answer and what was counted with it, the counts as people read them. */
function cost(line: string): string {
  const sum = (what: string) =>
    [...line.matchAll(new RegExp(`${what} (\\d+)`, "g"))].reduce((n, [, m]) => n + Number(m), 0);
  return `signatures verified: ${sum("verified")}, MACs: ${sum("macs")}, reads of the store: ${sum("reads")}`;
}

// --- row 18: said again ----------------------------------------------------------

async function saidAgain(scene: Scene): Promise<Ending> {
  const { lane } = scene;
  const device = await scene.device();
  const auth = scene.record.sent.findLast(({ name, body }) =>
    name === "auth" && f.decodeAuth(body).role === 2)!;
  device.inbox.close();
  await writeFile(replaysOf(lane), "");
  const raw = new Raw(scene, scene.cid);
  await raw.next("challenge");
  raw.send((tag) => f.encodeAuth(tag, f.decodeAuth(auth.body)));
  const { name, body } = await raw.any();
  raw.close();
  const won = name === "ready";
  return {
    won,
    saw: won
      ? "Another connection is logged in as the customer's device, with a proof that was overheard."
      : `Refused: "${sentence(body)}"`,
  };
}

// --- row 26: who may what ----------------------------------------------------------

/** Whose finder also knows what people take for passwords. */
async function vaultOfALostDevice(scene: Scene): Promise<Ending> {
  const { lib, lane } = scene;
  const device = keysOf(lane.colleague);
  const raw = await asDevice(scene);
  raw.send((tag) => f.encodeVaultGet(tag, { generation: 0 }));
  const { wraps } = f.decodeVault(await raw.next("vault"));
  raw.send((tag) => f.encodeLoginStart(tag, { accountId: device.accountId }));
  const { serverSalt } = f.decodeSalt(await raw.next("salt"));
  raw.close();
  const records = wraps.map(({ bytes }) => decodeWrap(copy(bytes))!);
  const own = records.find(({ kind }) => kind === WrapKind.accountKey);
  const { wrap } = await lib.passwordKeys({
    password: PASSWORD, secretKey: device.secretKey, accountId: device.accountId,
    serverSalt: copy(serverSalt),
  });
  const won = !!own && (await lib
    .unwrapKey(own, wrap, "AES-GCM", ["wrapKey", "unwrapKey"])
    .then(() => true, () => false));
  const kinds = records.map(({ kind }) => kind).join(", ");
  return {
    won,
    saw: won
      ? "The finder has all wrapped keys, and the right guess opens them."
      : `The finder gets wrapped keys of kind ${kinds} alone: nothing there answers a guess.`,
  };
}

async function eraseByALostDevice(scene: Scene): Promise<Ending> {
  const { lane } = scene;
  const raw = await asDevice(scene);
  raw.send((tag) => f.encodeDelete(tag, { sid: keysOf(lane.colleague).accountId }));
  const { name, body } = await raw.any();
  raw.close();
  const there = new Raw(scene, scene.cid);
  there.send((tag) => f.encodeRosterGet(tag, { id: ZERO_ID, version: 0 }));
  await there.next("challenge");
  const roster = await there.any();
  there.close();
  const won = name === "done" && roster.name === "error";
  return {
    won,
    saw: won
      ? "The account is gone, erased by whoever found a device."
      : `Refused: "${name === "error" ? sentence(body) : name}" The account stands.`,
  };
}

async function putByALostDevice(scene: Scene): Promise<Ending> {
  // The service, which has the set, gives it to whoever found the device.
  const seen = new Map<string, f.AccountPutFrame>();
  scene.play({
    toService: ({ name, body }) => {
      if (name === "accountPut") seen.set("set", f.decodeAccountPut(copy(body)));
      return undefined;
    },
  });
  await scene.device();
  const raw = await asDevice(scene);
  raw.send((tag) => f.encodeAccountPut(tag, seen.get("set")!));
  const { name, body } = await raw.any();
  raw.close();
  return {
    won: name === "done",
    saw: name === "done"
      ? "A device wrote the account, without a password."
      : `Refused: "${sentence(body)}"`,
  };
}

async function everybodysSessions(scene: Scene): Promise<Ending> {
  const { lib, stage } = scene;
  const victim = await scene.nodeVisitor();
  const said = `Nobody else is to know that I was here. ${Date.now()}`;
  await victim.send(said);
  const { sid } = await scene.talk(scene.lane.colleague.inbox, said);
  const cid = fromBase64Url(scene.cid)!;
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const own = await makeSession(lib, cid, roster);
  const raw = new Raw(scene, scene.cid);
  const { challenge } = f.decodeChallenge(await raw.next("challenge"));
  const sig = await lib.signClaim({
    role: 1, originHash: await lib.hash(new TextEncoder().encode(stage.chat)),
    challenge, subject: own.sid,
  }, own.sign.privateKey);
  raw.send((tag) => f.encodeAuth(tag, {
    role: 1, subject: own.sid, sig, puzzle: 0, release: ZERO_ID, hello: own.hello,
  }));
  await raw.next("ready");
  raw.send((tag) => f.encodeSessions(tag, { from: fromHex(sid), count: 1 }));
  const { name, body } = await raw.any();
  raw.close();
  const won =
    name === "sessionPage" &&
    f.decodeSessionPage(body).sessions.some((s) => toHex(s.sid) === sid);
  return {
    won,
    saw: won
      ? "One visitor has the list of all others."
      : `Refused: "${name === "error" ? sentence(body) : name}"`,
  };
}

export const serviceAttacks: Attack[] = [
  {
    row: 17, name: "Who has an account here", adversary: "the network",
    does: "knocks for an account that is there, for one that is not and for another customer's, and compares every byte of the answers and what each cost",
    defence: "decoy", counts: true, run: whoIsThere,
  },
  {
    row: 18, name: "A login said again", adversary: "the network",
    does: "repeats a device's proof on a connection of its own",
    defence: "single-use", run: saidAgain,
  },
  {
    row: 26, name: "The vault for a lost device", adversary: "a lost device",
    does: "asks for all wrapped keys, and guesses the password with the Secret Key that it holds",
    defence: "roles", run: vaultOfALostDevice,
  },
  {
    row: 26, name: "An account written by a lost device", adversary: "a lost device",
    does: "puts an account record, wrapped keys and a roster without a password",
    defence: "roles", run: putByALostDevice,
  },
  {
    row: 26, name: "An account erased by a lost device", adversary: "a lost device",
    does: "asks the service to delete the whole account",
    defence: "roles", run: eraseByALostDevice,
  },
  {
    row: 26, name: "The list of all visitors", adversary: "a visitor",
    does: "asks for the sessions of all others",
    defence: "roles", run: everybodysSessions,
  },
];
