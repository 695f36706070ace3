// Firefox ESR, driven by puppeteer-core over WebDriver BiDi, behind the types
// of driver.ts.  Elements are looked up in the page at every attempt, through
// open shadow roots, and clicked where they are, if nothing covers them.

import { createRequire } from "node:module";
import { join } from "node:path";

import type * as puppeteer from "puppeteer-core";

import type {
  Finder,
  Named,
  Part,
  Person,
  Presence,
  Role,
  Size,
  Tab,
} from "./driver.ts";

const FIREFOX = "/usr/bin/firefox-esr";
const PATIENCE_MS = 30_000;
const AGAIN_MS = 40;

type Step =
  | { readonly css: string; readonly hasText?: string }
  | { readonly text: string; readonly flags?: string }
  | { readonly label: string; readonly exact: boolean }
  | { readonly role: Role; readonly name?: string; readonly exact: boolean }
  | { readonly nth: number };

/** Runs in the page: all elements that the steps lead to. */
function lookUp(steps: readonly Step[]): HTMLElement[] {
  type Root = Document | ShadowRoot | Element;
  const tidy = (text: string | null) => (text ?? "").replace(/\s+/g, " ").trim();
  const roots = (root: Root): Root[] => {
    const inside = root instanceof Element && root.shadowRoot;
    return inside ? [root, root.shadowRoot!] : [root];
  };
  const all = (root: Root, css: string): Element[] =>
    roots(root).flatMap((r) => [
      ...r.querySelectorAll(css),
      ...[...r.querySelectorAll("*")].flatMap((element) =>
        element.shadowRoot ? all(element.shadowRoot, css) : [],
      ),
    ]);
  const byCss = (root: Root, css: string): Element[] =>
    css.split(/,(?![^[]*\])/).flatMap((one) =>
      (one.trim().match(/(?:\[[^\]]*\]|\([^)]*\)|\S)+/g) ?? []).reduce<Root[]>(
        (found, part) => [...new Set(found.flatMap((r) => all(r, part)))],
        [root],
      ) as Element[],
    );
  const holds = (text: string, wanted: string, exact: boolean) =>
    exact ? text === wanted : text.toLowerCase().includes(wanted.toLowerCase());
  const named = (element: Element): string => {
    const labels = (element as HTMLInputElement).labels;
    return tidy(
      element.getAttribute("aria-label") ||
        (labels?.length ? labels[0]!.textContent : element.textContent),
    );
  };
  const roles: Record<string, string> = {
    alert: "[role=alert]",
    button: "button, [role=button]",
    checkbox: "input[type=checkbox]",
    dialog: "dialog[open], [role=dialog]",
    link: "a[href]",
    log: "[role=log]",
    textbox: "input[type=text], textarea",
  };
  const visible = (element: Element) => element.getClientRects().length > 0;

  let found: Root[] = [document];
  for (const step of steps) {
    if ("nth" in step) {
      const one = found.at(step.nth);
      found = one === undefined ? [] : [one];
    } else if ("css" in step) {
      found = found
        .flatMap((root) => byCss(root, step.css))
        .filter(
          (element) =>
            step.hasText === undefined ||
            holds(tidy(element.textContent), tidy(step.hasText), false),
        );
    } else if ("text" in step) {
      const pattern =
        step.flags === undefined ? undefined : new RegExp(step.text, step.flags);
      const says = (element: Element) =>
        pattern
          ? pattern.test(tidy(element.textContent))
          : holds(tidy(element.textContent), tidy(step.text), false);
      found = found
        .flatMap((root) => all(root, "*"))
        .filter(
          (element) =>
            !element.matches("script, style, noscript, title") &&
            says(element) &&
            ![...element.children].some(says),
        );
    } else if ("label" in step) {
      found = found
        .flatMap((root) => all(root, "input, textarea, select, [aria-label]"))
        .filter((element) => holds(named(element), step.label, step.exact));
    } else {
      const { name } = step;
      found = found
        .flatMap((root) => all(root, roles[step.role]!))
        .filter(visible)
        .filter(
          (element) =>
            name === undefined || holds(named(element), name, step.exact),
        );
    }
    found = [...new Set(found)];
  }
  return found as HTMLElement[];
}

