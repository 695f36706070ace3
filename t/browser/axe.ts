// axe-core looks at a page as it stands, shadow roots included.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

import type { Tab } from "./driver.ts";

const source = readFile(
  createRequire(join(process.cwd(), "package.json")).resolve("axe-core/axe.min.js"),
  "utf8",
);

interface Finding {
  readonly rule: string;
  readonly help: string;
  readonly where: string;
}

/** Throws with what it found; the page is let be. */
export async function assertAccessible(tab: Tab, state: string): Promise<void> {
  // An expression of its own, which no policy of the page forbids.
  if (!(await tab.evaluate("!!globalThis.axe"))) await tab.evaluate(await source);

  const found = (await tab.evaluate(`axe.run(document, {
    resultTypes: ["violations"],
    rules: { region: { enabled: document.title.includes("SealChat") } },
  }).then(({ violations }) => violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => ({
      rule: id, help, where: JSON.stringify(target) + " " + failureSummary,
    }))))`)) as Finding[];

  if (found.length > 0) {
    throw new Error(
      `axe found in ${state}:\n` +
        found.map((f) => `  ${f.rule}: ${f.help}\n    ${f.where}`).join("\n"),
    );
  }
}
