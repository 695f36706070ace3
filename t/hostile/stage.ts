// Where everything happens: the real nginx and sealchatd with the hostile
// service on the link between them, the pages of a shop and of the chat, and
// the test builds beside the product.

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { localOrigin, pageLocations } from "../../web/demo/site.ts";
import {
  freePort, repository, startService, type RunningService,
} from "../web/service.ts";
import { HostileLink } from "./link.ts";

export const WIDGET = "sealchat-widget.js";

const WITHOUT = join(repository(), "build", "hostile", "sealchatd-without");
const PLACE = "<!-- sealchat-snippet -->";

export interface PageOptions {
  readonly cid: string;
  /** Path of the widget at the chat's origin. */
  readonly widget: string;
  /** SRI hash; none by default. */
  readonly integrity?: string;
  readonly minGeneration?: number;
  readonly service?: string;
}

export class Stage {
  readonly link: HostileLink;
  readonly service: RunningService;
  readonly chat: string;
  readonly shop: string;
  /** Of the product's widget. */
  readonly integrity: string;
  readonly #folder: string;
  readonly #template: string;
  #pages = 0;

  constructor(
    link: HostileLink,
    service: RunningService,
    folder: string,
    template: string,
    integrity: string,
  ) {
    this.link = link;
    this.service = service;
    this.chat = localOrigin("chat", service.port);
    this.shop = localOrigin("shop", service.port);
    this.integrity = integrity;
    this.#folder = folder;
    this.#template = template;
  }

  /** Writes a page of the shop with a snippet on it; gives its address. */
  async page(options: PageOptions): Promise<string> {
    const { cid, widget, integrity, minGeneration, service } = options;
    const name = `page-${++this.#pages}.html`;
    const attributes = [
      `src="${this.chat}${widget}"`,
      ...(integrity ? [`integrity="${integrity}"`] : []),
      `crossorigin="anonymous"`,
      `data-cid="${cid}"`,
      `data-service="${service ?? this.chat}"`,
      ...(minGeneration ? [`data-min-generation="${minGeneration}"`] : []),
      `data-name="Kiln &amp; Tide"`,
    ];
    const snippet = `<script ${attributes.join(" ")} defer></script>`;
    await writeFile(
      join(this.#folder, "shop", name),
      this.#template.replace(PLACE, () => snippet));
    return `${this.shop}/${name}`;
  }

  /** Another file at the chat's origin; gives its path. */
  async serve(name: string, text: string): Promise<string> {
    await mkdir(join(this.#folder, "served"), { recursive: true });
    await writeFile(join(this.#folder, "served", name), text);
    return `/served/${name}`;
  }

  /** Where sealchatd keeps what it stores. */
  get store(): string {
    return join(this.service.folder, "store");
  }

  async stop(): Promise<void> {
    await this.link.close();
    await this.service.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function servers(port: number, folder: string): string {
  return `
    server {
        listen 127.0.0.1:${port};
        server_name shop.localhost;
        root ${folder}/shop;
    }`;
}

function locations(folder: string): string {
  return `${pageLocations()}
        location /control/ {
            root ${join(repository(), "build", "hostile")};
            add_header Access-Control-Allow-Origin *;
        }
        location /served/ {
            root ${folder};
            add_header Access-Control-Allow-Origin *;
        }`;
}

export interface StageOptions {
  /** The sealchatd of t/hostile/without.c, with this in its environment. */
  readonly sidecarEnv?: Record<string, string>;
  readonly sanitized?: boolean;
  readonly logLevel?: string;
}

export async function startStage(
  { sidecarEnv, sanitized, logLevel }: StageOptions = {},
): Promise<Stage> {
  const demo = join(repository(), "web", "demo");
  const folder = await mkdtemp(join(tmpdir(), "sealchat-stage-"));
  const own = join(folder, "service");
  const port = await freePort();
  const link = new HostileLink();

  await mkdir(join(folder, "shop"));
  for (const name of ["shop.css", "icon.svg"]) {
    await cp(join(demo, name), join(folder, "shop", name));
  }
  const manifest = JSON.parse(
    await readFile(join(repository(), "web", "dist", "manifest.json"), "utf8"),
  ) as Record<string, { integrity: string }>;
  await link.listen(join(folder, "hostile.sock"), join(own, "link.sock"));
  const service = await startService({
    port,
    origin: localOrigin("chat", port),
    folder: own,
    link: join(folder, "hostile.sock"),
    locations: locations(folder),
    servers: servers(port, folder),
    ...(sanitized === undefined ? {} : { sanitized }),
    ...(logLevel ? { logLevel } : {}),
    ...(sidecarEnv ? { sidecar: WITHOUT, sidecarEnv, sanitized: false } : {}),
  });
  return new Stage(
    link, service, folder, await readFile(join(demo, "index.html"), "utf8"),
    manifest[WIDGET]!.integrity);
}
