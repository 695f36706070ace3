// Attacks that the table of flaws does not list.

import { copy, fromBase64Url, fromHex, type Bytes } from "../../../web/src/wire/bytes.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import type { Attack } from "../attack.ts";
import { decodeRoster, inSession, makeSession, text } from "../forge.ts";
import { until, type Ending, type Scene } from "../scene.ts";
import { sender } from "../sender.ts";
import { talking } from "./keys.ts";

const CONFLICT = "Two different messages claim this place";

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Says something through another, honest visitor, and whether the desk shows
 * it within some seconds. */
async function deskStillWorks(scene: Scene): Promise<() => Promise<boolean>> {
  const honest = await scene.nodeVisitor();
  const said = `Is the desk still there? ${Date.now()}`;
  await honest.send(said);
  return async () =>
    (await scene.lane.desk!.locator(".list .row", { hasText: said }).count()) === 1;
}

async function endOfTime(scene: Scene): Promise<Ending> {
  const { visitor, sid } = await talking(scene, "When do you open?", "At nine.");
  scene.play({
    page: "shop",
    toClient: ({ name, tag, body }) =>
      name === "deliver"
        ? [f.encodeDeliver(tag, {
          ...f.decodeDeliver(body), time: Number.MAX_SAFE_INTEGER,
        })]
        : undefined,
  });
  const said = "At ten on Sundays.";
  await scene.lane.colleague.inbox.send(sid, said);
  await pause(1_500);
  await visitor.page.reload();
  await visitor.launcher.waitFor();
  const late = Date.now() + 6_000;
  visitor.open().catch(() => undefined);
  return scene.ends({
    won: async () => Date.now() > late && !(await visitor.texts()).includes(said),
    lost: async () => (await visitor.texts()).includes(said),
    saw: "The reply, whatever time the service says that it is from.",
    sawWon: "A chat that does not open any more, on this device, for good.",
  });
}

async function brackets(scene: Scene): Promise<Ending> {
  const desk = await scene.desk();
  const visitor = await sender(scene);
  const address = `http://a.example/${Date.now()}`;
  await visitor.says(`${address}${")".repeat(16_300)}`);
  const row = desk.list.locator(".row", { hasText: address });
  const late = Date.now() + 4_000;
  await until("the row", async () => (await row.count()) > 0 || Date.now() > late);
  if (await row.count()) await row.first().click().catch(() => undefined);
  const works = await deskStillWorks(scene);
  const end = Date.now() + 4_000;
  return scene.ends({
    won: () => Date.now() > end,
    lost: works,
    saw: "An address with many brackets, and the next visitor's message.",
    sawWon: "An inbox that falls over this message as often as it is opened.",
  });
}

async function oldTyping(scene: Scene): Promise<Ending> {
  const { visitor, sid } = await talking(scene, "Are you there?", "Yes.");
  let signal: Bytes | undefined;
  scene.play({
    page: "shop",
    toClient: ({ name, bytes }) => {
      if (name !== "signalled") return undefined;
      signal ??= copy(bytes);
      return undefined;
    },
  });
  scene.lane.colleague.inbox.composing(sid);
  await until("a signal", () => signal);
  const typing = visitor.panel.locator(".typing");
  await typing.waitFor();
  await scene.lane.colleague.inbox.send(sid, "That was all.");
  await visitor.sees("That was all.");
  await until("no typing", async () => (await typing.count()) === 0);
  scene.stream("shop").toClient(signal!);
  await pause(1_000);
  return scene.ends({
    won: async () => (await typing.count()) > 0,
    lost: async () => (await typing.count()) === 0,
    saw: "Nothing: what was said in passing counts once.",
    sawWon: "Somebody who seems to be writing, and is not.",
  });
}

