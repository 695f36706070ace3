// Rows 5, 19, 20 and 23: what is written, how long it is, and the code that
// shows it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { toUtf8, type Bytes } from "../../../web/src/wire/bytes.ts";
import { repository } from "../../web/service.ts";
import type { Attack } from "../attack.ts";
import { Direction, forge, looseBody, overheard, swallow } from "../forge.ts";
import { keysOf, register, until, type Ending, type Scene } from "../scene.ts";
import { WIDGET } from "../stage.ts";
import { talking } from "./keys.ts";

const UNREADABLE = "This message could not be opened";
const LONG = `${"Sixteen KiB of stoneware. ".repeat(640)}`.slice(0, 16_383).padEnd(16_384, "!");

async function longText(scene: Scene): Promise<Ending> {
  const { stage, lib } = scene;
  let won = false;
  for (const suite of [1, 2] as const) {
    if (won) break;
    const name = `suite-${suite}-${Date.now()}@example.org`;
    const { kit, colleague } = await register(stage, lib, name, suite);
    try {
      let sent = false;
      scene.play({
        cid: kit.cid, page: "shop",
        toService: ({ name }) => void (sent ||= name === "send"),
      });
      const visitor = await scene.visitor({ cid: kit.cid });
      await visitor.write(LONG);
      const arrived = () =>
        colleague.inbox.conversations.some((c) => c.messages.some((m) => m.text === LONG));
      // What cannot be sealed never leaves.
      const late = Date.now() + 8_000;
      await until("it arrives or not", () => arrived() || (!sent && Date.now() > late));
      won ||= !arrived();
    } finally {
      colleague.inbox.close();
    }
  }
  return {
    won,
    saw: won
      ? "A long message that cannot be sent."
      : "16,384 bytes of text, on both sides, in both suites.",
  };
}

async function alteredCode(scene: Scene): Promise<Ending> {
  const product = await readFile(join(repository(), "web", "dist", WIDGET), "utf8");
  // One letter of the lock's words.
  const altered = product.replace("can read this", "can reAd this");
  if (altered === product) throw new Error("the widget has no such words");
  const widget = await scene.stage.serve("altered.js", altered);
  const tab = await scene.person();
  const visitor = await scene.visit(tab, {
    widget,
    integrity: scene.without === "integrity" ? "" : scene.stage.integrity,
  });
  await until("the page is loaded", () =>
    tab.evaluate<boolean>("document.readyState === 'complete'"));
  await new Promise((done) => setTimeout(done, 600));
  return scene.ends({
    won: async () => (await visitor.launcher.count()) === 1,
    lost: async () => (await tab.locator("sealchat-widget").count()) === 0,
    saw: "The shop without a chat: the browser did not run the altered file.",
    sawWon: "The chat as always, in code that the service has changed.",
  });
}

const CORPUS = [
  `<img src=x onerror="document.title='owned'">`,
  `<svg onload="document.title='owned'"></svg>`,
  `<script>document.title='owned'</script>`,
  `<iframe srcdoc="<script>parent.document.title='owned'</script>"></iframe>`,
  `<a href="javascript:document.title='owned'">x</a>`,
  `<details open ontoggle="document.title='owned'">x</details>`,
  `"><b onmouseover="document.title='owned'" style="position:fixed;inset:0">x</b>`,
  `{{constructor.constructor("document.title='owned'")()}}`,
  `javascript:document.title='owned'`,
  `<math><mtext></table><img src=x onerror="document.title='owned'"></mtext></math>`,
];

async function markup(scene: Scene): Promise<Ending> {
  const { visitor, sid } = await talking(scene, "Do you write HTML?", "We do.");
  for (const text of CORPUS) await scene.lane.colleague.inbox.send(sid, text);
  const owned = async () =>
    (await visitor.page.title()) === "owned" ||
    (await visitor.panel.locator(".said img, .said b, .said svg, .said iframe").count()) > 0;
  return scene.ends({
    won: owned,
    lost: async () => {
      const texts = await visitor.texts();
      return CORPUS.every((text) => texts.includes(text)) && !(await owned());
    },
    saw: "Ten pieces of markup, letter by letter, as text.",
    sawWon: "A reply that ran as a script in the shop's page.",
  });
}

