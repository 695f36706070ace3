// The product's outputs hold no switch: what the pages load is what the plain
// build makes, and nothing of a test build is in it.

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { repository } from "../web/service.ts";
import { defences, hasBuild, type Defence } from "./defences.ts";

const MARK = "SWITCHED_OFF";

/** What is wrong with the product's bundles; undefined when nothing is. */
export async function checkProduct(): Promise<string | undefined> {
  const dist = join(repository(), "web", "dist");
  const manifest = JSON.parse(
    await readFile(join(dist, "manifest.json"), "utf8"),
  ) as Record<string, { integrity: string }>;
  for (const [name, { integrity }] of Object.entries(manifest)) {
    const text = await readFile(join(dist, name), "utf8");
    const hash = createHash("sha384").update(text).digest("base64");
    if (`sha384-${hash}` !== integrity) return `${name} is not what was built`;
    if (text.includes(MARK)) return `${name} is a test build`;
  }
  return checkControls();
}

/** The same look tells a test build, or it would tell nothing. */
async function checkControls(): Promise<string | undefined> {
  const folder = join(repository(), "build", "hostile", "control");
  const built = await readdir(folder);
  for (const [name, defence] of Object.entries<Defence>(defences)) {
    if (!hasBuild(defence)) continue;
    if (!built.includes(name)) return `there is no test build without ${name}`;
    for (const file of ["sealchat-widget.js", "inbox.html"]) {
      const text = await readFile(join(folder, name, file), "utf8");
      if (!text.includes(`${MARK} = ${JSON.stringify(name)}`)) {
        return `${name}/${file} is not the test build that it should be`;
      }
    }
  }
  return undefined;
}
