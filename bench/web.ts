// `make bench-web`: what the pages cost, in Chromium and in Firefox ESR, beside
// the real service as it is shipped.
//
//   sizes      the bundles, plain and gzipped
//   block      the longest time for which the main thread answered nothing
//              while the widget loaded, beside the same span without it
//   message    sealing one text of 200 characters, and verifying and opening it
//   login      from the button to the question whether the devices are right:
//              PBKDF2 with a million rounds, three connections, unwrapping
//   sync       until a fresh device has read, verified and opened 10,000
//              messages in ten conversations
//   memory     of all processes of the browser (proportional set size) with
//              that inbox open, less the same with an empty one

import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Tab } from "../t/browser/driver.ts";
import { openEngine, type Engine } from "../t/browser/engine.ts";
import { Customer, type Kit } from "../t/browser/people.ts";
import { freePort, repository } from "../t/web/service.ts";
import { localOrigin, startSite, type Site } from "../web/demo/site.ts";
import { createInbox, createVisitorChat } from "../web/src/client/index.ts";
import { nodePlatform } from "../web/src/client/node.ts";
import { snippetText } from "../web/src/ui/snippet.ts";

const PASSWORD = "salt glaze on a grey morning";
const CONVERSATIONS = 10;
const EACH = 1000;
const LOADS = 7;

interface Built {
  readonly integrity: string;
  readonly bytes: number;
  readonly gzip: number;
}

type Manifest = Record<"sealchat-widget.js" | "inbox.html", Built>;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function print(what: string, value: string): void {
  console.log(`  ${what.padEnd(46)} ${value}`);
}

const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const mb = (value: number) => `${(value / 1024).toFixed(1)} MB`;

/** Proportional set size of a program's processes below this one, in kB. */
function memoryOf(program: string): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
      parents.set(Number(name), Number(parent));
    } catch {
      // It has ended meanwhile.
    }
  }
  const isOurs = (pid: number): boolean =>
    pid === process.pid || (pid > 1 && isOurs(parents.get(pid) ?? 0));

  let sum = 0;
  for (const pid of parents.keys()) {
    if (!isOurs(pid)) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (!command.includes(program)) continue;
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      sum += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // As above.
    }
  }
  return sum;
}

/** Notes the longest span in which no message of its own came back. */
const WATCH = `<!doctype html><meta charset="utf-8"><title>bench</title>
<script>
  let last = performance.now();
  let worst = 0;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
    port2.postMessage(0);
  };
  port2.postMessage(0);
  const span = async (milliseconds) => {
    worst = 0;
    await new Promise((done) => setTimeout(done, milliseconds));
    return worst;
  };
</script>
<body></body>`;

interface World {
  readonly site: Site;
  readonly bench: string;
  readonly empty: Kit;
  readonly full: Kit;
  stop(): Promise<void>;
}

function platformAt(site: Site) {
  const { host } = new URL(site.chat);
  return nodePlatform({ headers: { Origin: site.chat, Host: host } });
}

async function register(site: Site, account: string): Promise<Kit> {
  const inbox = createInbox({
    service: { origin: site.chat, url: site.service.url },
    platform: platformAt(site),
  });
  try {
    return await inbox.register({ account, password: PASSWORD, suite: 2 });
  } finally {
    inbox.close();
  }
}

/** One visitor who writes EACH messages of 200 characters. */
async function talk(site: Site, cid: string, name: number): Promise<void> {
  const chat = createVisitorChat({
    cid,
    service: { origin: site.chat, url: site.service.url },
    platform: platformAt(site),
  });
  await chat.start();
  chat.connect();

  const isStored = () =>
    chat.messages.length > 0 &&
    chat.messages.every(({ delivery }) => delivery !== "sending");
  for (let done = 0; done < EACH; done++) {
    const text = `Message ${done + 1} of visitor ${name}. `;
    await chat.send(text.padEnd(200, "Is the oven hot? "));
    if (done % 100 === 99) while (!isStored()) await sleep(20);
  }
  chat.close();
}

