// The chat service with its inbox at one origin, the shop at another, and a
// hostile service at a third: all behind one nginx on one free port.

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  freePort,
  repository,
  startService,
  type RunningService,
} from "../web/service.ts";

const PLACE = "<!-- sealchat-snippet -->";

export interface Site {
  /** Origins. */
  readonly chat: string;
  readonly shop: string;
  readonly hostile: string;
  /** Puts a snippet on the shop's page, in the place of the one before. */
  placeSnippet(snippet: string): Promise<void>;
  /** Lets the hostile service answer everybody as this customer's. */
  swapCustomer(cid: string): Promise<void>;
  killSidecar(): Promise<void>;
  startSidecar(): Promise<void>;
  stop(): Promise<void>;
}

function pages(dist: string): string {
  return `
        root ${dist};
        location = /sealchat-widget.js {
            add_header Access-Control-Allow-Origin *;
        }`;
}

/** The shop allows no script but the widget, and no style but its own. */
function shopServer(port: number, folder: string, origins: string[]): string {
  const policy = [
    "default-src 'none'",
    `script-src ${origins.join(" ")}`,
    `connect-src ${origins.map((o) => o.replace(/^http/, "ws")).join(" ")}`,
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");

  return `
    server {
        listen 127.0.0.1:${port};
        server_name shop.localhost;
        root ${folder};
        add_header Content-Security-Policy "${policy}";
    }`;
}

function hostileServer(dist: string, port: number, cid: string): string {
  return `
    server {
        listen 127.0.0.1:${port};
        server_name hostile.localhost;
        location = /sealchat {
            set $args "c=${cid}";
            sealchat_pass sealchat;
        }
${pages(dist)}
    }`;
}

export async function startSite(): Promise<Site> {
  const web = join(repository(), "web");
  const dist = join(web, "dist");
  const port = await freePort();
  const origin = (name: string) => `http://${name}.localhost:${port}`;
  const folder = await mkdtemp(join(tmpdir(), "sealchat-shop-"));
  const shopFolder = join(folder, "shop");
  const hostileConf = join(folder, "hostile.conf");

  await cp(join(web, "demo"), shopFolder, { recursive: true });
  await writeFile(hostileConf, "");

  const page = await readFile(join(shopFolder, "index.html"), "utf8");
  if (!page.includes(PLACE)) throw new Error("the shop has no place for a snippet");

  const origins = [origin("chat"), origin("hostile")];
  const service: RunningService = await startService({
    port,
    origin: origin("chat"),
    locations: pages(dist),
    servers: `${shopServer(port, shopFolder, origins)}
    include ${hostileConf};`,
  });

  return {
    chat: origin("chat"),
    shop: origin("shop"),
    hostile: origin("hostile"),
    placeSnippet: (snippet) =>
      writeFile(
        join(shopFolder, "index.html"),
        page.replace(PLACE, () => snippet),
      ),
    swapCustomer: async (cid) => {
      await writeFile(hostileConf, hostileServer(dist, port, cid));
      await service.reload();
    },
    killSidecar: () => service.killSidecar(),
    startSidecar: () => service.startSidecar(),
    stop: async () => {
      await service.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
