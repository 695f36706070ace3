// The people of a test: a customer with devices and visitors, all of them real
// clients of a real service.

import assert from "node:assert/strict";

import {
  ClientError, createInbox, createVisitorChat,
  type Conversation, type Inbox, type RecoveryKit, type VisitorChat,
  type VisitorChatOptions,
} from "../../web/src/client/index.ts";
import { nodePlatform, type NodePlatform } from "../../web/src/client/node.ts";
import type { Platform } from "../../web/src/client/platform.ts";
import { until } from "./until.ts";

export const PASSWORD = "salt glaze on a grey morning";
export const HOUR = 3_600_000;

interface Address {
  readonly origin: string;
  readonly url: string;
}

export class People {
  kit!: RecoveryKit;
  readonly #address: Address;
  readonly #open: { close(): void }[] = [];

  constructor(address: Address) {
    this.#address = address;
  }

  /** A device with an account of its own. */
  async customer(
    platform: Platform = nodePlatform(),
    address = this.#address,
    account = "potter@example.org",
    suite: 1 | 2 = 2,
  ): Promise<Inbox> {
    const inbox = await this.device(platform, address);
    this.kit = await inbox.register({ account, password: PASSWORD, suite });
    await until("the inbox is connected", () => inbox.link === "ready");
    return inbox;
  }

  /** A browser in which an account may be. */
  async device(
    platform: Platform = nodePlatform(),
    address = this.#address,
  ): Promise<Inbox> {
    const inbox = createInbox({ service: address, platform });
    this.#open.push(inbox);
    await inbox.start();
    return inbox;
  }

  async login(
    platform: Platform = nodePlatform(),
    address = this.#address,
  ): Promise<Inbox> {
    const inbox = await this.device(platform, address);
    const { account, secretKey, cid } = this.kit;
    await inbox.login({
      account, secretKey, cid, password: PASSWORD, confirm: async () => true,
    });
    await until("the device is connected", () => inbox.link === "ready");
    return inbox;
  }

  async visitor(
    platform: Platform = nodePlatform(),
    options: Partial<VisitorChatOptions> = {},
  ): Promise<VisitorChat> {
    const chat = createVisitorChat({
      service: this.#address, cid: this.kit.cid, platform, ...options,
    });
    this.#open.push(chat);
    await chat.start();
    return chat;
  }

  leave(): void {
    for (const client of this.#open) client.close();
  }
}

type Shown = Pick<Conversation, "messages"> | undefined;

export const texts = (c: Shown) => c?.messages.map((m) => m.text) ?? [];
export const states = (c: Shown) =>
  c?.messages.map((m) => m.delivery ?? m.mark ?? "in") ?? [];

/** Waits until an inbox shows that visitor's conversation; gives its sid. */
export async function meets(inbox: Inbox, chat: VisitorChat): Promise<string> {
  const found = () => chat.safetyNumber && inbox.conversations.find(
    (c) => c.safetyNumber === chat.safetyNumber);
  await until("the conversation is there", found);
  return (found() as Conversation).sid;
}

export function talk(inbox: Inbox, sid: string): Conversation {
  return inbox.conversations.find((c) => c.sid === sid)!;
}

export async function refusedAs(code: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof ClientError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

export interface Clock {
  readonly platform: NodePlatform;
  /** Timers of that length that wait, oldest first: calling one fires it. */
  due(ms: number): (() => void)[];
}

/** A platform whose timers of some lengths wait until the test fires them. */
export function withTimers(...lengths: number[]): Clock {
  const waiting = new Map<number, Set<() => void>>();
  const platform = nodePlatform();
  const after = (ms: number, callback: () => void) => {
    if (!lengths.includes(ms)) return platform.after(ms, callback);
    const those = waiting.get(ms) ?? new Set();
    waiting.set(ms, those);
    const fire = () => (those.delete(fire), callback());
    those.add(fire);
    return () => void those.delete(fire);
  };
  return {
    platform: { ...platform, after },
    due: (ms) => [...(waiting.get(ms) ?? [])],
  };
}
