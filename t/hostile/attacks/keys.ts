// Rows 1 to 4, 13, 15 and 24: keys in the place of others, and what nobody
// signed.

import { concat, fromBase64Url, fromHex, toHex } from "../../../web/src/wire/bytes.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import type { EngineName } from "../../browser/driver.ts";
import type { Attack } from "../attack.ts";
import {
  decodeRoster, Direction, forge, impostor, inSession, makeSession, overheard,
  standIn, text,
} from "../forge.ts";
import { keysOf, register, until, type Ending, type Scene } from "../scene.ts";
import { forgeable, hollowSigner } from "../small-order.ts";

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** The rows of the inbox's list that hold these words. */
const rows = (scene: Scene, words: string) =>
  scene.lane.desk!.locator(".list .row", { hasText: words }).count();

/** A visitor wrote and a colleague answered: both sides know each other. */
export async function talking(scene: Scene, question: string, answer: string) {
  const { inbox } = scene.lane.colleague;
  const visitor = await scene.visitor();
  await visitor.write(question);
  const { sid } = await scene.talk(inbox, question);
  await inbox.send(sid, answer);
  await visitor.sees(answer);
  return { visitor, sid };
}

async function otherIdentity(scene: Scene): Promise<Ending> {
  const heard: string[] = [];
  const { roster, message } = await impostor(scene.lib, scene.cid);
  scene.play({
    page: "shop",
    ...standIn(scene.lib, roster, message, (words) => void heard.push(words ?? "")),
  });
  const secret = "My card ends in 4242, please change the order.";
  const visitor = await scene.visitor();
  await scene.attempt(visitor, secret);
  return scene.ends({
    won: () => heard.includes(secret),
    lost: async () =>
      (await visitor.alarm.count()) > 0 &&
      (await visitor.alarm.getAttribute("data-code")) === "roster-other-identity" &&
      !scene.record.sent.some(({ name }) => name === "send" || name === "auth"),
    saw: "This site's chat could not be verified, so nothing was sent.",
    sawWon: `Nothing unusual. The service read: "${secret}"`,
  });
}

async function swappedHello(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  const cid = fromBase64Url(scene.cid)!;
  await scene.desk();
  const chat = await scene.nodeVisitor();
  const true_ = `Please send it to Harbour Street 4. ${Date.now()}`;
  const false_ = `Please send it to Mill Lane 9 instead. ${Date.now()}`;
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const fake = await makeSession(lib, cid, roster);
  let position = 0;
  let acknowledged = false;
  let sid = "";
  scene.play({
    page: "chat",
    toClient: async ({ name, tag, body }) => {
      if (name === "sessionPage") {
        const page = f.decodeSessionPage(body);
        const sessions = page.sessions.map((s) =>
          toHex(s.sid) === sid ? { ...s, hello: fake.hello } : s);
        return [f.encodeSessionPage(tag, { ...page, sessions })];
      }
      if (name !== "deliver" || position) return undefined;
      const deliver = f.decodeDeliver(body);
      position = deliver.position;
      sid = toHex(deliver.envelope.slice(40, 72));
      const envelope = await inSession(lib, fake, roster, cid, {
        seq: 1, body: text(false_), sid: fromHex(sid),
      });
      return [f.encodeDeliver(tag, { ...deliver, hello: fake.hello, envelope })];
    },
    toService: ({ name, body }) => {
      if (name === "ack" && position) {
        acknowledged ||= f.decodeAck(body).position >= position;
      }
      return undefined;
    },
  });
  await chat.send(true_);
  await until("the inbox has acknowledged", () => acknowledged);
  await pause(200);
  return scene.ends({
    won: async () => (await rows(scene, false_)) > 0,
    lost: async () => acknowledged && (await rows(scene, false_)) === 0,
    saw: "No such conversation: what carries swapped keys is not shown.",
    sawWon: "A visitor asking for another address, whom the service made up.",
  });
}

