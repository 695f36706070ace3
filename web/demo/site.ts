// A chat service with its inbox at one origin and a shop with the widget at
// another, behind one nginx on loopback.  The demo and the browser tests run
// against it.

import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import {
  repository,
  startService,
  type RunningService,
} from "../../t/web/service.ts";

const PLACE = "<!-- sealchat-snippet -->";

export interface SiteOptions {
  readonly port: number;
  /** Where the shop's pages are copied to. */
  readonly shopFolder: string;
  /** Everything that the service writes; see startService. */
  readonly folder?: string;
  readonly sanitized?: boolean;
  /** Origins beside the chat's that the shop may load a widget from. */
  readonly otherServices?: readonly string[];
  /** Further nginx configuration inside http {}. */
  readonly servers?: string;
  /** Of sealchatd; see startService. */
  readonly limits?: string;
}

export interface Site {
  /** Origins. */
  readonly chat: string;
  readonly shop: string;
  readonly service: RunningService;
  /** Puts a snippet on the shop's page, in the place of the one before. */
  placeSnippet(snippet: string): Promise<void>;
}

export function localOrigin(name: string, port: number): string {
  return `http://${name}.localhost:${port}`;
}

/** nginx configuration: the widget and the inbox, as any origin serves them. */
export function pageLocations(): string {
  return `
        root ${join(repository(), "web", "dist")};
        index inbox.html;
        gzip_static on;
        location = /sealchat-widget.js {
            add_header Access-Control-Allow-Origin *;
        }
        location /widget/ {
            add_header Access-Control-Allow-Origin *;
            add_header Cache-Control "public, max-age=31536000, immutable";
        }`;
}

/** The shop allows no script but the widget, and no style but its own. */
function shopServer(options: SiteOptions, services: string[]): string {
  const policy = [
    "default-src 'none'",
    `script-src ${services.join(" ")}`,
    `connect-src ${services.map((o) => o.replace(/^http/, "ws")).join(" ")}`,
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");

  return `
    server {
        listen 127.0.0.1:${options.port};
        server_name shop.localhost;
        root ${options.shopFolder};
        add_header Content-Security-Policy "${policy}";
    }`;
}

const SHOP_FILES = ["index.html", "shop.css", "icon.svg"];

export async function startSite(options: SiteOptions): Promise<Site> {
  const source = join(repository(), "web", "demo");
  const chat = localOrigin("chat", options.port);
  const services = [chat, ...(options.otherServices ?? [])];

  await mkdir(options.shopFolder, { recursive: true });
  for (const name of SHOP_FILES) {
    await cp(join(source, name), join(options.shopFolder, name));
  }

  const page = await readFile(join(source, "index.html"), "utf8");
  if (!page.includes(PLACE)) throw new Error("the shop has no place for a snippet");

  const service = await startService({
    port: options.port,
    origin: chat,
    locations: pageLocations(),
    servers: `${shopServer(options, services)}\n${options.servers ?? ""}`,
    ...(options.folder === undefined ? {} : { folder: options.folder }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.sanitized === undefined ? {} : { sanitized: options.sanitized }),
  });

  return {
    chat,
    shop: localOrigin("shop", options.port),
    service,
    placeSnippet: (snippet) =>
      writeFile(
        join(options.shopFolder, "index.html"),
        page.replace(PLACE, () => snippet),
      ),
  };
}
