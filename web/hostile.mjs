// The hostile service's side of the build.
//
//   node hostile.mjs build    the test builds, each without one named defence:
//                             build/hostile/control/NAME/
//   node hostile.mjs run ...  the attacks, in Chromium or (firefox) Firefox
//   node hostile.mjs canary   the search of everything that the service has
//
// A test build is made of the product's source in which t/hostile/defences.ts
// has put one passage in the place of another.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { bundleForNode, inbox, sri, web, widget } from "./build.mjs";

const from = join(web, "..", "t", "hostile");
const to = join(web, "..", "build", "hostile");
const src = join(web, "src");

/** Counts in used which edits found their place. */
function switching({ switchedOff }, { edits }, used) {
  return {
    name: "switched-off",
    setup(build) {
      build.onLoad({ filter: /\.tsx?$/ }, async ({ path }) => {
        const file = relative(src, path).split(sep).join("/");
        const own = edits.filter((edit) => edit.file === file);
        if (!own.length) return undefined;
        const text = await readFile(path, "utf8");
        for (const edit of own) used.add(edit);
        return {
          contents: switchedOff(text, file, own),
          loader: path.endsWith("x") ? "tsx" : "ts",
        };
      });
    },
  };
}

/** So that a page can be asked which build it runs. */
const named = (name) => ({
  name: "named",
  setup: (build) =>
    void (build.initialOptions.banner = {
      js: `globalThis.SWITCHED_OFF = ${JSON.stringify(name)};`,
    }),
});

const POLICY = /<meta http-equiv="Content-Security-Policy"[^>]*>/;

async function control(table, name, defence) {
  const folder = join(to, "control", name);
  const used = new Set();
  const plugins = [switching(table, defence, used), named(name)];
  await mkdir(folder, { recursive: true });
  const script = await widget(plugins);
  await writeFile(join(folder, "sealchat-widget.js"), script);
  const page = await inbox(sri(script), plugins);
  await writeFile(
    join(folder, "inbox.html"),
    defence.anyScript ? page.replace(POLICY, "") : page);
  if (!POLICY.test(page)) throw new Error("the inbox has no policy to take out");
  await bundleForNode([join(from, "lib.ts")], folder, {
    plugins, sourcemap: false,
  });
  if (used.size !== defence.edits.length) {
    throw new Error(`${name}: a file that it edits is in no build`);
  }
}

async function bundle() {
  const entries = ["main.ts", "canary.ts", "defences.ts"].map((name) => join(from, name));
  await mkdir(to, { recursive: true });
  await bundleForNode(entries, to);
}

async function build() {
  await rm(join(to, "control"), { recursive: true, force: true });
  await bundle();
  const table = await import(join(to, "defences.mjs"));
  const own = Object.entries(table.defences).filter(([, d]) => table.hasBuild(d));
  await Promise.all(
    own.map(([name, defence]) => control(table, name, defence)),
  );
  console.log(`  built ${own.length} test builds`);
}

async function run() {
  await bundle();
  await import(join(to, "main.mjs"));
}

async function canary() {
  await bundle();
  await import(join(to, "canary.mjs"));
}

await { build, run, canary }[process.argv[2]]();
