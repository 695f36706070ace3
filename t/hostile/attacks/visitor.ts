// A hostile visitor against the inbox: rows 20 and 25 from the other side, and
// what comes in great numbers.

import { BodyKind, encodeBody } from "../../../web/src/wire/body.ts";
import { compare, toUtf8 } from "../../../web/src/wire/bytes.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import type { Attack } from "../attack.ts";
import { MARKUP } from "../corpus.ts";
import { until, type Ending, type Scene } from "../scene.ts";
import { sender } from "../sender.ts";

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Opens the conversation in which that was said last. */
async function reads(scene: Scene, last: string) {
  const desk = await scene.desk();
  await desk.list.locator(".row", { hasText: last }).click();
  return desk;
}

async function markup(scene: Scene): Promise<Ending> {
  const desk = await scene.desk();
  const visitor = await sender(scene);
  const last = `Is my order on its way? ${Date.now()}`;
  for (const words of [...MARKUP, last]) await visitor.says(words);
  const row = desk.list.locator(".row", { hasText: last });
  await until("the row", () => row.count());
  await row.click();
  const ran = () => desk.page.evaluate<boolean>("globalThis.owned === true");
  const elements = () => desk.page
    .locator(".conversation .said *:not(a):not(bdi)").count();
  return scene.ends({
    won: ran,
    lost: async () => {
      const texts = await desk.texts();
      return [...MARKUP, last].every((words) => texts.includes(words)) &&
        (await elements()) === 0 && !(await ran());
    },
    saw: `${MARKUP.length} pieces of markup, letter by letter, as text; nothing of them became part of the page.`,
    sawWon: "A message that ran as a script in the inbox, with the keys of all conversations.",
  });
}

async function backwards(scene: Scene): Promise<Ending> {
  await scene.desk();
  const visitor = await sender(scene);
  const mark = String(Date.now());
  await visitor.says(`My receipt: https://files.example/${mark}/\u202Efdp.exe\u202C`);
  const desk = await reads(scene, mark);
  const shown = await until("the words", async () =>
    (await desk.texts()).find((t) => t.includes(mark)));
  const won = /[\u202a-\u202e\u2066-\u2069]/.test(shown);
  return {
    won,
    saw: won
      ? "An address that ends in exe.pdf, as it seems."
      : "The address as it is, letter after letter.",
  };
}

async function imitated(scene: Scene): Promise<Ending> {
  await scene.desk();
  const visitor = await sender(scene);
  const mark = String(Date.now());
  // A Cyrillic letter, and one that nobody sees.
  await visitor.says(`https://www.\u0430pple.com/${mark} https://www.ap\u200bple.example/`);
  const desk = await reads(scene, mark);
  const shown = await until("the words", async () =>
    (await desk.texts()).find((t) => t.includes(mark)));
  const won = !/\(www\.xn--/.test(shown) || !shown.includes("(www.apple.example)");
  return {
    won,
    saw: won
      ? "Links that nobody can tell from those that they imitate."
      : "The links, and behind each the host that it leads to: www.xn--..., and the one without the letter that is not seen.",
  };
}

/** Conversations that come all at once, as after a night. */
const CROWD = 100;

async function crowd(scene: Scene): Promise<Ending> {
  const desk = await scene.desk();
  // Nobody is at the desk while they write.
  await desk.page.goto("about:blank");
  const last = `The last of the crowd ${Date.now()}`;
  for (let n = 0; n < CROWD; n += 10) {
    await Promise.all(Array.from({ length: 10 }, async (_, i) => {
      await (await sender(scene)).says(`One of a crowd ${n + i}`);
    }));
  }
  await (await sender(scene)).says(last);
  // The service answers late: what an inbox asks meanwhile adds up.
  let unanswered = 0;
  let allowed = Infinity;
  scene.play({
    page: "chat",
    toClient: ({ name, body }) => {
      if (name === "ready") allowed = f.decodeReady(body).requests;
      return undefined;
    },
    toService: ({ name }) => {
      if (name !== "sessions") return undefined;
      unanswered++;
      return [];
    },
  });
  await scene.desk();
  const arrived = () => desk.list.locator(".row", { hasText: last }).count();
  await until("the last of them", arrived);
  const late = Date.now() + 1_500;
  return scene.ends({
    won: () => unanswered > allowed,
    lost: () => Date.now() > late && unanswered <= 2,
    saw: `All ${CROWD + 1} conversations, while one question waits for its answer.`,
    sawWon: "An inbox that asks for more than the service allows, and is put out for it.",
  });
}

/** Messages that each name eight that there never were. */
const RIDDLES = 24;
const HONEST = 6;

async function riddles(scene: Scene): Promise<Ending> {
  const desk = await scene.desk();
  let pages = 0;
  scene.play({
    page: "chat",
    toService: ({ name }) => void (pages += name === "history" ? 1 : 0),
  });
  const visitor = await sender(scene);
  const heads = () => Array.from({ length: 8 }, () =>
    crypto.getRandomValues(new Uint8Array(32))).sort(compare);
  for (let i = 0; i < RIDDLES; i++) {
    await visitor.send({ body: encodeBody({
      kind: BodyKind.text, heads: heads(), content: toUtf8(`What comes before ${i}?`),
    }) });
  }
  // Searches go on beside what arrives.
  const settled = () => until("the search has ended", async () => {
    const before = pages;
    await pause(600);
    return before > 0 && before === pages;
  });
  await settled();
  const searched = pages;
  const rows = (words: string) =>
    desk.list.locator(".row", { hasText: words }).count();
  for (let i = 0; i < HONEST; i++) {
    const said = `A question that has an answer, ${i} ${Date.now()}`;
    await (await sender(scene)).says(said);
    await until("the next visitor", () => rows(said));
  }
  await settled();
  return scene.ends({
    won: () => pages - searched >= HONEST / 2,
    // One search may still have been under way.
    lost: () => searched <= RIDDLES && pages - searched <= 2,
    saw: `${RIDDLES} messages that name others that never were, looked for ${searched} times and then no more, and the next visitors.`,
    sawWon: "An inbox that with each message of anybody looks again for what never was.",
  });
}

export const visitorAttacks: Attack[] = [
  {
    row: 20, name: "Markup in a visitor's messages", adversary: "a visitor",
    does: `sends the inbox ${MARKUP.length} pieces of markup that run scripts where they are taken for HTML`,
    defence: "inbox-text", run: markup,
  },
  {
    row: 20, name: "An address that runs backwards, in the inbox", adversary: "a visitor",
    does: "turns the end of an address round with an override",
    defence: "no-overrides", run: backwards,
  },
  {
    row: 20, name: "Addresses that pass for others, in the inbox", adversary: "a visitor",
    does: "sends addresses with a letter of another script, and with one that nobody sees",
    defence: "true-host", run: imitated,
  },
  {
    row: 0, name: "A crowd", adversary: "a visitor",
    does: `opens ${CROWD} conversations while nobody is at the desk`,
    defence: "one-at-a-time", run: crowd,
  },
  {
    row: 0, name: "Riddles", adversary: "a visitor",
    does: `sends ${RIDDLES} messages that each name eight others that there never were`,
    defence: "searched-once", run: riddles,
  },
];
