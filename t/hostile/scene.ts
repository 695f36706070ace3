// One attack on one build: the persons in it, what the service saw, and how it
// ends.  Honest people without a screen are the real client in Node.

import { join } from "node:path";

import type { Conversation, Inbox, RecoveryKit, VisitorChat } from "../../web/src/client/index.ts";
import type { NodePlatform } from "../../web/src/client/node.ts";
import type { Device } from "../../web/src/client/account.ts";
import { copy, toHex, type Bytes } from "../../web/src/wire/bytes.ts";
import { decodeEnvelope } from "../../web/src/wire/envelope.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import type { Tab } from "../browser/driver.ts";
import type { Engine, PersonOptions } from "../browser/engine.ts";
import { Customer, Visitor } from "../browser/people.ts";
import { repository } from "../web/service.ts";
import * as product from "./lib.ts";
import { defences, hasBuild, type Defence, type DefenceName } from "./defences.ts";
import type { Passing, Play, Stream } from "./link.ts";
import { WIDGET, type PageOptions, type Stage } from "./stage.ts";

export type Lib = typeof product;

export const PASSWORD = "salt glaze on a grey morning";

/** Small, so that the pictures of it can be read. */
const SCREEN = { width: 960, height: 600 };
const PATIENCE = 30_000;
/** Positions from here on are the hostile service's own. */
const FORGED = 1_000_000_000;

export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer) return answer as NonNullable<T>;
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

/** A customer as the real client in Node. */
export interface Colleague {
  readonly inbox: Inbox;
  readonly platform: NodePlatform;
}

/** A customer of its own for each lane, and what is kept from attack to
 * attack: a browser in which the account is open. */
export interface Lane {
  readonly stage: Stage;
  readonly engine: Engine;
  readonly number: number;
  readonly kit: RecoveryKit;
  readonly colleague: Colleague;
  desk: Tab | undefined;
}

/** Where a sealchatd that counts writes its counts. */
export const countsOf = ({ number }: Pick<Lane, "number">): string =>
  join(repository(), "build", "hostile", `counts-${number}`);

/** A file whose being there lets old challenges count, where that is missing. */
export const replaysOf = ({ number }: Pick<Lane, "number">): string =>
  join(repository(), "build", "hostile", `replays-${number}`);

/** Everything of one customer that came by, as the service keeps it. */
export class Record {
  readonly frames: Passing[] = [];
  readonly sent: Passing[] = [];
  readonly rosters: Bytes[] = [];
  readonly hellos = new Map<string, Bytes>();
  readonly envelopes: Bytes[] = [];

  clear(): void {
    this.frames.length = 0;
    this.sent.length = 0;
    this.envelopes.length = 0;
  }

  note(passing: Passing, fromClient: boolean): void {
    const { name, body } = passing;
    this.frames.push(passing);
    if (fromClient) this.sent.push(passing);
    if (name === "send") this.envelopes.push(copy(f.decodeSend(body).envelope));
    if (name === "ready") this.rosters.push(copy(f.decodeReady(body).roster));
    if (name === "auth") {
      const { subject, hello } = f.decodeAuth(body);
      if (hello.length) this.hellos.set(toHex(subject), copy(hello));
    }
  }

  /** The newest envelope of a session. */
  last(sid: string): Bytes {
    const own = this.envelopes.filter(
      (bytes) => toHex(decodeEnvelope(bytes)!.sid) === sid);
    return own.at(-1)!;
  }
}

export interface Ending {
  readonly won: boolean;
  /** What the person at the screen saw. */
  readonly saw: string;
}

export class Scene {
  readonly lane: Lane;
  readonly stage: Stage;
  readonly cid: string;
  /** The defence that is missing, "" for none. */
  readonly without: DefenceName | "";
  /** What the people of this scene run: "" is the product. */
  readonly build: string;
  /** The client of the build that is under attack, for Node. */
  readonly lib: Lib;
  readonly record = new Record();
  readonly #ends: (() => void | Promise<void>)[] = [];
  /** Conversations of the attacks before. */
  readonly #before: ReadonlySet<string>;
  readonly #failures: unknown[] = [];
  /** By page: up to which forged position. */
  readonly #acknowledged = new Map<string, number>();
  readonly #streams = new Map<string, Stream>();
  #followed = "";
  #shown: Tab | undefined;
  #forged = FORGED;

  static async open(lane: Lane, without: DefenceName | ""): Promise<Scene> {
    const defence: Defence | undefined = without ? defences[without] : undefined;
    const build = defence && hasBuild(defence) ? without : "";
    const path = join(repository(), "build/hostile/control", build, "lib.mjs");
    const lib = build ? ((await import(path)) as Lib) : product;
    return new Scene(lane, without, build, lib);
  }

