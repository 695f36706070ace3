// Runs every attack on the product and on its control, in lanes of one customer
// each, and writes the report.
//
//   main.mjs [firefox] [words of the names of attacks]

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { openEngine } from "../browser/engine.ts";
import { repository } from "../web/service.ts";
import type { Attack } from "./attack.ts";
import { attacks } from "./attacks/index.ts";
import { writeReport, type Result, type Run, type Tried } from "./report.ts";
import { defences, type Defence } from "./defences.ts";
import { countsOf, openLane, replaysOf, Scene, type Lane } from "./scene.ts";
import { startStage } from "./stage.ts";
import { trials, type Trial } from "./trials.ts";
import { checkProduct } from "./switches.ts";

const PATIENCE = 60_000;
const folder = join(repository(), "build", "hostile");

const [engineName, ...wanted] =
  process.argv[3] === "firefox"
    ? (["firefox", ...process.argv.slice(4)] as const)
    : (["chromium", ...process.argv.slice(3)] as const);

// One window of Firefox is in front at a time.
const lanes = engineName === "firefox" ? 1 : 2;
const pictures = join(folder, `pictures-${engineName}`);
const pageName = engineName === "chromium" ? "hostile.html" : "hostile-firefox.html";

async function run(lane: Lane, attack: Attack, control: boolean): Promise<Run> {
  const begun = performance.now();
  const scene = await Scene.open(lane, control ? attack.defence : "");
  const picture = join(
    pictures, `${attacks.indexOf(attack) + 1}${control ? "-control" : ""}.png`);
  const late = setTimeout(() => {
    console.error(`# ${attack.name}: still running after a minute`);
  }, PATIENCE);
  let run: Run;
  try {
    const ending = await attack.run(scene);
    const good = ending.won === control;
    run = {
      good, ended: true, saw: ending.saw, seconds: 0,
      why: good ? "" : control ? "the attack failed there too" : "the attack succeeded",
    };
  } catch (error) {
    const why = String((error as Error).stack);
    run = { good: false, ended: false, saw: "", seconds: 0, why };
  } finally {
    clearTimeout(late);
  }
  const taken = await scene.screenshot(picture).catch(() => false);
  try {
    await scene.close();
  } catch (error) {
    run = { ...run, good: false, why: `${run.why} ${String(error)}`.trim() };
  }
  const seconds = (performance.now() - begun) / 1000;
  return { ...run, seconds, ...(taken ? { picture } : {}) };
}

/** On a service of its own where the service is what differs. */
async function elsewhere(
  lane: Lane,
  attack: Attack,
  control: boolean,
): Promise<Run> {
  const { sidecar }: Defence = defences[attack.defence];
  if (!(control && sidecar) && !attack.counts) return run(lane, attack, control);
  const stage = await startStage({
    sidecarEnv: {
      SC_WITHOUT: control && sidecar ? attack.defence : "",
      SC_COUNTS: countsOf(lane),
      SC_REPLAYED: replaysOf(lane),
    },
  });
  await rm(countsOf(lane), { force: true });
  await rm(replaysOf(lane), { force: true });
  const own = await openLane(
    stage, lane.engine, `own-${lane.kit.account}`, lane.number);
  try {
    return await run(own, attack, control);
  } finally {
    own.colleague.inbox.close();
    await stage.stop();
  }
}

/**
 * An attack that came to neither of its ends has shown nothing, and a control
 * has to succeed but once: these are tried again, once, and few of a run.  More
 * would be a fault of the product or of the stage.  What has succeeded against
 * the product is never tried again.
 */
const AGAIN_MOST = 2;
let again = 0;

async function decided(
  lane: Lane,
  attack: Attack,
  control: boolean,
): Promise<Run> {
  const first = await elsewhere(lane, attack, control);
  if (first.good || (first.ended && !control) || again === AGAIN_MOST) return first;
  again++;
  const whom = control ? "control" : "product";
  console.log(`# again: ${attack.name}, ${whom}: ${first.why.split("\n")[0]}`);
  return await elsewhere(lane, attack, control);
}