async function forgetful(scene: Scene): Promise<Ending> {
  const { visitor } = await talking(scene, "Please note my order.", "Noted.");
  scene.play({
    page: "shop",
    toClient: ({ name, tag, body }) =>
      name === "ready"
        ? [f.encodeReady(tag, {
          ...f.decodeReady(body), seq: 0, id: new Uint8Array(32),
        })]
        : undefined,
  });
  const before = scene.record.frames.length;
  scene.stream("shop").cut();
  await until("the service has forgotten", () =>
    scene.record.frames.slice(before).some(({ name, stream }) =>
      name === "ready" && stream.page === "shop"));
  const late = Date.now() + 2_000;
  return scene.ends({
    won: async () => Date.now() > late && (await visitor.alarm.count()) === 0,
    lost: async () =>
      (await visitor.alarm.count()) > 0 &&
      (await visitor.alarm.getAttribute("data-code")) === "session-conflict",
    saw: "An alarm: the service's copy of this conversation does not match.",
    sawWon: "Nothing unusual, although the service has lost what it had confirmed.",
  });
}

/** The same behind a connection that stays open, as after a restart. */
async function forgetsBehind(scene: Scene): Promise<Ending> {
  const { visitor } = await talking(scene, "Please note my order.", "Noted.");
  const stream = scene.stream("shop");
  const count = (what: string) => scene.record.frames.filter(
    ({ name, stream: s }) => name === what && s === stream).length;
  // What is under way would be asked again, and be answered twice.
  await until("nothing is under way", () => count("send") === count("stored"));
  const last = scene.record.frames.findLast(({ name, stream: s }) =>
    name === "ready" && s === stream)!;
  const ready = {
    ...f.decodeReady(copy(last.body)), seq: 0, id: new Uint8Array(32),
  };
  let proved = false;
  scene.play({
    page: "shop",
    toService: ({ name, tag, stream: s }) => {
      if (s !== stream) return undefined;
      if (name === "resume") return [];
      if (name !== "auth") return undefined;
      proved = true;
      s.toClient(f.encodeReady(tag, ready));
      return [];
    },
    toClient: ({ name, tag, body }) =>
      name === "ready"
        ? [f.encodeReady(tag, { ...f.decodeReady(body), seq: 0, id: new Uint8Array(32) })]
        : undefined,
  });
  stream.toClient(f.encodeResumed(0, { role: 0, mark: 5 }));
  stream.toClient(f.encodeChallenge(0, {
    ...challengeOf(scene), challenge: crypto.getRandomValues(new Uint8Array(32)),
  }));
  await until("the visitor has proved again who it is", () => proved);
  const late = Date.now() + 3_000;
  return scene.ends({
    won: async () => Date.now() > late && (await visitor.alarm.count()) === 0,
    lost: async () =>
      (await visitor.alarm.count()) > 0 &&
      (await visitor.alarm.getAttribute("data-code")) === "session-conflict",
    saw: "An alarm: the service's copy of this conversation does not match.",
    sawWon: "Nothing unusual, although the service has lost what it had confirmed.",
  });
}

async function hardPuzzle(scene: Scene): Promise<Ending> {
  let asked = false;
  let streams = 0;
  scene.play({
    page: "shop",
    toClient: ({ name, tag, body }) => {
      if (name !== "challenge") return undefined;
      streams++;
      if (asked) return undefined;
      asked = true;
      return [f.encodeChallenge(tag, { ...f.decodeChallenge(body), puzzleBits: 24 })];
    },
  });
  const said = "Do you ship to Iceland?";
  const visitor = await scene.visitor();
  await visitor.write(said);
  await until("a puzzle", () => asked);
  const state = async () =>
    (await visitor.shown()).find((m) => m.text === said)?.state;
  const late = Date.now() + 8_000;
  return scene.ends({
    won: () => Date.now() > late && streams === 1,
    lost: async () => streams > 1 && (await state()) === "Sent",
    saw: "The message, sent: the page left that connection and took another one.",
    sawWon: "A message that is not sent, and a processor that has no rest.",
  });
}

async function longestWait(scene: Scene): Promise<Ending> {
  let proofs = 0;
  scene.play({
    page: "shop",
    toService: ({ name, tag, stream }) => {
      if (name !== "auth") return undefined;
      proofs++;
      stream.toClient(f.encodeError(tag, {
        code: f.E_SLOW_DOWN, retry: 0xffff_ffff,
        sentence: new TextEncoder().encode("Later."),
      }));
      return [];
    },
  });
  const visitor = await scene.visitor();
  await visitor.write("Are you open today?");
  await until("a proof", () => proofs);
  const late = Date.now() + 3_000;
  return scene.ends({
    won: () => proofs > 5,
    lost: () => Date.now() > late && proofs === 1,
    saw: "A message that is not sent yet: the page waits, an hour at most.",
    sawWon: "A page that connects again and again without a pause: that wait is longer than its clock can count.",
  });
}