async function copiedSid(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  await scene.desk();
  const chat = await scene.nodeVisitor();
  const first = `Where is my parcel? ${Date.now()}`;
  await chat.send(first);
  const { sid } = await scene.talk(scene.lane.colleague.inbox, first);
  await until("the row", () => rows(scene, first));
  const heard = await overheard(scene, sid);
  const other = await lib.ed25519.generate();
  const forged = "Cancel it all, and send the money to another account.";
  await scene.deliver("chat", await forge(lib, {
    direction: Direction.toCustomer, cid: heard.cid, sid: heard.sid,
    signkeyId: heard.last.signkeyId, seq: 2, prev: heard.lastId,
    rosterId: heard.rosterId,
    to: [heard.roster.messageKey, heard.hello.sessionKey],
    body: text(forged), key: other.privateKey,
  }));
  await pause(200);
  return scene.ends({
    won: async () => (await rows(scene, forged)) > 0,
    lost: async () => (await rows(scene, first)) === 1,
    saw: "The conversation as it was: what another key signed is dropped.",
    sawWon: `The visitor seems to say: "${forged}"`,
  });
}

async function forgedReply(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  const answer = "We will look into it.";
  const { visitor, sid } = await talking(scene, "The jug arrived broken.", answer);
  const heard = await overheard(scene, sid);
  const other = await lib.ed25519.generate();
  const forged = "Please pay 40 EUR to this account first.";
  await scene.deliver("shop", await forge(lib, {
    direction: Direction.toVisitor, cid: heard.cid, sid: heard.sid,
    signkeyId: heard.last.signkeyId, seq: heard.last.seq + 1, prev: heard.lastId,
    rosterId: heard.rosterId,
    to: [heard.roster.messageKey, heard.hello.sessionKey],
    body: text(forged), key: other.privateKey,
  }));
  await pause(200);
  return scene.ends({
    won: async () => (await visitor.texts()).includes(forged),
    lost: async () => (await visitor.texts()).at(-1) === answer,
    saw: "The conversation as it was: a reply that no device signed is dropped.",
    sawWon: `The shop seems to say: "${forged}"`,
  });
}

async function ghost(scene: Scene): Promise<Ending> {
  const { lib, lane } = scene;
  const question = "Can you keep this between us?";
  const visitor = await scene.visitor();
  await visitor.write(question);
  const { sid } = await scene.talk(lane.colleague.inbox, question);
  await visitor.sees(question, "Sent");
  const heard = await overheard(scene, sid);
  const device = keysOf(lane.colleague);
  const ghost = await lib.kem.generate(2);
  const said = "Of course, only you and we read this.";
  const envelope = await forge(lib, {
    direction: Direction.toVisitor, cid: heard.cid, sid: heard.sid,
    signkeyId: await lib.names.signkeyIdOf(device.pk), seq: 1,
    rosterId: heard.rosterId, to: [ghost, heard.hello.sessionKey],
    body: text(said), key: device.signKey,
  });
  await scene.deliver("shop", envelope);
  await pause(200);
  return scene.ends({
    won: async () => (await visitor.texts()).includes(said),
    lost: async () => (await visitor.texts()).at(-1) === question,
    saw: "Nothing: a message that is also sealed to a stranger is dropped.",
    sawWon: "A reply that the customer's other devices cannot read and a ghost can.",
  });
}

const smallOrder = (name: string, point: string) => async (scene: Scene): Promise<Ending> => {
  const { lib } = scene;
  const cid = fromBase64Url(scene.cid)!;
  await scene.desk();
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const said = `Signed by nobody, with a key of ${name}. ${Date.now()}`;
  const { hello, envelope } = await forgeable(lib, cid, roster, fromHex(point), said);
  await scene.deliver("chat", envelope, hello);
  await pause(200);
  return scene.ends({
    won: async () => (await rows(scene, said)) > 0,
    lost: async () => (await rows(scene, said)) === 0,
    saw: "No such conversation: anybody could have signed with that key.",
    sawWon: "A conversation under a key for which anybody can sign anything.",
  });
};

/** An honest key, and a signature whose R is the point of order 1: whoever
 * holds the key can make as many as there are messages, all with one R. */