async function build(): Promise<World> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "sealchat-bench-"));
  const pages = join(folder, "pages");
  const script = join(repository(), "build", "bench", "web-message.js");

  await mkdir(pages, { recursive: true });
  await writeFile(join(pages, "index.html"), WATCH);
  await writeFile(join(pages, "web-message.js"), await readFile(script));
  await writeFile(
    join(pages, "message.html"),
    '<!doctype html><meta charset="utf-8"><title>bench</title><script src="web-message.js"></script>',
  );

  const site = await startSite({
    port,
    shopFolder: join(folder, "shop"),
    sanitized: false,
    servers: `
    server {
        listen 127.0.0.1:${port};
        server_name bench.localhost;
        root ${pages};
    }`,
  });
  const empty = await register(site, "empty@bench.example");
  const full = await register(site, "full@bench.example");
  for (let name = 1; name <= CONVERSATIONS; name++) {
    await talk(site, full.cid, name);
  }
  return {
    site,
    bench: localOrigin("bench", port),
    empty,
    full,
    stop: async () => {
      await site.service.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function benchMessage(engine: Engine, { bench }: World): Promise<void> {
  const person = await engine.newPerson();
  const tab = await person.newPage();
  await tab.goto(`${bench}/message.html`);

  for (const suite of [2, 1] as const) {
    const { seal, open } = await tab.evaluate<{ seal: number; open: number }>(
      `globalThis.benchMessage(${suite})`,
    );
    print(
      `message of 200 characters, suite ${suite}`,
      `seal ${ms(seal)}, verify and open ${ms(open)}, together ${ms(seal + open)}`,
    );
  }
  await person.close();
}

/** Puts the snippet on the page that watches, as a page's own script would. */
function insert(attributes: Record<string, string>): void {
  const script = document.createElement("script");
  for (const [name, value] of Object.entries(attributes)) {
    script.setAttribute(name, value);
  }
  document.body.append(script);
}

async function benchBlock(
  engine: Engine,
  { site, bench, full }: World,
  { integrity }: Built,
): Promise<void> {
  const text = snippetText({ service: site.chat, cid: full.cid, integrity, name: "Bench" });
  const attributes = Object.fromEntries(
    [...text.matchAll(/([a-z-]+)="([^"]*)"/g)].map((found) => [found[1], found[2]]),
  ) as Record<string, string>;
  const [with_, without]: [number[], number[]] = [[], []];

  for (let load = 0; load < LOADS; load++) {
    const person = await engine.newPerson();
    const tab = await person.newPage();
    await tab.goto(`${bench}/`);
    await sleep(300);
    without.push(await tab.evaluate<number>("span(700)"));
    const measured = tab.evaluate<number>("span(700)");
    await tab.evaluate(insert, attributes);
    with_.push(await measured);
    await tab.locator("sealchat-widget").first().waitFor({ state: "attached" });
    await person.close();
  }
  print(
    "main thread blocked while the widget loads",
    `${ms(median(with_))} (longest of ${LOADS}: ${ms(Math.max(...with_))}; without it ${ms(median(without))})`,
  );
}

async function logIn(
  engine: Engine,
  { site }: World,
  kit: Kit,
): Promise<{ tab: Tab; login: number; close: () => Promise<void> }> {
  const person = await engine.newPerson();
  const tab = await person.newPage();
  const customer = new Customer(tab);

  await tab.goto(`${site.chat}/inbox.html`);
  // The button is pressed last, and the clock starts there.
  const began = await customer.fillLogin(kit, PASSWORD);
  await tab.getByText("Is this what you expect?").waitFor();
  const login = performance.now() - began;
  await customer.confirmDevices();
  return { tab, login, close: () => person.close() };
}

async function benchInbox(engine: Engine, world: World): Promise<void> {
  const program = engine.name === "chromium" ? "chromium" : "firefox";
  const settled = async () => {
    await sleep(4000);
    return memoryOf(program);
  };
  const first = await logIn(engine, world, world.empty);
  const before = await settled();
  await first.close();

  const { tab, login, close } = await logIn(engine, world, world.full);
  const began = performance.now();
  for (;;) {
    const unread = await tab
      .locator(".list .count")
      .evaluateAll((all) =>
        all.reduce((sum, one) => sum + Number.parseInt(one.textContent ?? "0"), 0),
      );
    if (unread >= CONVERSATIONS * EACH) break;
    if (performance.now() - began > 900_000) {
      throw new Error(`only ${unread} messages arrived`);
    }
    await sleep(100);
  }
  const sync = performance.now() - began;
  await tab.locator(".list .row").first().click();
  await tab.locator(".conversation textarea").waitFor();

  print("login", ms(median([first.login, login])));
  print(
    `sync of ${(CONVERSATIONS * EACH).toLocaleString("en")} messages`,
    `${(sync / 1000).toFixed(1)} s, ${ms(sync / CONVERSATIONS / EACH)} each`,
  );
  print("memory for them", mb((await settled()) - before));
  await close();
}

async function main(): Promise<void> {
  const manifest = JSON.parse(
    await readFile(join(repository(), "web", "dist", "manifest.json"), "utf8"),
  ) as Manifest;
  const world = await build();

  try {
    console.log("Sizes");
    for (const name of ["sealchat-widget.js", "inbox.html"] as const) {
      const { bytes, gzip } = manifest[name];
      print(name, `${(bytes / 1000).toFixed(1)} kB, ${(gzip / 1000).toFixed(1)} kB gzipped`);
    }
    for (const [name, program] of [
      ["chromium", "/usr/bin/chromium"],
      ["firefox", "/usr/bin/firefox-esr"],
    ] as const) {
      const version = execFileSync(program, ["--version"], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      console.log(`\n${version.toString().trim()}`);
      const engine = await openEngine(name);
      try {
        await benchMessage(engine, world);
        await benchBlock(engine, world, manifest["sealchat-widget.js"]);
        await benchInbox(engine, world);
      } finally {
        await engine.close();
      }
    }
  } finally {
    await world.stop();
  }
}

await main();
