// Rows 10 to 12, 21, 22 and 25: what is old, missing, turned round, grafted,
// doubled or poisoned.

import { copy, fromBase64Url, fromHex, toHex, type Bytes } from "../../../web/src/wire/bytes.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import type { Roster } from "../../../web/src/wire/roster.ts";
import type { Tab } from "../../browser/driver.ts";
import { Visitor } from "../../browser/people.ts";
import type { Attack } from "../attack.ts";
import {
  decodeEnvelope, decodeRoster, Direction, forge, graft, hiding, inSession, looseBody,
  makeSession, overheard, senderOf, swallow, text,
} from "../forge.ts";
import {
  keysOf, PASSWORD, register, until,
  type Ending, type Lane, type Scene,
} from "../scene.ts";
import { sender } from "../sender.ts";
import { twoFaced } from "../two-faced.ts";
import { talking } from "./keys.ts";

const HOUR = 3_600_000;
const GAP = "A message before this one is missing";
const REMOVED = "From a removed device, unverified";
const UNREADABLE = "This message could not be opened";

const sends = (scene: Scene, page: string) =>
  scene.record.sent.filter(({ name, stream }) => name === "send" && stream.page === page);

const marked = async (visitor: Visitor<Tab>, mark: string) =>
  (await visitor.panel.getByText(mark).count()) > 0;

// --- row 10: back to what was -------------------------------------------------

async function olderRoster(scene: Scene): Promise<Ending> {
  const { visitor } = await talking(scene, "Are you there?", "Yes, we are.");
  const old = scene.record.rosters.at(-1)!;
  await scene.device();
  const news = scene.record.rosters.length;
  scene.stream("shop").cut();
  await until("the new roster at the visitor's", () =>
    scene.record.frames.filter(({ name, stream }) =>
      name === "ready" && stream.page === "shop").length > 1 &&
    scene.record.rosters.length > news);
  await visitor.write("I see your new device.");
  await visitor.sees("I see your new device.", "Sent");
  scene.play({
    page: "shop",
    toClient: ({ name, tag, body }) =>
      name === "ready"
        ? [f.encodeReady(tag, { ...f.decodeReady(body), roster: old })]
        : undefined,
    toService: swallow(() => undefined),
  });
  const before = sends(scene, "shop").length;
  scene.stream("shop").cut();
  const again = "And now, who reads this?";
  const reconnected = scene.record.frames.length;
  await until("the old roster was shown", () =>
    scene.record.frames.slice(reconnected).some(({ name, stream }) =>
      name === "ready" && stream.page === "shop"));
  await new Promise((done) => setTimeout(done, 300));
  await scene.attempt(visitor, again);
  return scene.ends({
    won: () => sends(scene, "shop").length > before,
    lost: async () =>
      (await visitor.alarm.count()) > 0 &&
      (await visitor.alarm.getAttribute("data-code")) === "roster-contradicts",
    saw: "An alarm: the list of devices went back to an earlier one, and nothing is sent.",
    sawWon: "Nothing unusual. The message went out under the roster of before.",
  });
}

async function belowMinimum(scene: Scene): Promise<Ending> {
  const visitor = await scene.visitor({ minGeneration: 2 });
  await scene.attempt(visitor, "Who holds the key to this?");
  return scene.ends({
    won: () => sends(scene, "shop").length > 0,
    lost: async () =>
      (await visitor.alarm.count()) > 0 &&
      (await visitor.alarm.getAttribute("data-code")) === "roster-below-minimum",
    saw: "This site's chat could not be verified, so nothing was sent.",
    sawWon: "Nothing unusual. The message is sealed to keys that the customer has given up.",
  });
}

