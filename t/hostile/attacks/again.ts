// Rows 9 to 12 again: a key in another's place, what is handed out twice, where
// a conversation begins, and who said it.

import { copy, toHex } from "../../../web/src/wire/bytes.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import { decodeWrap, WrapKind } from "../../../web/src/wire/wrap.ts";
import type { Attack } from "../attack.ts";
import { decodeEnvelope, Direction, graft, hiding, overheard } from "../forge.ts";
import {
  keysOf, PASSWORD, register, until, type Ending, type Scene,
} from "../scene.ts";
import { talking } from "./keys.ts";

const GAP = "A message before this one is missing";
const EXCUSED = "The beginning of this conversation is missing";
const UNREADABLE = "This message could not be opened";

// --- row 9: a private half of one's own ------------------------------------------

/** What a device keeps of a generation. */
interface Kept {
  readonly accountKey: CryptoKey;
}

async function anotherPrivateHalf(scene: Scene): Promise<Ending> {
  const { stage, lib } = scene;
  const name = `halves-${Date.now()}-${scene.lane.number}@example.org`;
  const { kit, colleague } = await register(stage, lib, name);
  scene.later(() => colleague.inbox.close());
  scene.follow(kit.cid);
  const lost = await scene.device(kit);
  const said = `I told you in spring. ${Date.now()}`;
  const visitor = await scene.nodeVisitor(kit.cid);
  await visitor.send(said);
  await scene.talk(colleague.inbox, said);
  await colleague.inbox.change({
    password: PASSWORD, remove: [lost.inbox.device!.id],
  });
  const { accountKey } = lost.platform.stored
    .get("sealchat-inbox")!.get("key/1") as Kept;
  const own = await lib.kem.generate(2, true);
  let swapped = 0;
  const end = scene.play({
    cid: kit.cid, page: "chat",
    toClient: async ({ name, tag, body }) => {
      if (name !== "vault") return undefined;
      const vault = f.decodeVault(body);
      const wraps = await Promise.all(vault.wraps.map(async ({ bytes }) => {
        const wrap = decodeWrap(copy(bytes))!;
        if (wrap.kind !== WrapKind.messageKey || wrap.generation !== 1) return { bytes };
        swapped++;
        const { kind, cid, accountId, generation, keyId } = wrap;
        return { bytes: await lib.wrapKey(
          { kind, cid, accountId, generation, keyId },
          own.pair.privateKey, accountKey) };
      }));
      return [f.encodeVault(tag, { ...vault, wraps })];
    },
  });
  const customer = await scene.stranger();
  await customer.fillLogin(kit, PASSWORD);
  await customer.confirmDevices();
  await until("the other half was given out", () => swapped);
  const row = (words: string) =>
    customer.list.locator(".row", { hasText: words }).count();
  await until("the message was taken", () =>
    scene.record.sent.some(({ name, stream }) =>
      name === "ack" && stream.cid === kit.cid && stream.page === "chat"));
  // Once the service gives out the true one again:
  end();
  scene.stream("chat").cut();
  return scene.ends({
    won: async () => (await row(UNREADABLE)) > 0,
    lost: async () => (await row(said)) === 1,
    saw: "The message, as soon as the service shows the true key again: until then it waits for its key.",
    sawWon: `"${UNREADABLE}", for good, on this device.`,
  });
}

// --- row 10: a device that has been there ------------------------------------------

async function olderForADevice(scene: Scene): Promise<Ending> {
  const desk = await scene.desk();
  const old = scene.record.rosters.at(-1)!;
  await scene.device();
  const shown = async () => {
    await desk.page.getByText("Connected", { exact: true }).first()
      .waitFor({ state: "attached" });
    scene.stream("chat").cut();
  };
  const readies = () => scene.record.frames.filter(({ name, stream }) =>
    name === "ready" && stream.page === "chat").length;
  const before = readies();
  await shown();
  await until("the new roster", () => readies() > before);
  await desk.page.getByText("Connected", { exact: true }).first()
    .waitFor({ state: "attached" });
  const end = scene.play({
    page: "chat",
    toClient: ({ name, tag, body }) =>
      name === "ready"
        ? [f.encodeReady(tag, { ...f.decodeReady(body), roster: old })]
        : undefined,
  });
  const again = readies();
  scene.stream("chat").cut();
  await until("the old roster was shown", () => readies() > again);
  const late = Date.now() + 2_000;
  const alarm = () => desk.page.locator('[role="alert"]').count();
  try {
    return await scene.ends({
      won: async () => Date.now() > late && (await alarm()) === 0,
      lost: async () => (await alarm()) > 0,
      saw: "An alarm: the list of devices is older than the one that this device has seen, and nothing is sent.",
      sawWon: "Nothing unusual, on top of a list of devices of before.",
    });
  } finally {
    end();
  }
}

