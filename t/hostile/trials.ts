// What visitors and customers may try, beside what a service can: the product
// has to stand it, and there is no defence to switch off.

import assert from "node:assert/strict";

import { ZERO_ID } from "../../web/src/wire/bytes.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { SIZES } from "./corpus.ts";
import { Raw } from "./raw.ts";
import { openLane, Scene, until } from "./scene.ts";
import { sender } from "./sender.ts";
import { startStage } from "./stage.ts";

export interface Trial {
  readonly name: string;
  /** Runs only when it is asked for by name: make test-long does. */
  readonly long?: true;
  readonly run: (scene: Scene) => Promise<void>;
}

// --- a hostile visitor against the inbox ------------------------------------------

async function sizesInTheInbox(scene: Scene): Promise<void> {
  const desk = await scene.desk();
  const visitor = await sender(scene);
  for (const words of SIZES) await visitor.says(words);
  const last = `And this is plain. ${Date.now()}`;
  await visitor.says(last);
  await desk.list.locator(".row", { hasText: last }).click();
  await until("the last of them", async () => (await desk.texts()).includes(last));
  const texts = await desk.texts();
  assert.equal(texts.length, SIZES.length + 1);
  assert.ok(texts.includes("w".repeat(16_384)));
  const links: (string | null)[] = await desk.page.locator(".said a").evaluateAll(
    (all) => all.map((a) => a.getAttribute("href")));
  assert.ok(links.every((href) => /^https?:\/\/[^@]*$/.test(href ?? "")), links.join());
  // Nothing hangs out of the bubble that it is in.
  const wide = await desk.page.locator(".conversation .bubble").evaluateAll((all) =>
    all.filter((b) => b.scrollWidth > b.clientWidth + 1).length);
  assert.equal(wide, 0, "a message is wider than its bubble");
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
  { name: "a visitor's odd sizes and letters in the inbox", run: sizesInTheInbox },
  { name: "who has an account, by the clock", long: true, run: byTheClock },
];
