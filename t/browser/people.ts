// Visitor and customer as persons at their screens: what they see, click and
// type.  Nothing here reaches into the pages' code.

import { isDeepStrictEqual } from "node:util";

import type { Page } from "playwright-core";

import { assertAccessible } from "./axe.ts";
import { until } from "./browser.ts";
import type { Part, Tab } from "./driver.ts";

export interface Shown {
  readonly text: string;
  readonly mine: boolean;
  /** As a screen reader says it: Sending, Sent, Delivered, Read; else empty. */
  readonly state: string;
}

/** The messages of the thread that is on the screen, in their order. */
async function shownIn(thread: Part): Promise<Shown[]> {
  return thread.locator("li.entry").evaluateAll((entries) =>
    entries.map((entry) => ({
      text: entry.querySelector(".said")?.textContent ?? "",
      mine: entry.classList.contains("mine"),
      state: entry.querySelector(".state")?.getAttribute("aria-label") ?? "",
    })),
  );
}

const WAY = ["Sent", "Delivered", "Read"];

/** A message that has come further than one of these states is in it too. */
function reached(state: string, states: readonly string[]): boolean {
  const far = WAY.indexOf(state);

  return states.some((wanted) =>
    WAY.includes(wanted) ? far >= WAY.indexOf(wanted) : state === wanted,
  );
}

function holds(
  shown: readonly Shown[],
  text: string,
  states: readonly string[],
): boolean {
  const same = shown.filter((message) => message.text === text);

  return (
    same.length === 1 &&
    (states.length === 0 || reached(same[0]?.state ?? "", states))
  );
}

/** A page with a conversation and a field to write in. */
abstract class Talking<P extends Tab> {
  readonly page: P;
  protected abstract readonly thread: Part;
  protected abstract readonly field: Part;

  constructor(page: P) {
    this.page = page;
  }

  shown(): Promise<Shown[]> {
    return shownIn(this.thread);
  }

  async texts(): Promise<string[]> {
    return (await this.shown()).map((message) => message.text);
  }

  /** These and no others, in this order. */
  async showsExactly(texts: readonly string[]): Promise<void> {
    await until(
      "all texts",
      () => this.texts(),
      (shown) => isDeepStrictEqual(shown, texts),
    );
  }

  async write(text: string): Promise<void> {
    const lines = text.split("\n");

    await this.field.click();
    for (const [index, line] of lines.entries()) {
      if (index > 0) await this.page.keyboard.press("Shift+Enter");
      await this.page.keyboard.insertText(line);
    }
    await this.page.keyboard.press("Enter");
  }

  /** Once and once only, and in one of these states if any are named. */
  async sees(text: string, ...states: string[]): Promise<void> {
    await until(
      `"${text.slice(0, 60)}" ${states.join(" or ")}`,
      () => this.shown(),
      (shown) => holds(shown, text, states),
    );
  }
}

export class Visitor<P extends Tab = Page> extends Talking<P> {
  readonly launcher = this.page.locator("sealchat-widget .launcher");
  readonly panel = this.page.locator("sealchat-widget .panel");
  protected readonly thread = this.panel.locator(".thread");
  protected readonly field = this.panel.locator("textarea");
  readonly lock = this.panel.locator(".lock");
  readonly alarm = this.panel.locator(".alarm");

  async open(): Promise<void> {
    await this.launcher.click();
    await this.panel.waitFor();
  }

  async safetyNumber(): Promise<string> {
    await this.lock.click();
    const label = await this.panel.locator(".safety").getAttribute("aria-label");
    await this.lock.click();
    return label ?? "";
  }

  /** Its QR code, as the path of what is dark; the page is checked too. */
  async safetyPicture(): Promise<string> {
    await this.lock.click();
    const path = await this.panel.locator(".qr path").getAttribute("d");
    await assertAccessible(this.page, "the page of the safety number");
    await this.lock.click();
    return path ?? "";
  }
}

const ORDINALS = [
  "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth",
  "ninth", "tenth", "eleventh", "twelfth",
];

