// The inbox as a tool: what people who sit in it all day do with it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import type { Browser, BrowserContext, Page } from "playwright-core";

import {
  complaints,
  DESKTOP,
  gallery,
  newPerson,
  openBrowser,
  PHONE,
  screenshot,
  until,
} from "./browser.ts";
import { Customer, type Kit } from "./people.ts";
import { startSite, type Site } from "./site.ts";
import { nodeVisitor, type NodeVisitor } from "./visitors.ts";

const ACCOUNT = "hello@kiln-and-tide.example";
const PASSWORD = "salt glaze on a grey morning";

let browser: Browser;
let site: Site;
let context: BrowserContext;
let page: Page;
let inbox: Customer;
let kit: Kit;
let snippet: string;
const visitors: NodeVisitor[] = [];

const LINES = [
  ["Hello, do you ship the Harbour jug to Norway?"],
  ["Is the café mug safe in the dishwasher?", "The blue one, I mean."],
  ["I would like forty bowls for a restaurant in June. Who could I talk to?"],
  ["Thank you, it arrived whole and it is beautiful."],
] as const;

async function newInbox(): Promise<Customer> {
  const own = await newPerson(browser);
  await own.grantPermissions(["clipboard-read", "clipboard-write"]);
  const tab = await own.newPage();
  await tab.goto(`${site.chat}/inbox.html`);
  return new Customer(tab);
}

before(async () => {
  browser = await openBrowser();
  site = await startSite();
  inbox = await newInbox();
  page = inbox.page;
  context = page.context();
});

after(async () => {
  for (const { chat } of visitors) chat.close();
  await browser?.close();
  await site?.stop();
});

/** What the rows of the list say, from the top. */
function rows(): Promise<string[]> {
  return page
    .locator(".list .row-last")
    .evaluateAll((all) => all.map((row) => row.textContent ?? ""));
}

async function rowsAre(texts: readonly string[]): Promise<void> {
  await until("rows", rows, (shown) => shown.join("|") === texts.join("|"));
}

const row = (text: string) => page.locator(".list .row", { hasText: text });