async function both(lane: Lane, attack: Attack): Promise<Result> {
  const product = await decided(lane, attack, false);
  const control = await decided(lane, attack, true);
  const verdict = product.good && control.good ? "ok" : "not ok";
  const times = `${product.seconds.toFixed(1)} s and ${control.seconds.toFixed(1)} s`;
  console.log(`${verdict} - ${attack.row || "+"}: ${attack.name} (${times})`);
  for (const [name, { good, why }] of Object.entries({ product, control })) {
    if (!good) console.log(`#   ${name}: ${why.replace(/\n/g, "\n#   ")}`);
  }
  return { attack, product, control };
}

/** Undefined, or what was wrong. */
async function tryOut(lane: Lane, trial: Trial): Promise<string | undefined> {
  const scene = await Scene.open(lane, "");
  try {
    await trial.run(scene);
    await scene.close();
    return undefined;
  } catch (error) {
    await scene.close().catch(() => undefined);
    return String((error as Error).stack);
  }
}

async function main(): Promise<boolean> {
  const begun = performance.now();
  const todo = attacks.filter(({ name, row, engine }) =>
    (engine ?? engineName) === engineName && (!wanted.length ||
    wanted.some((w) => /^\d+$/.test(w)
      ? Number(w) === row
      : name.toLowerCase().includes(w.toLowerCase()))));
  await rm(pictures, { recursive: true, force: true });
  await mkdir(pictures, { recursive: true });
  const [stage, engine] = await Promise.all([startStage(), openEngine(engineName)]);
  const trying = trials.filter(({ name, long }) =>
    (!wanted.length && !long) || wanted.some((w) => name.includes(w.toLowerCase())));
  const results: Result[] = [];
  const tried: Tried[] = [];
  let failed = 0;
  let passed = 0;
  try {
    // What takes longest begins first.
    const slow = [8, 5, 16, 14];
    const queue = [...todo].sort((a, b) => slow.indexOf(b.row) - slow.indexOf(a.row));
    const work = async (n: number) => {
      const lane = await openLane(stage, engine, `lane-${n}@example.org`, n);
      for (let next = queue.shift(); next; next = queue.shift()) {
        results.push(await both(lane, next));
      }
      for (let next = trying.shift(); next; next = trying.shift()) {
        const wrong = await tryOut(lane, next);
        console.log(`${wrong ? "not ok" : "ok"} - ${next.name}`);
        if (wrong) console.log(`#   ${wrong.replace(/\n/g, "\n#   ")}`);
        tried.push({ name: next.name, good: !wrong });
        if (wrong) failed++;
        else passed++;
      }
      lane.colleague.inbox.close();
    };
    await Promise.all(Array.from({ length: lanes }, (_, n) => work(n)));
  } finally {
    await engine.close();
    await stage.stop().catch((error) => {
      failed++;
      console.log(`not ok - the service ends well\n#   ${error}`);
    });
  }
  for (const { product, control } of results) {
    for (const { good } of [product, control]) {
      if (good) passed++;
      else failed++;
    }
  }
  const clean = await checkProduct();
  console.log(`${clean ? "not ok" : "ok"} - the product knows no switch${clean ? `: ${clean}` : ""}`);
  if (clean) failed++;
  else passed++;

  tried.push({ name: "the product's files hold no switch", good: !clean });
  results.sort((a, b) => attacks.indexOf(a.attack) - attacks.indexOf(b.attack));
  const good = results.filter(({ product, control }) => product.good && control.good);
  const rows = new Set(good.map(({ attack }) => attack.row).filter(Boolean));
  await writeReport(join(folder, "..", pageName), engineName, results, tried);
  console.log(`# ${Math.round((performance.now() - begun) / 1000)} s in ${engineName}; see build/${pageName}`);
  const controls = good.length;
  console.log(`rows ${rows.size} attacks ${results.length} controls ${controls}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}

process.exit((await main()) ? 0 : 1);
