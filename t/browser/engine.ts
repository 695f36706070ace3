// Chromium or Firefox, behind one type.

import {
  complain,
  DESKTOP,
  newPerson,
  openBrowser,
} from "./browser.ts";
import type { EngineName, Person, Tab } from "./driver.ts";
import { openFirefox } from "./firefox.ts";

export interface PersonOptions {
  /** How far this person's clock is ahead, in ms. */
  readonly ahead?: number;
}

export interface Engine {
  readonly name: EngineName;
  newPerson(options?: PersonOptions): Promise<Person>;
  close(): Promise<void>;
}

/** Runs in the page, before anything of it. */
function prepare(ahead: number): void {
  const Clock = Date;
  const Socket = WebSocket;
  const page = globalThis as typeof globalThis & { sockets: number };

  page.sockets = 0;
  globalThis.WebSocket = class extends Socket {
    constructor(...parts: ConstructorParameters<typeof WebSocket>) {
      super(...parts);
      page.sockets++;
    }
  };
  if (ahead === 0) return;

  globalThis.Date = class extends Clock {
    constructor(...parts: unknown[]) {
      super(...((parts.length > 0 ? parts : [Clock.now() + ahead]) as [number]));
    }

    static override now(): number {
      return Clock.now() + ahead;
    }
  } as DateConstructor;
}

/** How many sockets the page has opened. */
export function socketsOf(tab: Tab): Promise<number> {
  return tab.evaluate("globalThis.sockets");
}

async function openChromium(): Promise<Engine> {
  const browser = await openBrowser();

  return {
    name: "chromium",
    close: () => browser.close(),
    newPerson: async ({ ahead = 0 } = {}) => {
      const context = await newPerson(browser);
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      await context.addInitScript(prepare, ahead);
      return context as Person;
    },
  };
}

async function openFirefoxEngine(): Promise<Engine> {
  const browser = await openFirefox(process.cwd());

  return {
    name: "firefox",
    close: () => browser.close(),
    newPerson: async ({ ahead = 0 } = {}) => {
      const person = await browser.newPerson({ viewport: DESKTOP, complain });
      await person.addInitScript(prepare, ahead);
      return person;
    },
  };
}

export function openEngine(name: EngineName): Promise<Engine> {
  return name === "chromium" ? openChromium() : openFirefoxEngine();
}
