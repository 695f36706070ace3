// The twelve steps as people go through them: a customer with an inbox on two
// devices, a visitor on the customer's shop, the real nginx and sealchatd
// between them, and a sidecar that is killed in mid-conversation.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import type { Page } from "playwright-core";

import {
  complaints,
  DESKTOP,
  gallery,
  PHONE,
  screenshot,
  until,
} from "./browser.ts";
import type { EngineName, Tab } from "./driver.ts";
import {
  openEngine,
  socketsOf,
  type Engine,
  type PersonOptions,
} from "./engine.ts";
import { Customer, Visitor, type Kit } from "./people.ts";
import { startSite, type Site } from "./site.ts";
import { steps } from "./steps.ts";

const ACCOUNT = "hello@kiln-and-tide.example";
const PASSWORD = "salt glaze on a grey morning";
const NAME = "Kiln & Tide";

const QUESTION = "Hello, do you ship the Harbour jug to Norway?";
const ANSWER = "Yes, we do. It takes about nine days.";
const MARKUP =
  '<img src=x onerror="document.title=1"><script>document.title=2</script><b>bold</b> & "quotes"';
const OVERRIDE = "invoice-\u202Efdp.exe";
const INERT = "invoice-fdp.exe";
const LINES = "Two questions:\nwhich glazes are there,\nand is the oven safe?";

let engine: Engine;
let site: Site;

/** Pictures are taken in one browser. */
async function picture(tab: Tab, name: string): Promise<void> {
  if (engine.name === "chromium") await screenshot(tab, name);
}

async function pictures(tab: Tab, name: string): Promise<void> {
  if (engine.name === "chromium") await gallery(tab as Page, name);
}

async function openInbox(): Promise<Customer<Tab>> {
  const page = await (await engine.newPerson()).newPage();
  await page.goto(`${site.chat}/inbox.html`);
  return new Customer(page);
}

async function openShop(options?: PersonOptions): Promise<Visitor<Tab>> {
  const page = await (await engine.newPerson(options)).newPage();
  await page.goto(`${site.shop}/`);
  return new Visitor(page);
}

