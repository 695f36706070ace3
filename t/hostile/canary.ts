// A whole run with unique words in every place, and then a search of everything
// that the service has: its processes' memory, what they leave when they crash,
// its database and logs, the link, and the decrypted WebSocket traffic.  None of
// the words, and no key of the run, may be anywhere.
//
// Each place has a control: something that the service is bound to have there
// is looked for in the same way, and found.

import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { BrowserContext, Page } from "playwright-core";

import { fromHex, toBase64Url, type Bytes } from "../../web/src/wire/bytes.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import { newPerson, openBrowser } from "../browser/browser.ts";
import { Customer, Visitor } from "../browser/people.ts";
import { eavesdrop } from "./eavesdrop.ts";
import { Needles } from "./needles.ts";
import { startStage, type Stage } from "./stage.ts";

const CHUNK = 1 << 20;
/** Longer than anything that is looked for. */
const OVERLAP = 4096;

const word = (what: string) =>
  `canary-${what}-${Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("hex")}`;

const needles = new Needles();
const planted = new Needles();
let passed = 0;
let failed = 0;

function report(good: boolean, what: string): void {
  if (good) passed++;
  else failed++;
  console.log(`${good ? "ok" : "not ok"} - ${what}`);
}

// --- where to look -------------------------------------------------------------

type Place = (look: (bytes: Uint8Array) => void) => void | Promise<void>;

function fileAt(path: string): Place {
  return (look) => {
    const fd = openSync(path, "r");
    const buffer = Buffer.alloc(CHUNK);
    try {
      for (let at = 0; ; at += CHUNK - OVERLAP) {
        const n = readSync(fd, buffer, 0, CHUNK, at);
        // Databases and cores have long holes.
        if (n && !buffer.subarray(0, n).every((byte) => byte === 0)) {
          look(buffer.subarray(0, n));
        }
        if (n < CHUNK) return;
      }
    } finally {
      closeSync(fd);
    }
  };
}

