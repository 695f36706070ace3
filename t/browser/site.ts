// The demo's site, with the programs under sanitizers, and a hostile service
// at a third origin.

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  localOrigin,
  pageLocations,
  startSite as startDemoSite,
} from "../../web/demo/site.ts";
import { freePort, repository } from "../web/service.ts";

export interface Site {
  /** Origins. */
  readonly chat: string;
  readonly shop: string;
  readonly hostile: string;
  /** Serves the inbox apart from the service, which allows it. */
  readonly elsewhere: string;
  /** The same, but the service does not allow it. */
  readonly stranger: string;
  /** Of the chat, for clients without a browser: they connect to 127.0.0.1. */
  readonly url: string;
  /** Puts a snippet on the shop's page, in the place of the one before. */
  placeSnippet(snippet: string): Promise<void>;
  /** Lets the hostile service answer everybody as this customer's. */
  swapCustomer(cid: string): Promise<void>;
  killSidecar(): Promise<void>;
  startSidecar(): Promise<void>;
  stopNginx(): Promise<void>;
  startNginx(): Promise<void>;
  /** The sidecar's, as Prometheus reads them. */
  metrics(): string;
  stop(): Promise<void>;
}

function hostileServer(port: number, cid: string): string {
  return `
    server {
        listen 127.0.0.1:${port};
        server_name hostile.localhost;
        location = /sealchat {
            set $args "c=${cid}";
            sealchat_pass sealchat;
        }
${pageLocations()}
    }`;
}

/** The inbox as somebody who hosts it alone would put it up. */
async function writeInbox(folder: string, service: string): Promise<void> {
  const page = await readFile(
    join(repository(), "web", "dist", "inbox.html"),
    "utf8",
  );
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "inbox.html"),
    page
      .replace(
        'name="sealchat-service" content=""',
        `name="sealchat-service" content="${service}"`,
      )
      // On loopback without TLS; elsewhere wss: is enough.
      .replace("connect-src 'self' wss:", "connect-src ws:"),
  );
}

function pagesServer(port: number, name: string, folder: string): string {
  return `
    server {
        listen 127.0.0.1:${port};
        server_name ${name}.localhost;
        root ${folder};
    }`;
}

export async function startSite(
  options: { readonly limits?: string } = {},
): Promise<Site> {
  const port = await freePort();
  const hostile = localOrigin("hostile", port);
  const elsewhere = localOrigin("elsewhere", port);
  const stranger = localOrigin("stranger", port);
  const origins = ["chat", "shop", "elsewhere"].map((n) => localOrigin(n, port));
  const folder = await mkdtemp(join(tmpdir(), "sealchat-shop-"));
  const hostileConf = join(folder, "hostile.conf");

  await writeFile(hostileConf, "");
  await writeInbox(join(folder, "inbox"), localOrigin("chat", port));

  const { chat, shop, service, placeSnippet } = await startDemoSite({
    port,
    shopFolder: join(folder, "shop"),
    otherServices: [hostile],
    ...options,
    servers: [
      `    sealchat_allowed_origins ${origins.join(" ")};`,
      `    include ${hostileConf};`,
      pagesServer(port, "elsewhere", join(folder, "inbox")),
      pagesServer(port, "stranger", join(folder, "inbox")),
    ].join("\n"),
  });

  return {
    chat,
    shop,
    hostile,
    elsewhere,
    stranger,
    url: service.url,
    placeSnippet,
    swapCustomer: async (cid) => {
      await writeFile(hostileConf, hostileServer(port, cid));
      await service.reload();
    },
    killSidecar: () => service.killSidecar(),
    startSidecar: () => service.startSidecar(),
    stopNginx: () => service.stopNginx(),
    startNginx: () => service.startNginx(),
    metrics: () => service.metrics(),
    stop: async () => {
      await service.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