async function hollowSignature(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  const cid = fromBase64Url(scene.cid)!;
  await scene.desk();
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const said = `Signed with nothing. ${Date.now()}`;
  const hollow = await hollowSigner();
  const session = await makeSession(lib, cid, roster, hollow.key);
  const envelope = await inSession(lib, session, roster, cid, { seq: 1, body: text(said) });
  const unsigned = envelope.slice(0, -64);
  const message = concat(lib.domain("envelope"), unsigned);
  await scene.deliver(
    "chat", concat(unsigned, hollow.sign(message)), session.hello);
  await pause(200);
  return scene.ends({
    won: async () => (await rows(scene, said)) > 0,
    lost: async () => (await rows(scene, said)) === 0,
    saw: "No message: libraries differ over such a signature, so that it counts nowhere.",
    sawWon: "A message that this browser takes for signed, and other libraries do not.",
  });
}

async function otherSnippet(scene: Scene): Promise<Ending> {
  const { stage, lib } = scene;
  const account = `mallory-${Date.now()}@example.org`;
  const mallory = await register(stage, lib, account);
  const { inbox } = mallory.colleague;
  try {
    const desk = await scene.desk();
    const visitor = await scene.visitor({ cid: mallory.kit.cid });
    const said = `Is this really the shop? ${Date.now()}`;
    await visitor.write(said);
    await scene.talk(inbox, said);
    // Who stands between reads all of it, and hands it on.
    const relay = await scene.nodeVisitor();
    await relay.send(said);
    await until("the row", () => rows(scene, said));
    await desk.openConversation(said);
    const details = desk.page.locator(".details .safety");
    if (!(await details.count())) {
      await desk.page.locator('.bar-actions [title="Details"]').click();
    }
    await until("a number", () => desk.safetyNumber());
    const here = await visitor.safetyNumber();
    await visitor.lock.click();
    scene.show(visitor.page);
    const there = await desk.safetyNumber();
    return await scene.ends({
      won: () => here === there && here.length > 0,
      lost: () => here !== there && /\d/.test(here) && /\d/.test(there),
      saw: "Thirty digits on the site, thirty others in the inbox.",
      sawWon: "The same thirty digits on both sides, although a third reads all.",
    });
  } finally {
    inbox.close();
  }
}

const IDENTITY = "01".padEnd(64, "0");
const ORDER_2 = `ec${"ff".repeat(30)}7f`;
const ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";

/** The point of order 1, with p added to its y. */
const UNUSUAL = `ee${"ff".repeat(30)}7f`;

const smallOrders: readonly [string, string, EngineName?][] = [
  ["order 1", IDENTITY], ["order 2", ORDER_2], ["order 8", ORDER_8],
  // Firefox's own library refuses it, too.
  ["order 1, spelled in another way", UNUSUAL, "chromium"],
];

export const keyAttacks: Attack[] = [
  {
    row: 1, name: "Another identity's roster", adversary: "the service",
    does: "answers for the customer with a roster, a message key and a device of its own, under the customer's name",
    defence: "fingerprint", run: otherIdentity,
  },
  {
    row: 2, name: "Swapped keys in a visitor's hello", adversary: "the service",
    does: "puts its own keys into a new session's hello and writes in that session",
    defence: "session-fingerprint", run: swappedHello,
  },
  {
    row: 3, name: "A visitor's words, made up", adversary: "the service",
    does: "seals a message to both sides, copies session and sender, and signs with a key of its own",
    defence: "envelope-signature", run: copiedSid,
  },
  {
    row: 4, name: "A reply, made up", adversary: "the service",
    does: "seals a reply to both sides in the name of one of the customer's devices",
    defence: "envelope-signature", run: forgedReply,
  },
  {
    row: 13, name: "A ghost recipient", adversary: "a lost device",
    does: "signs a reply that names a stranger's key in the place of the customer's message key",
    defence: "two-recipients", run: ghost,
  },
  ...smallOrders.map(([name, point, engine]): Attack => ({
    ...(engine ? { engine } : {}),
    row: 15, name: `A signing key of ${name}`, adversary: "a visitor",
    does: "opens a session under a key for which anybody can make signatures, and lets the service sign",
    defence: "small-order", run: smallOrder(name, point),
  })),
  {
    row: 15, name: "A signature with a hollow half", adversary: "a visitor",
    does: "signs with an honest key and a point of order 1 in the signature, over which libraries differ",
    defence: "small-order", run: hollowSignature,
  },
  {
    row: 24, name: "Another code in the snippet", adversary: "the service",
    does: "shows a customer a snippet with the code of an account of its own, reads along and hands everything on",
    defence: "safety-number", run: otherSnippet,
  },
];