/** Runs in the page: where to click; a word if that is not possible yet. */
function whereToClick(
  element: HTMLElement,
): { x: number; y: number } | "hidden" | "covered" | "disabled" {
  element.scrollIntoView({ block: "nearest", inline: "nearest" });
  if ((element as HTMLButtonElement).disabled) return "disabled";

  const box = element.getClientRects()[0];
  if (box === undefined || box.width === 0) return "hidden";

  const x = box.left + box.width / 2;
  const y = box.top + box.height / 2;
  let hit = document.elementFromPoint(x, y);
  while (hit?.shadowRoot) {
    const deeper = hit.shadowRoot.elementFromPoint(x, y);
    if (deeper === null || deeper === hit) break;
    hit = deeper;
  }
  const label = hit?.closest("label");
  const reached =
    hit !== null && (element.contains(hit) || label?.control === element);

  return reached ? { x, y } : "covered";
}

async function again<T>(
  what: string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  let last: unknown = "";

  for (;;) {
    try {
      const answer = await attempt();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not in time. ${last}`);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

abstract class Finding implements Finder {
  protected abstract readonly tab: FirefoxTab;
  protected abstract readonly steps: readonly Step[];

  #then(step: Step): Part {
    return new FirefoxPart(this.tab, [...this.steps, step]);
  }

  locator(css: string, { hasText }: { hasText?: string } = {}): Part {
    return this.#then(hasText === undefined ? { css } : { css, hasText });
  }

  getByText(text: string | RegExp): Part {
    return this.#then(
      typeof text === "string"
        ? { text }
        : { text: text.source, flags: text.flags },
    );
  }

  getByLabel(label: string, { exact = false } = {}): Part {
    return this.#then({ label, exact });
  }

  getByRole(role: Role, { name, exact = false }: Named = {}): Part {
    if (name instanceof RegExp) throw new Error("name a role by a string");
    return this.#then({ role, exact, ...(name === undefined ? {} : { name }) });
  }

  protected step(step: Step): Part {
    return this.#then(step);
  }
}

class FirefoxPart extends Finding implements Part {
  protected readonly tab: FirefoxTab;
  protected readonly steps: readonly Step[];

  constructor(tab: FirefoxTab, steps: readonly Step[]) {
    super();
    this.tab = tab;
    this.steps = steps;
  }

  first = () => this.step({ nth: 0 });
  last = () => this.step({ nth: -1 });
  nth = (nth: number) => this.step({ nth });

  evaluateAll<T>(read: (elements: HTMLElement[]) => T): Promise<T> {
    // As an expression, which no policy of the page forbids.
    return this.tab.inner.evaluate(
      `(${read})((${lookUp})(${JSON.stringify(this.steps)}))`,
    ) as Promise<T>;
  }

  /** Waits for the one element; several are a mistake of the story. */
  #one<T>(what: string, read: string): Promise<T> {
    return again(`${what} of ${JSON.stringify(this.steps)}`, async () => {
      const answer = (await this.tab.inner.evaluate(
        `((all) => all.length === 1 ? [(${read})(all[0])] : all.length)` +
          `((${lookUp})(${JSON.stringify(this.steps)}))`,
      )) as [T] | number;
      if (typeof answer === "number") throw new Error(`found ${answer}`);
      return answer[0];
    });
  }

  async click(): Promise<void> {
    await again(`click on ${JSON.stringify(this.steps)}`, async () => {
      const where = await this.#one<ReturnType<typeof whereToClick>>(
        "place", String(whereToClick));
      if (typeof where === "string") throw new Error(where);
      await this.tab.toFront();
      await this.tab.inner.mouse.click(where.x, where.y);
      return true;
    });
  }

  async check(): Promise<void> {
    if (!(await this.#one("mark", "(e) => e.checked"))) await this.click();
  }

  async focus(): Promise<void> {
    await this.tab.toFront();
    await this.#one("focus", "(e) => { e.focus(); return 1; }");
  }

  async fill(text: string): Promise<void> {
    await this.tab.toFront();
    await this.#one(
      "field",
      `(e) => { if (e.disabled) throw new Error("disabled"); e.focus(); e.select(); return 1; }`,
    );
    if (text === "") await this.tab.keyboard.press("Backspace");
    else await this.tab.keyboard.insertText(text);
  }

  async press(key: string): Promise<void> {
    await this.focus();
    await this.tab.keyboard.press(key);
  }

  innerText = () => this.#one<string>("text", "(e) => e.innerText");
  inputValue = () => this.#one<string>("value", "(e) => e.value");
  getAttribute = (name: string) =>
    this.#one<string | null>(
      "attribute", `(e) => e.getAttribute(${JSON.stringify(name)})`);
  count = () => this.evaluateAll((elements) => elements.length);

  async waitFor({ state = "visible" }: { state?: Presence } = {}): Promise<void> {
    await again(`${state}: ${JSON.stringify(this.steps)}`, async () => {
      const shown = await this.evaluateAll((elements) =>
        elements.map((element) => {
          const style = getComputedStyle(element);
          return (
            element.getClientRects().length > 0 && style.visibility === "visible"
          );
        }),
      );
      const holds = {
        attached: shown.length > 0,
        detached: shown.length === 0,
        visible: shown.includes(true),
        hidden: !shown.includes(true),
      };
      return holds[state] || undefined;
    });
  }
}

/** All persons' tabs are of one window: who acts is looking at it. */
let inFront: FirefoxTab | undefined;

class FirefoxTab extends Finding implements Tab {
  readonly inner: puppeteer.Page;
  protected readonly tab = this;
  protected readonly steps = [];
  readonly #person: Person;

  constructor(inner: puppeteer.Page, person: Person) {
    super();
    this.inner = inner;
    this.#person = person;
  }

  readonly keyboard = {
    press: async (keys: string) => {
      await this.toFront();
      const parts = keys.split(/(?<=.)\+/) as puppeteer.KeyInput[];
      const key = parts.pop()!;
      for (const held of parts) await this.inner.keyboard.down(held);
      await this.inner.keyboard.press(key);
      for (const held of parts.reverse()) await this.inner.keyboard.up(held);
    },
    type: (text: string) => this.inner.keyboard.type(text),
    /** As a paste does: at once, and whatever the keyboard lacks. */
    insertText: async (text: string) => {
      await this.inner.evaluate(
        (all) => document.execCommand("insertText", false, all), text);
    },
  };

  async toFront(): Promise<void> {
    if (inFront === this) return;
    inFront = this;
    await this.inner.bringToFront();
  }

  goto = (address: string) => this.inner.goto(address);
  reload = () => this.inner.reload();
  goBack = () => this.inner.evaluate(() => history.back());
  close = () => this.inner.close();
  title = () => this.inner.title();
  url = () => this.inner.url();
  context = () => this.#person;

  evaluate<T, A>(
    read: string | ((argument: A) => T | Promise<T>),
    argument?: A,
  ): Promise<T> {
    return this.inner.evaluate(
      read as (argument: unknown) => unknown,
      argument,
    ) as Promise<T>;
  }

  setViewportSize = (size: Size) => this.inner.setViewport({ ...size });
  screenshot = ({ path, fullPage = false }: { path: string; fullPage?: boolean }) =>
    this.inner.screenshot({ path: path as `${string}.png`, fullPage });
}

export interface FirefoxOptions {
  readonly viewport: Size;
  readonly complain: (words: string) => void;
}

export interface FirefoxPerson extends Person {
  /** Runs before any script of a page, in every page from now on. */
  addInitScript<A>(script: (argument: A) => void, argument: A): Promise<void>;
}

export interface Firefox {
  newPerson(options: FirefoxOptions): Promise<FirefoxPerson>;
  close(): Promise<void>;
}

async function person(
  browser: puppeteer.Browser,
  { viewport, complain }: FirefoxOptions,
): Promise<FirefoxPerson> {
  const context = await browser.createBrowserContext();
  const scripts: { script: (a: never) => void; argument: unknown }[] = [];
  const self: FirefoxPerson = {
    addInitScript: async (script, argument) => {
      scripts.push({ script, argument });
    },
    close: () => context.close(),
    newPage: async () => {
      const page = await context.newPage();
      await page.setViewport({ ...viewport });
      page.on("pageerror", (error) => complain(`uncaught: ${error}`));
      page.on("console", (message) => {
        if (message.type() === "error") {
          complain(`${page.url()}: ${message.text()}`);
        }
      });
      for (const { script, argument } of scripts) {
        await page.evaluateOnNewDocument(script, argument as never);
      }
      inFront = new FirefoxTab(page, self);
      return inFront;
    },
  };
  return self;
}

export async function openFirefox(web: string): Promise<Firefox> {
  const { launch } = createRequire(join(web, "package.json"))(
    "puppeteer-core",
  ) as typeof puppeteer;
  const browser = await launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    extraPrefsFirefox: {
      // Pages may read what they copied; nothing moves; nothing is fetched.
      "dom.events.testing.asyncClipboard": true,
      "ui.prefersReducedMotion": 1,
      "layout.css.prefers-color-scheme.content-override": 1,
      "intl.accept_languages": "en-GB",
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      "browser.safebrowsing.downloads.remote.enabled": false,
    },
  });

  return {
    newPerson: (options) => person(browser, options),
    close: () => browser.close(),
  };
}