function twelveSteps(): void {
  const step = steps();
  let kit: Kit;
  let inbox: Customer<Tab>;
  let second: Customer<Tab>;
  let visitor: Visitor<Tab>;
  let tab: Visitor<Tab>;

  step("the customer creates an account, keeps the kit, copies the snippet", async () => {
    inbox = await openInbox();
    await picture(inbox.page, "first-run");
    await assert.doesNotReject(
      inbox.page.getByText("trusts the service at load time").waitFor(),
    );

    kit = await inbox.createAccount(ACCOUNT, PASSWORD, 2);
    assert.equal(kit.account, ACCOUNT);
    assert.match(kit.cid, /^[A-Za-z0-9_-]{43}$/);
    await pictures(inbox.page, "recovery-kit");

    await inbox.keepKit(kit);
    const snippet = await inbox.copySnippet(NAME);
    await picture(inbox.page, "snippet");
    assert.match(snippet, /integrity="sha384-[A-Za-z0-9+/]{64}"/);
    assert.ok(snippet.includes(`data-cid="${kit.cid}"`));
    assert.ok(snippet.includes('data-name="Kiln &amp; Tide"'));
    await site.placeSnippet(snippet);

    await inbox.button("Open the inbox").click();
    await inbox.page.getByText("No visitor has written yet").waitFor();
    await pictures(inbox.page, "inbox-empty");
  });

  step("the kit prints on one page", async () => {
    if (engine.name !== "chromium") return; // the other cannot be asked to print

    // The kit is shown once, so another account prints it.
    const other = await openInbox();
    await other.createAccount("printer@kiln-and-tide.example", PASSWORD, 2);
    const page = other.page as Page;
    const pdf = await page.pdf({ format: "A4" });
    const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? [];

    assert.equal(pages.length, 1);
    await page.emulateMedia({ media: "print" });
    await picture(page, "recovery-kit-print");
    await other.page.context().close();
  });

  step("nothing is sent before the visitor opens the chat", async () => {
    visitor = await openShop();
    await visitor.launcher.waitFor();
    await pictures(visitor.page, "shop");
    assert.equal(await socketsOf(visitor.page), 0);

    await visitor.open();
    await until(
      "sockets",
      () => socketsOf(visitor.page),
      (count) => count === 1,
    );
    await pictures(visitor.page, "widget-empty");
  });

  step("the visitor writes, and the inbox shows it", async () => {
    await visitor.write(QUESTION);
    await visitor.sees(QUESTION, "Sent", "Delivered");

    await inbox.list.getByText(QUESTION).waitFor();
    // A tab in the background may not have laid it out yet.
    const counts = inbox.list.locator(".count");
    assert.deepEqual(
      await counts.evaluateAll((all) => all.map((count) => count.textContent)),
      ["1 unread"],
    );
    await until(
      "the title",
      () => inbox.page.title(),
      (title) => title.startsWith("(1) "),
    );
    await inbox.openConversation(QUESTION);
    await inbox.sees(QUESTION);
    await until(
      "unread badges",
      () => inbox.list.locator(".count").count(),
      (count) => count === 0,
    );
  });

  step("the customer replies, and the widget shows it", async () => {
    await inbox.write(ANSWER);
    await inbox.sees(ANSWER, "Sent", "Delivered");
    await visitor.sees(ANSWER);
    await until(
      "what a screen reader says",
      () => visitor.page.locator("sealchat-widget [role=log]").innerText(),
      (said) => said === `${NAME}: ${ANSWER}`,
    );
    assert.equal((await visitor.shown()).at(-1)?.mine, false);
  });

  step("an answer that names a message shows it as delivered", async () => {
    // The reply names what its sender had seen.
    await visitor.sees(QUESTION, "Delivered");
    await visitor.write("Thank you");
    await inbox.sees("Thank you");
    await inbox.sees(ANSWER, "Delivered");
  });

  step("markup and text direction stay inert on both sides", async () => {
    await visitor.write(MARKUP);
    await inbox.sees(MARKUP);
    await inbox.write(MARKUP.toUpperCase());
    await visitor.sees(MARKUP.toUpperCase());
    await visitor.write(OVERRIDE);
    await inbox.sees(INERT);
    await visitor.write(LINES);
    await inbox.sees(LINES);

    for (const { page } of [inbox, visitor]) {
      const planted = page.locator(".said *, .row-last *");
      assert.equal(await planted.count(), 0);
    }
    assert.match(await inbox.page.title(), /^(\(\d+\) )?SealChat inbox$/);
    assert.match(await visitor.page.title(), /^Kiln & Tide/);
  });

  step("both sides see the same safety number", async () => {
    const number = await inbox.safetyNumber();

    assert.match(number, /^Safety number: (\d{5}, ){5}\d{5}$/);
    assert.equal(await visitor.safetyNumber(), number);

    await visitor.lock.click();
    await picture(visitor.page, "safety-number");
    await visitor.lock.click();
  });

  step("a wrong password or Secret Key is refused alike", async () => {
    const stranger = await openInbox();
    await stranger.fillLogin(kit, `${PASSWORD}.`);
    const alert = stranger.page.getByRole("alert");
    const first = await alert.innerText();
    assert.match(first, /is not right/);
    await picture(stranger.page, "login-refused");

    // One letter of the Secret Key, well-formed where that is possible.
    await stranger.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    const at = kit.secretKey.search(/[0-9A-Z]/i);
    const other = kit.secretKey[at] === "2" ? "3" : "2";
    await stranger.page
      .getByLabel("Secret Key")
      .fill(kit.secretKey.slice(0, at) + other + kit.secretKey.slice(at + 1));
    await stranger.button("Log in").click();
    await until(
      "the refusal",
      () => alert.innerText(),
      (words) => /not right|typing mistake/.test(words),
    );
    await stranger.page.context().close();
  });

  step("a second device shows the conversation and the other's replies", async () => {
    second = await openInbox();
    await second.fillLogin(kit, PASSWORD);
    await second.page.getByText("Is this what you expect?").waitFor();
    await second.page.getByText("1 device").waitFor();
    await pictures(second.page, "confirm-devices");
    await second.confirmDevices();
    await second.openConversation();

    await second.sees(ANSWER, "Delivered");
    await second.showsExactly(await inbox.texts());
    await second.page.locator(".byline").first().waitFor();

    const reply = "This is Ida. Every glaze is safe in the oven.";
    await second.write(reply);
    await second.sees(reply, "Sent", "Delivered");
    await visitor.sees(reply);
    await inbox.sees(reply);
    assert.match(
      await inbox.page.locator(".byline").last().innerText(),
      /^Device [0-9A-F]{4}$/,
    );
    assert.equal(await inbox.deviceCount(), 2);
    await pictures(inbox.page, "conversation");
    await pictures(visitor.page, "widget-conversation");
  });

  step("a reload keeps the conversation", async () => {
    const seen = await visitor.texts();

    await visitor.page.reload();
    await visitor.open();
    await visitor.showsExactly(seen);

    await inbox.page.reload();
    await inbox.sees(ANSWER, "Delivered");
    await inbox.showsExactly(seen);
  });

  step("a reply while the panel is closed counts on the launcher", async () => {
    await visitor.page.keyboard.press("Escape");
    await visitor.panel.waitFor({ state: "detached" });
    await inbox.write("One more thing: the kiln is fired on Friday.");
    await visitor.launcher.locator(".badge").waitFor();
    assert.match(
      (await visitor.launcher.getAttribute("aria-label")) ?? "",
      /Unread messages: 1$/,
    );
    await picture(visitor.page, "launcher-unread");
    await visitor.open();
    assert.equal(await visitor.launcher.locator(".badge").count(), 0);
  });

  step("a second tab shows the same, and what one writes the other shows", async () => {
    const page = await visitor.page.context().newPage();
    await page.goto(`${site.shop}/`);
    tab = new Visitor(page);
    await tab.open();
    await tab.sees(QUESTION, "Delivered");
    await tab.showsExactly(await visitor.texts());

    await tab.write("From the second tab");
    await tab.sees("From the second tab", "Sent", "Delivered");
    await visitor.sees("From the second tab", "Sent", "Delivered");
    await inbox.sees("From the second tab");

    await visitor.write("From the first tab");
    await tab.sees("From the first tab", "Sent", "Delivered");
    await inbox.sees("From the first tab");
  });

  step("a sidecar killed in mid-conversation is not noticed", async () => {
    const everyone = [visitor, tab, inbox, second];
    const sockets = () => Promise.all(everyone.map(({ page }) => socketsOf(page)));
    const before = await sockets();
    await Promise.all(everyone.map(({ page }) =>
      page.evaluate(() => {
        const seen = globalThis as typeof globalThis & { offline?: boolean };
        const root = document.querySelector("sealchat-widget")?.shadowRoot ?? document.body;
        new MutationObserver(() => {
          if (/Waiting for a connection/.test(root.textContent ?? "")) seen.offline = true;
        }).observe(root, { subtree: true, childList: true, characterData: true });
      })));

    await visitor.write("On its way 1");
    await inbox.write("On its way 2");
    await site.killSidecar();
    await visitor.write("Meanwhile 1");
    await inbox.write("Meanwhile 2");
    await visitor.sees("Meanwhile 1", "Sending");
    await site.startSidecar();

    for (const text of ["On its way 1", "On its way 2", "Meanwhile 1", "Meanwhile 2"]) {
      for (const person of everyone) await person.sees(text);
    }
    await visitor.sees("Meanwhile 1", "Sent", "Delivered");
    await inbox.sees("Meanwhile 2", "Sent", "Delivered");
    const all = [...(await visitor.texts())].sort();
    assert.equal(new Set(all).size, all.length, "nothing shows twice");
    for (const { page } of everyone) {
      const offline = await page.evaluate<boolean>("!!globalThis.offline");
      assert.equal(offline, false, "nobody was told of it");
    }
    assert.deepEqual(await sockets(), before, "the sockets are the same");
  });

  step("a break in mid-conversation loses and doubles nothing", async () => {
    const everyone = [visitor, tab, inbox, second];

    for (const text of ["Before the break 1", "Before the break 2"]) {
      await visitor.write(text);
    }
    await inbox.write("Before the break 3");
    await visitor.sees("Before the break 2", "Sent", "Delivered");
    await inbox.sees("Before the break 3", "Sent", "Delivered");

    // The last ones are on their way while nginx ends.
    await visitor.write("In the break 1");
    await inbox.write("In the break 2");
    const kept = [...(await visitor.shown()), ...(await inbox.shown())]
      .filter((message) => ["Sent", "Delivered"].includes(message.state))
      .map((message) => message.text);
    await site.stopNginx();

    await visitor.page.getByText("Waiting for a connection").waitFor();
    await visitor.write("In the break 3");
    await visitor.sees("In the break 3", "Sending");
    await visitor.page
      .getByText("Your message is kept on this device")
      .waitFor();
    await inbox.write("In the break 4");
    await inbox.sees("In the break 4", "Sending");
    await inbox.page
      .getByText("Replies are kept on this device")
      .waitFor();
    await pictures(visitor.page, "widget-offline");
    await picture(inbox.page, "inbox-offline");

    await site.startNginx();
    for (const person of everyone) {
      for (const count of [1, 2, 3]) {
        await person.sees(`Before the break ${count}`);
      }
      for (const count of [1, 2, 3, 4]) {
        await person.sees(`In the break ${count}`);
      }
    }
    await visitor.sees("In the break 3", "Sent", "Delivered");
    await inbox.sees("In the break 4", "Sent", "Delivered");

    const all = [...(await visitor.texts())].sort();
    assert.equal(new Set(all).size, all.length, "nothing shows twice");
    for (const text of kept) assert.ok(all.includes(text), `lost: ${text}`);
    for (const person of everyone) {
      assert.deepEqual([...(await person.texts())].sort(), all);
      assert.equal(await person.page.locator(".mark").count(), 0);
    }

    await visitor.page.reload();
    await visitor.open();
    await visitor.sees("In the break 4");
    assert.deepEqual([...(await visitor.texts())].sort(), all);
  });

  step("keyboard alone opens, writes, looks behind the lock and leaves", async () => {
    const { page } = visitor;

    await page.keyboard.press("Escape");
    await visitor.panel.waitFor({ state: "detached" });
    await page.keyboard.press("Enter");
    await visitor.panel.waitFor();
    await page.keyboard.type("Written without a mouse");
    await page.keyboard.press("Enter");
    await visitor.sees("Written without a mouse", "Sent", "Delivered");

    // Tab goes round within the panel.
    for (let stop = 0; stop < 12; stop++) {
      await page.keyboard.press("Tab");
      const inside = await page.evaluate(() => {
        const root = document.querySelector("sealchat-widget")?.shadowRoot;
        return root?.activeElement?.closest(".panel") !== null;
      });
      assert.ok(inside, `Tab left the panel at stop ${stop}`);
    }
    await page.keyboard.press("Escape");
    await visitor.panel.waitFor({ state: "detached" });
  });

  step("a phone shows one thing at a time", async () => {
    await inbox.page.setViewportSize(PHONE);
    await inbox.page.getByRole("link", { name: "Back to the list" }).click();
    await inbox.list.waitFor();
    await picture(inbox.page, "phone-list");
    await inbox.openConversation();
    await inbox.button("Details").click();
    await inbox.page.getByText("Safety number").first().waitFor();
    await picture(inbox.page, "phone-details");
    await inbox.page.goBack();
    await inbox.sees(QUESTION);
    await inbox.page.setViewportSize(DESKTOP);
  });

  step("no page complained", async () => {
    assert.deepEqual(complaints, []);
  });
}