async function olderSet(scene: Scene): Promise<Ending> {
  await scene.device();
  const first = scene.record.frames.find(({ name }) => name === "vault")!;
  const before = f.decodeVault(copy(first.body));
  let put = false;
  scene.play({
    page: "chat",
    toClient: ({ name, tag }) =>
      name === "vault" ? [f.encodeVault(tag, before)] : undefined,
    toService: ({ name, tag, stream }) => {
      if (name !== "accountPut") return undefined;
      put = true;
      stream.toClient(f.encodeDone(tag, {}));
      return [];
    },
  });
  const customer = await scene.stranger();
  await customer.fillLogin(scene.lane.kit, PASSWORD);
  const asked = customer.page.getByText("Is this what you expect?");
  return scene.ends({
    won: () => put,
    lost: async () => (await asked.count()) > 0 && !put,
    saw: "The list of devices as the service shows it, with a device missing, and the question whether it is what one expects.",
    sawWon: "Nothing: the device was added on top of a state of before, and nobody was asked.",
  });
}

// --- row 11: replayed, reordered, dropped -------------------------------------

async function dropped(scene: Scene): Promise<Ending> {
  const { visitor, sid } = await talking(
    scene, "Shall I send it back?", "One moment, we will look.");
  const { inbox } = scene.lane.colleague;
  const key = (envelope: Uint8Array) => toHex(envelope.slice(-64));
  // These the page may read again in its history.
  const before = new Set(scene.record.envelopes.map(key));
  let hidden = "";
  scene.play({
    page: "shop",
    toClient: hiding((e) => {
      if (before.has(key(e.bytes))) return false;
      hidden ||= key(e.bytes);
      return key(e.bytes) === hidden;
    }),
  });
  await inbox.send(sid, "No, please do not.");
  await inbox.send(sid, "That is all.");
  await visitor.sees("That is all.");
  return scene.ends({
    won: async () => !(await marked(visitor, GAP)) &&
      (await visitor.texts()).join().includes("look.,That is all."),
    lost: () => marked(visitor, GAP),
    saw: `The later message, with the mark "${GAP}".`,
    sawWon: "A conversation without a hole, although a message of it is gone.",
  });
}

async function droppedDevice(scene: Scene): Promise<Ending> {
  const { visitor, sid } = await talking(
    scene, "Is it safe for children?", "I will ask the workshop.");
  const { inbox } = scene.lane.colleague;
  const other = await scene.device();
  await until("the other device has it", () =>
    other.inbox.conversations.some((c) => c.sid === sid && c.messages.length === 2));
  const device = other.inbox.device!.id;
  scene.play({ page: "shop", toClient: hiding((e) => senderOf(e) === device) });
  await other.inbox.send(sid, "It is not: the glaze has lead in it.");
  await scene.talk(inbox, "It is not: the glaze has lead in it.");
  await inbox.send(sid, "As my colleague says.");
  await visitor.sees("As my colleague says.");
  return scene.ends({
    won: async () => !(await marked(visitor, GAP)) &&
      (await visitor.texts()).at(-1) === "As my colleague says.",
    lost: () => marked(visitor, GAP),
    saw: `The answer that rests on the missing one, with the mark "${GAP}".`,
    sawWon: "An answer that seems whole, although all of one device's words are gone.",
  });
}

async function turnedRound(scene: Scene): Promise<Ending> {
  const { inbox } = scene.lane.colleague;
  const visitor = await scene.visitor();
  const [q1, a1, q2, a2] = [
    "Do I get my money back?", "No.", "Do you have the blue one?", "Yes, of course.",
  ];
  const places = new Map<string, number>();
  const place = (envelope: Uint8Array, position: number) =>
    places.get(toHex(envelope.slice(-64))) ?? position;
  // The first answer is put behind all, the second into its place.
  const order = [1_900_000_000, 2];
  scene.play({
    page: "shop",
    toClient: ({ name, tag, body }) => {
      if (name === "stored") {
        const { position, time } = f.decodeStored(body);
        return [f.encodeStored(tag, { position: position + 2_000, time })];
      }
      if (name !== "deliver") return undefined;
      const deliver = f.decodeDeliver(body);
      const key = toHex(deliver.envelope.slice(-64));
      if (deliver.envelope[5] === Direction.toVisitor && !places.has(key)) {
        places.set(key, order[places.size]!);
      }
      const position = place(deliver.envelope, deliver.position + 2_000);
      return [f.encodeDeliver(tag, { ...deliver, position })];
    },
    toService: ({ name }) => (name === "ack" ? [] : undefined),
  });
  await visitor.write(q1);
  const { sid } = await scene.talk(inbox, q1);
  await inbox.send(sid, a1);
  await visitor.sees(a1);
  await visitor.write(q2);
  await scene.talk(inbox, q2);
  await inbox.send(sid, a2);
  await visitor.sees(a2);
  const shown = async () => (await visitor.texts()).join(" ");
  return scene.ends({
    won: async () => /Yes, of course\. .*No\.$/.test(await shown()),
    lost: async () => (await shown()).endsWith([q1, a1, q2, a2].join(" ")),
    saw: "Questions and answers as they were written.",
    sawWon: `The answers in each other's place: "${q1}" and then "${a2}"`,
  });
}