  private constructor(
    lane: Lane,
    without: DefenceName | "",
    build: string,
    lib: Lib,
  ) {
    this.without = without;
    this.lane = lane;
    this.stage = lane.stage;
    this.cid = lane.kit.cid;
    this.build = build;
    this.lib = lib;
    this.#before = new Set(
      lane.colleague.inbox.conversations.map(({ sid }) => sid));
    this.follow(this.cid);
  }

  /** Keeps what comes by of a customer: of this lane's, or another's, whose
   * streams are meant from then on. */
  follow(cid: string): void {
    this.#streams.clear();
    this.#followed = cid;
    this.play({
      cid,
      opened: (stream) => {
        // The lane's desk may come again at any time.
        if (cid === this.#followed) this.#streams.set(stream.page, stream);
      },
      toService: (passing) => void this.record.note(passing, true),
      toClient: (passing) => void this.record.note(passing, false),
    });
  }

  /** Begins a play on this lane's customer, or on another. */
  play(play: Omit<Play, "cid"> & { cid?: string }): () => void {
    const failed = (error: unknown) => void this.#failures.push(error);
    const end = this.stage.link.begin({ cid: this.cid, failed, ...play });
    this.#ends.push(end);
    return end;
  }

  path(file: string): string {
    return this.build ? `/control/${this.build}/${file}` : `/${file}`;
  }

  /** When the attack is over. */
  later(work: () => void | Promise<void>): void {
    this.#ends.push(work);
  }

  /** Whom the report shows. */
  show(tab: Tab): void {
    this.#shown = tab;
  }

  get shown(): Tab {
    return this.#shown!;
  }

  async screenshot(path: string): Promise<boolean> {
    if (!this.#shown) return false;
    await this.#shown.screenshot({ path });
    return true;
  }

  async close(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    const [failure] = this.#failures;
    if (failure) throw failure;
  }

  // --- persons ---------------------------------------------------------------

  async person(options: PersonOptions = {}): Promise<Tab> {
    const person = await this.lane.engine.newPerson(options);
    this.#ends.push(() => person.close());
    const tab = await person.newPage();
    await tab.setViewportSize(SCREEN);
    return tab;
  }

  /** Somebody on a page of the shop, with the chat open. */
  async visitor(
    options: Partial<PageOptions> & PersonOptions = {},
  ): Promise<Visitor<Tab>> {
    const { ahead, ...page } = options;
    const tab = await this.person(ahead === undefined ? {} : { ahead });
    const visitor = await this.visit(tab, page);
    await visitor.open();
    return visitor;
  }

  async visit(tab: Tab, options: Partial<PageOptions> = {}): Promise<Visitor<Tab>> {
    const address = await this.stage.page({
      cid: this.cid,
      widget: this.path(WIDGET),
      ...(this.build ? {} : { integrity: this.stage.integrity }),
      ...options,
    });
    this.show(tab);
    await tab.goto(address);
    return new Visitor(tab);
  }

  /** Writes unless an alarm has taken the field away. */
  async attempt(visitor: Visitor<Tab>, text: string): Promise<void> {
    await until("a field or an alarm", async () =>
      (await visitor.alarm.count()) + (await visitor.panel.locator("textarea").count()));
    let written = false;
    visitor.write(text).then(
      () => (written = true), () => undefined);
    await until("words written, or an alarm", async () =>
      written || (await visitor.alarm.count()));
  }

  /** The inbox of this lane's customer, in this build. */
  async desk(): Promise<Customer<Tab>> {
    const tab = (this.lane.desk ??= await this.#logIn());
    const before = this.record.frames.length;
    this.show(tab);
    await tab.goto(`${this.stage.chat}${this.path("inbox.html")}`);
    const customer = new Customer(tab);
    await customer.list.waitFor();
    await until("the desk is connected", () =>
      this.record.frames.slice(before).some(
        ({ name, stream }) => name === "ready" && stream.page === "chat"));
    await tab.getByText("Connected", { exact: true }).first()
      .waitFor({ state: "attached" });
    return customer;
  }

  async #logIn(): Promise<Tab> {
    const tab = await (await this.lane.engine.newPerson()).newPage();
    await tab.setViewportSize(SCREEN);
    const customer = new Customer(tab);
    await tab.goto(`${this.stage.chat}/inbox.html`);
    await customer.fillLogin(this.lane.kit, PASSWORD);
    await customer.confirmDevices();
    return tab;
  }

  /** A fresh browser at the page where one logs in. */
  async stranger(): Promise<Customer<Tab>> {
    const tab = await this.person();
    this.show(tab);
    await tab.goto(`${this.stage.chat}${this.path("inbox.html")}`);
    return new Customer(tab);
  }

  /** A further device without a screen, of this build. */
  async device(kit = this.lane.kit): Promise<Colleague> {
    const colleague = await logIn(this.stage, this.lib, kit);
    this.#ends.push(() => colleague.inbox.close());
    return colleague;
  }

  /** An honest visitor without a screen, of this build. */
  async nodeVisitor(cid = this.cid): Promise<VisitorChat> {
    const chat = this.lib.createVisitorChat({
      cid, service: addressOf(this.stage), platform: platformOf(this.stage, this.lib),
    });
    await chat.start();
    chat.connect();
    this.#ends.push(() => chat.close());
    return chat;
  }

  /** The new conversation in which that was said, at a device without a
   * screen. */
  talk(inbox: Inbox, said: string): Promise<Conversation> {
    return until(`"${said}" at the colleague's`, () =>
      inbox.conversations.find(
        ({ sid, messages }) =>
          !this.#before.has(sid) && messages.some((m) => m.text === said)));
  }

  // --- the service's means -----------------------------------------------------

  /** The newest stream of a page. */
  stream(page: string): Stream {
    return this.#streams.get(page)!;
  }

  /**
   * Hands a message to a page that the service made up, as if it were stored.
   * Resolves when the page has acknowledged it.
   */
  async deliver(page: string, envelope: Bytes, hello: Bytes = new Uint8Array(0)): Promise<void> {
    const position = ++this.#forged;
    this.#collect(page);
    const frame = f.encodeDeliver(0, { position, time: Date.now(), hello, envelope });
    let sent = 0;
    await until("an acknowledgement", () => {
      // A page may just have begun a new stream.
      if (Date.now() > sent + 2_000) {
        this.stream(page).toClient(frame);
        sent = Date.now();
      }
      return (this.#acknowledged.get(page) ?? 0) >= position;
    });
  }

  /** Takes acknowledgements of what the sidecar never delivered. */
  #collect(page: string): void {
    if (this.#acknowledged.has(page)) return;
    this.#acknowledged.set(page, 0);
    this.play({
      cid: this.stream(page).cid,
      page,
      toService: ({ name, body }) => {
        if (name !== "ack") return undefined;
        const { position } = f.decodeAck(body);
        if (position <= FORGED) return undefined;
        this.#acknowledged.set(page, position);
        return [];
      },
    });
  }

  /** Waits for one of the two ends of an attack. */
  async ends(ways: {
    won: () => boolean | Promise<boolean>;
    lost: () => boolean | Promise<boolean>;
    saw: string;
    sawWon: string;
  }): Promise<Ending> {
    const won = await until("the end of the attack", async () => {
      if (await ways.won()) return { won: true };
      return (await ways.lost()) ? { won: false } : undefined;
    });
    return { ...won, saw: won.won ? ways.sawWon : ways.saw };
  }
}

export function addressOf(stage: Stage): { origin: string; url: string } {
  return { origin: stage.chat, url: stage.service.url };
}

/** People without a screen come from a page of their own. */
export function platformOf(stage: Stage, lib: Lib): NodePlatform {
  return lib.nodePlatform({
    headers: {
      Origin: stage.chat.replace("chat.", "elsewhere."),
      Host: new URL(stage.chat).host,
    },
  });
}

async function logIn(stage: Stage, lib: Lib, kit: RecoveryKit): Promise<Colleague> {
  const platform = platformOf(stage, lib);
  const inbox = lib.createInbox({ service: addressOf(stage), platform });
  await inbox.start();
  await inbox.login({ ...kit, password: PASSWORD, confirm: async () => true });
  await until("the device is connected", () => inbox.link === "ready");
  return { inbox, platform };
}

export async function register(
  stage: Stage,
  lib: Lib,
  account: string,
  suite: 1 | 2 = 2,
): Promise<{ kit: RecoveryKit; colleague: Colleague }> {
  const platform = platformOf(stage, lib);
  const inbox = lib.createInbox({ service: addressOf(stage), platform });
  await inbox.start();
  const kit = await inbox.register({ account, password: PASSWORD, suite });
  await until("the colleague is connected", () => inbox.link === "ready");
  return { kit, colleague: { inbox, platform } };
}

export async function openLane(
  stage: Stage,
  engine: Engine,
  account: string,
  number: number,
): Promise<Lane> {
  const { kit, colleague } = await register(stage, product, account);
  return { stage, engine, number, kit, colleague, desk: undefined };
}

/** What a device keeps: a lost one gives it to whoever found it. */
export function keysOf({ platform }: Colleague): Device {
  return platform.stored.get("sealchat-inbox")!.get("device") as Device;
}
