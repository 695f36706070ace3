// The widget as visitors use it, and as the owner of a page dresses it: its
// languages and themes, what it does for messages, and what a page may ask.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import type { Browser, Page } from "playwright-core";

import {
  complaints,
  gallery,
  newPerson,
  openBrowser,
  PHONE,
  screenshot,
  until,
} from "./browser.ts";
import { Customer, Visitor } from "./people.ts";
import { startSite, type Site } from "./site.ts";

const PASSWORD = "salt glaze on a grey morning";
const NAME = "Kiln & Tide";

let browser: Browser;
let site: Site;
let snippet: string;
let inbox: Customer;

before(async () => {
  browser = await openBrowser();
  site = await startSite();

  const context = await newPerson(browser);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], {
    origin: site.chat,
  });
  const page = await context.newPage();
  await page.goto(`${site.chat}/inbox.html`);
  inbox = new Customer(page);
  await inbox.keepKit(await inbox.createAccount("the.shop", PASSWORD, 2));
  snippet = await inbox.copySnippet(NAME);
  await site.placeSnippet(snippet);
  await inbox.button("Open the inbox").click();
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

const addressOf = (text: string) => /src="([^"]+)"/.exec(text)?.[1] ?? "";

/** The file that the snippet names, as a browser asks for it. */
function release(): Promise<Response> {
  const address = addressOf(snippet);

  return fetch(address.replace("chat.localhost", "127.0.0.1"), {
    headers: { Host: new URL(address).host },
  });
}

/** The snippet with further data attributes. */
function dressed(attributes: Record<string, string>): string {
  const text = Object.entries(attributes)
    .map(([name, value]) => `data-${name}="${value}"`)
    .join(" ");

  return snippet.replace(" defer", ` ${text} defer`);
}

async function openShop(
  prepare: (page: Page) => Promise<unknown> = async () => undefined,
): Promise<Visitor> {
  const page = await (await newPerson(browser)).newPage();
  await prepare(page);
  await page.goto(`${site.shop}/`);
  const visitor = new Visitor(page);
  await visitor.launcher.waitFor();
  return visitor;
}

/** Elements of the widget, with all that playwright can ask of them. */
const part = (visitor: Visitor, css: string) =>
  visitor.page.locator(`sealchat-widget ${css}`).first();

async function boxOf(visitor: Visitor, css: string) {
  return (await part(visitor, css).boundingBox())!;
}

/** A visitor whose first message the customer has before them. */
async function talking(text: string): Promise<Visitor> {
  const visitor = await openShop();
  await visitor.open();
  await visitor.write(text);
  await visitor.sees(text, "Sent", "Delivered", "Read");
  await inbox.openConversation(text);
  await inbox.sees(text);
  return visitor;
}

/** What the page's own scripts see. */
interface Api {
  init(options: object): void;
  open(): void;
  close(): void;
  readonly unread: number;
  on(event: string, listener: (...heard: unknown[]) => void): () => void;
}

type Rgb = [number, number, number];