async function keptBack(scene: Scene): Promise<Ending> {
  const { visitor } = await talking(scene, "Good morning.", "Good morning!");
  let took = 0;
  scene.play({ page: "shop", toService: swallow(() => took++) });
  const said = "I take back my order, please confirm.";
  await visitor.write(said);
  await visitor.sees(said, "Sent");
  await until("it is kept back", () => took);
  await new Promise((done) => setTimeout(done, 300));
  const state = async () =>
    (await visitor.shown()).find((m) => m.text === said)?.state;
  return scene.ends({
    won: async () => (await state()) === "Delivered",
    lost: async () => (await state()) === "Sent",
    saw: `One tick, "Sent": the service has it, and nobody has answered it.`,
    sawWon: `Two ticks, "Delivered", although nobody got it.`,
  });
}

// --- row 12: another place ----------------------------------------------------

async function grafted(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  const cid = fromBase64Url(scene.cid)!;
  const desk = await scene.desk();
  const victim = await scene.nodeVisitor();
  const secret = `I live at Harbour Street 4. ${Date.now()}`;
  await victim.send(secret);
  const rows = () => desk.list.locator(".row", { hasText: secret }).count();
  await until("the row", async () => (await rows()) === 1);
  const from = scene.record.envelopes[0]!;
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const own = await makeSession(lib, cid, roster);
  const envelope = await graft(
    lib, decodeEnvelope(from)!,
    {
      direction: Direction.toCustomer, cid, sid: own.sid, seq: 1,
      signkeyId: own.signkeyId, prev: new Uint8Array(32),
      rosterId: await lib.idOf(roster.bytes),
    },
    { suite: own.kem.suite, kemId: own.kem.kemId }, own.sign.privateKey);
  const unreadable = () => desk.list.getByText(UNREADABLE).count();
  const before = await unreadable();
  await scene.deliver("chat", envelope, own.hello);
  return scene.ends({
    won: async () => (await rows()) === 2,
    lost: async () => (await unreadable()) > before && (await rows()) === 1,
    saw: `A message that says "${UNREADABLE}".`,
    sawWon: "One visitor's words in another's conversation, who has only to ask for them.",
  });
}

// --- row 14: two plaintexts -------------------------------------------------------

/** The search for it takes a while: the control gets what the product got. */
const made = new WeakMap<Lane, { hello: Bytes; first: Bytes; second: Bytes; reads: string }>();

async function makeTwoFaced(scene: Scene) {
  const { lib, lane } = scene;
  const before = made.get(lane);
  if (before) return before;
  const cid = fromBase64Url(scene.cid)!;
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const session = await makeSession(lib, cid, roster);
  const first = await inSession(lib, session, roster, cid, {
    seq: 1, body: text(`I have a question. ${Date.now()}`),
  });
  const second = await twoFaced(lib, session, roster, {
    cid, seq: 2, prev: await lib.idOf(first), words: "You owe me 1,000 EUR",
  });
  const opened = await lib.openMessage(decodeEnvelope(second)!, 1, session.kem);
  const reads = opened ? new TextDecoder().decode(opened.content) : "";
  const out = { hello: session.hello, first, second, reads };
  made.set(lane, out);
  return out;
}

