// The life of an account's keys at the screen, told once for both browsers: a
// new password, a device that is lost, an account that is recovered by the code
// on paper.

import assert from "node:assert/strict";
import { after, before, describe } from "node:test";

import type { Page } from "playwright-core";

import { gallery, until } from "./browser.ts";
import type { EngineName, Part, Tab } from "./driver.ts";
import { openEngine, type Engine } from "./engine.ts";
import { Customer, type Kit } from "./people.ts";
import { startSite, type Site } from "./site.ts";
import { steps } from "./steps.ts";
import { nodeVisitor, type NodeVisitor } from "./visitors.ts";

const ACCOUNT = "hello@kiln-and-tide.example";
const FIRST = "salt glaze on a grey morning";
const SECOND = "a kiln that was never lit twice";
const THIRD = "forty bowls and one cracked jug";

let engine: Engine;
let site: Site;
let desk: Customer<Tab>;
let tablet: Customer<Tab>;
let visitor: NodeVisitor;
let kit: Kit;

async function newInbox(): Promise<Customer<Tab>> {
  const page = await (await engine.newPerson()).newPage();
  await page.goto(`${site.chat}/inbox.html`);
  return new Customer(page);
}

/** One picture of each screen will do. */
async function picture(of: Customer<Tab>, name: string): Promise<void> {
  if (engine.name === "chromium") await gallery(of.page as Page, name);
}

async function begin(): Promise<void> {
  visitor = await nodeVisitor(site, kit.cid);
  await visitor.says("Do you ship to Norway?");
  await desk.openConversation();
  tablet = await newInbox();
  await tablet.fillLogin(kit, FIRST);
  await tablet.confirmDevices();
}

const field = (of: Customer<Tab>, label: string): Part =>
  of.page.getByLabel(label, { exact: true });

async function toSettings(of: Customer<Tab>): Promise<void> {
  await of.page.goto(`${site.chat}/inbox.html#/details`);
  await of.page.locator("h2", { hasText: "Security" }).waitFor();
}

/** Of the line that is to go on the site. */
async function leastGeneration(of: Customer<Tab>): Promise<string | undefined> {
  await of.button("Open the inbox").waitFor();
  const line = await of.page.getByLabel("Snippet", { exact: true }).innerText();
  return /data-min-generation="(\d+)"/.exec(line)?.[1];
}

function story(): void {
  const step = steps();

  step("a kit that was not kept is asked for until it is", async () => {
    kit = await desk.createAccount(ACCOUNT, FIRST, 2);
    const tab = new Customer(await desk.page.context().newPage());
    await tab.page.goto(`${site.chat}/inbox.html`);
    await tab.page.getByText("You have not kept your recovery kit").waitFor();
    await picture(tab, "kit-missing");
    await tab.page.close();
    await desk.keepKit(kit);
    await desk.button("Open the inbox").click();
    await desk.list.waitFor();
    assert.equal(
      await desk.page.getByText("You have not kept your recovery kit").count(), 0);
    await begin();
  });

  step("a new password is set with the old one; the new line for the site follows", async () => {
    await toSettings(desk);
    await picture(desk, "settings-security");
    await desk.page.getByText("Let others check your chat").click();
    const record = await desk.page.getByLabel("TXT record", { exact: true }).innerText();
    assert.equal(record, `v=sealchat1 cid=${kit.cid} min-generation=1`);
    await picture(desk, "settings-publish");
    await desk.button("Change the password").click();
    await field(desk, "Present password").fill("not this one");
    await field(desk, "New password").fill("short");
    await desk.button("Change the password").click();
    await desk.page.getByText("Choose a new password").waitFor();
    await field(desk, "New password").fill(SECOND);
    await desk.button("Change the password").click();
    await desk.page.getByText("That is not the password").waitFor();
    await picture(desk, "change-password");
    await field(desk, "Present password").fill(FIRST);
    await desk.button("Change the password").click();
    assert.equal(await leastGeneration(desk), "2");
    await picture(desk, "change-password-snippet");
    await desk.button("Open the inbox").click();
  });

  step("it is asked for once on the other device", async () => {
    await visitor.says("And how long does it take?");
    const ask = tablet.page.getByText("Your account was changed on another device");
    await ask.waitFor();
    await picture(tablet, "locked");
    await field(tablet, "Password").fill(FIRST);
    await tablet.button("Open new messages").click();
    await tablet.page.getByText("That does not open the account").waitFor();
    await field(tablet, "Password").fill(SECOND);
    await tablet.button("Open new messages").click();
    await ask.waitFor({ state: "detached" });
    await tablet.openConversation();
    await tablet.showsExactly(
      ["Do you ship to Norway?", "And how long does it take?"]);
  });

  step("a lost device is removed, with a new password and a new kit", async () => {
    await toSettings(desk);
    await desk.page.locator(".devices button").click();
    await picture(desk, "remove-device");
    await field(desk, "Present password").fill(SECOND);
    await field(desk, "New password").fill(THIRD);
    await desk.button("Continue").click();
    await desk.page.locator("[data-kit]").first().waitFor();
    kit = await desk.readKit();
    await desk.button("I have printed or saved it").click();
    await desk.readOffKit(kit);
    assert.equal(await leastGeneration(desk), "3");
    await desk.button("Open the inbox").click();
    assert.equal(await desk.deviceCount(), 1);

    await tablet.page.getByText("This device was removed").waitFor();
    await picture(tablet, "device-removed");
    await field(tablet, "Password").fill(SECOND);
    await tablet.button("Add this device again").click();
    await tablet.page.getByText("That does not open the account").waitFor();
  });

  step("an account is recovered by the code on paper, history and all", async () => {
    const found = await newInbox();
    await found.button("Log in to an account that you have").click();
    await found.button("Use the recovery code").click();
    await picture(found, "recover");
    await field(found, "Account").fill(kit.account);
    await field(found, "Chat code").fill(kit.cid);
    await field(found, "Recovery code").fill(kit.recoveryCode.replace(/.$/, ""));
    await field(found, "New password").fill(FIRST);
    await found.button("Continue").click();
    await found.page.getByText("The recovery code has a typing mistake").waitFor();
    await field(found, "Recovery code").fill(kit.recoveryCode.toLowerCase());
    await found.button("Continue").click();
    await found.page.getByText("1 device").waitFor();
    await found.page.getByText("2 times").waitFor();
    await picture(found, "recover-confirm");
    await found.button("Yes, go on").click();
    await found.page.locator("[data-kit]").first().waitFor();
    const fresh = await found.readKit();
    assert.notEqual(fresh.recoveryCode, kit.recoveryCode);
    await found.button("I have printed or saved it").click();
    await found.readOffKit(fresh);
    assert.equal(await leastGeneration(found), "4");
    await found.button("Open the inbox").click();
    await found.openConversation();
    await found.showsExactly(
      ["Do you ship to Norway?", "And how long does it take?"]);
    await found.write("A week, by ship.");
    await until("the visitor has it",
      async () => visitor.chat.messages.map((m) => m.text),
      (texts) => texts.includes("A week, by ship."));

    await desk.page.getByText("This device was removed").waitFor();
  });
}

export function tellOfKeys(name: EngineName): void {
  describe(`keys in ${name}`, () => {
    before(async () => {
      engine = await openEngine(name);
      site = await startSite();
      desk = await newInbox();
    });

    after(async () => {
      visitor?.chat.close();
      await engine?.close();
      await site?.stop();
    });

    story();
  });
}
