// `make demo`: the chat service with its inbox, and a shop with the widget, on
// loopback.  A demo customer is registered as every customer is; its keys are
// made here and its kit is printed.

import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { randomBytes } from "node:crypto";

import { createInbox } from "../src/client/index.ts";
import { nodePlatform } from "../src/client/node.ts";
import { snippetText } from "../src/ui/snippet.ts";
import { repository } from "../../t/web/service.ts";
import { localOrigin, startSite, type Site } from "./site.ts";

const ACCOUNT = "demo@kiln-and-tide.example";
const PORT = Number(process.env["PORT"] ?? 8080);

async function refuseIfTaken(port: number): Promise<void> {
  const taken = await new Promise<boolean>((answer) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => (socket.destroy(), answer(true)));
    socket.once("error", () => answer(false));
  });

  if (taken) {
    throw new Error(
      `Port ${port} is in use. Stop what listens there, or choose another: make demo PORT=8090`,
    );
  }
}

async function register(site: Site, password: string) {
  const origin = localOrigin("chat", site.service.port);
  const inbox = createInbox({
    service: { origin, url: site.service.url },
    platform: nodePlatform({
      headers: { Origin: origin, Host: new URL(origin).host },
    }),
  });

  try {
    return await inbox.register({ account: ACCOUNT, password, suite: 2 });
  } finally {
    inbox.close();
  }
}

async function widgetIntegrity(): Promise<string> {
  const path = join(repository(), "web", "dist", "manifest.json");
  const manifest = JSON.parse(await readFile(path, "utf8"));
  return manifest["sealchat-widget.js"].integrity;
}

/** In the build tree, unless a Unix socket's path would be too long there. */
async function emptyFolder(): Promise<string> {
  const folder = join(repository(), "build", "demo");
  if (folder.length > 90) return mkdtemp("/tmp/sealchat-demo-");

  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return folder;
}

function interrupted(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => done());
    }
  });
}

async function main(): Promise<void> {
  if (!Number.isInteger(PORT) || PORT < 1 || PORT > 65535) {
    throw new Error("PORT has to be a number from 1 to 65535.");
  }
  await refuseIfTaken(PORT);

  const folder = await emptyFolder();

  const end = interrupted();
  console.log("Starting sealchatd and nginx ...");
  const site = await startSite({
    port: PORT,
    folder,
    shopFolder: join(folder, "shop"),
    sanitized: false,
  });

  try {
    console.log("Registering a demo customer ...");
    const password = randomBytes(9).toString("base64url");
    const kit = await register(site, password);

    await site.placeSnippet(
      snippetText({
        service: site.chat,
        cid: kit.cid,
        integrity: await widgetIntegrity(),
        name: "Kiln & Tide",
      }),
    );

    console.log(`
  Shop with the widget   ${site.shop}/
  Inbox                  ${site.chat}/

  At the inbox choose "Log in to an account that you have", and type

    Account        ${kit.account}
    Password       ${password}
    Secret Key     ${kit.secretKey}
    Chat code      ${kit.cid}

  Should the password be lost: "Use the recovery code" there, with

    Recovery code  ${kit.recoveryCode}

  Logs and data are in ${folder}
  Ctrl-C stops everything.
`);
    await end;
    console.log("\nStopping ...");
  } finally {
    await site.service.stop();
  }
}

main().catch((error: unknown) => {
  console.error(`demo: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