async function twoPlaintexts(scene: Scene): Promise<Ending> {
  const customer = await scene.stranger();
  await customer.fillLogin(scene.lane.kit, PASSWORD);
  await customer.confirmDevices();
  await customer.page.getByText("Connected", { exact: true }).first()
    .waitFor({ state: "attached" });
  const { hello, first, second, reads } = await makeTwoFaced(scene);
  if (!reads.startsWith("You owe me")) throw new Error("it has but one face");
  await scene.deliver("chat", first, hello);
  await scene.deliver("chat", second);
  // The newest is on top.
  await customer.list.locator(".row").first().click();
  const question = async () => (await customer.texts()).some((t) => t.startsWith("I have a question"));
  const unreadable = () => customer.page.getByText(UNREADABLE).count();
  await until("the conversation", question);
  await new Promise((done) => setTimeout(done, 200));
  return scene.ends({
    won: async () => (await question()) && (await unreadable()) === 0,
    lost: async () => (await unreadable()) > 0,
    saw: `"${UNREADABLE}": the visitor reads "${reads.replace(/\.+$/, "")}" in the same message.`,
    sawWon: `A conversation without that message, although it was accepted: the visitor reads "${reads.replace(/\.+$/, "")}" in it.`,
  });
}

// --- row 16: a device that was removed ------------------------------------------

/** A customer of its own with two devices and a visitor, of whom one device is
 * then removed. */
async function removal(scene: Scene) {
  const { stage, lib } = scene;
  const name = `removal-${Date.now()}-${scene.lane.number}@example.org`;
  const { kit, colleague } = await register(stage, lib, name);
  scene.later(() => colleague.inbox.close());
  scene.follow(kit.cid);
  const lost = await scene.device(kit);
  const visitor = await scene.visitor({ cid: kit.cid });
  await visitor.write("Good morning.");
  const { sid } = await scene.talk(colleague.inbox, "Good morning.");
  await colleague.inbox.send(sid, "Good morning to you.");
  await visitor.sees("Good morning to you.");
  const heard = await overheard(scene, sid);
  const before = scene.record.frames.length;
  await colleague.inbox.change({
    password: PASSWORD, remove: [lost.inbox.device!.id],
  });
  let cut = Date.now();
  await until("the new roster at the visitor's", () => {
    if (Date.now() > cut + 2_000) {
      scene.stream("shop").cut();
      cut = Date.now();
    }
    return scene.record.frames.slice(before).some(({ name, stream, body }) =>
      name === "ready" && stream.page === "shop" &&
      decodeRoster(copy(f.decodeReady(body).roster))!.generation === 2);
  });
  return { colleague, lost, visitor, sid, heard };
}

async function removedDevice(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  const { lost, visitor, heard } = await removal(scene);
  const device = keysOf(lost);
  const said = "Please send the money to our new account.";
  const write = async (rosterId: Bytes, to: Roster["messageKey"]) => forge(lib, {
    direction: Direction.toVisitor, cid: heard.cid, sid: heard.sid,
    signkeyId: await lib.names.signkeyIdOf(device.pk), seq: 1, rosterId,
    to: [to, heard.hello.sessionKey], body: text(said), key: device.signKey,
  });
  // Under the new roster, and dated back under the one of before.
  const now = decodeRoster(scene.record.rosters.at(-1)!)!;
  await scene.deliver("shop", await write(await lib.idOf(now.bytes), now.messageKey));
  await scene.deliver("shop", await write(heard.rosterId, heard.roster.messageKey));
  const shown = async () => (await visitor.texts()).filter((t) => t === said).length;
  return scene.ends({
    won: async () => (await shown()) > 0 && !(await marked(visitor, REMOVED)),
    lost: async () => (await shown()) === 1 && (await marked(visitor, REMOVED)),
    saw: `The words, with the mark "${REMOVED}" (and nothing of those under the new roster).`,
    sawWon: "The words, as if they were the shop's.",
  });
}

