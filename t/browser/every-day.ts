// What people do every day, told once for both browsers: writing at the same
// time, reading, searching, working by keys, closing, a page that dresses the
// chat and speaks to it, a second tab that takes over, deleting.

import assert from "node:assert/strict";
import { after, before, describe } from "node:test";

import { assertAccessible } from "./axe.ts";
import { complaints, until } from "./browser.ts";
import type { EngineName, Tab } from "./driver.ts";
import { openEngine, socketsOf, type Engine } from "./engine.ts";
import { Customer, Visitor } from "./people.ts";
import { digitsOf } from "./qr.ts";
import { startSite, type Site } from "./site.ts";
import { steps } from "./steps.ts";

const PASSWORD = "a kiln that never cools";
const NAME = "Kiln & Tide";

/** What the widget gives to its page. */
interface Api {
  readonly unread: number;
  open(): void;
  close(): void;
  on(event: string, listener: (unread: number) => void): void;
}

type Page = typeof globalThis & { SealChat: Api; heard: number[] };

let engine: Engine;
let site: Site;
let snippet: string;
let inbox: Customer<Tab>;

async function openShop(): Promise<Visitor<Tab>> {
  const page = await (await engine.newPerson()).newPage();
  await page.goto(`${site.shop}/`);
  return new Visitor(page);
}

/** A visitor whose first words the customer has before them. */
async function talking(text: string): Promise<Visitor<Tab>> {
  const visitor = await openShop();
  await visitor.open();
  await visitor.write(text);
  await inbox.openConversation(text);
  await inbox.sees(text);
  return visitor;
}

function attributeOf(visitor: Visitor<Tab>, name: string): Promise<string | null> {
  return visitor.page.locator("sealchat-widget .sc").getAttribute(name);
}

/** Where the left edge of a part of the widget is. */
async function leftOf(visitor: Visitor<Tab>, css: string): Promise<number> {
  const [left] = await visitor.page
    .locator(`sealchat-widget ${css}`)
    .evaluateAll((all) => all.map((e) => e.getBoundingClientRect().left));
  return left ?? NaN;
}

function groundOf(visitor: Visitor<Tab>, css: string): Promise<string[]> {
  return visitor.page
    .locator(`sealchat-widget ${css}`)
    .evaluateAll((all) => all.map((e) => getComputedStyle(e).backgroundColor));
}