describe("setting up", () => {
  test("each step opens after the one before; the kit has to be read off", async () => {
    await gallery(page, "create-account");
    kit = await inbox.createAccount(ACCOUNT, PASSWORD, 2);
    assert.equal(await page.getByLabel("Name that visitors see").count(), 0);
    await gallery(page, "kit");

    await inbox.button("I have printed or saved it").click();
    // The kit is out of sight while it is asked for.
    assert.equal(await page.getByText(kit.recoveryCode).count(), 0);
    const fields = page.locator(".groups input");
    await fields.first().fill("AAAAA");
    await fields.last().fill("BBBBB");
    await inbox.button("Continue").click();
    await page.getByText("That is not what the kit says").first().waitFor();
    assert.equal(await page.getByLabel("Name that visitors see").count(), 0);
    await gallery(page, "kit-wrong-group");

    await inbox.button("Show the kit again").click();
    await inbox.keepKit(kit);
    snippet = await inbox.copySnippet("Kiln & Tide");
    await gallery(page, "site");
  });

  test("the check of a site: nothing there, then another release", async () => {
    const address = page.getByLabel("Your page with the snippet");

    await address.fill("no address");
    await inbox.button("Check my page").click();
    await page.getByText("Type the address of a page").waitFor();

    // The shop has no snippet yet, so its page stays silent.  As people type
    // it: without a scheme.
    await address.fill(new URL(site.shop).host);
    const [silent] = await Promise.all([
      context.waitForEvent("page"),
      inbox.button("Check my page").click(),
    ]);
    await page.getByText(/Waiting for shop.localhost/).waitFor();
    await gallery(page, "site-check-waits");
    assert.match(silent.url(), /^http:.*#sealchat-check=[A-Za-z0-9_-]{22}$/);
    assert.equal(await silent.evaluate("window.opener"), null);

    // A page with another release answers under the same code.
    const code = silent.url().split("=")[1] ?? "";
    const other = await nodeVisitor(site, kit.cid, new Uint8Array(32).fill(7));
    visitors.push(other);
    await other.chat.report(new Uint8Array(Buffer.from(code, "base64url")));
    await page.locator('[data-check="bad"]').waitFor();
    await gallery(page, "site-check-bad");
    await silent.close();

    await inbox.button("Open the inbox").click();
    await gallery(page, "empty");
  });
});

describe("a desk with conversations", () => {
  before(async () => {
    for (const lines of LINES) {
      const visitor = await nodeVisitor(site, kit.cid);
      visitors.push(visitor);
      for (const line of lines) await visitor.says(line);
      await row(lines.at(-1) ?? "").waitFor();
    }
  });

  test("the newest is on top, counts are shown, the title says how many", async () => {
    await rowsAre(LINES.map((lines) => lines.at(-1) ?? "").reverse());
    assert.equal(
      await row("The blue one").locator(".count").innerText(),
      "2\nunread",
    );
    await until("the title", () => page.title(), (title) => /^\(5\) /.test(title));
    await gallery(page, "list");
  });

  test("the search finds words without case and accents, in closed ones too", async () => {
    await page.keyboard.press("/");
    assert.equal(await page.evaluate("document.activeElement.id"), "search");
    await page.keyboard.type("CAFE dish");
    await rowsAre(["Is the café mug safe in the dishwasher?"]);
    await gallery(page, "search");

    await page.getByLabel("Search conversations").fill("nowhere to be found");
    await page.getByText("Nothing found").waitFor();
    await gallery(page, "search-nothing");
    await page.locator(".list-empty button").click();
    assert.equal((await rows()).length, LINES.length);
  });

  test("j and k move, Enter opens, r replies, Escape leaves the field", async () => {
    await page.locator("body").click({ position: { x: 700, y: 700 } });
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await inbox.sees(LINES[2][0]);

    await page.keyboard.press("r");
    await page.keyboard.type("Ask for Ida");
    assert.equal(await page.locator(".conversation textarea").inputValue(), "Ask for Ida");
    await page.keyboard.press("Enter");
    await inbox.sees("Ask for Ida", "Sent");
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate("document.activeElement.localName"), "body");
    await gallery(page, "answered");
  });

  test("the list shows who waits longest when asked", async () => {
    await inbox.button("Longest wait").click();
    // Bowls were answered, so nobody waits there.
    await rowsAre([
      LINES[0][0],
      "The blue one, I mean.",
      LINES[3][0],
      "You: Ask for Ida",
    ]);
    await page.locator(".row-waits").first().waitFor();
    await gallery(page, "longest-wait");

    await page.reload();
    await rowsAre([
      LINES[0][0],
      "The blue one, I mean.",
      LINES[3][0],
      "You: Ask for Ida",
    ]);
    await inbox.button("Longest wait").click();
  });

  test("e closes, the filter shows closed ones, what is written reopens", async () => {
    await row(LINES[3][0]).click();
    await inbox.sees(LINES[3][0]);
    await page.keyboard.press("e");
    await page.getByText("Closed. A reply").waitFor();
    await until("open rows", rows, (shown) => shown.length === 3);

    await inbox.button("Closed").first().click();
    await rowsAre([LINES[3][0]]);
    await gallery(page, "closed");

    await visitors.at(-1)?.says("One more thing: do you repair handles?");
    await page.getByText("Nothing is closed").waitFor();
    await inbox.button("Open").first().click();
    await row("do you repair handles").waitFor();
    await gallery(page, "reopened");
  });

  test("the visitor's typing shows, and what one types is told", async () => {
    const last = visitors.at(-1);
    last?.chat.composing();
    await page.getByText("is writing…").waitFor();
    await page.locator(".row-last.typing").waitFor();
    await gallery(page, "typing");

    await page.locator(".conversation textarea").click();
    await page.keyboard.type("Yes, ");
    await until(
      "typing at the visitor's",
      async () => last?.chat.typing,
      (typing) => typing === true,
    );
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Backspace");
  });

  test("what the visitor has seen is read", async () => {
    await inbox.write("We do. Send us a picture of it.");
    await inbox.sees("We do. Send us a picture of it.", "Sent");
    const last = visitors.at(-1)?.chat;
    await until(
      "what the visitor has",
      async () => last?.messages.at(-1)?.text,
      (text) => text === "We do. Send us a picture of it.",
    );
    last?.seen();
    await inbox.sees("We do. Send us a picture of it.", "Read");
    await screenshot(page, "read");
  });

  test("? shows every key; single keys can be off", async () => {
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await gallery(page, "help");
    await page.getByLabel("Single keys work").uncheck();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });

    await page.keyboard.press("?");
    assert.equal(await page.getByRole("dialog").count(), 0);
    await inbox.button("Keyboard").click();
    await page.getByLabel("Single keys work").check();
    await inbox.button("Close").last().click();
  });

  test("a conversation is saved as text", async () => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      inbox.button("Save as text").click(),
    ]);
    const text = await readFile(await download.path(), "utf8");

    assert.match(download.suggestedFilename(), /^sealchat-[a-z-]+\.txt$/);
    assert.match(text, /^Safety number: \d{5}( \d{5}){5}$/m);
    assert.match(text, /^\d{4}-\d\d-\d\d \d\d:\d\d {2}You \(Device [0-9A-F]{4}\): We do\./m);
    for (const line of LINES[3]) assert.ok(text.includes(line));
  });

  test("deleting asks first, removes it here and at the service, and tells the visitor", async () => {
    const doomed = visitors.at(-2);
    const text = LINES[2][0];
    await row("Ask for Ida").click();
    await inbox.sees(text);
    await inbox.button("Delete").click();
    await gallery(page, "delete");
    await inbox.button("Keep it").click();
    await inbox.sees(text);

    await inbox.button("Delete").click();
    await inbox.button("Delete for good").click();
    await until("rows", rows, (shown) => shown.length === 3);
    await until(
      "what the visitor knows",
      async () => doomed?.chat.deleted,
      (deleted) => deleted === true,
    );
    await page.reload();
    await until("rows", rows, (shown) => shown.length === 3);
    assert.equal(await row("Ask for Ida").count(), 0);
  });

  test("a conversation that the visitor deleted stays here as a copy", async () => {
    const gone = await nodeVisitor(site, kit.cid);
    visitors.push(gone);
    await gone.says("Please forget that I wrote");
    await row("Please forget").click();
    await inbox.sees("Please forget that I wrote");
    await gone.chat.endAndDelete();
    await page.getByText("was deleted at the service").waitFor();
    assert.equal(await page.locator(".conversation textarea").count(), 0);
    await gallery(page, "deleted");
    await inbox.button("Remove it here too").click();
    await inbox.button("Delete for good").click();
    await until("rows", rows, (shown) => shown.length === 3);
  });

  test("visitors with another release are noted, and the note put away", async () => {
    const old = await nodeVisitor(site, kit.cid, new Uint8Array(32).fill(9));
    visitors.push(old);
    await old.says("From an old page");
    await page.getByText("another release of the chat").first().waitFor();
    await gallery(page, "other-release");
    await page
      .locator(".desk-note", { hasText: "another release" })
      .getByRole("button", { name: "Put this note away" })
      .click();
    await page.reload();
    await row("From an old page").waitFor();
    assert.equal(
      await page.locator(".desk-note", { hasText: "another release" }).count(),
      0,
    );
  });
});