async function overrides(scene: Scene): Promise<Ending> {
  const { visitor, sid } = await talking(scene, "Where do I pay?", "Here:");
  const said = "https://pay.example/\u202Emoc.knab\u202C";
  await scene.lane.colleague.inbox.send(sid, said);
  const shown = () => until("the reply", async () =>
    (await visitor.texts()).find((t) => t.startsWith("https://pay")));
  const text = await shown();
  return {
    won: text.includes("\u202E"),
    saw: text.includes("\u202E")
      ? "An address whose letters run backwards: bank.com."
      : "The address as it is, letter after letter.",
  };
}

const loose = (body: () => Bytes, words: string) => async (scene: Scene): Promise<Ending> => {
  const { lib, lane } = scene;
  const question = `Hello? ${words}`;
  const visitor = await scene.visitor();
  await visitor.write(question);
  const { sid } = await scene.talk(lane.colleague.inbox, question);
  await visitor.sees(question, "Sent");
  const heard = await overheard(scene, sid);
  const device = keysOf(lane.colleague);
  const envelope = await forge(lib, {
    direction: Direction.toVisitor, cid: heard.cid, sid: heard.sid,
    signkeyId: await lib.names.signkeyIdOf(device.pk), seq: 1,
    rosterId: heard.rosterId, to: [heard.roster.messageKey, heard.hello.sessionKey],
    body: body(), key: device.signKey,
  });
  await scene.deliver("shop", envelope);
  const count = async () => (await visitor.texts()).filter((t) => t !== "").length;
  return scene.ends({
    won: async () => (await count()) === 2,
    lost: async () => (await visitor.panel.getByText(UNREADABLE).count()) > 0,
    saw: `The mark "${UNREADABLE}".`,
    sawWon: "A message that the rules do not allow, shown as if they did.",
  });
};

async function lengths(scene: Scene): Promise<Ending> {
  const sizes: number[] = [];
  scene.play({
    page: "shop",
    toService: swallow(({ length }) => void sizes.push(length)),
  });
  const visitor = await scene.visitor();
  const texts = ["No.", "Yes, please, to the address of last time.", "x".repeat(120), "y".repeat(180)];
  for (const text of texts) {
    await visitor.write(text);
    await visitor.sees(text, "Sent");
  }
  return scene.ends({
    won: () => new Set(sizes).size > 1,
    lost: () => sizes.length === texts.length && new Set(sizes).size === 1,
    saw: "Four answers from 3 to 180 bytes; the service sees four times the same length.",
    sawWon: "The same four answers; their lengths tell a no from a yes.",
  });
}

export const textAttacks: Attack[] = [
  {
    row: 5, name: "A text of 16 KiB", adversary: "the network",
    does: "nothing: a text longer than an RSA block has to come through in both suites",
    defence: "content-key", run: longText,
  },
  {
    row: 19, name: "One changed letter in the widget", adversary: "the service",
    does: "serves the widget with one byte changed",
    defence: "integrity", run: alteredCode,
  },
  {
    row: 20, name: "Markup in replies", adversary: "a customer",
    does: "answers with ten pieces of markup that run scripts where they are taken for HTML",
    defence: "text-stays-text", run: markup,
  },
  {
    row: 20, name: "Letters that run backwards", adversary: "a customer",
    does: "hides the true end of an address behind a right-to-left override",
    defence: "no-overrides", run: overrides,
  },
  {
    row: 20, name: "Text that is not UTF-8", adversary: "a customer",
    does: "seals bytes that are no text",
    defence: "strict-utf8",
    run: loose(() => looseBody({ content: new Uint8Array([72, 105, 0xff, 0xfe, 0xc0]), bytes: 256 }), "UTF-8"),
  },
  {
    row: 20, name: "One byte too long", adversary: "a customer",
    does: "seals a text of 16,385 bytes",
    defence: "content-limit",
    run: loose(() => looseBody({ content: toUtf8("a".repeat(16_385)), bytes: 17_408 }), "length"),
  },
  {
    row: 20, name: "Words in the padding", adversary: "a customer",
    does: "fills the padding with something else than zeros",
    defence: "zero-padding",
    run: loose(() => looseBody({ content: toUtf8("Hello"), padding: 42, bytes: 256 }), "padding"),
  },
  {
    row: 23, name: "Answers told by their length", adversary: "the service",
    does: "compares the lengths of what a visitor sends",
    defence: "padding", run: lengths,
  },
];
