// What visitors and customers may try, beside what a service can: the product
// has to stand it, and there is no defence to switch off.

import assert from "node:assert/strict";

import { BodyKind, encodeBody } from "../../web/src/wire/body.ts";
import {
  compare, copy, fromHex, toHex, toUtf8, ZERO_ID, type Bytes,
} from "../../web/src/wire/bytes.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { asDevice, Raw, sentence } from "./raw.ts";
import { openLane, register, Scene, until } from "./scene.ts";
import { sender } from "./sender.ts";
import { startStage } from "./stage.ts";

export interface Trial {
  readonly name: string;
  /** Runs only when it is asked for by name: make test-long does. */
  readonly long?: true;
  readonly run: (scene: Scene) => Promise<void>;
}

// --- a hostile visitor against the inbox ------------------------------------------

const OWN = "document.title='owned'";

const CORPUS = [
  `<img src=x onerror="${OWN}">`, `<svg onload="${OWN}">`, `<script>${OWN}</script>`,
  `<iframe srcdoc="<script>parent.${OWN}</script>">`,
  `<a href="javascript:${OWN}">x</a>`, `<details open ontoggle="${OWN}">x`,
  `<style>*{display:none}</style>`, `<base href="//evil.example/">`,
  `<form action="//evil.example"><input name=q></form>`,
  `<meta http-equiv="refresh" content="0;url=//evil.example/">`,
  `<math><mtext></table><img src=x onerror="${OWN}">`, `javascript:${OWN}`,
  `data:text/html,<script>${OWN}</script>`, `"><b style="position:fixed;inset:0">x`,
  "a", "\u200b\u200d\ufeff", "\u202e\u2066 nrut ti nrut \u2069\u202c", "𝕋𝕙𝕖 end",
  "e\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308".repeat(200),
  "w".repeat(16_384), "\n".repeat(16_000) + "x", "https://www.\u0430pple.com/account",
  "https://bank.example@evil.example/", "http://a.example/" + "(".repeat(8_000),
];

