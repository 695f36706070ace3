// A flood of new sessions, and a visitor who is not welcome, as people see
// them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import type { Browser, Page } from "playwright-core";

import {
  complaints, gallery, newPerson, openBrowser, until,
} from "./browser.ts";
import { Customer, Visitor, type Kit } from "./people.ts";
import { startSite, type Site } from "./site.ts";
import { nodeVisitor } from "./visitors.ts";

const PASSWORD = "salt glaze on a grey morning";
const LIMITS = [
  "puzzle_address = 5/h", "puzzle_bits = 14", "puzzle_customer = none",
  "puzzle_account = none", "sessions_address = none", "messages_session = none",
].join("\n");

let browser: Browser;
let site: Site;
let inbox: Customer;
let kit: Kit;
let visitor: Visitor;

async function openInbox(): Promise<Customer> {
  const context = await newPerson(browser);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], {
    origin: site.chat,
  });
  const page = await context.newPage();
  await page.goto(`${site.chat}/inbox.html`);
  return new Customer(page);
}

before(async () => {
  browser = await openBrowser();
  site = await startSite({ limits: LIMITS });
  inbox = await openInbox();
  kit = await inbox.createAccount("the.shop", PASSWORD, 2);
  await inbox.keepKit(kit);
  await site.placeSnippet(await inbox.copySnippet("Kiln & Tide"));
  await inbox.page.goto(`${site.chat}/inbox.html`);
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

function metric(name: string): number {
  const line = site.metrics().split("\n").find((l) => l.startsWith(`${name} `));
  assert.ok(line, `no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

const solved = () => metric('sealchatd_puzzles_total{solved="yes"}');

/** From now on: the longest time for which the page did nothing else, ms. */
function watch(page: Page): Promise<void> {
  return page.evaluate(() => {
    const { port1, port2 } = new MessageChannel();
    let last = performance.now();
    const watched = { longest: 0, turns: 0 };

    (globalThis as Record<string, unknown>).watched = watched;
    port1.onmessage = () => {
      const now = performance.now();
      watched.longest = Math.max(watched.longest, now - last);
      watched.turns++;
      last = now;
      setTimeout(() => port2.postMessage(0));
    };
    port2.postMessage(0);
  });
}

const watched = (page: Page) =>
  page.evaluate(() =>
    (globalThis as unknown as { watched: { longest: number; turns: number } })
      .watched);

describe("a flood of new sessions", () => {
  test("makes a visitor's browser solve a puzzle, and the visitor notices a moment at most", async (t) => {
    for (let i = 0; i < 5; i++) {
      const one = await nodeVisitor(site, kit.cid);
      await one.says(`flood ${i}`);
      one.chat.close();
    }
    assert.equal(solved(), 0);

    const page = await (await newPerson(browser)).newPage();
    await page.goto(`${site.shop}/`);
    visitor = new Visitor(page);
    await visitor.open();
    await watch(page);
    const begun = performance.now();
    await visitor.write("Do you fire stoneware?");
    await visitor.sees("Do you fire stoneware?", "Sent", "Delivered", "Read");
    const took = performance.now() - begun;
    const { longest, turns } = await watched(page);

    assert.equal(solved(), 1);
    assert.equal(await visitor.alarm.count(), 0);
    // The page went on between the batches.
    assert.ok(turns > 1);
    t.diagnostic(
      `sent after ${took.toFixed(0)} ms; longest block ${longest.toFixed(0)} ms`);
  });

  test("asks nothing of a conversation that is there", async () => {
    await visitor.page.reload();
    await visitor.open();
    await visitor.write("And earthenware?");
    await visitor.sees("And earthenware?", "Sent", "Delivered", "Read");
    assert.equal(solved(), 1);
  });
});

describe("a visitor who is not welcome", () => {
  let second: Customer;

  test("is blocked after a question, and every device shows it", async () => {
    second = await openInbox();
    await second.fillLogin(kit, PASSWORD);
    await second.confirmDevices();

    await inbox.openConversation("And earthenware?");
    await inbox.button("Block").click();
    const dialog = inbox.page.getByRole("dialog");
    await dialog.waitFor();
    await gallery(inbox.page, "block");
    await dialog.getByRole("button", { name: "Do not block" }).click();
    assert.equal(await inbox.list.locator(".tag").count(), 0);

    await inbox.button("Block").click();
    await dialog.getByRole("button", { name: "Block", exact: true }).click();
    await inbox.page.getByText("You blocked this visitor").waitFor();
    assert.equal(await inbox.page.locator(".conversation textarea").count(), 0);
    for (const desk of [inbox, second]) {
      await desk.list
        .locator(".row", { hasText: "And earthenware?" })
        .locator(".tag", { hasText: "blocked" })
        .waitFor();
      assert.equal(await desk.list.locator(".tag").count(), 1);
    }
    await gallery(inbox.page, "blocked");
  });

  test("is told so, calmly, and stays out after a reload", async () => {
    for (const again of [false, true]) {
      if (again) {
        await visitor.page.reload();
        await visitor.open();
      }
      await visitor.panel.getByText("This conversation is blocked.").waitFor();
      assert.equal(await visitor.panel.locator("textarea").count(), 0);
      assert.equal(await visitor.alarm.count(), 0);
    }
    await visitor.sees("And earthenware?");
    await gallery(visitor.page, "widget-blocked");
  });

  test("comes back when unblocked on another device", async () => {
    await second.list.locator(".row", { hasText: "And earthenware?" }).click();
    await second.page.locator(".foot-note").getByRole("button", { name: "Unblock" }).click();
    await until("no mark", () => inbox.list.locator(".tag").count(), (n) => n === 0);

    await visitor.page.reload();
    await visitor.open();
    await visitor.write("Thank you.");
    await visitor.sees("Thank you.", "Sent", "Delivered", "Read");
    await inbox.sees("Thank you.");
  });

  test("no page complained", () => assert.deepEqual(complaints, []));
});