function withRsa(): void {
  test("with RSA keys: register, write, reply, a second device", async () => {
    const inbox = await openInbox();
    const kit = await inbox.createAccount("rsa.account", PASSWORD, 1);
    await inbox.keepKit(kit);
    await site.placeSnippet(await inbox.copySnippet(NAME));
    await inbox.button("Open the inbox").click();

    const visitor = await openShop();
    const long = "sixteen bytes é ".repeat(900);
    await visitor.open();
    await visitor.write(QUESTION);
    await visitor.sees(QUESTION, "Sent", "Delivered");
    await inbox.openConversation(QUESTION);
    await inbox.write(ANSWER);
    await visitor.sees(ANSWER);
    await visitor.sees(QUESTION, "Delivered");
    await visitor.write(long);
    await inbox.sees(long.trim());

    const second = await openInbox();
    await second.fillLogin(kit, PASSWORD);
    await second.confirmDevices();
    await second.openConversation();
    await second.sees(ANSWER);
    await second.write("From the second device");
    await visitor.sees("From the second device");
    await inbox.sees("From the second device");
    assert.equal(await second.safetyNumber(), await visitor.safetyNumber());
    assert.deepEqual(complaints, []);
  });
}

const HOUR = 3_600_000;
const VALID = 180 * 24 * HOUR;

