// Runs tests under Node's own runner and ends with "N passed, N failed".
//
//   node test.mjs web        t/web/*.test.ts
//   node test.mjs browser    t/browser/*.test.ts
//   node test.mjs web crypto one file of them
//
// A skipped test counts as failed, and so does a run in which none passed.

import { mkdir, readdir, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { bundleForNode, web } from "./build.mjs";

const part = process.argv[2] ?? "web";
const only = process.argv.slice(3);

const root = resolve(web, "..");
const folder = join(root, "t", part);
const outdir = join(root, "build", "t", part);

const names = (await readdir(folder).catch(() => []))
  .filter((name) => /\.test\.(ts|tsx|mjs)$/.test(name))
  .filter((name) => !only.length || only.some((o) => name.startsWith(o)))
  .sort();

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });
await bundleForNode(names.map((name) => join(folder, name)), outdir);

const files = names.map((name) =>
  join(outdir, name.replace(/\.(ts|tsx|mjs)$/, ".mjs")),
);

let passed = 0;
let failed = 0;

if (files.length) {
  const stream = run({
    files,
    // Files start servers and browsers of their own.
    concurrency: Math.min(2, cpus().length),
    timeout: 600_000,
  });
  // Files and suites report too; only single tests are counted, unless a file
  // as a whole fell over.
  const counts = (data) => data.details?.type !== "suite";
  stream.on("test:pass", (data) => {
    if (!counts(data)) return;
    if (data.skip || data.todo) failed++;
    else passed++;
  });
  stream.on("test:fail", (data) => {
    if (counts(data)) failed++;
  });
  const reporter = stream.compose(spec);
  reporter.pipe(process.stdout, { end: false });
  await new Promise((done) => reporter.on("end", done));
}

if (!passed && !failed) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
