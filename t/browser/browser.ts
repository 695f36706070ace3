// The Chromium of the system, driven by playwright-core, and the screenshots.

import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

import type { Browser, BrowserContext, Page } from "playwright-core";

import { assertAccessible } from "./axe.ts";
import type { Tab } from "./driver.ts";

/** The tests run in web/, where the packages are. */
const web = process.cwd();
const root = join(web, "..");
const screenshots = join(root, "build", "screenshots");

/** Each file of tests tells one. */
const story = basename(process.argv[1] ?? "").replace(/\.test\..*$/, "");

const CHROMIUM = "/usr/bin/chromium";

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** `make screenshots` wants the pictures; a test alone does not. */
const pictures = process.env["SCREENSHOTS"] === "1";

/** How long anything on a screen may take before a test gives up. */
export const PATIENCE_MS = 30_000;

/** This story's alone: the name of another can begin with this one's. */
async function clearPictures(): Promise<void> {
  const own = new RegExp(`^${story}-\\d{3}-`);

  await mkdir(screenshots, { recursive: true });
  for (const name of await readdir(screenshots)) {
    if (own.test(name)) await rm(join(screenshots, name));
  }
}

export async function openBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(
      `There is no browser at ${CHROMIUM}: install the package chromium ("make deps" does it).`,
    );
  }

  if (pictures) await clearPictures();

  const { chromium } = createRequire(join(web, "package.json"))(
    "playwright-core",
  ) as typeof import("playwright-core");

  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What a page complained about; a test that ends asserts that it is empty. */
export const complaints: string[] = [];

/** A socket that breaks is told by the browser itself, and expected here. */
const BROKEN_SOCKET =
  /WebSocket connection to|WebSocket is already in CLOSING|connection to (the server at )?ws:|ws:\S+ was interrupted/;

export function complain(words: string): void {
  if (!BROKEN_SOCKET.test(words)) complaints.push(words);
}

/** A person's own browser: nothing is shared with the others. */
export async function newPerson(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport: DESKTOP,
    colorScheme: "light",
    locale: "en-GB",
    // Nothing moves while a screenshot is taken.
    reducedMotion: "reduce",
  });

  context.setDefaultTimeout(PATIENCE_MS);
  context.on("weberror", (error) =>
    complain(`uncaught: ${error.error().message}`),
  );
  context.on("console", (message) => {
    if (message.type() !== "error") return;
    complain(`${message.page()?.url()}: ${message.text()}`);
  });
  return context;
}

let taken = 0;

/** Pictures are numbered in the order of the story that they tell. */
export async function screenshot(tab: Tab, name: string): Promise<void> {
  taken++;
  if (!pictures) return;

  const number = String(taken).padStart(3, "0");
  // Pages that scroll as a whole are shown as a whole.
  const fullPage = (await tab.locator("main.setup").count()) > 0;
  await tab.screenshot({
    path: join(screenshots, `${story}-${number}-${name}.png`),
    fullPage,
  });
}

const ways = [
  ["desktop", DESKTOP, "light"],
  ["phone", PHONE, "light"],
  ["desktop", DESKTOP, "dark"],
  ["phone", PHONE, "dark"],
] as const;

/**
 * One screen in all four ways of looking at it; axe-core looks too, at the
 * first and the last of them, which between them have every size and colour.
 */
export async function gallery(page: Page, name: string): Promise<void> {
  for (const [device, size, colorScheme] of ways) {
    const looked = device === "desktop" ? colorScheme === "light" : colorScheme === "dark";
    if (!pictures && !looked) continue;

    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    if (looked) {
      await assertAccessible(page as Tab, `${name}, ${device}, ${colorScheme}`);
    }
    await screenshot(page, `${name}-${device}-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(DESKTOP);
}

/** Asks again and again until the answer is the expected one. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  good: (answer: T) => boolean,
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;

  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (Date.now() > deadline) {
      throw new Error(`${what}: still ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
