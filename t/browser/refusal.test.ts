// A widget whose chat cannot be verified sends nothing, and says so; one whose
// service is away waits.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import type { Browser } from "playwright-core";

import {
  complaints,
  gallery,
  newPerson,
  openBrowser,
  screenshot,
  until,
} from "./browser.ts";
import { Customer, Visitor } from "./people.ts";
import { startSite, type Site } from "./site.ts";

const PASSWORD = "salt glaze on a grey morning";

let browser: Browser;
let site: Site;
let cid: string;
let otherCid: string;
let snippet: string;

async function register(account: string) {
  const context = await newPerson(browser);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], {
    origin: site.chat,
  });
  const page = await context.newPage();
  await page.goto(`${site.chat}/inbox.html`);
  const inbox = new Customer(page);
  const kit = await inbox.createAccount(account, PASSWORD, 2);
  await inbox.keepKit(kit);
  const text = await inbox.copySnippet("Kiln & Tide");
  await context.close();
  return { cid: kit.cid, snippet: text };
}

before(async () => {
  browser = await openBrowser();
  site = await startSite();
  ({ cid, snippet } = await register("the.shop"));
  ({ cid: otherCid } = await register("somebody.else"));
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

async function openShop(): Promise<Visitor> {
  const page = await (await newPerson(browser)).newPage();
  await page.goto(`${site.shop}/`);
  return new Visitor(page);
}

/** Type of the frame that carries a message: include/sealchat/frames.h. */
const SEND = 0x05;

describe("a chat that cannot be verified or reached", () => {
  test("another customer's roster is refused, in plain words", async () => {
    // A service that answers for the shop with another customer's keys.
    await site.swapCustomer(otherCid);
    await site.placeSnippet(snippet.replaceAll(site.chat, site.hostile));

    const visitor = await openShop();
    const sent: number[] = [];
    visitor.page.on("websocket", (socket) =>
      socket.on("framesent", ({ payload }) => {
        if (typeof payload !== "string") sent.push(payload[0] ?? 0);
      }),
    );
    await visitor.open();
    await visitor.alarm.waitFor();

    assert.equal(
      await visitor.alarm.getAttribute("data-code"),
      "roster-other-identity",
    );
    assert.match(
      await visitor.alarm.innerText(),
      /This site's chat could not be verified, so nothing was sent\.\s+Ask the owner to check the chat code on this page\./,
    );
    assert.equal(await visitor.panel.locator("textarea").count(), 0);
    // "Only you and ... can read this" would promise too much now.
    assert.equal(await visitor.lock.count(), 0);
    assert.ok(!sent.includes(SEND));
    await gallery(visitor.page, "widget-refuses");
  });

  test("a chat code that nobody has is refused", async () => {
    const unknown = `${cid[0] === "A" ? "B" : "A"}${cid.slice(1)}`;
    await site.placeSnippet(snippet.replace(cid, unknown));

    const visitor = await openShop();
    await visitor.open();
    await visitor.alarm.waitFor();
    assert.equal(await visitor.alarm.getAttribute("data-code"), "not-here");
    assert.match(await visitor.alarm.innerText(), /nothing was sent/);
    assert.equal(await visitor.panel.locator("textarea").count(), 0);
    await screenshot(visitor.page, "widget-unknown");
  });

  test("a widget that does not match its hash does not run", async () => {
    await site.placeSnippet(
      snippet.replace(/sha384-./, (start) =>
        start.endsWith("A") ? "sha384-B" : "sha384-A",
      ),
    );

    const visitor = await openShop();
    await visitor.page.waitForLoadState("load");
    await until(
      "the browser's complaint",
      async () => complaints,
      (list) => list.some((words) => /integrity/.test(words)),
    );
    assert.equal(await visitor.page.locator("sealchat-widget").count(), 0);
  });

  test("a first message waits for a service that is away", async () => {
    await site.placeSnippet(snippet);
    await site.killSidecar();

    const visitor = await openShop();
    await visitor.open();
    await visitor.write("Is this thing on?");
    await visitor.sees("Is this thing on?", "Sending");
    await visitor.page.getByText("Your message is kept on this device").waitFor();
    await screenshot(visitor.page, "widget-first-offline");

    await site.startSidecar();
    await visitor.sees("Is this thing on?", "Sent", "Delivered");
  });

  test("with its own keys the same shop works", async () => {
    await site.placeSnippet(snippet);

    const visitor = await openShop();
    await visitor.open();
    await visitor.write("Is anybody there?");
    await visitor.sees("Is anybody there?", "Sent", "Delivered");
  });
});
