// Bundles the pages into web/dist, and the tests into build/t (see test.mjs).
//
//   node build.mjs        everything that `make web` ships
//   node build.mjs demo   build/demo.mjs, which `make demo` runs
//   node build.mjs bench  build/bench/web.mjs, which `make bench-web` runs
//   node build.mjs differential   for `make test-differential`
//
// The widget is written twice: under its plain name, and under an address that
// holds its hash, where a release stays for good (docs/operations.md).
//
// Beside each stands what nginx's gzip_static sends.  dist/manifest.json is
// written last: the SRI hash and sizes of each output.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as esbuild from "esbuild";
import { minify } from "terser";

import { hpke } from "./hpke.mjs";
import {
  ownNames, packedWords, sentences, sheets, visitorsFrames,
} from "./lean.mjs";
import { preact } from "./preact.mjs";

export const web = dirname(fileURLToPath(import.meta.url));
export const dist = join(web, "dist");

const WIDGET = "sealchat-widget.js";

// Tests lie outside web/, so packages are looked up here for them too.
const common = {
  bundle: true,
  legalComments: "none",
  logLevel: "warning",
  nodePaths: [join(web, "node_modules")],
  mainFields: ["module", "main"],
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
    plugins: [hpke, ...(options.plugins ?? [])],
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
    external: ["playwright-core", "puppeteer-core"],
    sourcemap: "inline",
    ...options,
    plugins: [hpke, ...(options.plugins ?? [])],
  });
}

export function sri(bytes) {
  return "sha384-" + createHash("sha384").update(bytes).digest("base64");
}

async function minifiedCss(path) {
  const css = await readFile(path, "utf8");
  const result = await esbuild.transform(css, {
    loader: "css",
    minify: true,
    target: ["es2022"],
  });
  return result.code.trim();
}

const src = (...parts) => join(web, "src", ...parts);

/** Its words are UTF-8, and the mark at its beginning says so to pages of any
 * other encoding.  plugins: of a test build, which stays readable. */
export async function widget(plugins = []) {
  const lean = plugins.length === 0;
  const bundle = await bundleForBrowser(src("widget", "main.tsx"), {
    charset: "utf8",
    minify: lean,
    mangleProps: lean ? ownNames : /^_/,
    // JSX calls what the bundle has anyway.
    tsconfig: src("widget", "tsconfig.json"),
    inject: [src("widget", "jsx.ts")],
    plugins: [
      ...plugins, preact, packedWords, sheets, visitorsFrames,
      ...(lean ? [sentences] : []),
    ],
  });
  if (!lean) return `\ufeff${bundle}`;
  // What it makes of its own work is a little smaller again.
  return `\ufeff${await minified(await minified(bundle))}`;
}

async function minified(bundle) {
  const { code } = await minify(bundle, {
    ecma: 2022,
    module: true,
    compress: {
      passes: 3, unsafe_arrows: true, unsafe_methods: true,
      // Gzip does better with what is written alike.
      comparisons: false, sequences: false, keep_fargs: false,
    },
  });

  return code;
}

/** Where this release of the widget stays: see src/ui/snippet.ts. */
function lastingName(text) {
  const hash = createHash("sha384").update(text).digest("hex");

  return join("widget", hash.slice(0, 32), WIDGET);
}

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" fill="none" ' +
  'stroke="#1d4fb8" stroke-width="1.6" stroke-linecap="round">' +
  '<path d="M1.5 17.5c2-1.7 2.9-3.9 2.9-6.7C4.4 6 6.4 2.5 10 2.5s5.6 3.5 5.6 ' +
  '8.3c0 2.8.9 5 2.9 6.7"/><path d="M7.3 7.7v.5M12.7 7.7v.5M9.3 10.7h1.4L10 ' +
  '11.5zM10 11.5c0 2.3-3.2 2.4-3.8.9M10 11.5c0 2.3 3.2 2.4 3.8.9"/></svg>';

/** One file that allows no other script or style than its own; it knows the
 * widget by that hash.  plugins: as above. */
export async function inbox(integrity, plugins = []) {
  const script = await bundleForBrowser(src("inbox", "main.tsx"), {
    define: { SEALCHAT_WIDGET_SRI: JSON.stringify(integrity) },
    minify: plugins.length === 0,
    plugins,
  });
  const sheets = [
    "ui/tokens.css",
    "ui/base.css",
    "inbox/setup.css",
    "inbox/inbox.css",
  ];
  const style = (await Promise.all(sheets.map((s) => minifiedCss(src(s))))).join(
    "",
  );
  if (/<\/script/i.test(script) || /<\/style/i.test(style)) {
    throw new Error("inbox.html: its script or style would end early");
  }

  const hash = (text) =>
    `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const parts = {
    CSP: [
      "default-src 'none'",
      `script-src ${hash(script)}`,
      `style-src ${hash(style)}`,
      "img-src data:",
      "connect-src 'self' wss:",
      "base-uri 'none'",
      "form-action 'none'",
      "require-trusted-types-for 'script'",
    ].join("; "),
    ICON: `data:image/svg+xml,${encodeURIComponent(icon)}`,
    STYLE: style,
    SCRIPT: script,
  };
  const page = await readFile(src("inbox", "inbox.html"), "utf8");
  return page.replace(/%([A-Z]+)%/g, (_, name) => parts[name]);
}

/** Each page output: its name in dist, and what makes its text. */
const outputs = {
  [WIDGET]: () => widget(),
  "inbox.html": (manifest) => inbox(manifest[WIDGET].integrity),
};

/** Writes name.gz; zopfli needs seconds and saves what nginx would not. */
async function compress(path) {
  await promisify(execFile)("zopfli", ["--i15", path]);
  return (await stat(`${path}.gz`)).size;
}

async function main() {
  const manifest = {};
  await mkdir(dist, { recursive: true });
  for (const [name, make] of Object.entries(outputs)) {
    const text = await make(manifest);
    const path = join(dist, name);
    await writeFile(path, text);
    manifest[name] = {
      integrity: sri(text),
      bytes: Buffer.byteLength(text),
      gzip: await compress(path),
    };
    if (name === WIDGET) {
      const lasting = join(dist, lastingName(text));
      await mkdir(dirname(lasting), { recursive: true });
      for (const end of ["", ".gz"]) await copyFile(path + end, lasting + end);
    }
  }
  await writeFile(
    join(dist, "manifest.json"),
    JSON.stringify(manifest, null, 2) + "\n",
  );
}

async function demo() {
  await bundleForNode([join(web, "demo", "demo.ts")], join(web, "..", "build"));
}

async function bench() {
  const from = join(web, "..", "bench");
  const to = join(web, "..", "build", "bench");

  await bundleForNode([join(from, "web.ts")], to);
  await writeFile(
    join(to, "web-message.js"),
    await bundleForBrowser(join(from, "web-message.ts")),
  );
}

async function differential() {
  await bundleForNode(
    [join(web, "..", "t", "differential", "main.ts")],
    join(web, "..", "build", "differential"),
  );
}

if (process.argv[1] && resolve(process.argv[1]) === join(web, "build.mjs")) {
  await ({ demo, bench, differential }[process.argv[2]] ?? main)();
}