function luminance(color: Rgb): number {
  const [r, g, b] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast([a, b]: readonly [Rgb, Rgb]): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

/** Text and ground of an element of the widget. */
async function colorsOf(page: Page, css: string): Promise<[Rgb, Rgb]> {
  const [color, ground] = await page
    .locator(`sealchat-widget ${css}`)
    .first()
    .evaluate((element) => {
      const style = getComputedStyle(element);
      return [style.color, style.backgroundColor];
    });
  const parts = (text: string) => text.match(/[\d.]+/g)!.map(Number) as Rgb;

  return [parts(color!), parts(ground!)];
}

describe("the widget", () => {
  test("a release is served under an address that holds its hash", async () => {
    const integrity = /integrity="sha384-([^"]+)"/.exec(snippet)?.[1] ?? "";
    const answer = await release();
    const bytes = Buffer.from(await answer.arrayBuffer());
    const hash = createHash("sha384").update(bytes).digest();

    assert.equal(answer.status, 200);
    assert.equal(hash.toString("base64"), integrity);
    assert.equal(
      new URL(addressOf(snippet)).pathname,
      `/widget/${hash.toString("hex").slice(0, 32)}/sealchat-widget.js`,
    );
    // The mark that says UTF-8 to a page of any other encoding.
    assert.equal(bytes.subarray(0, 3).toString("hex"), "efbbbf");
  });

  test("it is one file of at most 40 kB, as it travels", async () => {
    const { headers } = await release();
    const size = Number(headers.get("content-length"));

    assert.equal(headers.get("content-encoding"), "gzip");
    assert.ok(size > 0 && size <= 40 * 1024, `${size} bytes`);
  });

  const languages = {
    en: ["Write a message", "ltr", /^Only you and Kiln & Tide/],
    de: ["Nachricht schreiben", "ltr", /^Nur Sie und Kiln & Tide/],
    fr: ["Écrire un message", "ltr", /^Seuls vous et Kiln & Tide/],
    es: ["Escriba un mensaje", "ltr", /^Solo usted y Kiln & Tide/],
    ar: ["اكتب رسالة", "rtl", /Kiln & Tide/],
  } as const;

  for (const [language, [placeholder, direction, lock]] of Object.entries(languages)) {
    test(`it speaks the page's language: ${language}`, async () => {
      await site.placeSnippet(snippet);
      const visitor = await openShop((page) =>
        page.addInitScript((lang) => {
          document.addEventListener("readystatechange", () => {
            document.documentElement.lang = lang;
          });
        }, language),
      );
      const { page, panel } = visitor;
      await visitor.open();
      assert.equal(
        await panel.locator("textarea").getAttribute("placeholder"),
        placeholder,
      );
      // The placeholder stands where one begins to write.
      assert.equal(
        await part(visitor, "textarea").evaluate(
          (field) => getComputedStyle(field).direction,
        ),
        direction,
      );
      assert.match(await visitor.lock.innerText(), lock);
      const root = page.locator("sealchat-widget .sc");
      assert.equal(await root.getAttribute("dir"), direction);
      assert.equal(await root.getAttribute("lang"), language);

      const box = await boxOf(visitor, ".launcher");
      assert.equal(box.x < 100, direction === "rtl");

      await visitor.write("Hello, 123? https://example.com/a");
      await visitor.sees("Hello, 123? https://example.com/a");
      await inbox.openConversation("Hello, 123?");
      await inbox.write("Yes.");
      await visitor.sees("Yes.");
      await gallery(page, `widget-${language}`);
      await panel.locator(".head .button").first().click();
      await gallery(page, `widget-${language}-menu`);
      await page.keyboard.press("Escape");
      await visitor.lock.click();
      await screenshot(page, `widget-${language}-proof`);
      await visitor.lock.click();
      await page.context().close();
    });
  }

  test("data-lang goes before the page's language; an unknown one does not", async () => {
    await site.placeSnippet(dressed({ lang: "de-AT" }));
    let visitor = await openShop();
    assert.equal(await visitor.launcher.getAttribute("aria-label"), "Chat mit Kiln & Tide");

    await site.placeSnippet(dressed({ lang: "tlh" }));
    visitor = await openShop();
    assert.equal(await visitor.launcher.getAttribute("aria-label"), "Chat with Kiln & Tide");
  });

  test("every colour keeps its text readable, light and dark", async () => {
    await site.placeSnippet(snippet);
    const { page } = await talking("Which colour?");
    const colors = [
      "#ffd400", "#ffffff", "#000000", "#777777", "#9a4f2c", "#e39a73",
      "#0f0", "#12161d", "#ff0000", "#1d4fb8",
    ];

    for (const color of colors) {
      await page.evaluate(
        (chosen) => (window as unknown as { SealChat: Api }).SealChat.init({ color: chosen }),
        color,
      );
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        for (const part of [".launcher", ".entry.mine .bubble", ".face"]) {
          const ratio = contrast(await colorsOf(page, part));
          assert.ok(ratio >= 4.5, `${part} in ${color}, ${colorScheme}: ${ratio}`);
        }
      }
    }
    await page.evaluate(() =>
      (window as unknown as { SealChat: Api }).SealChat.init({ color: "#ffd400" }),
    );
    await gallery(page, "widget-yellow");
  });

  test("the page's owner chooses place, agent, greeting and theme", async () => {
    await site.placeSnippet(
      dressed({
        color: "#9a4f2c",
        position: "left",
        agent: "Ida Berg",
        face: "icon.svg",
        greeting: "Ask me about glazes.",
        theme: "dark",
      }),
    );
    const visitor = await openShop();
    const { page, panel } = visitor;
    await visitor.open();
    assert.equal(await panel.locator("h2").innerText(), "Ida Berg");
    assert.equal(await panel.locator(".who p").innerText(), NAME);
    assert.match(await visitor.lock.innerText(), /Kiln & Tide/);
    await panel.getByText("Ask me about glazes.").waitFor();
    assert.equal(
      await part(visitor, ".face img").evaluate(
        (img) => (img as HTMLImageElement).naturalWidth > 0,
      ),
      true,
    );
    assert.ok((await boxOf(visitor, ".panel")).x < 100);
    // Dark on a page and a system that are light.
    assert.ok(luminance((await colorsOf(page, ".panel"))[1]) < 0.05);
    await gallery(page, "widget-dressed");

    await page.evaluate(() =>
      (window as unknown as { SealChat: Api }).SealChat.init({
        theme: "light",
        position: "right",
        agent: "",
        face: "nowhere.png",
      }),
    );
    await page.emulateMedia({ colorScheme: "dark" });
    assert.ok(luminance((await colorsOf(page, ".panel"))[1]) > 0.9);
    assert.equal(await panel.locator("h2").innerText(), NAME);
    assert.ok((await boxOf(visitor, ".panel")).x > 600);
    // A picture that does not load gives way to initials.
    await until("initials", () => panel.locator(".face").innerText(), (text) => text === "KT");
    complaints.splice(
      0,
      complaints.length,
      ...complaints.filter((words) => !/404/.test(words)),
    );
  });

  test("it is as the page says of itself, light or dark", async () => {
    await site.placeSnippet(snippet);
    for (const scheme of ["dark", "light"]) {
      const visitor = await openShop((page) =>
        page.addInitScript((said) => {
          document.addEventListener("readystatechange", () => {
            document.documentElement.style.colorScheme = said;
          });
        }, scheme),
      );
      await visitor.page.emulateMedia({
        colorScheme: scheme === "dark" ? "light" : "dark",
      });
      await visitor.open();
      const ground = luminance((await colorsOf(visitor.page, ".panel"))[1]);
      assert.equal(ground < 0.05, scheme === "dark");
    }
  });

  test("the page's style does not reach it", async () => {
    const look = async (visitor: Visitor) => {
      await visitor.open();
      const parts = [".launcher", ".panel", ".head h2", "textarea", ".bubble", ".lock"];
      return Promise.all(
        parts.map((css) =>
          visitor.page
            .locator(`sealchat-widget ${css}`)
            .first()
            .evaluate((element) => {
              const style = getComputedStyle(element);
              const { x, y, width, height } = element.getBoundingClientRect();
              return [
                x, y, width, height, style.color, style.backgroundColor,
                style.font, style.letterSpacing, style.textTransform,
                style.direction, style.visibility, style.opacity, style.textAlign,
              ].join(" ");
            }),
        ),
      );
    };
    await site.placeSnippet(snippet);
    const plain = await look(await openShop());
    const visitor = await openShop((page) =>
      page.addInitScript(() => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(`
          body, body *, sealchat-widget { all: unset; font: italic 40px fantasy !important; color: red !important;
            display: none !important; letter-spacing: 9px !important; opacity: .5 !important;
            text-transform: uppercase !important; box-sizing: content-box !important }
          sealchat-widget { display: none !important; visibility: hidden !important;
            pointer-events: none !important; transform: scale(3) !important; text-align: center !important }
          body { transform: translateX(50px); filter: blur(2px) } html { font-size: 3px }`);
        document.adoptedStyleSheets = [sheet];
      }),
    );
    assert.deepEqual(await look(visitor), plain);
  });

  test("the page's scripts open it, close it, and hear of messages", async () => {
    await site.placeSnippet(snippet);
    const visitor = await talking("Do you hear me?");
    const { page } = visitor;
    await page.evaluate(() => {
      const all = window as unknown as { SealChat: Api; heard: unknown[][] };
      all.heard = [];
      for (const event of ["message", "unread", "open", "close"]) {
        all.SealChat.on(event, (...heard) => all.heard.push([event, ...heard]));
      }
      all.SealChat.on("message", () => {
        throw new Error("a listener of the page fails");
      });
      all.SealChat.close();
    });
    await visitor.panel.waitFor({ state: "detached" });
    await inbox.write("We do");
    await visitor.launcher.locator(".badge").waitFor();
    const read = () =>
      page.evaluate(() => {
        const all = window as unknown as { SealChat: Api; heard: unknown[][] };
        return { heard: all.heard, unread: all.SealChat.unread };
      });
    const { heard } = await until("the page", read, (now) => now.unread === 1);
    // Events carry a count: what was written stays in the chat.
    assert.deepEqual(
      [...heard].sort(),
      [["close", 0], ["message", 1], ["unread", 1]],
    );
    await page.evaluate(() =>
      (window as unknown as { SealChat: Api }).SealChat.open(),
    );
    await visitor.sees("We do");
    await until("nothing unread", read, (now) => now.unread === 0);
    const failed = complaints.findIndex((words) => /listener of the page/.test(words));
    assert.ok(failed >= 0);
    complaints.splice(failed, 1);
  });

  test("an object in window.SealChat dresses it from the start", async () => {
    const visitor = await openShop((page) =>
      page.addInitScript(() => {
        Object.assign(window, { SealChat: { agent: "Ole", position: "left", theme: "purple" } });
      }),
    );
    assert.ok((await boxOf(visitor, ".launcher")).x < 100);
    await visitor.open();
    assert.equal(await visitor.panel.locator("h2").innerText(), "Ole");
  });

  test("who writes on the other side is seen to, and who reads", async () => {
    await site.placeSnippet(snippet);
    const visitor = await talking("Is somebody there?");
    await visitor.sees("Is somebody there?", "Read");
    await inbox.page.locator(".conversation textarea").pressSequentially("On", { delay: 50 });
    await visitor.panel.locator(".typing").waitFor();
    await gallery(visitor.page, "widget-typing");
    await inbox.page.locator(".conversation textarea").fill("");
    await inbox.write("One of us is");
    await visitor.sees("One of us is");
    await visitor.panel.locator(".typing").waitFor({ state: "detached" });
    await inbox.sees("One of us is", "Read");

    // Not while the page is out of sight or the panel closed.
    await visitor.page.keyboard.press("Escape");
    await inbox.write("And now?");
    await visitor.launcher.locator(".badge").waitFor();
    assert.notEqual(
      (await inbox.shown()).find(({ text }) => text === "And now?")?.state,
      "Read",
    );
    await visitor.open();
    await inbox.sees("And now?", "Read");
  });

  test("links are safe, and show where they lead", async () => {
    const visitor = await talking("Where is it?");
    const texts = {
      "See https://example.com/a_(b)?c=1#d.": ["https://example.com/a_(b)?c=1#d", ""],
      "(www.example.com/x)": ["https://www.example.com/x", ""],
      "https://аpple.com/login": ["https://xn--pple-43d.com/login", "(xn--pple-43d.com)"],
      "https://bank.example@evil.example/": [undefined, ""],
      "javascript:alert(1) data:text/html,x ftp://x.example": [undefined, ""],
      "https://bank.example\u200B.evil.example/": [
        "https://bank.example.evil.example/",
        "(bank.example.evil.example)",
      ],
    } as const;

    for (const [index, [text, [href, host]]] of Object.entries(texts).entries()) {
      await inbox.write(`${index + 1}) ${text}`);
      const said = visitor.page
        .locator("sealchat-widget .said", { hasText: `${index + 1}) ` })
        .last();
      await said.waitFor();
      const link = said.locator("a");
      assert.equal(await link.count(), href === undefined ? 0 : 1, text);
      if (href === undefined) continue;
      assert.deepEqual(
        await link.evaluate((a: HTMLAnchorElement) => [a.href, a.rel, a.target]),
        [href, "noopener noreferrer nofollow", "_blank"],
      );
      const shown = said.locator(".host");
      assert.equal((await shown.count()) ? (await shown.innerText()).trim() : "", host);
    }
    await gallery(visitor.page, "widget-links");
  });

  test("what is not sent yet is still there when the panel opens again", async () => {
    const visitor = await openShop();
    await visitor.open();
    await visitor.page.keyboard.type("Half a thou");
    await visitor.page.keyboard.press("Escape");
    await visitor.panel.waitFor({ state: "detached" });
    await visitor.open();
    await visitor.page.keyboard.type("ght");
    assert.equal(await visitor.panel.locator("textarea").inputValue(), "Half a thought");
  });

  test("the page's shortcuts do not hear what is typed", async () => {
    const visitor = await openShop();
    await visitor.page.evaluate(() => {
      const all = window as unknown as { keys: string[] };
      all.keys = [];
      document.addEventListener("keydown", (event) => all.keys.push(event.key));
    });
    await visitor.open();
    await visitor.page.keyboard.type("jk/?");
    assert.deepEqual(
      await visitor.page.evaluate(() => (window as unknown as { keys: string[] }).keys),
      [],
    );
  });

  test("the menu works by keyboard alone, and every stop is visible", async () => {
    const visitor = await talking("By keyboard");
    const { page, panel } = visitor;
    const focused = () =>
      page.evaluate(() => {
        const root = document.querySelector("sealchat-widget")!.shadowRoot!;
        const element = root.activeElement as HTMLElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return {
          name: element.getAttribute("aria-label") ?? element.innerText,
          visible: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
        };
      });

    for (let stop = 0; stop < 8; stop++) {
      await page.keyboard.press("Shift+Tab");
      const { name, visible } = await focused();
      assert.ok(visible, `no focus is visible on ${name}`);
      if (name === "More") break;
    }
    assert.equal((await focused()).name, "More");
    await page.keyboard.press("Enter");
    const sound = page.getByRole("switch", { name: "Sound" });
    assert.equal((await focused()).name, "Sound");
    assert.equal(await sound.getAttribute("aria-checked"), "true");
    await page.keyboard.press("Space");
    assert.equal(await sound.getAttribute("aria-checked"), "false");
    await page.keyboard.press("Escape");
    await sound.waitFor({ state: "detached" });
    assert.ok(await part(visitor, ".panel").isVisible(), "Escape closed the menu alone");

    await page.reload();
    await visitor.open();
    await panel.getByRole("button", { name: "More" }).click();
    assert.equal(await sound.getAttribute("aria-checked"), "false");
  });

  test("a copy can be saved", async () => {
    const visitor = await talking("Keep this");
    await inbox.write("Kept\u202E.");
    await visitor.sees("Kept.");
    await visitor.panel.getByRole("button", { name: "More" }).click();
    const [download] = await Promise.all([
      visitor.page.waitForEvent("download"),
      visitor.panel.getByRole("button", { name: "Save a copy" }).click(),
    ]);
    const text = await readFile(await download.path(), "utf8");

    assert.match(download.suggestedFilename(), /^Kiln-Tide\.txt$/);
    assert.match(text, /^Chat with Kiln & Tide, http:\/\/shop\.localhost/);
    assert.match(text, /Safety number: \d{5} /);
    assert.match(text, /You: Keep this\n.*Kiln & Tide: Kept\.\n/);
  });

  test("a visitor ends and deletes, and begins anew", async () => {
    const visitor = await talking("Forget this");
    const { page, panel } = visitor;
    await panel.getByRole("button", { name: "More" }).click();
    await panel.getByRole("button", { name: "End and delete" }).click();
    await gallery(page, "widget-end");
    await panel.getByRole("button", { name: "Back" }).last().click();
    await visitor.sees("Forget this");

    await panel.getByRole("button", { name: "More" }).click();
    await panel.getByRole("button", { name: "End and delete" }).click();
    await panel.getByRole("button", { name: "End and delete" }).click();
    await panel.getByText("This conversation is deleted. A new message begins a new one.").waitFor();
    await visitor.showsExactly([]);
    await gallery(page, "widget-ended");
    await inbox.page.getByText("was deleted at the service").waitFor();

    await page.reload();
    await visitor.open();
    await visitor.showsExactly([]);
    await visitor.write("Another matter");
    await visitor.sees("Another matter", "Sent", "Delivered", "Read");
    await inbox.openConversation("Another matter");
  });

  test("what the customer closes or deletes is told, and can go on", async () => {
    const visitor = await talking("Is that all?");
    await inbox.page.keyboard.press("Escape");
    await inbox.button("Close this conversation").click();
    await visitor.panel.getByText("This conversation is closed. Write to open it again.").waitFor();
    await gallery(visitor.page, "widget-closed");
    await visitor.write("One thing more");
    await visitor.sees("One thing more", "Sent", "Delivered", "Read");
    await visitor.panel.getByText("This conversation is closed").waitFor({ state: "detached" });
  });

  test("without a connection it waits, and says so", async () => {
    const visitor = await talking("Before the tunnel");
    await site.stopNginx();
    await visitor.panel.getByText("Waiting for a connection.").waitFor();
    await visitor.write("In the tunnel");
    await visitor.sees("In the tunnel", "Sending");
    await visitor.panel
      .getByText("Waiting for a connection. Your message is kept on this device.")
      .waitFor();
    await gallery(visitor.page, "widget-waiting");
    await site.startNginx();
    await visitor.sees("In the tunnel", "Sent", "Delivered", "Read");
  });

  test("on a phone it is a sheet over the whole screen", async () => {
    const visitor = await openShop((page) => page.setViewportSize(PHONE));
    await visitor.open();
    assert.deepEqual(await boxOf(visitor, ".panel"), {
      x: 0, y: 0, ...PHONE,
    });
    assert.equal(await part(visitor, ".launcher").isVisible(), false);
    // As with a keyboard that takes the lower half.
    await visitor.page.setViewportSize({ width: 390, height: 420 });
    await until(
      "the sheet's height",
      async () => (await boxOf(visitor, ".panel")).height,
      (height) => height === 420,
    );
    const field = await boxOf(visitor, "textarea");
    assert.ok(field.y + field.height <= 420);
    await visitor.panel.getByRole("button", { name: "Close the chat" }).click();
    assert.equal(await part(visitor, ".launcher").isVisible(), true);
  });

  test("a check of the inbox reaches it unopened, and opens nothing", async () => {
    const [page] = await Promise.all([
      inbox.page.context().waitForEvent("page"),
      (async () => {
        await inbox.page.getByRole("link", { name: "Settings" }).click();
        await inbox.page.getByLabel("Your page with the snippet").fill(`${site.shop}/`);
        await inbox.button("Check my page").click();
      })(),
    ]);
    await inbox.page.locator('[data-check="good"]').waitFor();
    assert.match(page.url(), /#sealchat-check=[\w-]{22}$/);
    assert.equal(await page.locator("sealchat-widget .panel").count(), 0);
    await page.close();
  });

  test("no page complained", () => {
    assert.deepEqual(complaints, []);
  });
});
