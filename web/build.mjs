// Bundles the pages into web/dist, and the tests into build/t (see test.mjs).
//
//   node build.mjs      everything that `make web` ships
//
// dist/manifest.json is written last: the SRI hash and size of each output.

import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

export const web = dirname(fileURLToPath(import.meta.url));
export const dist = join(web, "dist");

// Tests lie outside web/, so packages are looked up here for them too.
const common = {
  bundle: true,
  legalComments: "none",
  logLevel: "warning",
  nodePaths: [join(web, "node_modules")],
  tsconfig: join(web, "tsconfig.json"),
};

/** One file for browsers: no further code is loaded. */
export async function bundleForBrowser(entry, options = {}) {
  const result = await esbuild.build({
    ...common,
    entryPoints: [entry],
    format: "iife",
    target: ["es2022"],
    platform: "browser",
    minify: true,
    write: false,
    ...options,
  });
  return result.outputFiles[0].text;
}

/** Entries become .mjs files for Node, one for each. */
export async function bundleForNode(entries, outdir, options = {}) {
  await esbuild.build({
    ...common,
    entryPoints: entries,
    outdir,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    target: ["node22"],
    platform: "node",
    packages: "bundle",
    external: ["playwright-core"],
    sourcemap: "inline",
    ...options,
  });
}

export function sri(bytes) {
  return "sha384-" + createHash("sha384").update(bytes).digest("base64");
}

/** Each page output: its name in dist, and what makes its text. */
const outputs = {};

async function main() {
  const manifest = {};
  await mkdir(dist, { recursive: true });
  for (const [name, make] of Object.entries(outputs)) {
    const text = await make(manifest);
    await writeFile(join(dist, name), text);
    manifest[name] = { integrity: sri(text), bytes: Buffer.byteLength(text) };
  }
  await writeFile(
    join(dist, "manifest.json"),
    JSON.stringify(manifest, null, 2) + "\n",
  );
}

if (process.argv[1] && resolve(process.argv[1]) === join(web, "build.mjs")) {
  await main();
}