async function corpusInTheInbox(scene: Scene): Promise<void> {
  const desk = await scene.desk();
  const before = await desk.page.title();
  const visitor = await sender(scene);
  for (const words of CORPUS) await visitor.says(words);
  const last = `And this is plain. ${Date.now()}`;
  await visitor.says(last);
  await desk.list.locator(".row", { hasText: last }).click();
  await until("the last of them", async () => (await desk.texts()).includes(last));
  assert.equal((await desk.page.title()).replace(/^\(\d+\) /, ""), before.replace(/^\(\d+\) /, ""));
  const intruders = await desk.page
    .locator(".said :is(img, svg, script, iframe, style, base, form, meta, b, details, math)")
    .count();
  assert.equal(intruders, 0, "markup became elements");
  const texts = await desk.texts();
  for (const words of CORPUS.filter((w) => w.startsWith("<"))) {
    assert.ok(texts.includes(words), words);
  }
  assert.ok(texts.every((words) => !/[\u202a-\u202e\u2066-\u2069]/.test(words)));
  // Letters of another script do not pass for those of a known host.
  const homograph = texts.find((words) => words.includes("/account"))!;
  assert.match(homograph, /\(www\.xn--/);
  const links: (string | null)[] = await desk.page.locator(".said a").evaluateAll(
    (all) => all.map((a) => a.getAttribute("href")));
  assert.ok(links.every((href) => /^https?:\/\/[^@]*$/.test(href ?? "")), links.join());
  // Nothing hangs out of the bubble that it is in.
  const wide = await desk.page.locator(".conversation .bubble").evaluateAll((all) =>
    all.filter((b) => b.scrollWidth > b.clientWidth + 1).length);
  assert.equal(wide, 0, "a message is wider than its bubble");
}

/** Sessions that come all at once, as after a night. */
const CROWD = 150;

async function crowd(scene: Scene): Promise<void> {
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
  const before = scene.record.frames.length;
  await scene.desk();
  await until("the last of them", () =>
    desk.list.locator(".row", { hasText: last }).count());
  const refusals = scene.record.frames.slice(before)
    .filter(({ name, stream }) => name === "error" && stream.page === "chat")
    .map(({ body }) => sentence(body));
  assert.deepEqual(refusals, []);
}

/** Messages that each name eight that there never were. */
const RIDDLES = 60;

async function riddles(scene: Scene): Promise<void> {
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
  const honest = await scene.nodeVisitor();
  const said = `A question that has an answer. ${Date.now()}`;
  await honest.send(said);
  await until("the next visitor", () =>
    desk.list.locator(".row", { hasText: said }).count());
  assert.ok(pages <= RIDDLES, `the history was read ${pages} times`);
}

// --- a hostile customer against another -------------------------------------------------

/** Every frame of a device that could name somebody else's. */
async function everybodyElse(scene: Scene): Promise<void> {
  const { lib, stage } = scene;
  const other = await register(stage, lib, `other-${Date.now()}@example.org`);
  scene.later(() => other.colleague.inbox.close());
  scene.follow(other.kit.cid);
  const theirs = await scene.nodeVisitor(other.kit.cid);
  const said = `Between us two. ${Date.now()}`;
  await theirs.send(said);
  const { sid } = await scene.talk(other.colleague.inbox, said);
  const envelope = scene.record.last(sid);
  const accountId = await lib.names.accountIdOf(other.kit.account);
  const id = fromHex(sid);
  const roster = await lib.idOf(scene.record.rosters.at(-1)!);
  const tries: [string, (tag: number) => Bytes][] = [
    ["history", (tag) => f.encodeHistory(tag, { sid: id, before: 0, count: 10 })],
    ["send", (tag) => f.encodeSend(tag, { envelope })],
    ["signal", (tag) => f.encodeSignal(tag, { envelope })],
    ["delete a session", (tag) => f.encodeDelete(tag, { sid: id })],
    ["delete the account", (tag) => f.encodeDelete(tag, { sid: accountId })],
    ["roster by id", (tag) => f.encodeRosterGet(tag, { id: roster, version: 0 })],
    ["acknowledge", (tag) => f.encodeAck(tag, { position: 1_000 })],
    ["register", (tag) => f.encodeRegister(tag, {
      sig: new Uint8Array(64), invitation: new Uint8Array(16),
      account: new Uint8Array(4), roster: new Uint8Array(4), wraps: [],
    })],
    ["account", (tag) => f.encodeAccountPut(tag, {
      account: new Uint8Array(4), roster: new Uint8Array(4), wraps: [],
    })],
    ["a login as another", (tag) => f.encodeAuth(tag, {
      role: 3, subject: accountId, sig: new Uint8Array(64), puzzle: 0,
      release: ZERO_ID, hello: new Uint8Array(0),
    })],
  ];
  for (const [name, frame] of tries) {
    const raw = await asDevice(scene);
    const tag = raw.send(frame);
    // What is never answered is told by what is asked behind it.
    const silent = name === "signal" || name === "acknowledge";
    const behind = silent
      ? raw.send((t) => f.encodeRosterGet(t, { id: ZERO_ID, version: 0 }))
      : tag;
    const answer = await until(`an answer to "${name}"`, () =>
      raw.answers.find((a) => a.tag === tag || a.tag === behind) ??
        (raw.closed ? { name: "error", body: new Uint8Array(0) } : undefined));
    const about = toHex(answer.body);
    assert.ok(!about.includes(sid), `${name}: the answer names another's session`);
    assert.ok(
      answer.name === "error" || silent,
      `${name} was taken`);
    raw.close();
  }
  // The sessions that a device may list are its own customer's.
  const raw = await asDevice(scene);
  raw.send((tag) => f.encodeSessions(tag, { from: id, count: 64 }));
  const page = f.decodeSessionPage(copy(await raw.next("sessionPage")));
  assert.ok(page.sessions.every((s) => toHex(s.sid) !== sid));
  raw.close();
  // And it is all there.
  const there = new Raw(scene, other.kit.cid);
  there.send((tag) => f.encodeRosterGet(tag, { id: ZERO_ID, version: 0 }));
  await there.next("challenge");
  assert.equal((await there.any()).name, "rosters");
  there.close();
  await other.colleague.inbox.send(sid, "Still between us two.");
  await until("the reply", () =>
    theirs.messages.some((m) => m.text === "Still between us two."));
  assert.equal(theirs.messages.length, 2);
}

// --- who has an account, by the clock -----------------------------------------------------

const KNOCKS = 1_000;

/** How often a knock for the one takes longer than one for the other: half of
 * the time if nothing can be told. */
async function compareTimes(scene: Scene): Promise<number> {
  const { lib, lane } = scene;
  const known = await lib.names.accountIdOf(lane.kit.account);
  const times: [number[], number[]] = [[], []];
  for (let i = 0; i < 2 * KNOCKS; i++) {
    const subject = i % 2 ? known : crypto.getRandomValues(new Uint8Array(32));
    const raw = new Raw(scene, scene.cid);
    await raw.arrives("challenge");
    const begun = performance.now();
    raw.send((tag) => f.encodeAuth(tag, {
      role: 3, subject, puzzle: 0, release: ZERO_ID, hello: new Uint8Array(0),
      sig: new Uint8Array(64).fill(9, 0, 63),
    }));
    await raw.arrives("error");
    times[i % 2]!.push(performance.now() - begun);
    raw.close();
  }
  const [unknown, there] = times.map((t) => t.sort((a, b) => a - b)) as [number[], number[]];
  let longer = 0;
  let at = 0;
  for (const time of there) {
    while (at < unknown.length && unknown[at]! < time) at++;
    longer += at;
  }
  return longer / KNOCKS ** 2;
}

async function byTheClock(scene: Scene): Promise<void> {
  const product = await compareTimes(scene);
  const stage = await startStage({ sidecarEnv: { SC_WITHOUT: "decoy" } });
  const lane = await openLane(stage, scene.lane.engine, "clock@example.org", 9);
  try {
    const other = await Scene.open(lane, "");
    const control = await compareTimes(other);
    await other.close();
    console.log(`# a known account takes longer ${product.toFixed(3)} of the time; without the decoy ${control.toFixed(3)}`);
    assert.ok(Math.abs(product - 0.5) < 0.06, `product ${product}`);
    assert.ok(Math.abs(control - 0.5) > 0.06, `control ${control}`);
  } finally {
    lane.colleague.inbox.close();
    await stage.stop();
  }
}

export const trials: readonly Trial[] = [
  { name: "a visitor's corpus of markup, controls and sizes in the inbox", run: corpusInTheInbox },
  { name: "a crowd of 150 conversations", run: crowd },
  { name: "sixty riddles", run: riddles },
  { name: "who has an account, by the clock", long: true, run: byTheClock },
  { name: "every frame with another customer's ids", run: everybodyElse },
];