/** Runs in the page: what it would have shown on the desktop. */
function recordNotifications(): void {
  const shown: string[] = [];

  Object.assign(globalThis, { shown });
  globalThis.Notification = class extends EventTarget {
    static permission = "default";
    static async requestPermission() {
      this.permission = "granted";
      return "granted";
    }
    onclick: unknown;
    constructor(title: string) {
      super();
      shown.push(title);
    }
    close() {}
  } as unknown as typeof Notification;
}

describe("devices and notifications", () => {
  test("notifications are asked for by a click, and hold no word of a message", async () => {
    // A headless browser has no desktop, so what it would show is recorded.
    await context.addInitScript(recordNotifications);
    await page.reload();
    await page.getByText("Turn on notifications").waitFor();
    await gallery(page, "notifications-asked");
    await inbox.button("Turn on notifications").click();
    await page.getByText("Turn on notifications").waitFor({ state: "detached" });

    await page.evaluate(() =>
      Object.defineProperty(document, "hasFocus", { value: () => false }),
    );
    await visitors.at(-1)?.says("Anybody there?");
    const shown = await until(
      "notifications",
      () => page.evaluate<string[]>("globalThis.shown"),
      (list) => list.length > 0,
    );
    assert.equal(shown.length, 1);
    assert.match(shown[0] ?? "", /^New message from [A-Z][a-z]+ [a-z]+$/);
  });

  test("the password renews the keys; a wrong one changes nothing", async () => {
    await page.getByRole("link", { name: "Settings" }).click();
    const password = page.getByLabel("Renew with your password");
    await password.fill(`${PASSWORD}.`);
    await inbox.button("Renew").click();
    await page.getByRole("alert").getByText("not the password").waitFor();
    await gallery(page, "settings-wrong-password");
    await password.fill(PASSWORD);
    await inbox.button("Renew").click();
    await page.getByText("Renewed", { exact: true }).waitFor();
    await gallery(page, "settings");
  });

  test("the check of a site that has the snippet is green", async () => {
    await site.placeSnippet(snippet);
    const [good] = await Promise.all([
      context.waitForEvent("page"),
      inbox.button("Check my page").click(),
    ]);
    await page.locator('[data-check="good"]').waitFor();
    await page.getByText("which could forge it").waitFor();
    await gallery(page, "site-check-good");
    await good.close();
  });

  test("details and list on a phone", async () => {
    await page.setViewportSize(PHONE);
    await inbox.button("Back").click();
    await inbox.list.waitFor();
    await row("repair handles").or(row("Send us a picture")).first().click();
    await screenshot(page, "phone-conversation");
    await inbox.button("Details").click();
    await gallery(page, "details");
    await page.setViewportSize(DESKTOP);
  });

  test("a self-hosted inbox works from an origin that the service allows", async () => {
    const own = await newPerson(browser);
    const tab = await own.newPage();
    const other = new Customer(tab);

    await tab.goto(`${site.elsewhere}/inbox.html`);
    await tab.getByText("apart from the chat service").waitFor();
    await other.fillLogin(kit, PASSWORD);
    await other.confirmDevices();
    await other.openConversation("Anybody there?");
    await gallery(tab, "self-hosted");
    await other.write("From an inbox of our own");
    await other.sees("From an inbox of our own", "Sent");
    await own.close();
  });

  test("an origin that the service does not allow is told so", async () => {
    const own = await newPerson(browser);
    const tab = await own.newPage();
    const other = new Customer(tab);

    await tab.goto(`${site.stranger}/inbox.html`);
    await other.fillLogin(kit, PASSWORD);
    await tab.getByRole("alert").waitFor();
    assert.match(
      await tab.getByRole("alert").innerText(),
      /cannot be reached.*allow/s,
    );
    await gallery(tab, "origin-refused");
    await own.close();
  });

  test("no page complained", () => assert.deepEqual(complaints, []));
});