async function oldKeys(scene: Scene): Promise<Ending> {
  const { lost, visitor } = await removal(scene);
  const kept = lost.platform.stored.get("sealchat-inbox")!.get("key/1") as
    { messageKey: Parameters<typeof scene.lib.openMessage>[2] };
  const said = "The door code is 4711.";
  await visitor.write(said);
  await visitor.sees(said, "Sent");
  const sent = decodeEnvelope(scene.record.envelopes.at(-1)!)!;
  const body = await scene.lib.openMessage(sent, 0, kept.messageKey);
  const won = !!body && new TextDecoder().decode(body.content) === said;
  return {
    won,
    saw: won
      ? "Nothing unusual. Whoever found the device goes on reading."
      : "Nothing unusual. The keys of the removed device open nothing new.",
  };
}

// --- row 21: two tabs -----------------------------------------------------------

/** Twenty-five messages, faster than anybody types. */
async function hammer(visitor: Visitor<Tab>, name: string): Promise<void> {
  await visitor.panel.locator("textarea").waitFor();
  await visitor.page.evaluate(async (words: string) => {
    const turn = () => new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(0);
    });
    const root = document.querySelector("sealchat-widget")!.shadowRoot!;
    for (let i = 1; i <= 25; i++) {
      const field = root.querySelector("textarea");
      if (!field) return;
      field.value = `${words} ${i}`;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      await turn();
      field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
      await turn();
    }
  }, name);
}

async function twoTabs(scene: Scene): Promise<Ending> {
  const tab = await scene.person();
  const first = await scene.visit(tab);
  const second = await scene.visit(await tab.context().newPage());
  await first.open();
  await second.open();
  const numbers = new Map<string, Set<string>>();
  let last = Date.now();
  scene.play({
    page: "shop",
    toService: ({ name, body }) => {
      if (name !== "send") return undefined;
      const e = decodeEnvelope(copy(f.decodeSend(body).envelope))!;
      const place = `${toHex(e.sid)} ${e.seq}`;
      last = Date.now();
      const those = numbers.get(place) ?? new Set();
      numbers.set(place, those.add(toHex(e.bytes.slice(-64))));
      return undefined;
    },
  });
  // An alarm may take the fields away, which ends the attack too.
  let written = 0;
  for (const work of [hammer(first, "left"), hammer(second, "right")]) {
    work.then(() => written++, () => undefined);
  }
  scene.show(first.page);
  const sessions = () => new Set([...numbers.keys()].map((k) => k.split(" ")[0])).size;
  const lost = () =>
    written === 2 && Date.now() - last > 3_000 && numbers.size < 50;
  const doubled = () => [...numbers.values()].some((ids) => ids.size > 1);
  const stored = async () =>
    (await first.shown()).filter((m) => m.state !== "Sending" && m.state !== "Not sent").length;
  return scene.ends({
    won: async () =>
      doubled() || sessions() > 1 || lost() || (await first.alarm.count()) > 0 ||
      (await second.alarm.count()) > 0,
    lost: async () =>
      numbers.size === 50 && sessions() === 1 && !doubled() && (await stored()) >= 20,
    saw: "All fifty messages, each once, numbered 1 to 50.",
    sawWon: "Messages that claim the same number, that are lost, or a conversation that fell in two.",
  });
}

// --- row 22: clocks ---------------------------------------------------------------

async function lateClock(scene: Scene): Promise<Ending> {
  const left = scene.lane.colleague.inbox.devices!.notAfter - Date.now();
  const soon = await scene.visitor({ ahead: left + 47 * HOUR });
  await soon.write("47 hours after the end");
  await soon.sees("47 hours after the end", "Sent");
  const before = sends(scene, "shop").length;
  const late = await scene.visitor({ ahead: left + 49 * HOUR });
  await scene.attempt(late, "49 hours after the end");
  return scene.ends({
    won: () => sends(scene, "shop").length > before,
    lost: async () =>
      (await late.alarm.count()) > 0 &&
      (await late.alarm.getAttribute("data-code")) === "roster-expired",
    saw: "The chat is unavailable: the customer's keys were not renewed. (At 47 hours it still works.)",
    sawWon: "Nothing unusual. The message went out under a roster that ended long ago.",
  });
}

// --- row 25: poison ------------------------------------------------------------------