export interface Kit {
  readonly account: string;
  readonly cid: string;
  readonly secretKey: string;
  readonly recoveryCode: string;
}

export class Customer<P extends Tab = Page> extends Talking<P> {
  readonly list = this.page.locator("nav.list");
  protected readonly thread = this.page.locator(".conversation .thread");
  protected readonly field = this.page.locator(".conversation textarea");

  button(name: string): Part {
    return this.page.getByRole("button", { name });
  }

  async createAccount(
    account: string,
    password: string,
    suite: 1 | 2,
  ): Promise<Kit> {
    await this.page.getByLabel("Account", { exact: true }).fill(account);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    if (suite === 1) {
      await this.page.getByText("For experts").click();
      await this.page.getByLabel("RSA with 3072 bits").check();
    }
    await this.button("Create account").click();
    return this.readKit();
  }

  async readKit(): Promise<Kit> {
    const read = (name: string) =>
      this.page.locator(`[data-kit="${name}"]`).innerText();

    return {
      account: await read("account"),
      cid: await read("cid"),
      secretKey: await read("secret-key"),
      recoveryCode: await read("recovery-code"),
    };
  }

  /** Says that the kit is kept, and reads what is asked for off it. */
  async keepKit(kit: Kit): Promise<void> {
    await this.button("I have printed or saved it").click();
    await this.readOffKit(kit);
    await this.page.getByLabel("Name that visitors see").waitFor();
  }

  async readOffKit(kit: Kit): Promise<void> {
    await this.confirmGroup("Secret Key", kit.secretKey);
    await this.confirmGroup("recovery code", kit.recoveryCode);
    await this.button("Continue").click();
  }

  private async confirmGroup(of: string, secret: string): Promise<void> {
    const label = this.page.locator("label", { hasText: `group of the ${of}` });
    const ordinal = (await label.innerText()).split(" ")[1] ?? "";
    const group = secret.split("-")[ORDINALS.indexOf(ordinal)] ?? "";

    await this.page
      .getByLabel(await label.innerText(), { exact: true })
      .fill(group.toLowerCase());
  }

  /** In the settings, where they are listed. */
  async deviceCount(): Promise<number> {
    const here = this.page.url().replace(/^[^#]*/, "");
    await this.page.getByRole("link", { name: "Settings" }).click();
    await this.page.getByText("Your devices").first().waitFor();
    const count = await this.page.locator(".devices li").count();
    await this.page.goBack();
    if (here.startsWith("#c/")) await this.field.waitFor();
    return count;
  }

  /** Copies the snippet as a person would, from the clipboard. */
  async copySnippet(siteName: string): Promise<string> {
    await this.page.getByLabel("Name that visitors see").fill(siteName);
    await this.button("Copy the snippet").click();
    await this.button("Copied").waitFor();
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Returns when the button was about to be pressed. */
  async fillLogin(kit: Kit, password: string): Promise<number> {
    await this.button("Log in to an account that you have").click();
    await this.page.getByLabel("Account", { exact: true }).fill(kit.account);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.page.getByLabel("Secret Key").fill(kit.secretKey);
    await this.page.getByLabel("Chat code").fill(kit.cid);
    const pressed = performance.now();
    await this.button("Log in").click();
    return pressed;
  }

  async confirmDevices(): Promise<void> {
    await this.button("Yes, add this device").click();
    await this.list.waitFor();
  }

  /** Opens the only conversation, or the one whose last line says this. */
  async openConversation(lastLine = ""): Promise<void> {
    await this.list.locator(".row", { hasText: lastLine }).first().click();
    await this.field.waitFor();
  }

  async safetyNumber(): Promise<string> {
    const number = this.page.locator(".details .safety");

    return (await number.getAttribute("aria-label")) ?? "";
  }

  async safetyPicture(): Promise<string> {
    const path = this.page.locator(".details .qr path");

    return (await path.getAttribute("d")) ?? "";
  }
}