function talk(): void {
  const step = steps();
  let visitor: Visitor<Tab>;
  let tab: Visitor<Tab>;

  step("a customer puts the chat on the shop", async () => {
    const page = await (await engine.newPerson()).newPage();
    await page.goto(`${site.chat}/inbox.html`);
    inbox = new Customer(page);
    await inbox.keepKit(await inbox.createAccount("every.day", PASSWORD, 2));
    snippet = await inbox.copySnippet(NAME);
    await site.placeSnippet(snippet);
    await inbox.button("Open the inbox").click();
  });

  step("each sees that the other is writing", async () => {
    visitor = await talking("Do you repair handles?");
    await visitor.page.locator("sealchat-widget textarea").click();
    await visitor.page.keyboard.type("It broke");
    await inbox.page.getByText("is writing…").waitFor();
    await visitor.page.keyboard.press("Enter");
    await inbox.sees("It broke");

    await inbox.page.locator(".conversation textarea").click();
    await inbox.page.keyboard.type("We do");
    await visitor.panel.locator(".typing").waitFor();
    await inbox.page.keyboard.press("Enter");
    await visitor.sees("We do");
    await visitor.panel.locator(".typing").waitFor({ state: "detached" });
  });

  step("who looked at a message has read it", async () => {
    // Who looks at a page has it in front.
    await visitor.page.locator("sealchat-widget textarea").click();
    await inbox.sees("We do", "Read");
  });

  step("links lead where they say", async () => {
    await inbox.write("Prices: https://kiln.example/repair.");
    const link = visitor.panel.locator(".said a");
    await link.waitFor();
    assert.equal(await link.getAttribute("href"), "https://kiln.example/repair");
    assert.match((await link.getAttribute("rel")) ?? "", /noopener noreferrer/);
  });

  step("the inbox is searched and worked by keys", async () => {
    const { page } = inbox;
    const row = inbox.list.locator(".row");
    const search = page.getByLabel("Search conversations");

    await page.locator(".conversation textarea").focus();
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type("no such word");
    await page.getByText("Nothing found").waitFor();
    await search.fill("REPAIR handles");
    await row.waitFor();
    await search.fill("");
    await page.keyboard.press("Escape");

    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  step("a closed conversation is told, and a message opens it again", async () => {
    const { page } = inbox;
    const row = inbox.list.locator(".row");

    await page.keyboard.press("e");
    await page.getByText("Nothing is open").waitFor();
    await visitor.panel.getByText("This conversation is closed").waitFor();
    await inbox.button("Show closed conversations").click();
    await row.waitFor();
    await visitor.write("One thing more");
    await page.getByText("Nothing is closed").waitFor();
    await page.locator(".switch button").first().click();
    await row.click();
    await inbox.sees("One thing more");
  });

  step("of two tabs one is connected; when it goes the other takes over", async () => {
    const page = await visitor.page.context().newPage();
    await page.goto(`${site.shop}/`);
    tab = new Visitor(page);
    await tab.open();
    await tab.sees("One thing more", "Sent", "Delivered");
    assert.equal(await socketsOf(page), 0);

    const closed = performance.now();
    await visitor.page.close();
    await until("sockets", () => socketsOf(page), (count) => count === 1);
    console.log(`handed over after ${Math.round(performance.now() - closed)} ms`);
    await tab.write("From the tab that stayed");
    await tab.sees("From the tab that stayed", "Sent", "Delivered");
    await inbox.sees("From the tab that stayed");
    await inbox.showsExactly(await tab.texts());
  });

  step("a code lets another device go on, and the shop sees one visitor", async () => {
    const { panel, page } = tab;
    const rows = await inbox.list.locator(".row").count();

    await panel.getByRole("button", { name: "More" }).click();
    await panel.getByRole("button", { name: "Continue on another device" }).click();
    await panel.locator(".safety").waitFor();
    const [code = ""] = await panel.locator(".safety").evaluateAll((all) =>
      all.map((e) => [...e.children].map((group) => group.textContent).join("-")));
    assert.match(code, /^([0-9A-Z]{5}-){6}[0-9A-Z]{2}$/);
    await panel.getByRole("button", { name: "Copy" }).click();
    await panel.getByText("Copied").waitFor();
    await assertAccessible(page, "the page with the code");
    await page.keyboard.press("Escape");

    const phone = await openShop();
    await phone.open();
    await phone.panel.getByRole("button", { name: "More" }).click();
    await phone.panel.getByRole("button", { name: "I have a code" }).click();
    const field = phone.panel.getByLabel("I have a code");
    const enter = phone.panel.getByRole("button", { name: "Continue" });
    await field.fill(code.replace(/.$/, (last) => (last === "0" ? "1" : "0")));
    await enter.click();
    await phone.panel.getByText("No conversation has this code").waitFor();
    await assertAccessible(phone.page, "the page that asks for the code");
    await field.fill(code.toLowerCase());
    await enter.click();
    await phone.sees("From the tab that stayed");
    await phone.showsExactly(await tab.texts());
    assert.equal(await phone.safetyNumber(), await tab.safetyNumber());
    const shown = (await phone.safetyNumber()).replace(/\D/g, "");
    assert.equal(digitsOf(await inbox.safetyPicture()), shown);
    assert.equal(digitsOf(await phone.safetyPicture()), shown);

    await phone.write("And now from the phone");
    await phone.sees("And now from the phone", "Sent", "Delivered");
    await inbox.sees("And now from the phone");
    await inbox.write("Good to hear");
    await phone.sees("Good to hear");
    await tab.sees("Good to hear");
    await tab.sees("And now from the phone");
    await inbox.showsExactly(await phone.texts());
    assert.equal(await inbox.list.locator(".row").count(), rows);
    await phone.page.context().close();
  });

  step("the visitor ends and deletes, and begins anew", async () => {
    const { panel } = tab;

    await panel.getByRole("button", { name: "More" }).click();
    await panel.getByRole("button", { name: "End and delete" }).click();
    await panel.getByRole("button", { name: "End and delete" }).click();
    await panel.getByText("This conversation is deleted").waitFor();
    await tab.showsExactly([]);
    await inbox.page.getByText("was deleted at the service").waitFor();
    await tab.page.reload();
    await tab.open();
    await tab.showsExactly([]);
    await tab.write("Another matter");
    await tab.sees("Another matter", "Sent", "Delivered");
    await tab.page.context().close();
  });

  step("the customer deletes a conversation for good", async () => {
    await inbox.openConversation("Another matter");
    await inbox.button("Delete").click();
    await inbox.button("Delete for good").click();
    await until(
      "rows",
      () => inbox.list.locator(".row", { hasText: "Another matter" }).count(),
      (count) => count === 0,
    );
  });
}

function dress(): void {
  const step = steps();

  step("a page dresses the chat", async () => {
    await site.placeSnippet(
      snippet.replace(
        " defer",
        ' data-color="#9a4f2c" data-position="left" data-agent="Ida Berg"' +
          ' data-greeting="Ask me about glazes." data-theme="dark" defer',
      ),
    );
    const visitor = await openShop();
    await visitor.launcher.waitFor();
    assert.deepEqual(await groundOf(visitor, ".launcher"), ["rgb(154, 79, 44)"]);
    await visitor.open();
    await visitor.panel.getByText("Ask me about glazes.").waitFor();
    assert.equal(await visitor.panel.locator("h2").innerText(), "Ida Berg");
    assert.ok((await leftOf(visitor, ".panel")) < 100);
    assert.deepEqual(await groundOf(visitor, ".panel"), ["rgb(18, 22, 29)"]);
    await visitor.page.context().close();
  });

  for (const [language, direction, placeholder] of [
    ["de", "ltr", "Nachricht schreiben"],
    ["fr", "ltr", "Écrire un message"],
    ["es", "ltr", "Escriba un mensaje"],
    ["ar", "rtl", "اكتب رسالة"],
  ] as const) {
    step(`it speaks ${language}`, async () => {
      await site.placeSnippet(
        snippet.replace(" defer", ` data-lang="${language}" defer`),
      );
      const visitor = await openShop();
      await visitor.open();
      assert.equal(await attributeOf(visitor, "dir"), direction);
      assert.equal(await attributeOf(visitor, "lang"), language);
      assert.equal(
        await visitor.panel.locator("textarea").getAttribute("placeholder"),
        placeholder,
      );
      assert.equal((await leftOf(visitor, ".launcher")) < 100, direction === "rtl");
      await visitor.page.context().close();
    });
  }

  step("the page's scripts open and close it, and hear of messages", async () => {
    await site.placeSnippet(snippet);
    const visitor = await talking("Do you hear me?");
    const { page } = visitor;

    await page.evaluate(() => {
      const own = globalThis as Page;
      own.heard = [];
      own.SealChat.on("message", (unread) => own.heard.push(unread));
      own.SealChat.close();
    });
    await visitor.panel.waitFor({ state: "detached" });
    await inbox.write("We do");
    await visitor.launcher.locator(".badge").waitFor();
    await until(
      "what the page heard",
      () => page.evaluate(() => (globalThis as Page).heard.join()),
      (heard) => heard === "1",
    );
    await page.evaluate(() => (globalThis as Page).SealChat.open());
    await visitor.sees("We do");
    await page.locator("sealchat-widget textarea").click();
    await until(
      "unread",
      () => page.evaluate(() => (globalThis as Page).SealChat.unread),
      (unread) => unread === 0,
    );
  });

  step("the customer renews the keys with the password", async () => {
    await inbox.page.getByRole("link", { name: "Settings" }).click();
    const password = inbox.page.getByLabel("Renew with your password");
    await password.fill(`${PASSWORD}.`);
    await inbox.button("Renew").click();
    await inbox.page.getByText("not the password").waitFor();
    await password.fill(PASSWORD);
    await inbox.button("Renew").click();
    await inbox.page.getByText("Renewed", { exact: true }).waitFor();
  });

  step("no page complained", async () => {
    assert.deepEqual(complaints, []);
  });
}

export function tellEveryDay(name: EngineName): void {
  describe(`every day in ${name}`, () => {
    before(async () => {
      site = await startSite();
      engine = await openEngine(name);
    });
    after(async () => {
      await engine?.close();
      await site?.stop();
    });

    talk();
    dress();
  });
}