async function poisoned(scene: Scene): Promise<Ending> {
  const desk = await scene.desk();
  const garbage = () => crypto.getRandomValues(new Uint8Array(80));
  let delivered = 0;
  scene.play({
    page: "chat",
    toClient: ({ name, body }) => {
      const own = name === "deliver" && f.decodeDeliver(body).hello.length > 0;
      if (own) delivered++;
      return undefined;
    },
  });
  const mallory = await sender(scene);
  await mallory.send({ sealed: [garbage(), garbage()] });
  await mallory.send({ commitment: crypto.getRandomValues(new Uint8Array(32)) });
  await mallory.send({
    body: looseBody({ content: fromHex("68690a"), padding: 7, bytes: 256 }),
  });
  await mallory.send({ broken: true });
  const honest = await scene.nodeVisitor();
  const said = `Hello, I would like to order. ${Date.now()}`;
  await honest.send(said);
  const rows = () => desk.list.locator(".row", { hasText: said }).count();
  return scene.ends({
    won: async () => delivered >= 3 && (await rows()) === 0,
    lost: async () => (await rows()) === 1,
    saw: "Messages that could not be opened, and the next visitor's, which can.",
    sawWon: "Nothing any more: the inbox falls over the same message again and again.",
  });
}

export const transcriptAttacks: Attack[] = [
  {
    row: 10, name: "An earlier roster for somebody who knows a later one", adversary: "the service",
    does: "goes back to the list of devices of before, which does not list the newest one",
    defence: "pinned-roster", run: olderRoster,
  },
  {
    row: 10, name: "Keys of before for a fresh visitor", adversary: "the service",
    does: "shows a roster below the generation that the snippet asks for",
    defence: "least-generation", run: belowMinimum,
  },
  {
    row: 11, name: "A reply left out", adversary: "the service",
    does: "drops one reply everywhere, and lets the next one through",
    defence: "hash-graph", run: dropped,
  },
  {
    row: 11, name: "All of one device's words left out", adversary: "the service",
    does: "drops everything that one of the customer's devices says",
    defence: "heads", run: droppedDevice,
  },
  {
    row: 11, name: "Answers in each other's place", adversary: "the service",
    does: "numbers the answers so that each stands under the other's question",
    defence: "graph-order", run: turnedRound,
  },
  {
    row: 11, name: "The last message kept back", adversary: "the service",
    does: "says that it stored a message and throws it away",
    defence: "proof-of-delivery", run: keptBack,
  },
  {
    row: 12, name: "Somebody else's ciphertext in a session of one's own", adversary: "a visitor",
    does: "takes another visitor's ciphertext and sealed key from the service and signs them as its own",
    defence: "context", run: grafted,
  },
  {
    row: 10, name: "Yesterday's account for a new device", adversary: "the service",
    does: "shows account record, roster and wrapped keys of before to a browser that knows nothing yet",
    defence: "confirmation", run: olderSet,
  },
  {
    row: 14, name: "One ciphertext, two messages", adversary: "a visitor",
    does: "searches two content keys under which one ciphertext opens to two different messages, and seals one to each side",
    defence: "commitment", run: twoPlaintexts,
  },
  {
    row: 16, name: "Words of a removed device", adversary: "a lost device",
    does: "writes on with its key, under the new roster and dated back under the old one",
    defence: "removed-devices", run: removedDevice,
  },
  {
    row: 16, name: "The keys of a removed device", adversary: "a lost device",
    does: "keeps its keys and tries them on what visitors write after it was removed",
    defence: "newest-keys", run: oldKeys,
  },
  {
    row: 21, name: "Fifty messages from two tabs at once", adversary: "the network",
    does: "lets two tabs of one visitor send as fast as they can",
    defence: "one-writer", run: twoTabs,
  },
  {
    row: 22, name: "A roster that is over", adversary: "the service",
    does: "keeps serving a roster 49 hours after its end",
    defence: "validity", run: lateClock,
  },
  {
    row: 25, name: "A poisoned queue", adversary: "a visitor",
    does: "sends a garbage seal, a wrong commitment, bad padding and a bad signature",
    defence: "unreadable-goes-on", run: poisoned,
  },
];