/** Keys are accepted up to 48 hours beside their validity. */
function clocks(): void {
  const cases = [
    ["47 h past the end of the keys", VALID + 47 * HOUR, true],
    ["49 h past the end of the keys", VALID + 49 * HOUR, false],
    ["47 h before their beginning", -47 * HOUR, true],
    ["49 h before their beginning", -49 * HOUR, false],
  ] as const;

  for (const [name, ahead, works] of cases) {
    test(`a visitor's clock ${name} ${works ? "works" : "sends nothing"}`, async () => {
      const visitor = await openShop({ ahead });

      await visitor.open();
      if (works) {
        await visitor.write(name);
        await visitor.sees(name, "Sent");
      } else {
        await visitor.alarm.waitFor();
        assert.equal(
          await visitor.alarm.getAttribute("data-code"),
          "roster-expired",
        );
        assert.equal(await visitor.panel.locator("textarea").count(), 0);
      }
      await visitor.page.context().close();
    });
  }
}

export function tellTwelveSteps(name: EngineName): void {
  describe(`the twelve steps in ${name}`, () => {
    before(async () => {
      site = await startSite();
      engine = await openEngine(name);
    });
    after(async () => {
      await engine?.close();
      await site?.stop();
    });

    twelveSteps();
    withRsa();
    clocks();
  });
}