/** Any that came by. */
const challengeOf = (scene: Scene): f.ChallengeFrame =>
  f.decodeChallenge(copy(
    scene.record.frames.findLast(({ name }) => name === "challenge")!.body));

async function twoWords(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  const desk = await scene.desk();
  const cid = fromBase64Url(scene.cid)!;
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const session = await makeSession(lib, cid, roster);
  const said = `I take both of them. ${Date.now()}`;
  const other = `I never ordered anything. ${Date.now()}`;
  for (const words of [said, other]) {
    const envelope = await inSession(lib, session, roster, cid, {
      seq: 1, body: text(words),
    });
    await scene.deliver("chat", envelope, session.hello);
  }
  await desk.list.locator(".row").first().click();
  const conflict = () => desk.page.getByText(CONFLICT).count();
  await until("both", async () => (await desk.texts()).includes(other));
  return scene.ends({
    won: async () => (await conflict()) === 0,
    lost: async () => (await conflict()) > 0,
    saw: `Both, and the mark "${CONFLICT}".`,
    sawWon: "Both, as if one had been written behind the other.",
  });
}

async function saidDeleted(scene: Scene): Promise<Ending> {
  const desk = await scene.desk();
  const chat = await scene.nodeVisitor();
  const said = `I was promised a refund. ${Date.now()}`;
  await chat.send(said);
  const { sid } = await scene.talk(scene.lane.colleague.inbox, said);
  const row = desk.list.locator(".row", { hasText: said });
  await until("the row", () => row.count());
  await row.click();
  await desk.sees(said);
  const lie = f.encodeDeleted(0, { sid: fromHex(sid) });
  const lying = setInterval(() => scene.stream("chat").toClient(lie), 1_000);
  scene.later(() => clearInterval(lying));
  scene.stream("chat").toClient(lie);
  return scene.ends({
    won: async () =>
      (await row.count()) === 0 && !(await desk.texts()).includes(said),
    lost: async () =>
      (await desk.page.getByText("deleted at the service").count()) > 0 &&
      (await desk.texts()).includes(said),
    saw: "The conversation, still readable, and that it was deleted at the service.",
    sawWon: "Nothing: the service had but to say that it is gone.",
  });
}

async function endlessSessions(scene: Scene): Promise<Ending> {
  let asked = 0;
  scene.play({
    page: "chat",
    toService: ({ name, tag, stream }) => {
      if (name !== "sessions") return undefined;
      asked++;
      stream.toClient(f.encodeSessionPage(tag, {
        next: new Uint8Array(32).fill(1), sessions: [],
      }));
      return [];
    },
  });
  await scene.desk();
  await pause(1_500);
  const works = await deskStillWorks(scene);
  const late = Date.now() + 3_000;
  return scene.ends({
    won: () => asked > 100,
    lost: async () => Date.now() > late && asked < 20 && (await works()),
    saw: "The inbox as always: pages that lead nowhere are not read.",
    sawWon: "An inbox that asks for one page after the other, for ever.",
  });
}

async function endlessHistory(scene: Scene): Promise<Ending> {
  const { visitor, sid } = await talking(scene, "Is it still there?", "Let me look.");
  const { inbox } = scene.lane.colleague;
  let asked = 0;
  let hidden = 0;
  scene.play({
    page: "shop",
    toClient: ({ name }) => (name === "deliver" && hidden++ === 0 ? [] : undefined),
    toService: ({ name, tag, body, stream }) => {
      if (name !== "history") return undefined;
      asked++;
      const { before } = f.decodeHistory(body);
      stream.toClient(f.encodeMessages(tag, {
        sid: fromHex(sid), next: (before || 1_000_000) - 1, messages: [],
      }));
      return [];
    },
  });
  await inbox.send(sid, "It is.");
  await inbox.send(sid, "Shall I send it?");
  await visitor.sees("Shall I send it?");
  await until("a question for the history", () => asked);
  const late = Date.now() + 2_000;
  return scene.ends({
    won: () => asked > 100,
    lost: async () => Date.now() > late && asked <= 2,
    saw: "The later message, with the mark that one before it is missing.",
    sawWon: "A page that asks for one part of the history after the other, for ever.",
  });
}