/** All memory of a process but the database, which is looked at as a file. */
function memoryOf(pid: number): Place {
  return (look) => {
    const fd = openSync(`/proc/${pid}/mem`, "r");
    const buffer = Buffer.alloc(CHUNK);
    try {
      for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
        const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? [];
        if (!from || !to || /\.mdb$|\[v/.test(line)) continue;
        for (let at = parseInt(from, 16); at < parseInt(to, 16); at += CHUNK - OVERLAP) {
          const most = Math.min(CHUNK, parseInt(to, 16) - at);
          try {
            look(buffer.subarray(0, readSync(fd, buffer, 0, most, at)));
          } catch {
            // A page that is mapped and cannot be read holds nothing.
          }
        }
      }
    } finally {
      closeSync(fd);
    }
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const out: string[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const kind = await stat(path).catch(() => undefined);
    if (kind?.isDirectory()) out.push(...(await filesBelow(path)));
    else if (kind?.isFile()) out.push(path);
  }
  return out;
}

async function search(name: string, places: readonly Place[]): Promise<void> {
  const found = new Set<string>();
  const control = new Set<string>();
  for (const place of places) {
    await place((bytes) => {
      needles.find(bytes, found);
      planted.find(bytes, control);
    });
  }
  report(found.size === 0, `${name}: none of ${needles.size} secrets${
    found.size ? `, but ${[...found].join(", ")}` : ""}`);
  report(control.size > 0, `${name}: what was planted is found (${[...control].join(", ")})`);
}

// --- the run ---------------------------------------------------------------------

const words = {
  account: `${word("account").slice(0, 50)}@example.org`,
  password: word("password"),
  next: word("next-password"),
  last: word("last-password"),
  site: word("site"),
  question: word("question"),
  answer: word("answer"),
  later: word("later"),
};

let heard = 0;
const told = (name: string, hex: string) => {
  heard++;
  needles.secret(`${name} (${heard})`, fromHex(hex));
};

const traffic: Buffer[] = [];

async function person(context: BrowserContext): Promise<Page> {
  await context.exposeFunction("tellSecret", told);
  await context.addInitScript(`(${eavesdrop})(globalThis)`);
  const page = await context.newPage();
  page.on("websocket", (socket) => {
    const keep = ({ payload }: { payload: string | Buffer }) =>
      void traffic.push(Buffer.from(payload as Buffer));
    socket.on("framesent", keep);
    socket.on("framereceived", keep);
  });
  return page;
}

/** The shop is the customer's, not the service's. */
async function serveShop(snippet: string) {
  const server = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(`<!doctype html><title>Shop</title><h1>Shop</h1>${snippet}`);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  return { address: `http://shop.localhost:${port}/`, close: () => server.close() };
}

async function conversation(stage: Stage): Promise<string> {
  const browser = await openBrowser();
  const context = await newPerson(browser);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const inbox = new Customer(await person(context));
  try {
    await inbox.page.goto(`${stage.chat}/inbox.html`);
    const kit = await inbox.createAccount(words.account, words.password, 2);
    await inbox.keepKit(kit);
    const snippet = await inbox.copySnippet(words.site);
    await inbox.button("Open the inbox").click();
    for (const [name, text] of Object.entries(kit)) {
      if (name === "cid") continue;
      needles.words(`the kit's ${name}`, text);
      needles.words(`the kit's ${name} without hyphens`, text.replaceAll("-", ""));
    }
    const shop = await serveShop(snippet);
    const visitor = new Visitor(await person(await newPerson(browser)));
    await visitor.page.goto(shop.address);
    await visitor.open();
    await visitor.write(words.question);
    await inbox.openConversation(words.question);
    await inbox.sees(words.question);
    await inbox.write(words.answer);
    await visitor.sees(words.answer);
    await further(stage, kit);
    await visitor.write(words.later);
    await visitor.sees(words.later, "Sent");
    shop.close();
    return kit.cid;
  } finally {
    await browser.close();
  }
}

/** What is not done every day: another device, another password, the code. */
async function further(stage: Stage, kit: Parameters<Customer["fillLogin"]>[0]): Promise<void> {
  eavesdrop(Object.assign(globalThis, { tellSecret: told }));
  const { createInbox, nodePlatform } = await import("./lib.ts");
  const platform = () => nodePlatform({
    headers: { Host: new URL(stage.chat).host, Origin: stage.chat },
  });
  const service = { origin: stage.chat, url: stage.service.url };
  const device = createInbox({ service, platform: platform() });
  await device.start();
  await device.login({ ...kit, password: words.password, confirm: async () => true });
  let next = kit;
  const keep = async (made: typeof kit) => {
    needles.words("another Secret Key", made.secretKey);
    needles.words("another recovery code", made.recoveryCode);
    next = made;
    return true;
  };
  await device.change({ password: words.password, newPassword: words.next, keep });
  device.close();
  const recovered = createInbox({ service, platform: platform() });
  await recovered.start();
  await recovered.recover({
    account: kit.account, cid: kit.cid, recoveryCode: next.recoveryCode,
    newPassword: words.last, confirm: async () => true, keep,
  });
  recovered.close();
}

// --- what is to be found ------------------------------------------------------------

/** Something that the service has, in each place. */
async function plant(stage: Stage, cid: string): Promise<() => void> {
  const id = crypto.getRandomValues(new Uint8Array(32)) as Bytes;
  const path = word("path");
  planted.secret("an account id", id);
  planted.words("a path", path);
  planted.words("a chat code", cid.slice(0, 10));
  await fetch(`http://127.0.0.1:${stage.service.port}/${path}`);
  const sockets: WebSocket[] = [];
  for (let i = 0; i < 8; i++) {
    const socket = new WebSocket(`${stage.service.url}?c=${cid}`, f.subprotocol);
    sockets.push(socket);
    await new Promise((done) => (socket.onopen = done));
    const frame = f.encodeLoginStart(1, { accountId: id });
    socket.send(frame);
    traffic.push(Buffer.from(frame));
    await new Promise((done) => (socket.onmessage = done));
  }
  await sleep(200);
  return () => sockets.forEach((socket) => socket.close());
}

function processesOf(stage: Stage): { sidecar: number; nginx: number[] } {
  const { folder } = stage.service;
  const master = Number(readFileSync(join(folder, "nginx.pid"), "utf8"));
  const children = readFileSync(`/proc/${master}/task/${master}/children`, "utf8")
    .trim().split(" ").map(Number);
  return { sidecar: stage.service.sidecarPid!, nginx: [master, ...children] };
}

/** Lets processes crash, if the machine keeps what they leave. */
async function crash(pids: readonly number[], folder: string): Promise<string[]> {
  const pattern = readFileSync("/proc/sys/kernel/core_pattern", "utf8").trim();
  if (/[|/]/.test(pattern)) {
    console.log(`# cores go to "${pattern}" on this machine: memory stands for them`);
    return [];
  }
  for (const pid of pids) {
    execFileSync("prlimit", ["--core=unlimited", "--pid", String(pid)]);
    process.kill(pid, "SIGABRT");
  }
  await sleep(1_500);
  return (await readdir(folder))
    .filter((name) => name.startsWith("core")).map((name) => join(folder, name));
}

/** The same search finds each way of writing a secret down. */
function checkSearch(): void {
  const own = new Needles();
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const said = word("said");
  own.secret("secret", secret);
  own.words("words", said);
  const forms = [
    secret, Buffer.from(Buffer.from(secret).toString("hex")),
    Buffer.from(Buffer.from(secret).toString("base64")),
    Buffer.from(toBase64Url(secret)), Buffer.from(said), Buffer.from(said, "utf16le"),
    ...["", "x", "xy"].map((before) => Buffer.from(btoa(`${before}{"text":"${said}"}`))),
  ];
  const missed = forms.filter((form) => {
    const found = new Set<string>();
    own.find(Buffer.concat([Buffer.alloc(5, 1), form, Buffer.alloc(20, 2)]), found);
    return found.size === 0;
  });
  report(missed.length === 0, `the search knows ${forms.length} ways of writing things down`);
}

async function main(): Promise<boolean> {
  const begun = performance.now();
  checkSearch();
  for (const [name, text] of Object.entries(words)) needles.words(name, text);
  const stage = await startStage({ sanitized: false, logLevel: "debug" });
  const { folder } = stage.service;
  const link: Buffer[] = [];
  stage.link.tap = (bytes) => void link.push(Buffer.from(bytes));
  let ended = false;
  try {
    const cid = await conversation(stage);
    report(heard > 50, `the run told ${heard} keys and what they are made of`);
    const leave = await plant(stage, cid);
    const { sidecar, nginx } = processesOf(stage);
    await search("sealchatd's memory", [memoryOf(sidecar)]);
    await search("nginx's memory", nginx.map(memoryOf));
    const files = await filesBelow(folder);
    const logs = files.filter((path) => /\.(log|out)$/.test(path));
    const own = (look: (bytes: Uint8Array) => void, all: Buffer[]) => look(Buffer.concat(all));
    await search("the logs", logs.map(fileAt));
    const records = await filesBelow(stage.store);
    planted.secret("a chat code's bytes", Uint8Array.from(Buffer.from(cid, "base64url")));
    await search("the database", records.map(fileAt));
    await search("the link", [(look) => own(look, link)]);
    await search("the decrypted WebSocket traffic", [(look) => own(look, traffic)]);
    ended = true;
    const cores = await crash([sidecar, nginx[1]!], folder);
    if (cores.length) await search("core dumps", cores.map(fileAt));
    leave();
  } finally {
    await stage.stop().catch((error) => {
      // They crashed, as they were told to.
      if (!ended) throw error;
    });
  }
  console.log(`# ${Math.round((performance.now() - begun) / 1000)} s`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

process.exit((await main()) ? 0 : 1);