// --- row 11: twice, and from the middle ----------------------------------------------

async function handedOutTwice(scene: Scene): Promise<Ending> {
  const said = "Please pay 40 EUR.";
  const { visitor, sid } = await talking(scene, "What do I owe you?", said);
  const reply = scene.record.last(sid);
  await scene.deliver("shop", reply);
  const shown = async () => (await visitor.texts()).filter((t) => t === said).length;
  // It is acknowledged, and a page that showed it twice would do so now.
  const end = Date.now() + 1_500;
  return scene.ends({
    won: async () => (await shown()) === 2,
    lost: async () => Date.now() > end && (await shown()) === 1,
    saw: "The reply, once.",
    sawWon: "The reply, twice, as if it had been said twice.",
  });
}

async function firstLeftOut(scene: Scene): Promise<Ending> {
  const desk = await scene.desk();
  const first = `Do not send it before Friday. ${Date.now()}`;
  const second = `And thank you for asking. ${Date.now()}`;
  const { inbox } = scene.lane.colleague;
  const before = new Set(inbox.conversations.map(({ sid }) => sid));
  let hidden = "";
  scene.play({
    page: "chat",
    toClient: hiding((e) => {
      const sid = toHex(e.sid);
      if (e.direction !== Direction.toCustomer || e.seq !== 1 || before.has(sid)) {
        return false;
      }
      hidden ||= sid;
      return sid === hidden;
    }),
  });
  const chat = await scene.nodeVisitor();
  await chat.send(first);
  await chat.send(second);
  await desk.list.locator(".row", { hasText: second }).click();
  await desk.sees(second);
  const gap = () => desk.page.getByText(GAP).count();
  const excused = () => desk.page.getByText(EXCUSED).count();
  // It is a gap until the history was read to its end.
  const end = Date.now() + 1_500;
  return scene.ends({
    won: async () => (await excused()) > 0 && (await gap()) === 0,
    lost: async () => Date.now() > end && (await gap()) > 0,
    saw: `The second message, with the mark "${GAP}".`,
    sawWon: `The second message, and the mark "${EXCUSED}", as in a conversation that is old.`,
  });
}

// --- row 12: turned round -------------------------------------------------------------

async function turnedBack(scene: Scene): Promise<Ending> {
  const { lib, lane } = scene;
  const said = "I accept your price of 900 EUR.";
  const visitor = await scene.visitor();
  await visitor.write(said);
  await visitor.sees(said, "Sent");
  const sid = [...scene.record.hellos.keys()].at(-1)!;
  const heard = await overheard(scene, sid);
  const device = keysOf(lane.colleague);
  const own = decodeEnvelope(scene.record.last(sid))!;
  const envelope = await graft(lib, own, {
    direction: Direction.toVisitor, cid: heard.cid, sid: heard.sid, seq: 1,
    signkeyId: await lib.names.signkeyIdOf(device.pk), prev: new Uint8Array(32),
    rosterId: heard.rosterId,
  }, { suite: own.keys[1].suite, kemId: own.keys[1].kemId }, device.signKey);
  await scene.deliver("shop", envelope);
  const shown = async () => (await visitor.texts()).filter((t) => t === said).length;
  return scene.ends({
    won: async () => (await shown()) === 2,
    lost: async () =>
      (await shown()) === 1 &&
      (await visitor.panel.getByText(UNREADABLE).count()) > 0,
    saw: `The words once, and a reply that says "${UNREADABLE}".`,
    sawWon: "The visitor's own words, as if the shop had said them.",
  });
}

export const againAttacks: Attack[] = [
  {
    row: 9, name: "Another private half behind a true name", adversary: "a lost device",
    does: "wraps a key of its own under the account key that it kept, in the name of the message key of that time, and has the service give that out",
    defence: "tested-pairs", run: anotherPrivateHalf,
  },
  {
    row: 10, name: "An earlier roster for a device", adversary: "the service",
    does: "shows the inbox the list of devices of before",
    defence: "pinned-roster", run: olderForADevice,
  },
  {
    row: 11, name: "A reply handed out twice", adversary: "the service",
    does: "hands a reply out a second time, at another place of the queue",
    defence: "message-ids", run: handedOutTwice,
  },
  {
    row: 11, name: "The first message left out", adversary: "the service",
    does: "drops a visitor's first message and says that the history begins with the second",
    defence: "young-beginnings", run: firstLeftOut,
  },
  {
    row: 12, name: "Words turned round", adversary: "a lost device",
    does: "signs a visitor's ciphertext as a reply to that visitor",
    defence: "context", run: turnedBack,
  },
];