const link = (address: string, shown: (words: string, links: number) => boolean, o: {
  saw: string;
  sawWon: string;
}) => async (scene: Scene): Promise<Ending> => {
  const { visitor, sid } = await talking(scene, "Where do I pay?", "Here:");
  await scene.lane.colleague.inbox.send(sid, address);
  const words = await until("the address", async () =>
    (await visitor.texts()).find((t) => t.startsWith(address.slice(0, 14))));
  const won = shown(words, await visitor.panel.locator(".said a").count());
  return { won, saw: won ? o.sawWon : o.saw };
};

export const beyondAttacks: Attack[] = [
  {
    row: 0, name: "A message from the end of time", adversary: "the service",
    does: "gives a message a time that no calendar has",
    defence: "calendar", run: endOfTime,
  },
  {
    row: 0, name: "An address that does not end", adversary: "a visitor",
    does: "sends an address with sixteen thousand brackets behind it",
    // Firefox's stack is deep enough for what fits into a message.
    engine: "chromium", defence: "looked-at-once", run: brackets,
  },
  {
    row: 0, name: "Somebody who writes and does not", adversary: "the service",
    does: "repeats a device's word that somebody is writing",
    defence: "fresh-signals", run: oldTyping,
  },
  {
    row: 0, name: "A service that forgets", adversary: "the service",
    does: "comes back without the messages that it had confirmed",
    defence: "lost-messages", run: forgetful,
  },
  {
    row: 0, name: "A service that forgets behind an open connection", adversary: "the service",
    does: "has a visitor prove anew who it is, as after a restart, and has lost the messages that it had confirmed",
    defence: "looked-at-again", run: forgetsBehind,
  },
  {
    row: 0, name: "A conversation that is said to be deleted", adversary: "the service",
    does: "tells the inbox that a conversation is gone",
    defence: "own-copies", run: saidDeleted,
  },
  {
    row: 0, name: "Two words under one number", adversary: "a visitor",
    does: "gives the service two first messages, to show the one or the other",
    defence: "one-of-a-number", run: twoWords,
  },
  {
    row: 0, name: "A name in the place of a host", adversary: "a customer",
    does: "sends an address that begins with a bank's and leads elsewhere",
    defence: "no-names-for-hosts",
    run: link("https://bank.example@evil.example/", (_, links) => links > 0, {
      saw: "Plain text: an address with a name before its host is no link.",
      sawWon: "A link that begins with the bank's address and leads elsewhere.",
    }),
  },
  {
    row: 0, name: "Letters that look like others", adversary: "a customer",
    does: "sends an address in which one letter is of another script",
    defence: "true-host",
    run: link("https://www.\u0430pple.com/pay", (words) => !words.includes("(www.xn--"), {
      saw: "The link, and behind it the host that it leads to: www.xn--...",
      sawWon: "A link that nobody can tell from the one that it imitates.",
    }),
  },
  {
    row: 0, name: "A puzzle that is too hard", adversary: "the service",
    does: "asks a new visitor for a puzzle that is sixteen times as hard as the hardest that there may be",
    defence: "puzzle-limit", run: hardPuzzle,
  },
  {
    row: 0, name: "A wait that is none", adversary: "the service",
    does: "asks a page to wait for longer than a browser's clock counts",
    defence: "longest-wait", run: longestWait,
  },
  {
    row: 0, name: "A history without end", adversary: "the service",
    does: "drops a reply, and answers the question for it with empty pages that lead on",
    defence: "history-leads-on", run: endlessHistory,
  },
  {
    row: 0, name: "Pages without end", adversary: "the service",
    does: "answers the list of conversations with pages that lead on for ever",
    defence: "pages-lead-on", run: endlessSessions,
  },
];
