// The demo's site, with the programs under sanitizers, and a hostile service
// at a third origin.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  localOrigin,
  pageLocations,
  startSite as startDemoSite,
} from "../../web/demo/site.ts";
import { freePort } from "../web/service.ts";

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

export async function startSite(): Promise<Site> {
  const port = await freePort();
  const hostile = localOrigin("hostile", port);
  const folder = await mkdtemp(join(tmpdir(), "sealchat-shop-"));
  const hostileConf = join(folder, "hostile.conf");

  await writeFile(hostileConf, "");

  const { chat, shop, service, placeSnippet } = await startDemoSite({
    port,
    shopFolder: join(folder, "shop"),
    otherServices: [hostile],
    servers: `    include ${hostileConf};`,
  });

  return {
    chat,
    shop,
    hostile,
    placeSnippet,
    swapCustomer: async (cid) => {
      await writeFile(hostileConf, hostileServer(port, cid));
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
