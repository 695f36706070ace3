// The report, in one file that can be handed on: each attack, who carries it
// out, what the person at the screen saw, and the verdict; beside it the same
// attack where one defence is missing.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { repository } from "../web/service.ts";
import type { Attack } from "./attack.ts";
import { defences, type Defence } from "./defences.ts";

export interface Run {
  /** The attack ended as it should: failed on the product, succeeded on the
   * control. */
  readonly good: boolean;
  readonly saw: string;
  readonly seconds: number;
  /** If not: why. */
  readonly why: string;
  /** Path of what was on the screen. */
  readonly picture?: string;
}

export interface Result {
  readonly attack: Attack;
  readonly product: Run;
  readonly control: Run;
}

const escaped = (text: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

const STYLE = `
  :root { color-scheme: light; --ink: #161b24; --soft: #596273; --line: #dfe3ea; --good: #0c6b3f; --bad: #a3261c; --paper: #fff; --ground: #f3f5f8; }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
  main { max-width: 1120px; margin: 0 auto; padding: 56px 24px 96px; }
  h1 { margin: 0 0 8px; font-size: 34px; line-height: 1.15; letter-spacing: -.02em; }
  .lead { max-width: 46em; color: var(--soft); margin: 0 0 32px; }
  .figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 40px; padding: 0; list-style: none; }
  .figures li { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 14px 20px; min-width: 132px; color: var(--soft); font-size: 14px; }
  .figures b { display: block; font-size: 28px; line-height: 1.2; color: var(--ink); font-weight: 600; }
  .figures .good b { color: var(--good); } .figures .bad b { color: var(--bad); }
  table { width: 100%; border-collapse: collapse; background: var(--paper); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; font-size: 14px; margin: 0 0 56px; }
  th, td { text-align: left; padding: 9px 14px; border-top: 1px solid var(--line); vertical-align: top; }
  thead th { border: 0; font-weight: 500; color: var(--soft); }
  td:first-child { color: var(--soft); width: 3.5em; }
  a { color: inherit; text-decoration-color: #b9c1cd; text-underline-offset: 3px; }
  article { background: var(--paper); border: 1px solid var(--line); border-radius: 16px; padding: 28px; margin: 0 0 24px; scroll-margin-top: 16px; break-inside: avoid; }
  article header { display: flex; gap: 16px; align-items: baseline; justify-content: space-between; flex-wrap: wrap; }
  article h2 { margin: 0; font-size: 21px; letter-spacing: -.01em; }
  article h2 small { font-weight: 400; color: var(--soft); font-size: 15px; margin-right: 10px; }
  .verdict { font-size: 14px; font-weight: 600; border-radius: 99px; padding: 3px 12px; color: var(--good); background: #e3f4ea; white-space: nowrap; }
  .verdict.bad { color: var(--bad); background: #fbe7e5; }
  .does { margin: 10px 0 20px; max-width: 52em; }
  .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 20px; }
  figure { margin: 0; }
  figure h3 { margin: 0 0 8px; font-size: 14px; font-weight: 600; }
  figure h3 span { font-weight: 400; color: var(--soft); }
  figure img { display: block; width: 100%; aspect-ratio: 16/10; object-fit: cover; object-position: right bottom; border: 1px solid var(--line); border-radius: 10px; background: var(--ground); }
  figcaption { margin-top: 10px; font-size: 14px; }
  .control figcaption { color: var(--soft); }
  .told { border: 1px solid var(--line); border-radius: 10px; background: var(--ground); padding: 16px 18px; min-height: 88px; font-size: 15px; }
  .control .told { color: var(--soft); }
  footer { color: var(--soft); font-size: 14px; margin-top: 40px; max-width: 52em; }
  @media (max-width: 760px) { .pair { grid-template-columns: 1fr; } }
`;

/** What was on the screen, or what came of an attack that has none. */
async function shown(run: Run): Promise<string> {
  const words = escaped(run.saw || run.why.split("\n")[0]!);
  if (run.picture === undefined) return `<div class="told">${words}</div>`;
  const data = (await readFile(run.picture)).toString("base64");
  return `<img src="data:image/png;base64,${data}" alt="" loading="lazy">
        <figcaption>${words}</figcaption>`;
}

const anchor = (index: number) => `attack-${index + 1}`;
const rowName = ({ row }: Attack) => (row ? `Row ${row}` : "Beyond the table");
const isGood = ({ product, control }: Result) => product.good && control.good;

async function article(result: Result, index: number): Promise<string> {
  const { attack, product, control } = result;
  const defence: Defence = defences[attack.defence];
  const words = isGood(result)
    ? "Attack failed"
    : product.good ? "No valid control" : "Not shown to fail";
  return `
  <article id="${anchor(index)}">
    <header>
      <h2><small>${rowName(attack)}</small>${escaped(attack.name)}</h2>
      <span class="verdict${isGood(result) ? "" : " bad"}">${words}</span>
    </header>
    <p class="does"><b>${escaped(attack.adversary[0]!.toUpperCase() + attack.adversary.slice(1))}</b> ${escaped(attack.does)}.</p>
    <div class="pair">
      <figure>
        <h3>The product</h3>
        ${await shown(product)}
      </figure>
      <figure class="control">
        <h3>Control <span>without: ${escaped(defence.what)}</span></h3>
        ${await shown(control)}
      </figure>
    </div>
  </article>`;
}

function line(result: Result, index: number): string {
  const { attack } = result;
  return `
    <tr>
      <td>${attack.row || "+"}</td>
      <td><a href="#${anchor(index)}">${escaped(attack.name)}</a></td>
      <td>${escaped(attack.adversary)}</td>
      <td>${isGood(result) ? "failed" : "<b>look at it</b>"}</td>
    </tr>`;
}

async function releaseOf(): Promise<string> {
  const widget = await readFile(
    join(repository(), "web", "dist", "sealchat-widget.js"));
  return createHash("sha384").update(widget).digest("hex").slice(0, 32);
}

export async function writeReport(
  path: string,
  engine: string,
  results: readonly Result[],
): Promise<void> {
  const good = results.filter(isGood);
  const rows = new Set(good.map(({ attack }) => attack.row).filter(Boolean));
  const bad = results.length - good.length;
  const beyond = results.filter(({ attack }) => !attack.row).length;
  const browser = engine[0]!.toUpperCase() + engine.slice(1);
  const figures = [
    ["", rows.size, "rows of the table of flaws"],
    ["", results.length - beyond, "attacks on them"],
    ["", beyond, "attacks beyond the table"],
    ["", good.length, "controls that succeed"],
    [bad ? "bad" : "good", bad, "attacks that succeeded"],
  ].map(([look, n, what]) => `<li class="${look}"><b>${n}</b>${what}</li>`);
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>SealChat: a hostile service that loses</title>
<style>${STYLE}</style>
<main>
<h1>A hostile service that tries everything, and loses</h1>
<p class="lead">The real widget and the real inbox in ${browser}, the real nginx and the real daemon, and between those two a service that reads,
changes, drops, repeats and invents whatever passes. Each attack is carried out twice: on the product, where it has to fail in the way stated, and
as a control on a build that lacks one named defence, where the same attack has to succeed. An attack without such a control would prove nothing.</p>
<ul class="figures">${figures.join("")}</ul>
<table>
  <thead><tr><th>Row</th><th>Attack</th><th>By</th><th>On the product, it</th></tr></thead>
  <tbody>${results.map(line).join("")}
  </tbody>
</table>
${(await Promise.all(results.map(article))).join("")}
<footer>Widget ${await releaseOf()}, ${new Date().toISOString().slice(0, 10)}. The pictures show what was on the screen when the attack was over.
What this cannot show, and what remains, is in docs/threat-model.md. To run it yourself: make hostile.</footer>
</main>
</html>
`;
  await writeFile(path, page);
}
